# SPDX-License-Identifier: BSD-3-Clause
"""Formulas of Dask data frames: partitions become columns of X where they are.

A first task per partition tells what the formula must know of all rows: the levels of categories, which rows count, and
the columns that have one value per row of the fit. A second one makes the columns, which stay on the worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlefast.data import MemoryDesign, counted, read_design
from mlefast.data.distributed import DaskDesign, design_of
from mlefast.data.files import require_columns
from mlefast.data.frame import as_narwhals
from mlefast.data.missing import first_rows
from mlefast.data.table import example, missing_in, stack, to_pandas
from mlefast.data.tasks import tasks_of, told
from mlefast.errors import DataError, FormulaError

from .matrix import encode_table, materialise, undefined_error, without_intercept
from .parts import category_columns, read_names, require_known, require_no_stray_levels, require_rows_alone
from .terms import bare_columns, variables

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

_EXAMPLE_ROWS = 64  # of each partition, from which formulaic learns the types of the columns


class Read(NamedTuple):
    """What a fit needs of the formula and the data frame."""

    design: DaskDesign
    table: nw.DataFrame[Any]  # the columns of the response and the vectors, in all rows
    rows: NDArray[np.intp]  # those that are in the design
    spec: Any
    dropped: int


class _Seen(NamedTuple):
    """What a partition tells."""

    out: NDArray[np.bool_]  # rows that lack a value or have no weight
    dropped: int
    gaps: dict[str, NDArray[np.intp]]  # rows in which a column lacks a value, and there is a weight
    vectors: pd.DataFrame
    levels: dict[str, list[Any]]
    some: pd.DataFrame  # a few rows that count


def read_frame(left: Any, right: Any, data: Any, given: dict[str, Any], groups: Any, missing: str) -> Read:
    """Learn the columns of X and make them. `given` are the names of weights, offset and exposure, or None."""
    roles, ways = read_names(given, groups, "a Dask data frame", "the frame")
    inside = variables(right)
    kept = list(dict.fromkeys([*variables(left), *roles.values(), *ways]))
    used = list(dict.fromkeys([*kept, *inside]))
    try:
        require_columns(used, list(map(str, data.columns)), "the data frame")
    except DataError as error:
        raise FormulaError(str(error)) from None
    columns = as_narwhals(data._meta, "data")
    categories = category_columns(right, lambda name: not _is_number(columns[name].dtype))
    names = sorted(set(categories.values()))
    parts = tasks_of(data[used])
    seen: list[_Seen] = told("data", _see, parts, used, kept, given["weights"], names)
    if not sum(len(part.out) for part in seen):
        raise DataError("the data frame has no rows. Check the filter that made the data.")
    if missing == "raise":
        _require_no_gaps(seen)
    if all(part.out.all() for part in seen):
        raise DataError(
            "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
        )
    levels = {name: _union(part.levels[name] for part in seen) for name in names}
    require_no_stray_levels(levels, bare_columns(right))
    some = stack([part.some for part in seen if len(part.some)])
    spec = _learn(right, some, levels, inside, categories)
    design, undefined = design_of(
        "data", _encode, parts, used, given["weights"], right, spec, inside, missing == "raise"
    )
    first, rows, dropped = 0, [], 0
    for part, gone in zip(seen, undefined, strict=True):
        present = np.flatnonzero(~part.out)
        rows.append(first + np.setdiff1d(present, gone))
        dropped += part.dropped + len(gone)
        first += len(part.out)
    return Read(
        design, as_narwhals(stack([part.vectors for part in seen]), "data"), np.concatenate(rows), spec, dropped
    )


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_numeric() or dtype.is_temporal() or str(dtype) == "Boolean")


def _union(levels: Iterable[list[Any]]) -> list[Any]:
    """Levels in the order in which they come."""
    return list(dict.fromkeys(level for some in levels for level in some))


def _require_no_gaps(seen: Sequence[_Seen]) -> None:
    """DataError for the first column that lacks values, with its first rows."""
    first = np.cumsum([0, *(len(part.out) for part in seen)])
    for name in seen[0].gaps:
        rows = np.concatenate([start + part.gaps[name] for start, part in zip(first, seen, strict=False)])
        if rows.size:
            raise DataError(
                f"column {name!r} has {counted(rows.size, 'missing value')} ({first_rows(rows)}); "
                f"{counted(sum(part.dropped for part in seen), 'row')} in all lack some value. "
                'Use missing="drop" or fill them in.'
            )


def _learn(
    right: Any, some: pd.DataFrame, levels: dict[str, list[Any]], columns: list[str], categories: dict[str, str]
) -> Any:
    """Formulaic's specification, from rows that have every level; FormulaError if it needs more than these."""
    frame = example(some, {name: found for name, found in levels.items() if name in columns})
    table = as_narwhals(frame, "data")
    spec = materialise(right, to_pandas(table, columns, np.arange(len(frame))), "ignore").model_spec
    require_known(spec, categories)

    def compute(rows: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        matrix = materialise(spec, to_pandas(table, columns, rows), "ignore")
        return {name: matrix[name].to_numpy() for name in matrix}

    require_rows_alone(compute, len(frame))
    return spec


# What follows runs on the workers.


def _out(table: nw.DataFrame[Any], used: list[str], weights: str | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows that lack a value, though they have a weight, and those that do not count for one of these reasons."""
    lost = missing_in(table, used)
    if weights is None:
        return lost, lost
    unweighted = np.asarray((table[weights] == 0).fill_null(False).to_numpy(), dtype=np.bool_)
    return lost & ~unweighted, lost | unweighted


def _see(frame: pd.DataFrame, used: list[str], kept: list[str], weights: str | None, categories: list[str]) -> _Seen:
    """What a partition tells of itself."""
    table = as_narwhals(frame, "data")
    lost, out = _out(table, used, weights)
    present = frame[~out]
    gaps = {name: np.flatnonzero(missing_in(table, [name]) & lost) for name in used}
    levels = {name: _levels(present[name]) for name in categories}
    return _Seen(out, int(lost.sum()), gaps, frame[kept], levels, present.iloc[:_EXAMPLE_ROWS])


def _levels(column: pd.Series[Any]) -> list[Any]:
    """The levels that a column declares, in that order, or those that it has."""
    declared = getattr(column.dtype, "categories", None)
    return list(column.dropna().unique() if declared is None else declared)


def _encode(
    frame: pd.DataFrame,
    used: list[str],
    weights: str | None,
    right: Any,
    spec: Any,
    inside: list[str],
    strict: bool,
) -> tuple[MemoryDesign, NDArray[np.intp]]:
    """The columns of a partition, and the rows in which a term is not defined; DataError for these if `strict`."""
    table = as_narwhals(frame, "data")
    out = _out(table, used, weights)[1]
    matrix, rows = encode_table(spec, table, inside, out)
    undefined = np.setdiff1d(np.flatnonzero(~out), rows)
    if strict and undefined.size:
        raise undefined_error(right, table, inside, out, rows)
    names = tuple(name for entry in spec.structure if entry.term.degree for name in entry.columns)
    if not rows.size:
        return MemoryDesign((np.empty((0, len(names))),), 0, len(names), names), undefined
    return read_design(without_intercept(matrix)), undefined
