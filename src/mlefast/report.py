# SPDX-License-Identifier: BSD-3-Clause
"""A fit as one page of HTML that needs nothing else: no network, no scripts, pictures inside.

From Python: `Path("report.html").write_text(mlefast.report.report(result), encoding="utf-8")`.
"""

from __future__ import annotations

import base64
import contextlib
import html
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from .config import show_config
from .errors import OptionError
from .plot import as_svg
from .result import Result
from .summary import shorten

_MOST_TERMS = 60  # in the picture of the coefficients
_MOST_NAMES = 20
_NONE = ("separated", "unbounded")
_VERDICTS = {
    "exists": "The maximum of the likelihood exists, and this is proved.",
    "local": "This is a maximum, proved by the curvature there; the likelihood may have others.",
    "separated": "The maximum does not exist: columns separate the labels, and the likelihood comes near its supremum "
    "only as some coefficients run to infinity; the others are at their limits.",
    "unbounded": "The likelihood has no maximum: it grows for ever as a parameter runs off.",
    "undecided": "Whether the maximum exists could not be proved.",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: 0.8rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.3rem; }
th, td { padding: 0.15rem 0.8rem 0.15rem 0; text-align: right; vertical-align: top; }
th { text-align: left; } td:empty ~ th { text-align: right; } th { font-weight: 500; overflow-wrap: anywhere; }
tr { border-bottom: 1px solid #eee; }
.facts th { white-space: nowrap; padding-right: 1.5rem; } .facts td { text-align: left; overflow-wrap: anywhere; }
.verdict { padding: 0.6rem 1rem; border-left: 4px solid; } .sound { border-color: #009e73; background: #eefaf5; }
.unsound { border-color: #d55e00; background: #fdf1ea; }
pre { background: #f5f5f5; padding: 0.6rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } figure { margin: 1.2rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #555; }
"""


def report(result: Result, command: str = "", X: Any = None, y: Any = None, **data: Any) -> str:
    """A page of HTML about a fit: summary, certificate, existence, pictures, and how it was made.

    Parameters
    ----------
    result : Result
    command : str, default ""
        The command that made it, to be shown.
    X, y, **data
        As in the call of `fit` that made the result (for a formula X is the table; weights, offset, exposure, missing
        and threads by their names): for pictures of calibration, residuals and leverages, where the likelihood has
        them. Default: without these.

    Returns
    -------
    str
        The page, to be written in UTF-8. It refers to nothing outside of itself.

    Raises
    ------
    DataError
        If these are not the data of the fit.
    MissingPackageError
        If matplotlib is not installed.

    Examples
    --------
    >>> import mlefast
    >>> from mlefast.report import report
    >>> page = report(mlefast.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]))
    >>> page.startswith("<!DOCTYPE html>"), "<script" in page
    (True, False)
    """
    title = f"{shorten(result.response)}: {result.likelihood} fit"
    parts = [
        f"<h1>{_h(title)}</h1>",
        _verdict(result),
        f'<h2>Summary</h2>\n<div class="scroll">\n{result.summary().as_html()}\n</div>',
        "<h2>Certificate</h2>",
        _facts(_certificate(result)),
        "<h2>Existence of the maximum</h2>",
        _existence(result),
        "<h2>Pictures</h2>",
        *_pictures(result),
        *([] if y is None else _pictures_of_rows(result, X, y, data)),
        "<h2>How it was made</h2>",
        f"<pre><code>{_h(command)}</code></pre>" if command else "",
        _facts(_making(result)),
    ]
    body = "\n".join(part for part in parts if part)
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_h(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _verdict(result: Result) -> str:
    """What a reader must know first."""
    if result.converged:
        text = "Converged: the certificate is met and the existence of the maximum is settled."
        return f'<p class="verdict sound">{text}</p>'
    bad = "The maximum does not exist." if result.separation.verdict in _NONE else "Not converged."
    return f'<p class="verdict unsound"><strong>{bad}</strong> Read the notes before using any number.</p>'


def _certificate(result: Result) -> dict[str, str]:
    certificate = result.certificate
    if certificate.gap is not None:
        return {"Duality gap": f"{certificate.gap:.3g} of the loss", "Met": _yes(certificate.met)}
    return {
        "Distance to the exact maximum": f"{certificate.distance:.3g} standard errors",
        "Asked for": f"{certificate.tol:.3g} standard errors",
        "Met": _yes(certificate.met),
        "Farthest off": certificate.worst,
        "Newton decrement": f"{certificate.decrement:.3g}",
        "Largest entry of the gradient": f"{certificate.gradient:.3g}",
        "Rounding may account for": f"{certificate.rounding:.3g} standard errors",
    }


def _existence(result: Result) -> str:
    separation = result.separation
    facts = {"Verdict": separation.verdict}
    if np.isfinite(separation.margin):
        facts["Margin of the proof"] = f"{separation.margin:.3g} (positive proves existence)"
    if separation.kind:
        facts["Kind"] = f"{separation.kind} separation, strict in {separation.rows} rows"
    if separation.columns:
        facts["Columns"] = _several(separation.columns)
    if result.aliased:
        facts["Not determined"] = _several(str(alias) for alias in result.aliased)
    return f"<p>{_h(_VERDICTS[separation.verdict])}</p>\n{_facts(facts)}"


def _pictures(result: Result) -> list[str]:
    figures = []
    terms = _most_telling(result)
    if terms:
        note = f", {len(terms)} terms of largest |z|" if len(terms) == _MOST_TERMS else ""
        classes = len(result.params) if result.params.ndim > 1 else 0
        figures.append(
            _figure(
                lambda ax: result.plot.coefficients(terms, ax=ax),
                f"Coefficients{note}",
                terms=len(terms),
                classes=classes,
            )
        )
    if result.trace:
        figures.append(_figure(lambda ax: result.plot.trace(ax=ax), "The way to the maximum"))
    return figures


def _pictures_of_rows(result: Result, X: Any, y: Any, data: dict[str, Any]) -> list[str]:
    """Those that the fit can have."""
    kinds: dict[str, Callable[..., object]] = {
        "Calibration: averages of deciles": result.plot.calibration,
        "Residuals": result.plot.residuals,
        "Leverage and influence": result.plot.leverage,
    }
    figures = []
    for caption, draw_into in kinds.items():
        with contextlib.suppress(OptionError):  # the likelihood has no such picture
            figures.append(_figure(partial(draw_into, X, y, **data), caption))
    return figures


def _most_telling(result: Result) -> list[str]:
    """Names of the terms to draw: all but the intercept, of very many those of largest |z|."""
    end = len(result.names) - len(result.family.estimated)
    terms = list(range(int(result.intercept), end))
    if len(terms) > _MOST_TERMS:
        with np.errstate(all="ignore"):
            size = np.nan_to_num(np.abs(np.atleast_2d(result.tvalues)), nan=0.0).max(axis=0)
        terms = sorted(sorted(terms, key=lambda j: -size[j])[:_MOST_TERMS])
    return [result.names[j] for j in terms]


def _figure(draw_into: Callable[..., object], caption: str, terms: int = 0, classes: int = 0) -> str:
    """A picture inside the page; as an image, so that nothing in it can reach the page."""
    image = base64.b64encode(as_svg(draw_into, terms, classes)).decode("ascii")
    return (
        f'<figure>\n<img alt="{_h(caption)}" src="data:image/svg+xml;base64,{image}">\n'
        f"<figcaption>{_h(caption)}</figcaption>\n</figure>"
    )


def _making(result: Result) -> dict[str, str]:
    """What the numbers were made with."""
    config = show_config()
    facts = {} if result.formula is None else {"Formula": result.formula}
    return facts | {
        "mlefast": config.mlefast,
        "Solver": f"{result.solver}: {result.solver_reason}",
        "Passes over the data": str(result.passes),
        "Instruction set": result.isa,
        "Threads": f"{result.threads}",
        "Time": f"{result.seconds:.3g} s",
        "Python, NumPy, SciPy": f"{config.python}, {config.numpy}, {config.scipy}",
        "Platform": config.platform,
    }


def _facts(facts: dict[str, str]) -> str:
    rows = "\n".join(f"<tr><th>{_h(name)}</th><td>{_h(value)}</td></tr>" for name, value in facts.items())
    return f'<table class="facts">\n{rows}\n</table>'


def _several(names: Iterable[str]) -> str:
    shown = list(names)
    return "; ".join(map(shorten, shown[:_MOST_NAMES])) + ("; ..." if len(shown) > _MOST_NAMES else "")


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _h(text: str) -> str:
    """Text as HTML, control characters as escapes."""
    return html.escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))
