# SPDX-License-Identifier: BSD-3-Clause
"""The first reading of a source: which rows count, the vectors, the levels of categories, and a sample of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .ahead import read_ahead
from .missing import counted, first_rows
from .source import Source, batch_rows
from .spool import Spool
from .vectors import Column

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_ROWS = 1 << 18
_SAMPLE_ELEMENTS = 1 << 24
_VECTORS = 8  # of the memory, the share that a vector may take before it goes to a file
_SHOWN = 5  # rows that messages name


@dataclass(frozen=True, eq=False)
class Survey:
    """What the first reading tells; the vectors are those of the rows that are kept."""

    rows: int  # of the source
    kept: int
    lost: NDArray[np.bool_] | None  # which rows of the source are left out
    dropped: int  # of these, those that lack a value
    vectors: dict[str, NDArray[Any]]
    labels: dict[str, list[Any]]  # that vectors of text count in
    levels: dict[str, list[Any]]
    sample: pa.Table  # every step-th row that is kept
    step: int


@dataclass(eq=False)
class _Gap:
    count: int = 0
    first: list[int] = field(default_factory=list)


class _Levels:
    """The values of a column: sorted, but those that declare an order in that."""

    def __init__(self, declared: bool) -> None:
        self._declared = declared
        self._places: dict[Any, int] = {}

    def add(self, column: pa.Array) -> None:
        for value in dictionary_of(column)[0]:
            self._places.setdefault(value, len(self._places))

    def codes(self, column: pa.Array) -> NDArray[np.int32]:
        """The number of each value in the order of their appearance."""
        values, indices = dictionary_of(column)
        places = np.zeros(len(values), dtype=np.int32)
        for there in np.unique(indices):  # others may be declared
            places[there] = self._places.setdefault(values[there], len(self._places))
        codes: NDArray[np.int32] = places[indices]
        return codes

    @property
    def values(self) -> list[Any]:
        found = [value for value in self._places if value is not None]
        if self._declared:
            return found
        return sorted(found)


def dictionary_of(column: pa.Array) -> tuple[list[Any], NDArray[Any]]:
    """The values of a column without gaps, and which of them each row has."""
    import pyarrow as pa

    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return coded.dictionary.to_pylist(), np.asarray(coded.indices)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type is a category unless it is said to be something else."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return True
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def numbers_of_array(column: pa.Array, label: str) -> NDArray[Any]:
    """A column of numbers or booleans without gaps, where it lies if possible; DataError for other types."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(
            f"{label} holds {kind}, not numbers; compute a number from it, or write C() if it is a category."
        )
    return np.asarray(column.to_numpy(zero_copy_only=False))


