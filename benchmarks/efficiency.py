# SPDX-License-Identifier: BSD-3-Clause
"""Per cent of the machine's limit that one evaluation reaches, with the limits measured in the same process.

The least of several times counts, for the pass as for the limits: the question is how near the code comes, not how
busy the machine is.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

from cases import DTYPES, LIMIT_SHAPES, make
from limits import Limits, teams
from mlefast import _core

SECONDS, LEAST_RUNS, MOST_RUNS = 0.5, 5, 40  # for each question
WIDE = 200  # from here on instruction sets are compared
Row = dict[str, Any]


class Case:
    """One X and its answers at the level of the core."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x = x
        self._rows = _core.Rows([x], y, None, None, True)
        self._params = np.full(x.shape[1] + 1, 0.01)
        self._leaf = _core.Leaf("bernoulli_logit")

    def evaluate(self, order: int, threads: int, single: bool) -> np.ndarray | None:
        """One pass; the Hessian if there is one."""
        return self._rows.evaluate(self._params, self._leaf, order, threads, single)[2]

    def time(self, order: int, threads: int, single: bool) -> Row:
        """A row of the raw numbers: what was asked, and the times in seconds."""
        times: list[float] = []
        self.evaluate(order, threads, single)
        while len(times) < LEAST_RUNS or (sum(times) < SECONDS and len(times) < MOST_RUNS):
            began = time.perf_counter()
            self.evaluate(order, threads, single)
            times.append(time.perf_counter() - began)
        rows, columns = self.x.shape
        return {
            "rows": rows,
            "columns": columns,
            "dtype": str(self.x.dtype),
            "layout": "C" if self.x.flags.c_contiguous else "Fortran",
            "order": order,
            "threads": threads,
            "single": single,
            "best": min(times),
            "median": statistics.median(times),
        }


def time_orders(case: Case, sizes: tuple[int, ...]) -> list[Row]:
    """Orders 1 and 2 on each number of threads, as the library would ask."""
    floats = case.x.dtype == np.float32
    return [case.time(order, threads, order == 2 and floats) for threads in sizes for order in (1, 2)]


def time_single(case: Case, threads: int) -> Row:
    """The Hessian by products of floats, with its error relative to the largest entry."""
    row = case.time(2, threads, single=True)
    exact, found = case.evaluate(2, threads, single=False), case.evaluate(2, threads, single=True)
    assert exact is not None and found is not None
    return {**row, "difference": float(np.abs(found - exact).max() / np.abs(exact).max())}


def measure(wide_only: bool) -> dict[str, Any]:
    """All cases of this process, with its limits; only the wide ones, in C order on all threads, if asked for."""
    sizes = teams()[-1:] if wide_only else teams()
    limits, rows = Limits(sizes), []
    for shape in LIMIT_SHAPES:
        if wide_only and shape[1] < WIDE:
            continue
        for dtype in DTYPES:
            x, y = make(*shape, dtype)
            limits.measure()
            rows += time_orders(Case(x, y), sizes)
            if wide_only:
                continue
            fortran = Case(np.asfortranarray(x), y)
            rows += time_orders(fortran, sizes)
            if dtype == "float64":
                rows += [time_single(case, sizes[-1]) for case in (Case(x, y), fortran)]
    for row in rows:
        question = {key: row[key] for key in ("dtype", "order", "single", "threads")}
        row["limit"] = limits.seconds(row["rows"], row["columns"], **question)
    return {
        "isa": _core.ISA,
        "bandwidth": {str(threads): value for threads, value in limits.bandwidth.items()},
        "peak": {f"{dtype}, {threads}": value for (dtype, threads), value in limits.peak.items()},
        "rows": rows,
    }


def in_children() -> list[dict[str, Any]]:
    """A process for each instruction set: all cases with the best one, the wide ones with the others."""
    best = _core.available_isas()[0]
    found = []
    for isa in _core.available_isas():
        command = [sys.executable, __file__, "all" if isa == best else "wide"]
        done = subprocess.run(command, env={**os.environ, "MLEFAST_ISA": isa}, stdout=subprocess.PIPE, check=True)
        found.append(json.loads(done.stdout))
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1] == "wide")))
