# SPDX-License-Identifier: BSD-3-Clause
"""How much single rows determine a fit: leverages, standardised residuals, Cook's distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.again import Block, FittedRows, read_at_estimate
from mlefast.errors import OptionError
from mlefast.penalties import Ridge
from mlefast.result import Result

from .residuals import pearson

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Influence:
    """How much rows determine a fit.

    Attributes
    ----------
    rows : array of integers
        Their numbers, from 0.
    cooks_distances, leverages, standardised_residuals : arrays of the same length, float64
        NaN for absent rows. Of weighted rows they are those of one copy.
    """

    rows: NDArray[np.intp]
    cooks_distances: Vector
    leverages: Vector
    standardised_residuals: Vector


def influence(
    result: Result,
    X: Any,
    y: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> Influence:
    """Leverages, standardised residuals and Cook's distances of all rows of a fit.

    With h = d2 x' H^-1 x (H the Hessian, d2 the second derivative of the row's loss), the Pearson residual r, the
    dispersion phi and p parameters the standardised residual is r / sqrt(phi (1 - h)) and Cook's distance
    r^2 h / (phi p (1 - h)^2): how far the estimate would move without the row, to first order. phi is Pearson's
    estimate for likelihoods with a scale, otherwise 1.

    Parameters
    ----------
    result : Result
        Of a likelihood with one linear predictor and a known variance, not Laplace or Student t.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.

    Returns
    -------
    Influence

    Raises
    ------
    DataError
        If these are not the data of the fit.
    OptionError
        If rows have no leverage in such a fit.

    Notes
    -----
    The information is the observed one, as in statsmodels; R's is the expected one, which is the same where the link is
    canonical.

    References
    ----------
    Pregibon, Annals of Statistics 9 (1981); Williams, Applied Statistics 36 (1987).

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 5.0], [1.0, 2.0, 4.0, 4.0]
    >>> found = mlefast.influence(mlefast.fit(X, y, likelihood="gaussian"), X, y)
    >>> found.leverages.round(3).tolist(), found.cooks_distances.argmax().item()
    ([0.536, 0.321, 0.25, 0.893], 3)
    """
    require_influence(result)
    rows = read_at_estimate(
        result, X, y, order=2, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    h, r = np.full(rows.rows, np.nan), np.full(rows.rows, np.nan)
    chi2, whitening = 0.0, rows.information.whiten_matrix()
    for block in rows.blocks():
        residual = pearson(rows, block, rows.likelihood.mean(block.eta))
        chi2 += float(block.weights @ residual**2)
        h[block.index], r[block.index] = leverages(rows, block, whitening), residual
    return influence_of(np.arange(rows.rows), h, r, dispersion(rows, chi2), result.rank)


def influence_of(rows: NDArray[np.intp], h: Vector, r: Vector, phi: float, parameters: float) -> Influence:
    """From leverages and Pearson residuals."""
    with np.errstate(divide="ignore", invalid="ignore"):
        standardised = r / np.sqrt(phi * (1.0 - h))
        return Influence(rows, standardised**2 * h / ((1.0 - h) * parameters), h, standardised)


def leverages(rows: FittedRows, block: Block, whitening: NDArray[np.float64]) -> Vector:
    """d2 |A'x|^2 of each row, where A A' is the inverse of the information of the loss."""
    return np.asarray(rows.terms(block)[2] * np.square(block.x @ whitening).sum(axis=1))


def dispersion(rows: FittedRows, chi2: float) -> float:
    """Pearson's estimate, where the likelihood has a scale."""
    return 1.0 if rows.likelihood.scale_name is None else chi2 / rows.result.df_resid


def require_influence(result: Result) -> None:
    """OptionError if rows of the fit have no leverage or no Pearson residual."""
    if result.params.ndim > 1 or result.family.scale_name == "b" or result.family.convex is False:
        raise OptionError(f"influence: not for the {result.likelihood} likelihood.")
    if isinstance(result.penalty, Ridge):
        raise OptionError("influence: a prior pulls the estimate too, so leverages do not tell what a row does.")
