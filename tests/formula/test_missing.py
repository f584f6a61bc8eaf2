# SPDX-License-Identifier: BSD-3-Clause
"""Rows of a table that lack a value, in a column, a term, the response, the weights or the offset."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlefast
from mlefast import DataError

from .tables import FRAME, RNG, A, B, N, assert_same_fit, every_table


@every_table
def test_missing_values(convert) -> None:
    frame = FRAME.copy()
    frame.loc[[3, 5], "a"] = np.nan
    frame.loc[9, "k"] = None
    frame.loc[11, "b"] = np.nan  # not in the formula
    frame.loc[20, "y"] = None
    with pytest.raises(DataError, match=r"'y' has 1 missing value \(first rows: 20\); 4 rows in all"):
        mlefast.fit_formula("y ~ a + C(k)", convert(frame))
    with pytest.raises(DataError, match=r"'a' has 2 missing values \(first rows: 3, 5\); 3 rows.*missing=\"drop\""):
        mlefast.fit_formula("late ~ a + C(k)", convert(frame))
    result = mlefast.fit_formula("y ~ a + C(k)", convert(frame), missing="drop")
    assert (result.dropped, result.nobs) == (4, N - 4)
    assert_same_fit(result, mlefast.fit_formula("y ~ a + C(k)", FRAME.drop([3, 5, 9, 20])))
    assert "4 rows were dropped" in str(result.summary())


def test_gaps_in_weights_and_offset_drop_rows_too() -> None:
    frame = FRAME.assign(w=2.0, o=0.1, a=FRAME["a"].where(FRAME.index != 3))
    frame.loc[4, "w"], frame.loc[5, "o"] = np.nan, np.nan
    kept = FRAME.drop([3, 4, 5])
    wanted = mlefast.fit(kept[["a"]], kept["y"], weights=np.full(N - 3, 2.0), offset=np.full(N - 3, 0.1))
    for weights, offset in (("w", "o"), (frame["w"], frame["o"].to_numpy()), (pl.Series(frame["w"]), "o")):
        result = mlefast.fit_formula("y ~ a", frame, weights=weights, offset=offset, missing="drop")
        assert (result.dropped, result.nobs) == (3, 2 * (N - 3))
        assert_same_fit(result, wanted)


@every_table
def test_terms_that_are_not_defined_in_some_rows(convert) -> None:
    frame = FRAME.copy()
    frame.loc[2, "a"] = np.nan
    lost = np.flatnonzero(~(frame["a"] > 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=rf"np.log\(b\).* {np.sum(B <= 0)} (rows|missing values).*first rows: "):
            mlefast.fit_formula("y ~ a + np.log(b)", convert(FRAME))
        result = mlefast.fit_formula("y ~ np.log(a)", convert(frame), missing="drop")
    assert result.dropped == len(lost)
    kept = FRAME.drop(lost)
    assert_same_fit(result, mlefast.fit(np.log(kept["a"].to_numpy()), kept["y"]))


@every_table
def test_categories_that_are_not_defined_in_some_rows_are_not_the_reference(convert) -> None:
    """Zeros in every column of a category would mean its first level."""
    term, kept = "k.where(a > 0)", FRAME[FRAME["a"] > 0]
    with pytest.raises(DataError, match=rf"term k.where\(a > 0\) is not defined in {N - len(kept)} rows"):
        mlefast.fit_formula(f"y ~ {term}", convert(FRAME))
    result = mlefast.fit_formula(f"y ~ {term}", convert(FRAME), missing="drop")
    assert result.dropped == N - len(kept)
    assert_same_fit(result, mlefast.fit_formula("y ~ k", kept))
    np.testing.assert_array_equal(np.isnan(result.predict(convert(FRAME))), FRAME["a"] <= 0)


def test_terms_that_are_infinite_are_named() -> None:
    frame = FRAME.assign(c=FRAME["b"].abs().where(FRAME.index != 5, 0.0))
    with pytest.raises(DataError, match=r"'np.log\(c\)' of X has 1 infinite value \(first rows: 5\)"):
        mlefast.fit_formula("y ~ np.log(c)", frame)
    frame.loc[2, "a"] = np.nan
    with pytest.raises(DataError, match=r"first rows: 4\).*Rows are counted without the 1 that were dropped"):
        mlefast.fit_formula("y ~ a + np.log(c)", frame, missing="drop")


def test_gaps_in_a_computed_response_drop_rows_too() -> None:
    result = mlefast.fit_formula("{(delay > 3) + 0 * np.log(b)} ~ a", FRAME, missing="drop")
    kept = B > 0
    assert (result.dropped, result.nobs) == (np.sum(~kept), np.sum(kept))
    assert_same_fit(result, mlefast.fit(A[kept], FRAME["delay"].to_numpy()[kept] > 3))


def test_nothing_left() -> None:
    for data, formula in ((FRAME.assign(a=np.nan), "y ~ a"), (FRAME, "y ~ np.log(-np.exp(a))")):
        with pytest.raises(DataError, match="every row has a missing value"):
            mlefast.fit_formula(formula, data, missing="drop")


def test_rows_belong_together_by_position_whatever_the_index() -> None:
    wanted = mlefast.fit_formula("y ~ a + C(k) + np.log(1 + abs(b))", FRAME)
    for index in (np.arange(N)[::-1], np.full(N, 7), RNG.permutation(N), pd.date_range("2013-01-01", periods=N)):
        frame = FRAME.set_index(pd.Index(index))
        assert_same_fit(mlefast.fit_formula("y ~ a + C(k) + np.log(1 + abs(b))", frame), wanted)
        gap = frame.assign(a=np.where(np.arange(N) == 8, np.nan, A))
        kept = mlefast.fit_formula("y ~ a + np.log(b)", FRAME.drop(8), missing="drop")
        assert_same_fit(mlefast.fit_formula("y ~ a + np.log(b)", gap, missing="drop"), kept)


@every_table
def test_rows_of_weight_zero_are_absent(convert) -> None:
    """Whatever they lack or hold: their level is none, their label is none."""
    weights = np.arange(N) % 4.0
    off = weights == 0
    frame = FRAME.assign(w=weights, y=FRAME["late"].astype(float))
    wanted = mlefast.fit_formula("y ~ a + k + np.log(c)", frame.assign(c=1 + B**2)[~off], weights="w")
    frame["c"] = np.where(off, -1.0, 1 + B**2)
    frame.loc[off, "a"], frame.loc[off, "k"], frame.loc[off, "y"] = np.nan, "never", 7.0
    result = mlefast.fit_formula("y ~ a + k + np.log(c)", convert(frame), weights="w")
    assert (result.dropped, result.nobs) == (0, weights.sum())
    assert_same_fit(result, wanted)
