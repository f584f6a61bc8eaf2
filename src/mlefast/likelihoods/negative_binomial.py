# SPDX-License-Identifier: BSD-3-Clause
"""Negative binomial: a count that varies more than Poisson's, with the log link."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import OptionError

from .base import Totals, Vector, total
from .counts import Counts
from .factorials import log_rising, rising_slopes


@dataclass(frozen=True)
class NegativeBinomial(Counts):
    """y is a count with mean mu = exp(eta) and variance mu + alpha mu^2 (NB2).

    With a = alpha mu the negative log-likelihood of a row is::

        nll = (y + 1/alpha) log(1 + a) - y log(a) - log Gamma(y + 1/alpha) + log Gamma(1/alpha) + log(y!).

    Parameters
    ----------
    alpha : float, optional
        The dispersion; by default it is estimated with the coefficients, as log(alpha).

    References
    ----------
    Hilbe, *Negative Binomial Regression* (2nd ed., 2011), chapter 8.

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.NegativeBinomial(alpha=0.5).terms([0.0, 1.0], [0, 3])
    >>> nll.round(6).tolist()
    [0.81093, 1.984635]
    """

    alpha: float | None = None

    name = "negative_binomial"
    expects = True
    leaf = "negative_binomial_log"
    canonical = False
    logs = ("log(alpha)",)

    def __post_init__(self) -> None:
        """OptionError if alpha is no positive number."""
        if self.alpha is not None and not 0.0 < self.alpha < math.inf:
            raise OptionError(f"alpha={self.alpha!r} must be a positive number, or None to estimate it.")

    @property
    def estimated(self) -> tuple[str, ...]:  # type: ignore[override]
        """The logarithm of alpha, unless that is given."""
        return self.logs if self.alpha is None else ()

    @property
    def shape(self) -> tuple[float, ...]:  # type: ignore[override]
        """Alpha."""
        return (1.0 if self.alpha is None else self.alpha,)

    def at(self, values: Sequence[float]) -> NegativeBinomial:
        """With alpha = exp of the value, unless alpha is given."""
        return NegativeBinomial(math.exp(values[0])) if self.alpha is None else self

    def start(self, y: Vector) -> tuple[float, ...]:
        """log(alpha) by the moments of y as if it had one mean."""
        mean = max(float(y.mean()), 1e-3)
        return (math.log(min(max((float(y.var()) - mean) / mean**2, 1e-2), 10.0)),)

    def variance(self, mean: Vector) -> Vector:
        """Mu + alpha mu^2."""
        return mean + self.shape[0] * mean * mean

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """The regularised incomplete beta function I_q(1/alpha, y) and I_q(1/alpha, y + 1), q = 1 / (1 + alpha mu)."""
        from scipy.special import betainc

        size, q = 1.0 / self.shape[0], 1.0 / (1.0 + self.shape[0] * mean)
        below = np.where(y > 0.0, betainc(size, np.maximum(y, 1.0), q), 0.0)
        return below, np.asarray(betainc(size, y + 1.0, q))

    def constant(self, y: Vector) -> Vector:
        """Log Gamma(1/alpha) + log(y!) - log Gamma(y + 1/alpha), each pair without cancellation."""
        from scipy.special import gammaln

        r = 1.0 / self.shape[0]
        count = np.where(y > 0.0, y, 1.0)
        rise = log_rising(np.maximum(count, r), np.minimum(count, r))
        rest = np.where(count > r, gammaln(r) + np.log(count), gammaln(np.minimum(count, r) + 1.0))
        return np.where(y > 0.0, rest - rise, 0.0)

    def by_shape(self, y: Vector) -> NDArray[np.float64]:
        """At mu = y: x D and x^2 E - x D of `rising_slopes` at x = 1/alpha and d = y."""
        first, second = rising_slopes(1.0 / self.shape[0], y)
        return np.array([[first, second - first]])

    def totals(self, y: NDArray[Any], weights: NDArray[Any] | None, nobs: float) -> Totals:
        """Sums over the rows."""
        return super().totals(y, weights, nobs)._replace(by_shape=total(self.by_shape, y, weights))

    def saturated(self, y: Vector) -> Vector:
        """The loss at mu = y."""
        alpha = self.shape[0]
        a = alpha * np.where(y > 0.0, y, 1.0)
        return np.where(y > 0.0, np.log1p(a) / alpha + y * np.log1p(1.0 / a), 0.0)
