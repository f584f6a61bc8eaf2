# SPDX-License-Identifier: BSD-3-Clause
"""What a terminal shows of a fit that takes long."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from .conftest import SLOWLY, assert_one_line, run_after


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
