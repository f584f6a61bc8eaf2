# SPDX-License-Identifier: BSD-3-Clause
"""Ratios of gamma functions, whose logarithms are small differences of large numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .base import Vector

_STIRLING = 32.0  # from there on the series below is exact to rounding


def log_rising(x: ArrayLike, d: ArrayLike) -> Vector:
    """Log Gamma(x + d) - log Gamma(x) for 0 < d <= x, the logarithm of the rising factorial, to rounding of d log x."""
    from scipy.special import gammaln

    x, d = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(d, dtype=np.float64))
    large = np.maximum(x, _STIRLING)
    series = d * np.log(large) + (large + d - 0.5) * np.log1p(d / large) - d
    series += _remainder(large + d) - _remainder(large)
    small = np.minimum(x, _STIRLING)
    return np.asarray(np.where(x >= _STIRLING, series, gammaln(small + d) - gammaln(small)))


def _remainder(x: Vector) -> Vector:
    """What Stirling's formula lacks (NIST Digital Library of Mathematical Functions, 5.11.1)."""
    square = x**-2
    return np.asarray((1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0))) / x)
