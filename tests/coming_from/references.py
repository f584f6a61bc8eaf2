# SPDX-License-Identifier: BSD-3-Clause
"""The tables of docs/coming-from.md, and what programs that the tests do not call print for them.

`python -m tests.coming_from.references`, with R, scikit-learn and glum installed, writes references.json.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import statsmodels.api as sm

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
PATH = Path(__file__).with_name("references.json")
PYTHON = {"scikit-learn": "sklearn.linear_model", "glum": "glum"}
CODE = r"`([^`]+)`"
MOST = 30  # of the numbers of an array that are kept


class Equal(NamedTuple):
    """What their expression is on the side of mlefast, None if nothing; how near; whether it is under its own name."""

    theirs: str
    ours: str | None
    near: float
    same: bool


class Row(NamedTuple):
    """A call of theirs, that of mlefast, and what is said of the two fits."""

    call: str
    ours: str
    said: list[Equal]


def cells(name: str) -> list[list[str]]:
    table = PAGE.read_text(encoding="utf-8").split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()[2:]]


def read_said(cell: str, same: bool) -> list[Equal]:
    """Expressions that begin with a dot or are about `m`; others are prose."""
    found = re.findall(rf"`(\.[^`]+|[^`]*\bm\b[^`]*)`(?: = {CODE})?(?: to (1e-\d))?", cell)
    return [
        Equal(theirs, ours or (theirs if same else None), float(near or 1e-6), same and not ours)
        for theirs, ours, near in found
    ]


def rows(program: str) -> list[Row]:
    found = []
    for call, ours, equal, unequal in cells(program):
        said = [] if program == "Stata" else read_said(equal, True) + read_said(unequal, False)
        found.append(Row(call.strip("`"), ours.strip("`"), said))
    return found


def after(column: int) -> list[tuple[str, str]]:
    """What one program does after a fit, and what mlefast does."""
    return [(row[column].strip("`"), row[4].strip("`")) for row in cells("after") if row[column]]


def data() -> dict[str, Any]:
    """The names of the page, for statsmodels' American National Election Study of 1996."""
    table = sm.datasets.anes96.load_pandas().data.astype(float)
    X = table[["age", "educ"]].to_numpy()
    columns = {"y": "logpopul", "label": "vote", "count": "TVnews", "amount": "income", "years": "age", "w": "selfLR"}
    names = {name: table[column].to_numpy() for name, column in columns.items()}
    return {"X": X, "C": sm.add_constant(X), "kind": table["PID"].to_numpy(np.intp), "np": np, **names}


def evaluate(expression: str, names: dict[str, Any]) -> Any:
    """An expression of Python; what begins with a dot is an attribute of `it`."""
    return eval(f"it{expression}" if expression.startswith(".") else expression, names)


def of_python(program: str) -> dict[str, dict[str, Any]]:
    module = __import__(PYTHON[program], fromlist=["*"])
    names, found = data() | vars(module), {}
    for row in rows(program):
        names["it"] = names["theirs"] = evaluate(row.call, names)
        found[row.call] = {said.theirs: np.asarray(evaluate(said.theirs, names)).tolist() for said in row.said}
    return found


def of_r() -> dict[str, dict[str, Any]]:
    asked = [(row.call, said.theirs) for row in rows("R") for said in row.said]
    asked += [("after", expression) for expression, _ in after(2)]
    fits = {row.call: row.call for row in rows("R")} | {"after": "glm(label ~ X, binomial)"}
    names = data()
    with tempfile.TemporaryDirectory() as folder:
        lines = ["options(warn = -1)", "se <- function(m) sqrt(diag(vcov(m)))"]
        for name in ("X", "kind", "y", "label", "count", "amount", "years", "w"):
            np.savetxt(Path(folder, name), names[name], fmt="%.17g")
            lines.append(f'{name} <- as.matrix(read.table("{name}"))')
        lines += [f"{name} <- as.vector({name})" for name in ("kind", "y", "label", "count", "amount", "years", "w")]
        lines.append("small <- glm(label ~ X[, 1], binomial)")
        for call, expression in asked:
            lines.append(f"invisible(capture.output(m <- {fits[call]}, found <- {expression}))")
            # by rows, as NumPy reads a matrix
            lines.append('cat("=", sprintf("%.15g", as.vector(if (is.matrix(found)) t(found) else found)), "\\n")')
        Path(folder, "all.R").write_text("\n".join(lines))
        printed = subprocess.run(["Rscript", "all.R"], cwd=folder, capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, Any]] = {}
    for (call, expression), line in zip(asked, printed.strip("= \n").split("\n="), strict=True):
        found.setdefault(call, {})[expression] = [float(number) for number in line.split()[:MOST]]
    return found


if __name__ == "__main__":
    references = {program: of_python(program) for program in PYTHON} | {"R": of_r()}
    PATH.write_text(json.dumps(references, indent=0) + "\n", encoding="utf-8")
