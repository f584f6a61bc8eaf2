# SPDX-License-Identifier: BSD-3-Clause
"""The README opens with what to type, public names are documented, and the examples of every docstring run."""

from __future__ import annotations

import doctest
import importlib
import inspect
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


SOURCE = Path(mlefast.__file__).parent
MODULES = [
    ".".join(["mlefast", *path.relative_to(SOURCE).with_suffix("").parts])
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried > 0 and failed == 0


def test_every_public_name_is_documented() -> None:
    for name in mlefast.__all__:
        thing = getattr(mlefast, name)
        assert name == "__version__" or (thing.__doc__ or "").strip(), name
        if inspect.isfunction(thing):
            assert all(f"\n    {part}\n    ---" in thing.__doc__ for part in ("Returns", "Examples")), name
            assert "\n    Raises\n    ---" in thing.__doc__ or not inspect.signature(thing).parameters, name


def test_every_attribute_of_a_record_is_documented() -> None:
    for name in mlefast.__all__:
        thing = getattr(mlefast, name)
        fields = getattr(thing, "__dataclass_fields__", None) or getattr(thing, "_fields", ())
        for field in fields:
            assert re.search(rf"^    (\w+, )*{field}(, \w+)*( : .*)?$", thing.__doc__, flags=re.MULTILINE), (
                name,
                field,
            )
