# SPDX-License-Identifier: BSD-3-Clause
"""The examples of the README and of every docstring run."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import mlefast

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_it_opens_with_the_two_commands() -> None:
    commands = [line.split("#")[0].strip() for line in blocks("sh")[0].splitlines() if line.strip()]
    assert commands == ["make demo", "make test"]


@pytest.mark.parametrize("name", ["README.md", "docs/results.md", "docs/streams.md"])
def test_python_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    examples = blocks("python", (ROOT / name).read_text())
    assert len(examples) >= 2
    for block in examples:
        exec(compile(block, name, "exec"), namespace)


PAGES = sorted((Path(mlefast.__file__).parent / "likelihoods").glob("*.py"))
LIKELIHOODS = [f"likelihoods.{page.stem}" for page in PAGES if ">>>" in page.read_text()]
MODULES = [
    *LIKELIHOODS,
    "comparison",
    "config",
    "diagnostics.bootstrap",
    "diagnostics.diagnose",
    "diagnostics.effects",
    "diagnostics.influence",
    "diagnostics.residuals",
    "diagnostics.specification",
    "evaluate",
    "fit",
    "formula",
    "inference.multiple",
    "penalties.firth",
    "penalties.ridge",
    "plot",
    "profile_likelihood",
    "report",
    "result",
    "robust",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(f"mlefast.{name}")
    failed, tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0 and failed == 0


def test_every_public_name_is_documented() -> None:
    for name in mlefast.__all__:
        thing = getattr(mlefast, name)
        assert name == "__version__" or (thing.__doc__ or "").strip(), name