def survey(
    source: Source,
    used: Sequence[str],
    vectors: dict[str, Callable[[pa.RecordBatch], pa.Array]],
    categories: Sequence[str],
    *,
    weights: str | None,
    missing: str,
    memory: int,
    undefined: NDArray[np.bool_] | None = None,
) -> Survey:
    """Read the columns `used` once; `vectors` make one value per row each of a batch, `memory` is in bytes.

    `undefined` are rows of the source that are known to lack a value. DataError if no row is left or, with
    missing="raise", a value is missing.
    """
    names, first = list(used), 0
    reading = _Reading(source, names, vectors, categories, weights, memory // _VECTORS)
    rows = batch_rows(sum(map(_bytes, (source.schema.field(name).type for name in names))), memory)
    with closing(reading), closing(read_ahead(source.batches(names, rows))) as batches:
        for batch in batches:
            reading.add(batch, None if undefined is None else undefined[first : first + batch.num_rows])
            first += batch.num_rows
        return reading.finish(missing)


def _bytes(kind: pa.DataType) -> int:
    """Of a value in memory, about."""
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:  # text has no width
        return 16


class _Reading:
    """What has been seen so far."""

    def __init__(
        self,
        source: Source,
        names: list[str],
        vectors: dict[str, Callable[[pa.RecordBatch], pa.Array]],
        categories: Sequence[str],
        weights: str | None,
        room: int,
    ) -> None:
        import pyarrow as pa

        self._source, self._vectors, self._weights = source, vectors, weights
        self._spools = {name: Spool(room) for name in vectors}
        self._coded: dict[str, _Levels] = {}
        self._levels = {name: _Levels(pa.types.is_dictionary(source.schema.field(name).type)) for name in categories}
        self._gaps = {name: _Gap() for name in names}
        self._lost, self._any_lost = Spool(room), False
        self._sample = _Sample(len(names))
        self._rows = self._kept = self._dropped = 0

    def add(self, batch: pa.RecordBatch, undefined: NDArray[np.bool_] | None) -> None:
        import pyarrow as pa

        unweighted = None
        if self._weights is not None:
            values = numbers_of_array(batch.column(self._weights), f"column {self._weights!r} (weights)")
            unweighted = np.asarray(values == 0, dtype=np.bool_)
        lost = self._gaps_in(batch, unweighted)
        if undefined is not None:
            lost |= undefined if unweighted is None else undefined & ~unweighted
        self._dropped += int(np.count_nonzero(lost))
        out = lost if unweighted is None else lost | unweighted
        self._rows += batch.num_rows
        self._lost.append(out)
        if out.any():
            self._any_lost = True
            batch = batch.filter(pa.array(~out))
        for name, levels in self._levels.items():
            levels.add(batch.column(name))
        for name, make in self._vectors.items():
            self._append(name, make(batch))
        self._sample.add(batch)
        self._kept += batch.num_rows

    def _gaps_in(self, batch: pa.RecordBatch, unweighted: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Rows that lack a value and have a weight."""
        import pyarrow as pa
        import pyarrow.compute as pc

        lost = np.zeros(batch.num_rows, dtype=np.bool_)
        for name, gap in self._gaps.items():
            column = batch.column(name)
            if not column.null_count and not pa.types.is_floating(column.type):
                continue
            gone = np.asarray(pc.is_null(column, nan_is_null=True))
            if unweighted is not None:
                gone = gone & ~unweighted
            if gone.any():
                gap.count += int(np.count_nonzero(gone))
                gap.first += (self._rows + np.flatnonzero(gone)[: _SHOWN - len(gap.first)]).tolist()
                lost |= gone
        return lost

    def _append(self, name: str, column: Any) -> None:
        if isinstance(column, np.ndarray):
            self._spools[name].append(column)
        elif is_text(column.type):
            self._spools[name].append(self._coded.setdefault(name, _Levels(declared=True)).codes(column))
        else:
            self._spools[name].append(numbers_of_array(column, f"column {name!r}"))

    def close(self) -> None:
        for spool in (self._lost, *self._spools.values()):
            spool.close()

    def finish(self, missing: str) -> Survey:
        if not self._rows:
            raise DataError(f"{self._source.name} has no rows.")
        if missing == "raise" and self._dropped:
            name, gap = next((name, gap) for name, gap in self._gaps.items() if gap.count)
            raise DataError(
                f"column {name!r} has {counted(gap.count, 'missing value')} ({first_rows(gap.first)}); "
                f'{counted(self._dropped, "row")} in all lack some value. Use missing="drop" or fill them in.'
            )
        if not self._kept:
            raise DataError(
                "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
                if self._dropped
                else "all weights are zero, so no row is left. Check them."
            )
        sample, step = self._sample.finish()
        return Survey(
            self._rows,
            self._kept,
            self._lost.finish() if self._any_lost else None,
            self._dropped,
            {name: spool.finish() for name, spool in self._spools.items()},
            {name: levels.values for name, levels in self._coded.items()},
            {name: levels.values for name, levels in self._levels.items()},
            sample,
            step,
        )


class _Sample:
    """Every step-th row, where the step doubles whenever the rows become too many."""

    def __init__(self, columns: int) -> None:
        self._most = min(_SAMPLE_ROWS, max(_SAMPLE_ELEMENTS // columns, 40 * columns))
        self._parts: list[pa.Table] = []
        self._rows = self._seen = 0
        self._step = 1

    def add(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        first = -self._seen % self._step
        self._seen += batch.num_rows
        if first < batch.num_rows:
            part = batch
            if self._step > 1:
                part = batch.take(pa.array(np.arange(first, batch.num_rows, self._step)))
            self._parts.append(pa.Table.from_batches([part]))
            self._rows += part.num_rows
        while self._rows > self._most:
            self._halve()

    def _halve(self) -> None:
        """Leave every second row, part by part, so that they never exist twice."""
        import pyarrow as pa

        seen = self._rows = 0
        for number, part in enumerate(self._parts):
            taken = part.take(pa.array(np.arange(-seen % 2, part.num_rows, 2)))
            seen += part.num_rows
            self._rows += taken.num_rows
            self._parts[number] = taken
        self._step *= 2
        pa.default_memory_pool().release_unused()  # which would come on top of what follows

    def finish(self) -> tuple[pa.Table, int]:
        import pyarrow as pa

        return pa.concat_tables(self._parts).unify_dictionaries(), self._step


def response_column(survey: Survey, name: str, label: str) -> Column:
    """The response as a column; of text as codes of the labels that occur."""
    values = survey.vectors[name]
    if name not in survey.labels:
        return Column(values, label, "y")
    labels = np.empty(len(survey.labels[name]), dtype=object)
    labels[:] = survey.labels[name]
    return Column(values, label, "y", labels=labels)
