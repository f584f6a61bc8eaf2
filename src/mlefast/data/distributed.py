# SPDX-License-Identifier: BSD-3-Clause
"""X as the partitions of a Dask collection: they stay where they are, and questions about their rows go to them.

A question is one task per partition, and its answer holds no rows. Sums are added in a fixed binary tree over the
number of the partition, so that the same partitions give the same bits, whichever task ends first. The scheduler is the
one that Dask would choose: the current client's, or else threads of this process. What a lost worker held is made again
by Dask, since blocks keep the graph that they come from; so do one value per row of y, weights and offset, which are
sent with the tasks that put them beside the blocks.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import BLOCK_ELEMENTS, Design, Listener, MemoryDesign, power_of_two, read_design, renamed
from .tasks import added, begun, calls, computed, finished, gathered, reads, tasks_of

_FEW_ELEMENTS = 1 << 23  # numbers that come here sooner than several questions about them go there
_COARSE = 16  # the finest step of which samples are asked for again and again
_BRANCHES = 8  # answers that one task adds up, a power of two
_WARN_OF_GRAPH = "distributed.admin.large-graph-warning-threshold"  # the vectors are large, and sent once


class _Facts(NamedTuple):
    """What must be known of a partition."""

    rows: int
    columns: int
    names: tuple[str, ...] | None
    single: bool
    roundoff: NDArray[np.float64]


class _Part(NamedTuple):
    """A partition with rows: its number among all, its columns on a worker, its first row and how many it has."""

    number: int
    block: Any
    first: int
    rows: int


class _View(NamedTuple):
    """Which rows and columns of a block are meant; all columns if `kept` is None."""

    start: int
    step: int
    kept: NDArray[np.bool_] | None


class DaskDesign:
    """Columns in partitions, each a `MemoryDesign` on a worker."""

    remote: ClassVar[bool] = True

    def __init__(self, blocks: Sequence[Any], facts: Sequence[_Facts]) -> None:
        """`blocks` are delayed objects that hold the partitions; DataError if these do not have the same columns."""
        known = [number for number, fact in enumerate(facts) if fact.rows]
        if not known:
            raise DataError("X has no rows. Check the filter that made the data.")
        model = facts[known[0]]
        for number in known:
            _require_same_columns(number, facts[number], known[0], model)
        self.columns = model.columns
        self.given_names = model.names
        self.single = all(facts[number].single for number in known)
        self.roundoff = np.max([facts[number].roundoff for number in known], axis=0)
        first = np.cumsum([0, *(fact.rows for fact in facts)])
        self._parts = tuple(_Part(number, blocks[number], int(first[number]), facts[number].rows) for number in known)
        self._whole = int(first[-1])
        self.step = 1  # every so many rows of the partitions are meant
        self._kept: NDArray[np.bool_] | None = None
        self._held: dict[int, tuple[Any, ...]] = {}
        self._fetched: dict[Any, MemoryDesign] = {}

    @property
    def rows(self) -> int:
        """Number of rows."""
        return -(-self._whole // self.step)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name per column: the user's, or x1, x2, ..."""
        return self.given_names or tuple(f"x{j}" for j in range(1, self.columns + 1))

    def each(self, question: Callable[..., Any], *vectors: NDArray[Any] | None) -> list[Any]:
        """`question(design, *slices)` of each partition, where `slices` are its parts of vectors with a value per row.

        What is asked must be picklable. The slices stay beside the blocks while their vectors live.
        """
        return computed(self._tasks(question, vectors))

    def total(self, question: Callable[..., Any], *vectors: NDArray[Any] | None) -> Any:
        """The sum of the answers, also of tuples of numbers, truth values, arrays and None."""
        tasks = self._tasks(question, vectors)
        while len(tasks) > _BRANCHES:
            branches = range(0, len(tasks), _BRANCHES)
            tasks = calls("add", added, [(tasks[first : first + _BRANCHES],) for first in branches])
        return added(computed(tasks))

    def _tasks(self, question: Callable[..., Any], vectors: Sequence[NDArray[Any] | None]) -> list[Any]:
        held = [None if vector is None else self._hold(vector) for vector in vectors]
        slices = [[None if parts is None else parts[place] for parts in held] for place in range(len(self._parts))]
        return calls(
            "ask",
            _answer,
            [(question, self._view(part), part.block, mine) for part, mine in zip(self._parts, slices, strict=True)],
        )

    def _view(self, part: _Part) -> _View:
        return _View(-part.first % self.step, self.step, self._kept)

    def _hold(self, vector: NDArray[Any]) -> tuple[Any, ...]:
        """The parts of a vector beside the blocks, sent once while the vector lives; it has all rows."""
        import dask

        assert len(vector) == self._whole
        key = id(vector)
        if key not in self._held:
            with dask.config.set({_WARN_OF_GRAPH: "1 PB"}):
                self._held[key] = dask.persist(
                    *calls(
                        "hold",
                        _beside,
                        [
                            (part.block, part.number, vector[part.first : part.first + part.rows])
                            for part in self._parts
                        ],
                    )
                )
            weakref.finalize(vector, self._held.pop, key, None).atexit = False
        return self._held[key]

    def blocks(self, elements: int = BLOCK_ELEMENTS) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """All rows in float64, partition by partition, each of which comes here; about `elements` at a time."""
        for part in self._parts:
            (here,) = gathered(*calls("fetch", _answer, [(_to_send, self._view(part), part.block, [])]))
            first = -(-part.first // self.step)
            for rows, block in here.blocks(elements):
                yield slice(first + rows.start, first + rows.stop), block

    def take(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """These rows in float64, from the partitions that have them."""
        found = np.empty((len(index), self.columns))
        rows = np.asarray(index) * self.step
        owners = np.searchsorted([part.first for part in self._parts], rows, side="right") - 1
        places: list[NDArray[np.intp]] = []
        wanted: list[tuple[Any, ...]] = []
        for owner in np.unique(owners):
            part = self._parts[owner]
            mine = np.flatnonzero(owners == owner)
            places.append(mine)
            question = partial(_rows_of, index=rows[mine] - part.first)
            wanted.append((question, _View(0, 1, self._kept), part.block, []))
        for mine, values in zip(places, computed(calls("take", _answer, wanted)), strict=True):
            found[mine] = values
        return found

    def every(self, step: int) -> Design:
        """Rows 0, step, 2 step, ...: here if they are few, or else where they lie."""
        part = copy.copy(self)
        part.step = self.step * step
        if part.rows * self.columns > _FEW_ELEMENTS:
            return part
        finest = max(_COARSE, power_of_two(self._whole * self.columns / _FEW_ELEMENTS))
        if part.step % finest:
            return part._here()
        step, part.step = part.step // finest, finest  # of one sample that has them all
        return part._here().every(step)

    def _here(self) -> MemoryDesign:
        """The rows in memory, fetched once."""
        key = self.step, None if self._kept is None else self._kept.tobytes()
        if key not in self._fetched:
            parts = gathered(*self._tasks(_to_send, ()))
            groups = tuple(np.concatenate(pieces) for pieces in zip(*(part.groups for part in parts), strict=True))
            self._fetched[key] = MemoryDesign(groups, self.rows, self.columns, self.given_names)
        return self._fetched[key]

    def select(self, kept: NDArray[np.bool_]) -> DaskDesign:
        """Only these columns, where they lie."""
        part = copy.copy(self)
        part.columns = int(kept.sum())
        part.given_names = tuple(name for name, keep in zip(self.names, kept, strict=True) if keep)
        part.roundoff = self.roundoff[kept]
        part.__dict__.pop("names", None)
        part._kept = kept.copy()
        if self._kept is not None:
            part._kept = self._kept.copy()
            part._kept[self._kept] = kept
        return part

    def listen(self, listener: Listener) -> None:
        """Nothing: how far the tasks have come is told by the scheduler, in its dashboard."""

    def missing(self) -> NDArray[np.bool_]:
        """True for each row in which a column is NaN."""
        return np.concatenate(self.each(_missing))

    def renamed(self, names: Sequence[str]) -> DaskDesign:
        """The same columns by other names."""
        part = copy.copy(self)
        part.given_names = renamed(names, self.columns)
        part.__dict__.pop("names", None)
        return part


def read_partitions(x: Any, names: Sequence[str] | None = None) -> DaskDesign:
    """The columns of a Dask array or data frame.

    Partitions are loaded onto the workers once, as they are if the collection has been persisted.

    Raises
    ------
    DataError
        If there are no rows, or a partition cannot be made, has other columns than the others or some that are not
        numbers; the message has the number of the partition.
    """
    design, _ = design_of("X", _load, tasks_of(x))
    return design if names is None else design.renamed(names)


def design_of(
    what: str, function: Callable[..., Any], parts: Sequence[Any], *arguments: Any
) -> tuple[DaskDesign, list[Any]]:
    """The design whose blocks stay on the workers, and what else is told of each partition.

    `function(part, *arguments)` returns the two, of which the first is a `MemoryDesign`. DataError names the first
    partition that fails.
    """
    tasks = reads(what, function, parts, arguments)
    blocks = calls("block", _block_of, [(task,) for task in tasks])
    facts = calls("facts", _facts_of, [(task,) for task in tasks])

    def finish() -> tuple[Sequence[Any], list[Any]]:
        kept = begun(*blocks, *facts)
        return kept[: len(blocks)], computed(kept[len(blocks) :])

    held, known = finished(what, tasks, finish)
    return DaskDesign(held, [fact for fact, _ in known]), [more for _, more in known]


def _require_same_columns(number: int, facts: _Facts, other: int, model: _Facts) -> None:
    if facts.names != model.names:
        raise DataError(
            f"partition {number} of X has the columns {', '.join(facts.names or ())}; partition {other} has "
            f"{', '.join(model.names or ())}. All must have the same."
        )
    if facts.columns != model.columns:
        raise DataError(
            f"partition {number} of X has {facts.columns} columns, partition {other} has {model.columns}. All must "
            "have the same."
        )


# What follows runs on the workers.


def _load(values: Any) -> tuple[MemoryDesign, None]:
    """The columns of a partition."""
    if not len(values):  # and without types that could be relied on
        width = values.shape[1] if values.ndim > 1 else 1
        return MemoryDesign((np.empty((0, width)),), 0, width), None
    return read_design(values), None


def _block_of(call: tuple[MemoryDesign, Any]) -> MemoryDesign:
    return call[0]


def _facts_of(call: tuple[MemoryDesign, Any]) -> tuple[_Facts, Any]:
    design, more = call
    return _Facts(design.rows, design.columns, design.given_names, design.single, design.roundoff), more


def _beside(block: MemoryDesign, number: int, values: NDArray[Any]) -> NDArray[Any]:
    """The values, where the block is."""
    if block.rows != len(values):
        raise DataError(
            f"partition {number} of X has changed since the fit began: it had {len(values)} rows, now it has "
            f"{block.rows}. Fit again."
        )
    return values


def _answer(
    question: Callable[..., Any], view: _View, block: MemoryDesign, slices: Sequence[NDArray[Any] | None]
) -> Any:
    """The answer of the rows that are meant."""
    if view.kept is not None:
        block = block.select(view.kept)
    if view.step == 1:
        return question(block, *slices)
    rows = slice(view.start, None, view.step)
    groups = tuple(group[rows] for group in block.groups)
    part = replace(block, groups=groups, rows=len(range(block.rows)[rows]))
    return question(part, *(None if values is None else values[rows] for values in slices))


def _to_send(design: MemoryDesign) -> MemoryDesign:
    """The same without gaps between the numbers, which can be sent as they lie."""
    return replace(design, groups=tuple(_without_gaps(group) for group in design.groups))


def _without_gaps(group: NDArray[Any]) -> NDArray[Any]:
    return group if group.flags.forc else group.copy(order="K")


def _rows_of(design: MemoryDesign, index: NDArray[np.intp]) -> NDArray[np.float64]:
    return design.take(index)


def _missing(design: MemoryDesign) -> NDArray[np.bool_]:
    return design.missing()
