# SPDX-License-Identifier: BSD-3-Clause
"""What the other floors ask of a likelihood."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


@runtime_checkable
class Likelihood(Protocol):
    """A family of distributions of y given the linear predictor eta = offset + intercept + X beta."""

    name: str
    link: str
    leaf: str  # its name in the table of _core/include/leaves.h

    def encode(self, y: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Labels as numbers that the leaf reads, and the classes they stand for."""
        ...

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """The y of an evaluation, where anything goes for which the likelihood is defined."""
        ...

    def mean(self, eta: Vector) -> Vector:
        """E[y | eta]."""
        ...

    def sides(self, y: NDArray[Any]) -> Vector:
        """The sign of the direction in which eta of a row can grow for ever without a loss; 0 if there is none."""
        ...

    def null_loglik(self, y: NDArray[Any], weights: NDArray[Any] | None) -> float:
        """Log-likelihood at the maximum of the model that has an intercept only, without an offset."""
        ...

    def terms(self, eta: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Negative log-likelihood of each row, and its first and second derivative with respect to eta."""
        ...
