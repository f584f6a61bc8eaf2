# SPDX-License-Identifier: BSD-3-Clause
"""The command line as a process, and tables for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


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


SLOWLY = """
import time, mlefast.formula
fit = mlefast.formula.fit_formula
def after_each_pass(act):
    def slow(*arguments, progress, **options):
        return fit(*arguments, progress=lambda iteration: (act(), progress(iteration)), **options)
    mlefast.formula.fit_formula = slow
"""
