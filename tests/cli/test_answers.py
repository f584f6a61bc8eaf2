# SPDX-License-Identifier: BSD-3-Clause
"""What `mlefast fit` prints: all of the result as JSON, on any terminal, disk or pipe."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlefast

from .conftest import assert_one_line, process, run, strictly


def test_json_has_everything_of_the_result(folder: Path) -> None:
    done = run(folder, "fit", "flights.csv", "late ~ hour + C(carrier)", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = strictly(done.stdout)
    wanted = mlefast.fit_formula("late ~ hour + C(carrier)", pd.read_csv(folder / "flights.csv"))
    for name in ("llf", "llnull", "aic", "bic", "deviance", "null_deviance", "prsquared", "llr", "llr_pvalue"):
        assert found[name] == pytest.approx(getattr(wanted, name), rel=1e-12), name
    for name in ("likelihood", "link", "formula", "response", "rank", "df_model", "df_resid", "nobs", "dropped"):
        assert found[name] == getattr(wanted, name), name
    for name in ("intercept", "iterations", "passes", "solver", "solver_reason", "threads", "isa", "covariance_type"):
        assert found[name] == getattr(wanted, name), name
    assert found["classes"] == [False, True]
    assert found["seconds"] > 0
    assert found["aliased"] == {}
    assert found["certificate"].keys() == {
        "distance",
        "decrement",
        "gradient",
        "worst",
        "met",
        "tol",
        "gap",
        "rounding",
    }
    assert found["separation"] == {
        "verdict": "exists",
        "margin": wanted.separation.margin,
        "columns": [],
        "direction": None,
        "kind": "",
        "rows": 0,
        "limit": None,
    }
    table = {name: [row[name] for row in found["coefficients"]] for name in found["coefficients"][0]}
    assert table["name"] == list(wanted.names)
    for name, values in (("coef", wanted.params), ("std_err", wanted.bse), ("z", wanted.tvalues)):
        np.testing.assert_allclose(table[name], values, rtol=1e-9)
    np.testing.assert_allclose(table["p_value"], wanted.pvalues, rtol=1e-7)
    np.testing.assert_allclose(np.c_[table["lower"], table["upper"]], wanted.conf_int(), rtol=1e-9)


def test_json_has_null_where_there_is_no_number(folder: Path) -> None:
    done = run(folder, "fit", "flights.csv", "late ~ hour + I(2 * hour)", "--json")
    found = strictly(done.stdout)
    assert_one_line(done.stderr, "warning: ")
    assert found["coefficients"][2] == {
        "name": "I(2 * hour)", "coef": None, "std_err": None, "z": None, "p_value": None, "lower": None, "upper": None
    }  # fmt: skip
    assert found["aliased"]["I(2 * hour)"]["hour"] == pytest.approx(2.0)
    alone = strictly(run(folder, "fit", "flights.csv", "late ~ 1", "--json").stdout)
    assert alone["llr_pvalue"] is None


def test_json_of_a_fit_without_a_maximum_names_the_direction(folder: Path) -> None:
    done = run(folder, "fit", "separated.parquet", "early ~ hour", "--json")
    assert_one_line(done.stderr, "warning: the maximum of the likelihood does not exist")
    separation = strictly(done.stdout)["separation"]
    assert "hour" in separation["columns"]
    assert separation["direction"][1] < 0  # early flights have small hours


def test_a_terminal_that_cannot_show_a_name_shows_an_escape(folder: Path) -> None:
    pd.DataFrame({"température": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]}).to_csv(folder / "e.csv", index=False)
    done = run(folder, "fit", "e.csv", "y ~ température", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"temp\xe9rature" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_said_in_one_line(folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = process(folder, ["-m", "mlefast", "fit", "flights.csv", "late ~ hour"], stdout=full.fileno())
    assert done.returncode == 2
    assert_one_line(done.stderr, "error: standard output cannot be written: No space left")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_coefficients_that_cannot_be_written_do_not_cost_the_summary(folder: Path) -> None:
    (folder / "full.csv").symlink_to("/dev/full")
    done = run(folder, "fit", "flights.csv", "late ~ hour", "--output", "full.csv")
    assert done.returncode == 2
    assert_one_line(done.stderr)
    assert "Maximum exists:" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_has_gone_is_no_error(folder: Path) -> None:
    for options, status in (([], 0), (["--max-iter", "0"], 1)):
        reader, writer = os.pipe()
        os.close(reader)
        done = process(folder, ["-m", "mlefast", "fit", "flights.csv", "late ~ hour", *options], stdout=writer)
        os.close(writer)
        assert done.returncode == status
        assert "roken" not in done.stderr
