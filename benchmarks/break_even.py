# SPDX-License-Identifier: BSD-3-Clause
"""From which time on two threads beat one: what a team costs to start, and what small passes gain from one."""

from __future__ import annotations

from typing import Any

import numpy as np

from cases import make
from limits import least_seconds, start_of_a_team, teams
from mlefast import _core

ROWS, COLUMNS, RUNS = [512 * 2**k for k in range(8)], 20, 200


def seconds(part: _core.Rows, order: int) -> list[float]:
    """Of one pass, on one thread and with all of them allowed."""
    leaf, params = _core.Leaf("bernoulli_logit"), np.full(COLUMNS + 1, 0.01)

    def on(threads: int) -> float:
        return least_seconds(lambda: part.evaluate(params, leaf, order, threads), RUNS)

    return [on(1), on(teams()[-1])]


def measure() -> dict[str, Any]:
    """The times by number of rows, for orders 1 and 2, and the seconds it takes to start a team."""
    x, y = make(ROWS[-1], COLUMNS, "float64")
    rows = []
    for count in ROWS:
        part = _core.Rows([x[:count]], y[:count], None, None, True)
        rows.append({"rows": count, **{f"order {order}": seconds(part, order) for order in (1, 2)}})
    most = teams()[-1]
    return {"columns": COLUMNS, "threads": most, "start": start_of_a_team(most), "rows": rows}
