# SPDX-License-Identifier: BSD-3-Clause
"""The command line as a process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mlefast
from mlefast.cli import main


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


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line with every warning an error, which its own must survive."""
    return process(folder, ["-m", "mlefast", *arguments], PYTHONWARNINGS="error", **environment)


def run_after(folder: Path, code: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process where `code` has run first."""
    start = "\nimport sys; from mlefast.cli import main; sys.exit(main(sys.argv[1:]))"
    return process(folder, ["-c", code + start, *arguments], **options)


def process(
    folder: Path, arguments: list[str], stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        stdout=stdout,
        stderr=stderr,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, **environment},
    )


def assert_one_line(complaint: str, kind: str = "error: ") -> None:
    assert complaint.startswith(f"mlefast: {kind}")
    assert complaint.count("\n") == 1
    assert complaint.endswith("\n")


def strictly(text: str) -> Any:
    """JSON as its standard has it: without NaN and infinity, and one value only."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


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


def test_config_and_version(folder: Path) -> None:
    assert "instruction set" in run(folder, "config").stdout
    assert json.loads(run(folder, "config", "--json").stdout)["mlefast"] == mlefast.__version__
    assert mlefast.__version__ in run(folder, "--version").stdout


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


def test_a_link_to_nowhere_is_said_to_be_one(folder: Path) -> None:
    (folder / "link.csv").symlink_to(folder / "gone.csv")
    done = run(folder, "fit", "link.csv", "late ~ hour")
    assert_one_line(done.stderr, "error: link.csv is a link to ")


@pytest.mark.parametrize("wanted", ["avx9", "v4"])
def test_an_instruction_set_that_is_not_there(folder: Path, wanted: str) -> None:
    if wanted in mlefast.show_config().available_instruction_sets:
        pytest.skip("this machine has it")
    script = Path(sysconfig.get_path("scripts")) / "mlefast"
    for command in ([sys.executable, "-m", "mlefast"], [sys.executable, "-mmlefast"], [str(script)]):
        done = subprocess.run(
            [*command, "config"], capture_output=True, text=True, env={**os.environ, "MLEFAST_ISA": wanted}
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert_one_line(done.stderr, f"error: MLEFAST_ISA='{wanted}'")
    imported = process(folder, ["-c", "import mlefast"], MLEFAST_ISA=wanted)
    assert imported.returncode == 1
    assert f"ImportError: MLEFAST_ISA='{wanted}'" in imported.stderr


# ---- what is printed


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


def test_labels_that_are_strings_and_options_that_pass_through(folder: Path) -> None:
    options = ["--solver", "irls", "--threads", "1", "--tol", "1e-9", "--max-iter", "50"]
    found = strictly(run(folder, "fit", "flights.csv", "carrier ~ hour", "--json", *options).stdout)
    assert found["classes"] == ["AA", "UA"]
    assert (found["threads"], found["solver"], found["certificate"]["tol"]) == (1, "irls", 1e-9)


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


def test_help_explains_every_option(folder: Path) -> None:
    done = run(folder, "fit", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in (
        "likelihood",
        "missing",
        "weights",
        "offset",
        "solver",
        "threads",
        "tol",
        "max-iter",
        "json",
        "output",
    ):
        assert re.search(rf"  --{option} .*[a-z]", done.stdout), option
    assert run(folder, "-h").stdout == run(folder, "--help").stdout


def test_main_returns_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mlefast {mlefast.__version__}\n"
    assert main(["fit", "--help"]) == 0
    assert main(["fot"]) == 2


# ---- files


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_every_kind_of_output_has_the_same_table(folder: Path, kind: str) -> None:
    file = folder / f"coefficients.{kind}"
    done = run(folder, "fit", "flights.parquet", "late ~ hour + I(2 * hour)", "--json", "--output", file.name)
    assert done.returncode == 0
    frame = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[kind](file)
    wanted = pd.DataFrame(strictly(done.stdout)["coefficients"])
    assert list(frame.columns) == ["name", "coef", "std_err", "z", "p_value", "lower", "upper"]
    assert list(frame["name"]) == list(wanted["name"])
    np.testing.assert_allclose(
        frame.iloc[:, 1:].astype(float), wanted.iloc[:, 1:].astype(float), rtol=1e-14, atol=1e-15
    )


def test_the_output_may_not_be_the_data(folder: Path) -> None:
    before = (folder / "flights.csv").read_bytes()
    done = run(folder, "fit", "flights.csv", "late ~ hour", "--output", os.path.join(".", "flights.csv"))
    assert done.returncode == 2
    assert_one_line(done.stderr)
    assert "data" in done.stderr
    assert (folder / "flights.csv").read_bytes() == before


def test_bad_input_leaves_no_output_behind(folder: Path) -> None:
    assert run(folder, "fit", "flights.csv", "late ~ hours", "--output", "never.csv").returncode == 2
    assert not (folder / "never.csv").exists()


def test_only_the_columns_of_the_formula_are_read(folder: Path) -> None:
    """A column whose bytes are damaged harms only who reads it."""
    file = folder / "damaged.parquet"
    frame = pd.read_parquet(folder / "flights.parquet").assign(junk=np.random.default_rng(0).random(500))
    frame.to_parquet(file, compression=None)
    group = pq.read_metadata(file).row_group(0)
    junk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "junk")
    start = min(filter(None, (junk.dictionary_page_offset, junk.data_page_offset)))
    data = bytearray(file.read_bytes())
    data[start : start + junk.total_compressed_size] = b"\xff" * junk.total_compressed_size
    file.write_bytes(data)
    assert run(folder, "fit", file.name, "late ~ hour", "--weights", "n").returncode == 0
    done = run(folder, "fit", file.name, "late ~ hour + junk")
    assert done.returncode == 2
    assert_one_line(done.stderr)


def test_tables_separated_by_tabs_and_compressed(folder: Path) -> None:
    frame = pd.read_csv(folder / "flights.csv")
    frame.to_csv(folder / "flights.tsv", sep="\t", index=False)
    frame.to_csv(folder / "flights.csv.gz", index=False)
    found = [
        strictly(run(folder, "fit", f"flights.{kind}", "late ~ hour", "--json").stdout) for kind in ("tsv", "csv.gz")
    ]
    assert found[0]["coefficients"] == found[1]["coefficients"]


# ---- when something goes wrong


@pytest.mark.parametrize("package", ["click", "formulaic", "pandas", "pyarrow", "rich"])
def test_a_missing_package_is_named(folder: Path, package: str) -> None:
    done = run_after(folder, f"import sys; sys.modules[{package!r}] = None", "fit", "flights.csv", "late ~ hour")
    assert done.returncode == 2
    assert_one_line(done.stderr)
    assert package in done.stderr
    assert 'pip install "mlefast[cli]"' in done.stderr


SLOWLY = """
import time, mlefast.formula
fit = mlefast.formula.fit_formula
def after_each_pass(act):
    def slow(*arguments, progress, **options):
        return fit(*arguments, progress=lambda iteration: (act(), progress(iteration)), **options)
    mlefast.formula.fit_formula = slow
"""


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


# ---- progress


def on_a_terminal(folder: Path, code: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """The process, and what it wrote to a terminal as standard error."""
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    done = run_after(
        folder, code, "fit", "flights.csv", "late ~ hour", *arguments, stderr=slave, TERM="xterm", COLUMNS="80"
    )
    end = b"<end>"
    os.write(slave, end)
    shown = b""
    while not shown.endswith(end):
        shown += os.read(master, 65_536)
    os.close(slave)
    os.close(master)
    return done, shown.removesuffix(end).decode()


def test_a_long_fit_reports_its_progress_on_a_terminal(folder: Path) -> None:
    done, shown = on_a_terminal(folder, SLOWLY + "after_each_pass(lambda: time.sleep(0.3))")
    assert done.returncode == 0
    assert done.stdout.lstrip().startswith("Bernoulli")
    assert "\x1b" not in done.stdout
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    lines = re.findall(r"pass (\d+\.\d\d)  NLL (\d+\.\d+)  step (\S+)  (\S+) std errors off the maximum", plain)
    assert len(lines) >= 2, shown
    passes = [float(line[0]) for line in lines]
    assert passes == sorted(passes)
    assert float(lines[-1][3]) < 1e-3
    assert shown.endswith("\x1b[2K")  # the line is wiped at the end


def test_a_short_fit_says_nothing_on_a_terminal(folder: Path) -> None:
    done, shown = on_a_terminal(folder, "")
    assert done.returncode == 0
    assert shown == ""


def test_a_long_fit_says_nothing_in_a_file(folder: Path) -> None:
    done = run_after(folder, SLOWLY + "after_each_pass(lambda: time.sleep(0.3))", "fit", "flights.csv", "late ~ hour")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_warning_comes_after_the_progress_line(folder: Path) -> None:
    done, shown = on_a_terminal(folder, SLOWLY + "after_each_pass(lambda: time.sleep(0.6))", "--max-iter", "1")
    assert done.returncode == 1
    last = shown.replace("\r\n", "\n").split("\x1b[2K")[-1]
    assert_one_line(last, "warning: not converged")
