# SPDX-License-Identifier: BSD-3-Clause
"""The fit: from the user's arguments to a Result."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from mlefast import _core
from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Likelihood, find_likelihood
from mlefast.solvers import Progress, choose_solver, irls, lbfgs, sample_start

from .advice import warn
from .assessment import assess, has_constant, null_loglik
from .model import specify
from .observations import observe
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
        Where to start; default: zero (with an offset the intercept that centres it), refined on a sample of the rows
        where there are many.
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
    model = specify(data, family, intercept, team)
    chosen, reason = choose_solver(solver, data.design.rows, model.size)

    objective, information = model.objective(), None
    if start is None:
        first, information = sample_start(objective, model.start())
    else:
        first = model.space.from_user(read_params("start", start, data.design.columns, intercept))
    minimise = irls if chosen == "irls" else lbfgs
    solution = minimise(objective, first, tol=tol, max_iter=max_iter, progress=progress, information=information)
    if not math.isfinite(solution.moments.nll):
        raise DataError(
            "the linear predictor overflows: X times the parameters exceeds the largest double. Start nearer to zero, "
            "or rescale the columns."
        )

    assessment = assess(model, objective, solution, tol)
    constant = has_constant(model, objective)
    llf = -solution.moments.nll
    result = Result(
        likelihood=family.name,
        link=family.link,
        names=model.names,
        response=data.response,
        classes=data.classes,
        intercept=intercept,
        constant=constant,
        covariance_type=covariance,
        llf=llf,
        llnull=llf if data.design.columns == 0 else null_loglik(model),
        nobs=data.nobs,
        dropped=data.dropped,
        passes=objective.passes,
        iterations=solution.iterations,
        solver=chosen,
        solver_reason=reason,
        seconds=time.perf_counter() - began,
        threads=team,
        isa=_core.ISA,
        **assessment,
    )
    warn(result, max_iter)
    return result


def _require_supported(weight_kind: Any, covariance: Any, groups: Any, progress: Any) -> None:
    require_choice("weight_kind", weight_kind, ("frequency",))
    require_choice("covariance", covariance, ("fisher",))
    if groups is not None:
        raise OptionError("groups is for clustered covariances, which do not exist yet. Leave it at None.")
    if progress is not None and not callable(progress):
        raise OptionError(f"progress={progress!r} cannot be called. Give a function of one argument, or None.")
