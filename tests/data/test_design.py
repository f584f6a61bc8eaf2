# SPDX-License-Identifier: BSD-3-Clause
"""X in all the shapes users have it: read in place, names kept, errors that name the column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mlefast
from mlefast import DataError
from mlefast.data import read_design

X = np.random.default_rng(0).standard_normal((200, 3))
Y = np.arange(200) % 3 == 0
NAMES = ("a", "b", "c")
FRAMES = {
    "pandas": lambda: pd.DataFrame(X, columns=list(NAMES)),
    "polars": lambda: pl.DataFrame({name: X[:, j] for j, name in enumerate(NAMES)}),
    "pyarrow": lambda: pa.table({name: X[:, j] for j, name in enumerate(NAMES)}),
}
READ = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">f4", ">f8", ">i4", ">u8"]
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda x: x[::-1, ::-1],
    "strided": lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
    "one row again and again": lambda x: np.broadcast_to(x[:1], x.shape),
}


def values(design) -> np.ndarray:
    return np.hstack([group.astype(np.float64) for group in design.groups])


@given(
    data=st.data(), kind=st.sampled_from(READ), layout=st.sampled_from(sorted(LAYOUTS)), readonly=st.booleans()
)  # fmt: skip
def test_arrays_are_read_where_they_lie(data, kind: str, layout: str, readonly: bool) -> None:
    shape = data.draw(st.tuples(st.integers(1, 7), st.integers(1, 5)))
    x = LAYOUTS[layout](data.draw(hnp.arrays(kind, shape)))
    if readonly:
        x.setflags(write=False)
    design = read_design(x)
    assert (design.rows, design.columns) == shape
    assert design.names == tuple(f"x{j + 1}" for j in range(shape[1]))
    (group,) = design.groups
    assert group is x
    assert np.shares_memory(group, x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", READ)
def test_every_type_and_layout_gives_the_sums_of_its_doubles(kind: str, layout: str) -> None:
    x = LAYOUTS[layout]((X * 3 if np.dtype(kind).kind in "f" else np.abs(X * 3)).astype(kind))
    params = np.array([0.1, 0.2, -0.3, 0.4])
    for got, wanted in zip(
        mlefast.evaluate(x, Y, params), mlefast.evaluate(x.astype(np.float64), Y, params), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-5 if "f4" in kind else 1e-13, atol=1e-4 if "f4" in kind else 0)


def test_arrays_that_are_no_plain_ndarray_are_not_copied(tmp_path) -> None:
    mapped = np.memmap(tmp_path / "x", dtype="f8", mode="w+", shape=X.shape)
    unaligned = np.zeros(5, dtype=[("flag", "i1"), ("x", "f8")])["x"]
    assert not unaligned.flags.aligned
    for x in (mapped, unaligned, X[:, 0], X[:, :1]):
        assert all(np.shares_memory(group, x) for group in read_design(x).groups)


def test_a_single_column() -> None:
    series = pd.Series(X[:, 0], name="hour")
    for x, names in [
        (X[:, 0], ("x1",)),
        (series, ("hour",)),
        (pd.Series(X[:, 0]), ("x1",)),
        (pl.Series("hour", X[:, 0]), ("hour",)),
        (pl.Series(X[:, 0]), ("x1",)),
        (pa.chunked_array([X[:, 0]]), ("x1",)),
        (pa.array(X[:, 0]), ("x1",)),
    ]:
        design = read_design(x)
        assert (design.rows, design.names) == (200, names)
        np.testing.assert_array_equal(values(design)[:, 0], X[:, 0])


def test_lists_and_names() -> None:
    assert read_design([[1, 2], [3, 4]]).rows == 2
    assert read_design(pa.record_batch({"a": [1.0, 2.0]})).names == ("a",)
    assert read_design(X, ["u", "v", "w"]).names == ("u", "v", "w")
    assert read_design(FRAMES["pandas"](), pd.Index(["u", "v", "w"])).names == ("u", "v", "w")


@pytest.mark.parametrize("kind", FRAMES)
def test_frames_give_the_same_fit_and_keep_their_names(kind: str) -> None:
    wanted, result = mlefast.fit(X, Y), mlefast.fit(FRAMES[kind](), Y)
    assert result.names == ("Intercept", *NAMES)
    np.testing.assert_allclose(result.params, wanted.params, rtol=1e-12)
    np.testing.assert_allclose(result.predict(FRAMES[kind]()), wanted.predict(X), rtol=1e-14)


def test_columns_of_frames_are_not_copied() -> None:
    n = np.arange(200)
    polars = pl.DataFrame({"a": X[:, 0].copy(), "n": n, "gap": [None, *X[1:, 1]]}, schema_overrides={"n": pl.Int16})
    arrow = pa.table({"a": X[:, 0], "n": n.astype("u1")})
    pandas = pd.DataFrame({"a": X[:, 0], "n": n, "gap": np.where(Y, np.nan, X[:, 1]), "flag": Y})
    shared = {
        "a": [polars["a"].to_numpy(), pandas["a"].to_numpy(), arrow["a"].chunk(0).to_numpy()],
        "n": [polars["n"].to_numpy(), pandas["n"].to_numpy(), arrow["n"].chunk(0).to_numpy()],
    }
    for place, frame in enumerate((polars, pandas, arrow)):
        design = read_design(frame)
        for name, owners in shared.items():
            group = design.groups[design.names.index(name)]
            assert np.shares_memory(group, owners[place]), (type(frame), name)
            assert group.dtype == owners[place].dtype
    design = read_design(pandas)
    assert np.shares_memory(design.groups[2], pandas["gap"].to_numpy()), "NaN in pandas is a value like others"
    assert np.shares_memory(design.groups[3], pandas["flag"].to_numpy())


def test_columns_with_integers_or_pairs_for_names() -> None:
    """Narwhals takes an integer in brackets for a position: the columns must not change places."""
    frame = pd.DataFrame({2: [10.0, 11.0], 0: [20.0, 21.0], 1: [30.0, 31.0]})
    design = read_design(frame)
    assert design.names == ("2", "0", "1")
    np.testing.assert_array_equal(values(design), frame.to_numpy())
    assert read_design(pd.DataFrame(X)).names == ("0", "1", "2")
    pairs = pd.DataFrame([[1.0, 2.0]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    np.testing.assert_array_equal(values(read_design(pairs)), [[1.0, 2.0]])


NULLABLE = {
    "polars": lambda v, kind: pl.DataFrame({"v": pl.Series(v, dtype={"i": pl.Int16, "b": pl.Boolean, "f": pl.Float32}[kind])}),
    "pyarrow": lambda v, kind: pa.table({"v": pa.chunked_array([v[:1], v[1:]], {"i": pa.int16(), "b": pa.bool_(), "f": pa.float32()}[kind])}),
    "pandas": lambda v, kind: pd.DataFrame({"v": pd.array(v, dtype={"i": "Int16", "b": "boolean", "f": "Float32"}[kind])}),
    "pandas with arrow": lambda v, kind: pd.DataFrame({"v": pd.array(v, dtype={"i": "int16[pyarrow]", "b": "bool[pyarrow]", "f": "float[pyarrow]"}[kind])}),
}  # fmt: skip


@pytest.mark.parametrize("library", NULLABLE)
@pytest.mark.parametrize(
    ("kind", "v", "full", "holed"),
    [
        ("i", [1, -2, 3], np.int16, np.float64),
        ("b", [True, False, True], np.bool_, np.float64),
        ("f", [1.5, 2.5, -3.5], np.float32, np.float32),
    ],
)
def test_types_stay_and_nulls_become_nan(library: str, kind: str, v: list, full: type, holed: type) -> None:
    (group,) = read_design(NULLABLE[library](v, kind)).groups
    assert group.dtype == full
    np.testing.assert_array_equal(group[:, 0], v)
    (group,) = read_design(NULLABLE[library]([v[0], None, v[2]], kind)).groups
    assert group.dtype == holed
    np.testing.assert_array_equal(group[:, 0].astype(float), [v[0], np.nan, v[2]])


def test_large_whole_numbers_keep_their_digits_without_nulls() -> None:
    frame = pl.DataFrame({"n": pl.Series([2**63 + 1, 2**64 - 1], dtype=pl.UInt64)})
    assert read_design(frame).groups[0][:, 0].tolist() == [2**63 + 1, 2**64 - 1]


def test_pieces_of_a_chunked_table_come_in_order() -> None:
    table = pa.concat_tables([pa.table({"a": [1.0, 2.0], "b": [True, False]}), pa.table({"a": [3.0], "b": [True]})])
    np.testing.assert_array_equal(values(read_design(table)), [[1, 1], [2, 0], [3, 1]])


def test_anything_with_an_arrow_stream() -> None:
    class Foreign:
        def __arrow_c_stream__(self, requested_schema=None):
            return FRAMES["pyarrow"]().__arrow_c_stream__(requested_schema)

    design = read_design(Foreign())
    assert design.names == NAMES
    np.testing.assert_array_equal(values(design), X)


def lazy() -> pl.LazyFrame:
    return pl.LazyFrame({"a": [1.0]})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": [1.0], "when": pd.to_datetime(["2013-01-01"])}), "'when' holds Datetime.*such as the hour"),
        (pl.DataFrame({"a": [1.0], "carrier": ["UA"]}), "'carrier' holds String, not numbers; encode it.*fit_formula"),
        (pd.DataFrame({"a": pd.Categorical(["u"])}), "'a' holds Categorical"),
        (pd.DataFrame({"a": [object()]}), r"'a' holds Object.*astype\(float\)"),
        (pa.table({"a": pa.array([1]).cast(pa.decimal128(25, 2))}), "'a' holds Decimal.*Convert it to float64"),
        (pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)}), "'a' holds Int128.*Convert it to float64"),
        (pd.DataFrame({"a": np.zeros(1, np.float16)}), "'a' holds .*(Convert it to float64|encode it)"),
        (pl.DataFrame({"a": [[1.0]]}), "'a' holds List"),
        (pl.DataFrame({"a": [None]}), "'a' holds"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), "'a' more than once"),
        (pd.DataFrame([[1.0, 2.0]], columns=[1, "1"]), "'1' more than once"),
        (pd.DataFrame({"a": []}), "no rows"),
        (pa.table({}), "no rows"),
        (lazy(), r"X is a lazy LazyFrame.*collect\(\)"),
        ("a string", "X has 0 dimensions"),
        ({"a": [1.0]}, "X has 0 dimensions.*data frame"),
        (None, "X has 0 dimensions"),
        ([], "no rows"),
        ([[1.0, 2.0], [3.0]], "X is not rectangular"),
        ([[1.0, None]], r"type object.*astype\(float\)"),
        ([["a", "b"]], "fit_formula"),
        (np.zeros((1, 2, 3)), "3 dimensions"),
        (np.zeros(2, dtype="g"), r"X\.astype\(float\)"),
        (np.zeros(2, dtype="M8[s]"), "datetime64"),
        (np.zeros(2, dtype=[("a", "f8")]), "Encode it"),
        (np.ma.MaskedArray([[1.0, 2.0]], mask=[[False, True]]), r"1 of its entries are masked.*filled\(np.nan\)"),
    ],
)
def test_what_cannot_be_read_is_named(frame: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_design(frame)


def test_a_mask_that_hides_nothing_is_no_matter() -> None:
    np.testing.assert_array_equal(values(read_design(np.ma.MaskedArray(X))), X)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "1 entries, X has 3 columns"),
        (["a", "b", "a"], "'a' more than once"),
        ("abc", "names='abc' is not a list"),
    ],
)
def test_bad_names(names: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_design(X, names)


def test_sparse_matrices_are_refused() -> None:
    import scipy.sparse

    for x in (scipy.sparse.eye(3, format="csr"), scipy.sparse.coo_array(np.eye(3))):
        with pytest.raises(DataError, match="toarray"):
            read_design(x)


def test_reading_frames_leaves_them_as_they_are() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.array([None, True], dtype="boolean")})
    before = frame.copy()
    read_design(frame)
    pd.testing.assert_frame_equal(frame, before)
