# SPDX-License-Identifier: BSD-3-Clause
"""Quantile regression of many rows: few decide, and the others need only their signs.

1. The optimum of a sample of the rows; Newton steps with the gradient of all rows and the density of the sample bring
   it within a small multiple of the spacing of the residuals.
2. Rows with a residual far from zero keep their slope and enter as one sum; the others are solved exactly
   (Portnoy and Koenker, Statistical Science 12, 1997).
3. Rows whose residual turns out to contradict their slope join the others, until there is none: the optimum of all.

What is returned proves itself: slopes psi with sum_i w_i psi_i x_i = 0 are a feasible point of the dual, so
sum_i w_i (rho(r_i) - psi_i r_i) is how much any other parameters could gain at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlefast.objective import Information, Matrix, PiecewiseLinear, Vector

from .interior_point import InteriorPoint, interior_point
from .vertex import Vertex, choose_basis, follow_edges, near_zero

Index = NDArray[np.intp]
_WHOLE = 4096  # rows up to which all are solved at once
_PER_COLUMN = 60  # rows of the sample and of the last problem per parameter, at least
_REPRESENTATIVE = 0.5  # of the information of all rows, what each direction must have in the sample
_NEAR = 0.2  # share of the rows of the sample that tell the density at zero
_CLOSE = 1e-8  # relative gap at which edges take over
_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class QuantileSolution:
    """The optimum.

    `slopes` has psi_i of each row, which proves it; `basis` are the p rows that it passes through; `value` is the sum of
    w_i rho_tau(r_i) and `gap` what others could gain at most, as a share of it.
    """

    params: Vector
    residuals: Vector
    slopes: Vector
    basis: Index
    value: float
    gap: float
    steps: int
    pivots: int
    active: int


def minimise_quantile(objective: PiecewiseLinear, gram: Matrix) -> QuantileSolution:
    """The minimum of a `PiecewiseLinear` whose columns are independent; `gram` is sum_i w_i x_i x_i'."""
    search = _Search(objective, gram)
    search.run()
    return search.solution()


