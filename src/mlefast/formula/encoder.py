# SPDX-License-Identifier: BSD-3-Clause
"""The columns of a fit for other tables: predictions, effects, rows that are read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mlefast.data import MemoryDesign, exposed, read_design, read_vector
from mlefast.data.files import require_columns
from mlefast.data.table import missing_in, numbers_of, table_of, with_column
from mlefast.predictors import Change

from .matrix import encode_table, without_intercept
from .terms import columns_read, variables

if TYPE_CHECKING:
    import formulaic
    import narwhals as nw

_STEP = 6e-6  # of a variable, relative to itself: the cube root of the rounding error
_LEAST_SIZE = 0.1  # of what it is relative to, in standard deviations


@dataclasses.dataclass(frozen=True)
class FormulaEncoder:
    """Turns new tables into the columns of a fit; holds the levels of categories and the offset's name, no data."""

    spec: formulaic.ModelSpec
    offset_name: str | None = None
    exposure_name: str | None = None

    def __call__(self, data: Any) -> MemoryDesign:
        """The design of a table that has the columns on the right of the formula; NaN in rows that lack a value."""
        used = variables(self.spec.formula)
        table = table_of(data, used)
        matrix, rows = encode_table(self.spec, table, used, missing_in(table, used))
        if rows.size == len(table):
            return read_design(without_intercept(matrix))
        names = [name for entry in self.spec.structure if entry.term.degree for name in entry.columns]
        values = np.full((len(table), len(names)), np.nan)
        if rows.size:
            values[rows] = without_intercept(matrix).to_numpy(dtype=np.float64)
        return read_design(values, names)

    def offset(self, data: Any, offset: Any) -> Any:
        """The offset for a table: what the user gives, a column of that name, or the columns of the fit."""
        if offset is not None and not isinstance(offset, str):
            return offset
        table = table_of(data, [])
        name = self.offset_name if offset is None else offset
        shift = None if name is None else column_of(table, name)
        if offset is not None or self.exposure_name is None:
            return shift
        amount = read_vector(column_of(table, self.exposure_name), "exposure", len(table))
        return exposed(None if shift is None else read_vector(shift, "offset", len(table)), amount).values

    def changes(self, data: Any, discrete: bool) -> Iterator[Change]:
        """The columns as each variable changes: levels against the first, 1 against 0, numbers up and down a little."""
        used = variables(self.spec.formula)
        table, levels = table_of(data, used), self._levels()
        for name in used:
            if name in levels:
                first, *others = levels[name]
                low = self(with_column(table, name, first))
                for level in others:
                    yield Change(f"{name}: {level} - {first}", self(with_column(table, name, level)), low)
                continue
            values = numbers_of(table, name)
            if discrete and set(np.unique(values)) == {0.0, 1.0}:
                yield Change(name, self(with_column(table, name, 1.0)), self(with_column(table, name, 0.0)))
                continue
            step = _STEP * np.maximum(np.abs(values), _LEAST_SIZE * float(np.std(values)) or 1.0)
            above, below = values + step, values - step
            high, low = self(with_column(table, name, above)), self(with_column(table, name, below))
            yield Change(name, high, low, above - below, values)

    def _levels(self) -> dict[str, list[Any]]:
        """The levels of each variable that is a category."""
        found = {}
        for term in self.spec.formula:
            for factor in term.factors:
                _, state = self.spec.encoder_state.get(factor.expr, (None, {}))
                if "categories" in state:
                    found.update({name: list(state["categories"]) for name in columns_read(factor)})
        return found

    def groups(self, data: Any, groups: Any) -> Any:
        """Labels for the rows of a table: what the user gives, or the columns of these names."""
        return None if groups is None else named_columns(table_of(data, []), groups)

    def terms(self) -> dict[str, tuple[str, ...]]:
        """The terms of the formula but the intercept, and the names of their columns."""
        return {str(entry.term): tuple(entry.columns) for entry in self.spec.structure if entry.term.degree}


def column_of(table: nw.DataFrame[Any], value: Any) -> Any:
    """The column that a value names, or the value itself."""
    if not isinstance(value, str):
        return value
    require_columns([value], list(map(str, table.columns)), "the table")
    return table[value]


def named_columns(table: nw.DataFrame[Any], groups: Any) -> Any:
    """One or two columns in the place of their names; anything else as it is."""
    names = [groups] if isinstance(groups, str) else groups
    if isinstance(names, tuple | list) and len(names) <= 2 and all(isinstance(name, str) for name in names):
        return tuple(column_of(table, name) for name in names)
    return groups
