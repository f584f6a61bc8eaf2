# SPDX-License-Identifier: BSD-3-Clause
"""Rows whose likelihood is a function of Python: block by block, with the pass before and after it.

For a block of rows the pass gives eta, the function nll and the derivatives, and the pass the sums X'd1 and
X' diag(d2) X. The block is read twice, the second time from the cache, and no array has more rows than it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.likelihoods import UserLikelihood

from .protocol import Matrix, Vector

BLOCK_ROWS = 1 << 14
_GIVEN = _core.Leaf("given")  # d1 in the place of y, d2 in that of the offset


class BlockRows:
    """What `_core.Rows` is for a compiled leaf, for a UserLikelihood in the place of the leaf."""

    def __init__(
        self,
        groups: tuple[NDArray[Any], ...],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        offset: NDArray[Any] | None,
        intercept: bool,
        *,
        last: bool = True,
    ) -> None:
        """Rows that others follow are not the `last`: what sums over them then returns its sums so far."""
        self._last = last
        self._groups = groups
        self._y = y
        self._weights = weights
        self._offset = offset
        self._intercept = intercept
        self._affine: tuple[Vector, Vector] | None = None

    def standardise(self, centre: Vector, scale: Vector) -> None:
        """From now on the columns are (x - centre) * scale."""
        self._affine = centre, scale

    def every(self, step: int) -> BlockRows:
        """Rows 0, step, 2 step, ... of the same data."""
        part = BlockRows(
            tuple(group[::step] for group in self._groups),
            self._y[::step],
            None if self._weights is None else self._weights[::step],
            None if self._offset is None else self._offset[::step],
            self._intercept,
        )
        part._affine = self._affine
        return part

    def evaluate(
        self,
        params: Vector,
        likelihood: UserLikelihood,
        order: int,
        threads: int,
        single: bool = False,
        before: Any = None,
    ) -> Any:
        """(nll, gradient or None, Hessian or None, whether all is finite, inf) in one pass over the rows.

        `before` is what the rows before these returned, if they are a part of others, as in `_core.Rows`.
        """
        size = len(params)
        zeros = np.zeros(size) if order > 0 else None, np.zeros((size, size)) if order > 1 else None
        sums: tuple[list[float], Vector | None, Matrix | None, bool] = before or ([], *zeros, True)
        losses, gradient, hessian, finite = sums
        for part in self._parts():
            y, weights, (nll, d1, d2), known = self._derivatives(part, params, likelihood, threads)
            finite = finite and known
            present = slice(None) if weights is None else weights > 0
            losses.append(float(nll.sum() if weights is None else nll[present] @ weights[present]))
            if gradient is None:
                continue
            given = self._rows(slice(0, len(y)), d1, d2, part)
            _, slopes, curvature, fine, _ = given.evaluate(np.zeros(size), _GIVEN, order, threads)
            assert slopes is not None
            gradient += slopes
            if hessian is not None and curvature is not None:
                hessian += curvature
            finite = finite and fine
        if not self._last:
            return losses, gradient, hessian, finite
        loss = math.fsum(losses) if all(map(math.isfinite, losses)) else math.nan
        return loss, gradient, hessian, finite and math.isfinite(loss), math.inf

    def scores(
        self,
        params: Vector,
        likelihood: UserLikelihood,
        threads: int,
        inverse: Matrix | None = None,
        power: int = 0,
        counted: bool = True,
        before: tuple[Matrix, bool] | None = None,
    ) -> tuple[Matrix, bool]:
        """(the sum of the outer products of the rows' scores, whether all is finite), as `_core.Rows.scores`."""
        size = len(params)
        total, finite = before or (np.zeros((size, size)), True)
        for part in self._parts():
            y, _, (_, d1, d2), known = self._derivatives(part, params, likelihood, threads)
            given = self._rows(slice(0, len(y)), d1, d2, part)
            products, fine = given.scores(np.zeros(size), _GIVEN, threads, inverse, power, counted)
            total += products
            finite = finite and known and fine
        return total, finite

    def linear_predictor(self, params: Vector, threads: int) -> Vector:
        """The linear predictor of every row."""
        return self._rows(slice(None), self._y, self._offset).linear_predictor(params, threads)

    def _derivatives(
        self, part: slice, params: Vector, likelihood: UserLikelihood, threads: int
    ) -> tuple[Vector, Vector | None, tuple[Vector, Vector, Vector], bool]:
        """y, the weights, what the function gives, and whether eta is finite."""
        eta = self._rows(part, self._y, self._offset).linear_predictor(params, threads)
        y = self._y[part].astype(np.float64, copy=False)
        weights = None if self._weights is None else self._weights[part]
        return y, weights, likelihood.rows(eta, y), bool(np.isfinite(eta).all())

    def scan(
        self, params: Vector, direction: Vector, likelihood: UserLikelihood, threads: int
    ) -> tuple[float, float, float]:
        """The largest x'd of a direction, which is all that a search needs where nothing is to be proved."""
        rows = self._rows(slice(None), self._y, self._offset)
        return rows.scan(params, direction, _GIVEN, threads)

    def _parts(self) -> Iterator[slice]:
        for first in range(0, len(self._y), BLOCK_ROWS):
            yield slice(first, min(first + BLOCK_ROWS, len(self._y)))

    def _rows(
        self, part: slice, y: NDArray[Any], offset: NDArray[Any] | None, columns: slice | None = None
    ) -> _core.Rows:
        """A part of y and offset with the same part of X and the weights, unless that is said to be another one."""
        where = part if columns is None else columns
        rows = _core.Rows(
            tuple(group[where] for group in self._groups),
            y[part],
            None if self._weights is None else self._weights[where],
            None if offset is None else offset[part],
            self._intercept,
        )
        if self._affine is not None:
            rows.standardise(*self._affine)
        return rows
