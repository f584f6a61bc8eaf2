# SPDX-License-Identifier: BSD-3-Clause
"""Rows whose columns are a stream: each question is one reading, piece by piece.

Sums go from piece to piece (`before` in the core), so the answers have the bits of the same rows in memory.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from numpy.typing import NDArray

from mlefast.data import MemoryDesign
from mlefast.data.stream import StreamDesign

from .parted import MakeRows, PartedRows, asked, make_part

_WIDE = 64  # columns


class StreamRows(PartedRows):
    """Columns that are read for every question."""

    def __init__(
        self,
        make: MakeRows,
        unit: int,
        design: StreamDesign,
        vectors: tuple[NDArray[Any] | None, ...],
        intercept: bool,
    ) -> None:
        """`make` makes the rows of a piece, a multiple of `unit` of them; y, weights and offset are in memory."""
        super().__init__(intercept)
        self._make = make
        self._unit = unit
        self._design = design
        self._vectors = vectors

    def _pieces(self) -> Generator[Any, None, None]:
        """The rows of one piece after the other: the loop of every pass."""
        with closing(self._design.pieces(self._unit)) as pieces:
            for first, piece in pieces:
                yield self._piece(piece, slice(first, first + piece.rows), first, self._design.rows)

    def _piece(self, design: MemoryDesign, where: slice, first: int, whole: int) -> Any:
        vectors = tuple(None if values is None else values[where] for values in self._vectors)
        return make_part(self._make, design, vectors, self._intercept, self._affine, first, whole)

    def total(self, method: str, *arguments: Any, classes: int | None = None) -> Any:
        """The answer of the last piece, each being asked with what the piece before said."""
        answer = None
        with closing(self._pieces()) as pieces:
            for piece in pieces:
                answer = getattr(asked(piece, classes), method)(*arguments, before=answer)
        return answer

    def each(self, method: str, *arguments: Any, classes: int | None = None) -> list[Any]:
        """What each piece says by itself."""
        with closing(self._pieces()) as pieces:
            return [getattr(asked(piece, classes), method)(*arguments) for piece in pieces]

    def team(self, threads: int, order: int) -> int:
        """Threads of a pass, unless the Hessian takes longer than to decode its rows: the others decode meanwhile."""
        return threads if order == 2 and self._design.columns >= _WIDE else (threads + 1) // 2

    def every(self, step: int) -> Any:
        """Rows 0, step, 2 step, ... of the same data, in memory."""
        design = self._design.every(step)
        return self._piece(design, slice(None, None, step), 0, design.rows)
