# SPDX-License-Identifier: BSD-3-Clause
"""Residuals, influence and diagnostics on real data, against R and SciPy; their edge cases."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

import mlefast
from mlefast.data import MemoryDesign


def test_influence_is_r(cpunish) -> None:
    # R 4.2.2: hatvalues, cooks.distance and rstandard(type = "pearson") of glm(EXECUTIONS ~ ., poisson), epsilon 1e-14
    found = mlefast.influence(mlefast.fit(*cpunish, likelihood="poisson", tol=1e-10), *cpunish)
    np.testing.assert_allclose(found.leverages[:3], [0.9736542684105, 0.8912808715236, 0.1155625151391], rtol=1e-8)
    np.testing.assert_allclose(
        found.cooks_distances[:3], [3.05963536132e01, 5.24585358766e-02, 3.60620622893e-01], rtol=1e-8
    )
    np.testing.assert_allclose(
        found.standardised_residuals[:3], [2.40733539444124, 0.21164245511147, 4.39540985258062], rtol=1e-8
    )


def test_diagnostics_of_labels_are_those_of_r(fair) -> None:
    # R 4.2.2, glm(y ~ ., binomial): pROC 1.18.0 auc(); means of residuals and of fitted values; car 3.1-1 vif(lm)
    x, y = fair
    found = mlefast.diagnose(mlefast.fit(x, y, tol=1e-10), x, y)
    assert found.auc == pytest.approx(0.74384621352837, rel=1e-12)
    assert found.brier == pytest.approx(0.18322796626826, rel=1e-10)
    assert found.tjur == pytest.approx(0.1627586856717, rel=1e-9)
    vif = [1.03479817191, 5.45411588134, 7.14294941797, 2.52897248882, 1.03690581760, 1.29624169456, 1.20686344973]
    np.testing.assert_allclose(list(found.vif.values()), [*vif, 1.08287614891], rtol=1e-10)
    assert list(found.vif) == list(x.columns)


def test_vif_of_nearly_collinear_columns_is_r(longley) -> None:
    # R 4.2.2, car 3.1-1: vif(lm(TOTEMP ~ .))
    found = mlefast.diagnose(mlefast.fit(*longley, likelihood="gaussian"), *longley)
    vif = [135.53243827997, 1788.51348271770, 33.61889059605, 3.58893019345, 399.15102231253, 758.98059740670]
    np.testing.assert_allclose(list(found.vif.values()), vif, rtol=1e-8)


def test_area_counts_ties_half() -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(0, 3, (300, 3)).astype(float)  # 27 different rows
    y = rng.random(300) < 0.3 + 0.1 * x[:, 0]
    weights = rng.integers(1, 4, 300)
    found = mlefast.diagnose(mlefast.fit(x, y), x, y).auc
    eta = x @ mlefast.fit(x, y).params[1:]
    eta = np.round(eta, 12)
    u = stats.mannwhitneyu(eta[y], eta[~y]).statistic
    assert found == pytest.approx(u / (y.sum() * (~y).sum()), abs=1e-15)
    weighted = mlefast.diagnose(mlefast.fit(x, y, weights=weights), x, y, weights=weights)
    many_x, many_y = np.repeat(x, weights, axis=0), np.repeat(y, weights)
    repeated = mlefast.diagnose(mlefast.fit(many_x, many_y), many_x, many_y)
    assert weighted.auc == pytest.approx(repeated.auc, abs=1e-12)
    assert weighted.brier == pytest.approx(repeated.brier, rel=1e-8)
    np.testing.assert_allclose(weighted.calibration.counts, repeated.calibration.counts)
    np.testing.assert_allclose(weighted.calibration.observed, repeated.calibration.observed)


@pytest.mark.parametrize(
    ("likelihood", "cdf"),
    [
        ("gaussian", lambda y, m, r: stats.norm.cdf(y, m, r.scale)),
        ("gamma", lambda y, m, r: stats.gamma.cdf(y, 1 / r.scale, scale=r.scale * m)),
        (mlefast.StudentT(nu=5, sigma=2.0), lambda y, m, r: stats.t.cdf((y - m) / 2.0, 5)),
    ],
)
def test_quantile_residuals_of_continuous_y_are_exact(scotland, likelihood, cdf) -> None:
    x, y = scotland
    result = mlefast.fit(x, y, likelihood=likelihood)
    found = mlefast.residuals(result, x, y, kind="quantile")
    np.testing.assert_allclose(found, stats.norm.ppf(cdf(y, result.predict(x), result)), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("likelihood", "cdf"),
    [
        ("poisson", lambda k, m: stats.poisson.cdf(k, m)),
        (mlefast.NegativeBinomial(alpha=0.7), lambda k, m: stats.nbinom.cdf(k, 1 / 0.7, 1 / (1 + 0.7 * m))),
    ],
)
def test_quantile_residuals_of_counts_lie_between_both_probabilities(randhie, likelihood, cdf) -> None:
    x, y = randhie
    result = mlefast.fit(x, y, likelihood=likelihood)
    found = mlefast.residuals(result, x, y, kind="quantile", seed=5)
    mean, u = result.predict(x), stats.norm.cdf(found)
    assert (u >= cdf(y - 1, mean) - 1e-12).all() and (u <= cdf(y, mean) + 1e-12).all()
    assert np.array_equal(found, mlefast.residuals(result, x, y, kind="quantile", seed=5))
    assert not np.array_equal(found, mlefast.residuals(result, x, y, kind="quantile", seed=6))


def test_quantile_residuals_of_the_right_model_are_normal() -> None:
    rng = np.random.default_rng(8)
    x = rng.standard_normal((5000, 2))
    for likelihood, y in (
        ("bernoulli", rng.random(5000) < 1 / (1 + np.exp(-x[:, 0]))),
        ("poisson", rng.poisson(np.exp(0.5 * x[:, 0]))),
    ):
        found = mlefast.residuals(mlefast.fit(x, y, likelihood=likelihood), x, y, kind="quantile")
        assert stats.kstest(found, "norm").pvalue > 1e-4


def test_classes(anes) -> None:
    x, y = anes
    result = mlefast.fit(x, y, likelihood="categorical", tol=1e-10)
    fitted = sm.MNLogit(y, sm.add_constant(x)).fit(disp=0, tol=1e-14)
    p = np.asarray(fitted.predict())
    indicators = np.eye(7)[y.astype(int)]
    np.testing.assert_allclose(mlefast.residuals(result, x, y, kind="response"), indicators - p, atol=1e-8)
    found = mlefast.diagnose(result, x, y)
    assert found.pearson_chi2 == pytest.approx(((indicators - p) ** 2 / p).sum(), rel=1e-8)
    assert found.brier == pytest.approx(((indicators - p) ** 2).sum(axis=1).mean(), rel=1e-8)
    assert found.auc is None and found.influential is None and found.calibration is None
    counts = indicators.sum(axis=0)  # statsmodels searches for the null model, which is known
    assert found.mcfadden == pytest.approx(1 - fitted.llf / (counts @ np.log(counts / len(y))), rel=1e-9)
    with pytest.raises(mlefast.OptionError, match="residuals of classes are pearson or response"):
        mlefast.residuals(result, x, y)
    with pytest.raises(mlefast.OptionError, match="influence: not for the categorical"):
        mlefast.influence(result, x, y)


def test_absent_rows_have_no_residuals(spector) -> None:
    x, y = spector
    weights = np.ones(len(y))
    weights[[3, 5]] = 0.0
    broken = x.copy()
    broken.iloc[3, 0] = np.nan
    result = mlefast.fit(broken, y, weights=weights)
    found = mlefast.residuals(result, broken, y, weights=weights)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 5]
    rest = np.delete(np.arange(len(y)), [3, 5])
    alone = mlefast.fit(x.iloc[rest], y.iloc[rest])
    np.testing.assert_allclose(found[rest], mlefast.residuals(alone, x.iloc[rest], y.iloc[rest]), atol=1e-6)
    assert mlefast.influence(result, broken, y, weights=weights).leverages[rest].sum() == pytest.approx(4.0)


def test_nothing_depends_on_the_blocks(randhie, monkeypatch) -> None:
    x, y = randhie
    result = mlefast.fit(x, y, likelihood="poisson")
    whole = mlefast.diagnose(result, x, y), mlefast.residuals(result, x, y, kind="quantile")
    monkeypatch.setattr(MemoryDesign.blocks, "__defaults__", (900,))
    cut = mlefast.diagnose(result, x, y), mlefast.residuals(result, x, y, kind="quantile")
    assert np.array_equal(whole[1], cut[1])
    assert whole[0].pearson_chi2 == pytest.approx(cut[0].pearson_chi2, rel=1e-12)
    assert whole[0].influential.rows.tolist() == cut[0].influential.rows.tolist()
    assert np.array_equal(whole[0].calibration.counts, cut[0].calibration.counts)


def test_doubtful_variance_is_said(randhie, spector) -> None:
    # counts that vary more than Poisson's; statsmodels' HC0 and ordinary errors tell the ratio
    x, y = randhie
    robust = mlefast.fit(x, y, likelihood="poisson", covariance="HC0")
    plain = mlefast.fit(x, y, likelihood="poisson")
    model = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson())
    ratio = np.asarray(model.fit(cov_type="HC0").bse / model.fit().bse)
    np.testing.assert_allclose(robust.robust_ratio, ratio, rtol=1e-6)
    found = mlefast.diagnose(plain, x, y)
    np.testing.assert_allclose(found.robust_ratio, ratio, rtol=1e-6)
    assert plain.robust_ratio is None
    sentence = "Robust and model-based errors differ by more than a factor of 1.5 for Intercept, lncoins, idp"
    assert sentence in str(found)
    assert sentence in " ".join(str(robust.summary()).split())
    assert "doubtful" not in str(plain.summary())
    assert "doubtful" not in str(mlefast.fit(*spector, covariance="HC0").summary())


def test_what_is_refused(spector, longley) -> None:
    x, y = spector
    result = mlefast.fit(x, y)
    with pytest.raises(mlefast.OptionError, match="kind='anscombe' is unknown"):
        mlefast.residuals(result, x, y, kind="anscombe")
    with pytest.raises(mlefast.DataError, match="not the data of the fit"):
        mlefast.residuals(result, x, 1 - y)
    with pytest.raises(mlefast.DataError, match="X has 2 columns, the model has 3: GPA, TUCE, PSI"):
        mlefast.diagnose(result, x.iloc[:, :2], y)
    with pytest.raises(mlefast.DataError, match="'TUCE' where the model has 'GPA'"):
        mlefast.diagnose(result, x[["TUCE", "GPA", "PSI"]], y)
    with pytest.raises(mlefast.OptionError, match="seed=-1"):
        mlefast.residuals(result, x, y, seed=-1)
    with pytest.raises(mlefast.OptionError, match="top=1.5"):
        mlefast.diagnose(result, x, y, top=1.5)
    laplace = mlefast.fit(*longley, likelihood="laplace")
    with pytest.raises(mlefast.OptionError, match="influence: not for the laplace"):
        mlefast.influence(laplace, *longley)
    with pytest.raises(mlefast.OptionError, match="diagnose: not for the laplace"):
        mlefast.diagnose(laplace, *longley)
    ridge = mlefast.fit(x, y, penalty=mlefast.Ridge(1.0))
    with pytest.raises(mlefast.OptionError, match="a prior pulls the estimate too"):
        mlefast.influence(ridge, x, y)
    assert mlefast.diagnose(ridge, x, y).influential is None


def test_own_functions_have_what_is_known_of_them(scotland) -> None:
    x, y = scotland

    def exponential(eta, y):
        risk = y * np.exp(-eta)
        return eta + risk, 1 - risk, risk

    own = mlefast.UserLikelihood(exponential, name="exponential", mean=np.exp, convex=True)
    result = mlefast.fit(x, y, likelihood=own)
    found = mlefast.residuals(result, x, y, kind="response")
    np.testing.assert_allclose(found, y - result.predict(x), rtol=1e-6, atol=1e-6)
    for kind, match in (("pearson", "variance"), ("deviance", "least loss"), ("quantile", "distribution function")):
        with pytest.raises(mlefast.OptionError, match=match):
            mlefast.residuals(result, x, y, kind=kind)
    assert mlefast.diagnose(result, x, y).pearson_chi2 is None


def test_estimated_shapes_are_taken_as_they_are(randhie) -> None:
    x, y = randhie[0].iloc[::10], randhie[1].iloc[::10]
    free = mlefast.fit(x, y, likelihood="negative_binomial", tol=1e-9)
    given = mlefast.fit(x, y, likelihood=mlefast.NegativeBinomial(alpha=free.shape["alpha"]), tol=1e-10)
    for kind in ("deviance", "pearson", "quantile"):
        np.testing.assert_allclose(
            mlefast.residuals(free, x, y, kind=kind), mlefast.residuals(given, x, y, kind=kind), rtol=1e-6, atol=1e-7
        )
    found, expected = (mlefast.diagnose(result, x, y) for result in (free, given))
    assert found.pearson_chi2 == pytest.approx(expected.pearson_chi2, rel=1e-6)
    assert found.influential.rows.tolist() == expected.influential.rows.tolist()
    assert found.robust_ratio is None and expected.robust_ratio is not None


def test_firth_has_leverages_of_its_information(spector) -> None:
    x, y = spector
    result = mlefast.fit(x, y, penalty=mlefast.Firth(), tol=1e-9)
    wide, p = np.asarray(sm.add_constant(x)), result.predict(x)
    root = wide * np.sqrt(p * (1 - p))[:, np.newaxis]
    hat = root @ np.linalg.solve(root.T @ root, root.T)
    np.testing.assert_allclose(mlefast.influence(result, x, y).leverages, np.diagonal(hat), rtol=1e-8)
