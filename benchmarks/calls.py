# SPDX-License-Identifier: BSD-3-Clause
"""What a call costs where the data are small, so that it is all checks and Python."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import mlefast
from cases import make, with_ones
from mlefast import reference

SMALL, MEDIUM = (100, 5), (1_000, 10)


def times(call: Callable[[], object], runs: int) -> dict[str, float]:
    """Least and median of many calls, in seconds."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return {"best": min(found), "median": statistics.median(found)}


def measure() -> list[dict[str, Any]]:
    """A row per call; NumPy's IRLS checks nothing and proves nothing."""
    x, y = make(*SMALL, "float64")
    params = np.zeros(SMALL[1] + 1)
    wide, labels = make(*MEDIUM, "float64")
    ones = with_ones(wide).astype(np.float64)
    calls: list[tuple[str, Callable[[], object], int]] = [
        (f"`mlefast.evaluate`, {SMALL[0]} x {SMALL[1]}, order 2", lambda: mlefast.evaluate(x, y, params), 5_000),
        (f"`mlefast.fit`, {MEDIUM[0]:,} x {MEDIUM[1]}", lambda: mlefast.fit(wide, labels), 1_000),
        (f"NumPy IRLS without checks, {MEDIUM[0]:,} x {MEDIUM[1]}", lambda: reference.irls(ones, labels), 1_000),
    ]
    return [{"call": name, **times(call, runs)} for name, call, runs in calls]
