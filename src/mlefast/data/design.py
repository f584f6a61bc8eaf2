# SPDX-License-Identifier: BSD-3-Clause
"""What the user calls X, as groups of columns that are read where they lie."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

if TYPE_CHECKING:
    from .distributed import DaskDesign

READABLE = frozenset("?bBhHiIlLqQfd")
BLOCK_ELEMENTS = 1 << 20  # a block of rows takes eight megabytes
_BLOCK_ROWS = 1 << 16  # of a block at most
_SAMPLE_ROWS = 1 << 18  # of the largest sample,
_SAMPLE_ELEMENTS = 1 << 24  # which has no more numbers than these
_SAMPLE_PER_COLUMN = 40  # unless so many rows per column are more
_FEW = 2  # columns of groups
_SEARCHED_ELEMENTS = 1 << 17  # keep what a search for gaps needs at a megabyte


# told how many rows were read of how many, their bytes, and how many seconds that took
Listener = Callable[[int, int, int, float], None]


@runtime_checkable
class Design(Protocol):
    """Columns of X, wherever they are: what the fit asks of them; what reads all rows reads them in their order."""

    remote: ClassVar[bool]  # whether they are with workers, so that questions go there; see `is_remote`

    @property
    def rows(self) -> int:
        """Number of rows."""
        ...

    @property
    def columns(self) -> int:
        """Number of columns."""
        ...

    @property
    def given_names(self) -> tuple[str, ...] | None:
        """The user's names of the columns."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """A name per column: the user's, or x1, x2, ..."""
        ...

    @property
    def single(self) -> bool:
        """Whether all numbers are float32."""
        ...

    @property
    def roundoff(self) -> NDArray[np.float64]:
        """The relative error that numbers of each column may have from their type."""
        ...

    def blocks(self, elements: int = BLOCK_ELEMENTS) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """All rows in float64, about `elements` numbers at a time, and which rows of the design they are."""
        ...

    def take(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """These rows in float64, of shape (len(index), columns)."""
        ...

    def every(self, step: int) -> Design:
        """Rows 0, step, 2 step, ..."""
        ...

    def select(self, kept: NDArray[np.bool_]) -> Design:
        """Only these columns."""
        ...

    def listen(self, listener: Listener) -> None:
        """Tell from now on how far a reading has come, if that takes long."""
        ...

    def missing(self) -> NDArray[np.bool_]:
        """True for each row in which a column is NaN."""
        ...


@dataclass(frozen=True, eq=False)
class MemoryDesign:
    """Columns in memory: 2-D arrays side by side, any stride, byte order and numeric type, never copies of the user's.

    `groups`, the arrays, are for the pass; everybody else asks as of any other `Design`.
    """

    remote: ClassVar[bool] = False

    groups: tuple[NDArray[Any], ...]
    rows: int
    columns: int
    given_names: tuple[str, ...] | None = None

    def __sizeof__(self) -> int:
        """Bytes with those of the arrays, by which schedulers of tasks judge where to go."""
        return object.__sizeof__(self) + sum(group.nbytes for group in self.groups)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name per column: the user's, or x1, x2, ..."""
        return self.given_names or tuple(f"x{j}" for j in range(1, self.columns + 1))

    @property
    def single(self) -> bool:
        """Whether all numbers are float32."""
        return self.columns > 0 and all(group.dtype.char == "f" for group in self.groups)

    @property
    def roundoff(self) -> NDArray[np.float64]:
        """The relative error that numbers of each column may have from their type."""
        return np.concatenate(
            [np.empty(0), *(np.full(g.shape[1], np.finfo(_float_type(g.dtype)).eps) for g in self.groups)]
        )

    def blocks(self, elements: int = BLOCK_ELEMENTS) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """All rows in float64, about `elements` numbers at a time, and which rows of the design they are."""
        rows = block_rows(self.columns, elements)
        for first in range(0, self.rows, rows):
            part = slice(first, min(first + rows, self.rows))
            yield part, self.take(part)

    def take(self, index: NDArray[np.intp] | slice) -> NDArray[np.float64]:
        """These rows in float64, of shape (len(index), columns)."""
        count = len(range(self.rows)[index]) if isinstance(index, slice) else len(index)
        block = np.empty((count, self.columns))
        position = 0
        for group in self.groups:
            block[:, position : position + group.shape[1]] = group[index]
            position += group.shape[1]
        return block

    def every(self, step: int) -> MemoryDesign:
        """Rows 0, step, 2 step, ..., where they lie."""
        return replace(self, groups=tuple(group[::step] for group in self.groups), rows=-(-self.rows // step))

    def listen(self, listener: Listener) -> None:
        """Rows in memory are read too soon to be told of."""

    def like(self, rows: int) -> MemoryDesign:
        """Room for so many rows of the same columns, one after the other."""
        groups = tuple(np.empty((rows, 1), group.dtype) for group in self.groups for _ in range(group.shape[1]))
        return replace(self, groups=groups, rows=rows)

    def part(self, rows: slice) -> MemoryDesign:
        """Neighbouring rows, where they lie."""
        return replace(self, groups=tuple(group[rows] for group in self.groups), rows=rows.stop - rows.start)

    def write(self, first: int, rows: MemoryDesign) -> None:
        """Other rows of the same columns in the place of those from `first` on."""
        for to, group in zip(self.groups, rows.groups, strict=True):
            to[first : first + rows.rows] = group

    def missing(self) -> NDArray[np.bool_]:
        """True for each row in which a column is NaN."""
        missing = np.zeros(self.rows, dtype=np.bool_)
        floats = tuple(group for group in self.groups if group.dtype.kind == "f")
        part = replace(self, groups=floats, columns=sum(group.shape[1] for group in floats))
        for rows, block in part.blocks(_SEARCHED_ELEMENTS) if floats else ():
            missing[rows] = np.isnan(block).any(axis=1)
        return missing

    def select(self, kept: NDArray[np.bool_]) -> MemoryDesign:
        """Only these columns, where they lie."""
        groups, position = [], 0
        for group in self.groups:
            part = kept[position : position + group.shape[1]]
            position += group.shape[1]
            groups += [group] if part.all() else [group[:, j : j + 1] for j in np.flatnonzero(part)]
        return MemoryDesign(tuple(groups), self.rows, int(kept.sum()))

    def beside(self, more: MemoryDesign, names: tuple[str, ...]) -> MemoryDesign:
        """These columns and then those of another design of the same rows, with new names for the latter."""
        return MemoryDesign((*self.groups, *more.groups), self.rows, self.columns + more.columns, (*self.names, *names))


def block_rows(columns: int, elements: int) -> int:
    """Rows of a block of so many numbers: a power of two, so that pieces of a stream have whole blocks."""
    most = min(_BLOCK_ROWS, max(1, elements // max(1, columns)))
    return 1 << (most.bit_length() - 1)


def is_remote(design: Design) -> TypeGuard[DaskDesign]:
    """Whether the columns are with workers."""
    return design.remote


def power_of_two(least: float) -> int:
    """The least power of two that is not below a number."""
    return 1 << max(0, math.ceil(least) - 1).bit_length()


def sample_step(rows: int, columns: int) -> int:
    """The finest step of a sample of the rows that does not grow with their number.

    Steps are powers of two, so that a stream whose length is not known before can keep the sample as it comes.
    """
    width = max(1, columns)
    return power_of_two(rows / min(_SAMPLE_ROWS, max(_SAMPLE_ELEMENTS // width, _SAMPLE_PER_COLUMN * width)))


def _float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def read_design(x: Any, names: Sequence[str] | None = None) -> MemoryDesign:
    """The columns of an array, a data frame, an Arrow table or a list of rows.

    Parameters
    ----------
    x : array-like of shape (n, p) or (n,), or a frame of pandas, polars, Arrow or anything with `__arrow_c_stream__`
        The covariates, numbers or booleans; a MemoryDesign is one already.
    names : sequence of str, optional
        Names of the columns; default: the frame's, or x1, x2, ...

    Returns
    -------
    MemoryDesign

    Raises
    ------
    DataError
        If there are no rows, too many dimensions or columns that are not numbers; the message names the column.
    """
    if isinstance(x, MemoryDesign):
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
    return design if names is None else replace(design, given_names=renamed(names, design.columns))


def is_frame(values: Any) -> bool:
    """Whether values are a table or a column of a data-frame library rather than something for NumPy."""
    return (
        hasattr(values, "__arrow_c_stream__")
        or hasattr(values, "__dataframe__")
        or hasattr(values, "iloc")
        or hasattr(type(values), "columns")  # of the class: asking a lazy frame itself would make it work
    )


def is_dask(values: Any) -> bool:
    """Whether values are a collection of Dask, or a few of them, which somebody must have imported to make them."""
    dask = sys.modules.get("dask")
    if dask is None:
        return False
    few = values if isinstance(values, list | tuple) and len(values) <= _FEW else [values]
    return any(dask.is_dask_collection(value) for value in few)


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


def renamed(names: Sequence[str], columns: int) -> tuple[str, ...]:
    """The names that a user gives to so many columns; DataError if they are not one for each."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DataError(f"names={names!r} is not a list. Give one with a name per column.")
    given = tuple(str(name) for name in names)
    if len(given) != columns:
        raise DataError(f"names has {len(given)} entries, X has {columns} columns. Give one name per column.")
    require_distinct(given, "names")
    return given


def _from_array(x: NDArray[Any]) -> MemoryDesign:
    if x.ndim == 1:
        x = x[:, np.newaxis]
    if x.ndim != 2:
        raise DataError(f"X has {x.ndim} dimensions; it must have two: rows and columns. Use an array or a data frame.")
    if x.dtype.char not in READABLE:
        raise DataError(f"X has the type {x.dtype}, which is not read. {type_remedy(x.dtype, 'X')}")
    return MemoryDesign((x,), x.shape[0], x.shape[1])


def type_remedy(dtype: np.dtype[Any], what: str) -> str:
    """What to do about a type that the pass does not read."""
    if dtype.kind == "f":
        return f"Use {what}.astype(float)."
    if dtype.kind == "c":
        return "Complex numbers have no place in a likelihood; use the parts."
    if dtype.kind == "O":
        return f"If all entries are numbers use {what}.astype(float); otherwise encode them or use fit_formula."
    return "Encode it as numbers, or use fit_formula, which does."
