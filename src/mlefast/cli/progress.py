# SPDX-License-Identifier: BSD-3-Clause
"""Where a fit is, while it runs."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Any

from mlefast.solvers import Iteration, Reading

_PATIENCE = 0.5  # seconds that a fit may take without a word
_PAUSE = 0.1  # between two words within a reading


class ProgressLine:
    """A line on a terminal that says where a fit is, once it has taken longer than half a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live: Any = None
        self._shown = -math.inf
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> ProgressLine:
        return self

    def update(self, iteration: Iteration) -> None:
        """Where the fit is now."""
        if not self._terminal or time.monotonic() - self._began < _PATIENCE:
            return
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True, highlight=False), transient=True, auto_refresh=False)
            self._live.start()
        step, distance = (
            "-" if math.isnan(value) else f"{value:.2g}" for value in (iteration.step, iteration.distance)
        )
        where = (
            f"pass {iteration.passes:.2f}  NLL {iteration.nll:.10g}  step {step}  {distance} std errors off the maximum"
        )
        if iteration.reading is not None:
            if time.monotonic() - self._shown < _PAUSE:
                return
            where = f"{_speed(iteration.reading)}  {where}"
        self._shown = time.monotonic()
        self._live.update(where, refresh=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def _speed(reading: Reading) -> str:
    """How far a reading has come, how fast, and how long the rest of it takes."""
    rows, whole, size, seconds = reading
    seconds = max(seconds, 1e-9)
    minutes, left = divmod(math.ceil(seconds * (whole - rows) / rows), 60)
    speed = f"{rows / seconds:,.0f} rows/s  {size / seconds / 1e6:,.0f} MB/s"
    return f"{rows / whole:4.0%}  {speed}  {minutes}:{left:02d} left"
