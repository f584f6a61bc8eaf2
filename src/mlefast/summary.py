# SPDX-License-Identifier: BSD-3-Clause
"""The summary of a result in statsmodels' layout, as text, HTML, LaTeX or a data frame."""

from __future__ import annotations

import html
import math
import re
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from .inference import Separation
    from .result import Result

_WIDTH = 78
_LONGEST_NAME = 40
_GAP = 3  # spaces between the halves of the header
_TITLES = {  # where the field has a name for it
    "bernoulli logit": "Bernoulli (logistic regression)",
    "categorical logit": "Categorical (multinomial logistic regression)",
    "bernoulli probit": "Bernoulli (probit regression)",
    "gaussian identity": "Gaussian (least squares)",
    "laplace identity": "Laplace (quantile regression)",
}
_SPARSITY = {"iid": "iid errors", "kernel": "kernel sandwich", "bootstrap": "bootstrap of rows"}
_EXISTENCE = {"exists": "yes, proved", "local": "yes, locally", "separated": "NO", "unbounded": "NO"}
_LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}"}
_LATEX |= {
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row LaTeX would take [ and * for arguments of the end of the row before
    "*": "{*}",
}
_SPARSITY_MEANING = {
    "iid": "Standard errors take the errors as equally distributed in all rows. Their density at zero is a kernel "
    "estimate (Epanechnikov) with the bandwidth of Hall and Sheather.",
    "kernel": "Standard errors hold though the spread of the errors depends on the columns (Powell's sandwich). Their "
    "density at zero is a kernel estimate (Epanechnikov) with the bandwidth of Hall and Sheather.",
    "bootstrap": "Standard errors are those of 200 fits to rows drawn with replacement.",
}
_CORRECTIONS = {
    "HC1": "Standard errors hold whatever the variance of y; with the factor n / (n - p).",
    "HC2": "Standard errors hold whatever the variance of y; each row's part is divided by 1 - leverage.",
    "HC3": "Standard errors hold whatever the variance of y; each row's part is divided by (1 - leverage)^2.",
    "cluster": "Standard errors hold if rows of different clusters are independent ({groups} clusters); with the "
    "factor G / (G - 1) (n - 1) / (n - p).",
}
_SURVEY = "Standard errors are those of sampling with replacement, with the factor n / (n - 1)."
_SURVEY_GROUPS = (
    "Standard errors are those of sampling {groups} clusters with replacement, with the factor G / (G - 1)."
)
_NUMBER = re.compile(r"(-?[\d.]+)(?:e([+-]\d+))?")


@dataclass(frozen=True)
class Summary:
    """What a reader of a fit needs; `str()` gives the text."""

    title: str
    header: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...]
    sections: tuple[str, ...] = ()  # titles of equal parts of the table

    def _parts(self) -> list[tuple[str, list[tuple[str, list[str]]]]]:
        """The table in parts, each with its title and its rows, a name and cells in each."""
        rows = [(name, _format_row(numbers)) for name, numbers in zip(self.names, self.numbers, strict=True)]
        titles = self.sections or ("",)
        count = len(rows) // len(titles)
        return [(title, rows[part * count : (part + 1) * count]) for part, title in enumerate(titles)]

    def as_text(self) -> str:
        """Plain text, 78 columns wide, wider only for long names."""
        head, parts = ("", *self.columns), self._parts()
        rows = [head, *([shorten(name), *cells] for _, part in parts for name, cells in part)]
        first, *needed = (max(_columns_of(row[k]) for row in rows) for k in range(len(rows[0])))
        widths = [max(9, width + 1) for width in needed]
        total = max(_WIDTH, first + sum(widths) + 1, sum(self._header_widths()) + _GAP)
        widths[0] += total - first - sum(widths)
        rule, thin = "=" * total, "-" * total

        def line(name: str, *cells: str) -> str:
            space = " " * (first - _columns_of(name))
            return name + space + "".join(c.rjust(w) for c, w in zip(cells, widths, strict=True))

        lines = [self.title.center(total).rstrip(), rule, *self._header_lines(total), rule, line(*head)]
        for title, part in parts:
            lines += [thin, *([_printable(title), thin] if title else [])]
            lines += [line(shorten(name), *cells) for name, cells in part]
        lines.append(rule)
        for note in self.notes:
            lines += textwrap.wrap(_printable(note), total, subsequent_indent="  ")
        return "\n".join(lines)

    def _header_pairs(self) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """The cells of the header, a left and a right one per line."""
        half = (len(self.header) + 1) // 2
        return list(zip(self.header[:half], [*self.header[half:], ("", "")][:half], strict=True))

    def _header_widths(self) -> tuple[int, int]:
        """What the left and the right cells need: label, colon, some space, value."""
        left, right = zip(*self._header_pairs(), strict=True)
        return max(_columns_of(k + v) + 4 for k, v in left), max(_columns_of(k + v) + 2 for k, v in right)

    def _header_lines(self, total: int) -> list[str]:
        left_width = max(total // 2, self._header_widths()[0])
        lines = []
        for left, right in self._header_pairs():
            line = _cell(*left, left_width)
            if right[0]:
                line += " " * _GAP + _cell(*right, total - left_width - _GAP)
            lines.append(line)
        return lines

    def as_html(self) -> str:
        """Two HTML tables and the notes, for notebooks."""
        head = "\n".join(
            "<tr>" + "".join(f"<th>{_h(key)}</th><td>{_h(value)}</td>" for key, value in pair) + "</tr>"
            for pair in self._header_pairs()
        )
        lines = []
        for title, part in self._parts():
            if title:
                lines.append(f'<tr><th colspan="{len(self.columns) + 1}">{_h(_printable(title))}</th></tr>')
            lines += [
                f"<tr><th>{_h(_printable(name))}</th>" + "".join(f"<td>{_h(cell)}</td>" for cell in cells) + "</tr>"
                for name, cells in part
            ]
        body = "\n".join(lines)
        labels = "".join(f"<th>{_h(label)}</th>" for label in self.columns)
        notes = "<br>".join(_h(note) for note in self.notes)
        return (
            f'<table class="mlefast">\n<caption>{_h(self.title)}</caption>\n{head}\n</table>\n'
            f'<table class="mlefast">\n<tr><td></td>{labels}</tr>\n{body}\n</table>\n<p>{notes}</p>'
        )

    def as_latex(self) -> str:
        """A table for a paper; needs the package booktabs."""
        head = "\n".join(
            " & ".join(_tex(key) + " & " + _tex_number(value) for key, value in pair) + r" \\"
            for pair in self._header_pairs()
        )
        lines = []
        for title, part in self._parts():
            if title:
                lines.append(rf"\multicolumn{{{len(self.columns) + 1}}}{{l}}{{{_tex(title)}}} \\")
            lines += [" & ".join([_tex(name), *map(_tex_number, cells)]) + r" \\" for name, cells in part]
        body = "\n".join(lines)
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
        index: Any = list(self.names)
        if self.sections:
            count = len(self.names) // len(self.sections)
            index = pd.MultiIndex.from_product([self.sections, self.names[:count]])
        return pd.DataFrame([list(row) for row in self.numbers], index=index, columns=list(self.columns))

    def __str__(self) -> str:
        """The text."""
        return self.as_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.as_html()


def summarise(result: Result, alpha: float = 0.05) -> Summary:
    """The summary of a result; `alpha` is one minus the coverage of the intervals."""
    tests = ("t", "P>|t|") if result.use_t else ("z", "P>|z|")
    interval = result.conf_int(alpha)
    estimates = (result.params, result.bse, result.tvalues, result.pvalues, interval[..., 0], interval[..., 1])
    numbers = zip(*(column.ravel() for column in estimates), strict=True)
    sections = _sections(result)
    return Summary(
        title=f"{_title(result)}: {'maximum' if result.penalty is None else 'penalised'}-likelihood fit",
        header=_header(result),
        columns=("coef", "std err", *tests, f"[{alpha / 2:.12g}", f"{1 - alpha / 2:.12g}]"),
        names=result.names * max(1, len(sections)),
        numbers=tuple(tuple(float(x) for x in row) for row in numbers),
        notes=tuple(_notes(result)),
        sections=sections,
    )


def _sections(result: Result) -> tuple[str, ...]:
    """A title for each class against the reference."""
    if result.params.ndim == 1 or result.classes is None:
        return ()
    reference, *others = (shorten(str(label)) for label in result.classes)
    return tuple(f"{result.response}: {label} against {reference}" for label in others)


def _title(result: Result) -> str:
    known = _TITLES.get(f"{result.likelihood} {result.link}")
    return known or result.likelihood.replace("_", " ").capitalize()


def _covariance(result: Result) -> str:
    if result.penalty is not None:
        return result.penalty.errors
    if result.covariance_type in _SPARSITY:
        return _SPARSITY[result.covariance_type]
    if result.covariance_type == "expected":
        return "inverse expected information"
    if result.covariance_type != "fisher":
        return f"sandwich ({result.covariance_type})"
    return "inverse Fisher information" if result.family.canonical else "inverse observed information"


def _header(result: Result) -> tuple[tuple[str, str], ...]:
    classes = "" if result.classes is None else f" = {result.classes[-1]}"
    if result.classes is not None and result.params.ndim > 1:
        classes = f", {len(result.classes)} classes"
    left = [
        ("Dep. Variable", shorten(result.response + classes, 30)),
        ("Likelihood", f"{result.likelihood}, {result.link} link"),
        ("Covariance", _covariance(result)),
        ("Solver", f"{result.solver}, {_plural(result.iterations, 'iteration')}"),
        ("Passes over the data", f"{result.passes:.2f}"),
        ("Time", f"{_seconds(result.seconds)}, {_plural(result.threads, 'thread')}, {result.isa}"),
        ("Converged", "yes" if result.converged else "NO"),
        _distance(result),
        ("Maximum exists", _EXISTENCE.get(result.separation.verdict, "not proved")),
    ]
    right = [
        ("No. Observations", f"{result.nobs:.15g}"),
        ("Df Residuals", _freedom(result, result.df_resid)),
        ("Df Model", _freedom(result, result.df_model)),
        _explained(result),
        ("Log-Likelihood", _loglik(result.llf)),
        ("LL-Null", _loglik(result.llnull)),
        ("LLR p-value", _general(result.llr_pvalue)),
        ("AIC", _loglik(result.aic)),
        ("BIC", _loglik(result.bic)),
    ]
    if result.family.scale_name is not None:
        right.append((f"Scale ({result.family.scale_name})", _general(result.scale)))
    return (*left, *right)


def _freedom(result: Result, value: float) -> str:
    """Whole numbers, or weights, as they are; effective numbers of parameters are fractions."""
    return f"{value:.15g}" if result.df_effective is None else f"{value:.7g}"


def _distance(result: Result) -> tuple[str, str]:
    if result.certificate.gap is not None:
        return "Duality gap", f"{result.certificate.gap:.2g} of the loss"
    certificate = result.certificate
    if _rounding_matters(result):
        return "Off the maximum by", f"{certificate.distance:.1g} +- {certificate.rounding:.0e} se"
    return "Off the maximum by", f"{certificate.distance:.2g} std errors"


def _rounding_matters(result: Result) -> bool:
    return result.certificate.rounding > 0.1 * result.certificate.tol


def _explained(result: Result) -> tuple[str, str]:
    if result.family.quadratic:
        return "R-squared", _general(result.rsquared)
    return "Pseudo R-squ.", _general(result.prsquared)


def _notes(result: Result) -> list[str]:
    notes = []
    if result.separation.verdict == "separated":
        notes.append(_separated(result.separation))
    elif result.separation.verdict == "unbounded":
        name = result.separation.columns[0]
        notes.append(
            f"THE LIKELIHOOD HAS NO MAXIMUM: it grows for ever as {name} runs off. The log-likelihood and the standard "
            "errors are those where the search stopped, and mean nothing."
        )
    elif not result.certificate.met and result.certificate.gap is not None:
        notes.append("NOT CONVERGED: other parameters may lower the loss by as much as the duality gap.")
    elif not result.certificate.met:
        certificate = result.certificate
        rounding = f"; rounding: up to {certificate.rounding:.1g}" if _rounding_matters(result) else ""
        notes.append(
            f"NOT CONVERGED: {certificate.worst} is about {certificate.distance:.2g} standard errors from the maximum "
            f"(asked for: {certificate.tol:.2g}{rounding})."
        )
    elif result.separation.verdict == "undecided":
        notes.append("NOT CONVERGED: whether the maximum exists could not be proved.")
    notes += [f"Not determined: {alias}." for alias in result.aliased]
    if result.ranges is not None:
        notes.append(_not_unique(result, result.ranges))
    if result.dropped:
        verb = "was" if result.dropped == 1 else "were"
        notes.append(f"{_plural(result.dropped, 'row')} {verb} dropped because of missing values.")
    notes += _model_notes(result)
    if not result.constant:
        notes.append(
            "No intercept: LL-Null is that of an intercept alone, which this model need not contain, so read the "
            "pseudo R-squared and the LLR p-value with care."
        )
    notes.append(f"Solver: {result.solver_reason}")
    return notes


def _separated(separation: Separation) -> str:
    """What separates the labels, and what became of the coefficients."""
    columns = ", ".join(separation.columns[:5]) + (", ..." if len(separation.columns) > 5 else "")
    where = "all rows" if separation.kind == "complete" else _plural(separation.rows, "row")
    return (
        f"THE MAXIMUM DOES NOT EXIST: {columns} separate the labels in {where} ({separation.kind} separation). Their "
        "coefficients are infinite, or nan where either sign is as good; the others and the log-likelihood are at "
        "their limits."
    )


def _not_unique(result: Result, ranges: NDArray[np.float64]) -> str:
    """Which parameters could be others."""
    free = [
        f"{shorten(name)} from {_general(lower)} to {_general(upper)}"
        for name, (lower, upper) in zip(result.names, ranges.tolist(), strict=True)
        if lower < upper
    ]
    return f"Not unique: other estimates are as likely, with {', '.join(free[:5])}{', ...' if len(free) > 5 else ''}."


def _model_notes(result: Result) -> list[str]:
    """What the numbers mean that depends on the likelihood and the penalty."""
    notes = []
    if result.penalty is not None:
        notes.append(
            f"{result.penalty}, which adds {_general(result.penalty_value)} to the negative log-likelihood here; the "
            "log-likelihood is without it."
        )
        notes.append(result.penalty.meaning)
        notes += _why_it_exists(result)
    if result.df_effective is not None:
        notes.append(
            f"Df, AIC and BIC count {_general(result.df_effective)} effective parameters, where the penalty leaves "
            f"{result.rank} to move."
        )
    if result.use_t:
        notes.append(
            f"Standard errors and tests use sigma with n - p = {result.df_resid:.15g} in its denominator; the "
            "log-likelihood uses its maximum-likelihood value, with n."
        )
    elif result.family.quadratic and result.covariance_type == "fisher":
        notes.append("Standard errors and the log-likelihood use the maximum-likelihood value of sigma.")
    for name, (lower, upper) in result.shape_interval().items():
        ends = f"from {_general(lower)} to {_general(upper)}"
        notes.append(f"{name} = {_general(result.shape[name])}, with a 95 % interval {ends}.")
    if result.covariance_type in _SPARSITY:
        notes.append(_SPARSITY_MEANING[result.covariance_type])
    if result.covariance_type == "HC0" and result.family.covariance == "HC0":
        notes.append("Only the mean is taken from the model; the errors hold whatever the variance of y.")
    elif result.robust_ratio is not None:
        doubt = result.doubtful_variance
        notes += [] if doubt is None else [doubt]
    notes += _robust_notes(result)
    notes += _maxima(result)
    return notes


def _robust_notes(result: Result) -> list[str]:
    """How the sandwich is corrected for small samples, and what weights that count no rows mean."""
    notes = []
    groups = " and ".join(f"{count:,}" for count in result.clusters)
    if result.covariance_type in _CORRECTIONS:
        notes.append(_CORRECTIONS[result.covariance_type].format(groups=groups))
    elif result.covariance_type == "survey":
        notes.append(_SURVEY_GROUPS.format(groups=groups) if groups else _SURVEY)
    if result.weight_kind == "precision":
        notes.append("Weights are precisions: the variance of a row is sigma^2 / weight.")
    if result.weight_kind == "sampling":
        notes.append(
            "Sampling weights: the log-likelihood is that of the weighted rows, so there is no AIC and no BIC."
        )
    return notes


def _why_it_exists(result: Result) -> list[str]:
    """What proves that a penalised likelihood has a maximum where the likelihood alone need not have one."""
    if result.separation.verdict != "exists" or result.family.existence != "to prove":
        return []
    if math.isnan(result.separation.margin):
        return ["The maximum exists for all data: the penalty grows without bound in every direction."]
    return [
        "The maximum exists: the penalty holds the parameters that it is about, and the rows prove it for the rest."
    ]


def _maxima(result: Result) -> list[str]:
    """What is known of other maxima."""
    if result.optima and result.separation.verdict == "exists":
        return ["One start is enough: the negative log-likelihood is convex, so there is no other maximum."]
    if result.optima:
        found = "; ".join(f"log-likelihood {_loglik(-best.nll)} ({best.count} times)" for best in result.optima[:5])
        return [f"Maxima found from several starts, the best first: {found}."]
    if result.separation.verdict == "local" and not result.family.convex:
        return ["The likelihood may have other maxima: the curvature proves this one only. See multistart."]
    return []


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _general(value: float) -> str:
    """Five significant digits."""
    if value == 0.0 or not math.isfinite(value):
        return f"{value:.3f}"
    return f"{value:.5g}" if abs(value) >= 1e-4 else f"{value:.3e}"


def _loglik(value: float) -> str:
    """Two decimals at least: differences of log-likelihoods count, not their ratios."""
    return f"{value:.2f}" if 1.0 <= abs(value) < 1e12 else _general(value)


def _format_row(row: tuple[float, ...]) -> list[str]:
    coef, error, z, p, lower, upper = row
    return [
        _coefficient(coef),
        _coefficient(error),
        *(("", "") if math.isnan(z) and error > 0.0 else (_statistic(z), f"{p:.3f}")),  # where a test means nothing
        _coefficient(lower),
        _coefficient(upper),
    ]


def _coefficient(value: float) -> str:
    if value == 0.0 or not math.isfinite(value):
        return f"{value:.4f}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e6 else f"{value:.3e}"


def _statistic(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1e4 or not math.isfinite(value) else f"{value:.2e}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 0.1 else f"{1e3 * seconds:.3g} ms"


def _printable(text: str) -> str:
    """Line breaks and other control characters as escapes, so that a name stays on its line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(name: str, longest: int = _LONGEST_NAME) -> str:
    """Long names lose their middle."""
    name = _printable(name)
    if len(name) <= longest:
        return name
    keep = longest - 1
    return name[: (keep + 1) // 2] + "…" + name[-(keep // 2) :]


def _columns_of(text: str) -> int:
    """Columns that a text takes on a terminal: East Asian characters take two, accents of their own none."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _cell(key: str, value: str, width: int) -> str:
    """A label on the left, its value on the right."""
    return f"{key}:{' ' * (width - _columns_of(key + value) - 1)}{value}"


def _h(text: str) -> str:
    return html.escape(text)


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in _printable(text))


def _tex_number(text: str) -> str:
    """Numbers with a real minus sign and powers of ten; anything else as text."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return _tex(text)
    power = rf" \times 10^{{{int(match[2])}}}" if match[2] else ""
    return f"${match[1]}{power}$" if power or text.startswith("-") else text
