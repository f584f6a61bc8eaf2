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

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlefast.objective import Information, Matrix, PiecewiseLinear, Vector

from .interior_point import interior_point
from .vertex import choose_basis, follow_edges, near_zero

Index = NDArray[np.intp]
_WHOLE = 4096  # rows up to which all are solved at once
_PER_COLUMN = 60  # rows of the sample and of the last problem per parameter, at least
_REPRESENTATIVE = 0.5  # of the information of all rows, what each direction must have in the sample
_NEAR = 0.2  # share of the rows of the sample that tell the density at zero
_CLOSE = 1e-8  # relative gap at which edges take over
_ROUGH = 1e-5  # relative gap that will do for a sample
_NOTHING = 1e-3  # of the mean residual, what is nothing in a sample that was solved roughly
_TIES = 4  # times p rows without a residual are more than a vertex needs
_SHORTER = 0.5  # of the step before, what a Newton step must be to be worth its pass
_FEW = 0.1  # of the rows near zero, those that a step may still move across
_EDGES = 10  # times p contradicted rows are as well handled by edges as by another interior point
_EQUAL = 0.5  # of a sample: fewer different rows are worth merging all equal ones
_BLOCK = 1 << 15  # rows whose vectors stay in the cache


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


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A point near the optimum, and what leads from there to it.

    `density` is sum_i w_i f_i(0) x_i x_i', `rate` the share of the rows per unit of a residual near zero; `certain` are
    rows to be looked at one by one, among them a basis; `tied` says that many rows have r = 0.
    """

    params: Vector
    density: Information
    rate: float
    certain: Index
    tied: bool


def neighbour_of(objective: PiecewiseLinear, solution: QuantileSolution) -> Neighbour:
    """The solution as a point near those of the same rows with other weights."""
    size = np.abs(solution.residuals)
    tied = _count_ties(objective, solution.params, size, 0.0) > _TIES * objective.size
    density, rate = _density(objective, size, _width(size) if tied else None)
    return Neighbour(solution.params, density, rate, solution.basis, tied)


def minimise_quantile(objective: PiecewiseLinear, gram: Matrix, near: Neighbour | None = None) -> QuantileSolution:
    """The minimum of a `PiecewiseLinear` whose columns are independent; `gram` is sum_i w_i x_i x_i'."""
    merged = None if near else _merge_equal_rows(objective)
    if merged is None:
        search = _Search(objective, gram)
        search.run(near)
        return search.solution()
    part, first, which = merged
    search = _Search(part, gram)
    search.run(None)
    search.expand(objective, first, which)
    return search.solution()


def _merge_equal_rows(objective: PiecewiseLinear) -> tuple[PiecewiseLinear, Index, Index] | None:
    """Each different row once, with the weights added, its first place, and which one each row equals.

    Rows are told by a random combination of their numbers; a coincidence would show in the gap, which is that of all
    rows. None where a sample finds few equal rows.
    """
    rows = objective.rows
    if rows <= _WHOLE:
        return None
    rng = np.random.default_rng(1)
    direction, share = rng.uniform(-1.0, 1.0, objective.size), rng.uniform(0.5, 1.0)
    sample = np.unique(rng.integers(0, rows, _WHOLE))
    keys = objective.dense(sample) @ direction + share * objective.response[sample]
    if len(np.unique(keys)) > _EQUAL * len(sample):
        return None
    keys = objective.along(direction)
    keys += share * objective.response
    if objective.weights is not None:
        keys[objective.weights == 0] = np.inf
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return objective.take(first, np.bincount(which, objective.weights).astype(np.float64)), first, which


