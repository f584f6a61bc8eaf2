# SPDX-License-Identifier: BSD-3-Clause
"""What solvers and inference see of a fit: parameters in, moments out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Precision = Literal["double", "mixed"]


@dataclass(frozen=True, slots=True)
class Moments:
    """Negative log-likelihood, gradient and Hessian at some parameters; of disjoint rows they add up."""

    nll: float
    gradient: Vector | None = None
    hessian: Matrix | None = None

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.nll + other.nll,
            None if self.gradient is None or other.gradient is None else self.gradient + other.gradient,
            None if self.hessian is None or other.hessian is None else self.hessian + other.hessian,
        )


class Objective(Protocol):
    """The negative log-likelihood as a function of the parameters, in coordinates that suit a solver."""

    size: int  # number of parameters
    passes: float  # how often the rows have been read so far; a sample of them counts as its share
    nobs: float  # the sum of the weights, or the number of rows
    precision: Precision  # what the numbers in the data deserve

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        ...

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass. "mixed" lets the Hessian be summed from single-precision products.

        Where the linear predictor or the Hessian overflows, the NLL counts as infinite.
        """
        ...

    def sample(self, step: int) -> Objective:
        """The same objective on every step-th row; its passes count here too."""
        ...

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """One pass: the largest (1 - lambda) s x'd, the least and the largest s x'd; see inference/separation.py."""
        ...

    def separating(self, step: Vector) -> Vector | None:
        """The step without its negligible parts if the likelihood grows along it for ever, otherwise None."""
        ...
