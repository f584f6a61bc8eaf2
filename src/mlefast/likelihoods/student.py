# SPDX-License-Identifier: BSD-3-Clause
"""Student t: a real number with heavy tails, whose outliers pull little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import OptionError

from .base import Amount, Likelihood, Totals, Vector
from .factorials import log_rising, rising_slopes


@dataclass(frozen=True)
class StudentT(Likelihood):
    """(y - eta) / sigma has Student's t distribution with nu degrees of freedom.

    The negative log-likelihood of a row is, with z = (y - eta) / sigma::

        nll = (nu + 1) / 2 log(1 + z^2 / nu) + log(sigma)
              + log(pi nu) / 2 + log Gamma(nu / 2) - log Gamma((nu + 1) / 2),

    which is not convex: there may be several maxima, and the fit finds one (see `multistart`). sigma, and nu unless it
    is given, are estimated with the coefficients, as log(sigma) and log(nu).

    Parameters
    ----------
    nu : float, optional
        Degrees of freedom; by default they are estimated.
    sigma : float, optional
        Scale; by default it is estimated.

    References
    ----------
    Lange, Little and Taylor, Journal of the American Statistical Association 84 (1989), 881-896.

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.StudentT(nu=4, sigma=1).terms([0.0, 2.0], [1.0, 2.0])
    >>> nll.round(6).tolist()
    [1.538688, 0.980829]
    """

    nu: float | None = None
    sigma: float | None = None

    name = "student_t"
    link = "identity"
    leaf = "student_t"
    canonical = False
    convex = False
    heavy_tails = True
    existence = "local"
    logs = ("log(sigma)", "log(nu)")

    def __post_init__(self) -> None:
        """OptionError if a parameter is no positive number."""
        for name in ("nu", "sigma"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < math.inf:
                raise OptionError(f"{name}={value!r} must be a positive number, or None to estimate it.")

    @property
    def estimated(self) -> tuple[str, ...]:  # type: ignore[override]
        """The logarithms of what is not given."""
        return tuple(log for log, given in zip(self.logs, (self.sigma, self.nu), strict=True) if given is None)

    @property
    def shape(self) -> tuple[float, ...]:  # type: ignore[override]
        """Sigma and nu."""
        return (self.sigma or 1.0, self.nu or 1.0)

    def at(self, values: Sequence[float]) -> StudentT:
        """With exp of the values for what is not given."""
        rest = iter(values)
        sigma = math.exp(next(rest)) if self.sigma is None else self.sigma
        return StudentT(math.exp(next(rest)) if self.nu is None else self.nu, sigma)

    def start(self, y: Vector) -> tuple[float, ...]:
        """The median absolute deviation for sigma, and 8 for nu."""
        spread = float(np.median(np.abs(y - np.median(y)))) or float(y.std()) or 1.0
        return tuple(math.log(value) for value, given in ((1.5 * spread, self.sigma), (8.0, self.nu)) if given is None)

    def mean(self, eta: Vector) -> Vector:
        """The linear predictor itself: the median, and the mean if nu > 1."""
        return eta

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """1 and 0."""
        return np.ones_like(eta), np.zeros_like(eta)

    def variance(self, mean: Vector) -> Vector:
        """sigma^2 nu / (nu - 2); OptionError if nu is at most 2, where it is infinite."""
        sigma, nu = self.shape
        if nu <= 2.0:
            raise OptionError(f"with nu = {nu:.4g} Student's t has no variance. Use what needs none.")
        return np.full_like(mean, sigma * sigma * nu / (nu - 2.0))

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """The distribution function of Student's t, twice."""
        from scipy.special import stdtr

        sigma, nu = self.shape
        below = np.asarray(stdtr(nu, (y - mean) / sigma), dtype=np.float64)
        return below, below

    def linear(self, mean: float) -> float:
        """The mean itself."""
        return mean

    def saturated(self, y: Vector) -> Vector:
        """log(sigma), the loss at eta = y."""
        return np.full(len(y), math.log(self.shape[0]))

    def _rise(self) -> float:
        """Log Gamma((nu + 1) / 2) - log Gamma(nu / 2)."""
        half = 0.5 * self.shape[1]
        return math.lgamma(half + 0.5) - math.lgamma(half) if half < 0.5 else float(log_rising(half, 0.5))

    def at_scale(self, loss: Amount, totals: Totals, scale: float) -> tuple[Amount, float, float]:
        """The loss and what depends on nu only."""
        nu = self.shape[1]
        rest = 0.5 * math.log(math.pi * nu) - self._rise()
        return loss + totals.nobs * rest, 1.0, 1.0

    def by_shape(self, y: Vector) -> NDArray[np.float64]:
        """At |y - eta| = sigma, whatever y is: -x D and x^2 E - x D of `rising_slopes` at x = nu / 2 and d = 1/2."""
        (first,), (second,) = rising_slopes(0.5 * self.shape[1], np.array([0.5]))
        rest = np.array([[0.0, 0.0, 0.0], [-first, 0.0, second - first]])
        return np.broadcast_to(rest[:, :, np.newaxis], (*rest.shape, len(y)))

    def totals(self, y: NDArray[Any], weights: NDArray[Any] | None, nobs: float) -> Totals:
        """Sums over the rows."""
        return super().totals(y, weights, nobs)._replace(by_shape=nobs * self.by_shape(np.zeros(1))[:, :, 0])
