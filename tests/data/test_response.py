# SPDX-License-Identifier: BSD-3-Clause
"""What comes with one value per row: labels of every kind, weights, an offset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast
from mlefast import DataError
from mlefast.data import read_response, read_vector, read_weights

KINDS = {
    "array": np.array,
    "list": list,
    "tuple": tuple,
    "pandas": pd.Series,
    "pandas array": pd.array,
    "pandas index": pd.Index,
    "polars": pl.Series,
    "arrow": pa.array,
    "arrow chunks": lambda v: pa.chunked_array([v[:1], v[1:]]),
    "one column of pandas": lambda v: pd.DataFrame({"late": v}),
    "one column of polars": lambda v: pl.DataFrame({"late": v}),
}
LABELS = {"integers": [0, 1, 1], "floats": [0.0, 1.0, 1.0], "booleans": [False, True, True], "strings": ["a", "b", "b"]}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("kind", KINDS)
def test_labels_come_as_they_are(kind: str, labels: str) -> None:
    got = read_response(KINDS[kind](LABELS[labels]), 3).values
    np.testing.assert_array_equal(got, LABELS[labels])
    assert got.shape == (3,)
    if labels != "strings":
        assert got.dtype.kind == np.array(LABELS[labels]).dtype.kind


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(pd.Categorical(["no", None, "yes"], categories=["yes", "no"])),
        pd.Series(["no", None, "yes"], dtype="string"),
        pd.Series(["no", None, "yes"]),
        np.array(["no", pd.NA, "yes"], dtype=object),
        np.array(["no", None, "yes"], dtype=object),
        np.array(["no", None, "yes"], dtype=np.dtypes.StringDType(na_object=None)),
        pl.Series(["no", None, "yes"], dtype=pl.Enum(["yes", "no"])),
        pl.Series(["no", None, "yes"], dtype=pl.Categorical),
        pl.Series(["no", None, "yes"]),
        pa.array(["no", None, "yes"]),
        pa.array(["no", None, "yes"]).dictionary_encode(),
        pa.chunked_array([["no"], [None, "yes"]]),
        ["no", None, "yes"],
    ],
    ids=lambda v: f"{type(v).__module__.split('.')[0]} {getattr(v, 'dtype', '')}",
)
def test_missing_labels_are_none_in_every_kind(labels: object) -> None:
    assert read_response(labels, 3)[0].tolist() == ["no", None, "yes"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_labels_are_named_or_dropped(missing: object) -> None:
    x = np.random.default_rng(0).standard_normal((40, 1))
    y = np.array(["no", "yes"] * 20, dtype=object)
    y[[3, 8]] = missing
    with pytest.raises(DataError, match=r"y has 2 missing labels \(first rows: 3, 8\)"):
        mlefast.fit(x, y)
    kept = [i for i in range(40) if i not in (3, 8)]
    result = mlefast.fit(x, y, missing="drop")
    assert result.dropped == 2
    np.testing.assert_allclose(result.params, mlefast.fit(x[kept], y[kept]).params, rtol=1e-10)


def test_the_users_labels_are_not_changed() -> None:
    y = np.array(["no", pd.NA, "yes"], dtype=object)
    read_response(y, 3)
    assert y[1] is pd.NA


@pytest.mark.parametrize("kind", ["Int64", "boolean", "Float32"])
def test_numbers_with_nulls_become_nan(kind: str) -> None:
    np.testing.assert_array_equal(read_response(pd.Series([1, None, 0], dtype=kind), 3)[0], [1.0, np.nan, 0.0])


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (np.array([0, 1]), "y"),
        ([0, 1], "y"),
        (pd.Series([0, 1]), "y"),
        (pd.Series([0, 1], name="late"), "late"),
        (pd.Series([0, 1], name=0), "0"),
        (pd.Series([0, 1], name=""), "y"),
        (pd.Series(["u", "v"], name="late"), "late"),
        (pd.DataFrame({"late": [0, 1]}), "late"),
        (pd.DataFrame({"name": [0, 1]}), "name"),
        (pd.DataFrame({5: [0, 1]}), "5"),
        (pd.Index([0, 1], name="late"), "late"),
        (pl.Series([0, 1]), "y"),
        (pl.Series("late", [0, 1]), "late"),
        (pl.DataFrame({"late": [0, 1]}), "late"),
        (pa.table({"late": [0, 1]}), "late"),
        (pa.array([0, 1]), "y"),
    ],
)
def test_the_name_of_the_response(y: object, name: str) -> None:
    assert read_response(y, 2).name == (name if name != "y" else "")


@pytest.mark.parametrize("kind", ["?", "i1", "u2", "i8", "f4", "f8", ">f8", ">i2"])
def test_numbers_are_not_copied(kind: str) -> None:
    values = np.ones(12, dtype=kind)
    views = [values, values[::2], values[::-1], values.reshape(12, 1)]
    if kind[0] != ">":
        views += [pd.Series(values), pl.Series(values)] if kind != "?" else [pd.Series(values)]
    for y in views:
        owner = y if isinstance(y, np.ndarray) else y.to_numpy()
        assert np.shares_memory(read_response(y, len(y))[0], owner)
        assert np.shares_memory(read_vector(y, "offset", len(y)).values, owner)
        assert np.shares_memory(read_weights(y, len(y)).values, owner)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((3, 2)), r"y has the shape \(3, 2\)"),
        (pd.DataFrame({"a": [1, 2, 3], "b": [2, 3, 4]}), "y has 2 columns; it must have one"),
        ([[1], [1, 2], [3]], "y is not rectangular"),
        (1.0, r"y has the shape \(\)"),
        (None, r"y has the shape \(\)"),
        (np.zeros(2), "y has 2 rows, X has 3"),
        (["a"] * 4, "y has 4 rows, X has 3"),
        (np.zeros(3, dtype="g"), r"y\.astype\(float\)"),
        (np.zeros(3, dtype="e"), r"y\.astype\(float\)"),
        (np.zeros(3, dtype=complex), "Complex"),
        (np.zeros(3, dtype="M8[s]"), "datetime64"),
        (pd.Series(pd.to_datetime(["2013-01-01"] * 3)), "^y holds Datetime"),
        (pl.Series([[0.0], [1.0], [1.0]]), "^y holds List"),
        (pa.chunked_array([pa.array([0, 1, 1]).cast(pa.decimal128(25, 2))]), "^y holds Decimal.*float64"),
        (np.ma.MaskedArray([1, 0, 1], mask=[0, 1, 0]), "y is a masked array, and 1 of its entries"),
        (pl.LazyFrame({"a": [1, 0, 1]}), r"y is a lazy LazyFrame.*collect\(\)"),
    ],
)  # fmt: skip
def test_what_is_no_response(y: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_response(y, 3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "weights has 2 rows, X has 3"),
        (1.0, r"weights has the shape \(\)"),
        (["1", "2", "3"], "must hold numbers"),
        ([1.0, None, 2.0], "weights holds None; it must hold numbers. Convert"),
        ([1, -1, -2], r"2 negative values \(first rows: 1, 2\)"),
        ([1, -1, 2], r"1 negative value \("),
        ([0, 0, 0], "all weights are zero"),
        (pd.Series(["a", "b", "c"]), "must hold numbers"),
        (np.ma.MaskedArray([1.0, 0.0, 1.0], mask=[0, 1, 0]), "weights is a masked array"),
    ],
)
def test_what_are_no_weights(weights: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_weights(weights, 3)


def test_missing_weights_pass_for_dropping() -> None:
    for weights in ([1.0, np.nan, 2.0], pd.Series([1, None, 2], dtype="Int64"), pl.Series([1, None, 2])):
        np.testing.assert_array_equal(read_weights(weights, 3).values, [1.0, np.nan, 2.0])


def test_an_index_is_not_an_order() -> None:
    """Rows belong together by position, whatever the index of a series says."""
    backwards = pd.Series([0, 1, 1], index=[2, 1, 0])
    assert read_response(backwards, 3)[0].tolist() == [0, 1, 1]
