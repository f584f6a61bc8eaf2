# SPDX-License-Identifier: BSD-3-Clause
"""What may be wrong with a formula or its table, and which words say so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlefast
from mlefast import DataError, FormulaError, OptionError, RankWarning

from .tables import FRAME, RNG, A, K, N, every_table


def test_a_level_without_rows_is_named() -> None:
    data = FRAME.assign(k=pd.Categorical(K, categories=["u", "v", "w", "x"]))
    with pytest.warns(RankWarning, match=r"k\[T.x\] = 0"):
        mlefast.fit_formula("y ~ k", data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "ww"}, r"no column 'ww'. Did you mean 'w'"),
        ({"offset": "nothing"}, "no column 'nothing'. It has: a, b"),
        ({"weights": "k"}, r"column 'k' \(weights\) holds '[uvw]'; it must hold numbers"),
        ({"weights": np.ones(5)}, "weights has 5 rows"),
        ({"offset": np.ones(5)}, "offset has 5 rows"),
        ({"weights": 2.0}, r"weights has the shape \(\)"),
        ({"weights": -np.ones(N)}, "600 negative values"),
        ({"offset": np.where(np.arange(N) == 7, np.inf, 0)}, r"offset has 1 infinite value \(first rows: 7\)"),
        ({"offset": np.where(np.arange(N) == 7, np.nan, 0)}, r"offset has 1 missing value \(first rows: 7\)"),
    ],
)
def test_bad_weights_and_offsets(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula("y ~ a", FRAME.assign(w=1.0), **options)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ a +", "cannot be read"),
        ("y ~ (a", "cannot be read"),
        ("y ~ .", "'.' for all other columns is not supported"),
        ("", "has no response"),
        ("a + b", "has no response"),
        ("~ a", "has no response"),
        ("1 ~ a", "names no column"),
        ("y + a ~ b", "one response"),
        ("y ~ a | b", "one response"),
        ("y ~ aa", r"no column 'aa'. Did you mean 'a'"),
        ("late ~ np.log(delays)", r"no column 'delays'. Did you mean 'delay'"),
        ("nothing ~ a", "no column 'nothing'. It has: a, b"),
        ("y ~ nosuch(a)", r"calls nosuch\(\), a function that formulas do not know"),
        ("y ~ logg(a)", r"calls logg\(\).*Did you mean 'log'"),
        ("y ~ when", "'when' holds dates or times"),
        ("C(y) ~ a", "makes 2 columns"),
        (None, "cannot be read"),
    ],
)
def test_bad_formulas(formula: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message) as caught:
        mlefast.fit_formula(formula, FRAME.assign(when=pd.Timestamp("2013-01-01")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (A, "data is a ndarray"),
        ([1, 2], "data is a list"),
        (None, "data is a NoneType"),
        ("flights.csv", r"flights\.csv: no such file"),
        (pl.LazyFrame({"y": [0, 1], "a": [1, 2]}), r"lazy LazyFrame.*collect\(\)"),
        ({"y": [0, 1], "a": [1]}, "dict that does not make a table"),
        ({"y": 1, "a": 2}, "dict that does not make a table"),
        (FRAME.iloc[:0], "no rows"),
        (pd.concat([FRAME, FRAME[["a"]]], axis=1), "'a' more than once"),
    ],
    ids=["array", "list", "None", "path", "lazy", "ragged", "scalars", "empty", "twice"],
)
def test_bad_tables(data: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula("y ~ a", data)


def test_bad_options_and_labels() -> None:
    with pytest.raises(OptionError, match="missing"):
        mlefast.fit_formula("y ~ a", FRAME, missing="skip")
    with pytest.raises(DataError, match="holds 3 labels"):
        mlefast.fit_formula("k ~ a", FRAME)


@every_table
def test_a_few_words_among_numbers_are_named(convert) -> None:
    """Such a column would become a category with a level for every number."""
    text = FRAME["b"].round(6).astype(str)
    text[[7, 9]] = ["oops", "n.a."]
    with pytest.raises(DataError, match=r"'b' is text.*'n.a.', 'oops' in 2 rows \(first rows: 7, 9\).*write C\(b\)"):
        mlefast.fit_formula("y ~ a + b", convert(FRAME.assign(b=text)))


def test_codes_that_look_like_numbers_are_categories() -> None:
    codes = np.where(K == "u", "1", np.where(K == "v", "2", "unknown"))
    hours = RNG.integers(0, 24, N).astype(str)
    result = mlefast.fit_formula("y ~ code + C(hour)", FRAME.assign(code=codes, hour=np.where(A > 2, "none", hours)))
    assert result.names[1:3] == ("code[T.2]", "code[T.unknown]")
    assert mlefast.fit_formula("y ~ hour", FRAME.assign(hour=hours)).rank == 24


@every_table
@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("delay ~ a", {}, r"^column 'delay' \(y\) is not two-valued"),
        ("y ~ a", {"weights": "w"}, r"^column 'w' \(weights\) has 600 negative values"),
        ("y ~ a", {"weights": "gap"}, r"^column 'gap' \(weights\) has 1 missing value \(first rows: 3\)"),
        ("y ~ a", {"offset": "huge"}, r"^column 'huge' \(offset\) has 1 infinite value \(first rows: 5\)"),
        ("y ~ a", {"offset": "k"}, r"^column 'k' \(offset\) holds '[uvw]'; it must hold numbers"),
    ],
)
def test_messages_name_the_column(convert, formula: str, options: dict[str, str], message: str) -> None:
    gap, huge = np.ones(N), np.zeros(N)
    gap[3], huge[5] = np.nan, np.inf
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula(formula, convert(FRAME.assign(w=-1.0, gap=gap, huge=huge)), **options)
