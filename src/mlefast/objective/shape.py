# SPDX-License-Identifier: BSD-3-Clause
"""The objective of a likelihood with shape parameters of its own, such as the dispersion of the negative binomial.

Its parameters are the coefficients and then the shape parameters. Derivatives with respect to the former come from the
pass; those with respect to the latter are central differences of what the pass returns at nearby shapes, with five
points, whose error is of the fourth order in the distance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.likelihoods import Likelihood, Totals, UserLikelihood

from .information import Information
from .memory import MemoryObjective
from .passes import Passes
from .protocol import Matrix, Moments, Precision, Vector
from .scores import Scores, outer_products, parts, sums_by_code

_DISTANCE = 2e-3  # of logarithms; balances the error of the formula, its fourth power, with rounding
_EPS = float(np.finfo(np.float64).eps)
_POINTS = (-2, -1, 1, 2)
_FIRST = (1.0 / 12.0, -8.0 / 12.0, 8.0 / 12.0, -1.0 / 12.0)
_SECOND = (-1.0 / 12.0, 16.0 / 12.0, 16.0 / 12.0, -1.0 / 12.0)
_SECOND_CENTRE = -30.0 / 12.0


class ShapeObjective:
    """Negative log-likelihood as a function of the coefficients and the shape parameters."""

    def __init__(self, rows: MemoryObjective, likelihood: Likelihood, totals: Callable[[Likelihood], Totals]) -> None:
        self._memory = rows
        self._likelihood = likelihood
        self._totals = totals
        self._shapes = len(likelihood.estimated)
        self.size = rows.size + self._shapes
        self.nobs = rows.nobs
        self.precision: Precision = rows.precision
        self.convex = False
        self.quadratic = False

    @property
    def passes(self) -> Passes:
        """Those over the rows."""
        return self._memory.passes

    @passes.setter
    def passes(self, passes: Passes) -> None:
        self._memory.passes = passes

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        return self._memory.rows

    @property
    def predictors(self) -> int:
        """Number of linear predictors in these rows."""
        return self._memory.predictors

    def split(self, params: Vector) -> tuple[MemoryObjective, Vector]:
        """The objective of the coefficients at the shape that stands in `params`, and the coefficients."""
        coefficients, shape = params[: -self._shapes], params[-self._shapes :]
        return self._at(shape), coefficients

    def _at(self, shape: Vector) -> MemoryObjective:
        likelihood = self._likelihood.at(shape.tolist())
        return self._memory.at(likelihood, self._totals(likelihood))

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """Passes over the rows at this shape and, from order 1 on, at four nearby values of each shape parameter."""
        shape, coefficients = params[-self._shapes :], params[: -self._shapes]
        if not (np.abs(shape) < 300.0).all():  # exp of it has no use in doubles
            return Moments(np.inf, np.zeros(self.size), np.eye(self.size))
        here = self._at(shape).moments(coefficients, order, precision)
        if order == 0 or not np.isfinite(here.nll):
            return here
        h = _DISTANCE
        around = [
            [self._at(_moved(shape, j, k * h)).moments(coefficients, order - 1) for k in _POINTS]
            for j in range(self._shapes)
        ]
        slopes = [_weigh(_FIRST, [m.nll for m in near]) / h for near in around]
        assert here.gradient is not None
        gradient = np.hstack([here.gradient, slopes])
        if order == 1:
            return Moments(here.nll, gradient, None, here.loss, here.scale)
        hessian = np.empty((self.size, self.size))
        p = len(coefficients)
        hessian[:p, :p] = here.hessian
        for j, near in enumerate(around):
            cross = sum(c * m.gradient for c, m in zip(_FIRST, near, strict=True) if m.gradient is not None) / h
            hessian[:p, p + j] = hessian[p + j, :p] = cross
            bend = _weigh(_SECOND, [m.nll for m in near]) + _SECOND_CENTRE * here.nll
            hessian[p + j, p + j] = bend / h**2
            for k in range(j):
                mixed = self._mixed(coefficients, shape, (j, k))
                hessian[p + j, p + k] = hessian[p + k, p + j] = mixed
        return Moments(here.nll, gradient, hessian, here.loss, here.scale)

    def rounding(self, params: Vector, moments: Moments, diagonal: Vector) -> Vector:
        """A bound for what rounding does to each entry of the gradient; see RowsObjective.

        Differences magnify it, and their formula has an error of its own, h^4 / 30 times a fifth derivative, which is
        taken to be at most one per row.
        """
        coefficients = self._memory.rounding(params[: -self._shapes], moments, diagonal[: -self._shapes])
        level = _EPS * (abs(moments.nll) + self.nobs) / _DISTANCE + _DISTANCE**4 / 30.0 * self.nobs
        return np.hstack([coefficients, np.full(self._shapes, level)])

    def row_scores(self, params: Vector) -> Scores:
        """One pass: the derivatives of the NLL of each row, without its weight; of the shape by differences."""
        memory, coefficients = self.split(params)
        shape, offset, h = params[-self._shapes :], memory.offset, _DISTANCE
        for rows, x in memory.blocks():
            for index, part in parts(rows, x, self.size):
                eta = part @ coefficients + (0.0 if offset is None else offset[index])
                y = memory.response[index].astype(np.float64, copy=False)
                slopes = [self._rows_at(shape, eta, y)[1][:, np.newaxis] * part]
                for j in range(self._shapes):
                    near = [self._rows_at(_moved(shape, j, k * h), eta, y)[0] for k in _POINTS]
                    slopes.append((np.array(_FIRST) @ near / h)[:, np.newaxis])
                yield index, np.hstack(slopes)

    def _rows_at(self, shape: Vector, eta: Vector, y: Vector) -> tuple[Vector, Vector]:
        """The NLL of rows and its derivative with respect to eta."""
        likelihood = self._likelihood.at(shape.tolist())
        if isinstance(likelihood, UserLikelihood):
            return (
                likelihood.rows(eta, y)[:2] if likelihood.in_python else _core.terms(eta, y, likelihood.compiled())[:2]
            )
        return likelihood.terms(eta, y)[:2]

    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """The sum of the outer products of the rows' scores; there are no leverages, so the power must be 0."""
        assert power == 0
        return outer_products(self.row_scores(params), self._memory.weights, self.size, counted)

    def clustered(self, params: Vector, moments: Moments, codes: NDArray[np.intp], count: int) -> Matrix:
        """The gradient of the NLL of the rows of each code 0..count - 1."""
        return sums_by_code(self.row_scores(params), self._memory.weights, codes, (count, self.size))

    def _mixed(self, coefficients: Vector, shape: Vector, pair: tuple[int, int]) -> float:
        """The mixed derivative of two shape parameters, from two squares of points around them."""

        def square(a: float) -> float:
            corners = [
                sign * self._at(_moved(_moved(shape, pair[0], x), pair[1], y)).moments(coefficients, 0).nll
                for x, y, sign in ((a, a, 1.0), (-a, -a, 1.0), (a, -a, -1.0), (-a, a, -1.0))
            ]
            return sum(corners) / (4.0 * a * a)

        return (4.0 * square(_DISTANCE) - square(2.0 * _DISTANCE)) / 3.0

    def plus(self, moments: Moments, value: float, gradient: Vector, curvature: Vector) -> Moments:
        """The moments with a function added that has this diagonal Hessian."""
        return moments.plus(value, gradient, curvature)

    def unit(self, moments: Moments) -> float:
        """The loss has no scale of its own."""
        return 1.0

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """Of no use: the loss is not quadratic."""
        raise NotImplementedError

    def coordinates(self, params: Vector) -> None:
        """There is no better information about here than the Hessian."""

    def sample(self, step: int) -> ShapeObjective:
        """The same objective on every step-th row."""
        return ShapeObjective(
            self._memory.sample(step), self._likelihood, lambda likelihood: self._totals(likelihood).share(step)
        )

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """Of the coefficients only."""
        memory, coefficients = self.split(params)
        return memory.scan(coefficients, direction[: -self._shapes])

    def separating(self, step: Vector) -> Vector | None:
        """A step of the coefficients along which the likelihood grows for ever."""
        found = self._memory.separating(step[: -self._shapes])
        return None if found is None else np.hstack([found, np.zeros(self._shapes)])


def _moved(shape: Vector, j: int, by: float) -> Vector:
    moved = shape.copy()
    moved[j] += by
    return moved


def _weigh(coefficients: tuple[float, ...], values: list[float]) -> float:
    return float(np.dot(coefficients, values))
