# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of predictions on real data, against R; their edge cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlefast

from .conftest import fit_exactly


def test_intervals_are_r(cpunish, longley) -> None:
    # R 4.2.2: predict(glm, se.fit = TRUE); predict(lm(TOTEMP ~ .), interval = "confidence", level = 0.9)
    found = fit_exactly(*cpunish, likelihood="poisson").predict(cpunish[0][:3], interval=0.95)
    np.testing.assert_allclose(found.eta, [3.546691121094, 2.173963773093, 0.258783326567], rtol=1e-10)
    np.testing.assert_allclose(found.se_eta, [0.167512875835, 0.318373606944, 0.298685683834], rtol=1e-8)
    found = mlefast.fit(*longley, likelihood="gaussian").predict(longley[0][:3], interval=0.9)
    np.testing.assert_allclose(found.lower, [59691.5446421, 60795.9676973, 59788.4488738], rtol=1e-9)
    np.testing.assert_allclose(found.upper, [60419.7752984, 61636.0601875, 60460.9767907], rtol=1e-9)


def test_two_classes_are_bernoulli(spector) -> None:
    x, y = spector
    one = fit_exactly(x, y).predict(x, interval=0.95)
    two = fit_exactly(x, y, likelihood="categorical").predict(x, interval=0.95)
    np.testing.assert_allclose(two.lower, np.column_stack([1 - one.upper, one.lower]), rtol=1e-7)
    np.testing.assert_allclose(two.upper, np.column_stack([1 - one.lower, one.upper]), rtol=1e-7)
    np.testing.assert_allclose(two.se_eta[:, 0], one.se_eta, rtol=1e-8)


def test_offsets_formulas_and_missing_values(randhie) -> None:
    x, y = randhie
    table = x[:2000].assign(y=y[:2000], hours=np.linspace(1, 3, 2000))
    result = mlefast.fit_formula("y ~ lncoins + idp", table, likelihood="poisson", exposure="hours")
    plain = mlefast.fit(
        table[["lncoins", "idp"]], table["y"], likelihood="poisson", offset=np.log(table["hours"]), tol=1e-10
    )
    ours = result.predict(table, interval=0.95)
    theirs = plain.predict(table[["lncoins", "idp"]], offset=np.log(table["hours"]), interval=0.95)
    np.testing.assert_allclose(ours.upper, theirs.upper, rtol=1e-6)
    broken = table.copy()
    broken.loc[3, "idp"] = np.nan
    assert np.flatnonzero(np.isnan(result.predict(broken, interval=0.95).lower)).tolist() == [3]


def test_aliased_columns_count_as_zero(spector) -> None:
    x, y = spector
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit(pd.concat([x, 2 * x["GPA"].rename("twice")], axis=1), y)
    whole = mlefast.fit(x, y).predict(x, interval=0.9)
    found = result.predict(pd.concat([x, 2 * x["GPA"].rename("twice")], axis=1), interval=0.9)
    np.testing.assert_allclose(found.lower, whole.lower, rtol=1e-5)


@pytest.mark.parametrize("interval", [0.0, 1.0, 95, "0.95", True])
def test_an_interval_is_a_share(spector, interval) -> None:
    with pytest.raises(mlefast.OptionError, match="must be a number between 0 and 1"):
        mlefast.fit(*spector).predict(spector[0], interval=interval)
