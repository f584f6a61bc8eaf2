# SPDX-License-Identifier: BSD-3-Clause
"""The objective of rows in memory: every question of a solver is one call of the compiled pass."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import Design, require_finite
from mlefast.likelihoods import Likelihood, Totals

from .blocks import BlockRows
from .protocol import Matrix, Moments, Precision, Vector
from .standardisation import Standardisation

_NEGLIGIBLE = (1e-3, 1e-9)  # shares of the largest part of a step below which parts are tried without
_ROUNDING = 1e-9  # relative to the sum of its absolute terms, what counts as zero in x'd


class MemoryObjective:
    """Negative log-likelihood of the rows of a `_core.Rows`, in the coordinates of `space` if that is given."""

    def __init__(
        self,
        rows: _core.Rows | BlockRows,
        design: Design,
        y: NDArray[Any],
        likelihood: Likelihood,
        totals: Totals,
        *,
        size: int,
        threads: int,
        absent: NDArray[np.bool_] | None = None,
        space: Standardisation | None = None,
    ) -> None:
        self._rows = rows
        self._design = design
        self._y = y
        self._likelihood = likelihood
        self._leaf = likelihood.compiled()
        self._totals = totals
        self._threads = threads
        self._absent = absent
        self._space = space
        self._step = 1
        self._whole: MemoryObjective = self
        self.size = size
        self.nobs = float(totals.nobs)
        self.convex = likelihood.convex
        self.quadratic = likelihood.quadratic
        self.passes = 0.0
        self.precision: Precision = "mixed" if design.single else "double"
        if space is not None:
            rows.standardise(space.centre, space.scale)

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        return math.ceil(self._design.rows / self._step)

    def _count_pass(self) -> None:
        self._whole.passes += self.rows / self._design.rows

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass over the rows; DataError names the column if the data cannot be used."""
        loss, gradient, hessian, finite = self._evaluate(params, order, single=precision == "mixed")
        if not finite and order == 2:  # single precision overflows much earlier
            loss, gradient, hessian, finite = self._evaluate(params, order, single=False)
        if finite:
            return self._scaled(loss, gradient, hessian)
        require_finite(self._design, self._absent)
        return Moments(math.inf, gradient, hessian)

    def _evaluate(self, params: Vector, order: int, single: bool) -> tuple[float, Vector | None, Matrix | None, bool]:
        """What the pass finds, and whether all of it is finite."""
        self._count_pass()
        return self._rows.evaluate(params, self._leaf, order, self._threads, single)

    def _scaled(self, loss: float, gradient: Vector | None, hessian: Matrix | None) -> Moments:
        """The moments of the NLL at the scale of largest likelihood, from the sums of the loss and its derivatives."""
        return self._at_scale(self._likelihood.best_scale(loss, self._totals), loss, gradient, hessian)

    def _at_scale(self, scale: float, loss: float, gradient: Vector | None, hessian: Matrix | None) -> Moments:
        nll, slope, curvature = self._likelihood.at_scale(loss, self._totals, scale)
        if gradient is not None and slope != 1.0:
            gradient = gradient * slope
        if hessian is not None and curvature != 1.0:
            hessian = hessian * curvature
        return Moments(nll, gradient, hessian, loss, scale)

    def _sums(self, moments: Moments) -> tuple[Vector | None, Matrix | None]:
        """Gradient and Hessian of the loss."""
        _, slope, curvature = self._likelihood.at_scale(moments.loss, self._totals, moments.scale)
        gradient, hessian = moments.gradient, moments.hessian
        return None if gradient is None else gradient / slope, None if hessian is None else hessian / curvature

    def rescaled(self, moments: Moments, scale: float) -> Moments:
        """The moments at another scale."""
        return self._at_scale(scale, moments.loss, *self._sums(moments))

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """The moments after a step if the loss is quadratic."""
        gradient, hessian = self._sums(moments)
        assert gradient is not None and hessian is not None
        change = hessian @ step
        loss = moments.loss + float(gradient @ step) + 0.5 * float(step @ change)
        return self._scaled(loss, gradient + change, hessian)

    def outer_products(self, params: Vector, moments: Moments) -> Matrix:
        """The sum of the outer products of the rows' scores, at the scale of the moments."""
        self._count_pass()
        products = self._rows.evaluate(params, self._leaf, 2, self._threads, False, True)[2]
        assert products is not None
        _, slope, _ = self._likelihood.at_scale(moments.loss, self._totals, moments.scale)
        return products * slope**2

    def at(self, likelihood: Likelihood, totals: Totals) -> MemoryObjective:
        """The same rows with another likelihood."""
        other = copy.copy(self)
        other._likelihood, other._totals = likelihood, totals
        other._leaf = likelihood.compiled()
        return other

    def sample(self, step: int) -> MemoryObjective:
        """The objective of every step-th row."""
        part = MemoryObjective(
            self._rows.every(step),
            self._design,
            self._y,
            self._likelihood,
            self._totals.share(step),
            size=self.size,
            threads=self._threads,
            absent=self._absent,
        )
        part._space = self._space  # which the rows have already
        part._step = self._step * step
        part._whole = self._whole
        return part

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """Extremes of s x'd over the rows; see inference/separation.py."""
        self._count_pass()
        return self._rows.scan(params, direction, self._leaf, self._threads)

    def separating(self, step: Vector) -> Vector | None:
        """The step without its negligible parts if s x'd is nowhere negative, but for rounding, and somewhere positive.

        Rounding is judged row by row, which the compiled scan does not: where one cell is 1e18 times the others, what
        is nothing to its row may be all that the others have.
        """
        _, least, most = self.scan(step, step)
        if not (most > 0.0 and least >= -_NEGLIGIBLE[0] * most):
            return None
        reach = np.zeros(len(step))
        for x, _ in self._signed_blocks():
            reach = np.maximum(reach, np.abs(x).max(axis=0, initial=0.0))
        reach *= np.abs(step)
        for share in _NEGLIGIBLE:
            direction = np.where(reach > share * reach.max(), step, 0.0)
            if self._separates(direction):
                return direction
        return None

    def _separates(self, direction: Vector) -> bool:
        grows = False
        for x, sides in self._signed_blocks():
            along, terms = x @ direction, np.abs(x) @ np.abs(direction)
            along = np.where(sides == 0.0, -np.abs(along), sides * along)  # a row that cannot follow must stand still
            if (along < -_ROUNDING * terms).any():
                return False
            grows = grows or bool((along > _ROUNDING * terms).any())
        return grows

    def _signed_blocks(self) -> Iterator[tuple[NDArray[np.float64], Vector]]:
        """Rows that are not absent, in the coordinates of the parameters with ones for the intercept, and their s."""
        self._count_pass()
        columns = self._design.columns
        for rows, block in self._design.blocks(self._step):
            present = slice(None) if self._absent is None else ~self._absent[rows]
            x = np.ones((block.shape[0], self.size))
            x[:, self.size - columns :] = block
            if self._space is not None:
                x[:, self.size - columns :] -= self._space.centre
                x[:, self.size - columns :] *= self._space.scale
            yield x[present], self._likelihood.sides(self._y[rows])[present]
