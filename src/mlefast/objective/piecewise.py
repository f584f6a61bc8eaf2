# SPDX-License-Identifier: BSD-3-Clause
"""The objective of a quantile regression, sum_i w_i rho_tau(r_i) with r = y - offset - X b, which is piecewise linear.

Its solvers need no moments: they ask for residuals, for sums of rows with weights of their own, and for few rows as
an objective by themselves. Each question but the last is one pass over the rows where they lie.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import Design, MemoryDesign

from .passes import Passes
from .protocol import Matrix, Vector
from .rows import Rows, rows_of
from .standardisation import Standardisation

Index = NDArray[np.intp]
_SERIAL_ROWS = 1 << 15  # copies of so few rows lie in the cache of one thread


def total(weights: NDArray[Any] | None, values: Vector) -> float:
    """sum_i w_i v_i, without BLAS, whose order may depend on its threads."""
    return float(np.sum(values if weights is None else values * weights))


class PiecewiseLinear(Protocol):
    """sum_i w_i rho_tau(r_i) as a function of the parameters; rho_tau(r) = (tau - [r < 0]) r."""

    quantile: float  # tau
    size: int  # number of parameters
    rows: int
    passes: Passes  # how often the rows have been read so far
    response: Vector  # y - offset
    weights: Vector | None

    def residuals(self, params: Vector) -> Vector:
        """Y - offset - X b, of shape (rows,); 0 in rows of weight zero."""
        ...

    def along(self, direction: Vector) -> Vector:
        """X d, of shape (rows,)."""
        ...

    def balance(self, params: Vector) -> Vector:
        """sum_i w_i psi_i x_i with the slopes psi_i = tau - [r_i < 0] of the residuals, 0 where r_i = 0."""
        ...

    def cross(self, values: Vector) -> Vector:
        """sum_i w_i v_i x_i."""
        ...

    def gram(self, values: Vector) -> Matrix:
        """sum_i w_i v_i x_i x_i'."""
        ...

    def dense(self, index: Index) -> Matrix:
        """These rows of X, of shape (len(index), size)."""
        ...

    def take(self, index: Index, weights: Vector | None = None) -> PiecewiseLinear:
        """The same objective on these rows, which are copied, with their own weights or other ones."""
        ...

    def reweighted(self, weights: Vector) -> PiecewiseLinear:
        """The same rows with other weights."""
        ...

    def leverages(self, factor: Matrix) -> Vector:
        """x_i' A A' x_i for a matrix A of shape (size, size), of shape (rows,)."""
        ...


class MemoryPiecewise:
    """A `PiecewiseLinear` of rows in memory, in the coordinates of `space`."""

    def __init__(
        self,
        design: Design,
        response: Vector,
        *,
        weights: NDArray[Any] | None,
        space: Standardisation,
        quantile: float,
        threads: int,
    ) -> None:
        self.quantile = quantile
        self.size = design.columns + space.intercept
        self.rows = design.rows
        self.response = response
        self.weights = weights
        self.passes = Passes()
        self._design = design
        self._space = space
        self._threads = threads
        self._given = _core.Leaf("given")
        self._laplace = _core.Leaf("laplace", (quantile,))
        self._plain = self._rows(response)

    def _rows(self, d1: Vector, d2: Vector | None = None) -> Rows:
        """The rows with given derivatives."""
        rows = rows_of(self._design, d1, self.weights, d2, self._space.intercept)
        rows.standardise(self._space.centre, self._space.scale)
        return rows

    def along(self, direction: Vector) -> Vector:
        """X d in one pass."""
        self.passes = self.passes.plus(0)
        return self._plain.linear_predictor(direction, self._threads)

    def residuals(self, params: Vector) -> Vector:
        """Y - offset - X b in one pass."""
        eta = self.along(params)
        np.subtract(self.response, eta, out=eta)
        if self.weights is not None:
            eta[self.weights == 0] = 0.0
        return eta

    def balance(self, params: Vector) -> Vector:
        """X' (w psi) in one pass."""
        self.passes = self.passes.plus(1)
        _, gradient, *_ = self._plain.evaluate(params, self._laplace, 1, self._threads)
        assert gradient is not None
        return -0.5 * gradient

    def cross(self, values: Vector) -> Vector:
        """X' (w v) in one pass."""
        self.passes = self.passes.plus(1)
        _, gradient, *_ = self._rows(values).evaluate(np.zeros(self.size), self._given, 1, self._threads)
        assert gradient is not None
        return gradient

    def gram(self, values: Vector) -> Matrix:
        """X' diag(w v) X in one pass."""
        self.passes = self.passes.plus(2)
        _, _, hessian, *_ = self._rows(values, values).evaluate(np.zeros(self.size), self._given, 2, self._threads)
        assert hessian is not None
        return hessian

    def dense(self, index: Index) -> Matrix:
        """Rows of X in the coordinates of the parameters, with ones for the intercept."""
        return self._coordinates(self._design.take(index))

    def _coordinates(self, block: Matrix) -> Matrix:
        x = np.ones((len(block), self.size))
        x[:, self.size - block.shape[1] :] = (block - self._space.centre) * self._space.scale
        return x

    def take(self, index: Index, weights: Vector | None = None) -> MemoryPiecewise:
        """A copy of these rows."""
        if weights is None and self.weights is not None:
            weights = self.weights[index].astype(np.float64)
        return MemoryPiecewise(
            MemoryDesign((self._design.take(index),), len(index), self._design.columns),
            self.response[index],
            weights=weights,
            space=self._space,
            quantile=self.quantile,
            threads=1 if len(index) <= _SERIAL_ROWS else self._threads,
        )

    def reweighted(self, weights: Vector) -> MemoryPiecewise:
        """The same rows with other weights; nothing is copied."""
        return MemoryPiecewise(
            self._design,
            self.response,
            weights=weights,
            space=self._space,
            quantile=self.quantile,
            threads=self._threads,
        )

    def without(self, columns: NDArray[np.bool_]) -> MemoryPiecewise:
        """The same objective without some parameters, none of them the intercept."""
        kept = ~columns[self._space.intercept :]
        space = Standardisation(self._space.centre[kept], self._space.scale[kept], self._space.intercept)
        return MemoryPiecewise(
            self._design.select(kept),
            self.response,
            weights=self.weights,
            space=space,
            quantile=self.quantile,
            threads=self._threads,
        )

    def leverages(self, factor: Matrix) -> Vector:
        """Squared norms of the rows of X A, some rows at a time."""
        self.passes = self.passes.plus(0)
        answer = np.empty(self.rows)
        for rows, block in self._design.blocks():
            image = self._coordinates(block) @ factor
            answer[rows] = np.einsum("ij,ij->i", image, image)
        if self.weights is not None:
            answer[self.weights == 0] = 0.0
        return answer
