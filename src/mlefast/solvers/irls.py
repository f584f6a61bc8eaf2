# SPDX-License-Identifier: BSD-3-Clause
"""Iteratively reweighted least squares: Newton's method with step halving.

For a canonical link each Newton step is a weighted least-squares fit (McCullagh and Nelder 1989, section 2.5). With
g and H of one pass, the Newton decrement sqrt(g' H^-1 g) bounds max_j |H^-1 g|_j / se_j by Cauchy and Schwarz, so it is
the stopping rule: a distance in standard errors that no rescaling of the data changes.
"""

from __future__ import annotations

import math

from mlefast.objective import Information, Moments, Objective, Precision, Vector, separates

from .protocol import Iteration, Progress, Solution

_HALVINGS = 30
_SINGLE_WIDTH = 64  # from here on the Hessian dominates a pass, and single precision halves it
_REUSE = 1e-6  # relative error of standard errors that an information matrix taken nearby may cause
_PATIENCE = 10  # iterations before divergence is looked for
_STRIDES = (256, 16)  # samples of rows on which the start is refined
_SEPARATED = 0.95  # the scan of a separated sample gives 1, that of a sound one about 0
_SAMPLE_ROWS = 1000
_ROWS_PER_COLUMN = 20


def decrement(information: Information, gradient: Vector) -> tuple[Vector, float]:
    """The Newton step -H^-1 g and the decrement sqrt(g' H^-1 g)."""
    step = -information.solve(gradient)
    return step, math.sqrt(max(0.0, -float(gradient @ step)))


def irls(
    objective: Objective,
    start: Vector,
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
    information: Information | None = None,
) -> Solution:
    """Minimise from `start` until the decrement is at most `tol`.

    Every point that is returned has been evaluated; near the maximum the information of the point before serves on.
    A rough `information` at the start, from a sample of the rows, saves the first Hessian.
    """
    params, last_step, before = start, math.nan, math.inf
    precision: Precision = "mixed" if objective.size >= _SINGLE_WIDTH else "double"
    rough = precision == "mixed" or information is not None
    if information is None:
        moments = objective.moments(params, 2, precision)
        information, step, distance = _newton(moments)
    else:
        moments = objective.moments(params, 1)
        step, distance = decrement(information, _gradient(moments))
    iterations = 0
    while True:
        if progress is not None:
            progress(Iteration(objective.passes, moments.nll, last_step, distance))
        if rough and (distance <= tol or iterations == max_iter):
            precision, rough = "double", False
            moments = objective.moments(params, 2)
            information, step, distance = _newton(moments)
        here = Solution(params, moments, information, distance, iterations, distance <= tol)
        if here.converged or iterations == max_iter or _diverges(objective, here, step, before):
            return here
        if distance < 1.0:
            precision = "double"
        reuse = not rough and distance <= _REUSE * math.sqrt(objective.rows)
        params, moments, factor = _halve(objective, here, step, precision, order=1 if reuse else 2)
        if factor == 0.0 and not rough:  # no descent left in double precision
            return here
        iterations += 1
        last_step, before = factor * distance, distance
        if reuse:
            step, distance = decrement(information, _gradient(moments))
            continue
        information, step, distance = _newton(moments)
        rough = precision == "mixed"
        if information.rank < here.information.rank:
            return here  # the weights of some rows died out, as they do when the maximum lies at infinity


def _diverges(objective: Objective, here: Solution, step: Vector, before: float) -> bool:
    """Whether the step leads to a maximum at infinity: asked once the decrement falls by exp(-1/2) a step, the
    pace of that case (each step then adds about 1 to every eta that matters).
    """
    if here.iterations < _PATIENCE or not 0.5 < here.decrement / before < 0.75:
        return False
    _, least, most = objective.scan(here.params, step)
    return separates(least, most)


def _gradient(moments: Moments) -> Vector:
    assert moments.gradient is not None
    return moments.gradient


def _newton(moments: Moments) -> tuple[Information, Vector, float]:
    assert moments.hessian is not None
    information = Information(moments.hessian)
    return information, *decrement(information, _gradient(moments))


def _halve(
    objective: Objective, here: Solution, step: Vector, precision: Precision, *, order: int
) -> tuple[Vector, Moments, float]:
    """The longest of the steps 1, 1/2, 1/4, ... that lowers the negative log-likelihood enough (Armijo)."""
    nll = here.moments.nll
    noise = 1e-13 * abs(nll)  # what a sum of this size may owe to rounding
    factor = 1.0
    for _ in range(_HALVINGS):
        candidate = here.params + factor * step
        trial = objective.moments(candidate, order, precision)
        if trial.nll <= nll - 1e-4 * factor * here.decrement**2 + noise:
            return candidate, trial, factor
        factor /= 2.0
    return here.params, here.moments, 0.0


def sample_start(objective: Objective, start: Vector) -> tuple[Vector, Information | None]:
    """A better start from a few of the rows, and the information there: 1/16 of them saves two or three passes."""
    information = None
    for stride in _STRIDES:
        rows = objective.rows // stride
        if rows < max(_SAMPLE_ROWS, _ROWS_PER_COLUMN * objective.size):
            continue
        part = objective.sample(stride)
        solution = irls(part, start, tol=0.1, max_iter=8)
        # a sample may be separated or lack a column where the whole is not: then it says nothing, so do without it
        if solution.converged and solution.information.kept.all():
            step, _ = decrement(solution.information, _gradient(solution.moments))
            gain, _, _ = part.scan(solution.params, step)
            if gain < _SEPARATED:
                start, information = solution.params, solution.information.times(stride)
    return start, information
