# SPDX-License-Identifier: BSD-3-Clause
"""A quadratic loss: one pass tells all, unless rounding has to be corrected.

With g and H of one pass the step -H^-1 g leads to the minimum, and loss and gradient there follow without another pass.
What they lose to rounding grows with the condition of H and with the loss at the start relative to the least one; where
that matters, passes with the residuals at the new point correct it (iterative refinement; Higham 2002, section 20.5).
"""

from __future__ import annotations

import math

import numpy as np

from mlefast.objective import Moments, Objective, Vector

from .protocol import Expansion, Iteration, Progress, Solution, decrement, information_of

_EPS = float(np.finfo(np.float64).eps)
_SETTLED = 0.5  # a correction that does not halve the distance is rounding


def least_squares(
    objective: Objective, start: Vector, *, tol: float, max_iter: int, progress: Progress | None = None
) -> Solution:
    """Minimise from `start`; a step further than rounding can be trusted is looked at again."""
    moments = objective.moments(start, 2)
    information = information_of(objective, moments)
    params, before, iterations = start, math.inf, 0
    while True:
        assert moments.gradient is not None
        step, distance = decrement(information, moments.gradient)
        if progress is not None:
            progress(Iteration(objective.passes, moments.nll, math.nan if iterations == 0 else before, distance))
        expansion = Expansion(params, information, step, "double")
        if iterations == max_iter or distance <= tol or distance > _SETTLED * before:
            return Solution(params, moments, expansion, distance, iterations, distance <= tol)
        iterations += 1
        hessian, curvature = moments.hessian, moments.scale
        if hessian is not None and _rounding(objective, moments, step, information.condition) <= 0.1 * tol:
            there = objective.predict(moments, step)
            information = information.times((curvature / there.scale) ** 2)
            params, moments, before = params + step, there._replace(hessian=None), distance
            continue
        params, before = params + step, distance
        there = objective.moments(params, 1)
        information = information.times((curvature / there.scale) ** 2)
        moments = there


def _rounding(objective: Objective, moments: Moments, step: Vector, condition: float) -> float:
    """How many standard errors a predicted point may be off."""
    there = objective.predict(moments, step)
    fall = moments.scale / there.scale if there.scale > 0.0 else math.inf
    return _EPS * math.sqrt(condition * objective.nobs) * fall
