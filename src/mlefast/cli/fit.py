# SPDX-License-Identifier: BSD-3-Clause
"""`mlefast fit FILE FORMULA`."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from mlefast.errors import MissingPackageError, OptionError
from mlefast.options import COVARIANCES, ON_RANK, ON_SEPARATION, WEIGHT_KINDS
from mlefast.solvers import SOLVERS

from .messages import INSTALL, say, warnings_in_lines
from .outputs import require_places, save_coefficients, save_report
from .progress import ProgressLine

if TYPE_CHECKING:
    import click

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
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the summary.")
    @click.option("--output", type=click.Path(), help="Write the coefficients to a .csv, .json or .parquet file.")
    @click.option("--report", type=click.Path(), help="Write a page about the fit, with pictures, to an .html file.")
    @click.pass_obj
    def fit(
        given: str, /, file: str, formula: str, as_json: bool, output: str | None, report: str | None, **options: Any
    ) -> int:
        """Fit FORMULA, such as "late ~ hour + C(carrier)", to the table in FILE (CSV or Parquet).

        FILE may be a folder or a pattern such as "flights/*.parquet", which is read as a stream; so are Feather files
        with --stream.

        The summary goes to standard output. Exit status: 0 converged, 1 not converged, 2 bad input.
        """
        _require_packages()
        require_places(file, output, report)
        result, table = _fit(file, formula, options)
        try:
            if output is not None:
                save_coefficients(result, output)
            if report is not None:
                save_report(result, report, given, table, options)
        finally:  # a disk that filled up must not cost the fit
            say(result.to_json() if as_json else str(result.summary()))
        return 0 if result.converged else 1

    return fit


def _require_packages() -> None:
    absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingPackageError(f"fitting from the command line needs {' and '.join(absent)}: {INSTALL}.")


def _fit(file: str, formula: str, options: dict[str, Any]) -> tuple[Result, Any]:
    """The fit and its table; all that can be known to be wrong before it is said before it."""
    from mlefast.data.files import is_large, read_table
    from mlefast.formula import fit_formula, required_columns
    from mlefast.likelihoods import find_likelihood

    options["likelihood"] = _likelihood(find_likelihood(options["likelihood"]), options.pop("quantile"))
    options["penalty"] = _penalty(options.pop("ridge"), options.pop("firth"))
    options["groups"] = list(options["groups"]) or None
    extra = [options[name] for name in ("weights", "offset", "exposure") if options[name] is not None]
    extra += options["groups"] or []
    streamed = options.pop("stream")
    with warnings_in_lines():
        if streamed or (streamed is None and is_large(file)):
            table: Any = file
        else:
            table = read_table(file, list(dict.fromkeys([*required_columns(formula), *extra])))
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
