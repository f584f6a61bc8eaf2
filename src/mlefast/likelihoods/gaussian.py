# SPDX-License-Identifier: BSD-3-Clause
"""Gaussian: a real number with normal errors, that is least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .base import Amount, Likelihood, Totals, Vector

_LEAST_SCALE = 1e-100  # of a perfect fit, whose likelihood has no maximum


@dataclass(frozen=True)
class Gaussian(Likelihood):
    """y is normal with mean eta and standard deviation sigma.

    The negative log-likelihood of a row is half the squared error in units of sigma^2, and a constant::

        nll = (y - eta)^2 / (2 sigma^2) + log(2 pi sigma^2) / 2,

    so whatever sigma is, least squares is maximum likelihood. Sigma is profiled out: sigma^2 = RSS / n maximises the
    likelihood. Standard errors use RSS / (n - p) by default, as R and statsmodels do, or with `scale="mle"` RSS / n.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), chapter 3.

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.Gaussian().terms([0.0, 2.0], [1.0, 2.0])
    >>> nll.round(6).tolist()
    [1.418939, 0.918939]
    """

    name = "gaussian"
    expects = True
    link = "identity"
    leaf = "gaussian"
    quadratic = True
    scale_name = "sigma"

    def mean(self, eta: Vector) -> Vector:
        """The linear predictor itself."""
        return eta

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """1 and 0."""
        return np.ones_like(eta), np.zeros_like(eta)

    def variance(self, mean: Vector) -> Vector:
        """1, in units of sigma^2."""
        return np.ones_like(mean)

    def dispersion(self, scale: float) -> float:
        """sigma^2."""
        return scale * scale

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """The normal distribution function, twice."""
        from scipy.special import ndtr

        below = np.asarray(ndtr((y - mean) / scale))
        return below, below

    def linear(self, mean: float) -> float:
        """The mean itself."""
        return mean

    def best_scale(self, loss: float, totals: Totals) -> float:
        """sqrt(RSS / n); the loss is RSS / 2."""
        return max(math.sqrt(2.0 * max(loss, 0.0) / totals.nobs), _LEAST_SCALE)

    def at_scale(self, loss: Amount, totals: Totals, scale: float) -> tuple[Amount, float, float]:
        """Loss / sigma^2 + n log(2 pi sigma^2) / 2, and -sum log(w) / 2 where weights are precisions."""
        precision = scale**-2
        nll = loss * precision + totals.constant + totals.nobs * (0.5 * math.log(2.0 * math.pi) + math.log(scale))
        return nll, precision, precision
