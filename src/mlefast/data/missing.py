# SPDX-License-Identifier: BSD-3-Clause
"""Values that are missing, infinite or too large: where they are, and what to tell the user.

In X they are looked for only after a pass came back without a finite answer, so clean data pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError

from .design import Design

LARGEST = np.float64(1e150)  # the square of what is larger overflows; of this type, since float32 cannot hold it
_BLOCK_ELEMENTS = 1 << 17  # keep what the search needs at a few megabytes


def missing_values(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a number is NaN or a label is None or NaN."""
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.fromiter((label is None or label != label for label in values), dtype=np.bool_, count=len(values))
    return np.zeros(len(values), dtype=np.bool_)


def missing_rows(design: Design, *vectors: NDArray[Any] | None) -> NDArray[np.bool_]:
    """True for each row in which a column of X or one of the vectors is missing (NaN or None)."""
    missing = design.missing()
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


def _unusable(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a number is NaN, infinite or beyond LARGEST."""
    return np.asarray(~(np.abs(values) <= LARGEST))


def _describe(what: str, bad: NDArray[np.intp], values: NDArray[Any], others: int = 0) -> DataError:
    missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    huge = len(values) - missing - infinite
    found = [
        (missing, f"{counted(missing, 'missing value')} (NaN)", 'use missing="drop" or fill in the missing ones'),
        (infinite, counted(infinite, "infinite value"), "remove or cap the infinite ones"),
        (huge, f"{counted(huge, 'value')} beyond {LARGEST:g}", "rescale the column"),
    ]
    kinds, remedies = zip(*((kind, remedy) for number, kind, remedy in found if number), strict=True)
    remedy = ", and ".join(remedies)
    if len(kinds) == 1:
        remedy = remedy.replace("in the missing ones", "them in").replace("the infinite ones", "them")
    also = f" Also affected: {counted(others, 'other column')}." if others else ""
    return DataError(f"{what} has {' and '.join(kinds)} ({first_rows(bad)}).{also} {remedy[0].upper()}{remedy[1:]}.")


def require_finite_vector(vector: NDArray[Any] | None, what: str) -> None:
    """Raise DataError if a vector holds NaN, infinity or a number beyond LARGEST."""
    if vector is None or vector.dtype.kind != "f" or not vector.size:
        return
    least, greatest, total, *_ = _core.describe(vector)
    if not (least >= -LARGEST and greatest <= LARGEST and total == total):
        bad = np.flatnonzero(_unusable(vector))
        raise _describe(what, bad, vector[bad])


def require_finite(design: Design, absent: NDArray[np.bool_] | None = None) -> None:
    """Raise DataError for the first column of X with NaN, infinity or a huge number in a row that is not absent."""
    counts = np.zeros(design.columns, dtype=np.intp)
    for _, bad, _ in _unusable_blocks(design, absent):
        counts += np.count_nonzero(bad, axis=0)
    affected = np.flatnonzero(counts)
    if not affected.size:
        return
    j = int(affected[0])
    found = [
        (rows.start + np.flatnonzero(bad[:, j]), x[bad[:, j], j]) for rows, bad, x in _unusable_blocks(design, absent)
    ]
    rows, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    raise _describe(f"column {design.names[j]!r} of X", rows, values, affected.size - 1)


def _unusable_blocks(
    design: Design, absent: NDArray[np.bool_] | None
) -> Iterator[tuple[slice, NDArray[np.bool_], NDArray[np.float64]]]:
    """Which rows, which of their values cannot be used, and the values."""
    for rows, x in design.blocks(_BLOCK_ELEMENTS):
        bad = _unusable(x)
        if absent is not None:
            bad &= ~absent[rows, np.newaxis]
        yield rows, bad, x
