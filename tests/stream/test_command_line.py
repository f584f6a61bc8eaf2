# SPDX-License-Identifier: BSD-3-Clause
"""`mlefast fit --stream`, and files that are read as streams unasked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlefast.cli import main
from mlefast.data import files

FORMULA = "late ~ x + carrier"


def passes_and_params(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[float, list[float]]:
    assert main(["fit", *arguments, FORMULA, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    return sum(told["passes"]) if isinstance(told["passes"], list) else told["passes"], told["params"]


def test_a_stream_gives_the_same_and_counts_its_first_reading(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passes, params = passes_and_params(capsys, str(path))
    assert passes_and_params(capsys, str(path), "--stream", "--memory", "300MB") == (passes + 1.0, params)
    assert passes_and_params(capsys, str(path.parent / "*.parquet")) == (passes + 1.0, params)
    assert passes_and_params(capsys, str(path.parent)) == (passes + 1.0, params)


def test_a_large_file_is_a_stream(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes, params = passes_and_params(capsys, str(path))
    monkeypatch.setattr(files, "_free_memory", lambda: 1.9 * path.stat().st_size)
    assert passes_and_params(capsys, str(path)) == (passes + 1.0, params)
    assert passes_and_params(capsys, str(path), "--no-stream") == (passes, params)
    monkeypatch.setattr(files, "_free_memory", lambda: 2.1 * path.stat().st_size)
    assert passes_and_params(capsys, str(path)) == (passes, params)


def test_too_little_memory_is_said_in_the_words_of_the_command_line(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(path), FORMULA, "--stream", "--memory", "1kB"]) == 2
    assert "--memory 1000 bytes is too little" in capsys.readouterr().err
