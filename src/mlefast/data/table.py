# SPDX-License-Identifier: BSD-3-Clause
"""The table of a formula: its columns, where they lack values, and what formulaic gets of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError, FormulaError, MissingPackageError

from .files import require_columns
from .frame import as_narwhals
from .missing import counted, first_rows

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

_MANY_LEVELS = 20  # as codes of numbers and words together hardly have
_FEW_WORDS = 0.1  # share of the levels up to which words among numbers are taken for mistakes


def table_of(data: Any, used: list[str]) -> nw.DataFrame[Any]:
    """The user's table; FormulaError if it lacks a column that is used, DataError if it has no rows."""
    if isinstance(data, dict):
        import pandas as pd

        try:
            data = pd.DataFrame(data)
        except ValueError as error:
            raise DataError(f"data is a dict that does not make a table: {error}") from None
    table = as_narwhals(data, "data")
    try:
        require_columns(used, list(map(str, table.columns)), "the table")
    except DataError as error:
        raise FormulaError(str(error)) from None
    if not len(table):
        raise DataError("the table has no rows. Check the filter that made the data.")
    return table


def missing_in(table: nw.DataFrame[Any], columns: list[str]) -> NDArray[np.bool_]:
    """Rows in which one of the columns is null or NaN."""
    missing = np.zeros(len(table), dtype=np.bool_)
    for name in columns:
        series = table[name]
        missing |= np.asarray(series.is_null().to_numpy(), dtype=np.bool_)
        if series.dtype.is_float():
            missing |= np.asarray(series.is_nan().fill_null(True).to_numpy(), dtype=np.bool_)
    return missing


def to_pandas(table: nw.DataFrame[Any], columns: list[str], rows: NDArray[np.intp]) -> pd.DataFrame:
    """The columns for formulaic; the index holds the numbers of the rows."""
    import narwhals as nw
    import pandas as pd

    part = table.select(columns) if rows.size == len(table) else table.select(columns)[rows]
    decimals = [name for name, dtype in part.schema.items() if dtype.is_decimal()]
    if decimals:  # formulaic would take them for categories
        part = part.with_columns(nw.col(*decimals).cast(nw.Float64))
    try:
        frame = part.to_pandas().copy(deep=False)
    except ImportError as error:
        raise MissingPackageError(f"Formulas need another package for this kind of table: {error}.") from None
    for name, dtype in part.schema.items():
        if dtype in (nw.String, nw.Categorical) and frame[name].dtype not in ("object", "str", "category"):
            frame[name] = frame[name].astype(object)  # formulaic knows no other types of categories
    frame.index = pd.Index(rows)
    return frame


def stack(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several frames; categories are those of all of them, in the order in which they come."""
    import pandas as pd

    frames = [frame for frame in frames if len(frame)]
    whole = pd.concat(frames, ignore_index=True)
    for name in whole:
        columns = [frame[name] for frame in frames]
        if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
            whole[name] = pd.api.types.union_categoricals(columns)
    return whole


def example(frame: pd.DataFrame, levels: dict[str, list[Any]]) -> pd.DataFrame:
    """As many rows of a frame, repeated if need be, as show every level of some of its columns in turn."""
    import pandas as pd

    rows = max([len(frame), *map(len, levels.values())])
    shown = frame.iloc[np.arange(rows) % len(frame)].reset_index(drop=True)
    for name, found in levels.items():
        values = pd.Series(np.resize(np.array(found, dtype=object), rows))
        dtype = frame[name].dtype
        if isinstance(dtype, pd.CategoricalDtype):
            dtype = pd.CategoricalDtype(found, dtype.ordered)
        shown[name] = values.astype(dtype)
    return shown


def with_column(table: nw.DataFrame[Any], name: str, values: Any) -> Any:
    """The user's kind of table with another column: one value per row, or the same for all."""
    import narwhals as nw

    if np.ndim(values):
        column: Any = nw.new_series(name, values, backend=table.implementation)
        if table.implementation.is_pandas_like():
            column = nw.maybe_set_index(column, index=nw.maybe_get_index(table))
    else:
        column = nw.lit(values).alias(name)
    return table.with_columns(column).to_native()


def numbers_of(table: nw.DataFrame[Any], name: str) -> NDArray[np.float64]:
    """A column of numbers or booleans; DataError for anything else."""
    series = table[name]
    if not (series.dtype.is_numeric() or str(series.dtype) == "Boolean"):
        raise DataError(f"column {name!r} is neither numbers nor categories, so it has no effect of its own.")
    return np.asarray(series.to_numpy(), dtype=np.float64)


def require_no_stray_words(table: nw.DataFrame[Any], columns: list[str]) -> None:
    """DataError for a column of numbers that a few words have made text: it would become a category per number."""
    import narwhals as nw

    for name in columns:
        series = table[name]
        if series.dtype not in (nw.String, nw.Object):
            continue
        words = stray_words(series.drop_nulls().unique().to_list())
        if words:
            rows = [row for row, value in enumerate(series.to_list()) if value in words]
            shown = ", ".join(map(repr, words[:3]))
            raise DataError(
                f"column {name!r} is text, not numbers, because of {shown} in {counted(len(rows), 'row')} "
                f"({first_rows(rows)}). Correct them, or write C({name}) if each value is a category."
            )


def stray_words(levels: list[Any]) -> list[Any]:
    """A few words among many numbers, in their order; none where they are as many as levels of a category have."""
    words = {level for level in levels if not _is_number(level)}
    few = len(levels) > _MANY_LEVELS and 0 < len(words) <= _FEW_WORDS * len(levels)
    return sorted(words, key=str) if few else []


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
