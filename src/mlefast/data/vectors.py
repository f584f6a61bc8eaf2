# SPDX-License-Identifier: BSD-3-Clause
"""What the user gives with one value per row: the response, weights, an offset."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import READABLE, is_frame, plain_array, type_remedy
from .missing import counted, first_rows

if TYPE_CHECKING:
    import narwhals as nw


def _to_array(values: Any, what: str) -> tuple[NDArray[Any], str]:
    """The values as an array, and the name they have where they come from, or what messages call them."""
    if type(values) is np.ndarray:
        return values, what
    if is_frame(values):
        series = _one_column(values, what)
        return _series_values(series, what), what if series.name in (None, "") else str(series.name)
    name = getattr(values, "name", None)
    return plain_array(values, what), name if isinstance(name, str) and name else what


def _one_column(values: Any, what: str) -> nw.Series[Any]:
    from .frame import as_narwhals, as_series

    series = as_series(values)
    if series is not None:
        return series
    table = as_narwhals(values, what)
    columns = list(table.iter_columns())
    if len(columns) != 1:
        raise DataError(f"{what} has {len(columns)} columns; it must have one. Select it.")
    return columns[0]


def _series_values(series: nw.Series[Any], what: str) -> NDArray[Any]:
    """Numbers and booleans as they are, other labels as objects with None where they are missing."""
    import narwhals as nw

    from .frame import column_values

    dtype = series.dtype
    if dtype.is_numeric() or dtype.is_temporal() or dtype.is_nested() or dtype == nw.Boolean:
        return column_values(series, what)
    labels = np.empty(len(series), dtype=object)
    labels[:] = series.to_list()
    labels[np.asarray(series.is_null().to_numpy(), dtype=np.bool_)] = None
    return labels


def _flat(array: NDArray[Any], what: str) -> NDArray[Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{what} has the shape {array.shape}; it must be one value per row.")
    return array


def read_response(y: Any, rows: int) -> tuple[NDArray[Any], str]:
    """The labels or numbers of y as a 1-D array of any type, and the name of y ("y" if it has none).

    Missing labels are None or NaN. Raises DataError if y is not one value per row of X.
    """
    values, name = _to_array(y, "y")
    array = _flat(values, "y")
    _require_length(array, "y", rows)
    if array.dtype.kind in "OT":
        array = _comparable(array.astype(object, copy=False))
    elif array.dtype.kind not in "US" and array.dtype.char not in READABLE:
        raise DataError(f"y has the type {array.dtype}, which is not read. {type_remedy(array.dtype, 'y')}")
    return array, name


def _comparable(labels: NDArray[Any]) -> NDArray[Any]:
    """None in the place of pandas.NA, which cannot be compared with anything."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return labels
    missing = np.fromiter((label is pandas.NA for label in labels), dtype=np.bool_, count=len(labels))
    if missing.any():
        labels = labels.copy()
        labels[missing] = None
    return labels


def read_vector(values: Any, what: str, rows: int) -> NDArray[Any]:
    """One number per row, not copied where possible. Raises DataError that says what is wrong with `what`."""
    array = _flat(_to_array(values, what)[0], what)
    _require_length(array, what, rows)
    if array.dtype.char not in READABLE:
        raise DataError(f"{what} has the type {array.dtype}; it must hold numbers. Convert it to float64.")
    return array


def read_weights(values: Any, rows: int) -> NDArray[Any]:
    """Frequency weights: finite or missing numbers, none negative, not all zero."""
    weights = read_vector(values, "weights", rows)
    negative = np.flatnonzero(weights < 0)
    if negative.size:
        raise DataError(
            f"weights has {counted(negative.size, 'negative value')} ({first_rows(negative)}). Weights count rows: use "
            "zero or more."
        )
    if not np.any(weights):
        raise DataError("all weights are zero, so no row is left. Check the weights.")
    return weights


def _require_length(array: NDArray[Any], what: str, rows: int) -> None:
    if array.shape[0] != rows:
        raise DataError(f"{what} has {array.shape[0]} rows, X has {rows}. Both must describe the same rows.")
