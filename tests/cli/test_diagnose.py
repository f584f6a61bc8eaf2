# SPDX-License-Identifier: BSD-3-Clause
"""`mlefast fit --diagnose`: what `mlefast.diagnose` says of the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mlefast
from mlefast.diagnostics import Diagnostics
from mlefast.interchange import encode

from .conftest import assert_one_line, run, strictly


def assert_found(printed: dict[str, Any], wanted: Diagnostics) -> None:
    """Every number of the diagnostics, under its name."""
    assert printed.keys() == vars(wanted).keys()
    for name, value in vars(wanted).items():
        assert printed[name] == encode(vars(value) if name in ("calibration", "influential") and value else value), name


def test_it_follows_the_summary(folder: Path) -> None:
    formula = "late ~ hour + C(carrier)"
    done = run(folder, "fit", "flights.parquet", formula, "--diagnose", "--threads", "1")
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_parquet(folder / "flights.parquet")
    summary, found = done.stdout.split("\n\nDeviance ")
    assert "Maximum exists:              yes, proved" in summary
    wanted = mlefast.diagnose(mlefast.fit_formula(formula, table), table, table["late"])
    assert f"Deviance {found}" == f"{wanted}\n"


def test_json_has_it_under_a_name_of_its_own(folder: Path) -> None:
    done = run(folder, "fit", "flights.parquet", "late ~ hour", "--diagnose", "--json")
    table = pd.read_parquet(folder / "flights.parquet")
    result = mlefast.fit_formula("late ~ hour", table)
    assert_found(strictly(done.stdout)["diagnostics"], mlefast.diagnose(result, table, table["late"]))
    assert mlefast.Result.from_json(done.stdout).params.tolist() == result.params.tolist()


def test_of_a_computed_response_with_weights_exposure_and_rows_that_are_dropped(folder: Path) -> None:
    table = pd.read_parquet(folder / "missing.parquet")
    rng = np.random.default_rng(3)
    table["count"], table["w"], table["days"] = rng.poisson(2.0, 500), rng.integers(0, 3, 500), rng.uniform(1, 9, 500)
    table["n"] += 0.1 * rng.random(500)
    table.loc[7, "count"] = np.nan
    table.to_csv(folder / "counts.csv", index=False)
    options = ["--likelihood", "poisson", "--weights", "w", "--exposure", "days", "--missing", "drop", "--diagnose"]
    done = run(folder, "fit", "counts.csv", "I(2 * count) ~ hour + n", *options, "--json")
    assert done.stderr == ""
    kept = table[table[["count", "n"]].notna().all(axis=1)]
    result = mlefast.fit_formula("I(2 * count) ~ hour + n", kept, likelihood="poisson", weights="w", exposure="days")
    printed = strictly(done.stdout)["diagnostics"]
    mean = kept["days"] * np.exp(result.params[0] + kept[["hour", "n"]].to_numpy() @ result.params[1:])
    pearson = float((kept["w"] * (2 * kept["count"] - mean) ** 2 / mean).sum())  # from its definition
    np.testing.assert_allclose(printed["pearson_chi2"], pearson, rtol=1e-9)
    assert set(printed["influential"]["rows"]) <= set(kept.index)  # rows of the file, whatever was dropped


def test_a_condition_of_a_missing_value_is_missing(folder: Path) -> None:
    """NaN > 0.5 is False in pandas, which would make the row one of the fit."""
    done = run(folder, "fit", "missing.parquet", "I(n * hour > 12) ~ C(carrier)", "--missing", "drop", "--diagnose")
    assert (done.returncode, done.stderr) == (0, "")
    assert "No. Observations:               499" in done.stdout
    assert "Brier score" in done.stdout


def test_what_has_no_residuals_is_said_before_the_fit(folder: Path) -> None:
    done = run(folder, "fit", "nothing.csv", "hour ~ n", "--likelihood", "laplace", "--diagnose")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "error: --diagnose is not for --likelihood laplace")


def test_without_a_maximum_the_summary_is_printed_all_the_same(folder: Path) -> None:
    done = run(folder, "fit", "separated.parquet", "early ~ hour", "--diagnose")
    assert done.returncode == 2
    assert "complete separation" in done.stdout
    warning, error = done.stderr.splitlines(keepends=True)
    assert_one_line(warning, "warning: the maximum of the likelihood does not exist")
    assert_one_line(error, "error: residuals and what follows from them")
    assert "Fit with --firth, or without" in error
    assert run(folder, "fit", "separated.parquet", "early ~ hour", "--diagnose", "--firth").returncode == 0
