# SPDX-License-Identifier: BSD-3-Clause
"""From which time on two threads beat one: what a team costs to start, and what small passes gain from one."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases import make
from limits import least_seconds, start_of_a_team, teams
from mlefast import _core

ROWS, COLUMNS = [512 * 2**k for k in range(8)], 20


def measure() -> dict[str, Any]:
    """Seconds on one and on all threads by number of rows, for orders 1 and 2, and seconds to start a team."""
    most, leaf, params, rows = teams()[-1], _core.Leaf("bernoulli_logit"), np.full(COLUMNS + 1, 0.01), []
    x, y = make(ROWS[-1], COLUMNS, "float64")
    for count in ROWS:
        part = _core.Rows([x[:count]], y[:count], None, None, True)
        row: dict[str, Any] = {"rows": count}
        for order in (1, 2):
            row[f"order {order}"] = [
                least_seconds(lambda p=part, o=order, t=threads: p.evaluate(params, leaf, o, t), runs=200)  # type: ignore[misc]
                for threads in (1, most)
            ]
        rows.append(row)
    return {"columns": COLUMNS, "threads": most, "start": start_of_a_team(most), "rows": rows}
