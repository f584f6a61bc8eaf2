# SPDX-License-Identifier: BSD-3-Clause
"""Whether a quantile regression has one solution, and if not, how far each coefficient can go.

Slopes psi that prove an optimum prove every other: parameters are optimal if and only if r_i >= 0 where psi_i = tau,
r_i <= 0 where psi_i = tau - 1, and r_i = 0 elsewhere. So other optima differ from a vertex by a non-negative
combination of edges, namely those along which a basic row with a slope at its bound leaves zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlefast.objective import Matrix, PiecewiseLinear, Vector

Index = NDArray[np.intp]
_AT_BOUND = 1e-9  # slopes this near to a bound are at it
_ROUNDING = 2.0**-40  # of |y| and the parameters: residuals and steps below are rounding
_ROWS = 4096  # that are looked at first


def coefficient_ranges(
    objective: PiecewiseLinear,
    params: Vector,
    residuals: Vector,
    slopes: Vector,
    basis: Index,
    to_user: Callable[[Vector], Vector],
) -> Matrix | None:
    """(least, greatest) of each parameter over all optima, in the user's units, shape (p, 2); None if there is one."""
    edges = _free_edges(objective, slopes, basis)
    if not edges.shape[1]:
        return None
    face = _Face(objective, params, residuals, slopes, basis, edges)
    here = to_user(params)
    moves = np.array([to_user(edge) for edge in edges.T])
    if len(moves) == 1:
        ends = np.column_stack([here, here + face.length() * moves[0]])
    else:
        ends = np.array(
            [[at + face.furthest(-along), at - face.furthest(along)] for at, along in zip(here, moves.T, strict=True)]
        )
    ranges = np.sort(ends, axis=1)
    wide = ranges[:, 1] - ranges[:, 0] > _ROUNDING * np.abs(ranges).max()
    return ranges if wide.any() else None


def _free_edges(objective: PiecewiseLinear, slopes: Vector, basis: Index) -> Matrix:
    """The directions of the edges that keep the objective, shape (size, count)."""
    tau = objective.quantile
    upper, lower = slopes[basis] >= tau - _AT_BOUND, slopes[basis] <= tau - 1.0 + _AT_BOUND
    if not (upper | lower).any():
        return np.zeros((objective.size, 0))
    sides = np.where(upper, -1.0, 1.0)
    return np.asarray((np.linalg.inv(objective.dense(basis)) * sides)[:, upper | lower])


class _Face:
    """The optima, as lengths along the free edges of a vertex."""

    def __init__(
        self, objective: PiecewiseLinear, params: Vector, r: Vector, slopes: Vector, basis: Index, edges: Matrix
    ) -> None:
        tau = objective.quantile
        others = np.ones(len(r), dtype=np.bool_) if objective.weights is None else objective.weights > 0
        others[basis] = False
        self._objective = objective
        self._edges = edges
        self._slack = _ROUNDING * (np.abs(objective.response) + float(np.abs(params).sum()))
        self._r = np.where(np.abs(r) <= self._slack, 0.0, r)
        self._above = others & (slopes > tau - 1.0 + _AT_BOUND)  # residuals that must not become negative,
        self._below = others & (slopes < tau - _AT_BOUND)  # and not positive
        self._order = np.argsort(np.where(others, np.abs(self._r), np.inf))[: int(others.sum())]
        self._rows = self._order[:_ROWS]

    def length(self) -> float:
        """How far the only edge can be followed."""
        edge = self._edges[:, 0]
        change = self._objective.along(edge)
        change[np.abs(change) <= _ROUNDING * np.abs(edge).sum()] = 0.0
        stops = np.flatnonzero((self._above & (change > 0.0)) | (self._below & (change < 0.0)))
        return float(np.min(self._r[stops] / change[stops], initial=np.inf))

    def furthest(self, cost: Vector) -> float:
        """The largest -cost't over the face: a linear programme with the rows that turn out to matter."""
        from scipy.optimize import linprog

        while True:
            above, below = self._above[self._rows], self._below[self._rows]
            change, r = self._objective.dense(self._rows) @ self._edges, self._r[self._rows]
            matrix, bound = np.vstack([change[above], -change[below]]), np.hstack([r[above], -r[below]])
            found = linprog(cost, A_ub=matrix, b_ub=np.maximum(bound, 0.0), bounds=(0.0, None), method="highs")
            lengths = found.x  # None: the rows looked at do not bound it
            more = self._order[: 4 * len(self._rows)] if lengths is None else self._violated(lengths)
            more = np.setdiff1d(more, self._rows)
            if not len(more):
                return -math.inf if lengths is None else -float(cost @ lengths)
            self._rows = np.union1d(self._rows, more)

    def _violated(self, lengths: Vector) -> Index:
        r = self._r - self._objective.along(self._edges @ lengths)
        return np.flatnonzero((self._above & (r < -self._slack)) | (self._below & (r > self._slack)))
