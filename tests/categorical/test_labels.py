# SPDX-License-Identifier: BSD-3-Clause
"""Labels of every kind as classes, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlefast
from mlefast.likelihoods import Categorical

NAMES = np.array(["d", "a", "c", "b"])


def problem():
    rng = np.random.default_rng(1)
    return rng.standard_normal((400, 2)), rng.integers(0, 4, 400)


def fit(x, y, **options):
    return mlefast.fit(x, y, likelihood="categorical", **options)


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: NAMES[y],
        lambda y: NAMES[y].tolist(),
        lambda y: NAMES[y].astype(object),
        lambda y: pd.Series(NAMES[y]),
        lambda y: pd.Series(NAMES[y]).astype("category"),
        lambda y: pl.Series(NAMES[y]),
        lambda y: pl.Series(NAMES[y], dtype=pl.Categorical),
    ],
)
def test_text_is_sorted(labels) -> None:
    x, y = problem()
    result = fit(x, labels(y))
    assert result.classes.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(result.params, fit(x, np.array([3, 0, 2, 1])[y]).params)


@pytest.mark.parametrize("kind", ["i1", "u1", ">i4", "i8", "u8", "f4", "f8"])
def test_numbers_are_sorted(kind: str) -> None:
    x, y = problem()
    values = np.array([7, 2, 100, 5]).astype(kind)
    result = fit(x, values[y])
    assert result.classes.tolist() == [2, 5, 7, 100]
    np.testing.assert_array_equal(result.params, fit(x, np.array([2, 0, 3, 1])[y]).params)


def test_fractions_huge_numbers_and_booleans() -> None:
    x, y = problem()
    assert fit(x, np.array([0.5, -1.25, 3.0, 2.0])[y]).classes.tolist() == [-1.25, 0.5, 2.0, 3.0]
    assert fit(x, np.array([10**12, -(10**12), 0, 3])[y]).classes.tolist() == [-(10**12), 0, 3, 10**12]
    assert fit(x, y > 1).classes.tolist() == [False, True]


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: pd.Series(pd.Categorical(NAMES[y], categories=["c", "a", "unseen", "d", "b"])),
        lambda y: pd.Series(pd.Categorical(NAMES[y], categories=["c", "a", "unseen", "d", "b"], ordered=True)),
        lambda y: pd.Categorical(NAMES[y], categories=["c", "a", "unseen", "d", "b"]),
        lambda y: pl.Series(NAMES[y], dtype=pl.Enum(["c", "a", "unseen", "d", "b"])),
    ],
)
def test_declared_levels_give_the_order(labels) -> None:
    x, y = problem()
    with pytest.warns(mlefast.LabelWarning, match="never occur .'unseen'.") as caught:
        result = fit(x, labels(y))
    assert caught[0].filename == __file__
    assert result.classes.tolist() == ["c", "a", "d", "b"]
    np.testing.assert_array_equal(result.params, fit(x, np.array([2, 1, 0, 3])[y]).params)


def test_a_class_that_occurs_only_in_absent_rows_is_none() -> None:
    x, y = problem()
    weights = (y != 2).astype(float)
    assert fit(x, y, weights=weights).classes.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(20_000), "has one value only (0.0)"),
        (["a"] * 20_000, "has one value only (a)"),
        (np.arange(20_000), "20000 different values, more than the 10000 classes"),
        (np.arange(20_000) + 0.5, "20000 different values"),
        (np.array([*"ab" * 9_999, 1, "c"], dtype=object), "mixes labels of different types"),
        ([*"ab" * 9_999, None, "c"], "1 missing labels (first rows: 19998)"),
    ],
)
def test_refuses_what_are_no_classes(labels, message: str) -> None:
    with pytest.raises(mlefast.DataError, match=re.escape(message)):
        fit(np.arange(20_000.0), labels)


def test_too_many_parameters_are_refused_before_memory_is() -> None:
    with pytest.raises(mlefast.DataError, match=r"2000 classes with 13 parameters each make 25987"):
        fit(np.ones((4000, 12)), np.arange(4000) % 2000)


def test_terms_and_their_errors() -> None:
    nll, d1, d2 = Categorical().terms([[0.0, np.log(2.0)]], [2])
    np.testing.assert_allclose(nll, [np.log(2.0)])
    np.testing.assert_allclose(d1, [[0.25, -0.5]])
    np.testing.assert_allclose(d2, [[[0.1875, -0.125], [-0.125, 0.25]]])
    for eta, y in (([0.0], [0]), ([[0.0]], [0, 1]), (np.empty((2, 0)), [0, 0])):
        with pytest.raises(mlefast.DataError, match="shape"):
            Categorical().terms(eta, y)
    with pytest.raises(mlefast.DataError, match="codes 0 to 2"):
        Categorical().terms([[0.0, 1.0]], [3])
