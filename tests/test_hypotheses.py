# SPDX-License-Identifier: BSD-3-Clause
"""Wald, likelihood-ratio and score tests: against R's anova and lmtest, statsmodels, and each other.

The numbers of R were printed by R 4.2.2 with lmtest 0.9.40 and sandwich 3.0.2, for data of statsmodels.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

import mlefast
from mlefast import DataError, OptionError

SPECTOR = sm.datasets.spector.load_pandas().data
SMALL, LARGE, GRADE = SPECTOR[["GPA"]], SPECTOR[["GPA", "TUCE", "PSI"]], SPECTOR["GRADE"]


def fits() -> tuple[mlefast.Result, mlefast.Result]:
    return mlefast.fit(SMALL, GRADE, tol=1e-10), mlefast.fit(LARGE, GRADE, tol=1e-10)


def test_the_three_classical_tests_are_those_of_r() -> None:
    """anova(s0, s1, test = "LRT"), anova(s0, s1, test = "Rao") and waldtest(s0, s1, test = "Chisq")"""
    small, large = fits()
    ratio = mlefast.likelihood_ratio_test(small, large)
    assert (ratio.df, ratio.df_denom, ratio.distribution) == (2, None, "chi2")
    assert (ratio.statistic, ratio.pvalue) == pytest.approx((6.6385377752, 0.0361792732023), rel=1e-9)
    score = mlefast.score_test(small, SMALL, GRADE, SPECTOR[["TUCE", "PSI"]])
    # R takes the weights of the iteration before the last, so that its last two digits are others
    assert (score.statistic, score.pvalue, score.df) == pytest.approx((6.45962122938, 0.039564991107, 2), rel=1e-8)
    wald = large.wald_test("TUCE = PSI = 0")
    assert (wald.statistic, wald.pvalue, wald.df) == pytest.approx((5.19816788824, 0.0743416481356, 2), rel=1e-8)


def test_f_with_robust_errors() -> None:
    """waldtest(m, . ~ . - white - urban, vcov = vcovHC(m, type = "HC3"))"""
    table = sm.datasets.statecrime.load_pandas().data
    x, y = table[["hs_grad", "poverty", "single", "white", "urban"]], table["murder"]
    found = mlefast.fit(x, y, likelihood="gaussian", covariance="HC3").wald_test(["white", "urban"], use_f=True)
    assert (found.statistic, found.pvalue) == pytest.approx((0.245475748678, 0.783372991033), rel=1e-8)
    assert (found.df, found.df_denom, found.distribution) == (2, 45.0, "F")
    model = mlefast.fit(x, y, likelihood="gaussian")
    theirs = sm.OLS(y, sm.add_constant(x)).fit()
    for ours in ("white = urban = 0", "hs_grad = 1, 2*single - white/4 = 3"):
        wanted = theirs.f_test(ours.replace("white = urban = 0", "white = 0, urban = 0"))
        found = model.wald_test(ours)
        assert (found.statistic, found.pvalue) == pytest.approx((float(wanted.fvalue), float(wanted.pvalue)), rel=1e-8)


@pytest.mark.parametrize(
    ("text", "matrix", "values"),
    [
        ("x1 = 0", [[0, 1, 0, 0]], [0]),
        ("x1", [[0, 1, 0, 0]], [0]),
        ("x1 = x2", [[0, 1, -1, 0]], [0]),
        ("x1 = x2 = a b = 0", [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], [0, 0, 0]),
        ("x1 - 2 * x2 = 1.5e0, Intercept = 3", [[0, 1, -2, 0], [1, 0, 0, 0]], [1.5, 3]),
        ("-(x1 + 3) / 2 + `a b` * 2 = x2 + 1", [[0, -0.5, -1, 2]], [2.5]),
        (["x1 = 1", "x2"], [[0, 1, 0, 0], [0, 0, 1, 0]], [1, 0]),
    ],
)
def test_equations_as_text(text: object, matrix: object, values: object) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((80, 3)), rng.integers(0, 2, 80)
    result = mlefast.fit(x, y, names=["x1", "x2", "a b"])
    found = result.wald_test(text)
    matrix, values = np.array(matrix, float), np.array(values, float)
    miss = matrix @ result.params - values
    wanted = miss @ np.linalg.solve(matrix @ result.cov_params() @ matrix.T, miss)
    assert found.statistic == pytest.approx(wanted, rel=1e-9)
    assert found.pvalue == pytest.approx(stats.chi2.sf(wanted, len(values)), rel=1e-9)
    again = result.wald_test((matrix, values))
    assert (again.statistic, again.df) == pytest.approx((found.statistic, found.df), rel=1e-12)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("x1 = ", "its end"),
        ("x7 = 0", "'x7 = 0' cannot be read from 'x7 = 0'"),
        ("x1 * x2 = 0", "not linear"),
        ("2 = 0", "without parameters"),
        ("x1 = 0, x1 = 0", "not independent"),
        ("x1 = 0 0", "cannot be read"),
        (np.eye(2), "a column for each of the 3 parameters"),
        (([[0, 1, 0]], [1, 2]), "a value for each row"),
        (None, "no matrix|a column for"),
    ],
)
def test_hypotheses_that_cannot_be_read(asked: object, message: str) -> None:
    x = np.random.default_rng(2).standard_normal((50, 2))
    result = mlefast.fit(x, np.arange(50) % 2)
    with pytest.raises(OptionError, match=message):
        result.wald_test(asked)


def test_terms_of_formulas() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"y": rng.standard_normal(90), "g": list("abc") * 30, "x": rng.standard_normal(90)})
    result = mlefast.fit_formula("y ~ C(g) * x", table, likelihood="gaussian")
    tests = result.wald_test_terms()
    assert list(tests) == ["C(g)", "x", "C(g):x"] and [test.df for test in tests.values()] == [2, 1, 2]
    assert result.wald_test("C(g)[T.b] = C(g)[T.c] = 0").statistic == pytest.approx(tests["C(g)"].statistic, rel=1e-12)
    assert tests["x"].pvalue == pytest.approx(result.pvalues[result.names.index("x")], rel=1e-9)
    # the F test of the interaction is that of the residual sums of squares
    restricted = mlefast.fit_formula("y ~ C(g) + x", table, likelihood="gaussian")
    f = (restricted.deviance - result.deviance) / 2 / (result.deviance / result.df_resid)
    assert tests["C(g):x"].statistic == pytest.approx(f, rel=1e-9)
    classes = mlefast.fit_formula("g ~ x", table, likelihood="categorical")
    assert {term: test.df for term, test in classes.wald_test_terms().items()} == {"x": 2}
    assert classes.wald_test("b: x = c: x = 0").statistic == pytest.approx(classes.wald_test_terms()["x"].statistic)


@pytest.mark.parametrize(
    "likelihood", ["gaussian", "poisson", "gamma", "negative_binomial", "categorical", "student_t"]
)
def test_score_and_ratio_agree_near_the_hypothesis(likelihood: str) -> None:
    """All three tests have the same limit; one extra column that matters little, many rows."""
    rng = np.random.default_rng(4)
    n = 20_000
    x, extra = rng.standard_normal((n, 2)), rng.standard_normal(n)
    mu = np.exp(0.3 + 0.2 * x[:, 0] + 0.004 * extra)
    y = {
        "gaussian": mu + rng.standard_normal(n),
        "student_t": mu + rng.standard_t(5, n),
        "gamma": rng.gamma(2.0, mu),
        "poisson": rng.poisson(mu),
        "negative_binomial": rng.poisson(mu * rng.gamma(2.0, 0.5, n)),
        "categorical": np.minimum(rng.poisson(mu), 3),
    }[likelihood]
    small = mlefast.fit(x, y, likelihood=likelihood, tol=1e-8)
    large = mlefast.fit(np.column_stack([x, extra]), y, likelihood=likelihood, tol=1e-8)
    score, ratio = mlefast.score_test(small, x, y, extra), mlefast.likelihood_ratio_test(small, large)
    assert score.df == ratio.df == (3 if likelihood == "categorical" else 1)
    assert score.statistic == pytest.approx(ratio.statistic, rel=0.01, abs=1e-3)
    wald = large.wald_test_terms(use_f=False)["x3"]
    assert wald.statistic == pytest.approx(ratio.statistic, rel=0.01, abs=1e-3)


def test_score_test_of_least_squares_is_n_r_squared() -> None:
    rng = np.random.default_rng(5)
    x, y, extra = rng.standard_normal((70, 2)), rng.standard_normal(70), rng.standard_normal((70, 2))
    result = mlefast.fit(x, y, likelihood="gaussian")
    residuals = y - result.predict(x)
    wanted = 70 * sm.OLS(residuals, sm.add_constant(np.column_stack([x, extra]))).fit().rsquared
    assert mlefast.score_test(result, x, y, extra).statistic == pytest.approx(wanted, rel=1e-9)
    twice = np.column_stack([extra, extra[:, 0] + x[:, 1]])
    found = mlefast.score_test(result, x, y, twice)
    assert (found.df, found.statistic) == (2, pytest.approx(wanted, rel=1e-8))
    with pytest.raises(OptionError, match="combinations"):
        mlefast.score_test(result, x, y, x[:, 0])
    with pytest.raises(DataError, match="not the data of the fit"):
        mlefast.score_test(result, x, y + 1, extra)
    with pytest.raises(DataError, match="69 rows"):
        mlefast.score_test(result, x, y, extra[1:])


def test_ratio_needs_fits_of_the_same_rows() -> None:
    small, large = fits()
    other = mlefast.fit(LARGE[1:], GRADE[1:])
    turned = mlefast.fit(LARGE[::-1], GRADE[::-1])
    weighted = mlefast.fit(LARGE, GRADE, weights=np.arange(32) % 2 + 0.5)
    for result in (other, turned, weighted):
        with pytest.raises(OptionError, match="not fits of the same rows"):
            mlefast.likelihood_ratio_test(small, result)
    with pytest.raises(OptionError, match="not nested"):
        mlefast.likelihood_ratio_test(large, small)
    with pytest.raises(OptionError, match="bernoulli fit \\(probit link\\)"):
        mlefast.likelihood_ratio_test(mlefast.fit(SMALL, GRADE, likelihood=mlefast.Bernoulli("probit")), large)
    with pytest.raises(OptionError, match="penalty"):
        mlefast.likelihood_ratio_test(small, mlefast.fit(LARGE, GRADE, penalty=mlefast.Firth()))
    sampled = mlefast.fit(LARGE, GRADE, weight_kind="sampling")
    with pytest.raises(OptionError, match="sampling weights"):
        mlefast.likelihood_ratio_test(small, sampled)


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_several_tests_at_once(method: str) -> None:
    given = np.random.default_rng(6).random(30) ** 3
    np.testing.assert_allclose(
        mlefast.adjust_pvalues(given, method), multipletests(given, method=method)[1], rtol=1e-12
    )
    gap = np.array([[0.01, np.nan], [0.04, 0.03]])
    found = mlefast.adjust_pvalues(gap, method)
    assert found.shape == (2, 2) and np.isnan(found[0, 1]) and mlefast.adjust_pvalues([]).size == 0
    with pytest.raises(OptionError, match="possible: holm"):
        mlefast.adjust_pvalues(given, "bonferroni")
    with pytest.raises(OptionError, match="between 0 and 1"):
        mlefast.adjust_pvalues([1.5])
