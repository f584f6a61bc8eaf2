# SPDX-License-Identifier: BSD-3-Clause
"""Poisson and negative binomial: published fits, exact log-likelihoods of huge counts, offsets, counts that separate."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import mlefast
from mlefast import DataError, OptionError, SeparationWarning

# Dobson (1990), page 93, the example of R's ?glm: counts by outcome (1, 2, 3) and treatment
COUNTS = np.array([18, 17, 15, 20, 10, 20, 25, 13, 12])
OUTCOME, TREATMENT = np.tile([1, 2, 3], 3), np.repeat([1, 2, 3], 3)
DUMMIES = np.column_stack([OUTCOME == 2, OUTCOME == 3, TREATMENT == 2, TREATMENT == 3])

# Bliss and Fisher (1953): yeast cells on squares of a haemocytometer, as in R's MASS::theta.md
YEAST, SQUARES = np.arange(6), np.array([213, 128, 37, 18, 3, 1])


def dobson(**options: object) -> mlefast.Result:
    return mlefast.fit(DUMMIES, COUNTS, likelihood="poisson", **options)


@pytest.mark.parametrize("solver", ["auto", "irls", "lbfgs"])
def test_r_glm_on_dobsons_counts(solver: str) -> None:
    """summary(glm(counts ~ outcome + treatment, family = poisson()))."""
    result = dobson(solver=solver)
    np.testing.assert_allclose(result.params, [3.045, -0.4543, -0.2930, 0.0, 0.0], atol=6e-4)
    np.testing.assert_allclose(result.bse, [0.1709, 0.2022, 0.1927, 0.2, 0.2], atol=6e-5)
    np.testing.assert_allclose(result.pvalues[1:3], [0.0246, 0.1285], atol=1e-4)
    assert round(result.null_deviance, 4) == 10.5814
    assert round(result.deviance, 4) == 5.1291
    assert round(result.aic, 2) == 56.76
    assert (result.df_model, result.df_resid) == (4, 4)
    assert result.converged and result.separation.verdict == "exists"


def test_balanced_counts_have_a_closed_form() -> None:
    """The fitted mean of a cell is row total times column total over the grand total."""
    result = dobson(tol=1e-10)
    rows = np.array([COUNTS[k == OUTCOME].sum() for k in (1, 2, 3)])
    columns = np.array([COUNTS[k == TREATMENT].sum() for k in (1, 2, 3)])
    np.testing.assert_allclose(result.predict(DUMMIES), rows[OUTCOME - 1] * columns[TREATMENT - 1] / 150, rtol=1e-10)


def test_exposure_is_the_offset_of_its_logarithm() -> None:
    exposure = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 10.0, 1.0, 1e-3])
    one, other = dobson(exposure=exposure), dobson(offset=np.log(exposure))
    both = dobson(offset=np.log(exposure) / 2, exposure=np.sqrt(exposure))
    np.testing.assert_array_equal(one.params, other.params)
    np.testing.assert_array_equal(one.bse, other.bse)
    np.testing.assert_allclose(both.params, one.params, rtol=1e-9)
    assert one.llf == other.llf and one.llnull == other.llnull
    doubled = dobson(exposure=2.0 * exposure)
    np.testing.assert_allclose(doubled.params - one.params, [-np.log(2), 0, 0, 0, 0], atol=1e-6 * one.bse.min())


def test_rates_of_groups() -> None:
    """One dummy and exposures: rates are counts over exposures, and the variance of a log rate is 1 / count."""
    y, exposure, group = [3, 5, 4, 20], [10.0, 30.0, 5.0, 35.0], [0, 0, 1, 1]
    result = mlefast.fit(group, y, likelihood="poisson", exposure=exposure, tol=1e-12)
    np.testing.assert_allclose(result.params, np.log([0.2, 0.6 / 0.2]), rtol=1e-12)
    np.testing.assert_allclose(result.bse, np.sqrt([1 / 8, 1 / 8 + 1 / 24]), rtol=1e-9)
    null = 32 * np.log(32 / 80) - 32 + sum(y * np.log(exposure)) - float(sum(mpmath.loggamma(k + 1) for k in y))
    np.testing.assert_allclose(result.llnull, null, rtol=1e-12)


def exact_poisson(mean: np.ndarray, y: np.ndarray) -> float:
    with mpmath.workdps(50):
        terms = [
            k * mpmath.log(m) - m - mpmath.loggamma(k + 1)
            for k, m in zip(map(mpmath.mpf, map(float, y)), map(mpmath.mpf, map(float, mean)), strict=True)
        ]
        return float(mpmath.fsum(terms))


@pytest.mark.parametrize("most", [10, 1_000, 1_025, 10**6, 10**9])
def test_log_likelihood_of_counts_of_any_size(most: int) -> None:
    """One rate: the fitted mean is exactly that of y, so the log-likelihood is known to every digit."""
    y = np.random.default_rng(most).integers(most - most // 10, most + 1, 500).astype(float)
    result = mlefast.fit(np.empty((500, 0)), y, likelihood="poisson")
    exact = exact_poisson(np.full(500, y.sum() / 500), y)
    np.testing.assert_allclose(result.llf, exact, rtol=1e-11)
    np.testing.assert_allclose(result.params, np.log(y.sum() / 500), atol=1e-6 * result.bse[0])
    nll = mlefast.nll(np.zeros((500, 1)), y, [np.log(most), 0.0], likelihood="poisson")
    mean = np.full(500, np.exp(np.log(most)))
    np.testing.assert_allclose(-nll, exact_poisson(mean, y), rtol=1e-9)


def test_mixed_small_and_huge_counts() -> None:
    y = np.array([0.0, 1.0, 1024.0, 1025.0, 5e4, 1e9, 3.0])
    mean = y + np.sqrt(y) + 0.5
    eta = np.log(mean)
    nll = mlefast.nll(eta, y, [1.0], likelihood="poisson", intercept=False)
    np.testing.assert_allclose(-nll, exact_poisson(np.exp(eta), y), rtol=1e-8)  # eta itself is rounded: 1e9 eps


def test_quasi_poisson_has_whites_errors() -> None:
    rng = np.random.default_rng(8)
    x = rng.standard_normal((300, 2))
    y = rng.gamma(0.5, 2.0 * np.exp(0.3 + x @ [0.5, -0.2]))
    result = mlefast.fit(x, y, likelihood=mlefast.Poisson(quasi=True), tol=1e-10)
    assert result.covariance_type == "HC0" and result.converged
    ones = np.column_stack([np.ones(300), x])
    mean = np.exp(ones @ result.params)
    np.testing.assert_allclose(ones.T @ (y - mean), 0.0, atol=1e-7)
    bread = np.linalg.inv((ones.T * mean) @ ones)
    wanted = bread @ ((ones.T * (y - mean) ** 2) @ ones) @ bread
    np.testing.assert_allclose(result.cov_params(), wanted, rtol=1e-6, atol=1e-9)
    naive = mlefast.fit(x, y, likelihood=mlefast.Poisson(quasi=True), covariance="fisher")
    np.testing.assert_allclose(naive.cov_params(), bread, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(naive.params, result.params, atol=1e-6 * naive.bse.min())


def test_robust_errors_of_weighted_counts() -> None:
    """Frequency weights: the sandwich is that of the repeated rows."""
    rng = np.random.default_rng(8)
    x, y, times = rng.standard_normal((200, 2)), rng.poisson(2.0, 200), rng.integers(0, 4, 200)
    options = {"likelihood": "poisson", "covariance": "HC0", "tol": 1e-10}
    weighted = mlefast.fit(x, y, weights=times, **options)
    repeated = mlefast.fit(np.repeat(x, times, axis=0), np.repeat(y, times), **options)
    np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-9)


@pytest.mark.parametrize("likelihood", ["poisson", mlefast.NegativeBinomial(alpha=0.5)])
@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_a_group_without_counts_separates(likelihood: object, solver: str) -> None:
    rng = np.random.default_rng(1)
    group, x = np.repeat([0, 1], [150, 50]), rng.standard_normal(200)
    y = np.where(group == 1, 0, rng.poisson(3.0, 200))
    with pytest.warns(SeparationWarning, match="does not exist: closed separate"):
        result = mlefast.fit(
            np.column_stack([x, group]), y, likelihood=likelihood, names=["x", "closed"], solver=solver
        )
    assert result.separation.verdict == "separated" and result.separation.columns == ("closed",)
    assert result.separation.direction[2] < 0 and not result.converged
    one = y.copy()
    one[-1] = 1  # a single count in the group, and the maximum exists
    assert mlefast.fit(np.column_stack([x, group]), one, likelihood=likelihood).separation.verdict == "exists"


def test_r_glm_nb_on_yeast_cells() -> None:
    """Bliss and Fisher found k = 1 / alpha = 3.586; MASS::theta.ml gives 3.586087 with the standard error 1.749609."""
    result = mlefast.fit(np.empty((6, 0)), YEAST, weights=SQUARES, likelihood="negative_binomial")
    assert result.names == ("Intercept", "log(alpha)") and result.converged
    k = 1 / result.shape["alpha"]
    np.testing.assert_allclose(result.params[0], np.log(273 / 400), rtol=1e-6)
    np.testing.assert_allclose(k, 3.586087, rtol=2e-6)
    # the mean is orthogonal to k; theta.ml takes the information of the iteration before the last
    np.testing.assert_allclose(result.bse[1] * k, 1.749609, rtol=2e-5)


def test_negative_binomial_at_a_given_dispersion() -> None:
    """With alpha known the intercept's information is n mu / (1 + alpha mu) at mu = mean of y."""
    result = mlefast.fit(
        np.empty((6, 0)), YEAST, weights=SQUARES, likelihood=mlefast.NegativeBinomial(alpha=0.25), tol=1e-10
    )
    mean = 273 / 400
    np.testing.assert_allclose(result.params, [np.log(mean)], rtol=1e-12)
    np.testing.assert_allclose(result.bse, [np.sqrt((1 + 0.25 * mean) / (400 * mean))], rtol=1e-9)
    assert result.separation.verdict == "exists"


