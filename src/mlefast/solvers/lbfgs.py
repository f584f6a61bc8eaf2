# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS (SciPy's driver) in coordinates in which the information at the start is the identity.

Without these coordinates the number of passes grows with the condition number of the data; in them about ten passes
without a Hessian come close to the maximum, and one with a Hessian proves it (Nocedal and Wright 2006, section 7.2).
"""

from __future__ import annotations

import math

from mlefast.objective import Information, Objective, Precision, Vector

from .irls import irls
from .protocol import Iteration, Progress, Solution

_STRIDE = 16
_ROWS_PER_COLUMN = 5


def _information(objective: Objective, params: Vector) -> Information:
    """The information at `params`, from a sample of the rows if that has enough of them."""
    precision: Precision = "mixed"
    if objective.rows >= _STRIDE * _ROWS_PER_COLUMN * objective.size:
        sampled = objective.sample(_STRIDE).moments(params, 2, precision)
        assert sampled.hessian is not None
        information = Information(sampled.hessian * _STRIDE)
        if information.kept.all():
            return information
    whole = objective.moments(params, 2, precision)
    assert whole.hessian is not None
    return Information(whole.hessian)


def lbfgs(
    objective: Objective,
    start: Vector,
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
    information: Information | None = None,
) -> Solution:
    """Minimise from `start`; the end is Newton's, so that the answer is certified like every other.

    `information` is that at the start, if a sample of the rows has told it already.
    """
    from scipy.optimize import minimize

    information = information or _information(objective, start)

    def value_and_gradient(whitened: Vector) -> tuple[float, Vector]:
        moments = objective.moments(start + information.whiten(whitened), 1)
        assert moments.gradient is not None
        gradient = information.whiten_gradient(moments.gradient)
        if progress is not None:
            distance = math.sqrt(float(gradient @ gradient))
            progress(Iteration(objective.passes, moments.nll, math.nan, distance))
        return moments.nll, gradient

    found = minimize(
        value_and_gradient,
        start * 0.0,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iter,
            "gtol": tol / (2.0 * math.sqrt(max(1, objective.size))),
            "ftol": 0.0,
            "maxcor": 20,
        },
    )
    end = start + information.whiten(found.x)
    solution = irls(objective, end, tol=tol, max_iter=max(0, max_iter - int(found.nit)), progress=progress)
    if solution.information.rank < information.rank:
        # the weights of some rows died out on the way to a maximum at infinity, which Newton's steps recognise
        return irls(objective, start, tol=tol, max_iter=max_iter, progress=progress)
    return Solution(
        solution.params,
        solution.moments,
        solution.information,
        solution.decrement,
        solution.iterations + int(found.nit),
        solution.converged,
    )
