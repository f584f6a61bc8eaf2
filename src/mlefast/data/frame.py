# SPDX-License-Identifier: BSD-3-Clause
"""Data frames of every kind, by narwhals: a group per column, without a copy where the frame allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError, MissingPackageError

from .design import READABLE, MemoryDesign, require_distinct

if TYPE_CHECKING:
    import narwhals as nw


def as_narwhals(frame: Any, what: str = "X") -> nw.DataFrame[Any]:
    """An eager narwhals frame of pandas, polars, pyarrow, or anything with the Arrow PyCapsule interface."""
    import narwhals as nw

    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError:
        pass
    except nw.exceptions.DuplicateError:
        require_distinct(list(map(str, frame.columns)), what)
        raise
    for method in ("collect", "compute"):
        if hasattr(frame, method):
            raise DataError(f"{what} is a lazy {type(frame).__name__}, which holds no rows yet. Use its {method}().")
    if not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(
            f"{what} is a {type(frame).__name__}, which is not a table that can be read. Use a frame of pandas or "
            "polars, an Arrow table or, without a formula, an array."
        )
    return nw.from_native(_arrow_table(frame, what), eager_only=True)


def _arrow_table(frame: Any, what: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise MissingPackageError(f"Reading a {type(frame).__name__} needs pyarrow: pip install pyarrow.") from None
    try:
        return pyarrow.table(frame)
    except pyarrow.ArrowException as error:
        raise DataError(f"{what} is a {type(frame).__name__}, which Arrow cannot read as a table: {error}.") from None


def as_series(values: Any) -> nw.Series[Any] | None:
    """A narwhals series if values are one column of pandas, polars or pyarrow."""
    import narwhals as nw

    try:
        series: nw.Series[Any] = nw.from_native(values, series_only=True)
    except TypeError:
        return None
    return series


def frame_columns(frame: Any) -> MemoryDesign:
    """The columns of a frame, or a single column, as a design; DataError names the first that is not numeric."""
    column = as_series(frame)
    if column is not None:
        named = column.name not in (None, "")
        values = column_values(column, f"column {str(column.name)!r}" if named else "X")
        return MemoryDesign((values[:, np.newaxis],), len(values), 1, (str(column.name),) if named else None)
    table = as_narwhals(frame)
    # by position: narwhals takes a name that is an integer for one
    columns = tuple(table.iter_columns())
    names = tuple(str(column.name) for column in columns)
    require_distinct(names, "X")
    groups = tuple(
        column_values(column, f"column {name!r}")[:, np.newaxis] for column, name in zip(columns, names, strict=True)
    )
    return MemoryDesign(groups, len(table), len(groups), names)


def column_values(series: nw.Series[Any], label: str) -> NDArray[Any]:
    """A numeric or boolean column as an array; nulls become NaN (whole numbers: a float64 copy of that column)."""
    import narwhals as nw

    dtype = series.dtype
    whole = dtype == nw.Boolean or (dtype.is_integer() and dtype not in (nw.Int128, nw.UInt128))
    if not whole and not dtype.is_float():
        raise DataError(f"{label} holds {dtype}, {_remedy(dtype)}")
    values = np.asarray(series.to_numpy())
    if whole and values.dtype.kind == "O":  # booleans with nulls, or that could have some
        values = np.asarray(series.fill_null(False if dtype == nw.Boolean else 0).to_numpy()).astype(np.float64)
        values[np.asarray(series.is_null().to_numpy(), dtype=np.bool_)] = np.nan
    elif whole and values.dtype.kind == "f":  # with nulls; some frames choose float32, which would ask for single sums
        values = values.astype(np.float64, copy=False)
    if values.dtype.char not in READABLE:
        raise DataError(f"{label} holds {dtype}, which is not read. Convert it to float64.")
    return values


def _remedy(dtype: Any) -> str:
    """Why a column of this type is not read, and what to do about it."""
    import narwhals as nw

    if dtype.is_numeric():
        return "which is not read. Convert it to float64."
    if dtype.is_temporal():
        return "not numbers; compute a number from it, such as the hour."
    if dtype.is_nested():
        return "not numbers; take the numbers out of it."
    if dtype == nw.Object:
        return "not numbers; if all entries are numbers use astype(float), otherwise encode it or use fit_formula."
    return "not numbers; encode it as numbers, or use fit_formula, which does."
