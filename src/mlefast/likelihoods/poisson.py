# SPDX-License-Identifier: BSD-3-Clause
"""Poisson: a count, with the log link."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .base import Vector
from .counts import Counts

_LARGE = 1024.0  # LARGE_COUNT of _core/include/leaves/counts.h


@dataclass(frozen=True)
class Poisson(Counts):
    """y is a count with mean mu = exp(eta) and the same variance.

    The negative log-likelihood of a row is::

        nll = mu - y eta + log(y!),   with d1 = mu - y and d2 = mu.

    An `offset` of log(exposure), or `exposure` itself, makes exp(X beta) a rate.

    Parameters
    ----------
    quasi : bool, default False
        Whether y may be any number from zero on. Only the mean is then taken from the model, and the standard errors
        come from the sandwich, which holds for any variance.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), chapter 6; for `quasi` Gourieroux, Monfort and
    Trognon, Econometrica 52 (1984).

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.Poisson().terms([0.0, 1.0], [0, 3])
    >>> nll.round(6).tolist()
    [1.0, 1.510041]
    """

    quasi: bool = False

    name = "poisson"
    expects = True
    leaf = "poisson_log"

    @property
    def remedy(self) -> str:  # type: ignore[override]
        """Fractions are allowed where only the mean is taken from the model."""
        if self.quasi:
            return ""
        return "Fractions are allowed by likelihood=mlefast.Poisson(quasi=True), with sandwich errors."

    @property
    def covariance(self) -> str:  # type: ignore[override]
        """The sandwich where the variance is not the model's."""
        return "HC0" if self.quasi else "fisher"

    def constant(self, y: Vector) -> Vector:
        """log(y!); where the leaf leaves y - y log(y) out of the loss, what remains of both, by Stirling's series."""
        from scipy.special import gammaln

        large = np.maximum(y, _LARGE)
        series = 0.5 * np.log(2.0 * np.pi * large) + (1.0 - 1.0 / (30.0 * large**2)) / (12.0 * large)
        return np.where(y > _LARGE, series, gammaln(np.minimum(y, _LARGE) + 1.0))

    def saturated(self, y: Vector) -> Vector:
        """Y - y log(y), the loss at mu = y, where the leaf has not left it out."""
        return np.where(y > _LARGE, 0.0, y - y * np.log(np.where(y > 0.0, y, 1.0)))

    def variance(self, mean: Vector) -> Vector:
        """The mean."""
        return mean

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """The regularised incomplete gamma function Q(y, mu) and Q(y + 1, mu)."""
        from scipy.special import gammaincc

        return np.where(y > 0.0, gammaincc(np.maximum(y, 1.0), mean), 0.0), np.asarray(gammaincc(y + 1.0, mean))
