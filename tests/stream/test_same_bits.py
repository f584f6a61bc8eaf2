# SPDX-License-Identifier: BSD-3-Clause
"""A stream gives the bits of the table that it holds: every likelihood, width, cut and number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlefast

from .conftest import make_table

FIELDS = ("params", "covariance", "llf", "llnull", "deviance", "nobs", "dropped", "names", "fingerprint")


def assert_same(streamed: mlefast.Result, whole: mlefast.Result) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(streamed, name), getattr(whole, name), err_msg=name)
    assert streamed.certificate.distance == whole.certificate.distance
    assert streamed.separation.margin == whole.separation.margin or np.isnan(whole.separation.margin)
    assert np.array_equal(streamed.classes, whole.classes)
    assert streamed.passes > whole.passes + 0.99, "the first reading counts"


CASES = {
    "bernoulli": ("late ~ x + single + carrier", {}),
    "labels": ("answer ~ x + C(k)", {}),
    "computed": ("late ~ x * carrier + np.log(k) + flag", {}),
    "contrasts": ("late ~ 0 + C(carrier, contr.sum) + x", {}),
    "condition": ("I(size > 0) ~ x + k", {}),
    "probit": ("late ~ x + k", {"likelihood": mlefast.Bernoulli(link="probit"), "covariance": "expected"}),
    "poisson": ("claims ~ x + carrier", {"likelihood": "poisson", "offset": "known", "exposure": "positive"}),
    "gaussian": ("size ~ x + k", {"likelihood": "gaussian", "weights": "count"}),
    "gamma": ("positive ~ x + flag", {"likelihood": "gamma"}),
    "negative binomial": ("claims ~ x", {"likelihood": "negative_binomial"}),
    "categorical": ("gate ~ x + k", {"likelihood": "categorical", "weights": "count"}),
    "laplace": ("size ~ x + k", {"likelihood": "laplace"}),
    "quantile": (
        "size ~ x + carrier",
        {"likelihood": mlefast.Laplace(0.9), "covariance": "kernel", "weights": "count"},
    ),
    "firth of classes": ("gate ~ x", {"likelihood": "categorical", "penalty": mlefast.Firth()}),
    "HC0": ("late ~ x + k", {"covariance": "HC0"}),
    "HC3": ("late ~ x + k", {"covariance": "HC3"}),
    "clusters": ("late ~ x + k", {"groups": ["cluster", "carrier"]}),
    "survey": ("late ~ x + k", {"weights": "count", "weight_kind": "sampling"}),
    "ridge": ("late ~ x + k", {"penalty": mlefast.Ridge(3.0)}),
    "firth": ("late ~ x + k", {"penalty": mlefast.Firth()}),
    "lbfgs": ("late ~ x + k + carrier", {"solver": "lbfgs"}),
    "aliased": ("late ~ x + I(2 * x) + k", {"on_rank": "warn"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::mlefast.RankWarning")
def test_every_kind_of_fit(case: str, table: pa.Table, path: Path) -> None:
    formula, options = CASES[case]
    assert_same(mlefast.fit_formula(formula, path, **options), mlefast.fit_formula(formula, table, **options))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("group", [1_000, 4_097, 50_000])
def test_row_groups_and_threads_do_not_matter(threads: int, group: int, table: pa.Table, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=group)
    formula = "late ~ x + carrier + np.exp(single)"
    streamed = mlefast.fit_formula(formula, tmp_path / "a.parquet", threads=threads)
    assert_same(streamed, mlefast.fit_formula(formula, table, threads=3 - threads))


@pytest.mark.parametrize(("rows", "wide"), [(20_000, 70), (34_000, 70), (66_561, 260)])
def test_wide_designs(rows: int, wide: int, tmp_path: Path) -> None:
    """One Hessian for all threads: where the blocks are few, or in any case, also by single precision on the way."""
    table = make_table(rows, wide)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=7_777)
    formula = "late ~ " + " + ".join(f"w{j}" for j in range(wide))
    assert_same(mlefast.fit_formula(formula, tmp_path / "a.parquet"), mlefast.fit_formula(formula, table))


def test_little_memory_is_enough(table: pa.Table, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, and vectors in files."""
    from mlefast.data import stream, survey

    monkeypatch.setattr(stream, "_SAMPLES", 0)
    monkeypatch.setattr(survey, "_VECTORS", 100)
    streamed = mlefast.fit_formula("late ~ x + carrier", path, memory=500_000, weights="count", groups="cluster")
    assert_same(streamed, mlefast.fit_formula("late ~ x + carrier", table, weights="count", groups="cluster"))


