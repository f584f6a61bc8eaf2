# SPDX-License-Identifier: BSD-3-Clause
"""Quantile regression of many rows: few decide, and the others need only their signs.

1. The optimum of a sample of the rows; Newton steps with the balance of all rows and the density of the sample bring
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

from mlefast.objective import Information, Matrix, PiecewiseLinear, Vector, total

from .interior_point import interior_point
from .neighbour import Neighbour, least_squares, mean_size, neighbour_from_sample
from .vertex import Vertex, choose_basis, follow_edges, near_zero

Index = NDArray[np.intp]
_WHOLE = 4096  # rows that are solved at once, at least,
_PER_COLUMN = 60  # and per parameter
_EQUAL = 0.5  # of a sample: fewer different rows are worth merging all equal ones
_CLOSE = 1e-8  # relative gap at which edges take over
_SHORTER = 0.5  # of the step before, what a Newton step must be to be worth its pass
_FEW = 0.1  # of the rows near zero, those that a step may still move across
_EDGES = 10  # times p contradicted rows are as well handled by edges as by another interior point
_BLOCK = 1 << 15  # rows whose vectors stay in the cache


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class QuantileSolution:
    """The optimum.

    `slopes` has psi_i of each row, which proves it; `basis` are the p rows that it passes through; `value` is the sum
    of w_i rho_tau(r_i) and `gap` what others could gain at most, as a share of it (0 where the fit is exact). `active`
    is the number of rows that were solved exactly.
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


def minimise_quantile(objective: PiecewiseLinear, gram: Matrix, near: Neighbour | None = None) -> QuantileSolution:
    """The minimum of a `PiecewiseLinear` whose columns are independent; `gram` is sum_i w_i x_i x_i'."""
    merged = None if near else _merge_equal_rows(objective)
    if merged is None:
        return _solution(objective, _search(objective, gram, near))
    part, first, which = merged
    found = _search(part, gram, None)
    found.basis = first[found.basis]
    found.slopes = found.slopes[which]
    found.residuals = objective.residuals(found.params)
    return _solution(objective, found)


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


@dataclass(eq=False, repr=False)
class _Found:
    """An optimum without its proof."""

    params: Vector
    residuals: Vector
    slopes: Vector
    basis: Index
    steps: int
    pivots: int
    active: int


def _search(objective: PiecewiseLinear, gram: Matrix, near: Neighbour | None) -> _Found:
    """The optimum of all rows: of few at once, of many by their signs."""
    needed = max(_WHOLE, _PER_COLUMN * objective.size)
    if objective.rows > 2 * needed:
        information = Information(gram)
        near = near or neighbour_from_sample(objective, information, 2 * needed)
        return _FixedSigns(objective, needed, near, *_approach(objective, gram, near, needed)).solve()
    vertex, steps = _solve(objective, least_squares(objective), np.zeros(objective.size))
    residuals = objective.residuals(vertex.params)
    return _Found(vertex.params, residuals, vertex.slopes, vertex.basis, steps, vertex.pivots, objective.rows)


def _solve(objective: PiecewiseLinear, params: Vector, fixed: Vector) -> tuple[Vertex, int]:
    """The optimal vertex, through an interior point; and the steps of that."""
    width = mean_size(objective.residuals(params))
    point = interior_point(objective, params, fixed, width=width, tol=_CLOSE)
    return follow_edges(objective, fixed, choose_basis(objective, point.stiffness)), point.steps


def _approach(objective: PiecewiseLinear, gram: Matrix, near: Neighbour, needed: int) -> tuple[Vector, Vector]:
    """A point so near that few rows still change their sign, and its balance: by Newton steps, unless rows are tied."""
    params, balance, before = near.params, objective.balance(near.params), math.inf
    nobs = objective.rows if objective.weights is None else float(np.sum(objective.weights, dtype=np.float64))
    while not near.tied:
        step = near.density.solve(balance)
        length = math.sqrt(max(0.0, float(step @ gram @ step)) / nobs)
        if length > _SHORTER * before or length * objective.rows * near.rate < _FEW * needed:
            break
        params, before = params + step, length
        balance = objective.balance(params)
    return params, balance


