# SPDX-License-Identifier: BSD-3-Clause
"""Gradient descent, as it is taught, with Nesterov's momentum and a line search.

It needs first derivatives only, and many more passes than Newton's method: in coordinates in which the columns have
about the same spread, some multiple of the square root of the condition number of the information.
"""

from __future__ import annotations

import math

import numpy as np

from mlefast.objective import Moments, Objective, Vector

from .irls import expand, irls
from .protocol import Iteration, Progress, Solution

_TRIALS = 20  # of aims, should the gradient misjudge the distance
_GROWTH = 1.25  # of the step after one that was short enough


def gradient_descent(
    objective: Objective,
    start: Vector,
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
    information: object = None,
) -> Solution:
    """Minimise from `start` by gradients; one Hessian at the end measures what is left, in standard errors.

    The momentum is dropped whenever it leads uphill (O'Donoghue and Candes, Foundations of Computational Mathematics
    2015); the step is one for which the NLL lies below the quadratic that it stands for (Nesterov 1983; Beck and
    Teboulle 2009).
    """
    point, aim, taken = start, tol, 0
    for _ in range(_TRIALS):
        point, more = _descend(objective, point, aim, max_iter - taken, progress)
        taken += more
        _, _, distance = expand(objective, point, "double")
        if distance <= tol or taken >= max_iter or math.isinf(distance):
            break
        aim *= 0.1 * tol / distance  # the gradient has misjudged the distance by so much
    solution = irls(objective, point, tol=tol, max_iter=0)
    return solution._replace(iterations=taken)


@np.errstate(over="ignore", invalid="ignore")  # of far starts, from which steps are halved until they help
def _descend(
    objective: Objective, start: Vector, aim: float, most: int, progress: Progress | None
) -> tuple[Vector, int]:
    """Where the length of the gradient, in standard errors as far as the step tells, is at most `aim`."""
    here = ahead = start
    there, momentum = objective.moments(start, 1), 1.0
    step, last = 1.0 / objective.nobs, math.nan
    if not math.isfinite(there.nll):  # nothing to go by
        return start, 0
    for taken in range(most):
        gradient = _gradient(there)
        size = float(gradient @ gradient)
        distance = math.sqrt(size * step)  # 1 / step bounds the curvature from above
        if progress is not None:
            progress(Iteration(objective.passes, there.nll, last, distance))
        if distance <= aim:
            return ahead, taken
        while True:
            candidate = ahead - step * gradient
            found = objective.moments(candidate, 1)
            # the curvature on the way is no more than the step takes it for; of gradients, which do not cancel
            if math.isfinite(found.nll) and gradient @ (gradient - _gradient(found)) <= size:
                break
            step *= 0.5
        last = distance
        if gradient @ (candidate - here) > 0.0:  # the momentum leads uphill
            momentum = 1.0
        following = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * momentum**2))
        inertia = (momentum - 1.0) / following
        before, here, momentum = here, candidate, following
        step *= _GROWTH
        ahead = here + inertia * (here - before)
        there = found if inertia == 0.0 else objective.moments(ahead, 1)
        if not math.isfinite(there.nll):
            ahead, there, momentum = here, found, 1.0
    return here, most


def _gradient(moments: Moments) -> Vector:
    assert moments.gradient is not None
    return moments.gradient
