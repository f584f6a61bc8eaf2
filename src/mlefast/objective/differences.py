# SPDX-License-Identifier: BSD-3-Clause
"""The objective of a user's likelihood with shape parameters: derivatives with respect to them by differences.

They are central differences of what passes return at nearby shapes, with five points, whose error is of the fourth
order in the distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.likelihoods import UserLikelihood

from .protocol import Matrix, Moments, Precision, Vector
from .shape import LARGEST, ShapeObjective

_DISTANCE = 2e-3  # balances the error of the formula, its fourth power, with rounding
_EPS = float(np.finfo(np.float64).eps)
_POINTS = (-2, -1, 1, 2)
_FIRST = (1.0 / 12.0, -8.0 / 12.0, 8.0 / 12.0, -1.0 / 12.0)
_SECOND = (-1.0 / 12.0, 16.0 / 12.0, 16.0 / 12.0, -1.0 / 12.0)
_SECOND_CENTRE = -30.0 / 12.0


class DifferencesObjective(ShapeObjective):
    """Negative log-likelihood as a function of the coefficients and the shape parameters."""

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """Passes over the rows at this shape and, from order 1 on, at four nearby values of each shape parameter."""
        shape, coefficients = params[-self._shapes :], params[: -self._shapes]
        if not (np.abs(shape) < LARGEST).all():
            return Moments(math.inf, np.zeros(self.size), np.eye(self.size))
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
        assert isinstance(likelihood, UserLikelihood)
        return likelihood.rows(eta, y)


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
