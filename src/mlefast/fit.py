# SPDX-License-Identifier: BSD-3-Clause
"""The fit: from the user's arguments to a Result."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from numpy.typing import ArrayLike

from mlefast import _core
from mlefast.errors import OptionError
from mlefast.likelihoods import Laplace, Likelihood, find_likelihood
from mlefast.penalties import Firth, Penalty, read_penalty
from mlefast.solvers import Progress, Trace

from .advice import warn
from .assessment import assess, has_constant, null_model
from .model import specify
from .observations import observe
from .options import (
    ON_RANK,
    ON_SEPARATION,
    read_flag,
    read_max_iter,
    read_multistart,
    read_tol,
    require_choice,
    resolve_threads,
)
from .penalised import maximise
from .result import Result
from .sandwich import read_covariance, read_weight_kind


def fit(
    X: Any,
    y: Any,
    *,
    likelihood: str | Likelihood = "bernoulli",
    intercept: bool = True,
    weights: Any = None,
    weight_kind: str = "frequency",
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    names: Sequence[str] | None = None,
    solver: str = "auto",
    start: ArrayLike | None = None,
    multistart: int = 1,
    tol: float = 1e-6,
    max_iter: int = 100,
    covariance: str | None = None,
    scale: str | None = None,
    on_separation: str = "warn",
    on_rank: str = "warn",
    penalty: Penalty | None = None,
    groups: Any = None,
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Result:
    """Maximum-likelihood fit of a model to arrays, data frames or Arrow tables.

    Parameters
    ----------
    X : array-like or frame of shape (n, p)
        Covariates: numbers or booleans of any type, layout and strides; never copied. Without a column of ones. Arrays
        and data frames of Dask are fitted where their partitions lie; y and the others may be Dask's, too.
    y : array-like of shape (n,)
        Response; for Bernoulli two labels: 0 and 1, booleans, two strings; for categorical any labels, of which the
        first in their order (sorted, or as a column of categories declares it) is the reference.
    likelihood : str or likelihood object, default "bernoulli"
        The assumed distribution of y: "bernoulli", "categorical", "gaussian", "laplace", "poisson", "gamma",
        "negative_binomial", "student_t", or an object such as `mlefast.Laplace(quantile=0.9)`.
    intercept : bool, default True
        Whether to fit an intercept; it comes first and is named `Intercept`.
    weights : array-like of shape (n,), optional
        How often each row counts; rows of weight zero count as absent.
    weight_kind : {"frequency", "precision", "sampling"}, default "frequency"
        What the weights mean. "frequency": a row of weight w is w equal rows; nobs is their sum. "precision": the
        variance of a row is sigma^2 / w, for Gaussian, as in R's lm; nobs is the number of rows. "sampling": a row was
        drawn with a probability proportional to 1 / w; nobs is the number of rows, the weights count in units of their
        mean, and standard errors are a sandwich. There is no likelihood of such a sample, so `llf` is that of the
        weighted rows, called a pseudo-likelihood, and `aic`, `bic` and `llr_pvalue` are NaN.
    offset : array-like of shape (n,), optional
        Known part of the linear predictor, with coefficient 1.
    exposure : array-like of shape (n,), optional
        Positive amounts to which counts are proportional; log(exposure) is added to the offset. For the log link only.
    missing : {"raise", "drop"}, default "raise"
        What to do with rows that have a missing value; "drop" counts them in the result.
    names : sequence of str, optional
        Names of the columns; default: those of the frame, or x1, x2, ...
    solver : {"auto", "irls", "lbfgs", "gradient"}, default "auto"
        How to find the maximum; the result says which and why.
    start : array-like of the shape of the parameters, optional
        Where to start; default: no slopes and the intercept that fits the mean of y, refined on a sample of the rows
        where there are many.
    multistart : int, default 1
        From how many scattered starts to search, for likelihoods that may have several maxima; the best is returned and
        `optima` lists all. Where the negative log-likelihood is convex one start is enough, and the summary says so.
    tol : float, default 1e-6
        Fit until the estimate is within `tol` standard errors of the exact maximum. (Laplace ends at it exactly, in a
        number of steps that needs no limit, so `tol`, `max_iter` and `progress` are not for it.)
    max_iter : int, default 100
        Iterations after which to give up, with a warning.
    covariance : {"fisher", "expected", "HC0", "HC1", "HC2", "HC3", "cluster", "survey", ...}, optional
        "fisher", the default but for Laplace: the inverse of the information at the estimate, which is the observed
        one; "expected": of the expected information, as in R's glm, the same where the link is canonical. The others
        are sandwiches H^-1 M H^-1, valid whatever the variance of y (White, Econometrica 50, 1982), with M the sum of
        the outer products of the scores, for n observations and p parameters: "HC0" as it is; "HC1" times n / (n - p);
        "HC2" and "HC3" with each term divided by 1 - h or (1 - h)^2, where h is the row's leverage. "cluster", the
        default with `groups`: of the scores of groups of rows, times G / (G - 1) (n - 1) / (n - p) for G groups.
        "survey", the default with sampling weights: times n / (n - 1) or, with `groups`, G / (G - 1). For Laplace
        "iid", its default, "kernel" or "bootstrap": from the density of the errors at zero, the same in all rows or
        not, or from 200 samples of rows.
    scale : {"corrected", "mle"}, optional
        For Gaussian standard errors sigma^2 = RSS / (n - p), the default, or RSS / n.
    on_separation : {"warn", "raise", "ignore", "firth"}, default "warn"
        What to do if the maximum of the likelihood does not exist, or this could not be proved. But for "firth" the
        result is the same, see `Result.separation`; "firth" fits separated data again with `penalty=Firth()`.
    on_rank : {"warn", "raise"}, default "warn"
        What to do if columns are linear combinations of others.
    penalty : Ridge or Firth, optional
        What to add to the negative log-likelihood. Not for Laplace, and with `covariance="fisher"` only.
    groups : array-like of shape (n,) or (n, 2), frame, or two arrays, optional
        Labels of any type that say which rows belong together, for `covariance="cluster"` or "survey"; two columns for
        two-way clusters.
    threads : int, optional
        Default: what the machine, OMP_NUM_THREADS and a container allow. The numbers do not depend on it.
    progress : callable, optional
        Called with an `Iteration` (passes, nll, step, distance) after each pass, and of a stream within each, with how
        far the `reading` has come (rows, whole, bytes, seconds).
    checkpoint : path, optional
        A file for what each pass found. If it is there from a fit of the same data that was interrupted, the passes in
        it are not made again, and the result is the same to the last bit. Not for Laplace.

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
    SeparationError, RankError
        If `on_separation` or `on_rank` ask for them.

    Warns
    -----
    ConvergenceWarning
        If the estimate is not within `tol` standard errors of the maximum.
    LabelWarning
        If a declared class never occurs.
    SeparationWarning
        If the maximum does not exist (some coefficients are infinite then, the others at their limits) or its existence
        could not be proved.
    RankWarning
        If columns are linear combinations of others; their coefficients are NaN.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), section 2.5, for IRLS; Albert and Anderson,
    Biometrika 71 (1984), for the existence of the maximum; Geyer, Electronic Journal of Statistics 3 (2009), for what a
    fit comes near where there is none.

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
    _require_callable(progress)
    weight_kind = read_weight_kind(family, weight_kind)
    covariance = read_covariance(family, covariance, groups is not None, weight_kind)
    corrected = _read_scale(family, scale)
    require_choice("on_separation", on_separation, ON_SEPARATION)
    require_choice("on_rank", on_rank, ON_RANK)
    penalty = read_penalty(penalty, family, covariance)
    remedy = _read_remedy(on_separation, penalty, family, covariance)
    tol, max_iter, intercept = read_tol(tol), read_max_iter(max_iter), read_flag("intercept", intercept)
    starts, team = read_multistart(multistart), resolve_threads(threads)
    data = observe(
        X,
        y,
        family,
        weights=weights,
        weight_kind=weight_kind,
        offset=offset,
        exposure=exposure,
        missing=missing,
        names=names,
        groups=groups,
    )
    model = specify(data, family, intercept, team)
    if isinstance(family, Laplace):
        from .quantile_fit import fit_quantile  # whose modules nobody else needs

        _require_no_start(solver, start)
        if checkpoint is not None:
            raise OptionError("checkpoint: not for the laplace likelihood, whose fit has no steps to go on from.")
        result = Result(
            family=family,
            response=data.response,
            classes=data.classes,
            intercept=intercept,
            covariance_type=covariance,
            use_t=False,
            dropped=data.dropped,
            threads=team,
            isa=_core.ISA,
            **fit_quantile(model, covariance),
            seconds=time.perf_counter() - began,
        )
        warn(result, max_iter, on_separation=on_separation, on_rank=on_rank)
        return result
    if checkpoint is not None:
        model = model.with_journal(checkpoint)
    objective = model.objective()
    trace = Trace(progress)
    data.design.listen(trace.read)
    search = partial(maximise, model, objective, tol=tol, max_iter=max_iter, progress=trace.add)
    found = search(penalty, solver=solver, start=start, starts=starts)
    constant = has_constant(model, objective)
    null = null_model(model, found.solution if penalty is None else None)
    judge = partial(assess, model, objective, null=null, tol=tol, covariance=covariance, corrected=corrected)
    assessment = judge(found.solution, prior=found.prior)
    if remedy is not None and assessment["separation"].verdict == "separated":
        penalty, found = remedy, search(remedy, solver="auto", start=None, starts=1)
        assessment = judge(found.solution, prior=found.prior)
    if data.design.columns == 0 and intercept:
        null = null._replace(loglik=assessment["llf"], deviance=assessment["deviance"])
    result = Result(
        family=family,
        names=model.columns,
        response=data.response,
        classes=data.classes,
        intercept=intercept,
        constant=constant,
        covariance_type=covariance,
        clusters=tuple(way.count for way in data.groups[:2]),
        weight_kind=weight_kind,
        fingerprint=data.fingerprint,
        use_t=corrected and covariance in ("fisher", "expected"),
        llnull=null.loglik,
        null_deviance=null.deviance,
        nobs=data.nobs,
        dropped=data.dropped,
        passes=objective.passes,
        iterations=found.solution.iterations,
        solver=found.solver,
        solver_reason=found.reason,
        seconds=time.perf_counter() - began,
        threads=team,
        isa=_core.ISA,
        penalty=penalty,
        trace=trace.kept,
        optima=tuple(replace(optimum, params=model.to_user(optimum.params)) for optimum in found.optima),
        **assessment,
    )
    warn(result, max_iter, on_separation=on_separation, on_rank=on_rank)
    return result


def _read_scale(likelihood: Likelihood, scale: Any) -> bool:
    """Whether sigma^2 has n - p in its denominator."""
    require_choice("scale", "corrected" if scale is None else scale, ("corrected", "mle"))
    if scale is not None and not likelihood.quadratic:
        raise OptionError(f"scale={scale!r}: only the gaussian likelihood has a choice. Leave it out.")
    return likelihood.quadratic and scale != "mle"


def _read_remedy(
    on_separation: str, penalty: Penalty | None, likelihood: Likelihood, covariance: str
) -> Penalty | None:
    """The penalty for data that are separated, if that is what the user wants."""
    if on_separation != "firth":
        return None
    if penalty is not None:
        raise OptionError(f"on_separation='firth' would replace penalty={penalty!r}. Give one of them.")
    return read_penalty(Firth(), likelihood, covariance)


def _require_no_start(solver: Any, start: Any) -> None:
    require_choice("solver", solver, ("auto", "interior point"))
    if start is not None:
        raise OptionError("start: the laplace likelihood finds its maximum exactly from anywhere. Leave it out.")


def _require_callable(progress: Any) -> None:
    if progress is not None and not callable(progress):
        raise OptionError(f"progress={progress!r} cannot be called. Give a function of one argument, or None.")
