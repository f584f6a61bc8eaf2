# SPDX-License-Identifier: BSD-3-Clause
"""Fisher's scoring of a penalised likelihood, over all parameters or over those for which a linear one has a value.

A step is -I^-1 u, with u the gradient of the penalised negative log-likelihood and I the information without the
penalty, so that no derivatives of the penalty's gradient are needed (Kosmidis and Firth, Electronic Journal of
Statistics 2010). Alone it converges linearly, and slowly where the penalty matters most. So the changes of u along
the steps taken correct I, as in L-BFGS (Nocedal and Wright 2006, algorithm 7.4). The distance to the maximum is the
longer of both steps.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

from mlefast.objective import Information, Moments, RowsObjective, Vector

from .protocol import Expansion, Iteration, Progress, Solution, information_of

Map = Callable[[Vector], Vector]

_NOISE = 1e-13  # relative: what a sum over the rows may owe to rounding
_LEAST_CURVATURE = 1e-3  # relative to the information, below which a change of the gradient is rounding
_LEAST_SHARE = 1e-6  # of a step
_MEMORY = 20  # steps that correct the information


class Scored(Protocol):
    """A penalised likelihood as its solver sees it."""

    inner: RowsObjective  # without the penalty

    def penalty(self, information: Information) -> float:
        """What is added to the NLL."""
        ...

    def score(self, params: Vector, moments: Moments, information: Information) -> Vector:
        """The gradient with that of the penalty."""
        ...


class Scoring(NamedTuple):
    """Where the steps end: the solution, whose gradient is that with the penalty, and the penalised NLL there."""

    solution: Solution
    total: float


def scoring(
    objective: Scored,
    start: Vector,
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
    fixed: Vector | None = None,
) -> Scoring:
    """Minimise from `start` until the maximum is at most `tol` standard errors away.

    With `fixed` the product of this vector and the parameters stays what it is at the start.
    """
    params, iterations, last = start, 0, math.nan
    pairs: deque[tuple[Vector, Vector]] = deque(maxlen=_MEMORY)
    moments = objective.inner.moments(params, 2)
    information = information_of(objective.inner, moments)
    gradient = objective.score(params, moments, information)
    while True:
        solve = partial(_solve, information, fixed=fixed)
        plain = -solve(gradient)
        step = _held(information, -_corrected(solve, gradient, pairs), fixed)
        distance = max(information.length(plain), information.length(step))
        if progress is not None:
            progress(Iteration(objective.inner.passes, moments.nll, last, distance))
        total = moments.nll + objective.penalty(information)
        converged, moved = distance <= tol, None
        if not converged and iterations < max_iter:
            for direction in (step, plain):
                moved = moved or _descend(objective, params, direction, gradient, total, information)
        if moved is None:
            expansion = Expansion(params, information, plain, "double")
            there = moments._replace(gradient=gradient)
            return Scoring(Solution(params, there, expansion, distance, iterations, converged), total)
        before, slopes = params, gradient
        params, moments, information = moved
        gradient = objective.score(params, moments, information)
        step, change = params - before, gradient - slopes
        if step @ change > _LEAST_CURVATURE * information.length(step) ** 2:
            pairs.append((step, change))
        last = distance
        iterations += 1


def _solve(information: Information, vector: Vector, *, fixed: Vector | None) -> Vector:
    """I^-1 v, less what of it moves the product that is fixed."""
    return _held(information, information.solve(vector), fixed)


def _held(information: Information, step: Vector, fixed: Vector | None) -> Vector:
    """The step, less what of it moves the product that is fixed."""
    if fixed is None:
        return step
    along = information.solve(fixed)
    return step - along * (float(fixed @ step) / float(fixed @ along))


def _corrected(solve: Map, gradient: Vector, pairs: deque[tuple[Vector, Vector]]) -> Vector:
    """The inverse that the pairs of steps and changes of the gradient correct, times the gradient: the two loops."""
    shares = []
    for step, change in reversed(pairs):
        shares.append(float(step @ gradient) / float(step @ change))
        gradient = gradient - shares[-1] * change
    answer = solve(gradient)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        answer = answer + step * (share - float(change @ answer) / float(step @ change))
    return answer


def _descend(
    objective: Scored, params: Vector, step: Vector, gradient: Vector, total: float, information: Information
) -> tuple[Vector, Moments, Information] | None:
    """The point after as much of the step as lowers the penalised NLL (Armijo); None if no share of it does."""
    share, slope = 1.0, float(gradient @ step)
    while share > _LEAST_SHARE:
        candidate = params + share * step
        moments = objective.inner.moments(candidate, 2)
        if math.isfinite(moments.nll):
            there = information_of(objective.inner, moments)
            found = moments.nll + objective.penalty(there)
            if there.rank == information.rank and found <= total + 1e-4 * share * slope + _NOISE * abs(total):
                return candidate, moments, there
        share *= 0.5
    return None
