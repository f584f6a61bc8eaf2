# SPDX-License-Identifier: BSD-3-Clause
"""What a solver returns, and what it reports on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlefast.objective import Information, Moments, Vector


@dataclass(frozen=True, slots=True)
class Iteration:
    """The state after a pass, for a progress report.

    `step` is the norm of the last change of the parameters in standard errors (NaN at first); `distance` is an upper
    bound of the distance to the maximum in standard errors (NaN if unknown yet).
    """

    passes: float
    nll: float
    step: float
    distance: float


Progress = Callable[[Iteration], None]


@dataclass(frozen=True, slots=True)
class Solution:
    """The last point, what a pass found there, and the information at it or within 1e-6 of it (relative)."""

    params: Vector
    moments: Moments
    information: Information
    decrement: float
    iterations: int
    converged: bool
