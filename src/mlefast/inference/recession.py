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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from mlefast.objective import ROUNDING, LeadObjective, Matrix, Vector

Index = NDArray[np.intp]
_ROUNDS = 100  # of adding rows
_ROUNDS_OF_CENTRE = 10
_AT_ONCE = 8  # programmes before their answers are looked at
_ACTIVE = 1e-6  # comparisons with smaller leads are taken to be at zero, which is then made exact
_PRECISE: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_TURNED = 1e-6  # of a direction's size: what counts as the other sign
_RIDGE = 1e-9


class Undecided(Exception):  # noqa: N818
    """Rounding keeps the linear programme from an answer."""


def separating_direction(
    objective: LeadObjective, guess: Vector, free: NDArray[np.bool_] | None = None
) -> Vector | None:
    """A direction that separates, found near a guess if it is there; None if there is none. Undecided is raised.

    It moves no other parameters than those that are `free`, by default all.
    """
    guess = guess if free is None else np.where(free, guess, 0.0)
    rows = _WorkingSet(objective, free)
    rows.add(_nearest(objective, guess))
    direction = rows.polish(guess)
    grows, worst = _check(objective, direction)
    if grows and not len(worst):
        return direction
    rows.add(worst)
    gain = objective.total_lead() if free is None else np.where(free, objective.total_lead(), 0.0)
    for _ in range(_ROUNDS):
        direction = rows.best(gain)
        if free is not None:
            direction = np.where(free, direction, 0.0)
        if not direction.any():
            return None
        grows, worst = _check(objective, direction)
        if not len(worst):
            return direction if grows else None
        if not rows.add(worst):
            raise Undecided
    raise Undecided


class Cone:
    """The directions along which no comparison falls behind, all combinations of the columns of `basis`, (size, k).

    `inside` is one of them along which every comparison gets ahead that does along any.
    """

    def __init__(self, objective: LeadObjective, basis: Matrix, inside: Vector) -> None:
        self._objective = objective
        self._basis = basis
        self._inside = basis.T @ inside / np.abs(basis.T @ inside).max()
        self._rows = _WorkingSet(objective)

    @property
    def _is_ray(self) -> bool:
        return bool(self._basis.shape[1] == 1)

    @property
    def direction(self) -> Vector:
        """The direction inside; after `signs` one that is well inside, if that was needed."""
        return _clean(self._basis @ self._inside)

    def _centre(self) -> Vector:
        """The direction along which the comparison that gets ahead least does so most, about."""
        best: Vector = self._inside
        furthest = 0.0
        for _ in range(_ROUNDS_OF_CENTRE):
            z = self._rows.centre(self._basis)
            if z is None:
                break
            last, least = _rank(self._objective, self.direction, (self._basis @ z)[:, np.newaxis])
            if least[0] > furthest:
                best, furthest = z, least[0]
            if not self._rows.add(last):
                break
        return best

    def signs(self, parameters: Matrix) -> Vector:
        """Where each parameter runs along the cone: 1 or -1, or 0 if both ways are possible.

        `parameters`, of shape (parameters, k), maps the coordinates along the basis to them.
        """
        parameters = parameters / np.abs(parameters).max(axis=1, keepdims=True)
        if self._is_ray:
            return self._signs_here(parameters)
        self._rows.add(_nearest(self._objective, self.direction, ahead=True))
        either = self._turned(parameters)
        if either.all():
            return np.zeros(len(parameters))
        self._inside = self._centre()
        answer = np.where(either, 0.0, self._signs_here(parameters))
        free = set(np.flatnonzero(answer).tolist())
        signed = answer[:, np.newaxis] * parameters
        while free := free - self._rows.imply(signed, self._basis):
            some = sorted(free)[:_AT_ONCE]
            together = self._rows.best(-signed[sorted(free)].sum(axis=0), self._basis)  # turns many, if these can turn
            points = [self._rows.best(-signed[j], self._basis) for j in some]
            # those that even fewer rows hold back are settled
            settled = {j for j, z in zip(some, points, strict=True) if signed[j] @ z >= -_TURNED}
            z = np.array([together, *points]).T
            worst, least = _rank(self._objective, self.direction, self._basis @ z, -ROUNDING)
            reached = signed @ z[:, ~(least < 0.0)]
            turned = {j for j in free if (reached[j] < -_TURNED).any()}
            answer[list(turned)] = 0.0
            free -= settled | turned
            if not self._rows.add(worst) and not settled and not turned:
                break
        answer[list(free)] = 0.0  # which rounding leaves open
        return answer

    def _signs_here(self, parameters: Matrix) -> Vector:
        """Where each parameter runs along the direction inside; 0 if it stands still."""
        here = parameters @ self._inside
        return np.where(np.abs(here) > _TURNED, np.sign(here), 0.0)

    def _turned(self, parameters: Matrix) -> NDArray[np.bool_]:
        """The parameters that can run either way, as the direction inside and a step from it tell: the shortest one
        that takes a parameter beyond zero, if it stays in the cone.

        Lengths are those of affine scaling, in which each comparison counts by the inverse of its lead (Dikin, Soviet
        Mathematics Doklady 8, 1967). Where the cone is wide that settles nearly all parameters, for one pass in the
        place of a linear programme each.
        """
        vectors = _of_unit_size(self._rows.vectors @ self._basis)
        vectors /= np.maximum(vectors @ self._inside, _TURNED)[:, np.newaxis]
        metric = vectors.T @ vectors
        metric += _RIDGE * np.trace(metric) * np.eye(len(metric))  # there may be fewer comparisons than parameters
        along = np.linalg.solve(metric, parameters.T)
        here = parameters @ self._inside
        beyond = here + np.copysign(np.maximum(0.01 * np.abs(here), 2.0 * _TURNED), here)
        steps = along * (beyond / (parameters.T * along).sum(axis=0))
        ends = self._basis @ (self._inside[:, np.newaxis] - steps)
        least = _rank(self._objective, self.direction, ends, -ROUNDING)[1]
        return np.asarray((np.abs(here) > _TURNED) & ~(least < 0.0))


