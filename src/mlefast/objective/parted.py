# SPDX-License-Identifier: BSD-3-Clause
"""Rows that come in parts: what is asked of all of them is asked of each part, and the answers are put together.

Pieces of a stream and partitions of a cluster differ in how. See `Rows` and `Softmax` for the questions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import MemoryDesign

from .protocol import Matrix, Vector

# how the rows of a part are made: its columns, then y, weights, offset, intercept, the first row and the number of all
MakeRows = Callable[[MemoryDesign, NDArray[Any], NDArray[Any] | None, NDArray[Any] | None, bool, int, int], Any]


class PartedRows(ABC):
    """What `_core.Rows` is for rows in memory, for rows in parts."""

    def __init__(self, intercept: bool) -> None:
        self._intercept = intercept
        self._affine: tuple[Vector, Vector] | None = None

    @abstractmethod
    def total(self, method: str, *arguments: Any, classes: int | None = None) -> Any:
        """What a method that sums over the rows returns of all parts; with `classes` one of their softmax."""

    @abstractmethod
    def each(self, method: str, *arguments: Any, classes: int | None = None) -> list[Any]:
        """What a method returns of each part."""

    @abstractmethod
    def team(self, threads: int, order: int) -> int:
        """How many threads work on a part in a pass of this order."""

    @abstractmethod
    def every(self, step: int) -> Any:
        """Rows 0, step, 2 step, ... of the same data."""

    def standardise(self, centre: Vector, scale: Vector) -> None:
        """From now on the columns are (x - centre) * scale."""
        self._affine = centre, scale

    def evaluate(
        self, params: Vector, leaf: Any, order: int, threads: int, single: bool = False
    ) -> tuple[float, Vector | None, Matrix | None, bool, float]:
        """(nll, gradient or None, Hessian or None, whether all is finite, reach)."""
        answer: tuple[float, Vector | None, Matrix | None, bool, float] = self.total(
            "evaluate", params, leaf, order, self.team(threads, order), single
        )
        return answer

    def scores(
        self,
        params: Vector,
        leaf: Any,
        threads: int,
        inverse: Matrix | None = None,
        power: int = 0,
        counted: bool = True,
    ) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        answer: tuple[Matrix, bool] = self.total("scores", params, leaf, self.team(threads, 2), inverse, power, counted)
        return answer

    def prior_slopes(self, params: Vector, leaf: Any, threads: int, inverse: Matrix) -> Vector:
        """The sum of w d3 |A'x|^2 x."""
        answer: Vector = self.total("prior_slopes", params, leaf, self.team(threads, 2), inverse)
        return answer

    def scan(self, params: Vector, direction: Vector, leaf: Any, threads: int) -> tuple[float, float, float]:
        """(largest -d2 x'd / d1, least and largest step towards the open side)."""
        return _extremes(self.each("scan", params, direction, leaf, self.team(threads, 0)))

    def linear_predictor(self, params: Vector, threads: int) -> Vector:
        """The linear predictor of every row."""
        return np.concatenate(self.each("linear_predictor", params, self.team(threads, 0)))


class PartedSoftmax:
    """What `_core.Softmax` is for rows in memory, for rows in parts."""

    def __init__(self, rows: PartedRows, classes: int) -> None:
        self._rows = rows
        self._classes = classes

    def evaluate(
        self, params: Matrix, order: int, threads: int, single: bool = False
    ) -> tuple[float, Matrix | None, Matrix | None, bool]:
        """(nll, gradient or None, Hessian or None, whether all is finite)."""
        answer: tuple[float, Matrix | None, Matrix | None, bool] = self._rows.total(
            "evaluate", params, order, self._rows.team(threads, order), single, classes=self._classes
        )
        return answer

    def scores(self, params: Matrix, threads: int, counted: bool = True) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        answer: tuple[Matrix, bool] = self._rows.total(
            "scores", params, self._rows.team(threads, 2), counted, classes=self._classes
        )
        return answer

    def scan(self, params: Matrix, direction: Matrix, threads: int) -> tuple[float, float, float]:
        """Extremes of the steps of labels and classes."""
        team = self._rows.team(threads, 0)
        return _extremes(self._rows.each("scan", params, direction, team, classes=self._classes))


def make_part(
    make: MakeRows,
    design: MemoryDesign,
    vectors: tuple[NDArray[Any] | None, ...],
    intercept: bool,
    affine: tuple[Vector, Vector] | None,
    first: int = 0,
    whole: int | None = None,
) -> Any:
    """The rows of a part, with its y, weights and offset; by default it is a whole by itself."""
    y, weights, offset = vectors
    assert y is not None
    rows = make(design, y, weights, offset, intercept, first, design.rows if whole is None else whole)
    if affine is not None:
        rows.standardise(*affine)
    return rows


def asked(rows: Any, classes: int | None) -> Any:
    """Whom a question is for: the rows of a part, or their softmax."""
    return rows if classes is None else _core.Softmax(rows, classes)


def _extremes(parts: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The largest, the least and the largest of the three numbers of parts."""
    gains, least, most = zip(*parts, strict=True)
    return max(gains), min(least), max(most)
