# SPDX-License-Identifier: BSD-3-Clause
"""What a fit comes near where the maximum lies at infinity: which coefficients are infinite, and where the others end.

Rows that a direction separates are fitted perfectly in the limit and drop out; so do, for classes, those that a row's
label leaves behind. What is left is a fit again, of fewer rows and with fewer independent columns, which may be
separated in its turn: then it goes on. In the end the rows that are left have a maximum, and they stand still along
every direction in which all rows lose nothing, so that the columns that are dependent among them span these directions
(Geyer, Electronic Journal of Statistics 3, 2009; Correia, Guimaraes and Zylkin, arXiv:1903.01633, for counts).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlefast.inference import Separation
from mlefast.objective import (
    Information,
    Matrix,
    Moments,
    RidgeObjective,
    RowsObjective,
    ShapeObjective,
    Standardisation,
    Vector,
)
from mlefast.solvers import Expansion, Solution, expand, irls

from .existence import of_coefficients, prove
from .model import Model
from .penalised import Prior, settle
from .refinement import equal_triangle, in_doubt

_MAX_ITER = 100
_STILL = 1e-7  # of the largest part of a direction: smaller ones are rounding


class Limit(NamedTuple):
    """The fit of the rows that are left, and where the parameters go that they do not determine."""

    objective: RowsObjective | ShapeObjective
    solution: Solution
    moved: NDArray[np.bool_]  # the parameters that separating directions move
    ends: Vector  # for these inf or -inf, and NaN where either way is as good; 0 for the others
    separation: Separation


def find_limit(
    model: Model,
    objective: RowsObjective | ShapeObjective,
    solution: Solution,
    columns: Information,
    found: Separation,
    tol: float,
    prior: Prior | None = None,
) -> Limit:
    """The limit of a separated fit, from its solution and the direction that was found; both in its coordinates."""
    held = prior if isinstance(prior, RidgeObjective) else None
    rows = _memory_of(objective, solution)
    assert found.direction is not None
    directions = found.direction[: rows.size, np.newaxis]
    taken = solution
    while True:
        separated, touched = _separated_rows(rows, directions, model.data.design.rows)
        basis = np.eye(model.size)[:, columns.kept if held is None else columns.kept & held.free]
        complete = int(separated.sum()) == model.data.present
        if complete:
            rest, taken = objective, _nothing(np.zeros(model.size) if held is None else held.curvature, solution)
            break
        part = model.beyond(directions, separated)
        rest = part.objective()
        left = column_rank(part, rest, held).among(columns.kept)
        taken = _maximum(rest, held, _without(taken.params, left), tol)
        taken = taken._replace(params=_without(taken.params, left))
        lost = [v for j, v in left.null_vectors() if columns.kept[j]]
        if not lost:  # huge cells hide what the rows that are left do not determine
            lost = [np.pad(direction, (0, model.size - rows.size)) for direction in directions.T]
        basis = np.array(lost).T
        remaining = _memory_of(rest, taken)
        params = taken.params[: rows.size]
        free = None if held is None else held.free[: rows.size]
        there, known = expand(remaining, params, "double")[1], of_coefficients(left, rows.size)
        again = prove(remaining, params, there, known, taken.converged, free)
        objective.passes += rest.passes
        if again.direction is None:
            break
        directions = np.column_stack([directions, again.direction])
    found = replace(found, kind="complete" if complete else "quasi", rows=int(touched.sum()))
    return _describe(model, rows, rest, taken, columns, basis, directions, found)


def _maximum(
    objective: RowsObjective | ShapeObjective, held: RidgeObjective | None, start: Vector, tol: float
) -> Solution:
    """The maximum, with the prior if there is one."""
    if held is None:
        return irls(objective, start, tol=tol, max_iter=_MAX_ITER)
    goal = RidgeObjective(objective, held.curvature)
    return settle(goal, irls(goal, start, tol=tol, max_iter=_MAX_ITER))


def column_rank(model: Model, objective: RowsObjective | ShapeObjective, prior: Prior | None = None) -> Information:
    """The information that is the same in all rows and classes, that of the shape parameters for themselves, and that
    of a prior.
    """
    held = np.zeros(model.size) if prior is None else prior.curvature
    several = int(np.count_nonzero(held))
    if model.barred is not None:  # classes that are not possible in all rows
        hessian = objective.moments(np.zeros(model.size), 2).hessian
        assert hessian is not None
        return Information(hessian + np.diag(held), most=model.data.present * model.equations + several)
    equal = model.equally_informed(model.intercept)
    hessian = equal.moments(np.zeros(equal.size), 2).hessian
    assert hessian is not None
    objective.passes += equal.passes
    many, held = np.eye(model.equations, dtype=np.float64), np.diag(held)
    most = model.data.present * model.equations + model.estimated + several
    if prior is None and in_doubt(Information(hessian, most=model.data.present)):
        objective.passes = objective.passes.plus(2)
        triangle, noise = equal_triangle(model)
        noise = np.hstack([np.tile(noise, model.equations), np.zeros(model.estimated)])
        return Information.of_triangle(_padded(np.kron(many, triangle), model.estimated), noise, most=most)
    return Information(_padded(np.kron(many, hessian), model.estimated) + held, most=most)


def _padded(matrix: NDArray[np.floating[Any]], others: int) -> Matrix:
    """The matrix, and the identity for as many parameters behind it."""
    size = len(matrix) + others
    padded = np.eye(size)
    padded[: len(matrix), : len(matrix)] = matrix
    return padded


def _memory_of(objective: RowsObjective | ShapeObjective, solution: Solution) -> RowsObjective:
    return objective.split(solution.params)[0] if isinstance(objective, ShapeObjective) else objective


def _without(params: Vector, columns: Information) -> Vector:
    """The same eta without the columns that are left out."""
    params = params.copy()
    for j, vector in columns.null_vectors():
        params += params[j] * vector
    return params


def _nothing(curvature: Vector, before: Solution) -> Solution:
    """The fit of no rows, with nothing but the prior to say something."""
    zero = np.zeros_like(curvature)
    none = Expansion(zero, Information(np.diag(curvature)), zero, "double")
    return Solution(zero, Moments(0.0, zero, None, 0.0), none, 0.0, before.iterations, True)


def _separated_rows(
    objective: RowsObjective, directions: Matrix, count: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The rows of which nothing is left to fit, and those that get ahead at all."""
    touched, left = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    for leads in objective.leads(directions):
        ahead, rows = leads.ahead.any(axis=1), objective.row_of(leads.ids)
        touched[rows[ahead]] = True
        left[rows[~ahead]] = True
    return touched & ~left, touched


