# SPDX-License-Identifier: BSD-3-Clause
"""X in all the shapes users have it: read in place, names kept, errors that name the column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast
from mlefast import DataError
from mlefast.data import read_design, read_response

X = np.random.default_rng(0).standard_normal((200, 3))
Y = np.arange(200) % 3 == 0
NAMES = ("a", "b", "c")
FRAMES = {
    "pandas": lambda: pd.DataFrame(X, columns=list(NAMES)),
    "polars": lambda: pl.DataFrame({name: X[:, j] for j, name in enumerate(NAMES)}),
    "pyarrow": lambda: pa.table({name: X[:, j] for j, name in enumerate(NAMES)}),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_give_the_same_fit_and_keep_their_names(kind: str) -> None:
    wanted, result = mlefast.fit(X, Y), mlefast.fit(FRAMES[kind](), Y)
    assert result.names == ("Intercept", *NAMES)
    np.testing.assert_array_equal(result.params, wanted.params)
    np.testing.assert_allclose(result.predict(FRAMES[kind]()), wanted.predict(X), rtol=1e-14)


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_not_copied(order: str) -> None:
    x = np.asarray(X, order=order)
    assert all(np.shares_memory(group, x) for group in read_design(x).groups)
    assert read_design(x).names == ("x1", "x2", "x3")


def test_columns_of_frames_are_not_copied() -> None:
    frame = pl.DataFrame({"a": X[:, 0].copy(), "n": np.arange(200)})
    again = [frame[name].to_numpy() for name in frame.columns]
    groups = read_design(frame).groups
    assert all(np.shares_memory(group, column) for group, column in zip(groups, again, strict=True))
    assert groups[1].dtype == np.int64


def test_types_of_columns() -> None:
    frame = pd.DataFrame(
        {
            "flag": pd.array([True, False] * 100, dtype="boolean"),
            "count": pd.array(np.arange(200), dtype="Int64"),
            "small": np.arange(200, dtype=np.int8),
            "single": X[:, 0].astype(np.float32),
        }
    )
    design = read_design(frame)
    assert [group.dtype.kind for group in design.groups] == ["b", "i", "i", "f"]
    np.testing.assert_allclose(
        mlefast.fit(frame, Y).params, mlefast.fit(frame.astype(float), Y).params, rtol=1e-6, atol=1e-8
    )


def test_nulls_become_nan() -> None:
    frame = pl.DataFrame({"a": [1, None, 3], "b": [True, None, False], "c": [0.5, None, 1.5]})
    for group in read_design(frame).groups:
        np.testing.assert_array_equal(np.isnan(group[:, 0]), [False, True, False])


def test_one_column_and_lists() -> None:
    assert read_design(X[:, 0]).columns == 1
    assert read_design([[1, 2], [3, 4]]).rows == 2
    assert read_design(pa.record_batch({"a": [1.0, 2.0]})).names == ("a",)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [1.0], "when": pd.to_datetime(["2013-01-01"])}), "'when' holds Datetime"),
        (pl.DataFrame({"a": [1.0], "carrier": ["UA"]}), "'carrier' holds String, not numbers; encode it.*fit_formula"),
        (pd.DataFrame({"a": pd.Categorical(["u"])}), "'a' holds Categorical"),
        (pd.DataFrame({"a": [object()]}), "'a' holds Object"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), "two columns"),
        ("a string", "X has"),
    ],
)
def test_what_is_not_numeric_is_named(frame: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_design(frame)


def test_sparse_matrices_are_refused() -> None:
    import scipy.sparse

    with pytest.raises(DataError, match="toarray"):
        read_design(scipy.sparse.eye(3, format="csr"))


@pytest.mark.parametrize("make", [np.array, list, pd.Series, pl.Series, pa.array])
def test_responses(make) -> None:
    for values in ([0, 1, 1], [0.0, 1.0, 1.0], [False, True, True], ["a", "b", "b"]):
        labels, _ = read_response(make(values), 3)
        np.testing.assert_array_equal(labels, values)
    assert read_response(pd.Series([0, 1], name="late"), 2)[1] == "late"


def test_response_with_two_columns() -> None:
    with pytest.raises(DataError, match=r"y has the shape \(3, 2\)"):
        read_response(np.zeros((3, 2)), 3)
    with pytest.raises(DataError, match="y has 2 columns"):
        read_response(pd.DataFrame({"a": [1], "b": [2]}), 1)
