# SPDX-License-Identifier: BSD-3-Clause
"""What the machine can do at most, measured by the compiled probe limits.c in the process that compares with it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mlefast import _core

BYTES = 400 << 20  # far more than any cache holds
AHEAD = (512, 1024, 2048)  # bytes; the best distance differs between machines
PEAK_ROUNDS = 1_000_000  # some milliseconds, five times as often as memory is read
SOURCE = Path(__file__).with_name("limits.c")


def compile_probe() -> ctypes.CDLL:
    """limits.c, compiled by $CC or cc in a folder that is gone as soon as it is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "limits.so"
        compiler = os.environ.get("CC", "cc").split()
        flags = ["-O3", "-ffp-contract=fast", "-fopenmp", "-shared", "-fPIC"]
        subprocess.run([*compiler, *flags, str(SOURCE), "-o", str(library)], check=True)
        return ctypes.CDLL(str(library))


def least_seconds(call: Callable[[], object], runs: int) -> float:
    """The shortest of several runs."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


class Limits:
    """Read bandwidth and peak of the instruction set that the pass uses; each `measure` can only raise them.

    `bandwidth[threads]` is in bytes per second, `peak[dtype, threads]` in floating-point operations per second.
    """

    def __init__(self, teams: tuple[int, ...]) -> None:
        self._probe = compile_probe()
        self._probe.read_memory.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int]
        self._probe.read_memory.restype = None
        self._teams = teams
        self._memory = np.ones(BYTES // 8)
        self.bandwidth: dict[int, float] = dict.fromkeys(teams, 0.0)
        self.peak: dict[tuple[str, int], float] = {
            (dtype, threads): 0.0 for dtype in ("float64", "float32") for threads in teams
        }
        self.measure(runs=9)

    def measure(self, runs: int = 3) -> None:
        """Once more, the best counts: what a machine could do once is what it can do."""
        for threads in self._teams:
            seconds = min(self._read(ahead, threads, runs) for ahead in AHEAD)
            self.bandwidth[threads] = max(self.bandwidth[threads], BYTES / seconds)
        for dtype, threads in self.peak:
            self.peak[dtype, threads] = max(self.peak[dtype, threads], self._multiply(dtype, threads, runs))

    def _read(self, ahead: int, threads: int, runs: int) -> float:
        address = self._memory.ctypes.data
        return least_seconds(lambda: self._probe.read_memory(address, BYTES, ahead, threads), runs)

    def _multiply(self, dtype: str, threads: int, runs: int) -> float:
        peak = getattr(self._probe, f"peak_{_core.ISA}_{dtype}")
        peak.argtypes, peak.restype = [ctypes.c_int64, ctypes.c_int], ctypes.c_double
        operations = peak(1000, threads) / 1000 * PEAK_ROUNDS
        return float(operations / least_seconds(lambda: peak(PEAK_ROUNDS, threads), 5 * runs))

    def seconds(self, rows: int, columns: int, dtype: str, *, order: int, single: bool, threads: int) -> float:
        """The least time of one evaluation: X is read once, and half of a symmetric matrix gets n p^2 operations."""
        reading = rows * columns * np.dtype(dtype).itemsize / self.bandwidth[threads]
        if order < 2:
            return reading
        return max(reading, rows * columns**2 / self.peak["float32" if single else "float64", threads])


def start_of_a_team(threads: int, count: int = 1000) -> float:
    """Seconds to start and end a team of threads that has nothing to do, on average over many, one after the other."""
    probe = compile_probe()

    def start() -> None:
        for _ in range(count):
            probe.start_threads(threads)

    return least_seconds(start, runs=9) / count


def teams() -> tuple[int, ...]:
    """One thread, and as many as mlefast would take."""
    most = _core.resolve_threads(None)[0]
    return (1, most) if most > 1 else (1,)
