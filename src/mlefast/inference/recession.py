# SPDX-License-Identifier: BSD-3-Clause
"""Directions in which the likelihood never falls, by linear programmes on the few rows that matter.

With the vectors a_i of the comparisons (s_i x_i for two labels) these directions are the cone of all d with a_i'd >= 0.
A direction separates if a_i'd > 0 for some i, so one exists if and only if the largest sum_i a_i'd over the cone, cut
off at |d_j| <= 1, is positive (Konis, *Linear programming algorithms for detecting separated data in binary logistic
regression models*, 2007, chapter 4). The programme is solved for some rows; those that its answer violates most join
them until there are none. Fewer constraints allow more directions, so if even these hold none, there is none.

A coefficient runs to infinity if the cone moves it. Its sign is determined if all of the cone moves it one way.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from mlefast.objective import LeadObjective, Matrix, Vector

Index = NDArray[np.intp]
_ROUNDS = 100  # of adding rows
_ACTIVE = 1e-6  # comparisons with smaller leads are taken to be at zero, which is then made exact
_PRECISE = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_TURNED = 1e-6  # of a direction's size: what counts as the other sign


class Undecided(Exception):  # noqa: N818
    """Rounding keeps the linear programme from an answer."""


def separating_direction(objective: LeadObjective, guess: Vector) -> Vector | None:
    """A direction that separates, found near a guess if it is there; None if there is none. Undecided is raised."""
    rows = _WorkingSet(objective)
    rows.add(_nearest(objective, guess))
    direction = rows.polish(guess)
    grows, worst = _check(objective, direction)
    if grows and not len(worst):
        return direction
    rows.add(worst)
    gain = objective.total_lead()
    for _ in range(_ROUNDS):
        best = rows.best(gain)
        if np.abs(best).max(initial=0.0) < 0.5:
            return None  # what gains anything reaches the bounds
        direction = rows.polish(best)
        grows, worst = _check(objective, direction)
        if not len(worst):
            return direction if grows else None
        if not rows.add(worst):
            raise Undecided
    raise Undecided


def signs(
    objective: LeadObjective, direction: Vector, basis: Matrix, parameters: Matrix
) -> NDArray[np.float64]:
    """Where each parameter runs along the cone of directions that separate: 1 or -1, 0 if both ways are possible.

    `basis`, of shape (size, k), spans the cone, `direction` lies inside; `parameters`, of shape (parameters, k), maps
    its coordinates to those that are asked for.
    """
    inside = np.linalg.lstsq(basis, direction, rcond=None)[0]
    inside /= np.abs(inside).max()
    sizes = np.abs(parameters).max(axis=1)
    here = parameters @ inside
    answer = np.where(np.abs(here) > _TURNED * sizes, np.sign(here), 0.0)
    if basis.shape[1] == 1:
        return answer
    rows = _WorkingSet(objective)
    rows.add(_nearest(objective, direction, ahead=True))
    open_ = set(np.flatnonzero(answer).tolist())
    for _ in range(_ROUNDS):
        turned, candidates = [], []
        for j in sorted(open_):
            z = rows.best(-answer[j] * parameters[j], basis)
            if answer[j] * float(parameters[j] @ z) < -_TURNED * sizes[j]:
                turned.append(j)
                candidates.append(z)
            else:
                open_.discard(j)  # even fewer rows hold it back
        if not candidates:
            break
        points = np.array(candidates).T
        worst, fine = _check_all(objective, direction, basis @ points)
        reached = parameters @ points[:, fine]
        gone = {j for j in open_ if (answer[j] * reached[j] < -_TURNED * sizes[j]).any()}
        answer[list(gone)] = 0.0
        open_ -= gone
        if open_ and not rows.add(worst):
            break
    return answer


class _WorkingSet:
    """The comparisons that the linear programmes know, each vector scaled to size 1."""

    def __init__(self, objective: LeadObjective) -> None:
        self._objective = objective
        self._ids: Index = np.zeros(0, dtype=np.intp)
        self._vectors = np.zeros((0, objective.size))
        self._closed = np.zeros(0, dtype=np.bool_)

    def add(self, ids: Index) -> bool:
        """Whether any of the comparisons is new."""
        new = np.setdiff1d(ids, self._ids)
        vectors, closed = self._objective.lead_vectors(new)
        size = np.abs(vectors).max(axis=1, initial=0.0, keepdims=True)
        vectors = np.divide(vectors, size, out=np.zeros_like(vectors), where=size > 0.0)
        self._ids = np.hstack([self._ids, new])
        self._vectors = np.vstack([self._vectors, vectors])
        self._closed = np.hstack([self._closed, closed])
        return len(new) > 0

    def best(self, gain: Vector, basis: Matrix | None = None) -> Vector:
        """The z with |z_j| <= 1 of the largest gain'z for which no comparison falls behind along basis z."""
        from scipy.optimize import linprog

        vectors = self._vectors if basis is None else self._vectors @ basis
        scale = np.abs(gain).max(initial=0.0)
        if not scale > 0.0:
            return np.zeros(len(gain))
        free, fixed = vectors[~self._closed], vectors[self._closed]
        found = linprog(
            -gain / scale,
            A_ub=-free if len(free) else None,
            b_ub=np.zeros(len(free)) if len(free) else None,
            A_eq=fixed if len(fixed) else None,
            b_eq=np.zeros(len(fixed)) if len(fixed) else None,
            bounds=(-1.0, 1.0),
            method="highs",
            options=_PRECISE,
        )
        if found.x is None:
            raise Undecided
        return np.asarray(found.x)

    def polish(self, direction: Vector) -> Vector:
        """The nearest direction along which what hardly moves stands still."""
        size = np.abs(direction).max(initial=0.0)
        if not 0.0 < size < math.inf:
            return np.zeros_like(direction)
        direction = direction / size
        active = self._vectors[np.abs(self._vectors @ direction) <= _ACTIVE]
        if not len(active):
            return direction
        factor, triangle, _ = qr(active.T, mode="economic", pivoting=True)
        pivots = np.abs(np.diagonal(triangle))
        frame = factor[:, : int((pivots > 1e-9 * pivots[0]).sum())]
        for _ in range(2):
            direction = direction - frame @ (frame.T @ direction)
        direction[np.abs(direction) <= 1e-13] = 0.0
        return np.asarray(direction)


