# SPDX-License-Identifier: BSD-3-Clause
"""Values that are missing or not finite: where they are, and what to tell the user.

Fits look for them only after a pass came back without a finite answer, so clean data pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import Design

_BLOCK_ELEMENTS = 1 << 20  # keep what the search needs at a few megabytes


def _blocks(array: NDArray[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
    step = max(1, _BLOCK_ELEMENTS // max(1, array.shape[1]))
    for first in range(0, array.shape[0], step):
        rows = slice(first, first + step)
        yield rows, array[rows]


def missing_values(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a number is NaN or a label is None or NaN."""
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.fromiter((label is None or label != label for label in values), dtype=np.bool_, count=len(values))
    return np.zeros(len(values), dtype=np.bool_)


def missing_rows(design: Design, *vectors: NDArray[Any] | None) -> NDArray[np.bool_]:
    """True for each row in which a column of X or one of the vectors is missing (NaN or None)."""
    missing = np.zeros(design.rows, dtype=np.bool_)
    for group in design.groups:
        if group.dtype.kind == "f":
            for rows, block in _blocks(group):
                missing[rows] |= np.isnan(block).any(axis=1)
    for vector in vectors:
        if vector is not None:
            missing |= missing_values(vector)
    return missing


def counted(number: int, noun: str) -> str:
    """Such as "1 row" and "2 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def first_rows(rows: Iterable[Any]) -> str:
    """Such as "first rows: 3, 5", counted from 0."""
    return f"first rows: {', '.join(str(row) for row in islice(rows, 5))}"


def _describe(what: str, bad: NDArray[np.intp], values: NDArray[Any], others: int = 0) -> DataError:
    missing = int(np.isnan(values).sum())
    if missing == len(values):
        kind, remedy = counted(missing, "missing value") + " (NaN)", 'Use missing="drop" or fill them in.'
    elif missing == 0:
        kind, remedy = counted(len(values), "infinite value"), "Remove or cap them."
    else:
        kind = f"{counted(missing, 'missing value')} (NaN) and {counted(len(values) - missing, 'infinite value')}"
        remedy = 'Remove or cap the infinite ones, and use missing="drop" or fill in the others.'
    also = f" Also affected: {counted(others, 'other column')}." if others else ""
    return DataError(f"{what} has {kind} ({first_rows(bad)}).{also} {remedy}")


def require_finite_vectors(**vectors: NDArray[Any] | None) -> None:
    """Raise DataError for the first of the named vectors that holds NaN or infinity."""
    for what, vector in vectors.items():
        if vector is None or vector.dtype.kind != "f":
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # the sum only says whether a closer look is needed
            total = vector.sum(dtype=np.float64)
        if not np.isfinite(total):
            bad = np.flatnonzero(~np.isfinite(vector))
            if bad.size:
                raise _describe(what, bad, vector[bad])


def require_finite(design: Design, absent: NDArray[np.bool_] | None = None) -> None:
    """Raise DataError for the first column of X that holds NaN or infinity in a row that is not absent."""
    counts = [_not_finite(group, absent) for group in design.groups]
    affected = np.flatnonzero(np.concatenate(counts)) if counts else np.empty(0, dtype=np.intp)
    if not affected.size:
        return
    j = int(affected[0])
    column = _column(design, j)
    bad = ~np.isfinite(column)
    if absent is not None:
        bad &= ~absent
    rows = np.flatnonzero(bad)
    raise _describe(f"column {design.names[j]!r} of X", rows, column[rows], affected.size - 1)


def _not_finite(group: NDArray[Any], absent: NDArray[np.bool_] | None) -> NDArray[np.intp]:
    """How many values of each column are NaN or infinite; one reading, whatever the order of the array."""
    counts = np.zeros(group.shape[1], dtype=np.intp)
    if group.dtype.kind == "f":
        for rows, block in _blocks(group):
            bad = ~np.isfinite(block)
            if absent is not None:
                bad &= ~absent[rows, np.newaxis]
            counts += np.count_nonzero(bad, axis=0)
    return counts


def _column(design: Design, position: int) -> NDArray[Any]:
    for group in design.groups:
        if position < group.shape[1]:
            break
        position -= group.shape[1]
    return group[:, position]
