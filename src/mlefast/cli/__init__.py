# SPDX-License-Identifier: BSD-3-Clause
"""The command line: `mlefast fit FILE FORMULA` and `mlefast config`.

The answer goes to standard output, all else to standard error, errors in one line. Exit status: 0 converged, 1 not
converged, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from mlefast.config import __version__
from mlefast.errors import MlefastError

from .messages import INSTALL, abandon_output, fail, in_own_words

if TYPE_CHECKING:
    import click


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        import click
    except ImportError:
        return fail(f"error: the command line needs click: {INSTALL}.")
    command = _commands()
    try:
        # not command.main(), which would print usage errors and interrupts in lines of its own
        given = list(sys.argv[1:] if arguments is None else arguments)
        with command.make_context("mlefast", given.copy(), obj=shlex.join(["mlefast", *given])) as context:
            return int(command.invoke(context))
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "mlefast"
        return fail(f"error: {error.format_message()} See {path} --help.")
    except (click.Abort, KeyboardInterrupt):
        return fail("interrupted", 130)
    except BrokenPipeError:
        abandon_output()
        return 0
    except MemoryError:
        return fail("error: not enough memory for this table. Use fewer columns or rows.")
    except (MlefastError, OSError) as error:
        return fail(f"error: {in_own_words(str(error))}")
    except Exception as error:
        return fail(
            f"error: unexpected {type(error).__name__}: {error}. This is a mistake in mlefast; please report it."
        )


def _commands() -> click.Group:
    """All commands; click is imported only when the command line runs."""
    import click

    from .config import config_command
    from .fit import fit_command

    @click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
    @click.version_option(__version__, prog_name="mlefast", message="%(prog)s %(version)s")
    def command() -> None:
        """Maximum-likelihood fits of models to tables, with standard errors and a proof."""

    command.add_command(config_command())
    command.add_command(fit_command())
    return command
