# SPDX-License-Identifier: BSD-3-Clause
"""The objective of rows: every question of a solver is one pass."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import Design
from mlefast.errors import OptionError
from mlefast.likelihoods import Likelihood, Totals, UserLikelihood

from .base import RowsObjective, Sums
from .information import Information
from .leverages import FITTED_EXACTLY
from .protocol import Leads, Matrix, Moments, Vector
from .rows import Rows, rows_of
from .standardisation import Standardisation


class MemoryObjective(RowsObjective):
    """Negative log-likelihood of some `Rows`, in the coordinates of `space` if that is given."""

    def __init__(
        self,
        rows: Rows,
        design: Design,
        y: NDArray[Any],
        likelihood: Likelihood,
        totals: Totals,
        *,
        size: int,
        threads: int,
        absent: NDArray[np.bool_] | None = None,
        space: Standardisation | None = None,
        largest_offset: float = 0.0,
        weights: NDArray[Any] | None = None,
        offset: NDArray[Any] | None = None,
    ) -> None:
        super().__init__(
            rows,
            design,
            y,
            size=size,
            nobs=float(totals.nobs),
            threads=threads,
            absent=absent,
            space=space,
            largest_offset=largest_offset,
            weights=weights,
            offset=offset,
        )
        self._likelihood = likelihood
        self._leaf = likelihood.compiled()
        self._totals = totals
        self._unit = 0.0 if likelihood.link == "identity" else 1.0
        self.convex = likelihood.convex
        self.quadratic = likelihood.quadratic

    def _evaluate(self, params: Vector, order: int, single: bool) -> Sums:
        """What the pass finds, and whether all of it is finite."""
        self._count_pass(order)
        loss, gradient, hessian, finite, reach = self._rows.evaluate(params, self._leaf, order, self._threads, single)
        return loss, gradient, hessian, finite, reach if self._likelihood.self_concordant else math.inf

    def _scaled(self, loss: float, gradient: Vector | None, hessian: Matrix | None, reach: float = math.inf) -> Moments:
        """The moments of the NLL at the scale of largest likelihood, from the sums of the loss and its derivatives."""
        return self._at_scale(self._likelihood.best_scale(loss, self._totals), loss, gradient, hessian, reach)

    def from_sums(self, loss: float, gradient: Vector) -> Moments:
        """The moments of order 1 that follow from the sums of the rows' losses and their derivatives."""
        return self._scaled(loss, gradient, None)

    def _at_scale(
        self, scale: float, loss: float, gradient: Vector | None, hessian: Matrix | None, reach: float = math.inf
    ) -> Moments:
        nll, slope, curvature = self._likelihood.at_scale(loss, self._totals, scale)
        if slope != 1.0 or curvature != 1.0:
            with np.errstate(over="ignore"):
                gradient = None if gradient is None else gradient * slope
                hessian = None if hessian is None else hessian * curvature
        return Moments(nll, gradient, hessian, loss, scale, reach)

    def _sums(self, moments: Moments) -> tuple[Vector | None, Matrix | None]:
        """Gradient and Hessian of the loss."""
        _, slope, curvature = self._likelihood.at_scale(moments.loss, self._totals, moments.scale)
        gradient, hessian = moments.gradient, moments.hessian
        return None if gradient is None else gradient / slope, None if hessian is None else hessian / curvature

    def plus(self, moments: Moments, value: float, gradient: Vector, curvature: Vector) -> Moments:
        """The moments of a larger loss at the scale of largest likelihood for it."""
        slopes, hessian = self._sums(moments)
        return self._scaled(
            moments.loss + value,
            None if slopes is None else slopes + gradient,
            None if hessian is None else hessian + np.diag(curvature),
        )

    def unit(self, moments: Moments) -> float:
        """What the Hessian of the loss is multiplied by at the scale of the moments."""
        return self._likelihood.at_scale(moments.loss, self._totals, moments.scale)[2]

    def rescaled(self, moments: Moments, scale: float) -> Moments:
        """The moments at another scale."""
        return self._at_scale(scale, moments.loss, *self._sums(moments))

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """The moments after a step if the loss is quadratic."""
        gradient, hessian = self._sums(moments)
        assert gradient is not None and hessian is not None
        with np.errstate(over="ignore", invalid="ignore"):
            change = hessian @ step
            loss = moments.loss + float(gradient @ step) + 0.5 * float(step @ change)
        return self._scaled(loss, gradient + change, hessian)

    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """The sum of the outer products of the rows' scores; OptionError where a leverage is 1."""
        self._count_pass(2)
        _, slope, curvature = self._likelihood.at_scale(moments.loss, self._totals, moments.scale)
        inverse = information.root() * math.sqrt(curvature) if power > 0 else None
        products, finite = self._rows.scores(params, self._leaf, self._threads, inverse, power, counted)
        if not finite:
            raise OptionError(FITTED_EXACTLY)
        return products * slope**2

    def clustered(self, params: Vector, moments: Moments, codes: NDArray[np.intp], count: int) -> Matrix:
        """The gradient of the NLL of each cluster at the scale of the moments."""
        slope = self._likelihood.at_scale(moments.loss, self._totals, moments.scale)[1]
        return super().clustered(params, moments, codes, count) * slope

    def _slopes(self, rows: NDArray[np.intp], x: NDArray[np.float64], params: Vector) -> Matrix:
        eta = x @ params + (0.0 if self.offset is None else self.offset[rows])
        y = self._y[rows].astype(np.float64, copy=False)
        if isinstance(self._leaf, UserLikelihood):  # in Python
            return np.asarray(self._leaf.rows(eta, y)[1][:, np.newaxis])
        return _core.terms(eta, y, self._leaf)[1][:, np.newaxis]

    def expected(self, params: Vector, moments: Moments) -> Matrix:
        """Two passes: the expected Hessian. d2 is linear in y, so its expectation is d2 at the mean of y."""
        self._count_pass(0)
        self._count_pass(2)
        mean = self._likelihood.mean(self._rows.linear_predictor(params, self._threads))
        intercept = self.size > self._design.columns
        rows = rows_of(self._design, mean, self.weights, self.offset, intercept)
        if self._space is not None:
            rows.standardise(self._space.centre, self._space.scale)
        hessian = rows.evaluate(params, self._leaf, 2, self._threads)[2]
        assert hessian is not None
        return hessian * self._likelihood.at_scale(moments.loss, self._totals, moments.scale)[2]

    def prior_slopes(self, params: Vector, information: Information) -> Vector:
        """One pass: minus twice the gradient of Jeffreys' prior, for likelihoods without a scale."""
        self._count_pass(1)
        return self._rows.prior_slopes(params, self._leaf, self._threads, information.root())

    @property
    def response(self) -> NDArray[Any]:
        """The numbers that stand for y."""
        return self._y

    def at(self, likelihood: Likelihood, totals: Totals, leaf: Any = None) -> MemoryObjective:
        """The same rows with another likelihood, or with another leaf of it."""
        other = copy.copy(self)
        other._likelihood, other._totals = likelihood, totals
        other._leaf = likelihood.compiled() if leaf is None else leaf
        return other

    def sample(self, step: int) -> Self:
        """The objective of every step-th row."""
        part = super().sample(step)
        part._totals = self._totals.share(step)
        return part

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """Extremes of s x'd over the rows; see inference/separation.py."""
        self._count_pass(0)
        return self._rows.scan(params, direction, self._leaf, self._threads)

    def _leads(self, rows: NDArray[np.intp], x: Matrix, directions: Matrix) -> Iterator[Leads]:
        """By s x'd; a row that has no open side must stand still."""
        sides = self._likelihood.sides(self._y[rows])[:, np.newaxis]
        along = x @ directions
        yield Leads(rows, np.where(sides == 0.0, -np.abs(along), sides * along), np.abs(x) @ np.abs(directions))

    def lead_vectors(self, ids: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.bool_]]:
        """S x; or x itself of rows that have no open side."""
        sides = self._likelihood.sides(self._y[ids])
        return np.where(sides == 0.0, 1.0, sides)[:, np.newaxis] * self._some_rows(ids), sides == 0.0

    def total_lead(self) -> Vector:
        """The sum of s x / max_j |x_j|."""
        total = np.zeros(self.size)
        for rows, x in self.blocks():
            size = np.abs(x).max(axis=1, initial=1e-300)
            total += (self._likelihood.sides(self._y[rows]) / size) @ x
        return total
