# SPDX-License-Identifier: BSD-3-Clause
"""Aliased columns: everything that follows a fit works with them, and new data that break the combination are told."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import mlefast
from mlefast.cli import main

RNG = np.random.default_rng(8)
Z = RNG.standard_normal((200, 2))
X = np.column_stack([Z, Z[:, 0] - 2 * Z[:, 1] + 1])
RESPONSES = {
    "bernoulli": RNG.random(200) < 0.4,
    "categorical": RNG.integers(0, 3, 200),
    "gaussian": RNG.standard_normal(200),
    "laplace": RNG.standard_normal(200),
    "poisson": RNG.poisson(2.0, 200),
    "gamma": RNG.gamma(2.0, 1.0, 200),
    "negative_binomial": RNG.negative_binomial(2, 0.3, 200),
    "student_t": RNG.standard_t(4, 200),
}


@pytest.mark.parametrize("likelihood", RESPONSES)
def test_a_fit_is_that_without_the_aliased_column(likelihood: str) -> None:
    y = RESPONSES[likelihood]
    with pytest.warns(mlefast.RankWarning, match="x3 = 1 Intercept"):
        result = mlefast.fit(X, y, likelihood=likelihood)
    wanted = mlefast.fit(Z, y, likelihood=likelihood)
    kept = np.array([name != "x3" for name in result.names])
    assert np.isnan(result.params[..., 3]).all()
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(result.params[..., kept], wanted.params, **close)
    np.testing.assert_allclose(result.bse[..., kept], wanted.bse, **close)
    np.testing.assert_allclose(result.conf_int()[..., kept, :], wanted.conf_int(), **close)
    np.testing.assert_allclose(result.pvalues[..., kept], wanted.pvalues, **close)
    every = np.tile(kept, result.params.size // len(kept))
    np.testing.assert_allclose(result.cov_params()[np.ix_(every, every)], wanted.cov_params(), **close)
    for name in ("llf", "llnull", "aic", "bic", "deviance", "llr", "llr_pvalue", "df_resid", "df_model"):
        assert getattr(result, name) == pytest.approx(getattr(wanted, name), rel=1e-6), name
    np.testing.assert_allclose(result.predict(X), wanted.predict(Z), **close)
    assert "Not determined: x3 = 1 Intercept + 1 x1 - 2 x2." in str(result.summary())


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical"])
def test_new_data_that_break_the_combination_are_told_once(likelihood: str) -> None:
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit(X, RESPONSES[likelihood], likelihood=likelihood)
    new = X.copy()
    new[[3, 7], 2] += 0.5
    with pytest.warns(
        mlefast.RankWarning, match="in 2 rows of X the columns do not satisfy x3 = 1 Intercept"
    ) as caught:
        predicted = result.predict(new)
    assert len(caught) == 1 and caught[0].filename == __file__
    np.testing.assert_array_equal(predicted, result.predict(X))


def test_on_rank() -> None:
    y = RESPONSES["bernoulli"]
    with pytest.warns(mlefast.RankWarning) as caught:
        mlefast.fit(X, y)
    for call in (
        lambda: mlefast.fit(X, y, on_rank="raise"),
        lambda: mlefast.fit(X, y * 1.0, likelihood="laplace", on_rank="raise"),
    ):
        with pytest.raises(mlefast.RankError) as raised:
            call()
        assert str(raised.value) == str(caught[0].message) and isinstance(raised.value, mlefast.DataError)
    with pytest.raises(mlefast.OptionError, match="on_rank='ignore' is unknown; possible: warn, raise"):
        mlefast.fit(X, y, on_rank="ignore")


def test_formulas_and_the_command_line(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame(X, columns=["a", "b", "c"]).assign(y=RESPONSES["bernoulli"].astype(int))
    with pytest.raises(mlefast.RankError, match="c = 1 Intercept"):
        mlefast.fit_formula("y ~ a + b + c", table, on_rank="raise")
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit_formula("y ~ a + b + c", table)
    with pytest.warns(mlefast.RankWarning, match="in 200 rows of X"):
        result.predict(table.assign(c=9.0))
    table.to_csv(tmp_path / "table.csv", index=False)
    assert main(["fit", str(tmp_path / "table.csv"), "y ~ a + b + c", "--json"]) == 0
    answer = capsys.readouterr()
    assert "warning: 1 of 4 coefficients" in answer.err
    assert list(json.loads(answer.out)["aliased"]) == ["c"]
    assert main(["fit", str(tmp_path / "table.csv"), "y ~ a + b + c", "--on-rank", "raise"]) == 2
    assert "error: 1 of 4 coefficients" in capsys.readouterr().err
    table.assign(y=table["a"] > 0).to_csv(tmp_path / "table.csv", index=False)
    assert main(["fit", str(tmp_path / "table.csv"), "y ~ a", "--on-separation", "raise"]) == 2
    assert "error: the maximum of the likelihood does not exist: a" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "table.csv"), "y ~ a", "--on-separation", "ignore", "--json"]) == 1
    answer = capsys.readouterr()
    assert not answer.err and json.loads(answer.out)["separation"]["kind"] == "complete"


def test_zero_columns_and_repeated_ones() -> None:
    y = RESPONSES["poisson"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.RankWarning)
        result = mlefast.fit(np.column_stack([Z, np.zeros(200), Z[:, 0], np.full(200, 3.0)]), y, likelihood="poisson")
    assert [str(alias) for alias in result.aliased] == ["x3 = 0", "x4 = 1 x1", "x5 = 3 Intercept"]
    assert result.rank == 3 and result.converged
