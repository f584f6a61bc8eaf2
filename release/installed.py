# SPDX-License-Identifier: BSD-3-Clause
"""Try the mlefast that this Python has installed: its command, its core, and fits on each instruction set.

What is tried is what users have: run this from any folder, with the packages of the group `installed`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import mlefast
from mlefast import _core

TESTS = Path(__file__).resolve().parent.parent / "tests"
# Tests of whole fits that need no optional package: solvers, likelihoods, proofs, certified digits
FITS = [
    "accuracy/test_nist.py",
    "likelihoods/test_counts.py",
    "likelihoods/test_gamma.py",
    "likelihoods/test_links.py",
    "likelihoods/test_student.py",
    "quantile/test_optimum.py",
    "test_few_passes.py",
    "test_solvers.py",
]


def run(*arguments: str, isa: str | None = None) -> None:
    """Run a module of Python in an empty folder; its failure ends this program."""
    environment = {**os.environ, **({"MLEFAST_ISA": isa} if isa else {})}
    print("+", *([f"MLEFAST_ISA={isa}"] if isa else []), "python -m", *arguments, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-m", *arguments], cwd=folder, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def pytest(*tests: str, isa: str | None = None) -> None:
    """Run tests without the slow ones."""
    paths = [str(TESTS / test) for test in tests]
    settings = ["--config-file", str(TESTS.parent / "pyproject.toml"), "-p", "no:cacheprovider"]
    run("pytest", *settings, "-q", "-m", "not slow", *paths, isa=isa)


def main() -> None:
    """The tests of the core go through all instruction sets by themselves; those of fits use the one in force."""
    if TESTS.parent / "src" in Path(mlefast.__file__).resolve().parents:
        raise SystemExit(f"{mlefast.__file__} is not an installed package")
    run("mlefast", "config")
    pytest("core")
    for isa in _core.available_isas():
        pytest(*FITS, isa=isa)


if __name__ == "__main__":
    main()
