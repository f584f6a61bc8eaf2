# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from itertools import pairwise

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

import mlefast
from mlefast.errors import DataError, FormulaError, OptionError


def flights(n=3000, seed=0):
    """Rows sorted by carrier, so that partitions have different levels."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "hour": rng.uniform(5, 22, n),
            "distance": rng.integers(100, 3000, n),
            "carrier": np.sort(rng.choice(["AA", "B6", "DL", "UA", "WN"], n)),
            "month": rng.integers(1, 5, n),
            "size": pd.Categorical(rng.choice(["small", "large"], n), categories=["small", "large"]),
            "plane": rng.integers(0, 200, n),
            "count": rng.integers(1, 3, n),
        }
    )
    eta = -2 + 0.1 * frame["hour"] + (frame["carrier"] == "B6") - 0.5 * (frame["size"] == "large")
    frame["late"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return frame


def partitioned(frame, edges=(0, 500, 500, 900, 3000)):
    parts = [frame.iloc[first:end] for first, end in pairwise(edges)]
    return dd.from_map(lambda number: parts[number], range(len(parts)), meta=frame.iloc[:0])


FORMULAS = [
    "late ~ hour + C(carrier)",
    "late ~ carrier * hour + np.log(distance)",
    "late ~ 0 + C(month) + size",
    "late ~ C(carrier, contr.sum) + C(month, contr.treatment(3)):hour",
    "I(late > 0) ~ I(hour**2)",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_know_the_levels_of_all_partitions(scheduler, same_numbers, formula) -> None:
    frame = flights()
    found, wanted = mlefast.fit_formula(formula, partitioned(frame)), mlefast.fit_formula(formula, frame)
    same_numbers(found, wanted)
    new = frame.iloc[::100]
    np.testing.assert_allclose(found.predict(new), wanted.predict(new), rtol=1e-12)


def test_a_formula_with_gaps_weights_offset_and_clusters(scheduler, same_numbers) -> None:
    frame = flights()
    frame.loc[[3, 700], "carrier"] = None
    frame.loc[[4, 2999], "hour"] = np.nan
    frame.loc[:9, "count"] = 0
    frame.loc[20, "distance"] = -5
    frame["shift"] = np.linspace(-0.1, 0.1, len(frame))
    options = {"weights": "count", "offset": "shift", "groups": "plane", "missing": "drop"}
    formula = "late ~ hour + carrier + np.log(distance)"
    found, wanted = (mlefast.fit_formula(formula, table, **options) for table in (partitioned(frame), frame))
    same_numbers(found, wanted)
    assert found.dropped == 3  # what has no weight is absent, not dropped
    assert found.clusters == wanted.clusters


def test_classes_are_those_of_all_partitions(scheduler, same_numbers) -> None:
    frame = flights()
    found, wanted = (
        mlefast.fit_formula("carrier ~ hour", table, likelihood="categorical", on_separation="raise")
        for table in (partitioned(frame, (0, 1500, 3000)), frame)
    )
    same_numbers(found, wanted)
    assert list(found.classes) == ["AA", "B6", "DL", "UA", "WN"]


def test_frames_without_a_formula(scheduler, same_numbers) -> None:
    frame = flights()
    columns = ["hour", "distance", "month"]
    table = partitioned(frame)
    found = mlefast.fit(table[columns], table["late"], weights=table["count"], groups=table["plane"])
    wanted = mlefast.fit(frame[columns], frame["late"], weights=frame["count"], groups=frame["plane"])
    same_numbers(found, wanted)
    assert found.names == ("Intercept", *columns)


def test_files_stay_on_the_workers(client, same_numbers, tmp_path) -> None:
    frame = flights()
    partitioned(frame).to_parquet(tmp_path / "flights", write_index=False)
    found = mlefast.fit_formula("late ~ hour + carrier", dd.read_parquet(tmp_path / "flights"))
    same_numbers(found, mlefast.fit_formula("late ~ hour + carrier", frame))


def test_what_needs_all_rows_is_refused() -> None:
    table = partitioned(flights())
    for formula in ("late ~ scale(hour)", "late ~ bs(hour, df=4)", "late ~ I(hour - hour.mean())"):
        with pytest.raises(FormulaError, match="depends on all rows at once"):
            mlefast.fit_formula(formula, table)
    with pytest.raises(FormulaError, match="makes categories of something that is computed"):
        mlefast.fit_formula("late ~ C(hour > 9)", table)
    with pytest.raises(OptionError, match="weights: for a Dask data frame it must be the name of a column"):
        mlefast.fit_formula("late ~ hour", table, weights=np.ones(3000))


def test_missing_values_are_named_by_their_rows(scheduler) -> None:
    frame = flights()
    frame.loc[[600, 2000], "hour"] = np.nan
    with pytest.raises(DataError, match=r"column 'hour' has 2 missing values \(first rows: 600, 2000\)"):
        mlefast.fit_formula("late ~ hour", partitioned(frame))
    frame = flights()
    frame.loc[901, "distance"] = -1
    with pytest.raises(DataError, match=r"partition 3 of data: the term np.log\(distance\) is not defined in 1 row"):
        mlefast.fit_formula("late ~ np.log(distance)", partitioned(frame))


def test_a_partition_with_other_columns_is_named(scheduler) -> None:
    frame = flights()[["hour", "distance"]]
    parts = [frame, frame.rename(columns={"distance": "length"})]
    table = dd.from_map(lambda number: parts[number], [0, 1], meta=frame.iloc[:0], enforce_metadata=False)
    with pytest.raises(DataError, match="partition 1 of X has the columns hour, length; partition 0 has hour, dist"):
        mlefast.fit(table, np.ones(6000))
    words = [frame, frame.assign(hour="noon")]
    table = dd.from_map(lambda number: words[number], [0, 1], meta=frame.iloc[:0], enforce_metadata=False)
    with pytest.raises(DataError, match="partition 1 of X: column 'hour' holds String, not numbers"):
        mlefast.fit(table, np.ones(6000))


def test_a_partition_that_fails_is_named(scheduler) -> None:
    def make(number):
        if number == 2:
            raise OSError("disk 7 is gone")
        return flights(1000)

    table = dd.from_map(make, range(4), meta=flights(1).iloc[:0])
    with pytest.raises(DataError, match="partition 2 of X cannot be made: OSError: disk 7 is gone"):
        mlefast.fit(table[["hour"]], np.ones(4000))
    with pytest.raises(DataError, match="partition 2 of data cannot be made: OSError: disk 7 is gone"):
        mlefast.fit_formula("late ~ hour", table)


def test_lengths_that_differ_and_other_collections() -> None:
    X = da.ones((10, 2), chunks=5)
    with pytest.raises(DataError, match="y has 9 rows, X has 10"):
        mlefast.fit(X, np.ones(9))
    with pytest.raises(DataError, match="X has 3 dimensions"):
        mlefast.fit(da.ones((10, 2, 2)), np.ones(10))
    with pytest.raises(DataError, match="X has no rows"):
        mlefast.fit(da.ones((0, 2)), np.ones(0))
