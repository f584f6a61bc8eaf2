# SPDX-License-Identifier: BSD-3-Clause
"""Estimated shape parameters: derivatives of ratios of gamma functions, and errors, against mpmath."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import mlefast
from mlefast.likelihoods.factorials import rising_slopes


@pytest.mark.parametrize("x", [1e-130, 1e-8, 1e-4, 0.05, 0.5, 2.5, 9.9, 11.9, 12.0, 30.0, 1e4, 1e8, 1e130])
def test_slopes_of_rising_factorials(x: float) -> None:
    """x D and x^2 E with D = p(x) - p(x + d) and E = p'(x + d) - p'(x), p(x) = log(x) - psi(x)."""
    steps = np.array([0.5, 1.0, 2.0, 10.0, 1e3, 1e6])
    assert not np.any(rising_slopes(x, np.zeros(1)))
    with mp.workdps(60 if 1e-100 < x < 1e100 else 450):
        for d, first, second in zip(steps, *rising_slopes(x, steps), strict=True):
            near, far = mpf(x), mpf(x) + mpf(d)
            slope = mpmath.log(near) - mpmath.psi(0, near) - mpmath.log(far) + mpmath.psi(0, far)
            bend = mpmath.psi(1, near) - 1 / near - mpmath.psi(1, far) + 1 / far
            assert abs(first - near * slope) <= mpf(2) ** -49 * abs(near * slope)
            assert abs(second - near**2 * bend) <= mpf(2) ** -48 * abs(near**2 * bend)


@pytest.mark.parametrize("name", ["negative_binomial", "student_t"])
@pytest.mark.parametrize("size", [1e-4, 0.1, 1.0, 30.0, 1e4])
def test_rows_have_all_of_the_derivative(name: str, size: float) -> None:
    """What the leaf gives and what depends on y only add up to the density's derivative."""
    family, eta, y = mlefast.likelihoods.find_likelihood(name), 0.3, 4.0
    logs = [np.log(0.7)] * (len(family.logs) - 1) + [float(np.log(size))]
    likelihood = family.at(logs)
    leaf = mlefast._core.Leaf(likelihood.leaf, likelihood.shape, True)
    terms = mlefast._core.shape_terms(np.array([eta]), np.array([y]), leaf)
    rest = likelihood.by_shape(np.array([y]))
    found = np.concatenate([terms[:, :1] + rest[:, :1], terms[:, 2:] + rest[:, 1:]], axis=1)[:, :, 0]
    with mp.workdps(40):
        for j, row in enumerate(found):
            for k, value in enumerate(row):
                orders = [int(i == j) + int(i == k - 1) for i in range(len(logs))]
                wanted = mpmath.diff(lambda *t: DENSITIES[name](mpf(eta), mpf(y), *t), tuple(map(mpf, logs)), orders)
                assert abs(value - wanted) <= 4e-15 * (abs(wanted) + abs(terms[j]).max() + abs(rest[j]).max())


def negative_binomial(eta: mpf, y: mpf, log_alpha: mpf) -> mpf:
    r, a = mpmath.exp(-log_alpha), mpmath.exp(eta + log_alpha)
    return (y + r) * mpmath.log1p(a) - y * mpmath.log(a) - mpmath.loggamma(y + r) + mpmath.loggamma(r)


def student_t(eta: mpf, y: mpf, log_sigma: mpf, log_nu: mpf) -> mpf:
    nu, z = mpmath.exp(log_nu), (y - eta) / mpmath.exp(log_sigma)
    rest = log_nu / 2 + mpmath.loggamma(nu / 2) - mpmath.loggamma((nu + 1) / 2)
    return (nu + 1) / 2 * mpmath.log1p(z * z / nu) + log_sigma + rest


DENSITIES = {"negative_binomial": negative_binomial, "student_t": student_t}


@pytest.mark.parametrize("name", DENSITIES)
def test_errors_are_those_of_the_observed_information(name: str) -> None:
    """In 40 digits, at the estimate: to 1e-10, and its gradient is as small as the certificate says."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 2))
    if name == "negative_binomial":
        y = rng.poisson(rng.gamma(1.5, np.exp(1.0 + 0.4 * x[:, 0]) / 1.5)).astype(float)
    else:
        y = x[:, 0] + rng.standard_t(2.5, 60)
    result = mlefast.fit(x, y, likelihood=name, tol=1e-10)
    assert result.converged
    rows = [[mpf(1), *map(mpf, row)] for row in x.tolist()]
    size = result.params.size

    with mp.workdps(40):

        def nll(*params: mpf) -> mpf:
            density, coefficients, shapes = DENSITIES[name], params[:3], params[3:]
            return mpmath.fsum(
                density(mpmath.fdot(row, coefficients), mpf(value), *shapes)
                for row, value in zip(rows, y.tolist(), strict=True)
            )

        at = tuple(map(mpf, result.params.tolist()))

        def derivative(*by: int) -> mpf:
            return mpmath.diff(nll, at, tuple(by.count(i) for i in range(size)))

        gradient = mp.matrix([derivative(i) for i in range(size)])
        covariance = mp.matrix([[derivative(i, j) for j in range(size)] for i in range(size)]) ** -1
        errors = [mpmath.sqrt(covariance[i, i]) for i in range(size)]
        step = covariance * gradient
        for i in range(size):
            assert abs(mpf(result.bse[i]) / errors[i] - 1) <= 1e-10
            assert abs(step[i] / errors[i]) <= result.certificate.distance + result.certificate.rounding
