# SPDX-License-Identifier: BSD-3-Clause
"""The limit of a softmax along directions in which some labels get ahead of some classes.

There a row chooses among fewer classes: those whose linear predictor keeps pace with that of its label. The compiled
pass knows no such rows, so this one is in NumPy, block by block.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Sums
from .information import Information
from .protocol import Leads, Matrix, Moments, Vector
from .scores import outer_products
from .softmax import SoftmaxObjective


class RestrictedSoftmax(SoftmaxObjective):
    """Negative log-likelihood of the classes that stay possible in the limit along `barred`, (size, directions)."""

    def __init__(self, *args: Any, barred: Matrix, **options: Any) -> None:
        super().__init__(*args, **options)
        self._barred = barred

    def _rivals(self, rows: NDArray[np.intp], x: Matrix) -> NDArray[np.bool_]:
        """The other classes that stay possible."""
        others = super()._rivals(rows, x)
        ahead = Leads(rows, *self._compare(rows, x, self._barred)).ahead
        return np.asarray(others & ~ahead.any(axis=2))

    def _evaluate(self, params: Vector, order: int, single: bool) -> Sums:
        return *self.total(partial(_sum, params=params, order=order)), math.inf

    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """The sum of the outer products of the rows' scores."""
        if power > 0:
            return super().scores(params, moments, information, power=power, counted=counted)
        products: Matrix = self.total(partial(_products, params=params, counted=counted))
        return products

    def _shares(self, rows: NDArray[np.intp], x: Matrix, params: Vector) -> Matrix:
        return self._probabilities(rows, x, params)[0]

    def _slopes(self, rows: NDArray[np.intp], x: Matrix, params: Vector) -> Matrix:
        return self._of_rows(rows, x, params)[2][:, 1:]

    def _of_rows(self, rows: NDArray[np.intp], x: Matrix, params: Vector) -> tuple[Matrix, Matrix, Matrix, Vector]:
        """Of each class the probability, one minus it and d1; the negative log-likelihood of each row."""
        p, rest, nll = self._probabilities(rows, x, params)
        d1 = p.copy()
        labels = (np.arange(len(rows)), self._y[rows].astype(np.intp))
        d1[labels] = -rest[labels]
        return p, rest, d1, nll

    def sums(self, params: Vector, order: int) -> tuple[float, Vector | None, Matrix | None, bool]:
        """One pass: NLL, gradient, Hessian, and whether all is finite."""
        equations, columns = self._classes - 1, self._columns
        losses = []
        gradient, hessian = np.zeros((equations, columns)), np.zeros((equations, columns, equations, columns))
        for rows, x in self.blocks():
            p, rest, d1, nll = self._of_rows(rows, x, params)
            weights = np.ones(len(rows)) if self.weights is None else self.weights[rows]
            losses.append(float(weights @ nll))
            gradient += (weights[:, np.newaxis] * d1[:, 1:]).T @ x
            for k in range(equations if order == 2 else 0):
                for other in range(k + 1):
                    a, b = k + 1, other + 1
                    bend = p[:, a] * (rest[:, a] if a == b else -p[:, b])
                    hessian[k, :, other] += x.T @ ((weights * bend)[:, np.newaxis] * x)
        for k in range(equations):
            for other in range(k):
                hessian[other, :, k] = hessian[k, :, other]
        loss = math.fsum(losses)
        square = hessian.reshape(self.size, self.size)
        finite = math.isfinite(loss) and bool(np.isfinite(square).all())
        return loss, gradient.ravel() if order else None, square if order == 2 else None, finite

    def _probabilities(self, rows: NDArray[np.intp], x: Matrix, params: Vector) -> tuple[Matrix, Matrix, Vector]:
        """Of each class, one minus that with all its digits, and the negative log-likelihood of each row."""
        labels = (np.arange(len(rows)), self._y[rows].astype(np.intp))
        possible = self._rivals(rows, x)
        possible[labels] = True
        eta = np.where(possible, np.pad(x @ self._by_class(params).T, ((0, 0), (1, 0))), -np.inf)
        eta -= eta.max(axis=1, keepdims=True, initial=-1e300)
        shares = np.exp(eta)
        total = shares.sum(axis=1, keepdims=True)
        rest = shares @ (1.0 - np.eye(self._classes)) / total
        return shares / total, rest, np.log(total[:, 0]) - eta[labels]

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """As of all classes, over those that stay possible."""
        gain, least, most = -math.inf, math.inf, -math.inf
        for rows, x in self.blocks():
            p, _, _ = self._probabilities(rows, x, params)
            rivals = self._rivals(rows, x)
            if rivals.any():
                steps = np.pad(x @ self._by_class(direction).T, ((0, 0), (1, 0)))
                gains = ((p * steps).sum(axis=1, keepdims=True) - steps)[rivals]
                leads = self._compare(rows, x, direction[:, np.newaxis])[0][rivals]
                gain, least, most = max(gain, gains.max()), min(least, leads.min()), max(most, leads.max())
        return (gain, least, most) if math.isfinite(gain) else (0.0, 0.0, 0.0)


def _sum(part: RestrictedSoftmax, params: Vector, order: int) -> tuple[float, Vector | None, Matrix | None, bool]:
    return part.sums(params, order)


def _products(part: RestrictedSoftmax, params: Vector, counted: bool) -> Matrix:
    return outer_products(part.row_scores(params), part.weights, part.size, counted)
