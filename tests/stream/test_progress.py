# SPDX-License-Identifier: BSD-3-Clause
"""What a stream tells while it is read: rows, bytes and seconds within each pass."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

import mlefast
from mlefast.cli.progress import ProgressLine
from mlefast.solvers import Iteration, Reading

from .conftest import ROWS


def test_every_reading_is_told_from_its_first_rows_to_its_last(path: Path, table: pa.Table) -> None:
    states: list[Iteration] = []
    result = mlefast.fit_formula("late ~ x + single", str(path), progress=states.append)
    readings = [state.reading for state in states if state.reading is not None]
    assert {reading.whole for reading in readings} == {ROWS}
    ends = [reading for reading in readings if reading.rows == ROWS]
    assert len(ends) >= result.passes.by_order[1] + result.passes.by_order[2] - 1
    assert {reading.bytes for reading in ends} == {ROWS * (8 + 4)}
    for before, after in pairwise(readings):
        assert before.rows == ROWS or (after.rows > before.rows and after.seconds >= before.seconds)
    assert all(state.reading is None for state in result.trace)
    quiet: list[Iteration] = []
    mlefast.fit_formula("late ~ x + single", table, progress=quiet.append)
    assert [state[:2] for state in states if state.reading is None] == [(state.passes, state.nll) for state in quiet]


def test_what_the_terminal_shows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("mlefast.cli.progress._PATIENCE", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    state = Iteration(2.5, 1234.5, math.nan, 0.25, Reading(3_000_000, 12_000_000, 480_000_000, 1.5))
    with ProgressLine() as line:
        line.update(state)
    shown = capsys.readouterr().err
    for part in ("25%", "2,000,000 rows/s", "320 MB/s", "0:05 left", "pass 2.50", "0.25 std errors"):
        assert part in shown