def test_negative_binomial_nears_poisson() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((300, 2))
    y = rng.poisson(np.exp(1.0 + x @ [0.3, -0.3]))
    poisson = mlefast.fit(x, y, likelihood="poisson")
    nearly = mlefast.fit(x, y, likelihood=mlefast.NegativeBinomial(alpha=1e-9))
    np.testing.assert_allclose(nearly.params, poisson.params, atol=1e-5 * poisson.bse.min())
    np.testing.assert_allclose(nearly.llf, poisson.llf, atol=1e-4)


@pytest.mark.parametrize("alpha", [1e-12, 1e-7, 1e-3, 0.02, 1.0, 50.0])
def test_negative_binomial_of_any_size(alpha: float) -> None:
    """The ratio of gamma functions keeps its digits whichever of count and 1 / alpha is the larger."""
    y = np.array([0.0, 1.0, 2.0, 30.0, 32.0, 1e3, 1e6, 1e9])
    eta = np.log(y + 2.0)
    nll, _, _ = mlefast.NegativeBinomial(alpha).terms(eta, y)
    with mpmath.workdps(60):
        r = 1 / mpmath.mpf(alpha)
        for x, k, found in zip(eta, y, nll, strict=True):
            mean, k = mpmath.exp(mpmath.mpf(float(x))), mpmath.mpf(float(k))
            ways = mpmath.loggamma(k + r) - mpmath.loggamma(r) - mpmath.loggamma(k + 1)
            wanted = -(ways + r * mpmath.log(r / (r + mean)) + k * mpmath.log(mean / (r + mean)))
            size = k * (abs(mpmath.log(alpha)) + abs(mpmath.log(mean))) + 1  # of the terms that cancel
            assert abs(found - wanted) <= 4e-16 * size + 1e-13 * abs(wanted), (k, found, wanted)


