# SPDX-License-Identifier: BSD-3-Clause
"""The command line: `mlefast fit FILE FORMULA` and `mlefast config`.

The answer goes to standard output, all else to standard error, errors in one line. Exit status: 0 converged, 1 not
converged, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import importlib.util
import io
import json
import math
import os
import re
import shlex
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mlefast.config import __version__, show_config
from mlefast.errors import DataError, MissingPackageError, MlefastError, MlefastWarning, OptionError
from mlefast.options import COVARIANCES, ON_RANK, ON_SEPARATION, WEIGHT_KINDS
from mlefast.solvers import SOLVERS, Iteration

if TYPE_CHECKING:
    import click

    from mlefast.likelihoods import Likelihood
    from mlefast.penalties import Penalty
    from mlefast.result import Result

_PATIENCE = 0.5  # seconds that a fit may take without a word
_INSTALL = 'pip install "mlefast[cli]"'
# those that messages of the library name
_OPTIONS = (
    "likelihood|missing|groups|weight_kind|solver|threads|tol|max_iter|covariance|scale|quantile|on_separation|on_rank"
)
_QUOTES = "\"'"
_PACKAGES = ("click", "formulaic", "pandas", "pyarrow", "rich")  # what the extra "cli" installs


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        import click
    except ImportError:
        return _fail(f"error: the command line needs click: {_INSTALL}.")
    command = _build()
    try:
        # not command.main(), which would print usage errors and interrupts in lines of its own
        given = list(sys.argv[1:] if arguments is None else arguments)
        with command.make_context("mlefast", given.copy(), obj=shlex.join(["mlefast", *given])) as context:
            return int(command.invoke(context))
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "mlefast"
        return _fail(f"error: {error.format_message()} See {path} --help.")
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except BrokenPipeError:
        _abandon_output()
        return 0
    except MemoryError:
        return _fail("error: not enough memory for this table. Use fewer columns or rows.")
    except (MlefastError, OSError) as error:
        return _fail(f"error: {_in_own_words(str(error))}")
    except Exception as error:
        return _fail(
            f"error: unexpected {type(error).__name__}: {error}. This is a mistake in mlefast; please report it."
        )


def _fail(message: str, status: int = 2) -> int:
    _complain(message)
    return status


def _complain(message: str) -> None:
    print("mlefast:", " ".join(message.split()), file=sys.stderr)


def _in_own_words(message: str) -> str:
    """Options as they are spelled here: missing="drop" is --missing drop."""
    message = re.sub(rf"\b({_OPTIONS})=(\"[^\"]*\"|'[^']*'|\S+)", lambda m: f"--{m[1]} {m[2].strip(_QUOTES)}", message)
    message = re.sub(rf"\bRaise ({_OPTIONS})\b", r"Raise --\1", message)
    return re.sub("--(max|on|weight)_", r"--\1-", message)


def _say(text: str) -> None:
    """Print the answer; a reader that has gone away, such as head, is no error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _abandon_output()
    except OSError as error:
        _abandon_output()
        raise MlefastError(f"standard output cannot be written: {error.strerror}.") from None


def _abandon_output() -> None:
    """Let the interpreter flush what is left into nothing when it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _build() -> click.Group:
    """The commands; click is imported only when the command line runs."""
    import click

    @click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
    @click.version_option(__version__, prog_name="mlefast", message="%(prog)s %(version)s")
    def command() -> None:
        """Maximum-likelihood fits of models to tables, with standard errors and a proof."""

    @command.command()
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
    def config(as_json: bool) -> int:
        """Print the instruction set, threads and versions in use, and why."""
        facts = show_config()
        _say(json.dumps(facts.as_dict(), indent=2) if as_json else str(facts))
        return 0

    @command.command()
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

        The summary goes to standard output. Exit status: 0 converged, 1 not converged, 2 bad input.
        """
        _require_packages()
        _require_places(file, output, report)
        result, table = _fit(file, formula, options)
        try:
            if output is not None:
                _write_coefficients(result, output)
            if report is not None:
                _write_report(result, report, given, table, options)
        finally:  # a disk that filled up must not cost the fit
            _say(result.to_json() if as_json else str(result.summary()))
        return 0 if result.converged else 1

    return command


def _require_packages() -> None:
    absent = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingPackageError(f"fitting from the command line needs {' and '.join(absent)}: {_INSTALL}.")


def _require_places(file: str, output: str | None, report: str | None) -> None:
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


def _fit(file: str, formula: str, options: dict[str, Any]) -> tuple[Result, Any]:
    """The fit and its table; all that can be known to be wrong before it is said before it."""
    from mlefast.data.files import read_table
    from mlefast.formula import fit_formula, required_columns
    from mlefast.likelihoods import find_likelihood

    options["likelihood"] = _likelihood(find_likelihood(options["likelihood"]), options.pop("quantile"))
    options["penalty"] = _penalty(options.pop("ridge"), options.pop("firth"))
    options["groups"] = list(options["groups"]) or None
    extra = [options[name] for name in ("weights", "offset", "exposure") if options[name] is not None]
    extra += options["groups"] or []
    with _warnings_in_lines():
        table = read_table(file, list(dict.fromkeys([*required_columns(formula), *extra])))
        with _ProgressLine() as line:
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


def _write_coefficients(result: Result, output: str) -> None:
    from mlefast.data.files import write_coefficients
    from mlefast.interchange import coefficients, encode

    columns = coefficients(result)
    if output.lower().endswith(".json"):
        columns = encode(columns)
    write_coefficients(columns, output)


def _write_report(result: Result, path: str, given: str, table: Any, options: dict[str, Any]) -> None:
    from mlefast.report import report

    rows: dict[str, Any] = {}
    if result.response in table.column_names:  # not of what a formula computes
        weights = options["weights"]
        rows = {"X": table, "y": table[result.response], "missing": options["missing"], "threads": options["threads"]}
        rows["weights"] = None if weights is None else table[weights]
    page = report(result, given, **rows)
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(page)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None


@contextmanager
def _warnings_in_lines() -> Iterator[None]:
    """Print warnings at the end, when no progress line is in the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", category=MlefastWarning)
        try:
            yield
        finally:
            for warning in caught:
                _complain(f"warning: {_in_own_words(str(warning.message))}")


class _ProgressLine:
    """A line on a terminal that says where a fit is, once it has taken longer than half a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live: Any = None
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> _ProgressLine:
        return self

    def update(self, iteration: Iteration) -> None:
        if not self._terminal or time.monotonic() - self._began < _PATIENCE:
            return
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True, highlight=False), transient=True, auto_refresh=False)
            self._live.start()
        step, distance = (
            "-" if math.isnan(value) else f"{value:.2g}" for value in (iteration.step, iteration.distance)
        )
        self._live.update(
            f"pass {iteration.passes:.2f}  NLL {iteration.nll:.10g}  step {step}  "
            f"{distance} std errors off the maximum",
            refresh=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
