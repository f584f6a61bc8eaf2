# SPDX-License-Identifier: BSD-3-Clause
"""Ratios of gamma functions, whose logarithms are small differences of large numbers, and their derivatives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .base import Vector

_STIRLING = 32.0  # from there on the series below is exact to rounding
_DIGAMMA = 12.0  # and that of log(x) - psi(x), whose coefficients of the powers of 1 / x follow (DLMF 5.11.2)
_EVEN = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160)
_SERIES = np.array([0.0, 0.5, *(c for even in _EVEN for c in (even, 0.0))])
_SLOPES = np.array([0.0, *(k * c for k, c in enumerate(_SERIES))])  # of minus its derivative, psi'(x) - 1 / x


def log_rising(x: ArrayLike, d: ArrayLike) -> Vector:
    """Log Gamma(x + d) - log Gamma(x) for 0 < d <= x, the logarithm of the rising factorial, to rounding of d log x."""
    from scipy.special import gammaln

    x, d = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(d, dtype=np.float64))
    large = np.maximum(x, _STIRLING)
    series = d * np.log(large) + (large + d - 0.5) * np.log1p(d / large) - d
    series += _remainder(large + d) - _remainder(large)
    small = np.minimum(x, _STIRLING)
    return np.asarray(np.where(x >= _STIRLING, series, gammaln(small + d) - gammaln(small)))


def rising_slopes(x: float, d: Vector) -> tuple[Vector, Vector]:
    """Of R(x, d) = log_rising, for x > 0 and d >= 0: x D and x^2 E to rounding, D = dR/dx - log(1 + d / x), E = -dD/dx.

    With p(x) = log(x) - psi(x), about 1 / (2 x), D = p(x) - p(x + d). Small x are led to larger ones by
    psi(x + 1) = psi(x) + 1 / x; there the difference of the series at u = 1 / x and v = 1 / (x + d) is u - v times its
    divided difference.
    """
    first, second, near = np.zeros_like(d), np.zeros_like(d), x
    while near < _DIGAMMA:
        far = near + d
        first += d / (near * far) - np.log1p(d / (near * (far + 1.0)))
        second += 1.0 / (near * near * (near + 1.0)) - 1.0 / (far * far * (far + 1.0))
        near += 1.0
    u, v = 1.0 / near, 1.0 / (near + d)
    share = x * u * d * v  # x (u - v)
    return x * first + share * _divided(_SERIES, u, v), x * (x * second + share * _divided(_SLOPES, u, v))


def _divided(coefficients: Vector, u: float, v: Vector) -> Vector:
    """(P(u) - P(v)) / (u - v) of the polynomial with these coefficients, by Horner's scheme."""
    value, difference = 0.0, np.zeros_like(v)
    for c in coefficients[::-1]:
        difference = difference * v + value
        value = value * u + c
    return difference


def _remainder(x: Vector) -> Vector:
    """What Stirling's formula lacks (NIST Digital Library of Mathematical Functions, 5.11.1)."""
    square = x**-2
    return np.asarray((1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / x)
