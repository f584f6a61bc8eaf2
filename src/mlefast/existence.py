# SPDX-License-Identifier: BSD-3-Clause
"""Whether the maximum exists: by the kind of the likelihood, or by a proof."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from mlefast.inference import Separation, judge_existence, reach_margin
from mlefast.objective import Information, RowsObjective, ShapeObjective, Vector
from mlefast.solvers import Expansion, Solution, expand

from .model import Model

Free = NDArray[np.bool_] | None

_PERFECT = 1e-13  # of the scale without covariates: what is left of y is rounding
_MARGIN = 1e-3  # that has to be left for what is neglected
_DOUBLE, _SINGLE = float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps)
_LOST = 5.0  # the standard error of the logarithm of a shape parameter that the data do not determine


def judge(
    model: Model,
    objective: RowsObjective | ShapeObjective,
    solution: Solution,
    columns: Information | None,
    null_scale: float,
    free: Free = None,
) -> Separation:
    """The verdict; `columns` is the information that tells the columns' rank, if that of the solution does not.

    Of a separation it says the direction only, in the coordinates of the fit; what follows from that is in limit.py.
    Parameters that are not `free` have a prior, which holds them: no direction that moves them goes on for ever. So
    the maximum exists if it does for the others alone, wherever those are held.
    """
    likelihood, expansion = model.likelihood, solution.expansion
    if likelihood.scale_name and _is_rounding(model, solution.moments.scale, null_scale):
        return Separation("unbounded", math.nan, (likelihood.scale_name,))
    if likelihood.existence == "always":
        return Separation("exists", math.nan)
    if isinstance(objective, ShapeObjective):
        return _judge_shape(model, objective, solution, columns, free)
    if likelihood.existence == "local":
        return Separation("local" if _is_definite(expansion.information, columns) else "undecided", math.nan)
    margin = _margin_within_reach(objective, solution) if free is None else -math.inf
    if margin > _MARGIN:
        return Separation("exists", margin)
    return prove(objective, solution.params, expansion, columns, solution.converged, free)


def _margin_within_reach(objective: RowsObjective, solution: Solution) -> float:
    """How sure the last pass makes it that a maximum exists; not at all unless positive."""
    expansion, moments = solution.expansion, solution.moments
    information = expansion.information
    rough = _SINGLE if expansion.precision == "mixed" else _DOUBLE
    if not information.complete or information.condition * rough > 1e-2 or not math.isfinite(moments.reach):
        return -math.inf
    moved = information.length(solution.params - expansion.params)
    rounding = 1e3 * _DOUBLE * math.sqrt(information.condition * objective.nobs)
    return reach_margin(solution.decrement, moments.reach, moved, rounding)


def _judge_shape(
    model: Model, objective: ShapeObjective, solution: Solution, columns: Information | None, free: Free
) -> Separation:
    """With shape parameters: the coefficients at their values, and whether these are determined."""
    shapes, information = model.estimated, solution.information
    lost = _lost_shape(model, solution.params[-shapes:], information, columns)
    if lost is not None:
        return Separation("unbounded", math.nan, (lost,))
    definite = _is_definite(information, columns)
    if model.likelihood.existence == "local":
        return Separation("local" if definite else "undecided", math.nan)
    memory, params = objective.split(solution.params)
    kept = None if columns is None else of_coefficients(columns, len(params))
    there = expand(memory, params, "double")[1]
    found = prove(memory, params, there, kept, solution.converged, None if free is None else free[:-shapes])
    if found.verdict == "exists":  # in the coefficients; jointly the NLL is not convex
        return dataclasses.replace(found, verdict="local" if definite else "undecided")
    if found.direction is None:
        return found
    return dataclasses.replace(found, direction=np.hstack([found.direction, np.zeros(shapes)]))


def of_coefficients(columns: Information, size: int) -> Information:
    """The part of the first `size` parameters, without those of shape."""
    if len(columns.kept) == size:
        return columns
    return Information(columns.matrix[:size, :size], most=int(columns.kept[:size].sum()))


def _is_rounding(model: Model, scale: float, spread: float) -> bool:
    """Whether the errors are so small beside the spread of y, or beside y, that they are rounding."""
    return scale <= _PERFECT * max(spread, 1e-2 * abs(float(model.some_y.mean())))


def _fits_exactly(model: Model, shape: Vector) -> bool:
    """Whether an estimated sigma is so small that the residuals are rounding."""
    found = dict(zip(model.likelihood.estimated, zip(shape, model.shape_start(), strict=True), strict=True))
    if "log(sigma)" not in found:
        return False
    sigma, spread = np.exp(found["log(sigma)"])
    return _is_rounding(model, float(sigma), float(spread))


def _lost_shape(model: Model, shape: Vector, information: Information, columns: Information | None) -> str | None:
    """The shape parameter that the data do not determine: no curvature is left of it, or next to none."""
    among = information if columns is None else information.among(columns.kept)
    size = len(among.kept) - model.estimated
    if _fits_exactly(model, shape):
        return "log(sigma)"
    if columns is not None and not among.kept[:size][columns.kept[:size]].all():
        return None
    flat = np.abs(information.diagonal) < _LOST**-2
    lost = np.where(among.kept, np.sqrt(np.diagonal(among.inverse())) > _LOST, flat)
    return next((name for name, gone in zip(model.likelihood.estimated, lost[size:], strict=True) if gone), None)


def _is_definite(information: Information, columns: Information | None) -> bool:
    """Whether the information is positive definite on the columns that are independent."""
    if columns is None:
        return information.definite and information.complete
    return bool(information.among(columns.kept).kept[columns.kept].all())


def prove(
    objective: RowsObjective,
    params: Vector,
    expansion: Expansion,
    columns: Information | None,
    converged: bool,
    free: Free = None,
) -> Separation:
    """The verdict from the rows: of the expansion, or else of a linear programme."""
    if free is not None and not free.any():
        return Separation("exists", math.nan)
    separation = _prove_at(objective, expansion, columns, free)
    if separation.verdict == "undecided" and converged:
        # a proof may come from any point, and a Newton step further is nearer to the maximum
        further = expand(objective, params + expansion.step, "double")[1]
        separation = _prove_at(objective, further, columns, free)
    return _settle(objective, expansion.step, separation, free) if separation.verdict == "undecided" else separation


def _prove_at(objective: RowsObjective, expansion: Expansion, columns: Information | None, free: Free) -> Separation:
    if free is not None:
        expansion = _among(expansion, free)
        columns = columns.among(free) if columns else None
    information = expansion.information
    wanted = columns.kept if columns else free if free is not None else True
    complete = bool(np.all(information.kept == wanted))
    condition = information.magnification if complete else math.inf
    least = float(information.diagonal[information.kept].min(initial=math.inf))
    return judge_existence(objective, expansion.params, expansion.step, condition, expansion.precision, least)


def _settle(objective: RowsObjective, step: Vector, separation: Separation, free: Free) -> Separation:
    from mlefast.inference.recession import Undecided, separating_direction  # which few fits need

    try:
        direction = separating_direction(objective, step, free)
    except Undecided:
        return separation
    if direction is None:
        return dataclasses.replace(separation, verdict="exists")
    return dataclasses.replace(separation, verdict="separated", direction=direction)


def _among(expansion: Expansion, free: NDArray[np.bool_]) -> Expansion:
    """The expansion in the parameters that are free, where the others are held as they are."""
    gradient = -expansion.information.times_vector(expansion.step)
    information = expansion.information.among(free)
    step = -information.solve(np.where(free, gradient, 0.0))
    return Expansion(expansion.params, information, step, expansion.precision)
