# SPDX-License-Identifier: BSD-3-Clause
"""The fit: the one file that knows all floors."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlefast import _core
from mlefast.errors import ConvergenceWarning, DataError, OptionError, RankWarning, SeparationWarning
from mlefast.inference import certify, find_aliases, judge_existence
from mlefast.likelihoods import Likelihood, find_likelihood
from mlefast.objective import MemoryObjective, Standardisation, standardise
from mlefast.solvers import Progress, Solution, choose_solver, irls, lbfgs, sample_start

from .observations import Observations, observe
from .options import read_flag, read_max_iter, read_params, read_tol, require_choice, resolve_threads
from .result import Result


def fit(
    X: Any,
    y: Any,
    *,
    likelihood: str | Likelihood = "bernoulli",
    intercept: bool = True,
    weights: Any = None,
    weight_kind: str = "frequency",
    offset: Any = None,
    missing: str = "raise",
    names: Sequence[str] | None = None,
    solver: str = "auto",
    start: ArrayLike | None = None,
    tol: float = 1e-6,
    max_iter: int = 100,
    covariance: str = "fisher",
    groups: Any = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Maximum-likelihood fit of a model to arrays, data frames or Arrow tables.

    Parameters
    ----------
    X : array-like or frame of shape (n, p)
        Covariates: numbers or booleans of any type, layout and strides; never copied. Without a column of ones.
    y : array-like of shape (n,)
        Response; for Bernoulli two labels: 0 and 1, booleans, two strings.
    likelihood : str or likelihood object, default "bernoulli"
        The assumed distribution of y.
    intercept : bool, default True
        Whether to fit an intercept; it comes first and is named `Intercept`.
    weights : array-like of shape (n,), optional
        How often each row counts; rows of weight zero count as absent.
    weight_kind : {"frequency"}, default "frequency"
        What the weights mean.
    offset : array-like of shape (n,), optional
        Known part of the linear predictor, with coefficient 1.
    missing : {"raise", "drop"}, default "raise"
        What to do with rows that have a missing value; "drop" counts them in the result.
    names : sequence of str, optional
        Names of the columns; default: those of the frame, or x1, x2, ...
    solver : {"auto", "irls", "lbfgs"}, default "auto"
        How to find the maximum; the result says which and why.
    start : array-like of shape (p + 1,), optional
        Where to start; default: zero, refined on a sample of the rows where there are many.
    tol : float, default 1e-6
        Fit until the estimate is within `tol` standard errors of the exact maximum.
    max_iter : int, default 100
        Iterations after which to give up, with a warning.
    covariance : {"fisher"}, default "fisher"
        The inverse of the information at the estimate.
    groups : None
        Reserved for clustered covariances.
    threads : int, optional
        Default: what the machine, OMP_NUM_THREADS and a container allow. The numbers do not depend on it.
    progress : callable, optional
        Called with an `Iteration` (passes, nll, step, distance) after each pass.

    Returns
    -------
    Result
        Estimates, standard errors, tests, information criteria, the certificate and how it was found.

    Raises
    ------
    DataError
        If the data cannot be used; the message names the column, the first rows and the remedy.
    OptionError
        If an option has an unknown value.

    Warns
    -----
    ConvergenceWarning
        If the estimate is not within `tol` standard errors of the maximum.
    SeparationWarning
        If the maximum does not exist or its existence could not be proved.
    RankWarning
        If columns are linear combinations of others; their coefficients are NaN.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), section 2.5, for IRLS; Albert and Anderson,
    Biometrika 71 (1984), for the existence of the maximum.

    Examples
    --------
    >>> import mlefast, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((500, 2))
    >>> y = rng.random(500) < 1 / (1 + np.exp(-X[:, 0]))
    >>> result = mlefast.fit(X, y)
    >>> result.converged, result.names
    (True, ('Intercept', 'x1', 'x2'))
    """
    began = time.perf_counter()
    family = find_likelihood(likelihood)
    _require_supported(weight_kind, covariance, groups, progress)
    tol, max_iter, intercept = read_tol(tol), read_max_iter(max_iter), read_flag("intercept", intercept)
    team = resolve_threads(threads)
    data = observe(X, y, family, weights=weights, offset=offset, missing=missing, names=names)
    columns = data.design.columns
    size = columns + intercept
    if size == 0:
        raise DataError("X has no columns and there is no intercept, so there is nothing to fit. Add one of them.")
    if intercept and "Intercept" in data.design.names:
        raise DataError(
            "X has a column 'Intercept', which is the name of the intercept that the fit adds. Rename the column, or "
            "use intercept=False if it is the column of ones."
        )
    chosen, reason = choose_solver(solver, data.design.rows, size)

    space = standardise(data.design.groups, data.design.rows, intercept)
    rows = data.rows(intercept)
    rows.standardise(space.centre, space.scale)
    objective = MemoryObjective(rows, data.design, family, size=size, threads=team, absent=data.absent)
    information = None
    if start is None:
        first, information = sample_start(objective, np.zeros(size))
    else:
        first = space.from_user(read_params("start", start, columns, intercept))
    minimise = irls if chosen == "irls" else lbfgs
    solution = minimise(objective, first, tol=tol, max_iter=max_iter, progress=progress, information=information)

    all_names = (("Intercept",) if intercept else ()) + data.design.names
    worth = _worth(solution, objective, space, all_names, tol)
    llf = -solution.moments.nll
    return _finish(
        Result(
            likelihood=family.name,
            link=family.link,
            names=all_names,
            response=data.response,
            classes=data.classes,
            intercept=intercept,
            covariance_type=covariance,
            llf=llf,
            llnull=llf if columns == 0 else _null_loglik(data, family, team),
            nobs=data.nobs,
            dropped=data.dropped,
            passes=objective.passes,
            iterations=solution.iterations,
            solver=chosen,
            solver_reason=reason,
            seconds=time.perf_counter() - began,
            threads=team,
            isa=_core.ISA,
            **worth,
        )
    )


