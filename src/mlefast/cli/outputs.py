# SPDX-License-Identifier: BSD-3-Clause
"""The files that a fit writes besides its answer: coefficients, and a report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlefast.errors import DataError

if TYPE_CHECKING:
    from mlefast.result import Result


def require_places(file: str, output: str | None, report: str | None) -> None:
    """DataError if something cannot be written, before the fit."""
    from mlefast.data.files import require_writable

    if output is not None:
        require_writable(output)
    if report is not None:
        from mlefast.plot import require_matplotlib

        require_matplotlib()
        require_writable(report, "the report", (".html", ".htm"))
    for option, path in (("--output", output), ("--report", report)):
        if path is not None and os.path.exists(path) and os.path.exists(file) and os.path.samefile(path, file):
            raise DataError(f"{option} {path} is the file of the data, which would be lost. Choose another place.")


def save_coefficients(result: Result, output: str) -> None:
    """The table of coefficients as CSV, JSON or Parquet, whichever the name ends in."""
    from mlefast.data.files import write_coefficients
    from mlefast.interchange import coefficients, encode

    columns = coefficients(result)
    if output.lower().endswith(".json"):
        columns = encode(columns)
    write_coefficients(columns, output)


def save_report(result: Result, path: str, given: str, table: Any, options: dict[str, Any]) -> None:
    """The page about a fit, with the command that was given."""
    from mlefast.report import report

    rows: dict[str, Any] = {}
    if not isinstance(table, str) and result.response in table.column_names:  # not of what a formula computes
        weights = options["weights"]
        rows = {"X": table, "y": table[result.response], "missing": options["missing"], "threads": options["threads"]}
        rows["weights"] = None if weights is None else table[weights]
    page = report(result, given, **rows)
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(page)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None
