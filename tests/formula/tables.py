# SPDX-License-Identifier: BSD-3-Clause
"""A table of every kind, and when two fits are the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast

N = 600
RNG = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "a": RNG.standard_normal(N),
        "b": RNG.standard_normal(N),
        "k": RNG.choice(["u", "v", "w"], N),
        "hour of day": RNG.integers(0, 24, N),
        "flag": RNG.random(N) < 0.3,
    }
)
FRAME["y"] = np.where(RNG.random(N) < 1 / (1 + np.exp(-FRAME["a"])), "yes", "no")
FRAME["late"] = FRAME["y"] == "yes"
FRAME["delay"] = 10 * RNG.standard_normal(N) + 5 * FRAME["a"]
A, B, K = (FRAME[name].to_numpy() for name in "abk")
TABLES = {
    "pandas": lambda frame: frame,
    "pandas with nullable types": lambda frame: frame.convert_dtypes(),
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "dict of lists": lambda frame: frame.to_dict("list"),
    "dict of arrays": lambda frame: {name: frame[name].to_numpy() for name in frame},
}
every_table = pytest.mark.parametrize("convert", TABLES.values(), ids=TABLES)


def assert_same_fit(result: mlefast.Result, wanted: mlefast.Result) -> None:
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-5 * wanted.bse.min())
    np.testing.assert_allclose(result.bse, wanted.bse, rtol=1e-6)
    np.testing.assert_allclose(result.llf, wanted.llf, rtol=1e-12)
