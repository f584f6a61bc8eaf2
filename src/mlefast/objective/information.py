# SPDX-License-Identifier: BSD-3-Clause
"""The information matrix (the Hessian of the negative log-likelihood), scaled, factored and inverted."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from .protocol import Matrix, Vector

Map = Callable[[Vector], Vector]

# A column counts as a combination of those before it if it keeps less than this share of its sum of squares.
RANK_TOLERANCE = 1e-12
# From a QR factorisation: a column that keeps more than this of its length is independent, one that keeps no more than
# so many roundings of the columns involved is not.
_CLEAR, _ROUNDINGS = 1e-3, 32.0


class Information:
    """Cholesky factor of the information scaled to a unit diagonal, on the columns that are independent.

    The diagonal is scaled out first, which is within a factor p of the best scaling (van der Sluis, 1969). Columns
    that are combinations of earlier ones are left out, as R does; `kept` marks the others.
    """

    def __init__(self, hessian: Matrix, *, most: int | None = None, convex: bool = True) -> None:
        """Factor; `most` columns are independent, if that is known from the number of rows.

        The Hessian of a function that is not convex may be indefinite. Then its eigenvalues are taken without their
        signs, so that a Newton step leads down (Nocedal and Wright 2006, section 3.4), and `definite` is False.
        """
        diagonal = hessian.diagonal() if convex else np.abs(hessian.diagonal())
        if not _least(diagonal) > 0.0:
            diagonal = np.where(diagonal > 0.0, diagonal, 1.0)
        self._orthogonal = False  # whether the factor was found without squares
        self._scale = 1.0 / np.sqrt(diagonal)
        self._unit = hessian * self._scale * self._scale[:, np.newaxis]
        self.kept: NDArray[np.bool_] = np.ones(len(diagonal), dtype=np.bool_)
        self.rank = len(diagonal)  # number of independent columns
        positive, self.definite = (self._unit, True) if convex else _positive(self._unit)
        self._factor, failed = lapack.dpotrf(positive, lower=1)
        most = len(diagonal) if most is None else most
        if failed or _least(self._factor.diagonal()) ** 2 < RANK_TOLERANCE or len(diagonal) > most:
            self.kept = independent_columns(self._unit, most)
            self.rank = int(self.kept.sum())
            self._factor, _ = lapack.dpotrf(self._unit[np.ix_(self.kept, self.kept)], lower=1)

    @classmethod
    def of_triangle(cls, triangle: Matrix, noise: Vector, *, most: int | None = None) -> Information:
        """From R of the QR factorisation of the weighted columns, so that their squares need not be formed.

        `noise` is how long what rounding has left in each column may be: a column counts as a combination of those
        before it if it differs from one by no more than that.
        """
        size = len(triangle)
        self = cls.__new__(cls)
        lengths = np.sqrt(np.square(triangle).sum(axis=0))
        self._scale = 1.0 / np.where(lengths > 0.0, lengths, 1.0)
        unit, self.kept = _eliminate(triangle * self._scale, noise * self._scale, size if most is None else most)
        self.rank = int(self.kept.sum())
        self.definite = self._orthogonal = True
        self._unit = unit.T @ unit
        self._factor = np.asfortranarray(unit[: self.rank, self.kept].T)
        return self

    @property
    def complete(self) -> bool:
        """Whether all columns are independent."""
        return self.rank == len(self.kept)

    def times(self, factor: float) -> Information:
        """The information of `factor` times as many observations."""
        more = copy.copy(self)
        more._scale = self._scale / np.sqrt(factor)
        return more

    def plus(self, change: Matrix) -> Information:
        """The information of a Hessian that is larger by this much."""
        return Information(self.matrix + change)

    def among(self, columns: NDArray[np.bool_]) -> Information:
        """The information about these columns, the others counting as not there."""
        if self.definite and (columns is self.kept or columns[self.kept].all()):
            return self
        size = columns / self._scale
        return Information(self._unit * np.outer(size, size))

    @property
    def matrix(self) -> Matrix:
        """H."""
        return np.asarray(self._unit / self._scale / self._scale[:, np.newaxis])

    @property
    def diagonal(self) -> Vector:
        """The diagonal of H."""
        return np.asarray(self._unit.diagonal() / self._scale / self._scale)  # whose square may overflow

    @cached_property
    def condition(self) -> float:
        """A lower bound of the condition number, from the diagonal of the factor."""
        return _least(self._factor.diagonal()) ** -2 if self.rank else 1.0

    @property
    def magnification(self) -> float:
        """How much larger rounding may be in what is solved for, but for a small factor."""
        return math.sqrt(self.condition) if self._orthogonal else self.condition

    def solve(self, vector: Vector) -> Vector:
        """H^-1 v on the kept columns, zero elsewhere."""
        scaled = vector * self._scale
        if self.complete:
            answer = lapack.dpotrs(self._factor, scaled, lower=1)[0] if self.rank else scaled
        else:
            answer = np.zeros_like(scaled)
            if self.rank:
                answer[self.kept] = lapack.dpotrs(self._factor, scaled[self.kept], lower=1)[0]
        return answer * self._scale

    @property
    def log_determinant(self) -> float:
        """The logarithm of det H, of the kept columns."""
        return 2.0 * float(np.log(self._factor.diagonal()).sum() - np.log(self._scale[self.kept]).sum())

    def times_vector(self, vector: Vector) -> Vector:
        """H v."""
        return np.asarray(np.divide(self._unit @ np.divide(vector, self._scale), self._scale))

    def length(self, vector: Vector) -> float:
        """sqrt(v' H v): how long a step is in standard errors, at least as long as it is for any one parameter."""
        scaled = np.divide(vector, self._scale)
        return math.sqrt(max(0.0, float(scaled @ self._unit @ scaled)))

    def inverse(self) -> Matrix:
        """H^-1 on the kept columns, zero elsewhere: the covariance of the estimate."""
        size = len(self.kept)
        answer = np.zeros((size, size))
        if self.rank == 0:
            return answer
        # not dpotri, which starts BLAS's threads for small matrices too, while those of the pass still spin
        root = np.tril(self._inverse_factor)
        answer[np.ix_(self.kept, self.kept)] = root.T @ root
        return answer * self._scale * self._scale[:, np.newaxis]

    def root(self) -> Matrix:
        """A with A A' = H^-1 on the kept columns, zero elsewhere."""
        if self.complete and self.rank:
            return np.asarray(self._inverse_factor.T * self._scale[:, np.newaxis])
        answer = np.zeros((len(self.kept), self.rank))
        if self.rank:
            answer[self.kept] = self._inverse_factor.T
        return answer * self._scale[:, np.newaxis]

    @cached_property
    def _inverse_factor(self) -> Matrix:
        return np.asarray(lapack.dtrtri(self._factor, lower=1)[0])

    def whiten(self, vector: Vector) -> Vector:
        """Map u to L^-T u, from coordinates in which the information is the identity; zero for columns left out."""
        answer = np.zeros_like(vector)
        if self.rank:
            answer[self.kept] = lapack.dtrtrs(self._factor, vector[self.kept], lower=1, trans=1)[0]
        return answer * self._scale

    def whiten_matrix(self) -> Matrix:
        """The matrix A of `whiten`, for which A A' is the inverse of the information."""
        return np.array([self.whiten(unit) for unit in np.eye(len(self.kept))]).T

    def whiten_gradient(self, gradient: Vector) -> Vector:
        """The gradient with respect to u: L^-1 g."""
        answer = np.zeros_like(gradient)
        if self.rank:
            answer[self.kept] = lapack.dtrtrs(self._factor, (gradient * self._scale)[self.kept], lower=1)[0]
        return answer

    def null_vectors(self) -> list[tuple[int, Vector]]:
        """For each column left out: its index and the v with H v = 0, v = -1 there, and support on kept columns."""
        vectors: list[tuple[int, Vector]] = []
        if self.complete:
            return vectors
        for j in np.flatnonzero(~self.kept):
            v = np.zeros(len(self.kept))
            if self.rank:
                v[self.kept] = lapack.dpotrs(self._factor, self._unit[self.kept, j], lower=1)[0]
            v *= self._scale / self._scale[j]
            v[j] = -1.0
            vectors.append((int(j), v))
        return vectors


class ProductInformation:
    """The information A x B (Kronecker's product) about the columns of several classes, from its two factors."""

    def __init__(self, classes: Information, columns: Information) -> None:
        self._classes = classes
        self._columns = columns
        self._shape = (len(classes.kept), len(columns.kept))
        self.kept: NDArray[np.bool_] = np.logical_and.outer(classes.kept, columns.kept).ravel()
        self.rank = classes.rank * columns.rank

    def _apply(self, map_classes: Map, map_columns: Map, vector: Vector) -> Vector:
        by_class = np.array([map_columns(row) for row in vector.reshape(self._shape)])
        return np.array([map_classes(column) for column in by_class.T]).T.ravel()

    def whiten(self, vector: Vector) -> Vector:
        """From coordinates in which the information is the identity; zero for columns left out."""
        return self._apply(self._classes.whiten, self._columns.whiten, vector)

    def whiten_gradient(self, gradient: Vector) -> Vector:
        """The gradient in these coordinates."""
        return self._apply(self._classes.whiten_gradient, self._columns.whiten_gradient, gradient)


def _least(values: Vector) -> float:
    """The least of some numbers and 1."""
    return float(np.minimum.reduce(values, initial=1.0))


def _positive(unit: Matrix) -> tuple[Matrix, bool]:
    """The matrix with the absolute values of its eigenvalues, none of them negligible, and whether it is the same."""
    values, vectors = np.linalg.eigh(unit)
    least = RANK_TOLERANCE * len(values)
    if values[0] >= least * max(1.0, values[-1]):
        return unit, True
    size = np.maximum(np.abs(values), 1e-6 * np.abs(values).max(initial=1e-300))
    return np.asarray((vectors * size) @ vectors.T), False


def _eliminate(unit: Matrix, noise: Vector, most: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """Reflections that make the columns that are independent of earlier ones triangular, and which these are."""
    rest, kept, rank = unit.copy(), np.zeros(len(noise), dtype=np.bool_), 0
    for j in range(len(noise)):
        below = rest[rank:, j].copy()
        length = float(np.linalg.norm(below))
        if rank == most or length <= _allowed(rest, kept, noise, j, length):
            continue
        kept[j] = True
        mirror = below
        mirror[0] += math.copysign(length, below[0])
        mirror /= np.linalg.norm(mirror)
        rest[rank:] -= np.outer(2.0 * mirror, mirror @ rest[rank:])
        rest[rank + 1 :, j] = 0.0
        if rest[rank, j] < 0.0:
            rest[rank] = -rest[rank]
        rank += 1
    return rest, kept


def _allowed(rest: Matrix, kept: NDArray[np.bool_], noise: Vector, j: int, length: float) -> float:
    """How long the rest of a column may be if it is but rounding, its own and that of the columns it combines."""
    if length > _CLEAR:
        return 0.0
    rank = int(kept.sum())
    combination = np.zeros(0)
    if rank:
        combination = lapack.dtrtrs(np.asfortranarray(rest[:rank, kept]), rest[:rank, j])[0]
    return _ROUNDINGS * float(noise[j] + np.abs(combination) @ noise[kept])


def independent_columns(unit: Matrix, most: int) -> NDArray[np.bool_]:
    """Gaussian elimination in the order of the columns; those whose pivot vanishes are combinations of earlier ones.

    After the first `most` that do not vanish, what is left is rounding.
    """
    rest = unit.copy()
    kept = np.ones(len(rest), dtype=np.bool_)
    for j in range(len(rest)):
        pivot = rest[j, j]
        if not pivot > RANK_TOLERANCE * max(1.0, unit[j, j]) or kept[:j].sum() == most:
            kept[j] = False
            continue
        rest[j + 1 :, j + 1 :] -= np.outer(rest[j + 1 :, j], rest[j, j + 1 :] / pivot)
    return kept
