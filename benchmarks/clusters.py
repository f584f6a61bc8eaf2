# SPDX-License-Identifier: BSD-3-Clause
"""Dask: two workers with a thread each beside two threads in memory, and dask-ml on the same workers.

Partitions are loaded before the clock starts, as X is in memory. Run as a script it prints its rows.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import mlefast
from cases import make
from streaming import best

ROWS, COLUMNS, PARTITIONS = 8_000_000, 20, 4
PEER_ROWS = 1_000_000  # dask-ml takes long
RUNS = 3
Row = dict[str, Any]


def block(rows: int, part: int, block_info: Any = None) -> np.ndarray:
    """X (0) or y (1) of a partition."""
    x, y = make(rows, COLUMNS, "float64")
    return np.roll((x, y.astype(np.int8))[part], block_info[None]["chunk-location"][0], axis=0)


def load(rows: int) -> tuple[Any, Any]:
    """X and y on the workers."""
    import dask
    import dask.array as da

    size = rows // PARTITIONS
    chunks = (size,) * PARTITIONS
    x, y = dask.persist(
        da.map_blocks(block, size, 0, chunks=(chunks, (COLUMNS,)), dtype=float, meta=np.empty((0, 0))),
        da.map_blocks(block, size, 1, chunks=(chunks,), dtype=np.int8, meta=np.empty(0, np.int8)),
    )
    da.compute(x.sum(), y.sum())
    return x, y


def by_mlefast(rows: int) -> Row:
    """Whole fits, with standard errors and proof, on the workers and in memory."""
    parts = load(rows)
    found = mlefast.fit(*parts)
    there = best(lambda: mlefast.fit(*parts), RUNS)
    local, labels = (part.compute() for part in parts)
    wanted = mlefast.fit(local, labels, threads=2)
    here = best(lambda: mlefast.fit(local, labels, threads=2), RUNS)
    return {
        "rows": rows,
        "workers": there,
        "memory": here,
        "passes": float(found.passes),
        "difference": float(np.abs((found.params - wanted.params) / wanted.bse).max()),
    }


def by_dask_ml(rows: int) -> Row | None:
    """Logistic regression by Newton's method, which has no standard errors; None where dask-ml is not installed."""
    try:
        from dask_ml.linear_model import LogisticRegression
    except ImportError:
        return None
    x, y = load(rows)
    there = best(lambda: mlefast.fit(x, y), RUNS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(solver="newton", C=1e12, max_iter=50)
        model.fit(x, y)
        peer = best(lambda: model.fit(x, y), RUNS)
    result = mlefast.fit(x, y)
    params = np.append(model.intercept_, model.coef_)
    return {
        "rows": rows,
        "mlefast": there,
        "dask-ml": peer,
        "difference": float(np.abs((params - result.params) / result.bse).max()),
    }


def measure() -> dict[str, Any]:
    """The rows of both comparisons."""
    from distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": None, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster):
        return {"memory": by_mlefast(ROWS), "dask-ml": by_dask_ml(PEER_ROWS)}


if __name__ == "__main__":
    for name, row in measure().items():
        print(name, row)
