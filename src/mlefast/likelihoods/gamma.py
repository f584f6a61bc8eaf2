# SPDX-License-Identifier: BSD-3-Clause
"""Gamma: a positive number whose standard deviation grows with its mean, with the log link."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core

from .base import Amount, Likelihood, Totals, Vector, refuse, require_numbers

_LARGE_EXCESS = 1e12
_LEAST_SCALE = 1e-100  # of a perfect fit, whose likelihood has no maximum


@dataclass(frozen=True)
class Gamma(Likelihood):
    """y has mean mu = exp(eta) and variance phi mu^2, with the dispersion phi.

    With nu = 1 / phi the negative log-likelihood of a row is::

        nll = nu (y / mu + log(mu)) - nu log(nu) - (nu - 1) log(y) + log Gamma(nu),

    so the coefficients do not depend on phi, which is profiled out: it has its maximum-likelihood value everywhere. (R
    and statsmodels take Pearson's estimate for the standard errors.) The log link is not canonical; the
    information is the observed one.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), chapter 8.

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.Gamma().terms([0.0, 1.0], [1.0, 3.0])
    >>> nll.round(6).tolist()
    [1.0, 2.103638]
    """

    name = "gamma"
    expects = True
    link = "log"
    leaf = "gamma_log"
    canonical = False
    scale_name = "dispersion"

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """Positive numbers; DataError otherwise."""
        require_numbers(y, name, self.name)
        if _core.describe(y)[0] <= 0:
            what = "the gamma likelihood is defined for positive y. Leave these rows out or model them by themselves."
            refuse(y, y <= 0, name, what)
        return y

    def mean(self, eta: Vector) -> Vector:
        """exp(eta)."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(eta))

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """Both are the mean itself."""
        mean = self.mean(eta)
        return mean, mean

    def variance(self, mean: Vector) -> Vector:
        """The square of the mean, in units of phi."""
        return mean * mean

    def dispersion(self, scale: float) -> float:
        """Phi."""
        return scale

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """The regularised incomplete gamma function P(nu, nu y / mu), twice."""
        from scipy.special import gammainc

        below = np.asarray(gammainc(1.0 / scale, y / (scale * mean)), dtype=np.float64)
        return below, below

    def linear(self, mean: float) -> float:
        """log(mean)."""
        return math.log(mean)

    def constant(self, y: Vector) -> Vector:
        """log(y)."""
        return np.asarray(np.log(y))

    def saturated(self, y: Vector) -> Vector:
        """1 + log(y), the loss at mu = y."""
        return 1.0 + np.log(y)

    def best_scale(self, loss: float, totals: Totals) -> float:
        """1 / nu with log(nu) - psi(nu) = (loss - sum log y) / n - 1, by Newton's method."""
        from scipy.special import digamma, polygamma

        excess = (loss - totals.constant) / totals.nobs - 1.0
        if not excess > _LEAST_SCALE:
            return _LEAST_SCALE
        if excess > _LARGE_EXCESS:  # there log(nu) - psi(nu) = log(nu) + 1 / nu + Euler's constant
            return float(excess + math.log(excess) - np.euler_gamma)
        # Minka's approximation of the inverse, "Estimating a Gamma distribution" (2002)
        root, beyond = math.hypot(excess - 3.0, math.sqrt(24.0 * excess)), excess - 3.0
        nu: float = 2.0 / (root + beyond) if beyond > 0.0 else (root - beyond) / (12.0 * excess)  # neither cancels
        for _ in range(20):
            if nu > 1e4:
                # there log(nu) - psi(nu) = 1 / (2 nu) + 1 / (12 nu^2); the difference itself would be rounding
                return float(4.0 * excess / (1.0 + math.sqrt(1.0 + 4.0 / 3.0 * excess)))
            step = (math.log(nu) - float(digamma(nu)) - excess) / (1.0 / nu - float(polygamma(1, nu)))
            nu = max(nu - step, 0.1 * nu)
            if abs(step) <= 1e-14 * nu:
                break
        return 1.0 / nu

    def at_scale(self, loss: Amount, totals: Totals, scale: float) -> tuple[Amount, float, float]:
        """Nu loss - n (nu log(nu) - log Gamma(nu)) - (nu - 1) sum log(y)."""
        from scipy.special import gammaln

        nu = 1.0 / scale
        rest = nu * math.log(nu) - float(gammaln(nu))
        return nu * loss - totals.nobs * rest - (nu - 1.0) * totals.constant, nu, nu