class _FixedSigns:
    """Rows near zero are active and solved exactly; the others keep the slope of their sign."""

    def __init__(
        self, objective: PiecewiseLinear, needed: int, near: Neighbour, params: Vector, balance: Vector
    ) -> None:
        self._objective = objective
        self._count = needed
        self._params = params
        self._steps, self._pivots = near.steps, 0
        self._r = objective.residuals(params)
        if near.tied:
            self._r[np.abs(self._r) <= near_zero(objective.response, params)] = 0.0
        self._active = np.union1d(self._nearest(), near.certain)
        self._part = objective.take(self._active)
        self._above = self._r > 0.0
        tied = self._r == 0.0
        inactive = tied.copy()
        inactive[self._active] = False
        self._zero = np.flatnonzero(inactive)
        self._zero_slopes = np.zeros(len(self._zero))
        self._fixed = balance - self._part.balance(params)
        if near.tied:
            self._balance_ties(tied)

    def _nearest(self) -> Index:
        """About `count` rows with the smallest residuals, of equal ones random ones."""
        size, weights = np.abs(self._r), self._objective.weights
        if weights is not None:
            size[weights == 0] = np.inf
        count = min(self._count, len(size) - 1)
        cut = float(np.partition(size, count)[count])
        index = np.flatnonzero(size <= cut)
        if len(index) <= 2 * count:
            return index
        below, equal = np.flatnonzero(size < cut), np.flatnonzero(size == cut)
        return np.union1d(below, np.random.default_rng(0).choice(equal, count, replace=False))

    def _balance_ties(self, tied: NDArray[np.bool_]) -> None:
        """Where r = 0 any slope will do: those of least squares balance the others best."""
        objective, tau = self._objective, self._objective.quantile
        others = self._slopes(slice(None))
        others[tied] = 0.0
        share = tied.astype(np.float64)
        share *= objective.along(-Information(objective.gram(share)).solve(objective.cross(others)))
        self._zero_slopes = np.clip(share[self._zero], tau - 1.0, tau)
        slopes = self._slopes(slice(None))
        slopes[self._active] = 0.0
        self._fixed = objective.cross(slopes)

    def _slopes(self, index: Index | slice) -> Vector:
        """The slopes of rows that are not active."""
        slopes = np.where(self._above[index], self._objective.quantile, self._objective.quantile - 1.0)
        if isinstance(index, slice):
            slopes[self._zero] = self._zero_slopes
        elif len(self._zero):
            at = np.minimum(np.searchsorted(self._zero, index), len(self._zero) - 1)
            slopes = np.where(self._zero[at] == index, self._zero_slopes[at], slopes)
        return slopes

    def solve(self) -> _Found:
        """The optimum of all rows. Rows become active and never cease to be, so this ends."""
        vertex = self._from_inside()
        while True:
            if vertex is not None:
                self._params, basis = vertex.params, self._active[vertex.basis]
                self._r = self._objective.residuals(self._params)
                more = self._contradicted()
                if not len(more):
                    break
                self._activate(more)
                few = len(more) <= _EDGES * self._objective.size
                vertex = self._along_edges(np.searchsorted(self._active, basis)) if few else self._from_inside()
            else:  # the active rows cannot balance the others
                self._count *= 4
                self._activate(np.setdiff1d(self._nearest(), self._active))
                vertex = self._from_inside()
        slopes = self._slopes(slice(None))
        slopes[self._active] = vertex.slopes
        return _Found(self._params, self._r, slopes, basis, self._steps, self._pivots, len(self._active))

    def _from_inside(self) -> Vertex | None:
        """The vertex that is optimal while the fixed slopes stand, through an interior point; None if there is none."""
        part = self._part
        width = mean_size(part.residuals(self._params))
        point = interior_point(part, self._params, self._fixed, width=width, tol=_CLOSE)
        self._steps += point.steps
        if not point.converged and len(self._active) < self._objective.rows:
            return None
        return self._along_edges(choose_basis(part, point.stiffness))

    def _along_edges(self, basis: Index) -> Vertex | None:
        vertex = follow_edges(self._part, self._fixed, basis)
        self._pivots += vertex.pivots
        return vertex if vertex.optimal or len(self._active) == self._objective.rows else None

    def _contradicted(self) -> Index:
        """Rows that are not active and whose residual, if it is not zero, has another sign than their slope."""
        doubtful = (self._r > 0.0) != self._above
        doubtful[self._zero] = True
        doubtful[self._active] = False
        index = np.flatnonzero(doubtful)
        return index[np.abs(self._r[index]) > near_zero(self._objective.response[index], self._params)]

    def _activate(self, more: Index) -> None:
        self._fixed = self._fixed - self._objective.take(more).cross(self._slopes(more))
        self._active = np.union1d(self._active, more)
        self._part = self._objective.take(self._active)


def _solution(objective: PiecewiseLinear, found: _Found) -> QuantileSolution:
    """The solution with its proof, made of all rows block by block; no term of either sum is negative."""
    values, losses, floors = [], [], []  # below its floor a value is rounding, and the fit exact
    for first in range(0, objective.rows, _BLOCK):
        rows = slice(first, first + _BLOCK)
        r, weights = found.residuals[rows], None if objective.weights is None else objective.weights[rows]
        slopes = np.where(r > 0.0, objective.quantile, objective.quantile - 1.0)
        values.append(total(weights, slopes * r))
        losses.append(total(weights, (slopes - found.slopes[rows]) * r))
        floors.append(total(weights, near_zero(objective.response[rows], found.params)))
    value = math.fsum(values)
    gap = math.fsum(losses) + float(np.abs(found.params) @ np.abs(objective.cross(found.slopes)))
    return QuantileSolution(
        params=found.params,
        residuals=found.residuals,
        slopes=found.slopes,
        basis=found.basis,
        value=value,
        gap=gap / value if value > math.fsum(floors) else 0.0,
        steps=found.steps,
        pivots=found.pivots,
        active=found.active,
    )
