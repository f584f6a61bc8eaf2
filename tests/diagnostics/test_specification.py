# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the model on real data, against R and simulations of right and wrong models."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

import mlefast


def test_dispersion_is_that_of_r(randhie) -> None:
    # R 4.2.2, AER 1.2-10: dispersiontest(glm(mdvis ~ ., poisson), trafo = 2) and without trafo, whose z are squared here
    x, y = randhie
    result = mlefast.fit(x, y, likelihood="poisson", tol=1e-10)
    found = mlefast.dispersion_test(result, x, y)
    assert found.statistic == pytest.approx(17.8724195181**2, rel=1e-9) and found.df == 1
    found = mlefast.dispersion_test(result, x, y, alternative="nb1")
    assert found.statistic == pytest.approx(18.3252155747**2, rel=1e-9)
    far = f"{stats.chi2.sf(found.statistic, 1):.4g}"  # R says less than 2.2e-16
    assert str(found) == f"Dispersion test (more than Poisson's): chi2(1) = 335.8135, p = {far}"
    # statsmodels 0.14: PoissonDiagnostic.test_dispersion, "CT nb2"
    diagnostic = sm.Poisson(y, sm.add_constant(x)).fit(disp=0, tol=1e-14).get_diagnostic()
    assert diagnostic.test_dispersion().statistic[3] == pytest.approx(17.8724195181, rel=1e-8)


def test_link_is_that_of_r(randhie, fair) -> None:
    # R 4.2.2: the squared z of eta^2 in glm(y ~ eta + I(eta^2)), epsilon 1e-15
    x, y = randhie
    found = mlefast.link_test(mlefast.fit(x, y, likelihood="poisson", tol=1e-10), x, y)
    assert found.statistic == pytest.approx(182.65536865758, rel=1e-8)
    found = mlefast.link_test(mlefast.fit(*fair, tol=1e-10), *fair)
    assert found.statistic == pytest.approx(13.5288799356, rel=1e-8)
    assert found.pvalue == pytest.approx(stats.chi2.sf(13.5288799356, 1), rel=1e-6)


def test_right_models_pass_and_wrong_ones_fail() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((4000, 2))
    eta = 0.5 + 0.5 * x[:, 0]
    right = rng.poisson(np.exp(eta))
    wide = rng.poisson(np.exp(eta) * rng.gamma(1.0, 1.0, 4000))
    bent = rng.poisson(np.exp(eta + 0.3 * x[:, 0] ** 2))
    tests = (mlefast.information_matrix_test, mlefast.dispersion_test, mlefast.link_test)
    fits = [mlefast.fit(x, y, likelihood="poisson") for y in (right, wide, bent)]
    assert all(test(fits[0], x, right).pvalue > 1e-3 for test in tests)
    assert all(test(fits[1], x, wide).pvalue < 1e-9 for test in tests[:2])
    assert mlefast.link_test(fits[2], x, bent).pvalue < 1e-9


def test_frequencies_are_repeated_rows() -> None:
    rng = np.random.default_rng(6)
    x, weights = rng.standard_normal((300, 2)), rng.integers(0, 4, 300)
    y = rng.poisson(np.exp(0.3 * x[:, 0]))
    long = np.repeat(x, weights, axis=0), np.repeat(y, weights)
    weighted = mlefast.fit(x, y, likelihood="poisson", weights=weights, tol=1e-10)
    repeated = mlefast.fit(*long, likelihood="poisson", tol=1e-10)
    for test in (mlefast.information_matrix_test, mlefast.dispersion_test, mlefast.link_test):
        assert test(weighted, x, y, weights=weights).statistic == pytest.approx(
            test(repeated, *long).statistic, rel=1e-6
        )


def test_what_is_refused(spector, scotland, anes) -> None:
    result = mlefast.fit(*spector)
    with pytest.raises(mlefast.OptionError, match="for the poisson likelihood, not for bernoulli"):
        mlefast.dispersion_test(result, *spector)
    with pytest.raises(mlefast.OptionError, match="alternative='nb3' is unknown"):
        mlefast.dispersion_test(result, *spector, alternative="nb3")
    with pytest.raises(mlefast.OptionError, match="whose scale or shape is estimated"):
        mlefast.information_matrix_test(mlefast.fit(*scotland, likelihood="gamma"), *scotland)
    with pytest.raises(mlefast.OptionError, match="not for the categorical"):
        mlefast.link_test(mlefast.fit(*anes, likelihood="categorical"), *anes)
    ridge = mlefast.fit(*spector, penalty=mlefast.Ridge(1.0))
    with pytest.raises(mlefast.OptionError, match="Fit without the penalty"):
        mlefast.information_matrix_test(ridge, *spector)
    wide = np.random.default_rng(1).standard_normal((400, 110))
    y = wide[:, 0] + np.random.default_rng(2).standard_normal(400)
    result = mlefast.fit(wide, y, likelihood="gaussian")
    with pytest.raises(mlefast.OptionError, match="Test a smaller model"):
        mlefast.information_matrix_test(result, wide, y)