class _WorkingSet:
    """The comparisons that the linear programmes know, each vector scaled to size 1."""

    def __init__(self, objective: LeadObjective, free: NDArray[np.bool_] | None = None) -> None:
        self._objective = objective
        self._free = free
        self._ids: Index = np.zeros(0, dtype=np.intp)
        self.vectors = np.zeros((0, objective.size))
        self._closed = np.zeros(0, dtype=np.bool_)

    def add(self, ids: Index) -> bool:
        """Whether any of the comparisons is new."""
        new = np.setdiff1d(ids, self._ids)
        vectors, closed = self._objective.lead_vectors(new)
        vectors = vectors if self._free is None else np.where(self._free, vectors, 0.0)
        self._ids = np.hstack([self._ids, new])
        self.vectors = np.vstack([self.vectors, _of_unit_size(vectors)])
        self._closed = np.hstack([self._closed, closed])
        return len(new) > 0

    def polish(self, direction: Vector) -> Vector:
        """The nearest direction along which what hardly moves stands still."""
        return _polish(self.vectors, direction)

    def centre(self, basis: Matrix) -> Vector | None:
        """The z with |z_j| <= 1 along which, by basis z, the comparison that gets ahead least does most; if found."""
        vectors = _of_unit_size(self.vectors @ basis)
        margins = np.column_stack([vectors, -np.ones(len(vectors))])
        size = basis.shape[1]
        found = _best(np.eye(size + 1)[size], margins, margins[:0])
        return None if found is None else found[:size]

    def imply(self, parameters: Matrix, basis: Matrix) -> set[int]:
        """The parameters, linear functions of z, that are the lead of a comparison but for a factor: never negative."""
        vectors = _of_unit_size(self.vectors @ basis)
        units, wanted = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1.0) for v in (vectors, parameters))
        return set(np.flatnonzero(((units @ wanted.T) > 1.0 - 1e-14).any(axis=0)).tolist())

    def best(self, gain: Vector, basis: Matrix | None = None) -> Vector:
        """The z with |z_j| <= 1 of the largest gain'z for which no comparison falls behind along basis z; 0 if no z
        gains.
        """
        vectors = self.vectors if basis is None else _of_unit_size(self.vectors @ basis)
        scale = np.abs(gain).max(initial=0.0)
        if not scale > 0.0:
            return np.zeros(len(gain))
        found = _best(gain / scale, vectors[~self._closed], vectors[self._closed])
        if found is None:
            raise Undecided
        if np.abs(found).max() < 0.5:  # what gains anything reaches the bounds
            return np.zeros(len(gain))
        return _polish(vectors, found)


