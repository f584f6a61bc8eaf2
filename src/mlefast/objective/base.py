# SPDX-License-Identifier: BSD-3-Clause
"""What the objectives of rows have in common: counted passes, samples, and the search for a direction that
separates the labels.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlefast.data import Design, MemoryDesign, is_remote, require_finite, sample_step

from .information import Information, ProductInformation
from .passes import Passes
from .protocol import Leads, Matrix, Moments, Precision, Vector
from .rows import Rows
from .scores import Scores, of_clusters, parts, put_together
from .standardisation import Standardisation

_STRIDE = 16  # of a sample that is worth its price
_CACHED = 1 << 16  # numbers that stay in the cache while something is computed from them
_NEGLIGIBLE = (1e-3, 1e-9)  # shares of the largest part of a step below which parts are tried without
_UNIT = 2.0**-53  # the relative error of an operation
_CHAIN = 140.0  # roundings of a sum within a tile, of its terms and their factors
_LEAF = 8.0  # roundings of a leaf, relative to d2


Sums = tuple[float, Vector | None, Matrix | None, bool, float]  # and whether all is finite, and the reach


class RowsObjective(ABC):
    """Negative log-likelihood of some `Rows`, in the coordinates of `space` if that is given."""

    def __init__(
        self,
        rows: Rows,
        design: Design,
        y: NDArray[Any],
        *,
        size: int,
        nobs: float,
        threads: int,
        absent: NDArray[np.bool_] | None = None,
        space: Standardisation | None = None,
        largest_offset: float = 0.0,
        weights: NDArray[Any] | None = None,
        offset: NDArray[Any] | None = None,
    ) -> None:
        self._largest_offset = largest_offset  # in size
        self._unit = 1.0  # what eta is measured in: with a link its errors count as absolute, without one as relative
        self._rows = rows
        self._y = y
        self.weights = weights
        self.offset = offset
        self._design = design
        self._threads = threads
        self._absent = absent
        self._space = space
        self._whole: RowsObjective = self
        self.size = size
        self.nobs = nobs
        self.convex = True
        self.quadratic = False
        self.passes = Passes()
        self.precision: Precision = "mixed" if design.single else "double"
        if space is not None:
            rows.standardise(space.centre, space.scale)

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        return self._design.rows

    @property
    def stride(self) -> int:
        """Of the largest sample of the rows: 16, or more where the rows are very many."""
        return max(_STRIDE, sample_step(self.rows, self._design.columns))

    @property
    def predictors(self) -> int:
        """Number of linear predictors in these rows."""
        return self.rows * self.equations

    @property
    def equations(self) -> int:
        """Linear predictors of a row."""
        return self.size // self._columns

    def _count_pass(self, order: int) -> None:
        self._whole.passes = self._whole.passes.plus(order, self.rows / self._whole.rows)

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass over the rows; DataError names the column if the data cannot be used."""
        loss, gradient, hessian, finite, reach = self._evaluate(params, order, single=precision == "mixed")
        if not finite and order == 2:  # single precision overflows much earlier
            loss, gradient, hessian, finite, reach = self._evaluate(params, order, single=False)
        if finite:
            return self._scaled(loss, gradient, hessian, reach)
        require_finite(self._design, self._absent)
        return Moments(math.inf, gradient, hessian)

    def rounding(self, params: Vector, moments: Moments, diagonal: Vector) -> Vector:
        """A bound for the rounding in each entry of the gradient; `diagonal` is that of the Hessian.

        In units of sqrt(H_jj) and of the unit roundoff there are, by Cauchy's inequality for sums of |x_ij d1_i| and
        of |x_ij| d2_i |eta_i|: the roundings of the longest chain of additions, times sqrt(sum d1^2 / d2), which is
        sqrt(n) where the model fits; and those of eta and of the leaf, each times the terms of eta, or one with a link.
        """
        lengths = np.sqrt(np.abs(diagonal))
        chain, terms = self.roundings(params, lengths)
        return lengths * (chain * math.sqrt(self.nobs) + terms)

    def roundings(self, params: Vector, lengths: Vector) -> tuple[float, float]:
        """Those of the longest chain of additions; those of eta and the leaf, times sqrt(sum d2 (|eta| + 1)^2)."""
        chain = _CHAIN + math.log2(max(1.0, self.rows / _CHAIN))
        # sqrt(sum d2) is the length of the ones; where they are no column, that of the longest stands for it
        ones = lengths[:: self._columns] if self._space is not None and self._space.intercept else lengths
        terms = float(lengths @ np.abs(params)) + float(ones.max(initial=0.0)) * (self._unit + self._largest_offset)
        return _UNIT * chain, _UNIT * (self._columns + _LEAF) * terms

    @abstractmethod
    def _evaluate(self, params: Vector, order: int, single: bool) -> Sums:
        """What the pass finds."""

    def _scaled(self, loss: float, gradient: Vector | None, hessian: Matrix | None, reach: float = math.inf) -> Moments:
        """The moments that follow from the sums of the loss and its derivatives."""
        return Moments(loss, gradient, hessian, loss, reach=reach)

    def plus(self, moments: Moments, value: float, gradient: Vector, curvature: Vector) -> Moments:
        """The moments of a loss to which a function with this diagonal Hessian is added."""
        return moments.plus(value, gradient, curvature)

    def unit(self, moments: Moments) -> float:
        """What the Hessian of the loss is multiplied by at the scale of the moments."""
        return 1.0

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """Of no use unless the loss is quadratic."""
        raise NotImplementedError

    def sample(self, step: int) -> Self:
        """The objective of every step-th row."""
        part = copy.copy(self)
        part._rows = self._rows.every(step)  # in the same coordinates
        part._design = self._design.every(step)
        part._y = self._y[::step]
        part._absent, part.weights, part.offset = (
            None if values is None else values[::step] for values in (self._absent, self.weights, self.offset)
        )
        part.nobs = self.nobs / step
        return part

    def coordinates(self, params: Vector) -> ProductInformation | None:
        """None: there is no better information about here than the Hessian."""
        return None

    @abstractmethod
    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """Extremes over the rows of what decides whether a maximum exists; see inference/separation.py."""

    def separating(self, step: Vector) -> Vector | None:
        """The step without its negligible parts if along it no row loses, but for rounding, and some gain for ever.

        Rounding is judged row by row, which the compiled scan does not: where one cell is 1e18 times the others, what
        is nothing to its row may be all that the others have.
        """
        _, least, most = self.scan(step, step)
        if not (most > 0.0 and least >= -_NEGLIGIBLE[0] * most):
            return None
        furthest = np.zeros(self._columns)
        for _, x in self.blocks():
            furthest = np.maximum(furthest, np.abs(x).max(axis=0, initial=0.0))
        furthest = np.tile(furthest, self.equations) * np.abs(step)
        for share in _NEGLIGIBLE:
            direction = np.where(furthest > share * furthest.max(), step, 0.0)
            if self._separates(direction):
                return direction
        return None

    def _separates(self, direction: Vector) -> bool:
        grows = False
        for leads in self.leads(direction[:, np.newaxis]):
            if leads.behind.any():
                return False
            grows = grows or bool(leads.ahead.any())
        return grows

    def leads(self, directions: Matrix) -> Iterator[Leads]:
        """One pass: how far the labels get ahead along some directions, of shape (size, directions)."""
        for rows, x in self.blocks():
            yield from self._leads(rows, x, directions)

    @abstractmethod
    def _leads(self, rows: NDArray[np.intp], x: Matrix, directions: Matrix) -> Iterator[Leads]:
        """Those of some rows."""

    @abstractmethod
    def lead_vectors(self, ids: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.bool_]]:
        """The vectors a whose products with a direction are these leads, and which of them must be zero."""

    @abstractmethod
    def total_lead(self) -> Vector:
        """One pass: the sum of the vectors of all leads but those that must be zero, each scaled to size 1."""

    def row_of(self, ids: NDArray[np.intp]) -> NDArray[np.intp]:
        """The rows that leads belong to."""
        return ids

    @abstractmethod
    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """One pass: the sum of the outer products of the rows' scores, at the scale of the moments, each divided by
        (1 - leverage)^power; OptionError where a leverage is 1. A row's weight counts equal rows, or else is a factor
        of its score.
        """

    @abstractmethod
    def _slopes(self, rows: NDArray[np.intp], x: NDArray[np.float64], params: Vector) -> Matrix:
        """d1 of rows of the loss, a column for each linear predictor."""

    def row_scores(self, params: Vector) -> Scores:
        """One pass: the derivatives of the loss of each row, without its weight, some rows at a time."""
        for rows, x in self.blocks():
            for index, part in parts(rows, x, self.size):
                slopes = self._slopes(index, part, params)
                yield index, (slopes[:, :, np.newaxis] * part[:, np.newaxis]).reshape(len(index), -1)

    def clustered(self, params: Vector, moments: Moments, codes: NDArray[np.intp], count: int) -> Matrix:
        """One pass: the gradient of the NLL of the rows of each code 0..count - 1, at the scale of the moments."""
        return put_together(self.each(partial(of_clusters, params=params), codes), (count, self.size))

    def total(self, task: Callable[[Any], Any]) -> Any:
        """`task(self)`, a sum over the rows, added up from those of its partitions if they are on a cluster."""
        if not is_remote(self._design):
            return task(self)
        question, values = self._question(task)
        return self._design.total(question, *values)

    def each(self, task: Callable[..., Any], vector: NDArray[Any]) -> list[Any]:
        """`task(self, vector)`, or what it is for each partition and its part of a vector with a value per row."""
        if not is_remote(self._design):
            return [task(self, vector)]
        question, values = self._question(task)
        return self._design.each(question, *values, vector)

    def _question(self, task: Callable[..., Any]) -> tuple[Any, tuple[NDArray[Any] | None, ...]]:
        """For partitions: the task with all that is not of rows, and the vectors with a value per row."""
        self._count_pass(0)
        bare = copy.copy(self)
        bare.__dict__.update(dict.fromkeys(("_rows", "_design", "_whole", "_y", "weights", "offset", "_absent")))
        return partial(_ask_part, bare=bare, task=task), (self._y, self.weights, self.offset, self._absent)

    @property
    def _columns(self) -> int:
        """Parameters of one linear predictor."""
        return self.size

    def blocks(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Rows that are not absent, and their x in the coordinates of the parameters, with ones for the intercept."""
        self._count_pass(0)
        for rows, block in self._design.blocks(_CACHED):
            index = np.arange(rows.start, rows.stop)
            present = slice(None) if self._absent is None else ~self._absent[index]
            yield index[present], self._in_coordinates(block[present])

    def _some_rows(self, rows: NDArray[np.intp]) -> Matrix:
        """The x of these rows, in the coordinates of the parameters, with ones for the intercept."""
        return self._in_coordinates(self._design.take(rows))

    def _in_coordinates(self, block: Matrix) -> Matrix:
        size, columns = self._columns, self._design.columns
        x = np.ones((block.shape[0], size))
        inner = x[:, size - columns :]
        if self._space is None:
            inner[:] = block
        else:
            np.multiply(np.subtract(block, self._space.centre, out=inner), self._space.scale, out=inner)
        return x


def _ask_part(
    design: MemoryDesign,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    absent: NDArray[np.bool_] | None,
    *vectors: NDArray[Any],
    bare: RowsObjective,
    task: Callable[..., Any],
) -> Any:
    """On a worker: what a task is for the objective of a partition."""
    part = copy.copy(bare)
    part._design, part._whole, part._y = design, part, y
    part.weights, part.offset, part._absent = weights, offset, absent
    return task(part, *vectors)
