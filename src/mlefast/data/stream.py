# SPDX-License-Identifier: BSD-3-Clause
"""X as a stream: columns of a source that are decoded for every pass, in a thread of its own, batch by batch.

Batches are cut again into whole blocks of the pass, which sum up to the bits of all rows at once.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

from .design import BLOCK_ELEMENTS, MemoryDesign, block_rows
from .source import READ_ROWS, Source

if TYPE_CHECKING:
    import pyarrow as pa

_SHARE = 16  # of the memory, that a batch may take
_PATIENCE = 0.1  # seconds after which the reader looks whether it is still wanted

Item = TypeVar("Item")

Encode = Callable[["pa.RecordBatch"], Sequence[NDArray[Any]]]  # a batch of the source to the columns of X


@dataclass(frozen=True, eq=False)
class Kept:
    """The rows of a source that are fitted; `lost` is None if all are."""

    source: Source
    columns: tuple[str, ...]  # of the source, that X is made of
    rows: int  # of the source
    lost: NDArray[np.bool_] | None = None

    def batches(self, rows: int = READ_ROWS) -> Generator[pa.RecordBatch, None, None]:
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
        self._batch_rows = _batch_rows(sample, memory)

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
        with closing(read_ahead(self._recut(unit))) as pieces:
            yield from pieces

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

    def missing(self) -> NDArray[np.bool_]:
        """Nothing is missing in the rows that are kept."""
        return np.zeros(self.rows, dtype=np.bool_)


def _batch_rows(sample: MemoryDesign, memory: int) -> int:
    """Rows to decode at a time, of which several batches exist; OptionError if the memory is too little."""
    row = max(1, sum(group.dtype.itemsize for group in sample.groups))
    if _SHARE * _core.BLOCK * row > memory:
        raise OptionError(
            f"memory={memory} bytes is too little for {sample.columns} columns. Give {_SHARE * _core.BLOCK * row} at "
            "least."
        )
    return min(READ_ROWS, 1 << (memory // (_SHARE * row)).bit_length() - 1)


def read_ahead(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own, one ahead of those that are asked for."""
    stop, filled = threading.Event(), queue.Queue[Any](maxsize=1)

    def hand_over(item: Any) -> None:
        while not stop.is_set():
            try:
                filled.put(item, timeout=_PATIENCE)
            except queue.Full:
                continue
            return

    def read() -> None:
        try:
            with closing(items):
                for item in items:
                    hand_over((item, None))
                    if stop.is_set():
                        return
            hand_over((None, None))
        except BaseException as error:
            hand_over((None, error))

    thread = threading.Thread(target=read, name="mlefast-reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = filled.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stop.set()
        thread.join()
