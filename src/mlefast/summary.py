# SPDX-License-Identifier: BSD-3-Clause
"""The summary of a result in statsmodels' layout, as text, HTML, LaTeX or a data frame."""

from __future__ import annotations

import html
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .result import Result

_WIDTH = 78
_LONGEST_NAME = 40
_MODEL = {"bernoulli": "Bernoulli (logistic regression)"}
_LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}"}
_LATEX |= {
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


@dataclass(frozen=True)
class Summary:
    """What a reader of a fit needs; `str()` gives the text."""

    title: str
    header: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]

    def as_text(self) -> str:
        """Plain text, 78 columns wide, wider only for long names."""
        cells = [[_short(name), *_format_row(row)] for name, row in zip(self.names, self.numbers, strict=True)]
        first = max([len(row[0]) for row in cells], default=0)
        widths = [max(9, *(len(row[k]) + 1 for row in cells)) for k in range(1, 7)]
        total = max(_WIDTH, first + sum(widths) + 1)
        widths[0] += total - first - sum(widths)
        rule, thin = "=" * total, "-" * total
        lines = [self.title.center(total).rstrip(), rule, *self._header_lines(total), rule]
        lines += [" " * first + "".join(label.rjust(w) for label, w in zip(self.columns, widths, strict=True)), thin]
        lines += [
            row[0].ljust(first) + "".join(c.rjust(w) for c, w in zip(row[1:], widths, strict=True)) for row in cells
        ]
        lines.append(rule)
        for note in self.notes:
            lines += textwrap.wrap(note, total, subsequent_indent="  ")
        return "\n".join(lines)

    def _header_lines(self, total: int) -> list[str]:
        half = (len(self.header) + 1) // 2
        right = [*self.header[half:], ("", "")][:half]
        left_width = max(total // 2, *(len(key) + len(value) + 4 for key, value in self.header[:half]))
        right_width = max(total - left_width - 2, *(len(key) + len(value) + 2 for key, value in right))
        lines = []
        for (key, value), (other_key, other_value) in zip(self.header[:half], right, strict=True):
            line = f"{key}:{value.rjust(left_width - len(key) - 1)}"
            if other_key:
                line += f"   {other_key}:{other_value.rjust(right_width - len(other_key) - 2)}"
            lines.append(line)
        return lines

    def as_html(self) -> str:
        """Two HTML tables and the notes, for notebooks."""
        half = (len(self.header) + 1) // 2
        right = [*self.header[half:], ("", "")][:half]
        head = "\n".join(
            "<tr>" + "".join(f"<th>{_h(key)}</th><td>{_h(value)}</td>" for key, value in pair) + "</tr>"
            for pair in zip(self.header[:half], right, strict=True)
        )
        body = "\n".join(
            f"<tr><th>{_h(name)}</th>" + "".join(f"<td>{_h(cell)}</td>" for cell in _format_row(row)) + "</tr>"
            for name, row in zip(self.names, self.numbers, strict=True)
        )
        labels = "".join(f"<th>{_h(label)}</th>" for label in self.columns)
        notes = "<br>".join(_h(note) for note in self.notes)
        return (
            f'<table class="mlefast">\n<caption>{_h(self.title)}</caption>\n{head}\n</table>\n'
            f'<table class="mlefast">\n<tr><td></td>{labels}</tr>\n{body}\n</table>\n<p>{notes}</p>'
        )

    def as_latex(self) -> str:
        """A table for a paper; needs the package booktabs."""
        half = (len(self.header) + 1) // 2
        right = [*self.header[half:], ("", "")][:half]
        head = "\n".join(
            " & ".join(_tex(cell) for pair in pairs for cell in pair) + r" \\"
            for pairs in zip(self.header[:half], right, strict=True)
        )
        body = "\n".join(
            " & ".join([_tex(name), *(_tex(cell) for cell in _format_row(row))]) + r" \\"
            for name, row in zip(self.names, self.numbers, strict=True)
        )
        labels = " & ".join(["", *(_tex(label) for label in self.columns)])
        notes = "\n\n".join(_tex(note) for note in self.notes)
        return (
            "\\begin{center}\n\\textbf{" + _tex(self.title) + "}\n\n"
            "\\begin{tabular}{lrlr}\n\\toprule\n" + head + "\n\\bottomrule\n\\end{tabular}\n\n"
            "\\begin{tabular}{lrrrrrr}\n\\toprule\n" + labels + " \\\\\n\\midrule\n" + body + "\n\\bottomrule\n"
            "\\end{tabular}\n\\end{center}\n\n" + notes + "\n"
        )

    def frame(self) -> pd.DataFrame:
        """The table of coefficients as a pandas data frame."""
        try:
            import pandas as pd
        except ImportError:
            from .errors import MissingPackageError

            raise MissingPackageError("A data frame needs pandas: pip install pandas.") from None
        return pd.DataFrame([list(row) for row in self.numbers], index=list(self.names), columns=list(self.columns))

    def __str__(self) -> str:
        """The text."""
        return self.as_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.as_html()


def summarise(result: Result, alpha: float = 0.05) -> Summary:
    """The summary of a result; `alpha` is one minus the coverage of the intervals."""
    interval = result.conf_int(alpha)
    numbers = zip(
        result.params, result.bse, result.tvalues, result.pvalues, interval[:, 0], interval[:, 1], strict=True
    )
    return Summary(
        title=f"{_MODEL[result.likelihood]}: maximum-likelihood fit",
        header=_header(result),
        columns=("coef", "std err", "z", "P>|z|", f"[{alpha / 2:.6g}", f"{1 - alpha / 2:.6g}]"),
        names=result.names,
        numbers=tuple(tuple(float(x) for x in row) for row in numbers),
        notes=tuple(_notes(result)),
    )


def _header(result: Result) -> tuple[tuple[str, str], ...]:
    classes = "" if result.classes is None else f" = {result.classes[-1]}"
    left = [
        ("Dep. Variable", _short(result.response + classes, 30)),
        ("Likelihood", f"{result.likelihood}, {result.link} link"),
        ("Covariance", "inverse Fisher information"),
        ("Solver", f"{result.solver}, {result.iterations} iterations"),
        ("Passes over the data", f"{result.passes:.2f}"),
        ("Time", f"{_seconds(result.seconds)}, {result.threads} threads, {result.isa}"),
        ("Converged", "yes" if result.converged else "NO"),
        ("Off the maximum by", f"{result.certificate.distance:.1e} std errors"),
        ("Maximum exists", {"exists": "yes, proved", "separated": "NO"}.get(result.separation.verdict, "not proved")),
    ]
    right = [
        ("No. Observations", f"{result.nobs:.15g}"),
        ("Df Residuals", f"{result.df_resid:.15g}"),
        ("Df Model", str(result.df_model)),
        ("Pseudo R-squ.", _general(result.prsquared)),
        ("Log-Likelihood", _general(result.llf)),
        ("LL-Null", _general(result.llnull)),
        ("LLR p-value", _general(result.llr_pvalue)),
        ("AIC", _general(result.aic)),
        ("BIC", _general(result.bic)),
    ]
    return (*left, *right)


def _notes(result: Result) -> list[str]:
    notes = []
    if result.separation.verdict == "separated":
        columns = ", ".join(result.separation.columns[:5])
        notes.append(
            f"THE MAXIMUM DOES NOT EXIST: {columns} separate the labels. Their coefficients run to infinity; the "
            "numbers above are where the search stopped, and mean nothing."
        )
    elif not result.converged:
        certificate = result.certificate
        notes.append(
            f"NOT CONVERGED: {certificate.worst} is about {certificate.distance:.2g} standard errors from the maximum "
            f"(asked for: {certificate.tol:.2g})."
        )
    elif result.separation.verdict == "undecided":
        notes.append("Whether the maximum exists could not be proved.")
    notes += [f"Not determined: {alias}." for alias in result.aliased]
    if result.dropped:
        notes.append(f"{result.dropped} rows were dropped because of missing values.")
    notes.append(f"Solver: {result.solver_reason}")
    return notes


def _general(value: float) -> str:
    """Five significant digits, but no exponent where all digits fit."""
    if not math.isfinite(value):
        return str(value)
    if value == 0.0:
        return "0.000"
    if not 1e-4 <= abs(value) < 1e8:
        return f"{value:.3e}"
    return f"{value:.1f}" if abs(value) >= 1e4 else f"{value:.5g}"


def _format_row(row: tuple[float, ...]) -> list[str]:
    formats = (_coefficient, _coefficient, _statistic, _pvalue, _coefficient, _coefficient)
    return [one(value) for one, value in zip(formats, row, strict=True)]


def _coefficient(value: float) -> str:
    if value == 0.0 or not math.isfinite(value):
        return f"{value:.4f}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


def _pvalue(value: float) -> str:
    return f"{value:.3f}"


def _statistic(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1e4 or not math.isfinite(value) else f"{value:.2e}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 0.1 else f"{1e3 * seconds:.3g} ms"


def _short(name: str, longest: int = _LONGEST_NAME) -> str:
    """Long names lose their middle."""
    if len(name) <= longest:
        return name
    keep = longest - 1
    return name[: (keep + 1) // 2] + "…" + name[-(keep // 2) :]


def _h(text: str) -> str:
    return html.escape(text)


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