class _Search:
    def __init__(self, objective: PiecewiseLinear, gram: Matrix) -> None:
        self._objective = objective
        self._gram = gram
        self._information = Information(gram)
        self._steps = self._pivots = 0
        self._needed = max(_WHOLE, _PER_COLUMN * objective.size)
        self._present = None if objective.weights is None else objective.weights > 0

    def run(self, near: Neighbour | None) -> None:
        if self._objective.rows <= 2 * self._needed:
            params = self._least_squares(self._objective)
            self._solve(self._objective, params, np.zeros(self._objective.size), None)
            self._active = np.arange(self._objective.rows)
            self._r = self._objective.residuals(self._vertex.params)
            self._slopes = self._vertex.slopes
        else:
            self._approach(near or self._from_sample())
            self._by_signs()
        self._basis = self._active[self._vertex.basis]

    def _least_squares(self, objective: PiecewiseLinear) -> Vector:
        """Least squares, moved so that a share of about tau of the rows lies below."""
        information = Information(objective.gram(np.ones(objective.rows)), most=objective.rows)
        params = information.solve(objective.cross(objective.response))
        level = float(np.quantile(objective.residuals(params), objective.quantile))
        return params + level * information.solve(objective.cross(np.ones(objective.rows)))

    def _solve(self, part: PiecewiseLinear, params: Vector, fixed: Vector, basis: Index | None) -> bool:
        """The vertex that is optimal for the rows of `part`; False if there is none, so that more rows are needed."""
        if basis is None:
            point = interior_point(part, params, fixed, width=_width(part.residuals(params)), tol=_CLOSE)
            self._steps += point.steps
            if not point.converged and part.rows < self._objective.rows:
                return False
            basis = choose_basis(part, point.stiffness)
        self._vertex = follow_edges(part, fixed, basis)
        self._pivots += self._vertex.pivots
        return self._vertex.bounded and self._vertex.optimal

    def _from_sample(self) -> Neighbour:
        """The optimum of a sample, and of all rows those that weigh much."""
        objective, count = self._objective, 2 * self._needed
        index = np.unique(np.random.default_rng(0).integers(0, objective.rows, count))
        if self._present is not None:
            index = index[self._present[index]]
        part = objective.take(index, self._sample_weights(index))
        heavy = np.zeros(0, dtype=np.intp)
        if not self._represents(part):
            heavy = np.flatnonzero(objective.leverages(self._information.whiten_matrix()) > 4.0 * objective.size / count)
            index = np.setdiff1d(index, heavy)
            own = np.ones(len(heavy)) if objective.weights is None else objective.weights[heavy].astype(np.float64)
            weights = np.hstack([self._sample_weights(index), own])
            index = np.hstack([index, heavy])
            part = objective.take(index, weights)
        params = self._least_squares(part)
        r = part.residuals(params)
        alone = np.zeros(objective.size)
        point = interior_point(part, params, alone, width=_width(r), tol=_ROUGH)
        self._steps += point.steps
        basis = choose_basis(part, point.stiffness)
        size = np.abs(part.residuals(point.params))
        tied = _count_ties(part, point.params, size, _NOTHING * _width(size)) > _TIES * part.size
        params = follow_edges(part, alone, basis).params if tied else point.params
        density, rate = _density(part, size, _width(size) if tied else None)
        return Neighbour(params, density, rate, np.union1d(heavy, index[basis]), tied)

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

    def _approach(self, near: Neighbour) -> None:
        """Newton steps with the balance of all rows, until few rows change their sign; none where rows are tied."""
        rows, needed = self._objective.rows, self._needed
        self._certain, self._tied = near.certain, near.tied
        self._params, self._balance, before = near.params, self._objective.balance(near.params), np.inf
        while not near.tied:
            step = near.density.solve(self._balance)
            length = float(np.sqrt(max(0.0, step @ self._gram @ step) / self._total()))
            if length > _SHORTER * before or length * rows * near.rate < _FEW * needed:
                return
            self._params, before = self._params + step, length
            self._balance = self._objective.balance(self._params)

    def _nearest(self, r: Vector, count: int) -> Index:
        """About `count` rows with the smallest residuals, of equal ones random ones."""
        size = np.abs(r)
        if self._present is not None:
            size[~self._present] = np.inf
        count = min(count, len(size) - 1)
        cut = float(np.partition(size, count)[count])
        index = np.flatnonzero(size <= cut)
        if len(index) <= 2 * count:
            return index
        below, equal = np.flatnonzero(size < cut), np.flatnonzero(size == cut)
        return np.union1d(below, np.random.default_rng(0).choice(equal, count, replace=False))

    def _by_signs(self) -> None:
        """Solve for rows near zero while the others keep their slope, until none of these is contradicted."""
        objective, count, params = self._objective, self._needed, self._params
        r = objective.residuals(params)
        if self._tied:
            r[np.abs(r) <= near_zero(objective.response, params)] = 0.0
        self._active = np.union1d(self._nearest(r, count), self._certain)
        part = objective.take(self._active)
        self._fix(r, part)
        basis = None
        while True:
            solved = self._solve(part, params, self._fixed, basis)
            if solved:
                params = self._vertex.params
                r = objective.residuals(params)
                basis = self._active[self._vertex.basis]
                more = self._contradicted(r)
            else:
                count *= 4
                more = np.setdiff1d(self._nearest(r, count), self._active)
            if not len(more):
                break
            self._fixed = self._fixed - objective.take(more).cross(self._slopes_of(more))
            self._active = np.union1d(self._active, more)
            part = objective.take(self._active)
            basis = np.searchsorted(self._active, basis) if solved and len(more) <= _EDGES * objective.size else None
        self._r = r
        self._slopes = self._slopes_of(slice(None))
        self._slopes[self._active] = self._vertex.slopes

    def _fix(self, r: Vector, part: PiecewiseLinear) -> None:
        """The slopes of the rows that are not active: by sign, and what balances them best where r = 0.

        Sets `_fixed`, their sum.
        """
        objective, tau = self._objective, self._objective.quantile
        self._above = r > 0.0
        nothing = r == 0.0
        nothing[self._active] = False
        self._zero = np.flatnonzero(nothing)
        self._zero_slopes = np.zeros(len(self._zero))
        self._fixed = self._balance - part.balance(self._params)
        if not self._tied:
            return
        slopes = np.zeros(objective.rows)
        slopes[r == 0.0] = 1.0
        ties = Information(objective.gram(slopes))
        slopes *= objective.along(-ties.solve(objective.cross(self._slopes_of(slice(None)) * (r != 0.0))))
        self._zero_slopes = np.clip(slopes[self._zero], tau - 1.0, tau)
        slopes = self._slopes_of(slice(None))
        slopes[self._active] = 0.0
        self._fixed = objective.cross(slopes)

    def _slopes_of(self, index: Index | slice) -> Vector:
        """The slopes of rows while they are fixed."""
        slopes = np.where(self._above[index], self._objective.quantile, self._objective.quantile - 1.0)
        if isinstance(index, slice):
            slopes[self._zero] = self._zero_slopes
        elif len(self._zero):
            at = np.minimum(np.searchsorted(self._zero, index), len(self._zero) - 1)
            slopes = np.where(self._zero[at] == index, self._zero_slopes[at], slopes)
        return slopes

    def _contradicted(self, r: Vector) -> Index:
        """Rows that are not active and whose residual, if it is not zero, has another sign than their slope."""
        doubtful = (r > 0.0) != self._above
        doubtful[self._zero] = True
        doubtful[self._active] = False
        index = np.flatnonzero(doubtful)
        return index[np.abs(r[index]) > near_zero(self._objective.response[index], self._vertex.params)]

    def expand(self, objective: PiecewiseLinear, first: Index, which: Index) -> None:
        """From the solution of the different rows to that of all."""
        self._objective = objective
        self._r = objective.residuals(self._vertex.params)
        self._slopes = self._slopes[which]
        self._basis = first[self._basis]

    def solution(self) -> QuantileSolution:
        """The solution with its proof, made of all rows."""
        objective, params = self._objective, self._vertex.params
        value, lost = self._value_and_loss()
        remainder = float(np.abs(params) @ np.abs(objective.cross(self._slopes)))
        gap = lost + remainder
        floor = _sum(objective.weights, near_zero(objective.response, params))  # below, the fit is exact
        return QuantileSolution(
            params,
            self._r,
            self._slopes,
            self._basis,
            value,
            gap / value if value > floor else 0.0,
            self._steps,
            self._pivots,
            len(self._active),
        )

    def _value_and_loss(self) -> tuple[float, float]:
        """sum_i w_i rho(r_i) and sum_i w_i (rho(r_i) - psi_i r_i), whose terms are not negative, block by block."""
        objective, values = self._objective, []
        for first in range(0, objective.rows, _BLOCK):
            rows = slice(first, first + _BLOCK)
            r, weights = self._r[rows], None if objective.weights is None else objective.weights[rows]
            slopes = np.where(r > 0.0, objective.quantile, objective.quantile - 1.0)
            values.append((_sum(weights, slopes * r), _sum(weights, (slopes - self._slopes[rows]) * r)))
        return math.fsum(value for value, _ in values), math.fsum(lost for _, lost in values)


def _count_ties(objective: PiecewiseLinear, params: Vector, size: Vector, least: float) -> int:
    """How many rows have a residual that is nothing: no more than `least` or what rounding leaves."""
    return int(np.count_nonzero(size <= np.maximum(near_zero(objective.response, params), least)))


def _density(objective: PiecewiseLinear, size: Vector, width: float | None) -> tuple[Information, float]:
    """sum_i w_i f_i(0) x_i x_i', from the rows with the smallest residuals, and the share of the rows per unit."""
    share = _NEAR * min(1.0, 4.0 * min(objective.quantile, 1.0 - objective.quantile))
    if width is None:
        width = float(np.quantile(size, share))
    return Information(objective.gram((size <= width) / (2.0 * width))), share / width


def _width(r: Vector) -> float:
    size = float(np.mean(np.abs(r)))
    return size if size > 0.0 else 1.0


def _sum(weights: Vector | None, values: Vector) -> float:
    return float(np.sum(values if weights is None else values * weights))
