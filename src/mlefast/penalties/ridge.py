# SPDX-License-Identifier: BSD-3-Clause
"""Ridge: a Gaussian prior of the slopes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast.errors import OptionError

from .base import Penalty

_WANTED = "a positive number, or one from zero on for each column"


@dataclass(frozen=True)
class Ridge(Penalty):
    """Adds sum_j alpha_j beta_j^2 / 2 to the negative log-likelihood: slope j has the prior N(0, 1 / alpha_j).

    The slopes are those of the columns as they are given, so bring these to comparable scales first. The intercept and
    shape parameters, such as the dispersion of the negative binomial, are never penalised. For categorical every
    class but the reference has the same penalty, so the fit depends on which class is the reference.

    Where the likelihood has a scale that is profiled out (sigma of Gaussian, the dispersion phi of gamma), the penalty
    is measured like the loss: the estimate minimises loss + sum_j alpha_j beta_j^2 / 2 with the loss at scale 1, which
    is RSS / 2 for Gaussian. So it is classical ridge regression, the maximum of the posterior for the prior
    N(0, sigma^2 / alpha_j), or N(0, phi / alpha_j), whatever the scale is. The scale is then that of largest likelihood
    for these coefficients, for Gaussian standard errors RSS / (n - the effective number of parameters).

    Parameters
    ----------
    alpha : float or array-like of shape (p,)
        Positive, or one number from zero on for each column of X, where zero stands for no penalty. Less than about
        1e-12 of the information about a column is lost in rounding.

    Raises
    ------
    OptionError
        If a number is negative, not finite or no number, or the only one is zero. The fit raises it if there is not
        one for each column.

    Notes
    -----
    The same penalty elsewhere, for n rows without weights: scikit-learn's `Ridge(alpha)` has the same alpha, its
    `LogisticRegression` C = 1 / alpha for two classes, and its `PoissonRegressor` and `GammaRegressor`, like glum
    and statsmodels' `fit_regularized(L1_wt=0)`, alpha / n (statsmodels counts the constant as a column).

    Standard errors are those of the normal approximation of the posterior, the inverse of the penalised information
    H + diag(alpha). The effective number of parameters is tr((H + diag(alpha))^-1 H), which replaces the number of
    parameters in `df_model`, `df_resid`, `aic` and `bic`. `llf` is the log-likelihood at the estimate without the
    penalty. If every slope has a positive alpha, the estimate exists whatever the columns are, as soon as the model
    without columns has one.

    References
    ----------
    Hoerl and Kennard, Technometrics 12 (1970); le Cessie and van Houwelingen, Applied Statistics 41 (1992); Gray,
    JASA 87 (1992), for the effective number of parameters.

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]  # separated: without a penalty there is no maximum
    >>> result = mlefast.fit(X, y, penalty=mlefast.Ridge(1.0))
    >>> result.params.round(3).tolist(), result.converged
    ([-1.437, 0.958], True)
    """

    alpha: float | tuple[float, ...]

    name = "ridge"
    example = "Ridge(alpha=1.0)"
    errors = "MAP (Gaussian prior)"
    meaning = (
        "MAP standard errors (Gaussian prior): from the inverse of the penalised information; the intervals are of the "
        "posterior."
    )

    def __init__(self, alpha: ArrayLike) -> None:
        """Check and keep; numbers in an array become a tuple."""
        values = _numbers(alpha)
        fine = np.isfinite(values) & (values >= 0.0) if values.ndim else (values > 0.0) & (values < math.inf)
        if not fine.all():
            raise OptionError(f"alpha={alpha!r} must be {_WANTED}.")
        object.__setattr__(self, "alpha", tuple(values.tolist()) if values.ndim else float(values))

    def per_column(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """One alpha for each column; OptionError if there are more or less."""
        if isinstance(self.alpha, float):
            return np.full(len(columns), self.alpha)
        if len(self.alpha) != len(columns):
            shown = ", ".join(columns[:4]) + (", ..." if len(columns) > 4 else "")
            raise OptionError(
                f"alpha has {len(self.alpha)} numbers and X has {len(columns)} columns: {shown}. Give one for each, or "
                "one for all."
            )
        return np.array(self.alpha)


def _numbers(alpha: ArrayLike) -> NDArray[np.float64]:
    try:
        values = np.asarray(alpha)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind not in "iuf" or values.ndim > 1:
        raise OptionError(f"alpha={alpha!r} must be {_WANTED}.")
    return values.astype(np.float64)
