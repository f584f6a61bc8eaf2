# SPDX-License-Identifier: BSD-3-Clause
"""A table with a column of every kind, and its files."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 70_003  # more than the rows that are read at a time


def make_table(rows: int, wide: int = 0, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    x, k = rng.standard_normal(rows), rng.integers(5, 24, rows)
    eta = 0.4 * x - 0.7 + 0.02 * k
    columns = {
        "x": x,
        "single": rng.standard_normal(rows).astype(np.float32),
        "k": k.astype(np.int16),
        "flag": rng.random(rows) < 0.5,
        "carrier": np.array(["WN", "AA", "UA", "DL"])[rng.integers(0, 4, rows)],
        "late": (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(np.int64),
        "answer": np.where(rng.random(rows) < 1 / (1 + np.exp(-eta)), "yes", "no"),
        "claims": rng.poisson(np.exp(eta)),
        "size": eta + rng.standard_normal(rows),
        "positive": rng.gamma(2.0, np.exp(eta) / 2.0),
        "gate": np.array(["B", "C", "A"])[rng.integers(0, 3, rows)],
        "count": rng.integers(0, 3, rows).astype(float),
        "known": 0.1 * rng.standard_normal(rows),
        "cluster": rng.integers(0, 40, rows),
    }
    return pa.table(columns | {f"w{j}": rng.standard_normal(rows) for j in range(wide)})


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return make_table(ROWS)


@pytest.fixture(scope="session")
def path(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("stream") / "table.parquet"
    pq.write_table(table, file, row_group_size=9_999)
    return file


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "mlefast-reader"]
