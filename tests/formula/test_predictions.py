# SPDX-License-Identifier: BSD-3-Clause
"""Formulas on other tables: predictions, with the transforms, levels and offset of the fit."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import mlefast
from mlefast import DataError, FormulaError

from .tables import FRAME, TABLES, A, B, N, every_table


@pytest.mark.parametrize("term", ["bs(a, df=4)", "poly(a, 2)", "0 + cr(a, df=4)", "center(a) + scale(b)"])
@every_table
def test_transforms_with_a_memory_use_that_of_the_fit_in_predictions(term: str, convert) -> None:
    result = mlefast.fit_formula(f"late ~ {term}", convert(FRAME[["late", "a", "b"]]))
    whole = result.predict(convert(FRAME))
    inside = np.flatnonzero((A > -1) & (A < 1))[:20]
    np.testing.assert_allclose(result.predict(convert(FRAME.iloc[inside])), whole[inside], rtol=1e-9)
    assert result.llf > mlefast.fit_formula("late ~ 1", FRAME).llf


def test_predicts_for_new_tables_and_after_a_pickle() -> None:
    result = pickle.loads(pickle.dumps(mlefast.fit_formula("y ~ a + C(k)", FRAME)))
    some = FRAME.iloc[:7]
    eta = (
        result.params[0]
        + result.params[1] * some["a"]
        + np.select([some["k"] == "v", some["k"] == "w"], result.params[2:], 0.0)
    )
    for convert in TABLES.values():
        np.testing.assert_allclose(result.predict(convert(some)), 1 / (1 + np.exp(-eta)), rtol=1e-12)
    one_level = FRAME[FRAME["k"] == "w"].iloc[:3]
    np.testing.assert_allclose(result.predict(one_level), result.predict(FRAME)[one_level.index], rtol=1e-14)


@every_table
def test_predictions_are_nan_where_a_value_is_missing(convert) -> None:
    result = mlefast.fit_formula("y ~ np.log(b2) + C(k)", FRAME.assign(b2=np.exp(B)))
    new = FRAME.iloc[:6].assign(b2=[1.0, np.nan, 2.0, -1.0, 3.0, 4.0])
    wanted = result.predict(new.assign(b2=[1.0, 1.0, 2.0, 1.0, 3.0, 4.0]))
    wanted[[1, 3]] = np.nan
    np.testing.assert_allclose(result.predict(convert(new)), wanted, rtol=1e-12)
    new["k"] = [None, *new["k"][1:]]
    wanted[0] = np.nan
    np.testing.assert_allclose(result.predict(convert(new)), wanted, rtol=1e-12)
    np.testing.assert_array_equal(result.predict(convert(new.iloc[[1]])), [np.nan])


@every_table
def test_a_level_that_the_fit_has_not_seen(convert) -> None:
    result = mlefast.fit_formula("y ~ a + C(k)", FRAME)
    new = FRAME.iloc[:5].assign(k=["u", "x", "v", "z", "w"], a=[np.nan, 1.0, 1.0, 1.0, 1.0])
    with pytest.raises(DataError, match=r"'k' holds 'x' \(first rows: 1, 3\), which the fit has not seen.*u, v, w"):
        result.predict(convert(new))
    with pytest.raises(FormulaError, match="levels that the formula does not know: {'w'}"):
        mlefast.fit_formula("y ~ C(k, levels=['u', 'v'])", FRAME)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (FRAME[["a"]], FormulaError, "no column 'k'"),
        (FRAME.iloc[:0], DataError, "no rows"),
        ([[1.0, 2.0]], DataError, "data is a list"),
        (FRAME.assign(a="text"), FormulaError, "does not fit the data"),
    ],
    ids=["column", "rows", "list", "type"],
)
def test_tables_that_cannot_be_predicted(data: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mlefast.fit_formula("y ~ a + C(k)", FRAME).predict(data)


@every_table
def test_predictions_take_the_offset_of_the_fit(convert) -> None:
    frame = FRAME.assign(shift=0.5 * B, other=-B)
    result = mlefast.fit_formula("y ~ a", convert(frame), offset="shift")
    eta = result.params[0] + result.params[1] * A
    wanted = 1 / (1 + np.exp(-(eta + 0.5 * B)))
    np.testing.assert_allclose(result.predict(convert(frame)), wanted, rtol=1e-12)
    np.testing.assert_allclose(result.predict(convert(frame), offset="shift"), wanted, rtol=1e-12)
    np.testing.assert_allclose(result.predict(convert(frame), offset="other"), 1 / (1 + np.exp(B - eta)), rtol=1e-12)
    np.testing.assert_allclose(result.predict(convert(frame), offset=np.zeros(N)), 1 / (1 + np.exp(-eta)), rtol=1e-12)
    with pytest.raises(DataError, match="no column 'shift'"):
        result.predict(convert(FRAME))
    loaded = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(loaded.predict(convert(frame)), result.predict(convert(frame)))
