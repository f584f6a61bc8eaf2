# SPDX-License-Identifier: BSD-3-Clause
"""Gamma: groups with a closed form, the exponential distribution, the dispersion, perfect fits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import stats

import mlefast
from mlefast import DataError, SeparationWarning

# McCullagh and Nelder (1989), page 300: clotting times of blood at nine percentages of plasma, two lots
PLASMA = np.array([5, 10, 15, 20, 30, 40, 60, 80, 100])
TIMES = np.array([118, 58, 42, 35, 27, 25, 21, 19, 18, 69, 35, 26, 21, 18, 16, 13, 12, 12])
LOT = np.repeat([0, 1], 9)


def test_the_mean_of_a_group_is_its_average() -> None:
    result = mlefast.fit(LOT, TIMES, likelihood="gamma", tol=1e-11)
    averages = TIMES.reshape(2, 9).mean(axis=1)
    np.testing.assert_allclose(result.params, np.log([averages[0], averages[1] / averages[0]]), rtol=1e-11)
    with mpmath.workdps(30):
        excess = mpmath.mpf(float(np.mean(np.log(averages)[LOT] - np.log(TIMES))))
        nu = mpmath.findroot(lambda v: mpmath.log(v) - mpmath.digamma(v) - excess, 2)
        np.testing.assert_allclose(result.scale, float(1 / nu), rtol=1e-10)
    np.testing.assert_allclose(result.bse, np.sqrt(result.scale * np.array([1 / 9, 2 / 9])), rtol=1e-6)
    np.testing.assert_allclose(result.deviance, 2 * 18 * float(excess), rtol=1e-10)


def test_one_mean_is_scipys_gamma_fit() -> None:
    result = mlefast.fit(np.empty((18, 0)), TIMES, likelihood="gamma", tol=1e-10)
    shape, _, scale = stats.gamma.fit(TIMES, floc=0)
    np.testing.assert_allclose([result.scale, np.exp(result.params[0])], [1 / shape, shape * scale], rtol=1e-6)
    np.testing.assert_allclose(result.llf, stats.gamma.logpdf(TIMES, shape, scale=scale).sum(), rtol=1e-10)


def test_exponential_waiting_times() -> None:
    """At the dispersion 1 the negative log-likelihood is that of exponential waiting times."""
    x, params = np.log(np.tile(PLASMA, 2)), [5.0, -0.6]
    nll = mlefast.nll(x, TIMES, params, likelihood="gamma", scale=1.0)
    wanted = -stats.expon.logpdf(TIMES, scale=np.exp(params[0] + params[1] * x)).sum()
    np.testing.assert_allclose(nll, wanted, rtol=1e-13)


@pytest.mark.parametrize("dispersion", [1e-6, 1e-3, 1.0, 30.0])
def test_dispersions_of_any_size(dispersion: float) -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal(3000)
    y = np.maximum(np.exp(1.0 + 0.5 * x) * rng.gamma(1 / dispersion, dispersion, 3000), 1e-280)
    result = mlefast.fit(x, y, likelihood="gamma")
    assert result.converged
    assert (np.abs(result.params - [1.0, 0.5]) < 4 * result.bse).all()
    with mpmath.workdps(40):
        log_mean = [mpmath.mpf(float(result.params[0])) + mpmath.mpf(float(result.params[1])) * float(v) for v in x]
        excess = mpmath.fsum(
            float(v) / mpmath.exp(m) - 1 - mpmath.log(float(v)) + m for v, m in zip(y, log_mean, strict=True)
        )
        nu = 1 / mpmath.mpf(result.scale)
        slope = (mpmath.log(nu) - mpmath.digamma(nu)) / (excess / 3000)
    np.testing.assert_allclose(float(slope), 1.0, rtol=1e-8)


def test_units_of_the_response() -> None:
    x = np.log(np.tile(PLASMA, 2))
    plain, scaled = (mlefast.fit(x, TIMES * unit, likelihood="gamma", tol=1e-9) for unit in (1.0, 1e-30))
    np.testing.assert_allclose(scaled.params - plain.params, [np.log(1e-30), 0.0], atol=1e-8)
    np.testing.assert_allclose(scaled.bse, plain.bse, rtol=1e-6)
    np.testing.assert_allclose(scaled.scale, plain.scale, rtol=1e-8)


def test_exposure_divides_the_response() -> None:
    rng = np.random.default_rng(1)
    x, size = rng.standard_normal(200), rng.uniform(1.0, 9.0, 200)
    y = size * np.exp(x) * rng.gamma(2.0, 0.5, 200)
    total = mlefast.fit(x, y, likelihood="gamma", exposure=size, tol=1e-9)
    each = mlefast.fit(x, y / size, likelihood="gamma", tol=1e-9)
    np.testing.assert_allclose(total.params, each.params, atol=1e-8)
    np.testing.assert_allclose(total.bse, each.bse, rtol=1e-6)
    np.testing.assert_allclose(total.llf, each.llf - np.log(size).sum(), rtol=1e-10)


def test_a_perfect_fit_is_told() -> None:
    x = np.random.default_rng(2).standard_normal(50)
    with pytest.warns(SeparationWarning, match="no maximum, it grows for ever as dispersion runs off"):
        result = mlefast.fit(x, np.exp(1.0 - 0.5 * x), likelihood="gamma")
    assert result.separation.verdict == "unbounded" and not result.converged
    np.testing.assert_allclose(result.params, [1.0, -0.5], rtol=1e-7)


def test_bad_input() -> None:
    x = np.arange(4.0)
    with pytest.raises(DataError, match=r"y holds 0\.0 \(first rows: 1, 3\); the gamma likelihood.*positive.*Leave"):
        mlefast.fit(x, [1.0, 0.0, 2.0, 0.0], likelihood="gamma")
    with pytest.raises(DataError, match=r"y holds -2\.0 \(first rows: 2\)"):
        mlefast.nll(x, [1.0, 0.5, -2.0, 3.0], [0, 0], likelihood="gamma")
    with pytest.raises(DataError, match="labels such as 'a'; the gamma likelihood needs numbers"):
        mlefast.fit(x, list("abab"), likelihood="gamma")
