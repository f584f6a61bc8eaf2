# SPDX-License-Identifier: BSD-3-Clause
"""Dask: two workers with a thread each beside two threads in memory, and dask-ml on the same workers.

Partitions are loaded before the clock starts, as X is in memory.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import mlefast
from cases import make
from markdown import table
from streaming import best

ROWS = 8_000_000, 20_000_000
COLUMNS, PARTITIONS = 20, 4
PEER_ROWS = 1_000_000  # dask-ml takes long
RUNS = 5
Row = dict[str, Any]


def values(rows: int, part: int, number: int) -> np.ndarray:
    """X (0) or y (1) of a partition."""
    x, y = make(rows, COLUMNS, "float64")
    return np.roll((x, y.astype(np.int8))[part], number, axis=0)


def block(rows: int, part: int, block_info: Any = None) -> np.ndarray:
    """The same on a worker."""
    return values(rows, part, block_info[None]["chunk-location"][0])


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
    # made here: to compute the parts would leave copies of all on one of the workers, where tasks would then crowd
    local, labels = (
        np.concatenate([values(rows // PARTITIONS, part, number) for number in range(PARTITIONS)]) for part in (0, 1)
    )
    found, wanted = mlefast.fit(*parts), mlefast.fit(local, labels, threads=2)
    pairs = [
        (best(lambda: mlefast.fit(*parts), 1), best(lambda: mlefast.fit(local, labels, threads=2), 1))
        for _ in range(RUNS)
    ]
    there, here = map(min, zip(*pairs, strict=True))
    return {
        "rows": rows,
        "workers": there,
        "memory": here,
        "passes": float(found.passes),
        "difference": float(np.abs((found.params - wanted.params) / wanted.bse).max()),
    }


def by_dask_ml(rows: int) -> Row:
    """Logistic regression by Newton's method, which has no standard errors."""
    from dask_ml.linear_model import LogisticRegression

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


def measure() -> Row:
    """Both comparisons."""
    from distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": None, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster):
        return {"memory": [by_mlefast(rows) for rows in ROWS], "dask-ml": by_dask_ml(PEER_ROWS)}


def cluster_table(raw: Row) -> str:
    """The measurements in Markdown."""
    rows = [
        (
            f"{row['rows']:,} x {COLUMNS}",
            f"{row['workers']:.2f}",
            f"{row['memory']:.2f}",
            f"**{row['workers'] / row['memory']:.2f}**",
            f"{row['passes']:.1f}",
            f"{row['difference']:.0e}",
        )
        for row in raw["memory"]
    ]
    header = "whole fit | >two workers, s | >two threads in memory, s | >ratio | >passes | >difference"
    peer = raw["dask-ml"]
    return (
        f"{table(header, rows)}\n\nThe best of {RUNS} fits each, in turn, of the Bernoulli likelihood in {PARTITIONS} "
        "loaded partitions; workers are processes with one thread each. Difference: the largest of a coefficient, in "
        f"standard errors. On the same workers {peer['rows']:,} rows take dask-ml (LogisticRegression, newton, no "
        f"standard errors) {peer['dask-ml']:.2f} s and mlefast {peer['mlefast']:.2f} s, "
        f"**{peer['dask-ml'] / peer['mlefast']:.1f}** times less; dask-ml's coefficients are off by "
        f"{peer['difference']:.0e} standard errors at most."
    )
