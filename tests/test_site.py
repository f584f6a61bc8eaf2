# SPDX-License-Identifier: BSD-3-Clause
"""The documentation site is complete: every public name, a page per likelihood, and tests behind the promises."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import mlefast
from mlefast.likelihoods import _BY_NAME

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_public_name_has_its_place() -> None:
    """In the list of the names, and with all of its docstring on some page, once."""
    listed = re.findall(r"^   (\w+)$", read(DOCS / "api" / "index.md").split("```{toctree}")[0], flags=re.MULTILINE)
    assert sorted(listed) == sorted(mlefast.__all__)
    pages = "\n".join(map(read, DOCS.rglob("*.md")))
    shown = re.findall(r"^\.\. auto(?:function|class|exception|data):: (\S+)$", pages, flags=re.MULTILINE)
    assert sorted(name for name in shown if "." not in name) == sorted(mlefast.__all__)


def test_every_likelihood_has_a_page() -> None:
    pages = "\n".join(map(read, (DOCS / "likelihoods").glob("*.md")))
    shown = re.findall(r"^\.\. autoclass:: (\w+)$", pages, flags=re.MULTILINE)
    assert set(shown) == {type(family).__name__ for family in _BY_NAME.values()} | {"UserLikelihood"}


def test_the_tests_of_the_promises_exist() -> None:
    """Each promise names its tests; those whose text is shown are found by the build."""
    for section in read(DOCS / "promises.md").split("\n## ")[1:]:
        named = re.findall(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)$", section, flags=re.MULTILINE)
        assert named and len(named) == len(re.findall("^- ", section, flags=re.MULTILINE)), section
        for test, path in named:
            functions = {node.name for node in ast.parse(read(ROOT / path)).body if isinstance(node, ast.FunctionDef)}
            assert test in functions, f"{path}::{test}"
