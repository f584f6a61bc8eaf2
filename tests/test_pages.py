# SPDX-License-Identifier: BSD-3-Clause
"""Every example of the README and of the documentation runs and prints what the page says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
OTHERS = {"", "sh", "{eval-rst}", "{include}", "{literalinclude}", "{toctree}"}


class Checker(doctest.OutputChecker):
    """Output as it stands on the page, but for the lines of a summary that depend on the machine."""

    def check_output(self, want: str, got: str, flags: int) -> bool:
        return super().check_output(without_machine(want), without_machine(got), flags)


def without_machine(text: str) -> str:
    return re.sub(r"^(Time|Off the maximum by): +\S.*?(?=   )", r"\1", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if BLOCK.search(text)])
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page share their names, as for someone who types them one after the other."""
    text, names = PAGES[page], {"__name__": "page"}
    if "from numba" in text:
        pytest.importorskip("numba")
    monkeypatch.chdir(tmp_path)
    complaints: list[str] = []
    runner = doctest.DocTestRunner(Checker())
    for block in BLOCK.finditer(text):
        language, code = block.groups()
        line = text.count("\n", 0, block.start()) + 1
        if language == "python":
            exec(compile("\n" * line + code, page, "exec"), names)
        else:
            test = doctest.DocTestParser().get_doctest(code, {}, page, page, line)
            test.globs = names  # not a copy
            runner.run(test, out=complaints.append, clear_globs=False)
    assert not complaints, "".join(complaints)


def test_no_example_is_overlooked() -> None:
    """Every fence is one of those that run, or of a language that does not."""
    for page, text in PAGES.items():
        opened = re.findall(r"^ *```+ *(\S*).*$", text, flags=re.MULTILINE)[::2]
        assert {language for language in opened if language not in ("python", "pycon")} <= OTHERS, page
        assert len(BLOCK.findall(text)) == opened.count("python") + opened.count("pycon"), page
        assert ">>> " not in BLOCK.sub("", text), page
