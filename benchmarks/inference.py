# SPDX-License-Identifier: BSD-3-Clause
"""What inference costs, in evaluations of the same likelihood on the same data: HC3, the bootstrap, Firth's fit."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import mlefast
from cases import make
from markdown import milliseconds, table
from memory import peak_above

ROWS, REPLICATES, RUNS = 1_000_000, 1_000, 5
Row = dict[str, Any]
Call = Callable[[mlefast.Result, np.ndarray, np.ndarray], object]


def hc3(result: mlefast.Result, x: np.ndarray, y: np.ndarray) -> object:
    """Errors with leverages, after the fit."""
    return mlefast.with_covariance(result, "HC3", x, y)


def bootstrap(result: mlefast.Result, x: np.ndarray, y: np.ndarray) -> object:
    """A billion weights of rows."""
    return mlefast.bootstrap(result, x, y, replicates=REPLICATES)


def firth(result: mlefast.Result, x: np.ndarray, y: np.ndarray) -> object:
    """A whole fit with Jeffreys' prior."""
    return mlefast.fit(x, y, penalty=mlefast.Firth())


# name: columns, order of the evaluation that is the unit, call
CASES: dict[str, tuple[int, int, Call]] = {
    "HC3": (50, 2, hc3),
    f"bootstrap, {REPLICATES:,} replicates": (20, 1, bootstrap),
    "Firth's fit": (20, 2, firth),
}


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def run(name: str) -> Row:
    """One case: medians of calls and evaluations in turn; then the memory of a call."""
    columns, order, call = CASES[name]
    x, y = make(ROWS, columns, "float64")
    result = mlefast.fit(x, y)
    call(mlefast.fit(x[:5000], y[:5000]), x[:5000], y[:5000])  # import what it imports
    evaluate = partial(mlefast.evaluate, x, y, result.params, order=order)
    asked = partial(call, result, x, y)
    pairs = [(seconds(asked), statistics.median(seconds(evaluate) for _ in range(5))) for _ in range(RUNS)]
    whole, unit = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {"case": f"{name}, {ROWS:,} x {columns}", "seconds": whole, "order": order, "unit": unit,
            "memory": peak_above(asked)}  # fmt: skip


def measure() -> list[Row]:
    """A row per case, each in a process of its own."""
    rows = []
    for name in CASES:
        done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
    return rows


def inference_table(measured: list[Row]) -> str:
    """What inference costs."""
    rows = [
        (
            row["case"],
            milliseconds(row["seconds"]),
            milliseconds(row["unit"]),
            f"**{row['seconds'] / row['unit']:.1f}** of order {row['order']}",
            f"{row['memory']:.0f}",
        )
        for row in measured
    ]
    header = "case | >one call, ms | >one evaluation, ms | >evaluations | >memory above data, MB"
    return f"{table(header, rows)}\n\nMedians of calls and evaluations of the Bernoulli likelihood, taken in turn."


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])))
