# SPDX-License-Identifier: BSD-3-Clause
"""Formulas of streams: what a first reading must tell, and batches of the source as columns of X.

Plain columns go to the pass as they are decoded and categories as columns of 0 and 1; other terms are computed by
formulaic, batch by batch, which terms that need all rows at once do not survive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlefast.data import Column, MemoryDesign, sample_step
from mlefast.data.design import require_distinct
from mlefast.data.files import require_columns
from mlefast.data.frame import as_narwhals
from mlefast.data.source import Source, open_source
from mlefast.data.stream import Kept, StreamDesign
from mlefast.data.survey import Survey, dictionary_of, is_text, numbers_of_array, response_column, survey
from mlefast.data.table import to_pandas
from mlefast.errors import DataError, FormulaError

from .matrix import computed_response, has_intercept, materialise
from .parts import (
    category_columns,
    needs_all_rows,
    read_names,
    require_known,
    require_no_stray_levels,
    require_rows_alone,
)
from .terms import bare_columns, variables

if TYPE_CHECKING:
    import pyarrow as pa

_EXAMPLE_ROWS = 256  # from which formulaic learns the types of the columns
_CHECKED_ROWS = 4096  # of the sample, on which terms are computed by halves


class Read(NamedTuple):
    """What a fit needs of the formula and the source."""

    source: Source
    design: StreamDesign
    response: Column
    vectors: dict[str, Any]  # columns of weights, offset, exposure: those that are given
    groups: tuple[NDArray[Any], ...] | None
    spec: Any
    intercept: bool
    dropped: int
    left_out: int
    readings: int


def read_source(
    left: Any, right: Any, data: Any, given: dict[str, Any], groups: Any, missing: str, memory: int
) -> Read:
    """Survey the source and learn the columns of X. `given` are the names of weights, offset and exposure, or None."""
    source = open_source(data)
    try:
        return _read(source, left, right, given, groups, missing, memory)
    except BaseException:
        source.close()
        raise


def _read(source: Source, left: Any, right: Any, given: dict[str, Any], groups: Any, missing: str, memory: int) -> Read:
    roles, ways = read_names(given, groups, "a stream", "the files, or read these")
    inside = variables(right)
    used = list(dict.fromkeys([*variables(left), *inside, *roles.values(), *ways]))
    try:
        require_columns(used, source.schema.names, source.name)
    except DataError as error:
        raise FormulaError(str(error)) from None
    schema = source.schema
    categories = category_columns(right, lambda name: is_text(schema.field(name).type))
    wanted: dict[str, Callable[[pa.RecordBatch], Any]] = {
        name: _getter(name) for name in dict.fromkeys([*roles.values(), *ways])
    }
    response = str(left)
    wanted[response] = _response(left, source.schema)

    def look(undefined: NDArray[np.bool_] | None = None) -> Survey:
        return survey(
            source,
            used,
            wanted,
            sorted(set(categories.values())),
            weights=roles.get("weights"),
            missing=missing,
            memory=memory,
            undefined=undefined,
        )

    found, readings = look(), 1
    require_no_stray_levels(found.levels, bare_columns(right))
    encoder = _learn(right, found, categories, inside, source.schema)
    if missing == "drop" and encoder.computes:
        undefined = _undefined(source, encoder, found)
        readings += 1
        if undefined is not None:
            found, readings = look(undefined), readings + 1
            encoder = _learn(right, found, categories, inside, source.schema)
    kept = Kept(source, tuple(inside), found.rows, found.lost)
    step = max(found.step, sample_step(found.kept, len(encoder.names)))
    sample = encoder.design(found.sample, step // found.step)
    return Read(
        source,
        StreamDesign(kept, encoder, encoder.names, sample, step, found.kept, memory),
        response_column(found, response, response),
        {role: Column(found.vectors[name], name, role) for role, name in roles.items()},
        tuple(found.vectors[name] for name in ways) or None,
        encoder.spec,
        has_intercept(encoder.spec),
        found.dropped,
        found.rows - found.kept,
        readings,
    )


def _getter(name: str) -> Callable[[pa.RecordBatch], Any]:
    return lambda batch: batch.column(name)


def _response(left: Any, schema: pa.Schema) -> Callable[[pa.RecordBatch], Any]:
    """The column on the left, or what the formula makes of some rows."""
    name = str(left)
    if name in schema.names:
        return _getter(name)
    columns = variables(left)

    def compute(batch: pa.RecordBatch) -> NDArray[np.float64]:
        values, spec = computed_response(left, _frame(batch, columns))
        if spec.transform_state:
            raise needs_all_rows(name)
        return values

    return compute


def _frame(rows: Any, columns: Sequence[str]) -> Any:
    """Rows of Arrow as formulaic gets them."""
    import pyarrow as pa

    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    return to_pandas(as_narwhals(table.select(list(columns)), "data"), list(columns), np.arange(table.num_rows))


def _learn(
    right: Any, found: Survey, categories: dict[str, str], columns: Sequence[str], schema: pa.Schema
) -> ColumnEncoder:
    """The encoder of a formula, from rows that have every level."""
    matrix = materialise(right, _frame(_example(found, columns), columns), "ignore")
    spec = matrix.model_spec
    require_distinct([name for entry in spec.structure for name in entry.columns], "the formula")
    require_known(spec, categories)
    encoder, sample = ColumnEncoder(spec, found.levels, categories, schema), found.sample.slice(0, _CHECKED_ROWS)
    require_rows_alone(lambda rows: encoder.compute(sample.take(rows)), sample.num_rows)
    return encoder


def _example(found: Survey, columns: Sequence[str]) -> pa.Table:
    """A few rows of the sample, with every level of every category."""
    import pyarrow as pa

    few = found.sample.select(list(columns)).slice(0, _EXAMPLE_ROWS)
    rows = max([few.num_rows, *(len(levels) for levels in found.levels.values())])
    few = few.take(pa.array(np.arange(rows) % few.num_rows))
    for name, levels in found.levels.items():
        if name in columns:
            place = few.schema.get_field_index(name)
            few = few.set_column(place, few.schema.field(name), _of_levels(levels, few.schema.field(name).type, rows))
    return few


def _of_levels(levels: list[Any], kind: pa.DataType, rows: int) -> pa.Array:
    """Each level in turn."""
    import pyarrow as pa

    index = pa.array(np.arange(rows) % len(levels))
    if pa.types.is_dictionary(kind):
        values = pa.array(levels, kind.value_type)
        return pa.DictionaryArray.from_arrays(index.cast(kind.index_type), values, ordered=kind.ordered)
    return pa.array(levels, kind).take(index)


def _undefined(source: Source, encoder: ColumnEncoder, found: Survey) -> NDArray[np.bool_] | None:
    """Rows of the source in which a computed term is not a number, from one reading; None if there are none."""
    kept = Kept(source, encoder.read, found.rows, found.lost)
    gone: list[NDArray[np.bool_]] = []
    with closing(kept.batches(_CHECKED_ROWS)) as batches:
        for batch in batches:
            values = np.column_stack(list(encoder.compute(batch).values()))
            gone.append(np.asarray(np.isnan(values).any(axis=1)))
    undefined = np.concatenate(gone)
    if not undefined.any():
        return None
    where = np.arange(found.rows) if found.lost is None else np.flatnonzero(~found.lost)
    answer = np.zeros(found.rows, dtype=np.bool_)
    answer[where[undefined]] = True
    return answer


@dataclass(frozen=True, slots=True, eq=False)
class _Category:
    """A column of categories: the place of each level, and what stands in each column of X for it."""

    name: str
    places: dict[Any, int]
    coding: list[NDArray[Any]]

    def __call__(self, batch: pa.RecordBatch) -> list[NDArray[Any]]:
        levels, indices = dictionary_of(batch.column(self.name))
        places = np.zeros(len(levels), dtype=np.intp)
        for there in np.unique(indices):
            if levels[there] not in self.places:
                raise DataError(f"column {self.name!r} has changed since the fit began: {levels[there]!r} is new.")
            places[there] = self.places[levels[there]]
        return [column[places][indices] for column in self.coding]


class ColumnEncoder:
    """Turns batches of a source into the columns of X, but the intercept."""

    def __init__(self, spec: Any, levels: dict[str, list[Any]], categories: dict[str, str], schema: pa.Schema) -> None:
        self.spec = spec
        entries = [entry for entry in spec.structure if entry.term.degree]
        self.names = tuple(name for entry in entries for name in entry.columns)
        self._makers: list[Callable[[pa.RecordBatch], list[NDArray[Any]]] | tuple[str, ...]] = []
        computed = []
        for entry in entries:
            maker = self._direct(entry, levels, categories, schema)
            if maker is None:
                computed.append(entry)
            self._makers.append(maker or tuple(entry.columns))
        self.computes = bool(computed)
        self._computed = spec.subset([entry.term for entry in computed]) if computed else None
        self.read: tuple[str, ...] = tuple(variables(entry.term for entry in computed))

    def _direct(
        self, entry: Any, levels: dict[str, list[Any]], categories: dict[str, str], schema: pa.Schema
    ) -> Callable[[pa.RecordBatch], list[NDArray[Any]]] | None:
        """What makes the columns of a term that is one column of the source."""
        if len(entry.term.factors) != 1:
            return None
        (factor,) = entry.term.factors
        text = str(factor.expr)
        if text in categories:
            name = categories[text]
            kind, known = schema.field(name).type, levels[name]
            import pyarrow as pa

            table = pa.table({name: _of_levels(known, kind, len(known))})
            coding = materialise(self.spec.subset([entry.term]), _frame(table, [name]), "ignore")
            return _Category(
                name,
                {level: place for place, level in enumerate(known)},
                [_smallest(coding[column].to_numpy(dtype=np.float64)) for column in coding],
            )
        if factor.eval_method.value != "lookup" or list(entry.columns) != [text]:
            return None
        return lambda batch: [numbers_of_array(batch.column(text), f"column {text!r}")]

    def __call__(self, batch: pa.RecordBatch) -> list[NDArray[Any]]:
        """The columns of X, each of shape (rows,)."""
        computed = self.compute(batch)
        columns: list[NDArray[Any]] = []
        for maker in self._makers:
            columns += [computed[name] for name in maker] if isinstance(maker, tuple) else maker(batch)
        return columns

    def compute(self, rows: Any) -> dict[str, NDArray[np.float64]]:
        """The columns of terms that formulaic computes, by name."""
        if self._computed is None:
            return {}
        matrix = materialise(self._computed, _frame(rows, self.read), "ignore")
        return {name: matrix[name].to_numpy(dtype=np.float64) for name in matrix}

    def design(self, table: pa.Table, step: int) -> MemoryDesign:
        """The columns of every step-th row of a table, in memory."""
        parts, first = [], 0
        for batch in table.to_batches():
            parts.append([column[-first % step :: step] for column in self(batch)])
            first += batch.num_rows
        columns = [np.concatenate(column)[:, np.newaxis] for column in zip(*parts, strict=True)]
        return MemoryDesign(tuple(columns), -(-table.num_rows // step), len(columns), self.names)


def _smallest(coding: NDArray[np.float64]) -> NDArray[Any]:
    """What a column holds for each level, in bytes where they are 0 and 1."""
    return coding.astype(np.uint8) if np.isin(coding, (0.0, 1.0)).all() else coding
