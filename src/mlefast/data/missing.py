# SPDX-License-Identifier: BSD-3-Clause
"""Values that are missing or not finite: where they are, and what to tell the user.

Fits look for them only after a pass came back without a finite answer, so clean data pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import Design

_BLOCK_ELEMENTS = 1 << 20  # keep what the search needs at a few megabytes


def _blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    step = max(1, _BLOCK_ELEMENTS // max(1, array.shape[1]))
    for first in range(0, array.shape[0], step):
        yield first, array[first : first + step]


def _vector_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.fromiter((v is None or v != v for v in values), dtype=np.bool_, count=len(values))
    return np.zeros(len(values), dtype=np.bool_)


def missing_rows(design: Design, *vectors: NDArray[Any] | None) -> NDArray[np.bool_]:
    """True for each row in which a column of X or one of the vectors is missing (NaN or None)."""
    missing = np.zeros(design.rows, dtype=np.bool_)
    for group in design.groups:
        if group.dtype.kind == "f":
            for first, block in _blocks(group):
                missing[first : first + len(block)] |= np.isnan(block).any(axis=1)
    for vector in vectors:
        if vector is not None:
            missing |= _vector_missing(vector)
    return missing


def _describe(what: str, bad: NDArray[np.intp], values: NDArray[Any]) -> DataError:
    missing = int(np.isnan(values).sum())
    kind = (
        "missing values (NaN)"
        if missing == len(values)
        else "infinite values"
        if missing == 0
        else "NaN or infinite values"
    )
    first = ", ".join(str(i) for i in bad[:5])
    remedy = 'Use missing="drop" or fill them in.' if missing else "Remove or cap them."
    return DataError(f"{what} has {len(bad)} {kind} (first rows: {first}). {remedy}")


def require_finite_vectors(**vectors: NDArray[Any] | None) -> None:
    """Raise DataError for the first of the named vectors that holds NaN or infinity."""
    for what, vector in vectors.items():
        if vector is not None and vector.dtype.kind == "f" and not np.isfinite(vector.sum(dtype=np.float64)):
            bad = np.flatnonzero(~np.isfinite(vector))
            if bad.size:
                raise _describe(what, bad, vector[bad])


def require_finite(design: Design, absent: NDArray[np.bool_] | None = None) -> None:
    """Raise DataError for the first column of X that holds NaN or infinity in a row that is not absent."""
    position = 0
    for group in design.groups:
        if group.dtype.kind == "f":
            for j in range(group.shape[1]):
                bad = ~np.isfinite(group[:, j])
                if absent is not None:
                    bad &= ~absent
                rows = np.flatnonzero(bad)
                if rows.size:
                    raise _describe(f"column {design.names[position + j]!r} of X", rows, group[rows, j])
        position += group.shape[1]
