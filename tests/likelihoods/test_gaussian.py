# SPDX-License-Identifier: BSD-3-Clause
"""Least squares: NIST's certified values, exact t probabilities, one pass, perfect fits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import mlefast
from mlefast import DataError, OptionError, SeparationWarning

# Longley (1967), as in the NIST Statistical Reference Datasets: y, then six columns
LONGLEY = np.array(
    [
        [60323, 83.0, 234289, 2356, 1590, 107608, 1947],
        [61122, 88.5, 259426, 2325, 1456, 108632, 1948],
        [60171, 88.2, 258054, 3682, 1616, 109773, 1949],
        [61187, 89.5, 284599, 3351, 1650, 110929, 1950],
        [63221, 96.2, 328975, 2099, 3099, 112075, 1951],
        [63639, 98.1, 346999, 1932, 3594, 113270, 1952],
        [64989, 99.0, 365385, 1870, 3547, 115094, 1953],
        [63761, 100.0, 363112, 3578, 3350, 116219, 1954],
        [66019, 101.2, 397469, 2904, 3048, 117388, 1955],
        [67857, 104.6, 419180, 2822, 2857, 118734, 1956],
        [68169, 108.4, 442769, 2936, 2798, 120445, 1957],
        [66513, 110.8, 444546, 4681, 2637, 121950, 1958],
        [68655, 112.6, 482704, 3813, 2552, 123366, 1959],
        [69564, 114.2, 502601, 3931, 2514, 125368, 1960],
        [69331, 115.7, 518173, 4806, 2572, 127852, 1961],
        [70551, 116.9, 554894, 4007, 2827, 130081, 1962],
    ]
)
ESTIMATES = [
    -3482258.63459582,
    15.0618722713733,
    -0.358191792925910e-01,
    -2.02022980381683,
    -1.03322686717359,
    -0.511041056535807e-01,
    1829.15146461355,
]
ERRORS = [
    890420.383607373,
    84.9149257747669,
    0.334910077722432e-01,
    0.488399681651699,
    0.214274163161675,
    0.226073200069370,
    455.478499142212,
]
RSS, DEVIATION, RSQUARED = 836424.055505915, 304.854073561965, 0.995479004577296


def longley(**options: object) -> mlefast.Result:
    return mlefast.fit(LONGLEY[:, 1:], LONGLEY[:, 0], likelihood="gaussian", **options)


@pytest.mark.parametrize("solver", ["auto", "irls", "lbfgs"])
def test_nist_longley(solver: str) -> None:
    """The condition number of these columns is 5e9; most programs lose half their digits."""
    result = longley(solver=solver, tol=1e-10)
    assert result.converged and result.separation.verdict == "exists"
    np.testing.assert_allclose(result.params, ESTIMATES, rtol=1e-9)
    np.testing.assert_allclose(result.bse, ERRORS, rtol=1e-9)
    np.testing.assert_allclose(result.scale, DEVIATION, rtol=1e-12)
    np.testing.assert_allclose(result.deviance, RSS, rtol=1e-12)
    np.testing.assert_allclose(result.rsquared, RSQUARED, rtol=1e-12)
    assert (result.df_model, result.df_resid, result.nobs) == (6, 9, 16)


def test_log_likelihood_has_the_sigma_that_maximises_it() -> None:
    """R's logLik(lm(...)) of these data is -109.6174, with AIC 235.2349 and BIC 241.4156."""
    result = longley()
    wanted = -8 * (np.log(2 * np.pi * RSS / 16) + 1)
    np.testing.assert_allclose(result.llf, wanted, rtol=1e-13)
    assert (round(result.llf, 4), round(result.aic, 4), round(result.bic, 4)) == (-109.6174, 235.2349, 241.4156)


def test_t_tests_against_exact_probabilities() -> None:
    result = longley()
    assert result.use_t
    degrees = 9
    with mpmath.workdps(40):
        for t, p in zip(np.array(ESTIMATES) / ERRORS, result.pvalues, strict=True):
            share = degrees / (degrees + mpmath.mpf(t) ** 2)
            wanted = mpmath.betainc(mpmath.mpf(degrees) / 2, 0.5, 0, share, regularized=True)
            np.testing.assert_allclose(p, float(wanted), rtol=1e-8)
    quantile = 2.262157162798205  # of t with 9 degrees of freedom at 0.975, by mpmath
    interval = np.array([ESTIMATES - quantile * np.array(ERRORS), ESTIMATES + quantile * np.array(ERRORS)]).T
    np.testing.assert_allclose(result.conf_int(), interval, rtol=1e-8)


def test_scale_mle() -> None:
    result = longley(scale="mle")
    np.testing.assert_allclose(result.scale, np.sqrt(RSS / 16), rtol=1e-12)
    np.testing.assert_allclose(result.bse, np.array(ERRORS) * np.sqrt(9 / 16), rtol=1e-9)
    assert not result.use_t
    with mpmath.workdps(30):
        wanted = [float(mpmath.erfc(abs(z) / mpmath.sqrt(2))) for z in result.tvalues]
    np.testing.assert_allclose(result.pvalues, wanted, rtol=1e-12)


