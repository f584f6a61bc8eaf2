# SPDX-License-Identifier: BSD-3-Clause
"""Formulas of Dask data frames: partitions become columns of X where they are.

A first task per partition tells what the formula must know of all rows: the levels of categories, which rows count, and
the columns that have one value per row of the fit. A second one makes the columns, which stay on the worker.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .data import MemoryDesign, counted, read_design
from .data.distributed import DaskDesign, design_of, tasks_of, told
from .data.files import require_columns
from .data.frame import as_narwhals
from .data.missing import first_rows
from .data.table import example, missing_in, stack, stray_words, to_pandas
from .errors import DataError, FormulaError, OptionError
from .formula import (
    bare_columns,
    columns_read,
    encode_table,
    materialise,
    undefined_error,
    variables,
    without_intercept,
)

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
    require_columns_of_roles(given, groups)
    ways = [] if groups is None else [groups] if isinstance(groups, str) else list(groups)
    roles = [name for name in given.values() if name is not None]
    inside = variables(right)
    kept = list(dict.fromkeys([*variables(left), *roles, *ways]))
    used = list(dict.fromkeys([*kept, *inside]))
    try:
        require_columns(used, list(map(str, data.columns)), "the data frame")
    except DataError as error:
        raise FormulaError(str(error)) from None
    categories = _categories(right, as_narwhals(data._meta, "data"))
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
    _require_no_stray_words(levels, bare_columns(right))
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


def require_columns_of_roles(given: dict[str, Any], groups: Any) -> None:
    """OptionError unless weights, offset, exposure and groups are names of columns."""
    for role, value in given.items():
        if value is not None and not isinstance(value, str):
            raise OptionError(f"{role}: for a Dask data frame it must be the name of a column. Add it to the frame.")
    ways = [] if groups is None else [groups] if isinstance(groups, str) else groups
    if not (isinstance(ways, list | tuple) and all(isinstance(name, str) for name in ways)):
        raise OptionError("groups: for a Dask data frame they must be names of columns. Add them to the frame.")


def _categories(right: Any, table: nw.DataFrame[Any]) -> dict[str, str]:
    """The factors that are a column of categories, as text or by C(), and that column."""
    found = {}
    for factor in {factor for term in right for factor in term.factors}:
        text, names = str(factor.expr), sorted(columns_read(factor))
        bare = factor.eval_method.value == "lookup" and not _is_number(table[text].dtype)
        if bare or (len(names) == 1 and re.match(rf"C\(\s*`?{re.escape(names[0])}`?\s*[,)]", text)):
            found[text] = names[0]
    return found


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


def _require_no_stray_words(levels: dict[str, list[Any]], bare: Sequence[str]) -> None:
    for name in bare:
        words = stray_words(levels.get(name, []))
        if words:
            raise DataError(
                f"column {name!r} is text, not numbers, because of {', '.join(map(repr, words[:3]))}. Correct them, or "
                f"write C({name}) if each value is a category."
            )


def _learn(
    right: Any, some: pd.DataFrame, levels: dict[str, list[Any]], columns: list[str], categories: dict[str, str]
) -> Any:
    """Formulaic's specification, from rows that have every level; FormulaError if it needs more than these."""
    frame = example(some, {name: found for name, found in levels.items() if name in columns})
    rows = np.arange(len(frame))
    table = as_narwhals(frame, "data")
    spec = materialise(right, to_pandas(table, columns, rows), "ignore").model_spec
    for term in spec.transform_state:
        raise _needs_all_rows(term)
    for expression, (kind, _) in spec.encoder_state.items():
        if kind.value == "categorical" and expression not in categories:
            raise FormulaError(
                f"the term {expression} makes categories of something that is computed, whose levels are not known "
                "before. Compute the column before the fit."
            )
    whole, half = (materialise(spec, to_pandas(table, columns, part), "ignore") for part in (rows, rows[::2]))
    for name in whole:
        if not np.array_equal(whole[name].to_numpy()[::2], half[name].to_numpy(), equal_nan=True):
            raise _needs_all_rows(name)
    return spec


def _needs_all_rows(term: str) -> FormulaError:
    return FormulaError(
        f"the term {term} depends on all rows at once, and each partition is computed by itself. Compute the column "
        "before the fit."
    )


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
