# SPDX-License-Identifier: BSD-3-Clause
"""`mlefast fit`: the numbers of Python, and what its options do."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import mlefast

from .conftest import run, strictly


@pytest.mark.parametrize("name", ["flights.parquet", "flights.csv"])
def test_the_summary_goes_to_standard_output(folder: Path, name: str) -> None:
    done = run(folder, "fit", name, "late ~ hour + C(carrier)", "--likelihood", "bernoulli")
    assert (done.returncode, done.stderr) == (0, "")
    assert "C(carrier)[T.UA]" in done.stdout
    assert "Maximum exists:              yes, proved" in done.stdout


def test_json_has_the_numbers_of_python(folder: Path) -> None:
    done = run(folder, "fit", "flights.parquet", "late ~ hour", "--json", "--threads", "1", "--solver", "lbfgs")
    found = json.loads(done.stdout)
    wanted = mlefast.fit_formula("late ~ hour", pd.read_parquet(folder / "flights.parquet"), solver="lbfgs")
    assert [row["coef"] for row in found["coefficients"]] == wanted.params.tolist()
    assert found["llf"] == wanted.llf
    assert (found["threads"], found["solver"], found["converged"]) == (1, "lbfgs", True)
    assert found["certificate"]["met"] is True
    assert found["separation"]["verdict"] == "exists"


def test_output_file(folder: Path) -> None:
    assert run(folder, "fit", "flights.parquet", "late ~ hour", "--output", "c.csv").returncode == 0
    assert list(pd.read_csv(folder / "c.csv")["name"]) == ["Intercept", "hour"]


def test_weights_offset_and_missing(folder: Path) -> None:
    options = ["fit", "missing.parquet", "late ~ hour", "--weights", "n", "--offset", "n"]
    refused = run(folder, *options)
    assert refused.returncode == 2
    assert "missing" in refused.stderr
    done = run(folder, *options, "--missing", "drop", "--json")
    assert json.loads(done.stdout)["dropped"] == 1


def test_not_converged_is_status_1(folder: Path) -> None:
    done = run(folder, "fit", "flights.parquet", "late ~ hour", "--max-iter", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("mlefast: warning: not converged")
    separated = run(folder, "fit", "separated.parquet", "early ~ hour", "--json")
    assert separated.returncode == 1
    assert json.loads(separated.stdout)["separation"]["verdict"] == "separated"


def test_labels_that_are_strings_and_options_that_pass_through(folder: Path) -> None:
    options = ["--solver", "irls", "--threads", "1", "--tol", "1e-9", "--max-iter", "50"]
    found = strictly(run(folder, "fit", "flights.csv", "carrier ~ hour", "--json", *options).stdout)
    assert found["classes"] == ["AA", "UA"]
    assert (found["threads"], found["solver"], found["certificate"]["tol"]) == (1, "irls", 1e-9)
