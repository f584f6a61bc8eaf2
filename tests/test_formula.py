# SPDX-License-Identifier: BSD-3-Clause
"""Formulas: the same numbers as the columns written out, on every kind of table."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast
from mlefast import DataError, FormulaError, OptionError
from mlefast.formula import required_columns

N = 600
RNG = np.random.default_rng(4)
FRAME = pd.DataFrame({"a": RNG.standard_normal(N), "b": RNG.standard_normal(N), "k": RNG.choice(["u", "v", "w"], N)})
FRAME["y"] = np.where(RNG.random(N) < 1 / (1 + np.exp(-FRAME["a"])), "yes", "no")


@pytest.mark.parametrize("convert", [lambda f: f, pl.from_pandas, pa.Table.from_pandas, lambda f: f.to_dict("list")])
def test_is_the_fit_of_the_columns_written_out(convert) -> None:
    result = mlefast.fit_formula("y ~ a * b + C(k)", convert(FRAME))
    a, b, k = FRAME["a"].to_numpy(), FRAME["b"].to_numpy(), FRAME["k"].to_numpy()
    wanted = mlefast.fit(np.column_stack([a, b, k == "v", k == "w", a * b]), FRAME["y"])
    assert result.names == ("Intercept", "a", "b", "C(k)[T.v]", "C(k)[T.w]", "a:b")
    np.testing.assert_allclose(result.params, wanted.params, atol=2e-6)
    assert (result.response, result.formula, list(result.classes)) == ("y", "y ~ a * b + C(k)", ["no", "yes"])


def test_predicts_for_new_tables_and_after_a_pickle() -> None:
    result = pickle.loads(pickle.dumps(mlefast.fit_formula("y ~ a + C(k)", FRAME)))
    some = FRAME.iloc[:7]
    eta = (
        result.params[0]
        + result.params[1] * some["a"]
        + np.select([some["k"] == "v", some["k"] == "w"], result.params[2:], 0.0)
    )
    np.testing.assert_allclose(result.predict(some), 1 / (1 + np.exp(-eta)), rtol=1e-12)
    np.testing.assert_allclose(result.predict(pl.from_pandas(some)), result.predict(some), rtol=1e-15)
    with pytest.raises(DataError, match="no column 'k'"):
        result.predict(some[["a"]])


def test_without_intercept() -> None:
    result = mlefast.fit_formula("y ~ 0 + a + b", FRAME)
    np.testing.assert_allclose(
        result.params, mlefast.fit(FRAME[["a", "b"]].to_numpy(), FRAME["y"], intercept=False).params, atol=1e-6
    )


def test_weights_and_offset_by_name() -> None:
    frame = FRAME.assign(w=np.arange(N) % 3, o=0.1)
    named = mlefast.fit_formula("y ~ a", frame, weights="w", offset="o")
    given = mlefast.fit(FRAME[["a"]].to_numpy(), FRAME["y"], weights=np.arange(N) % 3, offset=np.full(N, 0.1))
    np.testing.assert_allclose(named.params, given.params, atol=1e-7)
    with pytest.raises(DataError, match="no column 'ww'. Did you mean w"):
        mlefast.fit_formula("y ~ a", frame, weights="ww")


@pytest.mark.parametrize("convert", [lambda f: f, pl.from_pandas, pa.Table.from_pandas])
def test_missing_values(convert) -> None:
    frame = FRAME.copy()
    frame.loc[[3, 5], "a"] = np.nan
    frame.loc[9, "k"] = None
    frame.loc[11, "b"] = np.nan  # not in the formula
    with pytest.raises(DataError, match=r"'a' has 2 missing values \(first rows: 3, 5\); 3 rows"):
        mlefast.fit_formula("y ~ a + C(k)", convert(frame))
    result = mlefast.fit_formula("y ~ a + C(k)", convert(frame), missing="drop")
    assert (result.dropped, result.nobs) == (3, N - 3)
    wanted = mlefast.fit_formula("y ~ a + C(k)", FRAME.drop([3, 5, 9]))
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-12)
    assert "3 rows were dropped" in str(result.summary())


def test_required_columns() -> None:
    assert required_columns("y ~ a*b + C(k) + np.log(z)") == ["y", "a", "b", "k", "z"]


@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("y ~ a +", FormulaError, "cannot be read"),
        ("a + b", FormulaError, "has no response"),
        ("y ~ aa", DataError, "no column 'aa'. Did you mean a"),
        ("y ~ nosuch(a)", DataError, "no column 'nosuch'"),
        ("y + a ~ b", FormulaError, "one response"),
        ("k ~ a", DataError, "holds 3 labels"),
    ],
)
def test_bad_formulas(formula: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mlefast.fit_formula(formula, FRAME)


def test_bad_options() -> None:
    with pytest.raises(OptionError, match="missing"):
        mlefast.fit_formula("y ~ a", FRAME, missing="skip")
