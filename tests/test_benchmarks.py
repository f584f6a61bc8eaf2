# SPDX-License-Identifier: BSD-3-Clause
"""What is published of the benchmarks is what was measured, and the page on the pass names the constants of the code."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
CORE = ROOT / "src" / "mlefast" / "_core"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["numpy", "machine", "likelihoods", "peers"])
def test_the_readme_shows_the_last_results(name: str) -> None:
    blocks = re.findall(rf"<!-- benchmark: {name} -->\n(.*?)<!-- end -->", read(ROOT / "README.md"), flags=re.DOTALL)
    assert blocks == [read(RESULTS / f"{name}.md")]


def test_the_results_follow_from_the_raw_numbers(tables: ModuleType) -> None:
    written = tables.texts(json.loads(read(RESULTS / "raw.json")))
    written["peers"] = tables.peers_table(json.loads(read(RESULTS / "peers.json"))) + "\n"
    assert {path.stem: read(path) for path in RESULTS.glob("*.md")} == written


def test_a_block_is_replaced_and_nothing_else(tables: ModuleType) -> None:
    text = "a\n<!-- benchmark: x -->\nold\n<!-- end -->\nb\n<!-- benchmark: y -->\nkept\n<!-- end -->\n"
    assert tables.replace_block(text, "x", r"new \1" + "\n") == text.replace("old", r"new \1")
    with pytest.raises(ValueError, match="occurs 0 times"):
        tables.replace_block(text, "z", "")


CONSTANTS = re.findall(r"^\| `(\w+)` \| ([^|]+) \| `([^`]+)` \|", read(ROOT / "docs" / "pass.md"), flags=re.MULTILINE)


def test_the_page_on_the_pass_has_a_table_of_constants() -> None:
    assert len(CONSTANTS) > 5


@pytest.mark.parametrize(("name", "value", "file"), CONSTANTS)
def test_the_page_on_the_pass_names_the_constants_of_the_code(name: str, value: str, file: str) -> None:
    assert re.search(rf"\b{name}(?: =)? {re.escape(value)}\b(?! <<)", read(CORE / file)), name
