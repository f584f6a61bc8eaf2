# SPDX-License-Identifier: BSD-3-Clause
"""The exact end of a quantile regression: from vertex to vertex along edges, until the dual is feasible.

A vertex is the solution of p basic rows, r = 0 in each. Its optimality is decided by the slopes psi_B that make
sum_i w_i psi_i x_i = 0: all must lie in [tau - 1, tau]. If one does not, its row leaves, and the edge is followed until
the slope of the objective turns, many kinks later (Barrodale and Roberts, SIAM J. Numer. Anal. 10, 1973).

Where more than p rows have r = 0, edges of length zero could lead in a circle. So y counts as disturbed by an
infinitesimal multiple of random numbers: rows are ordered by (r, s), with s the residuals of these numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from mlefast.objective import Matrix, PiecewiseLinear, Vector

Index = NDArray[np.intp]
_ZERO = 2.0**-44  # of |y| and the parameters: residuals below are rounding
_CANDIDATES = 3  # times p rows are looked at first for a basis
_PIVOTS = 50  # times p, and some more: then something is wrong


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Vertex:
    """A basic solution: parameters, the slope of each row, the basic rows, and whether it is optimal.

    It is not if the objective falls for ever along an edge, so that other rows must be looked at.
    """

    params: Vector
    slopes: Vector
    basis: Index
    pivots: int
    optimal: bool


def near_zero(response: Vector, params: Vector) -> Vector:
    """For each row the size of a residual that is rounding only."""
    return _ZERO * (np.abs(response) + float(np.abs(params).sum()))


def choose_basis(objective: PiecewiseLinear, stiffness: Vector) -> Index:
    """As many independent rows as parameters, of the stiffest: QR with pivoting takes the largest that are left."""
    count, size = _CANDIDATES * objective.size, objective.size
    score = stiffness if objective.weights is None else np.where(objective.weights > 0, stiffness, 0.0)
    while True:
        count = min(count, objective.rows)
        rows = np.sort(np.argpartition(-score, count - 1)[:count])
        x = objective.dense(rows)
        length = np.linalg.norm(x, axis=1)
        length[length == 0.0] = 1.0
        scaled = x * (np.sqrt(score[rows] / score[rows].max()) / length)[:, np.newaxis]
        order = qr(scaled.T, mode="economic", pivoting=True)[2]
        chosen: Index = rows[order[:size]]
        if count == objective.rows or np.linalg.cond(objective.dense(chosen)) < 1e8:
            return chosen
        count *= 4


class Edges:
    """The simplex method on the rows of `objective`; `fixed` is sum_i w_i psi_i x_i of all others."""

    def __init__(self, objective: PiecewiseLinear, fixed: Vector, basis: Index) -> None:
        self._objective = objective
        self._fixed = fixed
        self._basis = basis.copy()
        self._weights = np.ones(objective.rows) if objective.weights is None else objective.weights
        self._disturbance = np.random.default_rng(0).uniform(-1.0, 1.0, objective.rows)
        self._place()

    def _place(self) -> None:
        """Parameters, residuals and slopes of the vertex of the basis."""
        objective, basis, tau = self._objective, self._basis, self._objective.quantile
        x = objective.dense(basis)
        self._inverse = np.linalg.inv(x)
        self.params = self._solve(x, objective.response[basis])
        self._r = objective.residuals(self.params)
        self._r[np.abs(self._r) <= near_zero(objective.response, self.params)] = 0.0
        self._s = self._disturbance - objective.along(self._inverse @ self._disturbance[basis])
        self._r[basis] = self._s[basis] = 0.0
        self._side = np.sign(np.where(self._r != 0.0, self._r, self._s))
        self.slopes = np.where(self._side > 0.0, tau, tau - 1.0)
        self.slopes[basis] = 0.0
        total = self._fixed + objective.cross(self.slopes)
        self.slopes[basis] = -(self._inverse.T @ total) / self._weights[basis]

    def _solve(self, x: Matrix, y: Vector) -> Vector:
        params = self._inverse @ y
        for _ in range(2):
            left = y.astype(np.longdouble) - x.astype(np.longdouble) @ params
            params = params + self._inverse @ left.astype(np.float64)
        return np.asarray(params)

    @property
    def rounding(self) -> float:
        """How far slopes of basic rows may be off."""
        size = float(np.abs(self._inverse).sum(axis=0).max()) / float(self._weights[self._basis].min())
        largest = float(self._weights.max())
        return 2.0**-46 * math.sqrt(self._objective.rows) * (1.0 + size * largest)

    def worst(self) -> tuple[int, float]:
        """The position in the basis of the slope that is most out of bounds, and by how much: negative if below."""
        tau, slopes = self._objective.quantile, self.slopes[self._basis]
        off = np.where(slopes > tau, slopes - tau, np.minimum(slopes - (tau - 1.0), 0.0))
        k = int(np.argmax(np.abs(off)))
        return k, float(off[k])

    def pivot(self, k: int, off: float) -> bool:
        """Row k of the basis leaves towards the side of its slope; False if no row stops the descent."""
        up = 1.0 if off > 0.0 else -1.0
        c = self._objective.along(np.asarray(-up * self._inverse[:, k], dtype=np.float64))  # residuals change by -c
        c[self._basis] = 0.0
        c[np.abs(c) <= 1e-12 * np.abs(c).max(initial=0.0)] = 0.0
        rows = np.flatnonzero((self._side * c > 0.0) & (self._weights > 0.0))
        order = np.lexsort((self._s[rows] / c[rows], self._r[rows] / c[rows]))
        rows = rows[order]
        slope = -abs(off) * self._weights[self._basis[k]]
        rises = np.cumsum(self._weights[rows] * np.abs(c[rows])) + slope
        stop = int(np.searchsorted(rises, slope * 1e-12))
        if stop == len(rows):
            return False
        self._basis[k] = rows[stop]
        self._place()
        return True

    @property
    def basis(self) -> Index:
        """The basic rows."""
        return self._basis


def follow_edges(objective: PiecewiseLinear, fixed: Vector, basis: Index) -> Vertex:
    """From the vertex of a basis to an optimal one."""
    edges = Edges(objective, fixed, basis)
    pivots = 0
    while True:
        k, off = edges.worst()
        optimal = abs(off) <= edges.rounding
        if optimal or pivots > _PIVOTS * (objective.size + 20) or not edges.pivot(k, off):
            break
        pivots += 1
    slopes = np.clip(edges.slopes, objective.quantile - 1.0, objective.quantile)
    return Vertex(edges.params, slopes, edges.basis, pivots, optimal)