def _best(gain: Vector, free: Matrix, fixed: Matrix) -> Vector | None:
    """The z with |z_j| <= 1, free z >= 0 and fixed z = 0 of the largest gain'z; None if rounding hides it."""
    from scipy.optimize import linprog

    constraints: dict[str, Any] = {}
    if len(free):
        constraints |= {"A_ub": -free, "b_ub": np.zeros(len(free))}
    if len(fixed):
        constraints |= {"A_eq": fixed, "b_eq": np.zeros(len(fixed))}
    found = linprog(-gain, bounds=(-1.0, 1.0), method="highs", options=_PRECISE, **constraints)
    return None if found.x is None else np.asarray(found.x)


def _of_unit_size(vectors: Matrix) -> Matrix:
    size = np.abs(vectors).max(axis=1, initial=0.0, keepdims=True)
    return np.asarray(np.divide(vectors, size, out=np.zeros_like(vectors), where=size > 0.0))


def _polish(vectors: Matrix, direction: Vector) -> Vector:
    """The nearest direction, of size 1, along which what hardly moves stands still."""
    size = np.abs(direction).max(initial=0.0)
    if not 0.0 < size < math.inf:
        return np.zeros_like(direction)
    direction = direction / size
    active = vectors[np.abs(vectors @ direction) <= _ACTIVE]
    if len(active):
        factor, triangle, _ = qr(active.T, mode="economic", pivoting=True)
        pivots = np.abs(np.diagonal(triangle))
        frame = factor[:, : int((pivots > 1e-9 * pivots[0]).sum())]
        for _ in range(2):
            direction = direction - frame @ (frame.T @ direction)
    return _clean(direction)


def _clean(directions: Matrix) -> Matrix:
    """Zero for what is rounding."""
    return np.where(np.abs(directions) <= 1e-13, 0.0, directions)


def _count(objective: LeadObjective) -> int:
    """How many rows join at a time."""
    return 2 * objective.size + 50


class _Least:
    """The comparisons with the smallest values, relative to their terms, of those that pass by."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.ids: Index = np.zeros(0, dtype=np.intp)
        self._values = np.zeros(0)

    @property
    def value(self) -> float:
        """The least of all."""
        return float(self._values.min(initial=math.inf))

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


def _rank(
    objective: LeadObjective, inside: Vector, directions: Matrix, below: float | None = None
) -> tuple[Index, Vector]:
    """Of the comparisons that get ahead along the first direction: those that do least along each of the others, and
    how far relative to their terms, if that is less than `below` (if given); and the least of that along each.
    """
    count = max(4, _count(objective) // directions.shape[1])
    least = [_Least(count) for _ in directions.T]
    for leads in objective.leads(_clean(np.column_stack([inside, directions]))):
        there = leads.ahead[:, 0]
        ids, values, terms = leads.ids[there], leads.values[there, 1:], leads.terms[there, 1:]
        for part, value, term in zip(least, values.T, terms.T, strict=True):
            chosen = slice(None) if below is None else value < below * term
            part.take(ids[chosen], value[chosen], term[chosen])
    return np.unique(np.hstack([part.ids for part in least])), np.array([part.value for part in least])
