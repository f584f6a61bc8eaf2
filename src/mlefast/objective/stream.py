# SPDX-License-Identifier: BSD-3-Clause
"""Rows whose columns are a stream: each question is one reading, piece by piece.

Sums go from piece to piece (`before` in the core), so the answers have the bits of the same rows in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import MemoryDesign
from mlefast.data.stream import StreamDesign

from .protocol import Matrix, Vector

_WIDE = 64  # columns

# how the rows of a piece are made: its columns, then y, weights, offset, intercept, the first row and the number of all
MakeRows = Callable[[MemoryDesign, NDArray[Any], NDArray[Any] | None, NDArray[Any] | None, bool, int, int], Any]


class StreamRows:
    """What `_core.Rows` is for rows in memory, for columns that are read for every question."""

    def __init__(
        self,
        make: MakeRows,
        unit: int,
        design: StreamDesign,
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        offset: NDArray[Any] | None,
        intercept: bool,
    ) -> None:
        """`make` makes the rows of a piece, which has a multiple of `unit` rows."""
        self._make = make
        self._unit = unit
        self._design = design
        self._y = y
        self._weights = weights
        self._offset = offset
        self._intercept = intercept
        self._affine: tuple[Vector, Vector] | None = None

    def standardise(self, centre: Vector, scale: Vector) -> None:
        """From now on the columns are (x - centre) * scale."""
        self._affine = centre, scale

    def parts(self) -> Generator[Any, None, None]:
        """The rows of one piece after the other: the loop of every pass."""
        with closing(self._design.pieces(self._unit)) as pieces:
            for first, piece in pieces:
                yield self._rows(piece, slice(first, first + piece.rows), first, self._design.rows)

    def _rows(self, design: MemoryDesign, where: slice, first: int, whole: int) -> Any:
        weights, offset = (None if values is None else values[where] for values in (self._weights, self._offset))
        rows = self._make(design, self._y[where], weights, offset, self._intercept, first, whole)
        if self._affine is not None:
            rows.standardise(*self._affine)
        return rows

    def total(self, question: Callable[[Any, Any], Any]) -> Any:
        """The answer of the last part to a question that sums over the rows, asked with what the part before said."""
        answer = None
        with closing(self.parts()) as parts:
            for part in parts:
                answer = question(part, answer)
        return answer

    def each(self, question: Callable[[Any], Any]) -> list[Any]:
        """What each part says by itself."""
        with closing(self.parts()) as parts:
            return [question(part) for part in parts]

    def evaluate(
        self, params: Vector, leaf: Any, order: int, threads: int, single: bool = False
    ) -> tuple[float, Vector | None, Matrix | None, bool, float]:
        """(nll, gradient or None, Hessian or None, whether all is finite, reach)."""
        threads = self.team(threads, order)
        answer: tuple[float, Vector | None, Matrix | None, bool, float] = self.total(
            lambda part, before: part.evaluate(params, leaf, order, threads, single, before=before)
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
        answer: tuple[Matrix, bool] = self.total(
            lambda part, before: part.scores(params, leaf, threads, inverse, power, counted, before=before)
        )
        return answer

    def prior_slopes(self, params: Vector, leaf: Any, threads: int, inverse: Matrix) -> Vector:
        """The sum of w d3 |A'x|^2 x."""
        answer: Vector = self.total(
            lambda part, before: part.prior_slopes(params, leaf, threads, inverse, before=before)
        )
        return answer

    def scan(self, params: Vector, direction: Vector, leaf: Any, threads: int) -> tuple[float, float, float]:
        """(largest -d2 x'd / d1, least and largest step towards the open side)."""
        return extremes(self.each(lambda part: part.scan(params, direction, leaf, threads)))

    def linear_predictor(self, params: Vector, threads: int) -> Vector:
        """The linear predictor of every row."""
        return np.concatenate(self.each(lambda part: part.linear_predictor(params, threads)))

    def team(self, threads: int, order: int) -> int:
        """Threads of a pass, unless the Hessian takes longer than to decode its rows: the others decode meanwhile."""
        return threads if order == 2 and self._design.columns >= _WIDE else (threads + 1) // 2

    def every(self, step: int) -> Any:
        """Rows 0, step, 2 step, ... of the same data, in memory."""
        design = self._design.every(step)
        return self._rows(design, slice(None, None, step), 0, design.rows)


class StreamSoftmax:
    """What `_core.Softmax` is for rows in memory."""

    def __init__(self, rows: StreamRows, classes: int) -> None:
        self._rows = rows
        self._classes = classes

    def _of(self, part: Any) -> _core.Softmax:
        return _core.Softmax(part, self._classes)

    def evaluate(
        self, params: Matrix, order: int, threads: int, single: bool = False
    ) -> tuple[float, Matrix | None, Matrix | None, bool]:
        """(nll, gradient or None, Hessian or None, whether all is finite)."""
        threads = self._rows.team(threads, order)
        answer: tuple[float, Matrix | None, Matrix | None, bool] = self._rows.total(
            lambda part, before: self._of(part).evaluate(params, order, threads, single, before=before)
        )
        return answer

    def scores(self, params: Matrix, threads: int, counted: bool = True) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        answer: tuple[Matrix, bool] = self._rows.total(
            lambda part, before: self._of(part).scores(params, threads, counted, before=before)
        )
        return answer

    def scan(self, params: Matrix, direction: Matrix, threads: int) -> tuple[float, float, float]:
        """Extremes of the steps of labels and classes."""
        return extremes(self._rows.each(lambda part: self._of(part).scan(params, direction, threads)))


def extremes(parts: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The largest, the least and the largest of the three numbers of parts."""
    gains, least, most = zip(*parts, strict=True)
    return max(gains), min(least), max(most)
