# SPDX-License-Identifier: BSD-3-Clause
"""Tests that compare two models of the same rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .again import FittedRows
from .data import MemoryDesign, read_design
from .errors import DataError, OptionError
from .inference.wald import HypothesisTest, chi_squared
from .likelihoods import Laplace
from .model import specify
from .objective import Information
from .observations import observe
from .options import resolve_threads
from .result import Result

_SAME = 1e-9  # relative difference of log-likelihoods that rounding can make


def likelihood_ratio_test(small: Result, large: Result) -> HypothesisTest:
    """Twice the difference of the log-likelihoods of two nested fits of the same rows, chi-squared.

    Parameters
    ----------
    small, large : Result
        Converged fits without a penalty of the same likelihood to the same y and weights; the columns of `small` must
        be among those of `large`, or combinations of them.

    Returns
    -------
    HypothesisTest
        Its `df` is the difference of the ranks.

    Raises
    ------
    OptionError
        If the fits are not of the same rows and likelihood, not nested, not converged, penalised, or have sampling
        weights, with which the log-likelihood is none.

    References
    ----------
    Wilks, Annals of Mathematical Statistics 9 (1938).

    Examples
    --------
    >>> import mlefast
    >>> y = [0, 1, 0, 1, 1, 0]
    >>> small = mlefast.fit([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], y)
    >>> large = mlefast.fit([[1.0, 0], [2.0, 1], [3.0, 1], [4.0, 0], [5.0, 0], [6.0, 1]], y)
    >>> print(mlefast.likelihood_ratio_test(small, large))
    x1 against x1, x2: chi2(1) = 0.7364, p = 0.3908
    """
    for result, name in ((small, "small"), (large, "large")):
        _require_likelihood(result, name, "likelihood_ratio_test")
    same = small.fingerprint == large.fingerprint and small.nobs == large.nobs and small.dropped == large.dropped
    if not same:
        raise OptionError(
            f"small and large are not fits of the same rows: of {small.nobs:.15g} and {large.nobs:.15g} observations, "
            "or with other y, weights or order. Fit both to the rows that have all columns of the large model."
        )
    if (small.likelihood, small.link, small.family.estimated) != (large.likelihood, large.link, large.family.estimated):
        raise OptionError(
            f"small is a {small.likelihood} fit ({small.link} link), large a {large.likelihood} fit ({large.link} "
            "link). The test is for two fits of one likelihood: compare these by AIC."
        )
    more, gain = large.rank - small.rank, large.llf - small.llf
    if more <= 0 or gain < -_SAME * max(1.0, abs(large.llf)):
        raise OptionError(
            f"small, with {small.rank} parameters and log-likelihood {small.llf:.10g}, is not nested in large, with "
            f"{large.rank} and {large.llf:.10g}. Give the model with fewer columns first."
        )
    label = f"{_columns(small)} against {_columns(large)}"
    return chi_squared(2.0 * max(gain, 0.0), more, label)


def _columns(result: Result) -> str:
    names = result.names[result.intercept :]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "an intercept alone"


def _require_likelihood(result: Result, name: str, test: str) -> None:
    if result.penalty is not None:
        raise OptionError(f"{test}: {name} has a penalty, so its log-likelihood is not the largest. Fit without it.")
    if result.weight_kind == "sampling":
        raise OptionError(f"{test}: {name} has sampling weights, so its log-likelihood is none. Use wald_test.")
    if isinstance(result.family, Laplace):
        raise OptionError(f"{test}: not for Laplace, whose likelihood is a device. Use wald_test.")
    if not result.converged:
        raise OptionError(
            f"{test}: {name} has not converged, so its log-likelihood is not the largest. See its summary."
        )


def score_test(
    result: Result,
    X: Any,
    y: Any,
    extra_columns: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> HypothesisTest:
    """Whether columns that a fit lacks would belong to it, without fitting them: Rao's score test, one pass.

    The statistic is g'H^-1 g with the gradient and the observed information of the larger model at the estimate of the
    smaller one, chi-squared. (R's anova with test = "Rao" takes the expected information, which is the same where the
    link is canonical.) For Gaussian it is n R^2 of the residuals on all columns, Breusch and Pagan's form.

    Parameters
    ----------
    result : Result
        A converged fit without a penalty; not Laplace.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, the offset and the exposure of the
        fit are found in it if they were columns, and y and the weights are arrays.
    extra_columns : array-like or frame of shape (n, q) or (n,)
        The columns that may be missing.

    Returns
    -------
    HypothesisTest
        Its `df` counts the columns that are no combinations of others, times the linear predictors.

    Raises
    ------
    DataError
        If these are not the data of the fit, or cannot be used.
    OptionError
        If there is no such test of this fit, or the columns add nothing.

    References
    ----------
    Rao, Proceedings of the Cambridge Philosophical Society 44 (1948); Breusch and Pagan, Review of Economic Studies 47
    (1980).

    Examples
    --------
    >>> import mlefast
    >>> X, y, extra = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0, 1, 0, 1, 1, 0], [0.0, 1, 1, 0, 0, 1]
    >>> result = mlefast.fit(X, y)
    >>> print(mlefast.score_test(result, X, y, extra))
    1 more column: chi2(1) = 0.7172, p = 0.3971
    """
    _require_likelihood(result, "the fit", "score_test")
    design = read_design(X) if result.encoder is None else result.encoder(X)
    more = read_design(extra_columns)
    if more.rows != design.rows:
        raise DataError(f"extra_columns has {more.rows} rows, X has {design.rows}. Both must describe the same rows.")
    data = observe(
        _side_by_side(design, more),
        y,
        result.family,
        weights=weights,
        weight_kind=result.weight_kind,
        offset=offset if result.encoder is None else result.encoder.offset(X, offset),
        exposure=exposure,
        missing=missing,
    )
    model = specify(data, result.family, result.intercept, resolve_threads(threads))
    fitted = FittedRows(result, model, 2, extra=more.columns)
    gradient, hessian = fitted.moments.gradient, fitted.moments.hessian
    assert gradient is not None and hessian is not None
    information = Information(hessian, convex=fitted.objective.convex)
    gained = information.rank - result.rank
    if gained <= 0 or not information.definite:
        raise OptionError(
            "score_test: the extra columns are combinations of those of the fit, or the likelihood is not curved "
            "downwards there. Choose others, or fit the larger model."
        )
    statistic = float(gradient @ information.solve(gradient))
    label = "1 more column" if more.columns == 1 else f"{more.columns} more columns"
    return chi_squared(max(statistic, 0.0) if math.isfinite(statistic) else np.nan, gained, label)


def _side_by_side(design: MemoryDesign, more: MemoryDesign) -> MemoryDesign:
    """The columns of both, with names that differ."""
    taken, names = set(design.names), []
    for name in more.names:
        while name in taken:
            name = f"extra {name}"
        taken.add(name)
        names.append(name)
    return design.beside(more, tuple(names))
