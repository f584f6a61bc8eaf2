# SPDX-License-Identifier: BSD-3-Clause
"""Standard errors of quantile regression, which depend on the density of the errors at zero.

With H = sum_i w_i f_i(0) x_i x_i' and J = sum_i w_i x_i x_i' the estimate has covariance tau (1 - tau) H^-1 J H^-1
(Koenker, *Quantile Regression*, 2005, section 3.4). Three ways to know f:

- "iid": it is the same in all rows, and a kernel estimate from all residuals;
- "kernel": it is a kernel estimate in each row (Powell, 1991), so the spread may depend on X;
- "bootstrap": rows are drawn with replacement, and fitted again.

The kernel is Epanechnikov's; the bandwidth is that of Hall and Sheather (JRSS B 50, 1988) for a level of 95 %, on the
scale of the residuals as in Stata and statsmodels, whose `vcov="iid"` is the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlefast.objective import Information, Matrix, PiecewiseLinear, Vector, total

_NORMAL_QUARTILES = 1.34  # the distance between those of a standard normal distribution
_LEVEL = 0.05
_CHUNK = 1 << 18  # draws at a time


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sparsity:
    """A kernel estimate of the density of the errors at zero, and its bandwidth, in units of y."""

    density: float
    bandwidth: float


def hall_sheather(nobs: float, quantile: float) -> float:
    """The bandwidth on the scale of probabilities, such that quantile +- bandwidth lies within (0, 1)."""
    from scipy.special import ndtri

    z = float(ndtri(quantile))
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    width: float = nobs ** (-1.0 / 3.0) * float(ndtri(1.0 - _LEVEL / 2.0)) ** (2.0 / 3.0)
    width *= (1.5 * density**2 / (2.0 * z * z + 1.0)) ** (1.0 / 3.0)
    while not 0.0 < quantile - width < quantile + width < 1.0:
        width /= 2.0
    return width


def estimate_sparsity(objective: PiecewiseLinear, residuals: Vector) -> Sparsity:
    """The density of the residuals at zero; NaN where they have no spread."""
    from scipy.special import ndtri

    tau, weights = objective.quantile, objective.weights
    nobs = _nobs(objective)
    width = hall_sheather(nobs, tau)
    lower, upper = _quartiles(residuals, weights)
    spread = min(_deviation(objective.response, weights), (upper - lower) / _NORMAL_QUARTILES)
    bandwidth = spread * float(ndtri(tau + width) - ndtri(tau - width))
    if not bandwidth > 0.0:
        return Sparsity(math.nan, 0.0)
    near = np.flatnonzero(np.abs(residuals) < bandwidth)
    kernel = epanechnikov(residuals[near] / bandwidth)
    return Sparsity(total(None if weights is None else weights[near], kernel) / (nobs * bandwidth), bandwidth)


def epanechnikov(u: Vector) -> Vector:
    """3/4 (1 - u^2) within (-1, 1), otherwise 0."""
    return np.asarray(0.75 * np.maximum(1.0 - u * u, 0.0))


def iid_covariance(objective: PiecewiseLinear, gram: Information, sparsity: Sparsity) -> Matrix:
    """Tau (1 - tau) J^-1 / f^2."""
    tau = objective.quantile
    return gram.inverse() * (tau * (1.0 - tau) / sparsity.density**2)


def kernel_covariance(objective: PiecewiseLinear, residuals: Vector, gram: Matrix, sparsity: Sparsity) -> Matrix:
    """Tau (1 - tau) H^-1 J H^-1 with the kernel's density in each row; NaN where H is singular."""
    tau, width = objective.quantile, sparsity.bandwidth
    if not width > 0.0:
        return np.full_like(gram, np.nan)
    density = Information(objective.gram(epanechnikov(residuals / width) / width))
    if not density.kept.all():
        return np.full_like(gram, np.nan)
    inverse = density.inverse()
    return tau * (1.0 - tau) * (inverse @ gram @ inverse)


def bootstrap_covariance(
    objective: PiecewiseLinear, refit: Callable[[PiecewiseLinear], Vector | None], replicates: int, seed: int
) -> Matrix:
    """The covariance of the parameters that `refit` finds for the rows drawn with replacement.

    A row counts as often as its weight says. Draws that do not determine all parameters, for which `refit` gives None,
    are drawn again; the covariance is NaN if half of them are such.
    """
    rng = np.random.default_rng(seed)
    found: list[Vector] = []
    for _ in range(2 * replicates):
        params = refit(objective.reweighted(_draw(objective, rng)))
        if params is not None:
            found.append(params)
        if len(found) == replicates:
            return np.atleast_2d(np.cov(np.array(found), rowvar=False))
    return np.full((objective.size, objective.size), np.nan)


def _draw(objective: PiecewiseLinear, rng: np.random.Generator) -> Vector:
    """How often each row is drawn."""
    weights, rows = objective.weights, objective.rows
    if weights is not None:
        nobs = _nobs(objective)
        return rng.multinomial(round(nobs), weights / nobs).astype(np.float64)
    counts = np.zeros(rows)
    for first in range(0, rows, _CHUNK):
        drawn = rng.integers(0, rows, min(_CHUNK, rows - first))
        np.add.at(counts, drawn, 1.0)
    return counts


def _nobs(objective: PiecewiseLinear) -> float:
    weights = objective.weights
    return float(objective.rows if weights is None else np.sum(weights, dtype=np.float64))


def _deviation(values: Vector, weights: Vector | None) -> float:
    """The standard deviation; a row counts as often as its weight says."""
    if weights is None:
        return float(np.std(values))
    centred = values - np.average(values, weights=weights)
    return math.sqrt(float(np.average(centred * centred, weights=weights)))


def _quartiles(values: Vector, weights: Vector | None) -> tuple[float, float]:
    """The first and third quartile, interpolated; a row counts as often as its weight says."""
    if weights is None:
        lower, upper = np.percentile(values, [25.0, 75.0])
        return float(lower), float(upper)
    order = np.argsort(values)
    counted = np.cumsum(weights[order], dtype=np.float64)
    sorted_values = values[order]

    def at(share: float) -> float:
        place = share * (counted[-1] - 1.0)
        below = math.floor(place)
        low, high = (
            sorted_values[min(int(np.searchsorted(counted, k, side="right")), len(order) - 1)]
            for k in (below, below + 1)
        )
        return float(low + (place - below) * (high - low))

    return at(0.25), at(0.75)
