# SPDX-License-Identifier: BSD-3-Clause
"""Profiles: against logistf, and where a formula or one root tells the profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import mlefast

FIRTH = mlefast.Firth()
QUANTILE = stats.chi2.ppf(0.95, 1)
# the endometrial cancer study of Heinze and Schemper, Statistics in Medicine 21 (2002)
NV = "0000000000000000000001111100000000000000000000011110000000000000000000100011010"
HG = "0000000000000000011111111110000000000000000111111111100000000000000001111111111"
PI = """13 16 8 34 20 5 17 10 26 17 8 7 20 10 18 16 18 8 29 12 20 38 22 7 25 15 7 28 11 19 10 10 18 14 21 11 17 25 16 19 15
33 24 48 12 19 2 22 40 5 0 21 15 29 15 12 3 20 23 12 22 42 15 13 14 19 12 13 10 12 49 6 5 17 11 21 5 19 33"""
EH = """1.64 2.26 3.14 2.68 1.28 2.31 1.8 1.68 1.56 2.31 2.01 1.89 3.15 1.23 1.27 1.76 2 2.64 0.88 1.27 1.37 0.97 1.14
0.88 0.91 0.58 0.97 1.5 1.33 2.37 1.82 3.13 1.31 1.92 1.64 2.01 1.88 1.93 2.11 1.29 1.72 0.75 1.92 1.84 1.11 1.61 1.18
1.44 1.18 0.93 1.17 1.19 1.06 2.02 2.29 2.33 2.9 1.7 1.41 2.25 1.54 1.97 1.75 2.16 2.57 1.37 3.61 2.04 2.17 1.69 0.27
1.84 1.3 0.96 1.01 0.98 0.35 1.02 0.85"""
STUDY = np.column_stack([np.array(list(NV), dtype=float), np.array(PI.split(), float), np.array(EH.split(), float)])
HIGH = np.array(list(HG), dtype=int)


def ends(drop: Callable[[float], float], best: float) -> list[float]:
    """Where twice a drop that is zero at `best` reaches the quantile."""

    def excess(value: float) -> float:
        return 2 * drop(value) - QUANTILE

    return [
        float(optimize.brentq(excess, *sorted((best, best + side)), xtol=1e-13, rtol=1e-14)) for side in (-30.0, 30.0)
    ]


def test_penalised_tests_and_intervals_as_logistf() -> None:
    # logistf 1.26.1: logistf(HG ~ NV + PI + EH), all tolerances 1e-13
    found = mlefast.profile(mlefast.fit(STUDY, HIGH, penalty=FIRTH), STUDY, HIGH)
    lower = [1.082537108447689, 0.609724436303188, -0.124458720851729, -4.365183247263236]
    upper = [7.2092804982469358, 7.8546317138773984, 0.0404554731806117, -1.2327210572169987]
    pvalues = [0.004193627885586637, 0.009123667547085823, 0.387482203566446803, 0.000025068672148576]
    assert found.names == ("Intercept", "x1", "x2", "x3")
    assert np.allclose(found.intervals, np.column_stack([lower, upper]), rtol=1e-9)
    assert np.allclose(found.pvalues, pvalues, rtol=1e-8)
    assert np.allclose(found.statistics, stats.chi2.isf(pvalues, 1), rtol=1e-8)
    assert found.loglik == pytest.approx(-24.0372678006979, rel=1e-12)
    text = str(found)
    assert "0.6097" in text and "7.8546" in text and "0.0091" in text


@pytest.mark.parametrize("penalty", [None, FIRTH])
def test_groups_of_counts_have_one_parameter_each(penalty: Any) -> None:
    group, y, w = np.array([0, 0, 1, 1]), np.array([0, 3, 7, 9]), np.array([5, 2, 1, 1])
    x = np.eye(2)[group]
    result = mlefast.fit(x, y, likelihood="poisson", intercept=False, weights=w, penalty=penalty)
    found = mlefast.profile(result, x, y, weights=w)
    extra = 0.0 if penalty is None else 0.5
    for j in range(2):
        n, total = w[group == j].sum(), (w * y)[group == j].sum() + extra
        best = np.log(total / n)

        def drop(eta: float, n: float = n, total: float = total, best: float = best) -> float:
            return float(n * np.exp(eta) - total * eta - n * np.exp(best) + total * best)

        assert np.allclose(found.intervals[j], ends(drop, best), rtol=1e-9)
        assert found.statistics[j] == pytest.approx(2 * drop(0.0), rel=1e-7)


@pytest.mark.parametrize("penalty", [None, FIRTH])
def test_classes_without_covariates(penalty: Any) -> None:
    counts = np.array([9.0, 4.0, 2.0])
    y = np.repeat(["a", "b", "c"], counts.astype(int))
    x = np.zeros((15, 0))
    result = mlefast.fit(x, y, likelihood="categorical", penalty=penalty)
    found = mlefast.profile(result, x, y)
    assert found.names == ("b: Intercept", "c: Intercept")
    cells = counts + (0.0 if penalty is None else 0.5)  # of Jeffreys' prior
    for j in (1, 2):
        best = np.log(cells[j] / cells[0])

        def binomial(eta: float, j: int = j) -> float:
            return float((cells[0] + cells[j]) * np.logaddexp(0, eta) - cells[j] * eta)

        # the other class keeps its share, so the drop is that of a yes or no
        wanted = ends(lambda eta, b=best, f=binomial: f(eta) - f(b), best)
        assert np.allclose(found.intervals[j - 1], wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("likelihood", "options"),
    [("bernoulli", {}), (mlefast.Bernoulli("probit"), {}), ("gamma", {}), ("poisson", {"exposure": True})],
)
def test_ends_and_tests_against_fits_that_hold_the_slope(likelihood: Any, options: dict[str, bool]) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((80, 2)) * [1.0, 20.0] + [0.0, 100.0]
    mu = np.exp(0.5 * x[:, 0] + 0.01 * (x[:, 1] - 100))
    gamma = likelihood == "gamma"
    y = rng.gamma(2.0, mu / 2) if gamma else rng.poisson(mu) if likelihood == "poisson" else rng.random(80) < 0.5
    amount = {"exposure": rng.uniform(1, 2, 80)} if options else {}
    result = mlefast.fit(x, y, likelihood=likelihood, tol=1e-9, **amount)
    found = mlefast.profile(result, x, y, parameters=["x2"], **amount)

    def held(value: float) -> float:
        others = mlefast.fit(x[:, :1], y, likelihood=likelihood, offset=value * x[:, 1], tol=1e-9, **amount)
        return result.llf - others.llf

    assert 2 * held(0.0) == pytest.approx(found.statistics[0], rel=1e-7, abs=1e-9)
    assert [2 * held(end) for end in found.intervals[0]] == pytest.approx([QUANTILE] * 2, rel=1e-8)


def test_parameters_that_are_not_determined() -> None:
    x = np.column_stack([STUDY, STUDY[:, 2]])
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit(x, HIGH, penalty=FIRTH)
    found, alone = (
        mlefast.profile(result, x, HIGH),
        mlefast.profile(mlefast.fit(STUDY, HIGH, penalty=FIRTH), STUDY, HIGH),
    )
    assert np.isnan(found.intervals[4]).all() and np.isnan(found.pvalues[4])
    assert np.allclose(found.intervals[:4], alone.intervals, rtol=1e-8)


def test_what_is_refused() -> None:
    result = mlefast.fit(STUDY, HIGH, penalty=FIRTH)
    with pytest.raises(mlefast.DataError, match="not the data of the fit"):
        mlefast.profile(result, STUDY[:-1], HIGH[:-1])
    with pytest.raises(mlefast.DataError, match="X has 2 columns, the model has 3"):
        mlefast.profile(result, STUDY[:, 1:], HIGH)
    with pytest.raises(mlefast.OptionError, match=r"'age' is unknown; the fit has Intercept, x1"):
        mlefast.profile(result, STUDY, HIGH, parameters=["age"])
    with pytest.raises(mlefast.OptionError, match="alpha=2"):
        mlefast.profile(result, STUDY, HIGH, alpha=2)
    with pytest.raises(mlefast.OptionError, match=r"Ridge\(alpha=1.0\) is a prior of its own"):
        mlefast.profile(mlefast.fit(STUDY, HIGH, penalty=mlefast.Ridge(1.0)), STUDY, HIGH)
    with pytest.warns(mlefast.SeparationWarning):
        separated = mlefast.fit(STUDY, HIGH)
    with pytest.raises(mlefast.OptionError, match=r"fit with penalty=mlefast.Firth\(\)"):
        mlefast.profile(separated, STUDY, HIGH)
    counts = STUDY[:, 1].astype(int)
    with pytest.raises(mlefast.OptionError, match="not for a negative_binomial fit"):
        mlefast.profile(mlefast.fit(STUDY[:, 2], counts, likelihood="negative_binomial"), STUDY[:, 2], counts)


def test_formula() -> None:
    table = {"pi": STUDY[:, 1], "eh": STUDY[:, 2], "hg": HIGH}
    result = mlefast.fit_formula("hg ~ pi + eh", table)
    found = mlefast.profile(result, table, HIGH)
    wanted = mlefast.profile(mlefast.fit(STUDY[:, 1:], HIGH), STUDY[:, 1:], HIGH)
    assert found.names == ("Intercept", "pi", "eh") and np.allclose(found.intervals, wanted.intervals, rtol=1e-9)
