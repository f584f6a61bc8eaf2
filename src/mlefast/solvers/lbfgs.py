# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS (SciPy's driver) in coordinates in which the information at the start is the identity.

Without these coordinates the number of passes grows with the condition number of the data; in them about ten passes
without a Hessian come close to the maximum, and one with a Hessian proves it (Nocedal and Wright 2006, section 7.2).
"""

from __future__ import annotations

import math

import numpy as np

from mlefast.objective import Information, Objective, ProductInformation, Vector

from .irls import REUSE, expand, irls
from .protocol import Iteration, Progress, Solution

_ROWS_PER_COLUMN = 5
_FIRST = 5  # iterations in coordinates that cost less than a Hessian, before a sample gives better ones

_Coordinates = Information | ProductInformation


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
    end, taken = start, 0
    coordinates = information or objective.coordinates(start) or _information(objective, start)
    if isinstance(coordinates, ProductInformation) and _has_sample(objective):
        end, taken = _search(objective, end, coordinates, tol, min(_FIRST, max_iter), progress)
        coordinates = _information(objective, end)
    if taken < max_iter:
        end, more = _search(objective, end, coordinates, tol, max_iter - taken, progress)
        taken += more
    precision = objective.precision
    solution = irls(objective, end, tol=tol, max_iter=max_iter - taken, progress=progress, precision=precision)
    if solution.information.rank < coordinates.rank:
        # the weights of some rows died out on the way to a maximum at infinity, which Newton's steps recognise
        return irls(objective, start, tol=tol, max_iter=max_iter, progress=progress)
    return solution._replace(iterations=taken + solution.iterations)


def _has_sample(objective: Objective) -> bool:
    """Whether a sample of the rows is enough to tell the information."""
    return objective.rows >= objective.stride * _ROWS_PER_COLUMN * objective.size


def _information(objective: Objective, params: Vector) -> Information:
    """The information at `params`, from a sample of the rows if that has enough of them."""
    if _has_sample(objective):
        _, sampled, _ = expand(objective.sample(objective.stride), params, "mixed")
        if sampled.information.kept.all():
            return sampled.information.times(objective.stride)
    return expand(objective, params, "mixed")[1].information


def _target(objective: Objective, tol: float) -> float:
    """The length of the gradient at which to end: where one Newton step with the Hessian there does the rest, since
    differences of the NLL, by which the search finds its way, soon are rounding.
    """
    return max(0.5 * tol, 0.3 * REUSE * math.sqrt(min(objective.rows, objective.nobs)))


def _search(
    objective: Objective, start: Vector, coordinates: _Coordinates, tol: float, max_iter: int, progress: Progress | None
) -> tuple[Vector, int]:
    """Where the search ends, and the number of its iterations."""
    from scipy.optimize import minimize

    before: Vector | None = None
    unit = 1.0

    def value_and_gradient(scaled: Vector) -> tuple[float, Vector]:
        nonlocal before
        whitened = unit * scaled
        moments = objective.moments(start + coordinates.whiten(whitened), 1)
        assert moments.gradient is not None
        with np.errstate(over="ignore", invalid="ignore"):  # so far out, the search ends where it began
            gradient = coordinates.whiten_gradient(moments.gradient)
        if progress is not None:  # in these coordinates lengths are standard errors
            step = math.nan if before is None else math.dist(whitened, before)
            progress(Iteration(objective.passes, moments.nll, step, math.hypot(*gradient)))
            before = whitened.copy()
        return moments.nll, unit * gradient

    first = value_and_gradient(np.zeros_like(start))
    # the first step of the search has length 1 along the gradient; where the information is the identity, Newton's is
    # the gradient itself
    length = math.hypot(*first[1])
    unit = length if 0.0 < length < math.inf else 1.0

    def remembered(scaled: Vector) -> tuple[float, Vector]:
        return value_and_gradient(scaled) if scaled.any() else (first[0], unit * first[1])

    found = minimize(
        remembered,
        np.zeros_like(start),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iter,
            "gtol": unit * _target(objective, tol) / math.sqrt(objective.size),
            "ftol": 0.0,
            "maxcor": 20,
        },
    )
    if not np.isfinite(found.x).all():  # the search has left what doubles can hold
        return start, int(found.nit)
    return start + coordinates.whiten(unit * found.x), int(found.nit)
