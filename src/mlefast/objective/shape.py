# SPDX-License-Identifier: BSD-3-Clause
"""The objective of a likelihood with shape parameters of its own, such as the dispersion of the negative binomial.

Its parameters are the coefficients and then the shape parameters. Derivatives with respect to the former come from the
pass; those with respect to the latter are central differences of what the pass returns at nearby shapes, with five
points, whose error is of the fourth order in the distance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.likelihoods import Likelihood, Totals, UserLikelihood

from .information import Information
from .leverages import without_leverage
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
    def stride(self) -> int:
        """Of the largest sample of the rows."""
        return self._memory.stride

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
                mixed = _mixed(lambda point: self._at(point).moments(coefficients, 0).nll, shape, (j, k))
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
        return self._row_scores(params)

    def _row_scores(self, params: Vector, root: Matrix | None = None, power: int = 0, counted: bool = True) -> Scores:
        memory, coefficients = self.split(params)
        shape, offset, weights = params[-self._shapes :], memory.offset, memory.weights
        for rows, x in memory.blocks():
            for index, part in parts(rows, x, self.size * (1 if root is None else 1 + self._shapes)):
                eta = part @ coefficients + (0.0 if offset is None else offset[index])
                y = memory.response[index].astype(np.float64, copy=False)
                slopes, curvatures = self._derivatives(shape, eta, y)
                if root is not None:
                    if not counted and weights is not None:
                        curvatures *= weights[index, np.newaxis, np.newaxis]
                    projections = np.tile(root[-1 - self._shapes :], (len(part), 1, 1))
                    projections[:, 0] = part @ root[: -self._shapes]
                    slopes = without_leverage(slopes, curvatures, projections, power)
                yield index, np.hstack([slopes[:, :1] * part, slopes[:, 1:]])

    def _derivatives(self, shape: Vector, eta: Vector, y: Vector) -> tuple[Matrix, NDArray[np.float64]]:
        """The first derivatives of the NLL of rows with respect to eta and the shape, (n, m), and the second ones."""
        nll, d1, d2 = self._rows_at(shape, eta, y)
        m = 1 + self._shapes
        slopes, curvatures = np.empty((len(y), m)), np.empty((len(y), m, m))
        slopes[:, 0], curvatures[:, 0, 0] = d1, d2
        for j in range(self._shapes):
            near = [self._rows_at(_moved(shape, j, k * _DISTANCE), eta, y) for k in _POINTS]
            values, slopes_near = np.array([rows[0] for rows in near]), np.array([rows[1] for rows in near])
            slopes[:, 1 + j] = np.array(_FIRST) @ values / _DISTANCE
            curvatures[:, 0, 1 + j] = curvatures[:, 1 + j, 0] = np.array(_FIRST) @ slopes_near / _DISTANCE
            curvatures[:, 1 + j, 1 + j] = (np.array(_SECOND) @ values + _SECOND_CENTRE * nll) / _DISTANCE**2
            for k in range(j):
                mixed = _mixed(lambda point: self._rows_at(point, eta, y)[0], shape, (j, k))
                curvatures[:, 1 + j, 1 + k] = curvatures[:, 1 + k, 1 + j] = mixed
        return slopes, curvatures

    def _rows_at(self, shape: Vector, eta: Vector, y: Vector) -> tuple[Vector, Vector, Vector]:
        """The NLL of rows and its two derivatives with respect to eta."""
        likelihood = self._likelihood.at(shape.tolist())
        return likelihood.rows(eta, y) if isinstance(likelihood, UserLikelihood) else likelihood.terms(eta, y)

    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """The sum of the outer products of the rows' scores; the leverage of a row is a matrix, see leverages.py."""
        root = information.root() if power > 0 else None
        scores = self._row_scores(params, root, power, counted)
        return outer_products(scores, self._memory.weights, self.size, counted)

    def clustered(self, params: Vector, moments: Moments, codes: NDArray[np.intp], count: int) -> Matrix:
        """The gradient of the NLL of the rows of each code 0..count - 1."""
        return sums_by_code(self.row_scores(params), self._memory.weights, codes, (count, self.size))

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


def _mixed(function: Callable[[Vector], Any], shape: Vector, pair: tuple[int, int]) -> Any:
    """The mixed derivative of a function of the shape parameters, from two squares of points around them."""

    def square(a: float) -> Any:
        corners = [
            sign * function(_moved(_moved(shape, pair[0], x), pair[1], y))
            for x, y, sign in ((a, a, 1.0), (-a, -a, 1.0), (a, -a, -1.0), (-a, a, -1.0))
        ]
        return sum(corners) / (4.0 * a * a)

    return (4.0 * square(_DISTANCE) - square(2.0 * _DISTANCE)) / 3.0


def _weigh(coefficients: tuple[float, ...], values: list[float]) -> float:
    return float(np.dot(coefficients, values))
