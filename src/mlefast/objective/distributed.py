# SPDX-License-Identifier: BSD-3-Clause
"""Rows in partitions on a cluster: each question is a task per partition, which answers by the pass in one thread."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import MemoryDesign
from mlefast.data.distributed import DaskDesign

from .protocol import Matrix, Vector
from .stream import MakeRows, extremes

_THREADS = 1  # the scheduler has a task for each of its threads


class DistributedRows:
    """What `_core.Rows` is for rows in memory, for partitions; a pass sends the parameters and returns sums."""

    def __init__(
        self,
        make: MakeRows,
        design: DaskDesign,
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        offset: NDArray[Any] | None,
        intercept: bool,
    ) -> None:
        self._make = make
        self._design = design
        self._vectors = y, weights, offset
        self._intercept = intercept
        self._affine: tuple[Vector, Vector] | None = None

    def standardise(self, centre: Vector, scale: Vector) -> None:
        """From now on the columns are (x - centre) * scale."""
        self._affine = centre, scale

    def every(self, step: int) -> Any:
        """Rows 0, step, 2 step, ...: in memory if the design has them there, or else where they lie."""
        design = self._design.every(step)
        if isinstance(design, MemoryDesign):
            y, weights, offset = (None if v is None else v[:: self._design.step * step] for v in self._vectors)
            assert y is not None
            return rows_here(self._make, design, y, weights, offset, self._intercept, self._affine)
        part = copy.copy(self)
        assert isinstance(design, DaskDesign)
        part._design = design
        return part

    def total(self, method: str, *arguments: Any, classes: int | None = None) -> Any:
        """The sum of what the partitions answer."""
        return self._design.total(self._question(method, arguments, classes), *self._vectors)

    def each(self, method: str, *arguments: Any, classes: int | None = None) -> list[Any]:
        """What each partition answers."""
        return self._design.each(self._question(method, arguments, classes), *self._vectors)

    def _question(self, method: str, arguments: tuple[Any, ...], classes: int | None) -> Any:
        return partial(
            ask_rows,
            make=self._make,
            intercept=self._intercept,
            affine=self._affine,
            classes=classes,
            method=method,
            arguments=arguments,
        )

    def evaluate(
        self, params: Vector, leaf: Any, order: int, threads: int, single: bool = False
    ) -> tuple[float, Vector | None, Matrix | None, bool, float]:
        """(nll, gradient or None, Hessian or None, whether all is finite, reach)."""
        answer: tuple[float, Vector | None, Matrix | None, bool, float] = self.total(
            "evaluate", params, leaf, order, _THREADS, single
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
        answer: tuple[Matrix, bool] = self.total("scores", params, leaf, _THREADS, inverse, power, counted)
        return answer

    def prior_slopes(self, params: Vector, leaf: Any, threads: int, inverse: Matrix) -> Vector:
        """The sum of w d3 |A'x|^2 x."""
        answer: Vector = self.total("prior_slopes", params, leaf, _THREADS, inverse)
        return answer

    def scan(self, params: Vector, direction: Vector, leaf: Any, threads: int) -> tuple[float, float, float]:
        """(largest -d2 x'd / d1, least and largest step towards the open side)."""
        return extremes(self.each("scan", params, direction, leaf, _THREADS))

    def linear_predictor(self, params: Vector, threads: int) -> Vector:
        """The linear predictor of every row."""
        return np.concatenate(self.each("linear_predictor", params, _THREADS))


class DistributedSoftmax:
    """What `_core.Softmax` is for rows in memory."""

    def __init__(self, rows: DistributedRows, classes: int) -> None:
        self._rows = rows
        self._classes = classes

    def evaluate(
        self, params: Matrix, order: int, threads: int, single: bool = False
    ) -> tuple[float, Matrix | None, Matrix | None, bool]:
        """(nll, gradient or None, Hessian or None, whether all is finite)."""
        answer: tuple[float, Matrix | None, Matrix | None, bool] = self._rows.total(
            "evaluate", params, order, _THREADS, single, classes=self._classes
        )
        return answer

    def scores(self, params: Matrix, threads: int, counted: bool = True) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        answer: tuple[Matrix, bool] = self._rows.total("scores", params, _THREADS, counted, classes=self._classes)
        return answer

    def scan(self, params: Matrix, direction: Matrix, threads: int) -> tuple[float, float, float]:
        """Extremes of the steps of labels and classes."""
        return extremes(self._rows.each("scan", params, direction, _THREADS, classes=self._classes))


def rows_here(
    make: MakeRows,
    design: MemoryDesign,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    intercept: bool,
    affine: tuple[Vector, Vector] | None,
) -> Any:
    """Rows in the memory of this process."""
    rows = make(design, y, weights, offset, intercept, 0, design.rows)
    if affine is not None:
        rows.standardise(*affine)
    return rows


def ask_rows(
    design: MemoryDesign,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    *,
    make: MakeRows,
    intercept: bool,
    affine: tuple[Vector, Vector] | None,
    classes: int | None,
    method: str,
    arguments: tuple[Any, ...],
) -> Any:
    """On a worker: what the rows of a partition, or their softmax, answer."""
    rows = rows_here(make, design, y, weights, offset, intercept, affine)
    return getattr(rows if classes is None else _core.Softmax(rows, classes), method)(*arguments)
