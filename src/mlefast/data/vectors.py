# SPDX-License-Identifier: BSD-3-Clause
"""What the user gives with one value per row: the response, weights, an offset."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import READABLE, is_frame, plain_array, type_remedy
from .missing import counted, first_rows

if TYPE_CHECKING:
    import narwhals as nw


class Column(NamedTuple):
    """One value per row, the name that the user has for it ("" for none), and what it is for: y, weights, offset.

    `levels` are the labels that a column of categories declares, in its order; `labels` those that the values count in,
    where they are codes.
    """

    values: NDArray[Any]
    name: str
    role: str
    levels: tuple[Any, ...] | None = None
    labels: NDArray[Any] | None = None

    @property
    def label(self) -> str:
        """What messages call it."""
        if self.name in ("", self.role):
            return f"column {self.name!r}" if self.name else self.role
        return f"column {self.name!r} ({self.role})"


def _to_array(values: Any, role: str) -> Column:
    """The values as an array, with the name they have where they come from."""
    if isinstance(values, Column):
        return values
    if type(values) is np.ndarray:
        return Column(values, "", role)
    if is_frame(values):
        series = _one_column(values, role)
        column = Column(np.empty(0), "" if series.name is None else str(series.name), role)
        return column._replace(values=_series_values(series, column.label), levels=_declared_levels(series))
    name, levels = getattr(values, "name", None), getattr(values, "categories", None)
    levels = tuple(levels) if hasattr(values, "codes") and levels is not None else None  # pandas.Categorical
    return Column(plain_array(values, role), name if isinstance(name, str) else "", role, levels)


def _one_column(values: Any, role: str) -> nw.Series[Any]:
    from .frame import as_narwhals, as_series

    series = as_series(values)
    if series is not None:
        return series
    table = as_narwhals(values, role)
    columns = list(table.iter_columns())
    if len(columns) != 1:
        raise DataError(f"{role} has {len(columns)} columns; it must have one. Select it.")
    return columns[0]


def _series_values(series: nw.Series[Any], label: str) -> NDArray[Any]:
    """Numbers and booleans as they are, other labels as objects with None where they are missing."""
    import narwhals as nw

    from .frame import column_values

    dtype = series.dtype
    if dtype.is_numeric() or dtype.is_temporal() or dtype.is_nested() or dtype == nw.Boolean:
        return column_values(series, label)
    labels = np.empty(len(series), dtype=object)
    labels[:] = series.to_list()
    labels[np.asarray(series.is_null().to_numpy(), dtype=np.bool_)] = None
    return labels


def _declared_levels(series: nw.Series[Any]) -> tuple[Any, ...] | None:
    """The categories of a column that declares them; those of polars' Categorical are only what it has met so far."""
    import narwhals as nw

    if isinstance(series.dtype, nw.Enum):
        return tuple(series.dtype.categories)
    if series.dtype == nw.Categorical and series.implementation.is_pandas_like():
        return tuple(series.to_native().cat.categories)
    return None


def _one_per_row(column: Column, rows: int) -> Column:
    array = column.values
    if array.ndim == 2 and array.shape[1] == 1:
        column = column._replace(values=array[:, 0])
        array = column.values
    if array.ndim != 1:
        raise DataError(f"{column.label} has the shape {array.shape}; it must be one value per row.")
    if array.shape[0] != rows:
        raise DataError(f"{column.label} has {array.shape[0]} rows, X has {rows}. Both must describe the same rows.")
    return column


def read_response(y: Any, rows: int) -> Column:
    """The labels or numbers of y as a 1-D array of any type.

    Missing labels are None or NaN. Raises DataError if y is not one value per row of X.
    """
    return _labels(y, "y", rows)


def read_labels(groups: Any, rows: int) -> NDArray[Any]:
    """A label of any type per row, that says to which group it belongs."""
    return _labels(groups, "groups", rows).values


def _labels(values: Any, role: str, rows: int) -> Column:
    column = _one_per_row(_to_array(values, role), rows)
    array = column.values
    if array.dtype.kind in "OT":
        return column._replace(values=_comparable(array.astype(object, copy=False)))
    if array.dtype.kind not in "US" and array.dtype.char not in READABLE:
        raise DataError(
            f"{column.label} has the type {array.dtype}, which is not read. {type_remedy(array.dtype, role)}"
        )
    return column


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


def read_vector(values: Any, role: str, rows: int) -> Column:
    """One number per row, not copied where possible. Raises DataError that says what is wrong with it."""
    column = _one_per_row(_to_array(values, role), rows)
    dtype = column.values.dtype
    if dtype.char not in READABLE:
        odd = [value for value in column.values.tolist() if not isinstance(value, int | float)]
        what = f"holds {odd[0]!r}" if odd else f"has the type {dtype}"
        raise DataError(f"{column.label} {what}; it must hold numbers. Convert it to float64.")
    return column


def read_weights(values: Any, rows: int) -> Column:
    """Frequency weights: finite or missing numbers, none negative, not all zero."""
    weights = read_vector(values, "weights", rows)
    negative = np.flatnonzero(weights.values < 0)
    if negative.size:
        raise DataError(
            f"{weights.label} has {counted(negative.size, 'negative value')} ({first_rows(negative)}). Weights count "
            "rows: use zero or more."
        )
    if not np.any(weights.values):
        raise DataError(f"all {weights.label} are zero, so no row is left. Check them.")
    return weights


def exposed(offset: Column | None, exposure: Column) -> Column:
    """The offset with log(exposure) added."""
    bad = np.flatnonzero(exposure.values <= 0)
    if bad.size:
        raise DataError(
            f"{exposure.label} holds {exposure.values[bad[0]]} ({first_rows(bad)}); its logarithm is taken, so it must "
            "be positive. Leave these rows out: without exposure nothing can be counted."
        )
    shift = np.log(exposure.values, dtype=np.float64)
    return Column(shift if offset is None else shift + offset.values, "", "offset")
