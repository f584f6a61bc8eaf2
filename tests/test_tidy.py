# SPDX-License-Identifier: BSD-3-Clause
"""Tidy frames against those of R's broom."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlefast
from mlefast import OptionError

# mtcars: Henderson and Velleman, Biometrics 37 (1981)
WT = np.array([
    2.62, 2.875, 2.32, 3.215, 3.44, 3.46, 3.57, 3.19, 3.15, 3.44, 3.44, 4.07, 3.73, 3.78, 5.25, 5.424, 5.345, 2.2, 1.615, 1.835,
    2.465, 3.52, 3.435, 3.84, 3.845, 1.935, 2.14, 1.513, 3.17, 2.77, 3.57, 2.78,
])  # fmt: skip
MPG = np.array([
    21, 21, 22.8, 21.4, 18.7, 18.1, 14.3, 24.4, 22.8, 19.2, 17.8, 16.4, 17.3, 15.2, 10.4, 10.4, 14.7, 32.4, 30.4, 33.9, 21.5, 15.5,
    15.2, 13.3, 19.2, 27.3, 26, 30.4, 15.8, 19.7, 15, 21.4,
])  # fmt: skip
AM = np.array([1, 1, 1, *[0] * 14, 1, 1, 1, *[0] * 5, *[1] * 7])
GEAR = np.array([4, 4, 4, *[3] * 4, 4, 4, 4, 4, *[3] * 6, 4, 4, 4, *[3] * 5, 4, *[5] * 5, 4])
COLUMNS = ["term", "estimate", "std.error", "statistic", "p.value"]


def test_a_logistic_regression_as_broom_has_it() -> None:
    """R 4.2.2, broom 1.0.3: tidy(), confint.default() and glance() of glm(am ~ wt, binomial, mtcars, start=coef(g)).

    g is the same with control=glm.control(epsilon=1e-15): R's errors are those of the step before its last.
    """
    result = mlefast.fit(WT, AM, names=["wt"], tol=1e-10)
    frame = result.tidy(conf_int=True)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame) == [*COLUMNS, "conf.low", "conf.high"] and list(frame["term"]) == ["Intercept", "wt"]
    numbers = [
        [12.0403697286573212, 4.5100662389667594, 2.6696658298783054, 0.0075926770167899843, 3.2008023323924579, 20.879937124922186],
        [-4.0239699621732017, 1.4365277526235587, -2.8011780174968055, 0.0050916423069714408, -6.8395126201076408, -1.208427304238763],
    ]  # fmt: skip
    np.testing.assert_allclose(frame.iloc[:, 1:], numbers, rtol=1e-9)
    glance = result.glance()
    assert len(glance) == 1
    wanted = {
        "null.deviance": 43.229733276857807, "df.null": 31, "logLik": -9.5880424037225431, "AIC": 23.176084807445086,
        "BIC": 26.10755661304454, "deviance": 19.176084807445086, "df.residual": 30, "nobs": 32, "sigma": np.nan,
    }  # fmt: skip
    assert list(glance) == list(wanted)
    np.testing.assert_allclose(glance.iloc[0].astype(float), list(wanted.values()), rtol=1e-12)


def test_least_squares_as_broom_has_it() -> None:
    """R 4.2.2, broom 1.0.3: tidy(conf.int=TRUE) and glance() of lm(mpg ~ wt, mtcars)."""
    result = mlefast.fit(WT, MPG, likelihood="gaussian")
    numbers = [
        [37.2851261673420282, 1.87762733725589515, 19.857575264020866, 8.2417988453265865e-19, 33.450499573266079, 41.1197527614179776],
        [-5.3444715727226786, 0.55910104509932346, -9.559044146972111, 1.2939587013505163e-10, -6.486308237418263, -4.2026349080270942],
    ]  # fmt: skip
    np.testing.assert_allclose(result.tidy(conf_int=True).iloc[:, 1:], numbers, rtol=1e-10)
    glance = result.glance().iloc[0]
    wanted = {
        "sigma": 3.0458821247893773,
        "logLik": -80.014714495938108,
        "AIC": 166.02942899187622,
        "BIC": 170.4266367002754,
    }
    for name, value in {**wanted, "deviance": 278.32193754334355, "df.residual": 30, "df.null": 31}.items():
        assert glance[name] == pytest.approx(value, rel=1e-12), name


def test_classes_as_broom_has_them() -> None:
    """R 4.2.2, broom 1.0.3, nnet 7.3.18: tidy(conf.int=TRUE) of multinom(factor(gear) ~ wt, mtcars, reltol=1e-15).

    Its optimiser and its numerical Hessian give about five digits.
    """
    result = mlefast.fit(WT, GEAR, names=["wt"], likelihood="categorical")
    frame = result.tidy(conf_int=True)
    assert list(frame) == ["y.level", *COLUMNS, "conf.low", "conf.high"]
    assert list(frame["y.level"]) == [4, 4, 5, 5] and list(frame["term"]) == ["Intercept", "wt"] * 2
    numbers = [
        [11.0371530103227684, 4.5818157122225598, 2.4089037411259904, 0.016000517514713423, 2.05695923056681629, 20.01734679007871875],
        [-3.4646500803741045, 1.3766721176284020, -2.5166850087315416, 0.011846468632697355, -6.16287784944626083, -0.76642231130194816],
        [10.0682847318062230, 4.7800144069824819, 2.1063293694468403, 0.035175751858038361, 0.69962864853797591, 19.43694081507447180],
        [-3.4290643521780333, 1.4648627368157101, -2.3408775894129619, 0.019238473684230126, -6.30014255863160066, -0.55798614572446636],
    ]  # fmt: skip
    np.testing.assert_allclose(frame.iloc[:, 2:], numbers, rtol=2e-5)
    glance = result.glance().iloc[0]
    assert glance["deviance"] == pytest.approx(44.648162115290816, rel=1e-9)
    assert glance["AIC"] == pytest.approx(52.648162115290816, rel=1e-9)


def test_what_is_installed_decides_the_kind_of_frame(handmade, monkeypatch) -> None:
    expected = handmade().tidy().to_dict("list")
    monkeypatch.setitem(sys.modules, "pandas", None)
    frame = handmade().tidy()
    assert isinstance(frame, pl.DataFrame) and frame.to_dict(as_series=False) == expected
    monkeypatch.setitem(sys.modules, "polars", None)
    assert handmade().tidy() == expected
    assert handmade().glance()["nobs"] == [325724.0]


def test_what_is_not_determined_is_nan(handmade) -> None:
    result = handmade(params=np.array([-2.0, np.nan, np.inf]))
    assert np.isnan(result.tidy()["estimate"]).tolist() == [False, True, False]
    with pytest.raises(OptionError, match="conf_int"):
        result.tidy(conf_int="yes")
    with pytest.raises(OptionError, match="alpha"):
        result.tidy(alpha=95)
