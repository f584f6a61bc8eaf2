# SPDX-License-Identifier: BSD-3-Clause
"""What the command line says: the answer to standard output, all else, in lines, to standard error."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mlefast.errors import MlefastError, MlefastWarning

INSTALL = 'pip install "mlefast[cli]"'
# those that messages of the library name
_OPTIONS = (
    "likelihood|missing|memory|groups|weight_kind|solver|threads|tol|max_iter|covariance|scale|quantile|on_separation"
    "|on_rank"
)
_QUOTES = "\"'"


def fail(message: str, status: int = 2) -> int:
    """Say why there is no answer; the exit status."""
    complain(message)
    return status


def complain(message: str) -> None:
    """One line to standard error."""
    print("mlefast:", " ".join(message.split()), file=sys.stderr)


def in_own_words(message: str) -> str:
    """Options as they are spelled here: missing="drop" is --missing drop."""
    message = message.replace("penalty=mlefast.Firth()", "--firth")
    message = re.sub(rf"\b({_OPTIONS})=(\"[^\"]*\"|'[^']*'|\S+)", lambda m: f"--{m[1]} {m[2].strip(_QUOTES)}", message)
    message = re.sub(rf"\bRaise ({_OPTIONS})\b", r"Raise --\1", message)
    return re.sub("--(max|on|weight)_", r"--\1-", message)


def say(text: str) -> None:
    """Print the answer; a reader that has gone away, such as head, is no error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show
    try:
        print(text, flush=True)
    except BrokenPipeError:
        abandon_output()
    except OSError as error:
        abandon_output()
        raise MlefastError(f"standard output cannot be written: {error.strerror}.") from None


def abandon_output() -> None:
    """Let the interpreter flush what is left into nothing when it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


@contextmanager
def warnings_in_lines() -> Iterator[None]:
    """Print warnings at the end, when no progress line is in the way."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", category=MlefastWarning)
        try:
            yield
        finally:
            for warning in caught:
                complain(f"warning: {in_own_words(str(warning.message))}")
