# SPDX-License-Identifier: BSD-3-Clause
"""X as a stream: columns of a source that are decoded for every pass, in a thread of its own, batch by batch.

Batches are cut again into whole blocks of the pass, which sum up to the bits of all rows at once.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

from .ahead import read_ahead
from .design import BLOCK_ELEMENTS, Listener, MemoryDesign, block_rows
from .source import Source, batch_rows

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCKS = 16  # of the pass, that memory must have room for,
_SAMPLES = 6  # and samples: while one is taken, parts of it exist twice

Encode = Callable[["pa.RecordBatch"], Sequence[NDArray[Any]]]  # a batch of the source to the columns of X


@dataclass(frozen=True, eq=False)
class Kept:
    """The rows of a source that are fitted; `lost` is None if all are."""

    source: Source
    columns: tuple[str, ...]  # of the source, that X is made of
    rows: int  # of the source
    lost: NDArray[np.bool_] | None = None

    def batches(self, rows: int) -> Generator[pa.RecordBatch, None, None]:
        """The rows that are fitted, so many at a time; DataError if there are more or fewer than before."""
        import pyarrow as pa

        first = 0
        for batch in self.source.batches(self.columns, rows):
            last = first + batch.num_rows
            if last > self.rows:
                break
            lost = None if self.lost is None else self.lost[first:last]
            first = last
            yield batch if lost is None or not lost.any() else batch.filter(pa.array(~lost))
        else:
            last = first
        if last != self.rows:
            raise DataError(
                f"{self.source.name} has changed since the fit began: it had {self.rows} rows, now it has "
                f"{'more' if last > self.rows else last}. Fit again."
            )


class StreamDesign:
    """Columns that `encode` makes of the rows of a source; only a sample of the rows stays in memory."""

    remote: ClassVar[bool] = False

    def __init__(
        self,
        kept: Kept,
        encode: Encode,
        names: tuple[str, ...],
        sample: MemoryDesign,
        step: int,
        rows: int,
        memory: int,
    ) -> None:
        """`sample` has every step-th of the rows, with the types of the columns; `memory` is in bytes."""
        self.rows = rows
        self.columns = len(names)
        self.given_names: tuple[str, ...] | None = names
        self._kept = kept
        self._encode = encode
        self._sample = sample
        self._step = step
        self._batch_rows = batch_rows(_row_bytes(sample), memory)
        self._listener: Listener | None = None
        _require_room(sample, memory)

    @property
    def names(self) -> tuple[str, ...]:
        """A name per column."""
        return self.given_names or ()

    @property
    def single(self) -> bool:
        """Whether all numbers are float32."""
        return self._sample.single

    @property
    def roundoff(self) -> NDArray[np.float64]:
        """The relative error that numbers of each column may have from their type."""
        return self._sample.roundoff

    def pieces(self, unit: int) -> Generator[tuple[int, MemoryDesign], None, None]:
        """All rows, some at a time and where these begin; each time, but for the last, a multiple of `unit` rows.

        They lie where they were decoded, but for those of a unit that two batches share. Close the iterator, as by
        `contextlib.closing`, where it may not be read to its end.
        """
        began, row = time.perf_counter(), _row_bytes(self._sample)
        with closing(read_ahead(self._recut(unit))) as pieces:
            for first, piece in pieces:
                yield first, piece
                if self._listener is not None:
                    done = first + piece.rows
                    self._listener(done, self.rows, done * row, time.perf_counter() - began)

    def _recut(self, unit: int) -> Generator[tuple[int, MemoryDesign], None, None]:
        first, count = 0, 0  # where the rows begin that wait for others, and their number
        waiting = self._sample.like(0)
        with closing(self._kept.batches(self._batch_rows)) as batches:
            for batch in batches:
                rows = self._design(batch)
                if count:
                    here = min(unit - count, rows.rows)
                    waiting.write(count, rows.part(slice(0, here)))
                    count += here
                    if count < unit:
                        continue
                    yield first, waiting
                    first, rows = first + unit, rows.part(slice(here, rows.rows))
                whole = rows.rows // unit * unit
                if whole:
                    yield first, rows.part(slice(0, whole))
                    first += whole
                count = rows.rows - whole
                if count:
                    waiting = self._sample.like(unit)
                    waiting.write(0, rows.part(slice(whole, rows.rows)))
        if count:
            yield first, waiting.part(slice(0, count))

    def _design(self, batch: pa.RecordBatch) -> MemoryDesign:
        groups = tuple(column[:, np.newaxis] for column in self._encode(batch))
        return MemoryDesign(groups, batch.num_rows, self.columns, self.given_names)

    def blocks(self, elements: int = BLOCK_ELEMENTS) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """All rows in float64, in the same blocks as rows in memory."""
        with closing(self.pieces(block_rows(self.columns, elements))) as pieces:
            for first, piece in pieces:
                for rows, block in piece.blocks(elements):
                    yield slice(first + rows.start, first + rows.stop), block

    def take(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """These rows in float64, from one reading."""
        found = np.empty((len(index), self.columns))
        order = np.argsort(index, kind="stable")
        ranked, done = index[order], 0
        with closing(self.pieces(1)) as pieces:
            for first, piece in pieces:
                if done == len(index):
                    break
                end = int(np.searchsorted(ranked, first + piece.rows))
                found[order[done:end]] = piece.take(ranked[done:end] - first)
                done = end
        return found

    def every(self, step: int) -> MemoryDesign:
        """Rows 0, step, 2 step, ...: of those in memory, or else from one reading."""
        if step % self._step == 0:
            return self._sample.every(step // self._step)
        rows = np.asfortranarray(self.take(np.arange(0, self.rows, step)))
        return MemoryDesign((rows,), len(rows), self.columns, self.given_names)

    def select(self, kept: NDArray[np.bool_]) -> StreamDesign:
        """Only these columns."""
        names = tuple(name for name, keep in zip(self.names, kept, strict=True) if keep)

        def encode(batch: pa.RecordBatch) -> list[NDArray[Any]]:
            return [column for column, keep in zip(self._encode(batch), kept, strict=True) if keep]

        part = copy.copy(self)
        part.columns, part.given_names = len(names), names
        part._encode, part._sample = encode, self._sample.select(kept)
        return part

    def listen(self, listener: Listener) -> None:
        """Tell from now on how far a reading has come."""
        self._listener = listener

    def missing(self) -> NDArray[np.bool_]:
        """Nothing is missing in the rows that are kept."""
        return np.zeros(self.rows, dtype=np.bool_)


def _require_room(sample: MemoryDesign, memory: int) -> None:
    """OptionError if the memory is too little for a few blocks of the pass, or for the sample."""
    least = max(_BLOCKS * _core.BLOCK, _SAMPLES * sample.rows) * _row_bytes(sample)
    if least > memory:
        raise OptionError(
            f"memory={memory} bytes is too little for a stream of {sample.columns} columns. Give {least} at least."
        )


def _row_bytes(design: MemoryDesign) -> int:
    return sum(group.dtype.itemsize for group in design.groups)
