# SPDX-License-Identifier: BSD-3-Clause
"""Run bench_numpy.py in a process of its own and collect its medians, with the memory that a fit takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from cases import DTYPES, SHAPES
from memory import in_child

HERE = Path(__file__).parent


def measure() -> list[dict[str, Any]]:
    """A row per case and question: milliseconds of mlefast and of NumPy, accuracy, passes, megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", str(HERE / "bench_numpy.py"), "-q", "-o", f"pythonpath={HERE}"]
        subprocess.run([*command, f"--benchmark-json={path}"], check=True, stdout=sys.stderr)
        runs = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    rows: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for run in runs:
        info = run["extra_info"]
        row = rows[info["what"], info["case"]]
        row.update(what=info["what"], case=info["case"])
        row[info["who"]] = 1e3 * run["stats"]["median"]
        row.update({key: info[key] for key in ("accuracy", "passes") if key in info})
    for shape in SHAPES:
        for dtype in DTYPES:
            row = rows["fit", f"{shape[0]:,} x {shape[1]:,}, {dtype}"]
            row["memory"] = in_child(*shape, dtype)
    return sorted(rows.values(), key=lambda row: str(row["what"]))
