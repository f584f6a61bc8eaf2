# SPDX-License-Identifier: BSD-3-Clause
"""The command line: `mlefast fit FILE FORMULA` and `mlefast config`.

The answer goes to standard output, all else to standard error. Exit status: 0 converged, 1 not converged, 2 bad input,
130 interrupted.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mlefast.config import __version__, show_config
from mlefast.errors import MlefastError
from mlefast.solvers import Iteration

if TYPE_CHECKING:
    from mlefast.result import Result

_PATIENCE = 0.5  # seconds that a fit may take without a word


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        import click
    except ImportError:
        return _fail('the command line needs more packages: pip install "mlefast[cli]".')
    command = _build(click)
    try:
        status = command.main(args=arguments, prog_name="mlefast", standalone_mode=False)
        return int(status or 0)
    except click.ClickException as error:
        error.show(file=sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except MlefastError as error:
        return _fail(f"error: {error}")
    except MemoryError:
        return _fail("error: not enough memory for this table. Use fewer columns or rows.")
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _fail(message: str, status: int = 2) -> int:
    print(f"mlefast: {message}", file=sys.stderr)
    return status


def _build(click: Any) -> Any:
    """The commands; click is imported only when the command line runs."""

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, prog_name="mlefast")
    def command() -> None:
        """Maximum-likelihood fits of models to tables, with standard errors and a proof."""

    @command.command()
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
    def config(as_json: bool) -> None:
        """Print the instruction set, threads and versions in use, and why."""
        facts = show_config()
        click.echo(json.dumps(facts.as_dict(), indent=2) if as_json else str(facts))

    @command.command()
    @click.argument("file", type=click.Path())
    @click.argument("formula")
    @click.option("--likelihood", default="bernoulli", show_default=True, help="Assumed distribution of the response.")
    @click.option("--missing", type=click.Choice(["raise", "drop"]), default="raise", show_default=True)
    @click.option("--weights", metavar="COLUMN", help="Column of frequency weights.")
    @click.option("--offset", metavar="COLUMN", help="Column of known parts of the linear predictor.")
    @click.option("--solver", type=click.Choice(["auto", "irls", "lbfgs"]), default="auto", show_default=True)
    @click.option("--threads", type=click.IntRange(min=1), help="Default: what the machine allows.")
    @click.option("--tol", type=float, default=1e-6, show_default=True, help="Distance to the maximum in std errors.")
    @click.option("--max-iter", type=click.IntRange(min=0), default=100, show_default=True)
    @click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the summary.")
    @click.option("--output", type=click.Path(), help="Write the coefficients to a .csv, .json or .parquet file.")
    def fit(file: str, formula: str, as_json: bool, output: str | None, **options: Any) -> int:
        """Fit FORMULA, such as "late ~ hour + C(carrier)", to the table in FILE (CSV or Parquet)."""
        result = _fit(file, formula, output, options)
        click.echo(json.dumps(_as_dict(result), indent=2, allow_nan=False) if as_json else str(result.summary()))
        return 0 if result.converged else 1

    return command


def _fit(file: str, formula: str, output: str | None, options: dict[str, Any]) -> Result:
    from mlefast.data.files import read_table, require_writable, write_coefficients
    from mlefast.formula import fit_formula, required_columns
    from mlefast.likelihoods import find_likelihood

    find_likelihood(options["likelihood"])
    if output is not None:
        require_writable(output)
    extra = [options[name] for name in ("weights", "offset") if options[name] is not None]
    table = read_table(file, [*dict.fromkeys([*required_columns(formula), *extra])])
    with warnings.catch_warnings(record=True) as caught, _ProgressLine() as line:
        warnings.simplefilter("always")
        result = fit_formula(formula, table, progress=line.update, **options)
    for warning in caught:
        print(f"mlefast: warning: {warning.message}", file=sys.stderr)
    if output is not None:
        write_coefficients(_coefficients(result), output)
    return result


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if math.isfinite(value) else None


def _coefficients(result: Result) -> dict[str, list[Any]]:
    interval = result.conf_int()
    columns = {
        "coef": result.params,
        "std_err": result.bse,
        "z": result.tvalues,
        "p_value": result.pvalues,
        "lower": interval[:, 0],
        "upper": interval[:, 1],
    }
    return {"name": list(result.names), **{name: [_number(x) for x in column] for name, column in columns.items()}}


def _as_dict(result: Result) -> dict[str, Any]:
    table = _coefficients(result)
    certificate, separation = result.certificate, result.separation
    facts = ("likelihood", "link", "formula", "response", "rank", "dropped", "converged", "iterations", "solver")
    numbers = ("nobs", "df_model", "df_resid", "llf", "llnull", "aic", "bic", "deviance", "null_deviance", "prsquared")
    return {
        **{name: getattr(result, name) for name in (*facts, "solver_reason", "threads", "isa")},
        **{name: _number(getattr(result, name)) for name in (*numbers, "llr_pvalue", "passes", "seconds")},
        "classes": None if result.classes is None else result.classes.tolist(),
        "certificate": {
            "distance": _number(certificate.distance),
            "decrement": _number(certificate.decrement),
            "gradient": _number(certificate.gradient),
            "worst": certificate.worst,
            "met": certificate.met,
            "tol": certificate.tol,
        },
        "separation": {
            "verdict": separation.verdict,
            "margin": _number(separation.margin),
            "columns": list(separation.columns),
        },
        "aliased": {alias.name: dict(alias.combination) for alias in result.aliased},
        "coefficients": [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)],
    }


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

            self._live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
            self._live.start()
        step = "-" if math.isnan(iteration.step) else f"{iteration.step:.2g}"
        self._live.update(
            f"pass {iteration.passes:.2f}   NLL {iteration.nll:.8g}   step {step}   "
            f"distance to the maximum {iteration.distance:.2g} std errors",
            refresh=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
