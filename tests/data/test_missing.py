# SPDX-License-Identifier: BSD-3-Clause
"""Missing and infinite values: found wherever they are, and told in one sentence."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mlefast
from mlefast import DataError
from mlefast.data import MemoryDesign, missing_rows, read_design, require_finite, require_finite_vector
from mlefast.data import design as designs
from mlefast.data import missing as module

NUMBERS = st.sampled_from([0.0, 1.5, -2.0, 1e150, 1e308, -2e150, np.nan, np.inf, -np.inf])
TABLES = hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 6)), elements=NUMBERS)


def plain(design: MemoryDesign) -> np.ndarray:
    return np.hstack([group.astype(float) for group in design.groups])


def in_groups(x: np.ndarray, cut: int) -> MemoryDesign:
    """The same columns in two groups of different order and type, with whole numbers between them."""
    whole = np.arange(len(x)).reshape(-1, 1)
    groups = (np.asfortranarray(x[:, :cut]), whole, x[:, cut:].astype(">f8"))
    return MemoryDesign(groups, len(x), x.shape[1] + 1)


@given(x=TABLES, cut=st.integers(0, 6), block=st.integers(1, 30))
def test_missing_rows_are_those_with_a_nan(x: np.ndarray, cut: int, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(designs, "_SEARCHED_ELEMENTS", block)
        np.testing.assert_array_equal(missing_rows(in_groups(x, cut)), [any(v != v for v in row) for row in x])


@given(x=TABLES, cut=st.integers(0, 6), block=st.integers(1, 30), drop=st.booleans())
def test_the_first_bad_column_is_described(x: np.ndarray, cut: int, block: int, drop: bool) -> None:
    design = in_groups(x, cut)
    absent = missing_rows(design) if drop else None
    table = plain(design)
    if drop:
        table[absent] = 0.0
    bad = ~(np.abs(table) <= 1e150)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK_ELEMENTS", block)
        if not bad.any():
            require_finite(design, absent)
            return
        with pytest.raises(DataError) as caught:
            require_finite(design, absent)
    message = str(caught.value)
    column = np.flatnonzero(bad.any(axis=0))[0]
    rows, gaps = np.flatnonzero(bad[:, column]), int(np.isnan(table[:, column]).sum())
    infinite = int(np.isinf(table[:, column]).sum())
    huge = len(rows) - gaps - infinite
    assert message.startswith(f"column 'x{column + 1}' of X has ")
    assert f"(first rows: {', '.join(map(str, rows[:5]))})" in message
    assert (f"{gaps} missing value" in message) == (gaps > 0)
    assert (f"{infinite} infinite value" in message) == (infinite > 0)
    assert (re.search(rf"{huge} values? beyond 1e\+150", message) is not None) == (huge > 0)
    others = np.count_nonzero(bad.any(axis=0)) - 1
    assert ("Also affected" in message) == (others > 0)
    assert not others or f"Also affected: {others} other column" in message
    assert ('missing="drop"' in message) == (gaps > 0)


def test_vectors_count_too() -> None:
    design = read_design(np.zeros((5, 1)))
    labels = np.array(["a", None, "b", np.nan, "a"], dtype=object)
    weights = np.array([1, np.nan, 1, 1, 1], dtype=">f4")
    assert missing_rows(design, labels, None, weights, np.arange(5)).tolist() == [False, True, False, True, False]
    assert missing_rows(design, np.array(["nan"] * 5), np.ones(5, bool)).tolist() == [False] * 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, 2.0], r'offset has 1 missing value \(NaN\) \(first rows: 1\). Use missing="drop" or fill'),
        ([np.inf, -np.inf, 2.0], r"offset has 2 infinite values \(first rows: 0, 1\). Remove or cap them"),
        ([np.inf, np.nan, 2.0], r"1 missing value \(NaN\) and 1 infinite value \(first rows: 0, 1\). Use .* cap the"),
    ],
)
@pytest.mark.parametrize("kind", ["f4", "f8", ">f8"])
def test_vectors_that_are_not_finite(values: list[float], message: str, kind: str) -> None:
    with pytest.raises(DataError, match=message):
        require_finite_vector(np.array(values, dtype=kind), "offset")


@pytest.mark.parametrize(
    "values",
    [
        np.full(3, 1e150),
        np.full(3, 3e38, np.float32),
        np.array(["nan"]),
        np.zeros(0),
        None,
    ],
)
def test_finite_vectors_pass_even_if_their_sum_overflows(values: np.ndarray | None) -> None:
    require_finite_vector(values, "offset")


def test_only_five_rows_are_shown() -> None:
    with pytest.raises(DataError, match=r"\(first rows: 0, 1, 2, 3, 4\)"):
        require_finite(read_design(np.full((50, 1), np.nan)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_search_needs_little_memory(order: str) -> None:
    x = np.zeros((20_000, 100), order=order)
    x[19_999, 99] = np.nan
    design = read_design(x)
    tracemalloc.start()
    try:
        assert np.flatnonzero(missing_rows(design)).tolist() == [19_999]
        with pytest.raises(DataError, match="'x100'"):
            require_finite(design)
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 4
    finally:
        tracemalloc.stop()


def test_rows_are_dropped_wherever_the_gap_is() -> None:
    rng = np.random.default_rng(3)
    x = pd.DataFrame({"a": rng.standard_normal(300), "n": pd.array(rng.integers(0, 9, 300), dtype="Int64")})
    y = (rng.random(300) < 0.4).astype(float)
    weights, offset = rng.integers(1, 4, 300).astype(float), rng.standard_normal(300)
    kept = np.setdiff1d(np.arange(300), [1, 50, 99, 200, 201])
    wanted = mlefast.fit(x.iloc[kept], y[kept], weights=weights[kept], offset=offset[kept])
    x.loc[1, "a"], x.loc[50, "n"], y[99], weights[200], offset[201] = np.nan, pd.NA, np.nan, np.nan, np.nan
    result = mlefast.fit(x, y, weights=weights, offset=offset, missing="drop")
    assert (result.dropped, result.nobs) == (5, wanted.nobs)
    np.testing.assert_allclose(result.params, wanted.params, rtol=1e-9)
    np.testing.assert_allclose(result.bse, wanted.bse, rtol=1e-9)
    with pytest.raises(DataError, match=r"y has 1 missing value \(NaN\) \(first rows: 99\)"):
        mlefast.fit(x, y, weights=weights, offset=offset)


def test_infinity_is_not_missing() -> None:
    x = np.zeros((20, 2))
    x[:, 0] = np.arange(20)
    x[4, 1], x[7, 1] = np.nan, np.inf
    with pytest.raises(DataError, match=r"'x2' of X has 1 infinite value \(first rows: 7\)"):
        mlefast.fit(x, np.arange(20) % 2, missing="drop")
