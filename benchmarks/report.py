# SPDX-License-Identifier: BSD-3-Clause
"""`make bench`: run all benchmarks, keep the raw numbers, print the report and write it to results/ and the README."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import against_numpy
import break_even
import calls
import clusters
import efficiency
import inference
import likelihoods
import mlefast
import plots
import streaming
import summation
import tables
from memory import median_import_time


def processor() -> str:
    """The model of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def conditions() -> dict[str, Any]:
    """On what the numbers are measured."""
    config = mlefast.show_config().as_dict()
    kept = ("mlefast", "instruction_set", "threads", "python", "numpy", "scipy")
    return {"cpu": processor(), **{name: config[name] for name in kept}}


# the short ones first, so that a missing compiler is noticed at once
PARTS: dict[str, Callable[[], Any]] = {
    "conditions": conditions,
    "break_even": break_even.measure,
    "calls": calls.measure,
    "import": median_import_time,
    "summation": summation.measure,
    "efficiency": efficiency.in_children,
    "numpy": against_numpy.measure,
    "likelihoods": likelihoods.measure,
    "inference": inference.measure,
    "streams": streaming.measure,
    "clusters": clusters.measure,
}


def main() -> None:
    """Measure, keep, print and write."""
    raw = {}
    for name, measure in PARTS.items():
        began = time.perf_counter()
        raw[name] = measure()
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    tables.RESULTS.mkdir(exist_ok=True)
    tables.RAW.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    plots.draw(raw, tables.RESULTS)
    print(tables.publish())


if __name__ == "__main__":
    main()
