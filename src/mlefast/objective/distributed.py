# SPDX-License-Identifier: BSD-3-Clause
"""Rows in partitions on a cluster: each question is a task per partition, which answers by the pass in one thread.

A pass sends the parameters and returns sums.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from numpy.typing import NDArray

from mlefast.data import MemoryDesign
from mlefast.data.distributed import DaskDesign

from .parted import MakeRows, PartedRows, asked, make_part
from .protocol import Vector


class DistributedRows(PartedRows):
    """Partitions of Dask."""

    def __init__(
        self, make: MakeRows, design: DaskDesign, vectors: tuple[NDArray[Any] | None, ...], intercept: bool
    ) -> None:
        """`make` makes the rows of a partition; y, weights and offset are in memory."""
        super().__init__(intercept)
        self._make = make
        self._design = design
        self._vectors = vectors

    def every(self, step: int) -> Any:
        """Rows 0, step, 2 step, ...: in memory if the design has them there, or else where they lie."""
        design = self._design.every(step)
        if isinstance(design, MemoryDesign):
            vectors = tuple(None if v is None else v[:: self._design.step * step] for v in self._vectors)
            return make_part(self._make, design, vectors, self._intercept, self._affine)
        part = copy.copy(self)
        assert isinstance(design, DaskDesign)
        part._design = design
        return part

    def total(self, method: str, *arguments: Any, classes: int | None = None) -> Any:
        """The sum of what the partitions answer."""
        return self._design.total(self._question(method, arguments, classes), *self._vectors)

    def each(self, method: str, *arguments: Any, classes: int | None = None) -> list[Any]:
        """What each partition answers."""
        return self._design.each(self._question(method, arguments, classes), *self._vectors)

    def team(self, threads: int, order: int) -> int:
        """One: the scheduler has a task for each of its threads."""
        return 1

    def _question(self, method: str, arguments: tuple[Any, ...], classes: int | None) -> Any:
        return partial(
            ask_rows,
            make=self._make,
            intercept=self._intercept,
            affine=self._affine,
            classes=classes,
            method=method,
            arguments=arguments,
        )


def ask_rows(
    design: MemoryDesign,
    *vectors: NDArray[Any] | None,
    make: MakeRows,
    intercept: bool,
    affine: tuple[Vector, Vector] | None,
    classes: int | None,
    method: str,
    arguments: tuple[Any, ...],
) -> Any:
    """On a worker: what the rows of a partition, or their softmax, answer."""
    rows = make_part(make, design, vectors, intercept, affine)
    return getattr(asked(rows, classes), method)(*arguments)
