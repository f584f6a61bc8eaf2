# SPDX-License-Identifier: BSD-3-Clause
"""Everything mlefast raises or warns with.

An error names what is wrong, where it is (the column and the first rows) and what to do about it. Errors
about the user's input are also `ValueError`, so that code which expects NumPy's habits catches them.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_filters = threading.RLock()
if hasattr(os, "register_at_fork"):  # a child must not wait for a thread that only its parent has
    os.register_at_fork(before=_filters.acquire, after_in_parent=_filters.release, after_in_child=_filters.release)


@contextmanager
def warnings_as(action: Literal["ignore", "error"], category: type[Warning]) -> Iterator[None]:
    """Warnings of a category ignored or raised inside.

    Filters belong to the process (to the context only from Python 3.14 on, if it is told so): two threads that change
    and restore them by turns lose those of each other and may leave them changed for ever, so here one waits for the
    other.
    """
    with _filters, warnings.catch_warnings():
        warnings.simplefilter(action, category)
        yield


class MlefastError(Exception):
    """Base of every error that mlefast raises on purpose."""


class DataError(MlefastError, ValueError):
    """The data cannot be used as they are: wrong shape, dtype, labels or values that are not finite."""


class FormulaError(DataError):
    """The formula cannot be read or does not fit the data."""


class SeparationError(DataError):
    """With on_separation="raise": the maximum does not exist, or its existence could not be proved."""


class RankError(DataError):
    """With on_rank="raise": some columns are linear combinations of others."""


class OptionError(MlefastError, ValueError):
    """An argument other than the data has a value that is not among the possible ones."""


class MissingPackageError(MlefastError, ImportError):
    """An optional package is needed for what was asked and is not installed."""


class MlefastWarning(UserWarning):
    """Base of every warning that mlefast issues."""


class ConvergenceWarning(MlefastWarning):
    """The estimate returned is not certified to be the maximum of the likelihood."""


class SeparationWarning(MlefastWarning):
    """The maximum does not exist, or its existence could not be proved: some coefficients run to infinity."""


class LabelWarning(MlefastWarning):
    """A class that the labels declare never occurs."""


class RankWarning(MlefastWarning):
    """Some columns are linear combinations of others; their coefficients are not determined."""
