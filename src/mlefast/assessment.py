# SPDX-License-Identifier: BSD-3-Clause
"""What follows from the solution of a fit: estimate, covariance, certificate, existence, rank, and the null model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlefast.inference import Separation, certify, find_aliases, judge_existence, spans_constant
from mlefast.objective import Information, MemoryObjective
from mlefast.solvers import Expansion, Solution, expand, irls

from .model import Model

_SAMPLE_ROWS = 2048


def assess(model: Model, objective: MemoryObjective, solution: Solution, tol: float) -> dict[str, Any]:
    """The fields of a Result that depend on the solution.

    At the solution rows may have no information left, as on the way to infinity. That says nothing about the columns:
    where it is in doubt, the rank comes from information that is the same in all rows.
    """
    space, names = model.space, model.names
    expansion, gradient = solution.expansion, solution.moments.gradient
    assert gradient is not None
    columns = None if expansion.information.kept.all() else _columns(model, objective)
    separation = _judge(model, objective, expansion, columns)
    if separation.verdict == "undecided" and solution.converged:
        # a proof may come from any point, and a Newton step further is nearer to the maximum
        further = expand(objective, solution.params - expansion.information.solve(gradient), "double")[1]
        separation = _judge(model, objective, further, columns)
    if columns is None:
        columns = expansion.information if separation.verdict == "exists" else _columns(model, objective)
    information = expansion.information.among(columns.kept)
    kept = columns.kept
    vanished = kept & ~information.kept

    step = space.to_user(-information.solve(gradient))
    step[vanished] = math.inf  # there is a gradient, and no information
    params = solution.params.copy()
    for j, vector in columns.null_vectors():
        params += params[j] * vector  # the same eta without the column left out
    params = space.to_user(params)
    covariance = space.covariance_to_user(information.inverse())
    covariance[~information.kept] = covariance[:, ~information.kept] = params[~kept] = np.nan
    certificate = certify(
        step[kept],
        np.sqrt(np.diagonal(covariance))[kept],
        gradient[kept],
        solution.decrement,
        tuple(name for name, keep in zip(names, kept, strict=True) if keep),
        tol,
    )
    return {
        "params": params,
        "covariance": covariance,
        "rank": columns.rank,
        "certificate": certificate,
        "separation": separation,
        "aliased": find_aliases(columns, space.to_user, names),
        "converged": certificate.met and separation.verdict == "exists",
    }


def _judge(model: Model, objective: MemoryObjective, expansion: Expansion, columns: Information | None) -> Separation:
    information = expansion.information
    complete = np.array_equal(information.kept, columns.kept) if columns else information.kept.all()
    condition = information.condition if complete else math.inf
    return judge_existence(
        objective, expansion.params, expansion.step, condition, expansion.precision, model.space, model.names
    )


def _columns(model: Model, objective: MemoryObjective) -> Information:
    """The information that is the same in all rows."""
    equal = model.equally_informed(model.intercept)
    hessian = equal.moments(np.zeros(equal.size), 2).hessian
    assert hessian is not None
    objective.passes += equal.passes
    return Information(hessian, most=model.data.present)


def has_constant(model: Model, objective: MemoryObjective) -> bool:
    """Whether there is an intercept or a combination of the columns that is constant; mostly a sample says no."""
    if model.intercept:
        return True
    equal = model.equally_informed(True)
    sample = equal.sample(max(1, equal.rows // _SAMPLE_ROWS))
    constant = spans_constant(sample) and spans_constant(equal)
    objective.passes += equal.passes
    return constant


def null_loglik(model: Model) -> float:
    """The log-likelihood of the model with an intercept and the offset only; NaN if it was not found."""
    data = model.data
    if data.offset is None:
        return model.likelihood.null_loglik(data.y, data.weights)
    solution = irls(model.null(), model.null_start(), tol=1e-6, max_iter=100)
    return -solution.moments.nll if solution.converged and solution.information.rank == 1 else math.nan
