# SPDX-License-Identifier: BSD-3-Clause
"""`mlefast fit FILE FORMULA`."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlefast.errors import MissingPackageError, OptionError
from mlefast.options import COVARIANCES, ON_RANK, ON_SEPARATION, WEIGHT_KINDS
from mlefast.solvers import SOLVERS

from .messages import INSTALL, say, warnings_in_lines
from .outputs import require_places, save_coefficients, save_report
from .progress import ProgressLine

if TYPE_CHECKING:
    import click

    from mlefast.diagnostics import Diagnostics
    from mlefast.likelihoods import Likelihood
    from mlefast.penalties import Penalty
    from mlefast.result import Result

_PACKAGES = ("click", "formulaic", "pandas", "pyarrow", "rich")  # what the extra "cli" installs


def fit_command() -> click.Command:
    """The command; click is imported only when the command line runs."""
    import click

    @click.command()
    @click.argument("file", type=click.Path())
    @click.argument("formula")
    @click.option("--likelihood", default="bernoulli", show_default=True, help="Assumed distribution of the response.")
    @click.option(
        "--missing",
        type=click.Choice(["raise", "drop"]),
        default="raise",
        show_default=True,
        help="What to do with rows that have a missing value.",
    )
    @click.option("--weights", metavar="COLUMN", help="Column of weights.")
    @click.option(
        "--weight-kind",
        type=click.Choice(WEIGHT_KINDS),
        default="frequency",
        show_default=True,
        help="What the weights mean.",
    )
    @click.option("--offset", metavar="COLUMN", help="Column of known parts of the linear predictor.")
    @click.option("--exposure", metavar="COLUMN", help="Column of amounts to which counts are proportional.")
    @click.option("--quantile", type=float, help="Of the laplace likelihood; default: 0.5, the median.")
    @click.option(
        "--covariance",
        type=click.Choice(COVARIANCES),
        help="Default: what suits the likelihood, the weights and the groups.",
    )
    @click.option("--groups", metavar="COLUMN", multiple=True, help="Column of clusters; twice for two-way ones.")
    @click.option("--scale", type=click.Choice(["corrected", "mle"]), help="Of Gaussian standard errors: n - p or n.")
    @click.option("--ridge", metavar="ALPHA", type=float, help="Add ALPHA / 2 times the sum of squared slopes.")
    @click.option("--firth", is_flag=True, help="Add Jeffreys' prior, which keeps separated labels finite.")
    @click.option(
        "--on-separation",
        type=click.Choice(ON_SEPARATION),
        default="warn",
        show_default=True,
        help="What to do if the maximum does not exist.",
    )
    @click.option(
        "--on-rank",
        type=click.Choice(ON_RANK),
        default="warn",
        show_default=True,
        help="What to do if columns are combinations of others.",
    )
    @click.option(
        "--solver",
        type=click.Choice(["auto", *SOLVERS]),
        default="auto",
        show_default=True,
        help="How to find the maximum.",
    )
    @click.option("--multistart", type=click.IntRange(1), default=1, help="Search from so many scattered starts.")
    @click.option("--threads", type=click.IntRange(min=1), help="Default: what the machine allows.")
    @click.option(
        "--stream/--no-stream",
        default=None,
        help="Read the file in each pass. Default: if it is larger than half of the free memory.",
    )
    @click.option(
        "--memory", metavar="SIZE", default="1GB", show_default=True, help="What a stream may take, such as 500MB."
    )
    @click.option(
        "--tol", type=float, default=1e-6, show_default=True, help="Distance to the maximum, in standard errors."
    )
    @click.option(
        "--max-iter",
        type=click.IntRange(min=0),
        default=100,
        show_default=True,
        help="Iterations after which to give up.",
    )
    @click.option("--checkpoint", type=click.Path(), help="A file by which a fit that was interrupted goes on.")
    @click.option("--diagnose", is_flag=True, help="Print how well the fit describes its rows, too.")
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the summary.")
    @click.option("--output", type=click.Path(), help="Write the coefficients to a .csv, .json or .parquet file.")
    @click.option("--report", type=click.Path(), help="Write a page about the fit, with pictures, to an .html file.")
    @click.pass_obj
    def fit(
        given: str,
        /,
        file: str,
        formula: str,
        diagnose: bool,
        as_json: bool,
        output: str | None,
        report: str | None,
        **options: Any,
    ) -> int:
        """Fit FORMULA, such as "late ~ hour + C(carrier)", to the table in FILE (CSV or Parquet).

        FILE may be a folder or a pattern such as "flights/*.parquet", which is read as a stream; so are Feather files
        with --stream.

        The summary goes to standard output. Exit status: 0 converged, 1 not converged, 2 bad input.
        """
        _require_packages()
        require_places(file, output, report)
        streamed = _streams(file, options.pop("stream"))
        if diagnose:
            _require_residuals(options["likelihood"], streamed)
        result, table = _fit(file, formula, streamed, options)
        found = None
        try:
            if output is not None:
                save_coefficients(result, output)
            if report is not None:
                save_report(result, report, given, {} if streamed else _rows(formula, table, options))
            if diagnose:
                found = _diagnose(result, _rows(formula, table, options))
        finally:  # a disk that filled up must not cost the fit
            say(_answer(result, found, as_json))
        return 0 if result.converged else 1

    return fit


def _require_packages() -> None:
    absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingPackageError(f"fitting from the command line needs {' and '.join(absent)}: {INSTALL}.")


def _streams(file: str, wanted: bool | None) -> bool:
    """Whether the file is read in each pass."""
    from mlefast.data.files import is_large

    return is_large(file) if wanted is None else wanted


def _fit(file: str, formula: str, streamed: bool, options: dict[str, Any]) -> tuple[Result, Any]:
    """The fit and its table, or the file; all that can be known to be wrong before it is said before it."""
    from mlefast.data.files import read_table
    from mlefast.formula import fit_formula, required_columns
    from mlefast.likelihoods import find_likelihood

    options["likelihood"] = _likelihood(find_likelihood(options["likelihood"]), options.pop("quantile"))
    options["penalty"] = _penalty(options.pop("ridge"), options.pop("firth"))
    options["groups"] = list(options["groups"]) or None
    extra = [options[name] for name in ("weights", "offset", "exposure") if options[name] is not None]
    extra += options["groups"] or []
    with warnings_in_lines():
        needed = list(dict.fromkeys([*required_columns(formula), *extra]))
        table: Any = file if streamed else read_table(file, needed)
        with ProgressLine() as line:
            return fit_formula(formula, table, progress=line.update, **options), table


def _likelihood(likelihood: Likelihood, quantile: float | None) -> Likelihood:
    """The likelihood of this quantile."""
    from mlefast.likelihoods import Laplace

    if quantile is None:
        return likelihood
    if not isinstance(likelihood, Laplace):
        raise OptionError(f"--quantile is for --likelihood laplace, not {likelihood.name}. Leave it out.")
    return Laplace(quantile)


def _penalty(alpha: float | None, firth: bool) -> Penalty | None:
    """The penalty that was asked for."""
    from mlefast.penalties import Firth, Ridge

    if firth:
        if alpha is not None:
            raise OptionError("--firth and --ridge are two penalties. Use one of them.")
        return Firth()
    return None if alpha is None else Ridge(alpha)


def _require_residuals(likelihood: str, streamed: bool) -> None:
    """OptionError, before the fit, if there is nothing to say of its rows."""
    from mlefast.likelihoods import Laplace, find_likelihood

    if isinstance(find_likelihood(likelihood), Laplace):
        raise OptionError(
            "--diagnose is not for --likelihood laplace, whose residuals have no assumed spread. Leave it out."
        )
    if streamed:
        raise OptionError("--diagnose looks at the rows in memory, and this file is a stream. Use --no-stream.")


def _rows(formula: str, table: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The rows of the fit, as arguments of what looks at them again; offset and exposure are known to the result."""
    from mlefast.formula import read_response

    weights = options["weights"]
    return {
        "X": table,
        "y": read_response(formula, table),
        "weights": None if weights is None else table[weights],
        "missing": options["missing"],
        "threads": options["threads"],
    }


def _diagnose(result: Result, rows: dict[str, Any]) -> Diagnostics:
    from mlefast.diagnostics import diagnose

    return diagnose(result, **rows)


def _answer(result: Result, found: Diagnostics | None, as_json: bool) -> str:
    """The fit, and what was found out about its rows."""
    if as_json:
        from mlefast.interchange import to_json

        return to_json(result) if found is None else to_json(result, diagnostics=asdict(found))
    return str(result.summary()) if found is None else f"{result.summary()}\n\n{found}"
