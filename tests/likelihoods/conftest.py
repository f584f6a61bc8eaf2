# SPDX-License-Identifier: BSD-3-Clause
"""Small data for every likelihood, its density in mpmath as textbooks have it, and SciPy's distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from scipy import stats

import mlefast

Density = Callable[..., mpf]  # of eta, y and the further parameters, which are logarithms


def bernoulli(mean: Density, rest: Density) -> Density:
    return lambda eta, y: mpmath.log(mean(eta)) if y else mpmath.log(rest(eta))


def gaussian(eta: mpf, y: mpf, log_sigma: mpf) -> mpf:
    return -log_sigma - mpmath.log(2 * mpmath.pi) / 2 - ((y - eta) / mpmath.exp(log_sigma)) ** 2 / 2


def poisson(eta: mpf, y: mpf) -> mpf:
    return y * eta - mpmath.exp(eta) - mpmath.loggamma(y + 1)


def gamma(eta: mpf, y: mpf, log_phi: mpf) -> mpf:
    nu = mpmath.exp(-log_phi)
    rate = nu / mpmath.exp(eta)
    return nu * mpmath.log(rate) + (nu - 1) * mpmath.log(y) - rate * y - mpmath.loggamma(nu)


def negative_binomial(eta: mpf, y: mpf, log_alpha: mpf) -> mpf:
    r = mpmath.exp(-log_alpha)
    p = r / (r + mpmath.exp(eta))
    ways = mpmath.loggamma(y + r) - mpmath.loggamma(r) - mpmath.loggamma(y + 1)
    return ways + r * mpmath.log(p) + y * mpmath.log(1 - p)


def student_t(eta: mpf, y: mpf, log_sigma: mpf, log_nu: mpf) -> mpf:
    nu, z = mpmath.exp(log_nu), (y - eta) / mpmath.exp(log_sigma)
    constant = mpmath.loggamma((nu + 1) / 2) - mpmath.loggamma(nu / 2) - mpmath.log(nu * mpmath.pi) / 2
    return constant - log_sigma - (nu + 1) / 2 * mpmath.log(1 + z * z / nu)


@dataclass(frozen=True)
class Case:
    """A likelihood and what is known of it; `distribution(eta, *further)` is SciPy's."""

    name: str
    likelihood: Any
    density: Density
    distribution: Callable[..., Any]
    true: tuple[float, ...] = ()  # further parameters of the data
    options: dict[str, Any] = field(default_factory=dict)

    def data(self, n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, n])
        x = rng.standard_normal((n, 2))
        y = self.distribution(0.4 + x @ [0.5, -0.3], *self.true).rvs(random_state=rng)
        return x, np.asarray(y, dtype=float)

    def fit(self, x: np.ndarray, y: np.ndarray, **options: Any) -> mlefast.Result:
        return mlefast.fit(x, y, likelihood=self.likelihood, **{**self.options, **options})

    def log_density(self, eta: np.ndarray, y: np.ndarray, *further: float) -> np.ndarray:
        distribution = self.distribution(eta, *further)
        return distribution.logpmf(y) if hasattr(distribution.dist, "logpmf") else distribution.logpdf(y)

    @property
    def scaled(self) -> bool:
        return self.likelihood.scale_name is not None

    def everything(self, result: mlefast.Result) -> np.ndarray:
        """The parameters that the density has: those of the result, and the logarithm of a scale."""
        return np.r_[result.params, np.log(result.scale)] if self.scaled else result.params

    def exact(self, x: np.ndarray, y: np.ndarray, theta: np.ndarray) -> tuple[mpf, np.ndarray, np.ndarray]:
        """The negative log-likelihood and its derivatives with respect to theta, by differences in 50 digits."""
        with mpmath.workdps(50):
            rows = [[mpf(float(v)) for v in (1.0, *row)] for row in x]
            labels, point = [mpf(float(v)) for v in y], [mpf(float(v)) for v in theta]
            size, p = len(point), len(rows[0])

            def nll(*moves: tuple[int, mpf]) -> mpf:
                at = list(point)
                for j, by in moves:
                    at[j] += by
                etas = (mpmath.fdot(row, at[:p]) for row in rows)
                return -mpmath.fsum(self.density(eta, label, *at[p:]) for eta, label in zip(etas, labels, strict=True))

            h = mpf(10) ** -15
            gradient = [(nll((j, h)) - nll((j, -h))) / (2 * h) for j in range(size)]
            hessian = np.empty((size, size))
            for j in range(size):
                for k in range(j + 1):
                    corners = sum(s * t * nll((j, s * h), (k, t * h)) for s in (1, -1) for t in (1, -1))
                    hessian[j, k] = hessian[k, j] = float(corners / (4 * h * h))
            return nll(), np.array([float(g) for g in gradient]), hessian


def negative_binomial_of(eta: np.ndarray, log_alpha: float) -> Any:
    r = np.exp(-log_alpha)
    return stats.nbinom(r, r / (r + np.exp(eta)))


CASES = [
    Case(
        "logit",
        mlefast.Bernoulli(),
        bernoulli(lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: 1 / (1 + mpmath.exp(x))),
        lambda eta: stats.bernoulli(1 / (1 + np.exp(-eta))),
    ),
    Case(
        "probit",
        mlefast.Bernoulli("probit"),
        bernoulli(mpmath.ncdf, lambda x: mpmath.ncdf(-x)),
        lambda eta: stats.bernoulli(stats.norm.cdf(eta)),
    ),
    Case(
        "cloglog",
        mlefast.Bernoulli("cloglog"),
        bernoulli(lambda x: -mpmath.expm1(-mpmath.exp(x)), lambda x: mpmath.exp(-mpmath.exp(x))),
        lambda eta: stats.bernoulli(stats.gumbel_l.cdf(eta)),
    ),
    Case(
        "gaussian",
        mlefast.Gaussian(),
        gaussian,
        lambda eta, log_sigma: stats.norm(eta, np.exp(log_sigma)),
        (np.log(0.7),),
        {"scale": "mle"},
    ),
    Case("poisson", mlefast.Poisson(), poisson, lambda eta: stats.poisson(np.exp(eta))),
    Case(
        "gamma",
        mlefast.Gamma(),
        gamma,
        lambda eta, log_phi: stats.gamma(np.exp(-log_phi), scale=np.exp(eta + log_phi)),
        (np.log(0.4),),
    ),
    Case("negative_binomial", mlefast.NegativeBinomial(), negative_binomial, negative_binomial_of, (np.log(0.8),)),
    Case(
        "student_t",
        mlefast.StudentT(),
        student_t,
        lambda eta, log_sigma, log_nu: stats.t(np.exp(log_nu), eta, np.exp(log_sigma)),
        (np.log(0.7), np.log(3.0)),
    ),
]


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param
