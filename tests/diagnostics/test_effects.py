# SPDX-License-Identifier: BSD-3-Clause
"""Marginal effects of formulas, against differences of the mean; their edge cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlefast
from mlefast.data import MemoryDesign


def jacobian(function, params, errors):
    """Central differences, three tenths of a per cent of a standard error apart, whose error is of the second order."""
    columns = []
    for q, size in enumerate(errors.ravel()):
        step = np.zeros(params.size)
        step[q] = 3e-4 * size
        step = step.reshape(params.shape)
        columns.append((function(params + step) - function(params - step)) / (6e-4 * size))
    return np.stack(columns, axis=-1)


@pytest.fixture(scope="module")
def wage():
    """A table with a category, a truth value, and a number in two terms."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "age": rng.uniform(20, 60, 400),
            "region": rng.choice(["north", "south", "west"], 400),
            "trained": rng.integers(0, 2, 400),
            "size": rng.uniform(1, 50, 400),
        }
    )
    eta = -3 + 0.15 * table["age"] - 0.0015 * table["age"] ** 2 + 0.5 * (table["region"] == "west") * table["trained"]
    table["y"] = (rng.random(400) < 1 / (1 + np.exp(-eta - 0.2 * np.log(table["size"])))).astype(int)
    return table


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_variables_of_a_formula_move_all_their_terms(wage, kind) -> None:
    formula = "y ~ age + I(age ** 2) + C(region) * trained + log(size)"
    result = mlefast.fit_formula(formula, kind(wage.to_dict("list")), tol=1e-10)
    found = mlefast.marginal_effects(result, kind(wage.to_dict("list")))
    assert found.names == ("age", "region: south - north", "region: west - north", "size", "trained")
    names = dict(zip(result.names, range(len(result.names)), strict=True))

    def columns(table):
        x = np.zeros((len(table), len(names)))
        x[:, names["Intercept"]] = 1.0
        x[:, names["age"]], x[:, names["I(age ** 2)"]] = table["age"], table["age"] ** 2
        x[:, names["trained"]], x[:, names["log(size)"]] = table["trained"], np.log(table["size"])
        for level in ("south", "west"):
            here = (table["region"] == level).astype(float)
            x[:, names[f"C(region)[T.{level}]"]] = here
            x[:, names[f"C(region)[T.{level}]:trained"]] = here * table["trained"]
        return x

    def mean(table, params):
        return 1 / (1 + np.exp(-columns(table) @ params))

    def effects(params):
        here, x = mean(wage, params), columns(wage)
        slope = here * (1 - here)
        bend = params[names["age"]] + 2 * wage["age"] * params[names["I(age ** 2)"]]
        return (
            np.array(
                [
                    (slope * bend).mean(),
                    *(
                        (mean(wage.assign(region=level), params) - mean(wage.assign(region="north"), params)).mean()
                        for level in ("south", "west")
                    ),
                    (slope * params[names["log(size)"]] / wage["size"]).mean(),
                    (mean(wage.assign(trained=1), params) - mean(wage.assign(trained=0), params)).mean(),
                ]
            )
            + 0.0 * x.sum()
        )

    np.testing.assert_allclose(found.effects, effects(result.params), rtol=1e-8)
    flat = jacobian(effects, result.params, result.bse)
    np.testing.assert_allclose(found.bse, np.sqrt(np.diagonal(flat @ result.covariance @ flat.T)), rtol=1e-6)
    elastic = mlefast.marginal_effects(result, kind(wage.to_dict("list")), method="eyex")
    here = mean(wage, result.params)
    expected = ((1 - here) * result.params[names["log(size)"]]).mean()
    assert elastic.effects[3] == pytest.approx(expected, rel=1e-8)


def test_weights_and_offsets_are_repeated_rows(randhie) -> None:
    x, y = randhie[0].iloc[:300, :3], randhie[1][:300]
    weights, offset = np.arange(300) % 3, np.linspace(-1, 1, 300)
    result = mlefast.fit(x, y, likelihood="poisson", weights=weights, offset=offset)
    found = mlefast.marginal_effects(result, x, weights=weights, offset=offset)
    long = np.repeat(np.arange(300), weights)
    repeated = mlefast.marginal_effects(result, x.iloc[long], offset=offset[long])
    np.testing.assert_allclose(found.effects, repeated.effects, rtol=1e-10)
    np.testing.assert_allclose(found.bse, repeated.bse, rtol=1e-10)


def test_nothing_depends_on_the_blocks(anes, monkeypatch) -> None:
    result = mlefast.fit(*anes, likelihood="categorical")
    whole = mlefast.marginal_effects(result, anes[0], method="eyex")
    monkeypatch.setattr(MemoryDesign.blocks, "__defaults__", (500,))
    cut = mlefast.marginal_effects(result, anes[0], method="eyex")
    np.testing.assert_allclose(whole.covariance, cut.covariance, rtol=1e-9, atol=1e-18)


def test_other_likelihoods(scotland, longley) -> None:
    gaussian = mlefast.fit(*longley, likelihood="gaussian")
    found = mlefast.marginal_effects(gaussian, longley[0])
    np.testing.assert_allclose(found.effects, gaussian.params[1:], rtol=1e-10)
    np.testing.assert_allclose(found.bse, gaussian.bse[1:], rtol=1e-9)
    gamma = mlefast.fit(*scotland, likelihood="gamma")
    found = mlefast.marginal_effects(gamma, scotland[0], method="eydx")
    np.testing.assert_allclose(found.effects, gamma.params[1:], rtol=1e-10)
    assert "eydx" in str(found) and "COUTAX" in str(found)


def test_aliased_columns_have_no_effect(spector) -> None:
    x, y = spector
    twice = pd.concat([x, 2 * x["GPA"].rename("twice")], axis=1)
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit(twice, y)
    found = mlefast.marginal_effects(result, twice)
    assert np.isnan(found.effects).tolist() == [False, False, False, True]


def test_what_is_refused(spector) -> None:
    x, y = spector
    result = mlefast.fit(x, y)
    for options, match in (({"at": "median"}, "at='median' is unknown"), ({"method": "dy"}, "method='dy' is unknown")):
        with pytest.raises(mlefast.OptionError, match=match):
            mlefast.marginal_effects(result, x, **options)
    broken = x.copy()
    broken.iloc[4, 1] = np.nan
    with pytest.raises(mlefast.DataError, match="missing or infinite values .first rows: 4."):
        mlefast.marginal_effects(result, broken)
    own = mlefast.UserLikelihood(lambda eta, y: ((y - eta) ** 2 / 2, eta - y, np.ones_like(eta)), mean=np.asarray)
    result = mlefast.fit(x, y, likelihood=own)
    with pytest.raises(mlefast.OptionError, match="derivatives of the mean of the user"):
        mlefast.marginal_effects(result, x)


def test_infinite_coefficients_are_refused() -> None:
    x, y = np.arange(8.0), np.arange(8) > 3
    with pytest.warns(mlefast.SeparationWarning):
        result = mlefast.fit(x, y)
    for ask in (
        lambda: mlefast.marginal_effects(result, x),
        lambda: result.predict(x, interval=0.9),
        lambda: mlefast.diagnose(result, x, y),
        lambda: mlefast.bootstrap(result, x, y),
    ):
        with pytest.raises(mlefast.OptionError, match="the maximum of the likelihood does not exist"):
            ask()