def _require_supported(weight_kind: Any, covariance: Any, groups: Any, progress: Any) -> None:
    require_choice("weight_kind", weight_kind, ("frequency",))
    require_choice("covariance", covariance, ("fisher",))
    if groups is not None:
        raise OptionError("groups is for clustered covariances, which do not exist yet. Leave it at None.")
    if progress is not None and not callable(progress):
        raise OptionError(f"progress={progress!r} cannot be called. Give a function of one argument, or None.")


def _worth(
    solution: Solution,
    objective: MemoryObjective,
    space: Standardisation,
    names: tuple[str, ...],
    tol: float,
) -> dict[str, Any]:
    """What follows from the last point: estimate, covariance, certificate, existence and rank."""
    information = solution.information
    assert solution.moments.gradient is not None
    step = -information.solve(solution.moments.gradient)
    params = space.to_user(solution.params)
    covariance = space.covariance_to_user(information.inverse())
    kept = information.kept
    certificate = certify(
        space.to_user(step)[kept],
        np.sqrt(np.diagonal(covariance))[kept],
        solution.moments.gradient[kept],
        solution.decrement,
        tuple(name for name, keep in zip(names, kept, strict=True) if keep),
        tol,
    )
    separation = judge_existence(objective, solution.params, step, information.condition, space.to_user, names)
    if information.rank < len(names):
        params[~kept] = np.nan
        covariance[~kept] = np.nan
        covariance[:, ~kept] = np.nan
    return {
        "params": params,
        "covariance": covariance,
        "rank": information.rank,
        "certificate": certificate,
        "separation": separation,
        "aliased": find_aliases(information, space.to_user, names),
        "converged": certificate.met and separation.verdict != "separated",
    }


def _null_loglik(data: Observations, family: Likelihood, threads: int) -> float:
    """The log-likelihood of the model with an intercept and the offset only."""
    if data.offset is None:
        return family.null_loglik(data.y, data.weights)
    objective = MemoryObjective(data.rows(True, columns=False), data.design, family, size=1, threads=threads)
    return -irls(objective, np.zeros(1), tol=1e-9, max_iter=100).moments.nll


def _finish(result: Result) -> Result:
    """Say what the user must know, once."""
    if result.aliased:
        warnings.warn(
            f"{len(result.aliased)} of {len(result.names)} coefficients are not determined and are NaN: "
            f"{'; '.join(str(alias) for alias in result.aliased[:3])}. Remove these columns.",
            RankWarning,
            stacklevel=3,
        )
    separation, certificate = result.separation, result.certificate
    if separation.verdict == "separated":
        warnings.warn(
            f"the maximum of the likelihood does not exist: {', '.join(separation.columns[:5])} separate the labels, "
            "so their coefficients run to infinity and the standard errors mean nothing. Remove or merge these "
            "columns.",
            SeparationWarning,
            stacklevel=3,
        )
    elif not result.converged:
        warnings.warn(
            f"not converged after {result.iterations} iterations: {certificate.worst} is {certificate.distance:.2g} "
            f"standard errors from the maximum (asked for: {certificate.tol:.2g}; largest gradient "
            f"{certificate.gradient:.2g}). "
            'Raise max_iter, use solver="irls", or check the columns for extreme values.',
            ConvergenceWarning,
            stacklevel=3,
        )
    elif separation.verdict == "undecided":
        warnings.warn(
            f"whether the maximum of the likelihood exists could not be proved (margin {separation.margin:.2g}). Look "
            "for coefficients with huge standard errors: their columns may separate the labels.",
            SeparationWarning,
            stacklevel=3,
        )
    return result
