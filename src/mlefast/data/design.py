# SPDX-License-Identifier: BSD-3-Clause
"""What the user calls X, as groups of columns that are read where they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

READABLE = frozenset("?bBhHiIlLqQfd")
_BLOCK_ELEMENTS = 1 << 20  # a block of rows takes eight megabytes


@dataclass(frozen=True, eq=False)
class Design:
    """Columns of X: 2-D arrays side by side, any stride, byte order and numeric type, never copies of the user's."""

    groups: tuple[NDArray[Any], ...]
    rows: int
    columns: int
    given_names: tuple[str, ...] | None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name per column: the user's, or x1, x2, ..."""
        return self.given_names or tuple(f"x{j}" for j in range(1, self.columns + 1))

    @property
    def single(self) -> bool:
        """Whether all numbers are float32."""
        return self.columns > 0 and all(group.dtype.char == "f" for group in self.groups)

    def blocks(self, step: int = 1, elements: int = _BLOCK_ELEMENTS) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Every step-th row in float64, about `elements` numbers at a time, and which rows of the design they are."""
        rows = max(1, elements // max(1, self.columns))
        for first in range(0, self.rows, rows * step):
            part = slice(first, min(first + rows * step, self.rows), step)
            block = np.empty((len(range(self.rows)[part]), self.columns))
            position = 0
            for group in self.groups:
                block[:, position : position + group.shape[1]] = group[part]
                position += group.shape[1]
            yield part, block


def read_design(x: Any, names: Sequence[str] | None = None) -> Design:
    """The columns of an array, a data frame, an Arrow table or a list of rows.

    Parameters
    ----------
    x : array-like of shape (n, p) or (n,), or a frame of pandas, polars, Arrow or anything with `__arrow_c_stream__`
        The covariates, numbers or booleans; a Design is one already.
    names : sequence of str, optional
        Names of the columns; default: the frame's, or x1, x2, ...

    Returns
    -------
    Design

    Raises
    ------
    DataError
        If there are no rows, too many dimensions or columns that are not numbers; the message names the column.
    """
    if isinstance(x, Design):
        design = x
    elif type(x) is np.ndarray:
        design = _from_array(x)
    elif hasattr(x, "tocsr"):
        raise DataError("X is a sparse matrix, which cannot be read yet. Use X.toarray() if it fits in memory.")
    elif is_frame(x):
        from .frame import frame_columns

        design = frame_columns(x)
    else:
        design = _from_array(plain_array(x, "X"))
    if design.rows == 0:
        raise DataError("X has no rows. Check the filter that made the data.")
    return design if names is None else _renamed(design, names)


def is_frame(values: Any) -> bool:
    """Whether values are a table or a column of a data-frame library rather than something for NumPy."""
    return (
        hasattr(values, "__arrow_c_stream__")
        or hasattr(values, "__dataframe__")
        or hasattr(values, "iloc")
        or hasattr(type(values), "columns")  # of the class: asking a lazy frame itself would make it work
    )


def plain_array(values: Any, what: str) -> NDArray[Any]:
    """What NumPy makes of array-likes, and DataError where it would fail or forget a mask."""
    if isinstance(values, np.ma.MaskedArray) and (masked := int(np.sum(values.mask))):
        raise DataError(
            f"{what} is a masked array, and {masked} of its entries are masked. Use "
            f"{what}.astype(float).filled(np.nan)."
        )
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{what} is not rectangular: its rows have different lengths. Make them equal.") from None


def require_distinct(names: Sequence[str], where: str) -> None:
    """DataError for the first name that stands there twice."""
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{where} holds {twice!r} more than once. Give each column a name of its own.")


def _renamed(design: Design, names: Sequence[str]) -> Design:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DataError(f"names={names!r} is not a list. Give one with a name per column.")
    given = tuple(str(name) for name in names)
    if len(given) != design.columns:
        raise DataError(f"names has {len(given)} entries, X has {design.columns} columns. Give one name per column.")
    require_distinct(given, "names")
    return Design(design.groups, design.rows, design.columns, given)


def _from_array(x: NDArray[Any]) -> Design:
    if x.ndim == 1:
        x = x[:, np.newaxis]
    if x.ndim != 2:
        raise DataError(f"X has {x.ndim} dimensions; it must have two: rows and columns. Use an array or a data frame.")
    if x.dtype.char not in READABLE:
        raise DataError(f"X has the type {x.dtype}, which is not read. {type_remedy(x.dtype, 'X')}")
    return Design((x,), x.shape[0], x.shape[1], None)


def type_remedy(dtype: np.dtype[Any], what: str) -> str:
    """What to do about a type that the pass does not read."""
    if dtype.kind == "f":
        return f"Use {what}.astype(float)."
    if dtype.kind == "c":
        return "Complex numbers have no place in a likelihood; use the parts."
    if dtype.kind == "O":
        return f"If all entries are numbers use {what}.astype(float); otherwise encode them or use fit_formula."
    return "Encode it as numbers, or use fit_formula, which does."
