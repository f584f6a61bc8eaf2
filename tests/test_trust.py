# SPDX-License-Identifier: BSD-3-Clause
"""What a stranger can check: every source says its licence, and the project's files tell the same version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlefast

ROOT = Path(__file__).parent.parent
SUFFIXES = {".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h", ".c", ".sh", ".toml", ".yml", ".yaml", ".cff"}
NAMES = {"Makefile", "MANIFEST.in", "CODEOWNERS", "run"}
# folders of hidden names belong to tools, but for these two; the others are made by a build
HIDDEN = {".github", ".ci"}
MADE = {"build", "dist", "__pycache__"}


def sources() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name in HIDDEN or not (name.startswith(".") or name in MADE)]
        yield from (Path(folder, name) for name in files if Path(name).suffix in SUFFIXES or name in NAMES)


def test_every_source_says_its_licence() -> None:
    found = list(sources())
    assert len(found) > 200
    for path in found:
        head = path.read_text(encoding="utf-8").splitlines()[:3]
        assert any("SPDX-License-Identifier: BSD-3-Clause" in line for line in head), path.relative_to(ROOT)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("CITATION.cff", r"^version: (.+)$"), ("CHANGELOG.md", r"^## \[(\d.+)\]")],
)
def test_the_version_is_told_once_in_each_place(file: str, pattern: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.findall(pattern, text, flags=re.MULTILINE)
    assert found[:1] == [mlefast.__version__]
