# SPDX-License-Identifier: BSD-3-Clause
"""Pools of joblib and Dask: the same bits, and no more threads than the pool wants.

What went wrong elsewhere: a pool with a worker per core in which each worker starts a thread per core is slower than
one worker. joblib's loky and Dask's nannies say how many threads a worker may start by OMP_NUM_THREADS, threadpoolctl
by a call to OpenMP's runtime; a library that counts cores itself, or reads a limit only once, does not hear them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import mlefast

POOL = Path(__file__).parents[1] / "core" / "pool.py"
UNTOLD = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}


def pooled(kind: str) -> dict[str, Any]:
    """How fits in the workers of a pool compare to those of the main process."""
    done = subprocess.run([sys.executable, str(POOL), kind], capture_output=True, text=True, timeout=100, env=UNTOLD)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_workers_of_loky_share_the_cores() -> None:
    found = pooled("loky")
    assert found["same"]
    assert found["threads"] == [max(1, joblib.cpu_count() // 2)] and found["reasons"] == ["OMP_NUM_THREADS"]


def test_processes_of_dask_run_one_thread_each() -> None:
    found = pooled("dask-processes")
    assert found["same"]
    assert found["threads"] == [1] and found["reasons"] == ["OMP_NUM_THREADS"]


def test_threads_of_a_dask_worker_fit_at_once() -> None:
    assert pooled("dask-threads")["same"]


@pytest.mark.skipif("OMP_NUM_THREADS" in os.environ, reason="the number of threads is given")
def test_limits_of_threadpoolctl_hold_while_they_last() -> None:
    X, y = np.random.default_rng(0).standard_normal((100, 2)), np.arange(100) % 2
    before = mlefast.fit(X, y).threads
    with threadpool_limits(limits=1):
        assert mlefast.fit(X, y).threads == 1
        assert mlefast.show_config().threads_reason == "the OpenMP runtime's limit"
    assert mlefast.fit(X, y).threads == before
