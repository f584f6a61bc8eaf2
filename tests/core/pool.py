# SPDX-License-Identifier: BSD-3-Clause
"""Fits in a pool of workers: `python pool.py KIND` prints, as JSON, how they compare to those of this process.

A program rather than a function, since workers that are spawned import the main program.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import mlefast

SEEDS = range(4)
Answer = tuple[bytes, int, str]


def fit(seed: int) -> Answer:
    """The bits of a fit, its number of threads and the reason for that."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((100_000, 5)), rng.random(100_000) < 0.3
    result = mlefast.fit(X, y)
    bits = b"".join(part.tobytes() for part in (result.params, result.covariance, np.float64(result.llf)))
    return bits, result.threads, mlefast.show_config().threads_reason


def in_processes(method: str) -> list[Answer]:
    """A pool of the standard library."""
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(fit, SEEDS)


def in_threads() -> list[Answer]:
    """Threads of Python, each with a team of OpenMP."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(fit, SEEDS))


def in_loky() -> list[Answer]:
    """The processes of joblib."""
    import joblib

    answers: list[Answer] = joblib.Parallel(n_jobs=2)(joblib.delayed(fit)(seed) for seed in SEEDS)
    return answers


def in_dask(processes: bool) -> list[Answer]:
    """Workers of Dask, which are processes or threads of this one."""
    from distributed import Client, LocalCluster

    workers: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1} if processes else {"threads_per_worker": 4}
    with LocalCluster(processes=processes, dashboard_address=None, **workers) as cluster, Client(cluster) as client:
        answers: list[Answer] = client.gather(client.map(fit, SEEDS))
        return answers


POOLS: dict[str, Callable[[], list[Answer]]] = {
    "threads": in_threads,
    "loky": in_loky,
    "dask-processes": lambda: in_dask(processes=True),
    "dask-threads": lambda: in_dask(processes=False),
}


def main(kind: str) -> None:
    """The fits of this process come first, so that a team of its threads is at work when the workers start."""
    here = [fit(seed) for seed in SEEDS]
    there = POOLS[kind]() if kind in POOLS else in_processes(kind)
    found = {
        "same": [answer[0] for answer in here] == [answer[0] for answer in there],
        "threads": sorted({answer[1] for answer in there}),
        "reasons": sorted({answer[2] for answer in there}),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
