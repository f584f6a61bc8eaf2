# SPDX-License-Identifier: BSD-3-Clause
"""Every program in examples/ runs without a warning and prints a fit that converged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example(path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "yes" in next(line for line in done.stdout.splitlines() if line.startswith("Converged:"))
