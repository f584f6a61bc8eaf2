# SPDX-License-Identifier: BSD-3-Clause
"""X as a stream: columns of a source that are decoded for every pass, in a thread of its own, piece by piece.

A piece is a power of two of the pass's blocks, so that sums over the pieces have the bits of sums over all rows. Two
pieces exist at a time: one that is worked on, and one that is being filled.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

from .design import BLOCK_ELEMENTS, MemoryDesign, block_rows
from .source import READ_ROWS, Source

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST_PIECE = 64  # blocks
_SHARE = 16  # of the memory, that a piece may take

Encode = Callable[["pa.RecordBatch"], Sequence[NDArray[Any]]]  # a batch of the source to the columns of X


@dataclass(frozen=True, eq=False)
class Kept:
    """The rows of a source that are fitted; `lost` is None if all are."""

    source: Source
    columns: tuple[str, ...]  # of the source, that X is made of
    rows: int  # of the source
    lost: NDArray[np.bool_] | None = None

    def batches(self) -> Generator[pa.RecordBatch, None, None]:
        """The rows that are fitted; DataError if there are more or fewer than before."""
        import pyarrow as pa

        first = 0
        for batch in self.source.batches(self.columns, READ_ROWS):
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
        self._piece = _piece_rows(sample, memory)

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

    def pieces(self) -> Generator[tuple[int, MemoryDesign], None, None]:
        """All rows, piece by piece, and where each begins; what a piece holds is overwritten two pieces later.

        Close the iterator, as by `contextlib.closing`, where it may not be read to its end.
        """
        stop, free, filled = threading.Event(), queue.SimpleQueue[Any](), queue.SimpleQueue[Any]()
        for _ in range(2):
            free.put(self._sample.like(min(self._piece, self.rows)))

        def read() -> None:
            try:
                for piece in self._fill(free, stop):
                    filled.put(piece)
                filled.put(None)
            except BaseException as error:
                filled.put(error)

        thread = threading.Thread(target=read, name="mlefast-reader", daemon=True)
        thread.start()
        try:
            while (found := filled.get()) is not None:
                if isinstance(found, BaseException):
                    raise found
                buffer, first, count = found
                yield first, buffer.head(count)
                free.put(buffer)
        finally:
            stop.set()
            free.put(None)
            thread.join()

    def _fill(self, free: Any, stop: threading.Event) -> Iterator[tuple[MemoryDesign, int, int]]:
        """Buffers with rows in them, the first row and the number of rows."""
        buffer, first, count = free.get(), 0, 0
        with closing(self._kept.batches()) as batches:
            for batch in batches:
                columns, done = self._encode(batch), 0
                while done < batch.num_rows:
                    if stop.is_set():
                        return
                    here = min(self._piece - count, batch.num_rows - done)
                    for group, column in zip(buffer.groups, columns, strict=True):
                        group[count : count + here, 0] = column[done : done + here]
                    count, done = count + here, done + here
                    if count == self._piece:
                        yield buffer, first, count
                        buffer, first, count = free.get(), first + count, 0
                        if buffer is None:
                            return
        if count:
            yield buffer, first, count

    def blocks(self, elements: int = BLOCK_ELEMENTS) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """All rows in float64, in the same blocks as rows in memory."""
        with closing(self.pieces()) as pieces:
            for first, piece in pieces:
                for rows, block in piece.blocks(elements):
                    yield slice(first + rows.start, first + rows.stop), block

    def take(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """These rows in float64, from one reading."""
        found = np.empty((len(index), self.columns))
        order = np.argsort(index, kind="stable")
        ranked, done = index[order], 0
        with closing(self.pieces()) as pieces:
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


def _piece_rows(sample: MemoryDesign, memory: int) -> int:
    """Rows of a piece: whole blocks of the pass, and whole ones of `blocks`."""
    row = sum(group.dtype.itemsize for group in sample.groups)
    least = max(_core.BLOCK, block_rows(sample.columns, BLOCK_ELEMENTS))
    if 2 * _SHARE // 4 * least * row > memory:
        raise OptionError(
            f"memory={memory} bytes is too little for {sample.columns} columns. Give at least {8 * least * row}."
        )
    rows = least
    while rows < _LARGEST_PIECE * _core.BLOCK and 2 * rows * row * _SHARE <= memory:
        rows *= 2
    return rows