@pytest.mark.parametrize("spread", ["binomial", "constant"])
def test_counts_that_vary_less_than_poissons(spread: str) -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((200, 1))
    y = rng.binomial(10, 0.6, 200) if spread == "binomial" else np.full(200, 4)
    with pytest.warns(SeparationWarning, match=r"log\(alpha\) runs off: the counts vary no more.*poisson likelihood"):
        result = mlefast.fit(x, y, likelihood="negative_binomial")
    assert result.separation.verdict == "unbounded" and result.separation.columns == ("log(alpha)",)
    poisson = mlefast.fit(x, y, likelihood="poisson")
    np.testing.assert_allclose(result.llf, poisson.llf, rtol=1e-3)
    np.testing.assert_allclose(result.params[:2], poisson.params, atol=0.1 * poisson.bse.min())


def test_bad_input() -> None:
    x, y = np.arange(6.0), np.array([1.0, 2.0, 0.5, 3.0, 0.0, 1.5])
    for name in ("poisson", "negative_binomial"):
        with pytest.raises(
            DataError, match=rf"holds 0\.5 \(first rows: 2, 5\); the {name}.*counts.*Poisson\(quasi=True"
        ):
            mlefast.fit(x, y, likelihood=name)
        with pytest.raises(DataError, match=rf"holds -1\.0 \(first rows: 4\); the {name} likelihood needs counts"):
            mlefast.fit(x, [1, 2, 3, 4, -1.0, 0], likelihood=name)
        with pytest.raises(DataError, match=r"zero in all rows, so no rate but zero fits.*filter"):
            mlefast.fit(x, np.zeros(6), likelihood=name)
        with pytest.raises(DataError, match=rf"labels such as 'a'; the {name} likelihood needs numbers"):
            mlefast.fit(x, list("abcabc"), likelihood=name)
    with pytest.raises(DataError, match=r"holds -0\.5 \(first rows: 0, 2, 4\)"):
        mlefast.fit(x, y - 1.5, likelihood=mlefast.Poisson(quasi=True))
    counts = [1, 0, 2, 3, 1, 4]
    with pytest.raises(DataError, match=r"exposure holds 0\.0 \(.*rows: 0, 3\); its logarithm.*positive"):
        mlefast.fit(x, counts, likelihood="poisson", exposure=[0.0, 1, 2, -1, 1, 1])
    with pytest.raises(DataError, match=r"exposure has 5 rows, X has 6"):
        mlefast.fit(x, counts, likelihood="poisson", exposure=np.ones(5))
    with pytest.raises(DataError, match=r"exposure has 1 missing.*rows: 2"):
        mlefast.fit(x, counts, likelihood="poisson", exposure=[1, 1, np.nan, 1, 1, 1])
    with pytest.raises(OptionError, match=r"alpha=-1.*positive number, or None"):
        mlefast.NegativeBinomial(alpha=-1)
    with pytest.raises(OptionError, match=r"expected.*log\(alpha\).*NegativeBinomial\(alpha=0\.5\)"):
        mlefast.fit(x, counts, likelihood="negative_binomial", covariance="expected")