def _count(objective: LeadObjective) -> int:
    """How many rows join at a time."""
    return 2 * objective.size + 50


class _Least:
    """The comparisons with the smallest values, relative to their terms, of those that pass by."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.ids: Index = np.zeros(0, dtype=np.intp)
        self._values = np.zeros(0)

    def take(self, ids: Index, values: Vector, terms: Vector) -> None:
        ratios = np.divide(values, terms, out=np.zeros_like(values), where=terms > 0.0)
        ids, ratios = np.hstack([self.ids, ids]), np.hstack([self._values, ratios])
        if len(ids) > self._count:
            least = np.argpartition(ratios, self._count)[: self._count]
            ids, ratios = ids[least], ratios[least]
        self.ids, self._values = ids, ratios


def _nearest(objective: LeadObjective, direction: Vector, *, ahead: bool = False) -> Index:
    """The comparisons that get ahead least; of those that do at all, if `ahead`."""
    least = _Least(_count(objective))
    size = np.abs(direction).max(initial=0.0)
    if not 0.0 < size < math.inf:
        return least.ids
    for leads in objective.leads(direction[:, np.newaxis] / size):
        there = leads.ahead[:, 0] if ahead else slice(None)
        least.take(leads.ids[there], leads.values[there, 0], leads.terms[there, 0])
    return least.ids


def _check(objective: LeadObjective, direction: Vector) -> tuple[bool, Index]:
    """Whether a comparison gets ahead, and those that fall behind most."""
    grows, worst = False, _Least(_count(objective))
    for leads in objective.leads(direction[:, np.newaxis]):
        grows = grows or bool(leads.ahead.any())
        behind = leads.behind[:, 0]
        worst.take(leads.ids[behind], leads.values[behind, 0], leads.terms[behind, 0])
    return grows, worst.ids


def _check_all(objective: LeadObjective, inside: Vector, directions: Matrix) -> tuple[Index, NDArray[np.bool_]]:
    """Of the comparisons that get ahead along the first those that fall behind most along each of the directions, and
    along which of these none does.
    """
    worst = [_Least(max(4, _count(objective) // directions.shape[1])) for _ in directions.T]
    fine = np.ones(directions.shape[1], dtype=np.bool_)
    for leads in objective.leads(np.column_stack([inside, directions])):
        matters = leads.ahead[:, :1]
        behind = leads.behind & matters
        for j, column in enumerate(behind.T[1:]):
            if column.any():
                fine[j] = False
                worst[j].take(leads.ids[column], leads.values[column, j + 1], leads.terms[column, j + 1])
    return np.unique(np.hstack([least.ids for least in worst])), fine