def test_robust_errors() -> None:
    """White's sandwich (X'X)^-1 X' diag(r^2) X (X'X)^-1 in rational arithmetic would be this matrix."""
    ones = np.column_stack([np.ones(16), LONGLEY[:, 1:]])
    with mpmath.workdps(60):
        x, y = mpmath.matrix(ones.tolist()), mpmath.matrix(LONGLEY[:, 0].tolist())
        inverse = (x.T * x) ** -1
        residuals = y - x * (inverse * (x.T * y))
        middle = mpmath.zeros(7)
        for i in range(16):
            middle += residuals[i] ** 2 * x[i, :].T * x[i, :]
        wanted = [float(mpmath.sqrt((inverse * middle * inverse)[j, j])) for j in range(7)]
    result = longley(covariance="HC0")
    np.testing.assert_allclose(result.bse, wanted, rtol=1e-8)
    assert not result.use_t


def test_one_pass_is_enough() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200_000, 4)) + 100.0
    y = x @ [1.0, -1.0, 0.5, 0.0] + rng.standard_normal(200_000)
    result = mlefast.fit(x, y, likelihood="gaussian")
    assert result.passes <= 1.2 and result.converged
    exact = np.linalg.lstsq(np.column_stack([np.ones(len(y)), x - x.mean(axis=0)]), y, rcond=None)[0]
    np.testing.assert_allclose(result.params[1:], exact[1:], atol=1e-6 * result.bse[1:].min())


def test_evaluate_at_a_scale() -> None:
    x, y, sigma = np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 3.0, 2.0]), 0.5
    nll, gradient, hessian = mlefast.evaluate(x, y, [0.5, 0.5], likelihood="gaussian", scale=sigma)
    # residuals 0, 1.5, -0.5; X'r = (1, 1); X'X = (3, 7; 7, 21)
    np.testing.assert_allclose(nll, 2.5 / (2 * 0.25) + 1.5 * np.log(2 * np.pi * 0.25), rtol=1e-15)
    np.testing.assert_allclose(gradient, [-4.0, -4.0], rtol=1e-15)
    np.testing.assert_allclose(hessian, [[12.0, 28.0], [28.0, 84.0]], rtol=1e-15)
    assert mlefast.loglik(x, y, [0.5, 0.5], likelihood="gaussian", scale=sigma) == -nll


@pytest.mark.parametrize("exponent", [0, 140, -90])
def test_units_of_the_response(exponent: int) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((50, 2))
    y = x[:, 0] + rng.standard_normal(50)
    unit = 10.0**exponent
    plain, scaled = (mlefast.fit(x, y * u, likelihood="gaussian") for u in (1.0, unit))
    assert scaled.converged
    np.testing.assert_allclose(scaled.params / unit, plain.params, rtol=1e-9)
    np.testing.assert_allclose(scaled.tvalues, plain.tvalues, rtol=1e-9)
    np.testing.assert_allclose(scaled.llf, plain.llf - 50 * np.log(unit), rtol=1e-12)


@pytest.mark.parametrize("n", [30, 3000])
def test_a_perfect_fit_is_told(n: int) -> None:
    x = np.random.default_rng(2).standard_normal((n, 2))
    with pytest.warns(SeparationWarning, match=r"no maximum.*sigma runs off: the model fits y to within rounding"):
        result = mlefast.fit(x, 2.0 + x @ [1.0, -3.0], likelihood="gaussian")
    assert result.separation.verdict == "unbounded" and result.separation.columns == ("sigma",)
    assert not result.converged
    np.testing.assert_allclose(result.params, [2.0, 1.0, -3.0], rtol=1e-12)


def test_a_constant_response_is_a_perfect_fit() -> None:
    x = np.random.default_rng(2).standard_normal((30, 1))
    with pytest.warns(SeparationWarning, match="no maximum"):
        result = mlefast.fit(x, np.full(30, 7.0), likelihood="gaussian")
    np.testing.assert_allclose(result.params, [7.0, 0.0], atol=1e-12)


def test_as_many_parameters_as_rows() -> None:
    x = np.random.default_rng(2).standard_normal((3, 2))
    with pytest.warns(SeparationWarning, match="no maximum"):
        result = mlefast.fit(x, [1.0, 5.0, 2.0], likelihood="gaussian")
    assert result.df_resid == 0 and np.isnan(result.bse).all()


def test_aliased_columns_keep_their_degrees_of_freedom() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((40, 2))
    y = rng.standard_normal(40)
    wanted = mlefast.fit(x, y, likelihood="gaussian")
    with pytest.warns(mlefast.RankWarning, match="x3 = "):
        result = mlefast.fit(np.column_stack([x, x.sum(axis=1)]), y, likelihood="gaussian")
    assert result.df_resid == wanted.df_resid == 37
    np.testing.assert_allclose(result.bse[:3], wanted.bse, rtol=1e-9)


def test_bad_input() -> None:
    x = np.arange(4.0)
    with pytest.raises(DataError, match=r"labels such as 'a'; the gaussian likelihood needs numbers.*float64"):
        mlefast.fit(x, ["a", "b", "a", "b"], likelihood="gaussian")
    with pytest.raises(OptionError, match=r"scale='big'.*corrected"):
        mlefast.fit(x, x, likelihood="gaussian", scale="big")
    with pytest.raises(OptionError, match=r"scale='mle': only the gaussian likelihood"):
        mlefast.fit(x, [0, 1, 0, 1], scale="mle")
    with pytest.raises(OptionError, match=r"scale=0\.0"):
        mlefast.nll(x, x, [0, 1], likelihood="gaussian", scale=0.0)
    with pytest.raises(OptionError, match=r"the poisson likelihood has no scale"):
        mlefast.nll(x, x, [0, 1], likelihood="poisson", scale=2.0)
    with pytest.raises(OptionError, match=r"exposure needs the log link, and gaussian has the identity link"):
        mlefast.fit(x, x, likelihood="gaussian", exposure=x)