def _describe(
    model: Model,
    rows: RowsObjective,
    rest: RowsObjective | ShapeObjective,
    taken: Solution,
    columns: Information,
    basis: Matrix,
    directions: Matrix,
    found: Separation,
) -> Limit:
    """Where the parameters go along the directions that `basis` spans."""
    from mlefast.inference.recession import Cone, Undecided

    space, size = model.coordinates, rows.size
    basis = np.linalg.qr(basis)[0][:size]
    basis[np.linalg.norm(basis, axis=1) <= _STILL] = 0.0
    cone = Cone(rows, basis, _inside(rows, directions))
    padding = ((0, model.size - size), (0, 0))
    in_user_units = np.array([space.to_user(v) for v in np.pad(basis, padding).T]).T
    span = np.linalg.norm(in_user_units, axis=1)
    moved = columns.kept & (span > _STILL * _sizes(space, np.pad(np.linalg.norm(basis, axis=1), padding[0])))
    ends = np.zeros(model.size)
    try:
        way = cone.signs(in_user_units[moved])
    except Undecided:
        way = np.zeros(np.count_nonzero(moved))
    ends[moved] = np.where(way == 0.0, np.nan, np.copysign(np.inf, way))
    direction = np.pad(cone.direction, padding[0])
    strength = np.where(moved, np.abs(direction), 0.0)
    if model.intercept:  # where it moves in one kind of units only, it makes up for where the columns have their zero
        first = slice(None, None, len(model.columns))
        strength[first] = np.minimum(strength[first], np.abs(space.to_user(direction)[first]))
    separation = replace(
        found,
        columns=tuple(model.names[j] for j in np.argsort(-strength, kind="stable") if moved[j]),
        direction=np.where(moved, space.to_user(direction), 0.0).reshape(model.shape),
        limit=space.to_user(taken.params).reshape(model.shape),
    )
    return Limit(rest, taken, moved, ends, separation)


def _sizes(space: Standardisation, sizes: Vector) -> Vector:
    """How large the terms of `to_user` are."""
    return replace(space, centre=-np.abs(space.centre)).to_user(sizes)


def _inside(objective: RowsObjective, directions: Matrix) -> Vector:
    """A direction along which every comparison gets ahead that does along one of several.

    Each counts where those before it stand still, so a small enough share of it undoes nothing.
    """
    inside = directions[:, 0]
    for following in directions.T[1:]:
        share = 1.0
        for leads in objective.leads(np.column_stack([inside, following])):
            loses = leads.ahead[:, 0] & (leads.values[:, 1] < 0.0)
            ratios = -leads.values[loses, 0] / leads.values[loses, 1]
            share = min(share, float(ratios.min(initial=1.0)))
        inside = inside + 0.5 * share * following
    return inside
