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

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        ...

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass. "mixed" lets the Hessian be summed from single-precision products, for early steps."""
        ...

    def sample(self, step: int) -> Objective:
        """The same objective on every step-th row; its passes count here too."""
        ...

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """One pass: the largest (1 - lambda) s x'd, the least and the largest s x'd; see inference/separation.py."""
        ...


def separates(least: float, most: float) -> bool:
    """Whether s x'd, between `least` and `most` over the rows, is nowhere negative (but for rounding) and somewhere
    positive: then d is a direction along which the likelihood grows for ever.
    """
    return most > 0.0 and least >= -1e-8 * most
