# SPDX-License-Identifier: BSD-3-Clause
"""One evaluation of order 2 and whole fits, mlefast and the NumPy reference side by side (pytest-benchmark)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mlefast
from cases import DTYPES, SHAPES, make, with_ones
from mlefast import reference

ROUNDS = 7


@pytest.fixture(scope="module", params=[(*shape, dtype) for shape in SHAPES for dtype in DTYPES], ids=str)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    rows, columns, dtype = request.param
    x, y = make(rows, columns, dtype)
    return {"label": f"{rows:,} x {columns:,}, {dtype}", "x": x, "y": y, "ones": with_ones(x)}


def rounds(case: dict[str, Any]) -> int:
    return 200 if len(case["y"]) <= 1_000 else ROUNDS


def run(benchmark: Any, case: dict[str, Any], what: str, who: str, call: Callable[[], Any], count: int) -> Any:
    """Time a call and file it under what was done, for which case, by whom."""
    benchmark.extra_info.update(case=case["label"], what=what, who=who)
    return benchmark.pedantic(call, rounds=count, warmup_rounds=1)


def test_evaluation(benchmark: Any, case: dict[str, Any]) -> None:
    params = np.full(case["x"].shape[1] + 1, 0.01)
    run(benchmark, case, "evaluate", "mlefast", lambda: mlefast.evaluate(case["x"], case["y"], params), rounds(case))
    wide = case["ones"].astype(np.float64)
    wanted = reference.evaluate(wide, case["y"], params)
    found = mlefast.evaluate(case["x"], case["y"], params)
    assert wanted[2] is not None and found.hessian is not None
    error = float(np.abs(found.hessian - wanted[2]).max() / np.abs(wanted[2]).max())
    benchmark.extra_info["accuracy"] = error


def test_evaluation_by_numpy(benchmark: Any, case: dict[str, Any]) -> None:
    params = np.full(case["x"].shape[1] + 1, 0.01, dtype=case["x"].dtype)
    y = case["y"].astype(case["x"].dtype)
    run(benchmark, case, "evaluate", "numpy", lambda: reference.evaluate(case["ones"], y, params), rounds(case))


def test_fit(benchmark: Any, case: dict[str, Any]) -> None:
    result = run(benchmark, case, "fit", "mlefast", lambda: mlefast.fit(case["x"], case["y"]), rounds(case))
    wanted = reference.irls(case["ones"].astype(np.float64), case["y"])
    benchmark.extra_info["accuracy"] = float(np.abs((result.params - wanted.params) / wanted.bse).max())
    benchmark.extra_info["passes"] = result.passes


def test_fit_by_numpy(benchmark: Any, case: dict[str, Any]) -> None:
    # in doubles also for float32 data: in floats its step does not come within 1e-6 standard errors
    wide = case["ones"].astype(np.float64)
    run(
        benchmark,
        case,
        "fit",
        "numpy",
        lambda: reference.irls(wide, case["y"]),
        min(rounds(case), 20 if len(wide) < 2e3 else 3),
    )
