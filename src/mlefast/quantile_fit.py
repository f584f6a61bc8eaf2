# SPDX-License-Identifier: BSD-3-Clause
"""The fit of a Laplace likelihood, which is a linear programme: from a model to the fields of a Result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.data import require_finite
from mlefast.errors import DataError
from mlefast.inference import Certificate, Separation, find_aliases
from mlefast.inference.sparsity import bootstrap_covariance, estimate_sparsity, iid_covariance, kernel_covariance
from mlefast.inference.uniqueness import coefficient_ranges
from mlefast.likelihoods import Laplace, Totals
from mlefast.objective import Information, Matrix, MemoryPiecewise, Passes, PiecewiseLinear, Vector, total
from mlefast.solvers.neighbour import neighbour_of
from mlefast.solvers.quantile import QuantileSolution, minimise_quantile

from .assessment import has_constant
from .model import Model

_REASON = "The loss is piecewise linear: an interior point finds the rows that the fit passes through, exactly."
_GAP = 1e-12  # relative, up to which the optimum counts as proved
_REPLICATES = 200
_SEED = 0


def fit_quantile(model: Model, covariance: str) -> dict[str, Any]:
    """The exact optimum, its proof, standard errors and what is not unique, as fields of a Result."""
    whole = _objective(model)
    gram = whole.gram(np.ones(whole.rows))
    if not np.isfinite(gram).all():
        require_finite(model.data.design, model.data.absent)
        raise DataError("X holds numbers whose squares exceed the largest double. Rescale the columns.")
    columns = Information(gram, most=model.data.present)
    if columns.rank == 0:
        raise DataError("every column of X is zero, so there is nothing to fit. Check how X was made.")
    kept = columns.kept
    objective = whole if kept.all() else whole.without(~kept)
    information = columns if kept.all() else Information(gram[np.ix_(kept, kept)])
    gram = gram[np.ix_(kept, kept)]
    solution = minimise_quantile(objective, gram)
    spread = _covariance(objective, solution, gram, information, covariance)
    fields = _estimates(model, columns, objective, solution, spread) | _likelihoods(model, whole, solution)
    return fields | {
        "names": model.names,
        "constant": has_constant(model, model.objective()),
        "nobs": model.data.nobs,
        "passes": whole.passes + (Passes() if objective is whole else objective.passes),
        "iterations": solution.steps,
        "solver": "interior point",
        "solver_reason": _REASON,
    }


def _objective(model: Model) -> MemoryPiecewise:
    """The sum of rho over the rows."""
    data, likelihood = model.data, model.likelihood
    assert isinstance(likelihood, Laplace)
    response = np.ascontiguousarray(data.y, dtype=np.float64)
    return MemoryPiecewise(
        data.design,
        response if data.offset is None else response - data.offset,
        weights=data.weights,
        space=model.space,
        quantile=float(likelihood.quantile),
        threads=model.threads,
    )


def _covariance(
    objective: MemoryPiecewise, solution: QuantileSolution, gram: Matrix, information: Information, kind: str
) -> Matrix:
    if kind == "bootstrap":
        near = neighbour_of(objective, solution.params, solution.residuals, solution.basis)

        def refit(part: PiecewiseLinear) -> Vector | None:
            own = part.gram(np.ones(part.rows))
            return minimise_quantile(part, own, near).params if Information(own).kept.all() else None

        return bootstrap_covariance(objective, refit, _REPLICATES, _SEED)
    sparsity = estimate_sparsity(objective, solution.residuals)
    if kind == "kernel":
        return kernel_covariance(objective, solution.residuals, gram, sparsity)
    return iid_covariance(objective, information, sparsity)


def _estimates(
    model: Model, columns: Information, objective: MemoryPiecewise, solution: QuantileSolution, spread: Matrix
) -> dict[str, Any]:
    """What is said of the coefficients; NaN for those that are not determined."""
    kept, space = columns.kept, model.space

    def to_user(part: Vector) -> Vector:
        params = np.zeros(len(kept))
        params[kept] = part
        return space.to_user(params)

    params = to_user(solution.params)
    covariance = np.zeros((len(kept), len(kept)))
    covariance[np.ix_(kept, kept)] = spread
    covariance = space.covariance_to_user(covariance)
    ranges = coefficient_ranges(
        objective, solution.params, solution.residuals, solution.slopes, solution.basis, to_user
    )
    params[~kept] = covariance[~kept] = covariance[:, ~kept] = np.nan
    if ranges is not None:
        ranges[~kept] = np.nan
    proved = solution.gap <= _GAP
    certificate = Certificate(
        distance=0.0 if proved else math.inf,
        decrement=0.0 if proved else math.inf,
        gradient=0.0,
        worst=model.names[0],
        met=proved,
        tol=_GAP,
        gap=solution.gap,
    )
    return {
        "params": params,
        "covariance": covariance,
        "rank": columns.rank,
        "certificate": certificate,
        "separation": Separation("exists", math.inf),
        "aliased": find_aliases(columns, space.to_user, model.names),
        "converged": proved,
        "ranges": ranges,
    }


def _likelihoods(model: Model, objective: PiecewiseLinear, solution: QuantileSolution) -> dict[str, Any]:
    """Scale, log-likelihood and deviance, and those of the model with an intercept (and the offset) only."""
    tau, weights, totals = objective.quantile, objective.weights, Totals(model.data.nobs)
    r = objective.response - weighted_quantile(objective.response, weights, tau)
    r *= np.where(r < 0.0, tau - 1.0, tau)
    losses = [2.0 * solution.value, 2.0 * total(weights, r)]
    scales = [model.likelihood.best_scale(loss, totals) for loss in losses]
    llf, llnull = (
        -model.likelihood.at_scale(loss, totals, scale)[0] for loss, scale in zip(losses, scales, strict=True)
    )
    return {
        "scale": scales[0],
        "llf": llf,
        "llnull": llnull,
        "deviance": 2.0 * losses[0],
        "null_deviance": 2.0 * losses[1],
    }


def weighted_quantile(values: Vector, weights: NDArray[Any] | None, share: float) -> float:
    """The least value that has at least this share of the weights at or below it."""
    if weights is None:
        place = max(math.ceil(share * len(values)) - 1, 0)
        return float(np.partition(values, place)[place])
    order = np.argsort(values)
    counted = np.cumsum(weights[order], dtype=np.float64)
    return float(values[order[min(int(np.searchsorted(counted, share * counted[-1])), len(values) - 1)]])
