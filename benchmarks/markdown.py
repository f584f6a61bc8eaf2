# SPDX-License-Identifier: BSD-3-Clause
"""Tables and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Iterable


def table(header: str, rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown; columns after the first whose name begins with `>` are aligned to the right."""
    names = [name.strip() for name in header.split("|")]
    rule = ["---:" if name.startswith(">") else "---" for name in names]
    lines = [[name.removeprefix(">") for name in names], rule, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def milliseconds(seconds: float) -> str:
    """Three digits, never an exponent."""
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