class _Search:
    def __init__(self, objective: PiecewiseLinear, gram: Matrix) -> None:
        self._objective = objective
        self._gram = gram
        self._information = Information(gram)
        self._steps = self._pivots = 0
        self._needed = max(_WHOLE, _PER_COLUMN * objective.size)
        self._present = None if objective.weights is None else objective.weights > 0

    def run(self) -> None:
        if self._objective.rows <= 2 * self._needed:
            params = self._least_squares(self._objective)
            self._solve(self._objective, params, np.zeros(self._objective.size), None)
            self._active = np.arange(self._objective.rows)
            self._r = self._objective.residuals(self._vertex.params)
            self._slopes = self._vertex.slopes
            return
        params, certain = self._from_sample()
        self._by_signs(params, certain)

    def _least_squares(self, objective: PiecewiseLinear) -> Vector:
        """Least squares, moved so that a share of about tau of the rows lies below."""
        information = Information(objective.gram(np.ones(objective.rows)), most=objective.rows)
        params = information.solve(objective.cross(objective.response))
        level = float(np.quantile(objective.residuals(params), objective.quantile))
        return params + level * information.solve(objective.cross(np.ones(objective.rows)))

    def _solve(self, part: PiecewiseLinear, params: Vector, fixed: Vector, width: float | None) -> bool:
        """The vertex that is optimal for the rows of `part`; False if there is none, so that more rows are needed."""
        if width is None:
            width = _width(part.residuals(params))
        point = interior_point(part, params, fixed, width=width, tol=_CLOSE)
        self._steps += point.steps
        self._vertex = follow_edges(part, fixed, choose_basis(part, point.stiffness))
        self._pivots += self._vertex.pivots
        return self._vertex.bounded and self._vertex.optimal

    def _from_sample(self) -> tuple[Vector, Index]:
        """Parameters near the optimum, and rows that weigh so much that they must be looked at one by one."""
        objective = self._objective
        rng = np.random.default_rng(0)
        count = 2 * self._needed
        index = np.unique(rng.integers(0, objective.rows, count))
        if self._present is not None:
            index = index[self._present[index]]
        certain = np.zeros(0, dtype=np.intp)
        weights = self._sample_weights(index)
        part = objective.take(index, weights)
        if not self._represents(part):
            h = objective.leverages(self._information.whiten_matrix())
            certain = np.flatnonzero(h > 4.0 * objective.size / count)
            index = np.setdiff1d(index, certain)
            own = np.ones(len(certain)) if objective.weights is None else objective.weights[certain].astype(np.float64)
            weights = np.hstack([self._sample_weights(index), own])
            index = np.hstack([index, certain])
            part = objective.take(index, weights)
        params = self._least_squares(part)
        point = interior_point(
            part, params, np.zeros(objective.size), width=_width(part.residuals(params)), tol=1e-4
        )
        self._steps += point.steps
        return self._refine(part, point.params), certain

    def _sample_weights(self, index: Index) -> Vector:
        """Weights that make the sample as heavy as the whole."""
        weights = self._objective.weights
        own = np.ones(len(index)) if weights is None else weights[index].astype(np.float64)
        return own * (self._total() / own.sum())

    def _total(self) -> float:
        weights = self._objective.weights
        return float(self._objective.rows if weights is None else np.sum(weights, dtype=np.float64))

    def _represents(self, part: PiecewiseLinear) -> bool:
        """Whether the sample has its share of information in every direction."""
        root = self._information.whiten_matrix()
        share = np.linalg.eigvalsh(root.T @ part.gram(np.ones(part.rows)) @ root)
        return bool(share.min() > _REPRESENTATIVE and share.max() < 1.0 / _REPRESENTATIVE)

    def _refine(self, part: PiecewiseLinear, params: Vector) -> Vector:
        """Newton steps with the gradient of all rows, as long as they become much shorter."""
        r = np.abs(part.residuals(params))
        width = float(np.quantile(r, _NEAR * min(1.0, 4.0 * min(part.quantile, 1.0 - part.quantile))))
        density = Information(part.gram((r <= width) / (2.0 * width)))
        last = np.inf
        while True:
            residuals = self._objective.residuals(params)
            step = density.solve(self._objective.cross(self._signs(residuals)))
            length = float(np.sqrt(step @ self._gram @ step / self._total()))
            if length > 0.5 * last:
                break
            params, last = params + step, length
            expected = 8.0 * length * self._objective.rows * _NEAR / width
            if expected < self._needed:
                break
        self._last = last
        return params

    def _signs(self, r: Vector) -> Vector:
        tau = self._objective.quantile
        return np.where(r > 0.0, tau, tau - 1.0)

    def _nearest(self, r: Vector, count: int) -> Index:
        """About `count` rows with the smallest residuals, of equal ones random ones."""
        size = np.abs(r)
        if self._present is not None:
            size[~self._present] = np.inf
        cut = float(np.partition(size, count)[count])
        index = np.flatnonzero(size <= cut)
        if len(index) > 2 * count:
            below, equal = np.flatnonzero(size < cut), np.flatnonzero(size == cut)
            index = np.union1d(below, np.random.default_rng(0).choice(equal, count, replace=False))
        return index

    def _by_signs(self, params: Vector, certain: Index) -> None:
        objective, count = self._objective, self._needed
        r = objective.residuals(params)
        self._active = np.union1d(self._nearest(r, min(count, objective.rows - 1)), certain)
        for _ in range(_ROUNDS):
            slopes = self._signs(r)
            slopes[self._active] = 0.0
            fixed = objective.cross(slopes)
            part = objective.take(self._active)
            while True:
                solved = self._solve(part, params, fixed, None)
                slopes[self._active] = self._vertex.slopes
                r = objective.residuals(self._vertex.params)
                wrong = self._contradictions(r, slopes)
                break
            self._r, self._slopes = r, slopes
            params = self._vertex.params
            if solved and not len(wrong):
                return
            if not solved:
                count *= 4
                self._active = np.union1d(self._active, self._nearest(r, min(count, objective.rows - 1)))
            self._active = np.union1d(self._active, wrong)

    def _contradictions(self, r: Vector, slopes: Vector) -> Index:
        """Rows whose residual is not zero and whose slope is not that of its sign."""
        tau = self._objective.quantile
        zero = near_zero(self._objective, self._vertex.params)
        return np.flatnonzero(((r > zero) & (slopes < tau)) | ((r < -zero) & (slopes > tau - 1.0)))

    def solution(self) -> QuantileSolution:
        """The solution with its proof, made of all rows."""
        objective, tau, r, slopes = self._objective, self._objective.quantile, self._r, self._slopes
        loss = np.where(r > 0.0, tau, tau - 1.0) * r
        value = _sum(objective.weights, loss)
        lost = _sum(objective.weights, loss - slopes * r)
        remainder = float(np.abs(self._vertex.params) @ np.abs(objective.cross(slopes)))
        gap = lost + remainder
        return QuantileSolution(
            self._vertex.params,
            r,
            slopes,
            self._active[self._vertex.basis],
            value,
            gap / value if value > 0.0 else gap,
            self._steps,
            self._pivots,
            len(self._active),
        )


def _width(r: Vector) -> float:
    size = float(np.mean(np.abs(r)))
    return size if size > 0.0 else 1.0


def _sum(weights: Vector | None, values: Vector) -> float:
    return float(values.sum() if weights is None else values @ weights)
