# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS (SciPy's driver) in coordinates in which the information at the start is the identity.

Without these coordinates the number of passes grows with the condition number of the data; in them about ten passes
without a Hessian come close to the maximum, and one with a Hessian proves it (Nocedal and Wright 2006, section 7.2).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from mlefast.objective import Information, Objective, ProductInformation, Vector

from .irls import expand, irls
from .protocol import Iteration, Progress, Solution

_STRIDE = 16
_ROWS_PER_COLUMN = 5


def _information(objective: Objective, params: Vector) -> Information | ProductInformation:
    """The information about `params`: from what the objective knows, or a sample of the rows if that has enough."""
    known = objective.coordinates(params)
    if known is not None:
        return known
    if objective.rows >= _STRIDE * _ROWS_PER_COLUMN * objective.size:
        _, sampled, _ = expand(objective.sample(_STRIDE), params, "mixed")
        if sampled.information.kept.all():
            return sampled.information.times(_STRIDE)
    return expand(objective, params, "mixed")[1].information


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
    whitening = information or _information(objective, start)
    end, taken = (start, 0) if max_iter == 0 else _search(objective, start, whitening, tol, max_iter, progress)
    solution = irls(objective, end, tol=tol, max_iter=max_iter - taken, progress=progress)
    if solution.information.rank < whitening.rank:
        # the weights of some rows died out on the way to a maximum at infinity, which Newton's steps recognise
        return irls(objective, start, tol=tol, max_iter=max_iter, progress=progress)
    return dataclasses.replace(solution, iterations=taken + solution.iterations)


def _search(
    objective: Objective,
    start: Vector,
    information: Information | ProductInformation,
    tol: float,
    max_iter: int,
    progress: Progress | None,
) -> tuple[Vector, int]:
    """Where the search ends, and the number of its iterations."""
    from scipy.optimize import minimize

    before: Vector | None = None

    def value_and_gradient(whitened: Vector) -> tuple[float, Vector]:
        nonlocal before
        moments = objective.moments(start + information.whiten(whitened), 1)
        assert moments.gradient is not None
        gradient = information.whiten_gradient(moments.gradient)
        if progress is not None:  # in these coordinates lengths are standard errors
            step = math.nan if before is None else math.dist(whitened, before)
            progress(Iteration(objective.passes, moments.nll, step, math.hypot(*gradient)))
            before = whitened.copy()
        return moments.nll, gradient

    found = minimize(
        value_and_gradient,
        np.zeros_like(start),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iter,
            "gtol": tol / (2.0 * math.sqrt(objective.size)),
            "ftol": 0.0,
            "maxcor": 20,
        },
    )
    if not np.isfinite(found.x).all():  # the search has left what doubles can hold
        return start, int(found.nit)
    return start + information.whiten(found.x), int(found.nit)