@pytest.mark.parametrize("missing", ["carrier", "late", "x", "count", "known"])
def test_missing_rows_are_dropped_as_in_memory(missing: str, table: pa.Table, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    gone = rng.random(len(table)) < 0.01
    place = table.schema.get_field_index(missing)
    holes = pa.array(np.where(gone, None, table[missing].to_numpy()), table[missing].type, from_pandas=True)
    holed = table.set_column(place, missing, holes)
    pq.write_table(holed, tmp_path / "a.parquet", row_group_size=5_000)
    formula, options = "late ~ x + carrier + np.log(single)", {"weights": "count", "offset": "known"}
    streamed = mlefast.fit_formula(formula, tmp_path / "a.parquet", missing="drop", **options)
    assert_same(streamed, mlefast.fit_formula(formula, holed, missing="drop", **options))
    with pytest.raises(mlefast.DataError) as of_memory:
        mlefast.fit_formula(formula, holed, **options)
    with pytest.raises(mlefast.DataError) as of_stream:
        mlefast.fit_formula(formula, tmp_path / "a.parquet", **options)
    assert str(of_stream.value).split("; ")[1] == str(of_memory.value).split("; ")[1]
    assert f"column {missing!r}" in str(of_stream.value)


def test_levels_that_come_last(tmp_path: Path) -> None:
    table = make_table(70_000)
    rare = pa.array(["z"] * 69_990 + ["a"] * 4 + ["m"] * 6)
    table = table.set_column(table.schema.get_field_index("carrier"), "carrier", rare)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10_000)
    streamed = mlefast.fit_formula("late ~ x + carrier", tmp_path / "a.parquet", on_separation="ignore")
    assert streamed.names == ("Intercept", "x", "carrier[T.m]", "carrier[T.z]")
    assert_same(streamed, mlefast.fit_formula("late ~ x + carrier", table, on_separation="ignore"))


def test_separated_labels_have_the_same_limit(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x, group = rng.standard_normal(70_000), rng.integers(0, 50, 70_000)
    late = (rng.random(70_000) < 1 / (1 + np.exp(-x))) | (group == 7)
    table = pa.table({"late": late, "x": x, "rare": (group == 7).astype(float)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=11_111)
    streamed, whole = (
        mlefast.fit_formula("late ~ x + rare", data, on_separation="ignore") for data in (tmp_path / "a.parquet", table)
    )
    assert streamed.separation.verdict == "separated" and streamed.params[2] == np.inf
    assert_same(streamed, whole)


def test_functions_of_python(table: pa.Table, path: Path) -> None:
    def exponential(eta, y):
        risk = y * np.exp(-eta)
        return eta + risk, 1 - risk, risk

    family = mlefast.UserLikelihood(exponential, name="exponential", mean=np.exp)
    streamed, whole = (mlefast.fit_formula("positive ~ x + k", data, likelihood=family) for data in (path, table))
    assert_same(streamed, whole)


def test_results_of_streams_predict(table: pa.Table, path: Path) -> None:
    result = mlefast.fit_formula("late ~ x + carrier + np.log(k)", path)
    again = mlefast.fit_formula("late ~ x + carrier + np.log(k)", table)
    np.testing.assert_array_equal(result.predict(table), again.predict(table))


def test_a_memmap_is_read_where_it_lies(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5_000, 4))
    x.tofile(tmp_path / "x.bin")
    y = rng.random(5_000) < 0.4
    mapped = np.memmap(tmp_path / "x.bin", np.float64, "r", shape=(5_000, 4))
    np.testing.assert_array_equal(mlefast.fit(mapped, y).params, mlefast.fit(x, y).params)
