# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong is one line and a status."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlefast.cli import main

from .conftest import SLOWLY, assert_one_line, run, run_after


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "nothing.csv", "y ~ x"], "no such file"),
        (["fit", "broken.parquet", "late ~ hour"], "cannot be read as parquet"),
        (["fit", "flights.parquet", "late ~ hours"], "no column 'hours'. Did you mean 'hour'?"),
        (["fit", "flights.parquet", "late ~ hour +"], "cannot be read"),
        (["fit", "flights.parquet", "late ~ carrier2"], "no column"),
        (["fit", "flights.parquet", "hour ~ carrier"], "not two-valued"),
        (["fit", "flights.parquet", "late ~ hour", "--likelihood", "bernouli"], "Did you mean 'bernoulli'"),
        (["fit", "flights.parquet", "late ~ hour", "--output", "none/c.csv"], "not a directory"),
        (["fit", "flights.parquet", "late ~ hour", "--solver", "best"], "'best' is not one of"),
        (["fit", "flights.parquet", "late ~ hour", "--threads", "0"], "0 is not in the range"),
        (["fit", "flights.parquet", "late ~ hour", "--tol", "nan"], "--tol nan must be a positive number"),
        (["fit", "flights.parquet", "late ~ hour", "--weights", "m"], "no column 'm'"),
        (["fit", "flights.parquet", "late ~ hour", "--offset", "carrier"], "carrier"),
        (["fit", "flights.parquet", "late ~ hour", "--output", "c.xlsx"], "unknown kind of file"),
        (["fit", "flights.parquet", "late ~ hour", "--output", "."], ""),
        (["fit", "flights.parquet", "late ~ hour", "--what"], "No such option '--what'"),
        (["fit", "flights.parquet", "late ~ poly(hours, 2)"], "hours"),
        (["fit", "flights.parquet", "late ~ nonsense(hour)"], "nonsense"),
        (["fit", "flights.parquet", "late ~ ."], "cannot be read"),
        (["fit", "flights.parquet", "late + n ~ hour"], "one response"),
        (["fit", "flights.parquet", "~ hour"], "no response"),
        (["fit", "flights.parquet", "late ~ 0"], "nothing to fit"),
        (["fit", "flights.parquet", ""], "no response"),
        (["fit", "", "late ~ hour"], ""),
        (["fit", ".", "late ~ hour"], ""),
        (["fit", "flights.parquet"], "Missing argument 'FORMULA'. See mlefast fit --help."),
        (["fot"], "No such command 'fot'."),
        ([], "Missing command. See mlefast --help."),
    ],
)
def test_bad_input_is_status_2_and_one_line(
    folder: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert_one_line(err)


@pytest.mark.parametrize("arguments", [["fit", "nothing.csv", "y ~ x"], ["fit", "flights.csv", "late ~ x("], ["fot"]])
def test_bad_input_to_a_process(folder: Path, arguments: list[str]) -> None:
    done = run(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr)


def test_remedies_are_options_of_the_command_line(folder: Path) -> None:
    gaps = run(folder, "fit", "missing.parquet", "late ~ hour + n")
    assert_one_line(gaps.stderr)
    assert "Use --missing drop or fill them in." in gaps.stderr
    few = run(folder, "fit", "flights.parquet", "late ~ hour", "--max-iter", "1")
    assert_one_line(few.stderr, "warning: not converged after 1 iteration: ")
    assert few.stderr.endswith("Raise --max-iter.\n")
    small = run(folder, "fit", "flights.parquet", "late ~ hour", "--tol", "1e-300")
    assert small.stderr.endswith("Raise --tol.\n")
    for option in ("--weights", "--offset"):
        text = run(folder, "fit", "flights.parquet", "late ~ hour", option, "carrier")
        assert_one_line(text.stderr, f"error: column 'carrier' ({option[2:]}) holds ")
        assert "fit_formula" not in text.stderr


@pytest.mark.parametrize("package", ["click", "formulaic", "pandas", "pyarrow", "rich"])
def test_a_missing_package_is_named(folder: Path, package: str) -> None:
    done = run_after(folder, f"import sys; sys.modules[{package!r}] = None", "fit", "flights.csv", "late ~ hour")
    assert done.returncode == 2
    assert_one_line(done.stderr)
    assert package in done.stderr
    assert 'pip install "mlefast[cli]"' in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_is_status_130_and_one_line(folder: Path) -> None:
    code = SLOWLY + "import os, signal; after_each_pass(lambda: os.kill(os.getpid(), signal.SIGINT))"
    done = run_after(folder, code, "fit", "flights.csv", "late ~ hour")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "mlefast: interrupted\n")


@pytest.mark.parametrize(
    "error", ["KeyError('boom')", "MemoryError()", "RuntimeError('two\\nlines')", "OSError(5, 'boom')"]
)
def test_no_error_ends_in_a_traceback(folder: Path, error: str) -> None:
    code = f"{SLOWLY}def act(): raise {error}\nafter_each_pass(act)"
    done = run_after(folder, code, "fit", "flights.csv", "late ~ hour")
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr)


def test_warnings_of_others_are_lines_too(folder: Path) -> None:
    code = SLOWLY + "import warnings; after_each_pass(lambda: warnings.warn('odd\\nthing', UserWarning))"
    done = run_after(folder, code, "fit", "flights.csv", "late ~ hour")
    assert done.returncode == 0
    assert_one_line(done.stderr, "warning: odd thing")
