# SPDX-License-Identifier: BSD-3-Clause
"""Data frames of every kind, by narwhals: a group per column, without a copy where the frame allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import ENCODE, READABLE, Design

if TYPE_CHECKING:
    import narwhals as nw


def as_narwhals(frame: Any) -> nw.DataFrame[Any]:
    """An eager narwhals frame of pandas, polars, pyarrow, or anything with the Arrow PyCapsule interface."""
    import narwhals as nw

    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError:
        pass
    except nw.exceptions.DuplicateError:
        raise DataError("two columns of the table have the same name. Rename one of them.") from None
    if not hasattr(frame, "__arrow_c_stream__"):
        raise DataError(
            f"X is a {type(frame).__name__}, which is not a table that can be read. Use an array, a frame of pandas "
            "or polars, or an Arrow table."
        )
    import pyarrow

    return nw.from_native(pyarrow.table(frame), eager_only=True)


def frame_columns(frame: Any) -> Design:
    """The columns of a frame as a Design; DataError names the first column that is not numeric."""
    table = as_narwhals(frame)
    names = tuple(str(name) for name in table.columns)
    groups = tuple(column_values(table[name], str(name))[:, np.newaxis] for name in table.columns)
    return Design(groups, len(table), len(groups), names)


def column_values(series: nw.Series[Any], name: str) -> NDArray[Any]:
    """A numeric or boolean column as an array; nulls become NaN (a float64 copy of that column alone)."""
    import narwhals as nw

    dtype = series.dtype
    if dtype == nw.Boolean:
        if series.null_count():
            return np.array([np.nan if value is None else float(value) for value in series.to_list()])
        return np.asarray(series.to_numpy()).astype(np.bool_, copy=False)
    if not dtype.is_numeric() or dtype.is_decimal():
        raise DataError(f"column {name!r} holds {dtype}, not numbers; {ENCODE}.")
    if series.null_count():
        return np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    values = np.asarray(series.to_numpy())
    if values.dtype.char not in READABLE:
        raise DataError(f"column {name!r} holds {dtype}, which is not read. Convert it to float64.")
    return values
