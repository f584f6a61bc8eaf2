# SPDX-License-Identifier: BSD-3-Clause
"""What follows from the solution of a fit: estimate, covariance, certificate, existence, rank; and the null model."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from mlefast.data import power_of_two
from mlefast.inference import certify, find_aliases, spans_constant
from mlefast.objective import RowsObjective, ShapeObjective
from mlefast.solvers import Solution, irls

from .existence import judge
from .limit import column_rank, find_limit
from .model import Model
from .penalised import Prior, added, effective_parameters
from .refinement import as_found, in_doubt, refine, standard_errors
from .sandwich import covariance_matrix

_SAMPLE_ROWS = 2048


class NullModel(NamedTuple):
    """The model that has an intercept (and the offset) only; NaN where it was not found."""

    loglik: float
    deviance: float
    scale: float


def assess(
    model: Model,
    objective: RowsObjective | ShapeObjective,
    solution: Solution,
    null: NullModel,
    *,
    tol: float,
    covariance: str,
    corrected: bool,
    prior: Prior | None = None,
) -> dict[str, Any]:
    """The fields of a Result that depend on the solution.

    At the solution rows may have no information left, as on the way to infinity. That says nothing about the columns:
    where it is in doubt, the rank comes from information that is the same in all rows. With `corrected` the scale has
    nobs - rank in its denominator. With a `prior` the rank counts what it determines, and its effective number of
    parameters takes the place of the rank in the denominator.
    """
    space, names = model.coordinates, model.names
    information = solution.information
    doubtful = in_doubt(information) if prior is None else not information.complete
    columns = column_rank(model, objective, prior) if doubtful or not information.definite else None
    # a penalty is no part of the rows' gradients, so that there is nothing to refine by them
    found = as_found(model, objective, solution, columns)
    if prior is None:
        found = refine(model, objective, found, columns, tol=tol, null_scale=null.scale)
    solution, params, rounding, root = found
    information = solution.information
    separation = judge(model, objective, solution, columns, null.scale, None if prior is None else prior.free)
    if columns is None:
        settled = separation.verdict in ("exists", "local")
        columns = information if settled else column_rank(model, objective, prior)
    kept, ends = columns.kept, np.zeros(model.size)
    determined = kept
    if separation.verdict == "separated":
        limit = find_limit(model, objective, solution, columns, separation, tol, prior)
        objective, separation, ends = limit.objective, limit.separation, limit.ends
        solution, params, rounding, root = as_found(model, objective, limit.solution, None)
        determined = kept & ~limit.moved
    information, gradient = solution.information.among(kept), solution.moments.gradient
    if information is not solution.information:
        root = space.root_to_user(information.root())
    assert gradient is not None
    vanished = determined & ~information.kept

    with np.errstate(over="ignore", invalid="ignore"):  # where next to no information is left
        step = space.to_user(-information.solve(gradient))
    step[vanished] = math.inf  # there is a gradient, and no information
    certificate = certify(
        step[determined],
        standard_errors(root)[determined],
        gradient[determined],
        solution.decrement,
        tuple(name for name, keep in zip(names, determined, strict=True) if keep),
        tol,
        rounding[determined],
    )
    effective = None if prior is None else effective_parameters(prior, solution, information)
    freedom = model.data.nobs - (columns.rank if effective is None else effective)
    correction = (model.data.nobs / freedom if freedom > 0.0 else math.nan) if corrected else 1.0
    spread, ratio = root @ root.T * correction, None
    if covariance != "fisher":
        modelled = spread.diagonal()
        spread = covariance_matrix(covariance, model, objective, solution.params, solution.moments, information)
        if covariance == "expected":
            spread = spread * correction
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.sqrt(spread.diagonal() / modelled).reshape(model.shape)
    lost = ~determined | vanished
    params = params + ends
    spread[lost] = spread[:, lost] = params[~kept] = np.nan
    return {
        "params": params.reshape(model.shape),
        "covariance": spread,
        "robust_ratio": ratio,
        "rank": columns.rank,
        "certificate": certificate,
        "separation": separation,
        "aliased": find_aliases(columns, model.coordinates.repeated(1).to_user, model.columns),
        "converged": certificate.met and separation.verdict in ("exists", "local"),
        "scale": solution.moments.scale * math.sqrt(correction),
        "llf": -solution.moments.nll,
        "deviance": _deviance(model, solution, model.size),
        "df_effective": effective,
        "penalty_value": 0.0 if prior is None else added(prior, solution),
    }


def has_constant(model: Model, objective: RowsObjective | ShapeObjective) -> bool:
    """Whether there is an intercept or a combination of the columns that is constant; mostly a sample says no."""
    if model.intercept:
        return True
    equal = model.equally_informed(True)
    sample = equal.sample(power_of_two(equal.rows / _SAMPLE_ROWS))
    constant = spans_constant(sample) and spans_constant(equal)
    objective.passes += equal.passes
    return constant


def _deviance(model: Model, solution: Solution, size: int) -> float:
    """Twice the loss above the least that the rows can have, at the shape of the solution."""
    shape = solution.params[size - model.estimated :].tolist()
    return 2.0 * (solution.moments.loss - float(model.data.totals(model.likelihood.at(shape)).saturated))


def _without_slopes(model: Model, solution: Solution) -> NullModel:
    """Where the loss is quadratic: its least value without slopes, from its derivatives at the solution."""
    likelihood, totals, moments = model.likelihood, model.data.totals(model.likelihood), solution.moments
    _, slope, curvature = likelihood.at_scale(moments.loss, totals, moments.scale)
    assert moments.gradient is not None
    gradient, hessian = moments.gradient / slope, solution.information.matrix / curvature
    move = -solution.params
    move[0] = -(gradient[0] + hessian[0, 1:] @ move[1:]) / hessian[0, 0]
    loss = moments.loss + float(gradient @ move) + 0.5 * float(move @ hessian @ move)
    scale = likelihood.best_scale(loss, totals)
    return NullModel(-likelihood.at_scale(loss, totals, scale)[0], 2.0 * (loss - totals.saturated), scale)


def null_model(model: Model, solution: Solution | None) -> NullModel:
    """The model that has an intercept and the offset only; a solution without a penalty may tell it."""
    data = model.data
    if solution is not None and model.likelihood.quadratic and model.intercept:
        return _without_slopes(model, solution)
    known = model.likelihood.null_loglik(data.y, data.weights) if data.offset is None else None
    if known is not None:
        return NullModel(known, -2.0 * known, 1.0)
    found = irls(model.null(), model.null_start(), tol=1e-6, max_iter=100)
    if not (found.converged and found.information.rank == 1 + model.estimated):
        return NullModel(math.nan, math.nan, math.nan)
    return NullModel(-found.moments.nll, _deviance(model, found, 1 + model.estimated), found.moments.scale)
