# SPDX-License-Identifier: BSD-3-Clause
"""The error of a sum over a hundred million rows, against the exact sum of the same terms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mlefast
from mlefast import _core

ROWS, BLOCK = 100_000_000, 1_000_000
PARAMS = np.array([-1.25, 0.5])  # x times a power of two is exact: NumPy's eta has the same bits as that of the pass


def data(rows: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """One column and labels, block by block."""
    rng = np.random.default_rng(1)
    x, y = np.empty((rows, 1), dtype=np.float32), np.empty(rows, dtype=bool)
    for first in range(0, rows, BLOCK):
        block = x[first : first + BLOCK, 0]
        block[:] = rng.standard_normal(len(block), dtype=np.float32)
        y[first : first + BLOCK] = rng.random(len(block)) < 1.0 / (1.0 + np.exp(1.25 - 0.5 * block))
    return x, y


def terms(x: NDArray[np.float32], y: NDArray[np.bool_]) -> Iterator[float]:
    """The NLL of each row, rounded as in the pass."""
    leaf = _core.Leaf("bernoulli_logit")
    for first in range(0, len(y), BLOCK):
        eta = PARAMS[0] + PARAMS[1] * x[first : first + BLOCK, 0].astype(np.float64)
        yield from _core.terms(eta, y[first : first + BLOCK].astype(np.float64), leaf)[0].tolist()


def measure() -> dict[str, Any]:
    """The relative error of the pass, and its bound 1e-15 log2(n)."""
    x, y = data(ROWS)
    exact = math.fsum(terms(x, y))
    found = mlefast.nll(x, y, PARAMS)
    return {"rows": ROWS, "error": abs(found - exact) / exact, "bound": 1e-15 * math.log2(ROWS)}
