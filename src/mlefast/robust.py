# SPDX-License-Identifier: BSD-3-Clause
"""Another covariance of a fit, after the fit."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .again import read_again
from .errors import OptionError
from .likelihoods import Laplace
from .objective import Information
from .result import Result
from .sandwich import covariance_matrix, read_covariance


def with_covariance(
    result: Result,
    covariance: str,
    X: Any,
    y: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    groups: Any = None,
    threads: int | None = None,
) -> Result:
    """The same fit with another covariance, from its data: results hold none.

    Parameters
    ----------
    result : Result
        A converged fit without a penalty; not Laplace.
    covariance : {"fisher", "expected", "HC0", "HC1", "HC2", "HC3", "cluster", "survey"}
        As in `fit`, which also says which likelihoods have which.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, the offset and the exposure of the
        fit are found in it if they were columns, and y and the weights are arrays.
    groups : array-like of shape (n,) or (n, 2), frame, or two arrays, optional
        The clusters, as in `fit`; for a formula also names of columns of the table.

    Returns
    -------
    Result
        Whose `bse`, tests, intervals and summary follow from the new covariance; the rest is the same.

    Raises
    ------
    DataError
        If these are not the data of the fit, or cannot be used.
    OptionError
        If there is no such covariance of this fit.

    References
    ----------
    White, Econometrica 48 (1980) and 50 (1982); MacKinnon and White, Journal of Econometrics 29 (1985); Cameron,
    Gelbach and Miller, Journal of Business and Economic Statistics 29 (2011).

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0, 4.0], [0.1, 0.9, 2.3, 2.8, 4.1]
    >>> result = mlefast.fit(X, y, likelihood="gaussian")
    >>> mlefast.with_covariance(result, "HC3", X, y).bse.round(6).tolist()
    [0.129507, 0.059488]
    """
    _require_smooth(result)
    kind = read_covariance(result.family, covariance, groups is not None, result.weight_kind)
    fitted = read_again(
        result,
        X,
        y,
        order=2,
        weights=weights,
        offset=offset,
        exposure=exposure,
        missing=missing,
        groups=groups,
        threads=threads,
    )
    model, moments = fitted.model, fitted.moments
    kept = ~np.isnan(result.params).ravel()
    assert moments.hessian is not None
    information = Information(moments.hessian, convex=fitted.objective.convex).among(kept)
    matrix = covariance_matrix(kind, model, fitted.objective, fitted.params, moments, information)
    use_t = False
    if kind in ("fisher", "expected"):
        correction = (result.scale / moments.scale) ** 2  # n / (n - p) if the fit has it
        matrix, use_t = matrix * correction, correction > 1.0 + 1e-9
    matrix[~kept] = matrix[:, ~kept] = np.nan
    return dataclasses.replace(
        result,
        covariance=matrix,
        covariance_type=kind,
        clusters=tuple(way.count for way in model.data.groups[:2]),
        use_t=use_t,
        robust_ratio=None,
    )


def _require_smooth(result: Result) -> None:
    if isinstance(result.family, Laplace):
        raise OptionError(f"with_covariance: a {result.likelihood} fit has its own kinds. Ask fit for one.")
    if result.penalty is not None:
        raise OptionError("with_covariance: a penalised fit has the errors of its penalty, and no others.")
    if not result.converged:
        raise OptionError("with_covariance: the fit has not converged, so no covariance means anything.")
