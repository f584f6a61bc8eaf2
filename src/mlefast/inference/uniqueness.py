# SPDX-License-Identifier: BSD-3-Clause
"""Whether a quantile regression has one solution, and if not, how far each coefficient can go.

Slopes psi that prove an optimum prove every other: parameters are optimal if and only if r_i >= 0 where psi_i = tau,
r_i <= 0 where psi_i = tau - 1, and r_i = 0 elsewhere. So other optima differ from a vertex by a non-negative combination of
edges, namely those along which a basic row with a slope at its bound leaves zero.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlefast.objective import Matrix, PiecewiseLinear, Vector

_AT_BOUND = 1e-9  # slopes this near to a bound are at it
_ROUNDING = 2.0**-40  # of |y| and the parameters: residuals and steps below are rounding
_ROWS = 4096  # that are looked at first
_ROUNDS = 50


def coefficient_ranges(
    objective: PiecewiseLinear,
    params: Vector,
    residuals: Vector,
    slopes: Vector,
    basis: NDArray[np.intp],
    to_user: Callable[[Vector], Vector],
) -> Matrix | None:
    """(least, greatest) of each parameter over all optima, in the user's units, shape (p, 2); None if there is one only."""
    edges = _free_edges(objective, slopes, basis)
    if not edges.shape[1]:
        return None
    moves = np.array([to_user(edge) for edge in edges.T]).T
    here = to_user(params)
    if edges.shape[1] == 1:
        end = here + _longest(objective, params, residuals, slopes, basis, edges[:, 0]) * moves[:, 0]
        ranges = np.sort(np.column_stack([here, end]), axis=1)
    else:
        ranges = _extremes(objective, params, residuals, slopes, basis, edges, here, moves)
    wide = ranges[:, 1] - ranges[:, 0] > _ROUNDING * np.abs(ranges).max()
    return ranges if wide.any() else None


def _free_edges(objective: PiecewiseLinear, slopes: Vector, basis: NDArray[np.intp]) -> Matrix:
    """The directions of the edges that keep the objective, shape (size, count)."""
    tau = objective.quantile
    upper, lower = slopes[basis] >= tau - _AT_BOUND, slopes[basis] <= tau - 1.0 + _AT_BOUND
    if not (upper | lower).any():
        return np.zeros((objective.size, 0))
    sides = np.where(upper, -1.0, 1.0)
    return np.asarray((np.linalg.inv(objective.dense(basis)) * sides)[:, upper | lower])


def _limits(objective: PiecewiseLinear, slopes: Vector) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which residuals must not become negative, and which not positive."""
    tau = objective.quantile
    counts = np.ones(len(slopes), dtype=np.bool_) if objective.weights is None else objective.weights > 0
    return counts & (slopes > tau - 1.0 + _AT_BOUND), counts & (slopes < tau - _AT_BOUND)


def _rounding(objective: PiecewiseLinear, params: Vector) -> Vector:
    return _ROUNDING * (np.abs(objective.response) + float(np.abs(params).sum()))


def _longest(
    objective: PiecewiseLinear, params: Vector, r: Vector, slopes: Vector, basis: NDArray[np.intp], edge: Vector
) -> float:
    """How far an edge can be followed."""
    change = objective.along(edge)
    change[basis] = 0.0
    change[np.abs(change) <= _ROUNDING * np.abs(edge).sum()] = 0.0
    above, below = _limits(objective, slopes)
    stops = np.flatnonzero((above & (change > 0.0)) | (below & (change < 0.0)))
    left = np.where(np.abs(r[stops]) <= _rounding(objective, params)[stops], 0.0, r[stops])
    return float(np.min(np.maximum(left / change[stops], 0.0), initial=np.inf))


def _extremes(
    objective: PiecewiseLinear,
    params: Vector,
    r: Vector,
    slopes: Vector,
    basis: NDArray[np.intp],
    edges: Matrix,
    here: Vector,
    moves: Matrix,
) -> Matrix:
    """The ranges by linear programmes in the lengths along several edges, on the rows that turn out to matter."""
    from scipy.optimize import linprog

    above, below = _limits(objective, slopes)
    slack = _rounding(objective, params)
    r = np.where(np.abs(r) <= slack, 0.0, r)
    others = np.ones(len(r), dtype=np.bool_)
    others[basis] = False
    above, below = above & others, below & others
    nearest = np.argpartition(np.abs(r), min(_ROWS, len(r)) - 1)[:_ROWS]
    rows = nearest[others[nearest]]
    ranges = np.column_stack([here, here])
    for j in range(len(here)):
        for side, sign in ((0, 1.0), (1, -1.0)):
            for _ in range(_ROUNDS):
                change = objective.dense(rows) @ edges
                bound_above, bound_below = above[rows], below[rows]
                matrix = np.vstack([change[bound_above], -change[bound_below]])
                bound = np.hstack([r[rows][bound_above], -r[rows][bound_below]])
                found = linprog(sign * moves[j], A_ub=matrix, b_ub=np.maximum(bound, 0.0), bounds=(0.0, None), method="highs")
                if found.status == 3:  # not yet bounded by the rows looked at
                    more = np.setdiff1d(np.argpartition(np.abs(r), min(4 * len(rows) + 1, len(r)) - 1)[: 4 * len(rows) + 1], rows)
                    more = more[others[more]]
                else:
                    after = r - objective.along(edges @ found.x)
                    more = np.setdiff1d(np.flatnonzero((above & (after < -slack)) | (below & (after > slack))), rows)
                if not len(more):
                    break
                rows = np.union1d(rows, more)
            ranges[j, side] = here[j] + moves[j] @ found.x
    return ranges
