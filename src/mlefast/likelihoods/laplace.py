# SPDX-License-Identifier: BSD-3-Clause
"""Laplace: a real number whose median, or another quantile, is linear; least absolute deviations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlefast.errors import OptionError

from .base import Amount, Likelihood, Totals, Vector

_LEAST_SCALE = 1e-100  # of a perfect fit, whose likelihood has no maximum


@dataclass(frozen=True)
class Laplace(Likelihood):
    """y - eta has the Laplace distribution with scale b, or an asymmetric one whose tau-quantile is zero.

    With rho(r) = (tau - [r < 0]) r the negative log-likelihood of a row is::

        nll = 2 rho(y - eta) / b + log(b / (2 tau (1 - tau))),

    for the median ``|y - eta| / b + log(2 b)``. So maximum likelihood is least absolute deviations or, for another tau,
    quantile regression. The scale is profiled out: b is the mean of 2 rho(y - eta), for the median the mean absolute
    residual. (Many texts give the asymmetric distribution the scale b / 2.)

    Few believe in this distribution, and the quantile is of use without it: so standard errors are those of quantile
    regression by default, from the density of the residuals at zero.

    Parameters
    ----------
    quantile : float, default 0.5
        tau, the share of the rows below the fit, between 0 and 1.

    Raises
    ------
    OptionError
        If quantile does not lie between 0 and 1.

    References
    ----------
    Koenker and Bassett, Econometrica 46 (1978), 33-50; Koenker, *Quantile Regression* (2005).

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.Laplace().terms([0.0, 2.0], [1.0, 1.5])
    >>> nll.round(6).tolist(), d1.tolist()
    ([1.693147, 1.193147], [-1.0, 1.0])
    """

    quantile: float = 0.5

    name = "laplace"
    link = "identity"
    leaf = "laplace"
    canonical = False
    scale_name = "b"
    covariance = "iid"
    covariances = ("iid", "kernel", "bootstrap")

    def __post_init__(self) -> None:
        """OptionError if there is no such quantile."""
        value = self.quantile
        if not isinstance(value, float | int | np.floating) or isinstance(value, bool) or not 0.0 < value < 1.0:
            raise OptionError(
                f"quantile={value!r} must lie between 0 and 1, such as 0.5 for the median or 0.9 for what nine rows of "
                "ten stay below."
            )

    @property
    def shape(self) -> tuple[float, ...]:  # type: ignore[override]
        """The quantile."""
        return (float(self.quantile),)

    def mean(self, eta: Vector) -> Vector:
        """The tau-quantile of y, which is the linear predictor itself."""
        return eta

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """1 and 0."""
        return np.ones_like(eta), np.zeros_like(eta)

    def linear(self, mean: float) -> float:
        """The number itself."""
        return mean

    def best_scale(self, loss: float, totals: Totals) -> float:
        """The mean of 2 rho; the loss is their sum."""
        return max(loss / float(totals.nobs), _LEAST_SCALE)

    def at_scale(self, loss: Amount, totals: Totals, scale: float) -> tuple[Amount, float, float]:
        """The loss is divided by b, and n log(b / (2 tau (1 - tau))) added."""
        constant = math.log(scale) - math.log(2.0 * self.quantile * (1.0 - self.quantile))
        return loss / scale + totals.nobs * constant, 1.0 / scale, scale**-2
