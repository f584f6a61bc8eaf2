# SPDX-License-Identifier: BSD-3-Clause
"""What the user gives with one value per row: the response, weights, an offset."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import READABLE


def _to_array(values: Any, what: str) -> NDArray[Any]:
    if type(values) is np.ndarray:
        return values
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__dataframe__") or hasattr(values, "iloc"):
        return _from_series(values, what)
    return np.asarray(values)


def _from_series(values: Any, what: str) -> NDArray[Any]:
    import narwhals as nw

    from .frame import as_narwhals, column_values

    try:
        series = nw.from_native(values, series_only=True)
    except TypeError:
        table = as_narwhals(values)
        if len(table.columns) != 1:
            raise DataError(f"{what} has {len(table.columns)} columns; it must have one.") from None
        series = table[table.columns[0]]
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        return column_values(series, what)
    return np.asarray(series.to_list(), dtype=object)


def _flat(array: NDArray[Any], what: str) -> NDArray[Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{what} has the shape {array.shape}; it must be one value per row.")
    return array


def read_response(y: Any, rows: int) -> tuple[NDArray[Any], str]:
    """The labels or numbers of y as a 1-D array of any type, and the name of y ("y" if it has none).

    Raises DataError if y is not one value per row of X.
    """
    name = getattr(y, "name", None)
    array = _flat(_to_array(y, "y"), "y")
    _require_length(array, "y", rows)
    if array.dtype.kind in "OUST":
        return array, str(name) if name else "y"
    if array.dtype.char not in READABLE:
        raise DataError(f"y has the type {array.dtype}, which is not read. Use numbers, booleans or strings.")
    return array, str(name) if name else "y"


def read_vector(values: Any, what: str, rows: int) -> NDArray[Any]:
    """One number per row, not copied where possible. Raises DataError that says what is wrong with `what`."""
    array = _flat(_to_array(values, what), what)
    _require_length(array, what, rows)
    if array.dtype.char not in READABLE:
        raise DataError(f"{what} has the type {array.dtype}; it must hold numbers.")
    return array


def read_weights(values: Any, rows: int) -> NDArray[Any]:
    """Frequency weights: finite or missing numbers, none negative, not all zero."""
    weights = read_vector(values, "weights", rows)
    negative = np.flatnonzero(weights < 0)
    if negative.size:
        first = ", ".join(str(i) for i in negative[:5])
        raise DataError(
            f"weights has {negative.size} negative values (first rows: {first}). Weights count rows: use zero or more."
        )
    if not np.any(weights):
        raise DataError("all weights are zero, so no row is left. Check the weights.")
    return weights


def _require_length(array: NDArray[Any], what: str, rows: int) -> None:
    if array.shape[0] != rows:
        raise DataError(f"{what} has {array.shape[0]} rows, X has {rows}. Both must describe the same rows.")
