# SPDX-License-Identifier: BSD-3-Clause
"""Scores of rows, some rows at a time, and their sums by cluster or by outer products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .protocol import Matrix, Vector

Scores = Iterator[tuple[NDArray[np.intp], Matrix]]  # which rows, and a row of derivatives for each, without weights

_ELEMENTS = 1 << 20


def parts(rows: NDArray[np.intp], x: Matrix, size: int) -> Scores:
    """The rows of a block, so few at a time that their scores of this size take eight megabytes."""
    most = max(1, _ELEMENTS // size)
    for first in range(0, len(rows), most):
        yield rows[first : first + most], x[first : first + most]


def sums_by_code(
    scores: Scores, weights: NDArray[np.floating] | None, codes: NDArray[np.intp], size: int
) -> tuple[NDArray[np.intp], Matrix]:
    """The codes that occur, and for each a row: the sum of the weighted scores of its rows."""
    from scipy.sparse import csr_array

    occurs = np.bincount(codes) > 0
    codes = (np.cumsum(occurs) - 1)[codes]
    sums = np.zeros((np.count_nonzero(occurs), size))
    for index, part in scores:
        there, place = np.unique(codes[index], return_inverse=True)
        weight = np.ones(len(index)) if weights is None else weights[index].astype(np.float64)
        members = csr_array((weight, (place, np.arange(len(index)))))
        sums[there] += np.asarray(members @ part)
    return np.flatnonzero(occurs), sums


def of_clusters(part: Any, codes: NDArray[np.intp], params: Vector) -> tuple[NDArray[np.intp], Matrix]:
    """The codes that occur in the rows of an objective, and the sums of their scores."""
    return sums_by_code(part.row_scores(params), part.weights, codes, part.size)


def put_together(answers: list[tuple[NDArray[np.intp], Matrix]], shape: tuple[int, int]) -> Matrix:
    """The sums of all codes, from those of parts of the rows."""
    sums = np.zeros(shape)
    for there, part in answers:
        sums[there] += part
    return sums


def outer_products(scores: Scores, weights: NDArray[np.floating] | None, size: int, counted: bool) -> Matrix:
    """The sum of the outer products of the scores; a weight counts equal rows, or else is a factor of a score."""
    total = np.zeros((size, size))
    for index, part in scores:
        if weights is not None:
            part = part * (np.sqrt(weights[index]) if counted else weights[index])[:, np.newaxis]
        total += part.T @ part
    return total
