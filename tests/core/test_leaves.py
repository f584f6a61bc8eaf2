# SPDX-License-Identifier: BSD-3-Clause
"""Every leaf against its density in mpmath: differences of the log-density, its first and its second derivative."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import mpmath
import numpy as np
import pytest
from mpmath import mpf

Density = Callable[[mpf, mpf], mpf]


def bernoulli(mean: Callable[[mpf], mpf], rest: Callable[[mpf], mpf]) -> Density:
    return lambda eta, y: (
        (y * mpmath.log(mean(eta)) if y else mpf(0)) + ((1 - y) * mpmath.log(rest(eta)) if y < 1 else mpf(0))
    )


def negative_binomial(alpha: mpf) -> Density:
    """The number of failures before 1 / alpha successes, whose mean is exp(eta)."""
    r = 1 / alpha

    def density(eta: mpf, y: mpf) -> mpf:
        p = r / (r + mpmath.exp(eta))
        return (
            mpmath.loggamma(y + r)
            - mpmath.loggamma(r)
            - mpmath.loggamma(y + 1)
            + r * mpmath.log(p)
            + y * mpmath.log(1 - p)
        )

    return density


def student_t(scale: mpf, nu: mpf) -> Density:
    def density(eta: mpf, y: mpf) -> mpf:
        z = (y - eta) / scale
        constant = mpmath.loggamma((nu + 1) / 2) - mpmath.loggamma(nu / 2) - mpmath.log(nu * mpmath.pi) / 2
        return constant - mpmath.log(scale) - (nu + 1) / 2 * mpmath.log(1 + z * z / nu)

    return density


LABELS, COUNTS, REALS, POSITIVE = (0.0, 1.0, 0.25), (0.0, 1.0, 7.0, 1e9), (-2.5, 0.0, 1e4), (1e-3, 1.0, 50.0)
WIDE, NARROW = (-40.0, -12.0, -4.9, -0.3, 0.0, 0.7, 3.0, 8.5), (-30.0, -5.0, -1e-3, 0.0, 0.5, 2.0, 10.0, 20.0)
CASES: dict[str, tuple[tuple[float, ...], Density, tuple[float, ...], tuple[float, ...]]] = {
    "bernoulli_logit": (
        (),
        bernoulli(lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: 1 / (1 + mpmath.exp(x))),
        LABELS,
        WIDE,
    ),
    "bernoulli_probit": ((), bernoulli(mpmath.ncdf, lambda x: mpmath.ncdf(-x)), LABELS, WIDE),
    "bernoulli_cloglog": (
        (),
        bernoulli(lambda x: -mpmath.expm1(-mpmath.exp(x)), lambda x: mpmath.exp(-mpmath.exp(x))),
        LABELS,
        (-700.0, -40.0, -8.0, -6.8, -0.3, 0.0, 0.7, 3.0),
    ),
    "gaussian": ((), lambda eta, y: -((y - eta) ** 2) / 2, REALS, WIDE),
    "poisson_log": ((), lambda eta, y: y * eta - mpmath.exp(eta) - mpmath.loggamma(y + 1), COUNTS, NARROW),
    "gamma_log": ((), lambda eta, y: -eta - y * mpmath.exp(-eta), POSITIVE, NARROW),
    "negative_binomial_log": ((0.3,), negative_binomial(mpf(0.3)), COUNTS, NARROW),
    "student_t": ((0.7, 4.5), student_t(mpf(0.7), mpf(4.5)), REALS, WIDE),
}


@pytest.mark.parametrize("name", CASES)
def test_leaf_is_the_density_and_its_derivatives(core: ModuleType, name: str) -> None:
    shape, density, responses, etas = CASES[name]
    eta = np.array([x for x in etas for _ in responses])
    y = np.array([value for _ in etas for value in responses])
    nll, d1, d2 = core.terms(eta, y, core.Leaf(name, shape))
    at_one = dict(
        zip(responses, core.terms(np.ones(len(responses)), np.array(responses), core.Leaf(name, shape))[0], strict=True)
    )
    with mpmath.workdps(60):
        for x, value, found, slope, curvature in zip(eta, y, nll, d1, d2, strict=True):
            point, label = mpf(float(x)), mpf(float(value))
            difference = density(mpf(1), label) - density(point, label)
            assert abs(found - at_one[float(value)] - difference) <= 1e-13 * (
                abs(found) + abs(at_one[float(value)]) + 1e-3
            )
            for order, got in ((1, slope), (2, curvature)):
                # steps that suit 60 digits; the second derivative of a quadratic is then exact to 20
                wanted = -mpmath.diff(lambda t, label=label: density(t, label), point, order, h=mpf(10) ** -18)
                assert abs(got - wanted) <= 2e-12 * abs(wanted) + 1e-14 * float(abs(label)) + 1e-17


def test_laplace_has_the_slopes_of_its_quantile(core: ModuleType) -> None:
    eta, y = np.array([0.0, 3.0, 1.0, -2.0]), np.array([1.0, 1.0, 1.0, 1e300])
    for tau in (0.5, 0.9):
        nll, d1, d2 = core.terms(eta, y, core.Leaf("laplace", (tau,)))
        np.testing.assert_allclose(nll, [2 * tau, 4 * (1 - tau), 0.0, 2 * tau * 1e300], rtol=1e-15)
        np.testing.assert_allclose(d1, [-2 * tau, 2 * (1 - tau), 0.0, -2 * tau], rtol=1e-15)
        np.testing.assert_allclose(d2, 4 * tau * (1 - tau))


def test_exp_within_its_bound(core: ModuleType) -> None:
    rng = np.random.default_rng(3)
    halves = np.log(2) * (np.arange(-1070, 1024) + 0.5)
    eta = np.concatenate(
        [rng.uniform(-745, 709.7, 2000), rng.uniform(-1, 1, 1000), halves, [709.78, 0.0, -708.3, -745.0]]
    )
    mean = core.terms(eta, np.zeros(eta.size), core.Leaf("poisson_log"))[2]
    with mpmath.workdps(60):
        for x, found in zip(eta, mean, strict=True):
            exact = mpmath.exp(mpf(float(x)))
            ulp = mpf(2) ** max(int(mpmath.frexp(exact)[1]) - 53, -1074)
            assert abs(mpf(float(found)) - exact) <= 1.3 * ulp  # as stated in include/vmath.h


def test_infinite_linear_predictors(core: ModuleType) -> None:
    ends = np.array([-np.inf, np.inf])
    np.testing.assert_array_equal(core.terms(ends, np.zeros(2), core.Leaf("poisson_log"))[0], [0.0, np.inf])
    np.testing.assert_array_equal(core.terms(ends, np.ones(2), core.Leaf("poisson_log"))[0][0], np.inf)
    assert np.isnan(core.terms(np.array([np.nan]), np.ones(1), core.Leaf("poisson_log"))[0][0])
