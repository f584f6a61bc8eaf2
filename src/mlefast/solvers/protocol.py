# SPDX-License-Identifier: BSD-3-Clause
"""What a solver returns, and what it reports on its way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlefast.objective import Information, Moments, Objective, Precision, Vector

_LONGEST = 1e150  # of the parts of a step, whose squares are numbers


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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expansion:
    """The second order at a point: the information and the Newton step -H^-1 g, both from one pass there.

    What is proved from a step and its information needs exactly that; neither may come from a point nearby.
    """

    params: Vector
    information: Information
    step: Vector
    precision: Precision


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Solution:
    """The last point, what a pass found there, and the expansion at it or so near that the standard errors of the
    information are those of the last point to 1e-6 (relative).
    """

    params: Vector
    moments: Moments
    expansion: Expansion
    decrement: float
    iterations: int
    converged: bool
    carried: Information | None = None  # the information of the expansion, carried on to the last point

    @property
    def information(self) -> Information:
        """The information that standard errors come from."""
        return self.carried or self.expansion.information


def information_of(objective: Objective, moments: Moments) -> Information:
    """The Hessian of moments of order 2, factored."""
    assert moments.hessian is not None
    most = objective.predictors if objective.convex else None
    return Information(moments.hessian, most=most, convex=objective.convex)


def decrement(information: Information, gradient: Vector) -> tuple[Vector, float]:
    """The Newton step -H^-1 g and the decrement sqrt(g' H^-1 g)."""
    with np.errstate(over="ignore", invalid="ignore"):
        step = np.clip(-information.solve(gradient), -_LONGEST, _LONGEST)
        square = -float(gradient @ step)
    return step, math.inf if math.isnan(square) else math.sqrt(max(0.0, square))
