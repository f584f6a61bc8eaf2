# SPDX-License-Identifier: BSD-3-Clause
"""What the user calls X, as groups of columns that are read where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

READABLE = frozenset("?bBhHiIlLqQfd")
ENCODE = "encode it as numbers, or use fit_formula, which does"


@dataclass(frozen=True)
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


def read_design(x: Any, names: Sequence[str] | None = None) -> Design:
    """The columns of an array, a data frame, an Arrow table or a list of rows.

    Parameters
    ----------
    x : array-like of shape (n, p) or (n,), or a frame of pandas, polars, Arrow or anything with `__arrow_c_stream__`
        The covariates, numbers or booleans.
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
    if type(x) is np.ndarray:
        design = _from_array(x)
    elif hasattr(x, "tocsr"):
        raise DataError("X is a sparse matrix, which cannot be read yet. Use X.toarray() if it fits in memory.")
    elif hasattr(x, "__array_interface__") or isinstance(x, list | tuple):
        design = _from_array(np.asarray(x))
    elif hasattr(x, "__dataframe__") or hasattr(x, "__arrow_c_stream__") or hasattr(x, "columns"):
        from .frame import frame_columns

        design = frame_columns(x)
    else:
        design = _from_array(np.asarray(x))
    if design.rows == 0:
        raise DataError("X has no rows. Check the filter that made the data.")
    return design if names is None else _renamed(design, tuple(str(name) for name in names))


def _renamed(design: Design, names: tuple[str, ...]) -> Design:
    if len(names) != design.columns:
        raise DataError(f"names has {len(names)} entries, X has {design.columns} columns. Give one name per column.")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"names holds {twice!r} more than once. Give each column a name of its own.")
    return Design(design.groups, design.rows, design.columns, names)


def _from_array(x: NDArray[Any]) -> Design:
    if x.ndim == 1:
        x = x[:, np.newaxis]
    if x.ndim != 2:
        raise DataError(f"X has {x.ndim} dimensions; it must have two: rows and columns.")
    if x.dtype.char not in READABLE:
        raise DataError(f"X has the type {x.dtype}, which is not read. {type_remedy(x.dtype)}")
    return Design((x,), x.shape[0], x.shape[1], None)


def type_remedy(dtype: np.dtype[Any]) -> str:
    """What to do about a type that the pass does not read."""
    if dtype.kind in "fc":
        return (
            "Use X.astype(float)."
            if dtype.kind == "f"
            else "Complex numbers have no place in a likelihood; use the parts."
        )
    if dtype.kind == "O":
        return "If all entries are numbers use X.astype(float); otherwise encode the columns or use fit_formula."
    return "Encode it as numbers, or use fit_formula, which does."
