# SPDX-License-Identifier: BSD-3-Clause
"""Where a fit is, while it runs."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Any

from mlefast.solvers import Iteration

_PATIENCE = 0.5  # seconds that a fit may take without a word


class ProgressLine:
    """A line on a terminal that says where a fit is, once it has taken longer than half a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live: Any = None
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
        self._live.update(
            f"pass {iteration.passes:.2f}  NLL {iteration.nll:.10g}  step {step}  "
            f"{distance} std errors off the maximum",
            refresh=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
