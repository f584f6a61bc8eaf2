# SPDX-License-Identifier: BSD-3-Clause
"""The command line as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlefast


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"hour": rng.integers(5, 24, 500), "carrier": rng.choice(["AA", "UA"], 500)})
    frame["late"] = rng.random(500) < 1 / (1 + np.exp(2 - 0.1 * frame["hour"]))
    frame["n"] = 1.0
    frame.to_parquet(path / "flights.parquet")
    frame.to_csv(path / "flights.csv", index=False)
    frame.assign(early=frame["hour"] < 12).to_parquet(path / "separated.parquet")
    frame.loc[3, "n"] = np.nan
    frame.to_parquet(path / "missing.parquet")
    (path / "broken.parquet").write_bytes((path / "flights.parquet").read_bytes()[:200])
    return path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mlefast", *arguments], capture_output=True, text=True, cwd=folder)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nothing.csv", "y ~ x"], "no such file"),
        (["fit", "broken.parquet", "late ~ hour"], "cannot be read as parquet"),
        (["fit", "flights.parquet", "late ~ hours"], "no column 'hours'. Did you mean hour?"),
        (["fit", "flights.parquet", "late ~ hour +"], "cannot be read"),
        (["fit", "flights.parquet", "late ~ carrier2"], "no column"),
        (["fit", "flights.parquet", "hour ~ carrier"], "not two-valued"),
        (["fit", "flights.parquet", "late ~ hour", "--likelihood", "bernouli"], "Did you mean 'bernoulli'"),
        (["fit", "flights.parquet", "late ~ hour", "--output", "none/c.csv"], "not a directory"),
        (["fit", "flights.parquet", "late ~ hour", "--solver", "best"], "'best' is not one of"),
        (["fit", "flights.parquet", "late ~ hour", "--threads", "0"], "0 is not in the range"),
        (["fit", "flights.parquet"], "Missing argument"),
        (["fot"], "No such command"),
    ],
)
def test_bad_input_is_status_2_and_no_traceback(folder: Path, arguments: list[str], message: str) -> None:
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_config_and_version(folder: Path) -> None:
    assert "instruction set" in run(folder, "config").stdout
    assert json.loads(run(folder, "config", "--json").stdout)["mlefast"] == mlefast.__version__
    assert mlefast.__version__ in run(folder, "--version").stdout


@pytest.mark.parametrize("package", ["click", "formulaic", "pyarrow"])
def test_a_missing_package_is_named(folder: Path, package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from mlefast.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "fit", "flights.csv", "late ~ hour"], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_long_fit_reports_its_progress_on_a_terminal() -> None:
    import pty

    code = (
        "import mlefast.cli as cli; from mlefast.solvers import Iteration; cli._PATIENCE = 0.0\n"
        "with cli._ProgressLine() as line: line.update(Iteration(2.5, 1234.5, 0.25, 3.5))"
    )
    master, slave = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stderr=slave, stdout=subprocess.PIPE, text=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert done.stdout == ""
    assert "pass 2.50" in shown, shown
    assert "NLL 1234.5" in shown
    assert "step 0.25" in shown
    assert "3.5 std errors" in shown
