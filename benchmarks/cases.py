# SPDX-License-Identifier: BSD-3-Clause
"""The data of the benchmarks: correlated normal columns, a base rate of about 10 %."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPES = [(1_000, 10), (1_000_000, 20), (200_000, 200), (50_000, 1_000)]
LIMIT_SHAPES = [(1_000_000, 20), (1_000_000, 37), (300_000, 150), (200_000, 200), (50_000, 1_000)]
DTYPES = ["float64", "float32"]


def make(rows: int, columns: int, dtype: str) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """X and y of a logistic model, made block by block so that nothing else takes memory."""
    rng = np.random.default_rng([rows, columns])
    x = np.empty((rows, columns), dtype=dtype)
    y = np.empty(rows)
    beta = rng.standard_normal(columns) / np.sqrt(columns)
    for first in range(0, rows, 10_000):
        block = rng.standard_normal((min(10_000, rows - first), columns)) + 0.5 * rng.standard_normal((1, columns))
        block[:, 1:] += 0.5 * block[:, :-1]
        last = first + len(block)
        x[first:last] = block
        y[first:last] = rng.random(len(block)) < 1.0 / (1.0 + np.exp(2.5 - block @ beta))
    return x, y


def with_ones(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """X with a column of ones, which the NumPy reference needs for its intercept."""
    return np.column_stack([np.ones(len(x), dtype=x.dtype), x])
