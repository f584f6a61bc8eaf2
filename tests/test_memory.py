# SPDX-License-Identifier: BSD-3-Clause
"""What a fit takes beside its rows, as the system counts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MEMORY = Path(__file__).parent.parent / "benchmarks" / "memory.py"


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of a process are Linux's")
@pytest.mark.parametrize(("dtype", "megabytes"), [("float64", 80.0), ("float32", 40.0)])
def test_a_fit_takes_little_beside_its_rows(dtype: str, megabytes: float) -> None:
    """Less than a tenth of them; a copy would be all of them."""
    command = [sys.executable, str(MEMORY), "500000", "20", dtype]
    peak = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak < megabytes / 10.0
