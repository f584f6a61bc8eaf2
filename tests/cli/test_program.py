# SPDX-License-Identifier: BSD-3-Clause
"""The program: its commands, its help, and what it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import mlefast
from mlefast.cli import main

from .conftest import assert_one_line, process, run


def test_config_and_version(folder: Path) -> None:
    assert "instruction set" in run(folder, "config").stdout
    assert json.loads(run(folder, "config", "--json").stdout)["mlefast"] == mlefast.__version__
    assert mlefast.__version__ in run(folder, "--version").stdout


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
