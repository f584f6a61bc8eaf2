# SPDX-License-Identifier: BSD-3-Clause
"""What a solver returns, and what it reports on its way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mlefast.objective import Information, Moments, Objective, Precision, Vector

_LONGEST = 1e150  # of the parts of a step, whose squares are numbers
_MOST_KEPT = 50


class Reading(NamedTuple):
    """How far one reading of a stream has come: rows of how many, bytes of their columns in memory, and seconds."""

    rows: int
    whole: int
    bytes: int
    seconds: float


class Iteration(NamedTuple):
    """The state after a pass, for a progress report.

    `step` is the norm of the last change of the parameters in standard errors (NaN at first); `distance` is an upper
    bound of the distance to the maximum in standard errors (NaN if unknown yet). Of a stream there are reports within
    a pass, too, which have the state after the last one and a `reading`.
    """

    passes: float
    nll: float
    step: float
    distance: float
    reading: Reading | None = None


Progress = Callable[[Iteration], None]


class Trace:
    """Iterations as they come, for the result: the last, and of a long search every second, fourth, ... before it."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._iterations: list[Iteration] = []
        self._stride = 1
        self._count = 0
        self._last: Iteration | None = None

    def add(self, iteration: Iteration) -> None:
        """Keep an iteration, and hand it on to whom the user wants to be told."""
        passes = float(iteration.passes)  # without its parts, which would be kept as well
        plain = Iteration(passes, iteration.nll, iteration.step, iteration.distance)
        if self._count % self._stride == 0:
            self._iterations.append(plain)
        if len(self._iterations) >= _MOST_KEPT:
            self._iterations = self._iterations[::2]
            self._stride *= 2
        self._count += 1
        self._last = plain
        if self._progress is not None:
            self._progress(iteration)

    def read(self, rows: int, whole: int, size: int, seconds: float) -> None:
        """Hand on how far a reading has come."""
        if self._progress is not None:
            last = Iteration(0.0, math.nan, math.nan, math.nan) if self._last is None else self._last
            self._progress(last._replace(reading=Reading(rows, whole, size, seconds)))

    @property
    def kept(self) -> tuple[Iteration, ...]:
        """Those that were kept, at most 50, in their order."""
        if self._last is None or self._iterations[-1] is self._last:
            return tuple(self._iterations)
        return (*self._iterations, self._last)


class Expansion(NamedTuple):
    """The second order at a point: the information and the Newton step -H^-1 g, both from one pass there.

    What is proved from a step and its information needs exactly that; neither may come from a point nearby.
    """

    params: Vector
    information: Information
    step: Vector
    precision: Precision


class Solution(NamedTuple):
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
        step = np.maximum(np.minimum(-information.solve(gradient), _LONGEST), -_LONGEST)
        square = -float(gradient @ step)
    return step, math.inf if math.isnan(square) else math.sqrt(max(0.0, square))
