# SPDX-License-Identifier: BSD-3-Clause
"""Arguments other than the data: what they may be, and what to tell the user."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

MISSING = ("raise", "drop")
COVARIANCES = ("fisher", "expected", "HC0", "HC1", "HC2", "HC3", "cluster", "survey", "iid", "kernel", "bootstrap")
WEIGHT_KINDS = ("frequency", "precision", "sampling")
ON_SEPARATION = ("warn", "raise", "ignore", "firth")
ON_RANK = ("warn", "raise")
_MOST_THREADS = 2**16
_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_MOST_STARTS = 10_000


def _shown(value: Any) -> str:
    """A value in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def require_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """OptionError if a word is not among the possible ones."""
    if not isinstance(value, str) or value not in choices:
        raise OptionError(f"{name}={_shown(value)} is unknown; possible: {', '.join(choices)}.")


def read_flag(name: str, value: Any) -> bool:
    """True or False, of Python or NumPy; OptionError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{name}={_shown(value)} must be True or False.")
    return bool(value)


def is_whole(value: Any) -> bool:
    """Whether a value is an integer of Python or NumPy; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def read_number(name: str, value: Any, lower: float, upper: float, meaning: str) -> float:
    """A real number between two bounds, without them; OptionError says what it means."""
    real = isinstance(value, float | np.floating) or is_whole(value)
    if not real or not lower < value < upper:
        raise OptionError(f"{name}={_shown(value)} must be {meaning}.")
    return float(value)


def read_tol(tol: Any) -> float:
    """The tolerance of a fit."""
    return read_number("tol", tol, 0.0, math.inf, "a positive number of standard errors, such as 1e-6")


def read_max_iter(max_iter: Any) -> int:
    """The largest number of iterations."""
    if not is_whole(max_iter) or max_iter < 0:
        raise OptionError(f"max_iter={_shown(max_iter)} must be a whole number from 0.")
    return int(max_iter)


def read_multistart(multistart: Any) -> int:
    """The number of starts."""
    if not is_whole(multistart) or not 1 <= multistart <= _MOST_STARTS:
        raise OptionError(f"multistart={_shown(multistart)} must be a whole number from 1 to {_MOST_STARTS}.")
    return int(multistart)


def read_memory(memory: Any) -> int:
    """A number of bytes, given as such or as text."""
    if isinstance(memory, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?)i?B?\s*", memory, re.IGNORECASE)
        if found:
            memory = int(float(found[1]) * _BYTES[found[2].upper()])
    if not is_whole(memory) or memory < 1:
        raise OptionError(f'memory={_shown(memory)} must be a number of bytes, such as 500_000_000 or "500MB".')
    return int(memory)


def resolve_threads(threads: Any) -> int:
    """The number of threads for the argument of the same name."""
    if threads is not None and (not is_whole(threads) or not 1 <= threads <= _MOST_THREADS):
        raise OptionError(
            f"threads={_shown(threads)} must be a whole number from 1 to {_MOST_THREADS}, or None to use what the "
            "machine offers."
        )
    return _core.resolve_threads(None if threads is None else int(threads))[0]


def read_params(
    name: str, values: Any, parameters: Sequence[str], shape: tuple[int, ...] | None = None
) -> NDArray[np.float64]:
    """Parameters that the user gives, in order; DataError if they are not one finite number for each.

    They must have this shape, by default (number of parameters,); the answer is flat.
    """
    shape = shape or (len(parameters),)
    try:
        point = np.asarray(values)
    except ValueError:
        raise DataError(f"{name}={_shown(values)} is ragged; it must hold {_one_for_each(parameters)}.") from None
    if point.dtype.kind not in "biuf":
        raise DataError(
            f"{name}={_shown(values)} is not made of real numbers; it must hold {_one_for_each(parameters)}."
        )
    if point.shape != shape:
        raise DataError(f"{name} has the shape {point.shape}; it must be {shape}: {_one_for_each(parameters)}.")
    if not np.isfinite(point).all():
        raise DataError(f"{name} holds NaN or infinite values; it must hold {_one_for_each(parameters)}.")
    return np.asarray(point, dtype=np.float64, order="C").ravel()


def _one_for_each(parameters: Sequence[str]) -> str:
    shown = ", ".join(parameters[:4]) + (", ..." if len(parameters) > 4 else "")
    return f"one number for each of the {len(parameters)} parameters: {shown}"
