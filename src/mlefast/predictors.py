# SPDX-License-Identifier: BSD-3-Clause
"""The rows that the user gives to a result: whether their columns fit, linear predictors, intervals of the mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.data import Design, MemoryDesign, read_design, read_vector
from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Categorical

from .options import read_number

if TYPE_CHECKING:
    from .result import Result

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Means of y for new rows, with confidence intervals of these means (not of y).

    Attributes
    ----------
    mean : array of shape (n,), for categorical (n, K), float64
        As `Result.predict` gives it without an interval.
    lower, upper : arrays of the shape of `mean`
        Ends of the intervals: those of eta (Wald) mapped to the mean; for categorical those of the log odds of each
        class against all others, by the delta method, mapped to its probability.
    eta : array of shape (n,), for categorical (n, K - 1)
        Linear predictors.
    se_eta : array of the shape of `eta`
        Their standard errors, sqrt(x' V x) with V the covariance of the coefficients.
    interval : float
        The coverage.
    """

    mean: Vector
    lower: Vector
    upper: Vector
    eta: Vector
    se_eta: Vector
    interval: float


@dataclass(frozen=True, eq=False, repr=False)
class Change:
    """The columns of a formula for two values of one variable, all else equal.

    A contrast of levels, or for a variable of numbers values a little above and below, `width` apart, of `values`.
    """

    name: str
    high: Design
    low: Design
    width: Vector | None = None
    values: Vector | None = None


def read_columns(result: Result, X: Any, offset: Any = None) -> tuple[MemoryDesign, Any]:
    """The columns of a fit in what the user gives as X, and the offset for them; DataError if they do not fit."""
    design = read_design(X) if result.encoder is None else result.encoder(X)
    if result.encoder is not None:
        offset = result.encoder.offset(X, offset)
    elif isinstance(offset, str):
        raise DataError(f"offset={offset!r} names a column, which only a fit of a formula takes. Give the numbers.")
    wanted = result.column_names
    if design.columns != len(wanted):
        shown = ", ".join(wanted[:8]) + (", ..." if len(wanted) > 8 else "")
        raise DataError(f"X has {design.columns} columns, the model has {len(wanted)}: {shown}.")
    if result.encoder is None and design.given_names is not None and design.given_names != wanted:
        odd = next((a, b) for a, b in zip(design.given_names, wanted, strict=True) if a != b)
        raise DataError(
            f"X has the column {odd[0]!r} where the model has {odd[1]!r}. Give the columns of the fit, in its order."
        )
    if offset is not None and result.params.ndim > 1:
        raise OptionError("offset: the categorical likelihood takes none. Leave it out.")
    return design, offset


@dataclass(frozen=True, eq=False, repr=False)
class Predictors:
    """Rows of X with their linear predictors at the estimate; coefficients that are not determined count as zero."""

    result: Result
    design: Design
    offset: NDArray[Any] | None

    @property
    def coefficients(self) -> Vector:
        """Of shape (p,), for categorical (K - 1, p)."""
        return np.nan_to_num(self.result.params[..., : len(self.result.column_names) + self.result.intercept])

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of the coefficients, flattened."""
        size = self.coefficients.size
        return np.nan_to_num(self.result.covariance[:size, :size])

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64], Vector]]:
        """Which rows, their x with ones for the intercept, and their eta."""
        b = self.coefficients
        for rows, block in self.design.blocks():
            x = np.column_stack([np.ones(len(block)), block]) if self.result.intercept else block
            eta = x @ b.T
            yield rows, x, eta if self.offset is None else eta + self.offset[rows]


def predictors_of(result: Result, X: Any, offset: Any) -> Predictors:
    """The rows of X with their linear predictors; DataError if the columns do not fit."""
    design, offset = read_columns(result, X, offset)
    shift = None if offset is None else read_vector(offset, "offset", design.rows).values
    return Predictors(result, design, shift)


def quantile_of(result: Result, alpha: float) -> float:
    """The 1 - alpha / 2 quantile of the distribution of the result's tests."""
    from scipy.special import ndtri, stdtrit

    return -float(stdtrit(result.df_resid, 0.5 * alpha) if result.use_t else ndtri(0.5 * alpha))


def require_finite_params(result: Result, what: str) -> None:
    """OptionError if a coefficient is infinite."""
    if np.isinf(result.params).any():
        raise OptionError(
            f"{what}: the maximum of the likelihood does not exist, and of infinite coefficients there is none. Fit "
            "with penalty=mlefast.Firth(), or without the columns that separate the labels."
        )


def predict_interval(predictors: Predictors, mean: Vector, interval: Any) -> Prediction:
    """The means with intervals of the coverage `interval`."""
    result = predictors.result
    coverage = read_number("interval", interval, 0.0, 1.0, "a number between 0 and 1, such as 0.95")
    require_finite_params(result, "interval")
    quantile = quantile_of(result, 1.0 - coverage)
    classes = isinstance(result.family, Categorical)
    eta = np.empty((predictors.design.rows, *predictors.coefficients.shape[:-1]))
    se_eta = np.empty_like(eta)
    lower, upper = np.empty_like(mean), np.empty_like(mean)
    spread, b = predictors.covariance, predictors.coefficients
    for rows, x, part in predictors.blocks():
        eta[rows] = part
        if classes:
            covariances = _class_covariances(x, spread, len(b))
            se_eta[rows] = np.sqrt(np.maximum(covariances.diagonal(axis1=1, axis2=2), 0.0))
            lower[rows], upper[rows] = _class_intervals(mean[rows], covariances, quantile)
            continue
        error = np.sqrt(np.maximum(((x @ spread) * x).sum(axis=1), 0.0))
        ends = [result.family.mean(part + sign * quantile * error) for sign in (-1.0, 1.0)]
        se_eta[rows], lower[rows], upper[rows] = error, np.minimum(*ends), np.maximum(*ends)
    return Prediction(mean, lower, upper, eta, se_eta, coverage)


def _class_covariances(x: NDArray[np.float64], spread: NDArray[np.float64], equations: int) -> NDArray[np.float64]:
    """The covariance of the linear predictors of each row, of shape (n, K - 1, K - 1)."""
    columns = x.shape[1]
    answer = np.empty((len(x), equations, equations))
    for k in range(equations):
        for m in range(k + 1):
            block = spread[k * columns : (k + 1) * columns, m * columns : (m + 1) * columns]
            answer[:, k, m] = answer[:, m, k] = ((x @ block) * x).sum(axis=1)
    return answer


def _class_intervals(
    p: NDArray[np.float64], covariances: NDArray[np.float64], quantile: float
) -> tuple[Vector, Vector]:
    """By the log odds of each class, whose gradient is (unit_k - p) / (1 - p_k)."""
    lower, upper = np.empty_like(p), np.empty_like(p)
    for k in range(p.shape[1]):
        rest = np.delete(p, k, axis=1).sum(axis=1)  # 1 - p_k with its digits
        gradient = -p[:, 1:]
        if k:
            gradient[:, k - 1] = rest
        variance = np.einsum("ik,ikm,im->i", gradient, covariances, gradient)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            factor = np.exp(quantile * np.sqrt(np.maximum(variance, 0.0)) / rest)
            lower[:, k] = p[:, k] / (p[:, k] + rest * factor)
            upper[:, k] = p[:, k] * factor / (p[:, k] * factor + rest)
        sure = rest == 0.0
        lower[sure, k] = upper[sure, k] = p[sure, k]
    return lower, upper
