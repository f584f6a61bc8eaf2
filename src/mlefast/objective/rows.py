# SPDX-License-Identifier: BSD-3-Clause
"""What the objectives ask of rows, wherever these are, and who answers.

Rows in memory answer by the compiled pass itself, or block by block where the likelihood is a function of Python;
those that come in parts, of a stream or on a cluster, part by part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import Design, MemoryDesign, is_remote

from .blocks import BLOCK_ROWS, BlockRows
from .journal import JournalRows, JournalSoftmax
from .protocol import Matrix, Vector

if TYPE_CHECKING:
    from .parted import MakeRows


class Rows(Protocol):
    """Columns of X, y, weights and offset, row by row; each question but `every` is one pass. See `_core.Rows`."""

    def standardise(self, centre: Vector, scale: Vector) -> None:
        """From now on the columns are (x - centre) * scale."""
        ...

    def evaluate(
        self, params: Vector, leaf: Any, order: int, threads: int, single: bool = False
    ) -> tuple[float, Vector | None, Matrix | None, bool, float]:
        """(nll, gradient or None, Hessian or None, whether all is finite, reach)."""
        ...

    def scores(
        self,
        params: Vector,
        leaf: Any,
        threads: int,
        inverse: Matrix | None = None,
        power: int = 0,
        counted: bool = True,
    ) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        ...

    def prior_slopes(self, params: Vector, leaf: Any, threads: int, inverse: Matrix) -> Vector:
        """The sum of w d3 |A'x|^2 x."""
        ...

    def scan(self, params: Vector, direction: Vector, leaf: Any, threads: int) -> tuple[float, float, float]:
        """(largest -d2 x'd / d1, least and largest step towards the open side)."""
        ...

    def linear_predictor(self, params: Vector, threads: int) -> Vector:
        """The linear predictor of every row."""
        ...

    def every(self, step: int) -> Rows:
        """Rows 0, step, 2 step, ... of the same data."""
        ...


class Softmax(Protocol):
    """The softmax of such rows, whose y holds the codes of classes. See `_core.Softmax`."""

    def evaluate(
        self, params: Matrix, order: int, threads: int, single: bool = False
    ) -> tuple[float, Matrix | None, Matrix | None, bool]:
        """(nll, gradient or None, Hessian or None, whether all is finite)."""
        ...

    def scores(self, params: Matrix, threads: int, counted: bool = True) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite)."""
        ...

    def scan(self, params: Matrix, direction: Matrix, threads: int) -> tuple[float, float, float]:
        """Extremes of the steps of labels and classes."""
        ...


def rows_of(
    design: Design,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    intercept: bool,
    *,
    in_python: bool = False,
) -> Rows:
    """The rows of a design with one value each of the others; with `in_python` the leaf is a function of Python."""
    make: MakeRows = _in_python if in_python else _compiled
    if isinstance(design, MemoryDesign):
        rows: Rows = make(design, y, weights, offset, intercept, 0, design.rows)
        return rows
    if is_remote(design):
        from .distributed import DistributedRows

        return DistributedRows(make, design, (y, weights, offset), intercept)
    from mlefast.data.stream import StreamDesign

    from .stream import StreamRows

    assert isinstance(design, StreamDesign)
    return StreamRows(make, BLOCK_ROWS if in_python else _core.BLOCK, design, (y, weights, offset), intercept)


def _compiled(
    design: MemoryDesign,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    intercept: bool,
    first: int,
    whole: int,
) -> _core.Rows:
    return _core.Rows(design.groups, y, weights, offset, intercept, first, whole)


def _in_python(
    design: MemoryDesign,
    y: NDArray[Any],
    weights: NDArray[Any] | None,
    offset: NDArray[Any] | None,
    intercept: bool,
    first: int,
    whole: int,
) -> BlockRows:
    return BlockRows(design.groups, y, weights, offset, intercept, last=first + design.rows == whole)


def softmax_of(rows: Rows, classes: int) -> Softmax:
    """The softmax of some rows."""
    if isinstance(rows, JournalRows):
        return JournalSoftmax(softmax_of(rows.rows, classes), rows.journal)
    if isinstance(rows, _core.Rows):
        return _core.Softmax(rows, classes)
    from .parted import PartedRows, PartedSoftmax

    assert isinstance(rows, PartedRows)
    return PartedSoftmax(rows, classes)
