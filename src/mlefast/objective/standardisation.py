# SPDX-License-Identifier: BSD-3-Clause
"""Coordinates in which columns have median about 0 and standard deviation about 1.

The model is the same for every centre and scale, so rough ones do: they are taken from a few hundred rows. Scales
are powers of two, so that scaling rounds nothing. Without them a column with mean 1e6 and deviation 1 would cost
twelve digits of the Hessian; and with the mean as the centre a single cell of 1e18 would round away all the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlefast.data import LARGEST, Design, power_of_two

from .protocol import Matrix, Vector

_SAMPLE_ROWS = 512


@dataclass(frozen=True, eq=False, repr=False)
class Standardisation:
    """Column j becomes (x - centre_j) scale_j; parameters are [intercept, slopes] or [slopes], `equations` times."""

    centre: Vector
    scale: Vector
    intercept: bool
    equations: int = 1

    def extended(self, others: int) -> Standardisation:
        """For parameters that have other ones behind them, which stay as they are."""
        if others == 0:
            return self
        return Standardisation(
            np.pad(self.centre, (0, others)), np.hstack([self.scale, np.ones(others)]), self.intercept
        )

    def repeated(self, equations: int) -> Standardisation:
        """For the parameters of several linear predictors, one after the other."""
        if equations == self.equations:
            return self
        return Standardisation(self.centre, self.scale, self.intercept, equations)

    def to_user(self, params: Vector) -> Vector:
        """Parameters of the columns as the user gave them: a linear map."""
        with np.errstate(over="ignore", invalid="ignore"):  # of parameters so large that nothing can be fitted there
            answer = params.reshape(self.equations, -1) * self._scales
            if self.intercept:
                answer[:, 0] -= answer[:, 1:] @ self.centre
        return answer.ravel()

    def from_user(self, params: Vector) -> Vector:
        """The inverse of `to_user`."""
        answer = params.reshape(self.equations, -1).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            if self.intercept:
                answer[:, 0] += answer[:, 1:] @ self.centre
            return np.divide(answer, self._scales).ravel()

    def covariance_to_user(self, covariance: Matrix) -> Matrix:
        """J C J' with J the matrix of `to_user`."""
        scales = np.tile(self._scales, self.equations)
        answer = covariance * scales * scales[:, np.newaxis]
        if self.intercept:
            width = len(self._scales)
            blocks = answer.reshape(self.equations, width, self.equations, width)
            blocks[:, 0] -= np.tensordot(self.centre, blocks[:, 1:], (0, 1))
            blocks[..., 0] -= blocks[..., 1:] @ self.centre
        return np.asarray((answer + answer.T) / 2.0)

    def root_to_user(self, root: Matrix) -> Matrix:
        """J A with J the matrix of `to_user`, for covariances A A': where variances cancel, roots cancel less."""
        answer = root.reshape(self.equations, len(self._scales), root.shape[1]) * self._scales[:, np.newaxis]
        if self.intercept:
            answer[:, 0] -= self.centre @ answer[:, 1:]
        return np.asarray(answer.reshape(root.shape))

    @cached_property
    def _scales(self) -> Vector:
        return np.hstack([1.0, self.scale]) if self.intercept else self.scale


def standardise(design: Design, intercept: bool) -> Standardisation:
    """Centre and scale from evenly spaced rows; centres are zero without an intercept to absorb them."""
    few = design.every(power_of_two(design.rows / _SAMPLE_ROWS))
    sample = few.take(np.arange(few.rows))
    # absent rows may hold anything, and what others hold is said by the first pass: any centre will do
    sample[~(np.abs(sample) <= LARGEST)] = 0.0
    middle = len(sample) // 2
    centre = np.partition(sample, middle, axis=0)[middle].copy() if intercept else np.zeros(sample.shape[1])
    away = sample - centre
    spread = np.sqrt(np.einsum("ij,ij->j", away, away) / len(away))
    # a column that is constant but for rounding keeps its size
    spread = np.where(spread > 1e-12 * np.abs(centre), spread, np.abs(centre))
    spread[~((spread > 1e-300) & (spread < 1e300))] = 1.0
    return Standardisation(centre, np.exp2(-np.round(np.log2(spread))), intercept)
