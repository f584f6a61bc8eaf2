# SPDX-License-Identifier: BSD-3-Clause
"""Iteratively reweighted least squares: Newton's method with damped steps.

For a canonical link each Newton step is a weighted least-squares fit (McCullagh and Nelder 1989, section 2.5). With
g and H of one pass, the Newton decrement sqrt(g' H^-1 g) bounds max_j |H^-1 g|_j / se_j by Cauchy and Schwarz, so it is
the stopping rule: a distance in standard errors that no rescaling of the data changes.
"""

from __future__ import annotations

import math

import numpy as np

from mlefast.objective import Information, Moments, Objective, Precision, Vector

from .least_squares import least_squares
from .protocol import Expansion, Iteration, Progress, Solution, decrement, information_of
from .third_order import ThirdOrder

_NOISE = 1e-13  # relative: what a sum over the rows may owe to rounding
_SINGLE_WIDTH = 64  # from here on the Hessian dominates a pass, and single precision halves it
_TRUSTED = 1e4  # condition up to which single precision tells a column from a combination of others
REUSE = 1e-6  # relative error of standard errors that an information matrix taken nearby may cause
_NARROW = 48  # parameters up to which the information of all rows at the start is worth its price
_SETTLED = 0.1  # the decrement of a step with such a matrix must fall at least to this share; Newton's falls further
_PATIENCE = 10  # iterations before divergence is looked for
_COARSER = 16  # times the step of the largest sample, that of the first on which the start is refined
_LEAST_SHARE = 1e-3  # of the step that is safe for the logit link
_SEPARATED = 0.95  # the scan of a separated sample gives 1, that of a sound one about 0
_SAMPLE_ROWS = 1000
_ROWS_PER_COLUMN = 20


def irls(
    objective: Objective,
    start: Vector,
    *,
    tol: float,
    max_iter: int,
    progress: Progress | None = None,
    information: Information | None = None,
    precision: Precision | None = None,
) -> Solution:
    """Minimise from `start` until the decrement is at most `tol`.

    Every point that is returned has been evaluated; near the maximum the information of the point before serves on.
    A rough `information` at the start, from a sample of the rows, saves the first Hessian; `precision` is that of the
    first steps. For a quadratic loss the first step is exact.
    """
    if objective.quadratic:
        return least_squares(objective, start, tol=tol, max_iter=max_iter, progress=progress)
    params, last_step, before, iterations, share = start, math.nan, math.inf, 0, 1.0
    beyond, size = ThirdOrder(objective), math.sqrt(min(objective.rows, objective.nobs))
    if beyond.known and objective.size <= _NARROW:
        information = None
    precision = precision or ("mixed" if objective.size >= _SINGLE_WIDTH else objective.precision)
    if information is None:
        moments, expansion, distance = expand(objective, params, precision)
    else:
        moments = objective.moments(params, 1)
        step, distance = decrement(information, _gradient(moments))
        expansion = Expansion(params, information, step, precision)
    if not math.isfinite(moments.nll):  # nothing to go by
        return Solution(params, moments, expansion, math.inf, iterations, False)
    step, rough = expansion.step, information is not None or expansion.precision != objective.precision
    while True:
        if progress is not None:
            progress(Iteration(objective.passes, moments.nll, last_step, distance))
        here = Solution(params, moments, expansion, distance, iterations, distance <= tol)
        ended = here.converged or iterations == max_iter or _stalls(here, before) or _diverges(objective, here, before)
        precision = _next_precision(objective, here)
        moved = None
        if not ended:
            if share == 1.0 and not rough and expansion.params is params:
                step = beyond.bend(expansion, distance, tol)
            reuse = not rough and distance <= min(REUSE, tol) * size / beyond.mismatch
            moved = _descend(objective, here, share * step, precision, order=1 if reuse else 2)
        if moved is None:
            if not rough:
                return _carry(beyond, here, min(REUSE, tol) * size)
            moments, expansion, distance = expand(objective, params, "double")
            step, rough = expansion.step, False
            continue
        params, moments, factor = moved
        iterations += 1
        last_step, before = share * factor * distance, distance
        if reuse:
            step, distance = decrement(expansion.information, _gradient(moments))
            if distance <= _SETTLED * before:
                continue
            moments = objective.moments(params, 2)  # the information has changed, as it does on the way to infinity
        moments, expansion, distance = _expansion(objective, params, moments, "double" if reuse else precision)
        step, rough = expansion.step, expansion.precision == "mixed" != objective.precision
        if expansion.information.rank < here.information.rank:
            # the weights of some rows died out, as they do when the maximum lies at infinity, or the step was too long
            params, iterations, share = here.params, here.iterations, 0.25 * share * factor
            moments, expansion, distance = expand(objective, params, "double")
            step, rough = expansion.step, False
            if share < _LEAST_SHARE or objective.separating(step) is not None:
                return Solution(params, moments, expansion, distance, iterations, here.converged)
        else:
            share = 1.0


def _carry(beyond: ThirdOrder, solution: Solution, near: float) -> Solution:
    """With the information of the last point, if that of the expansion comes from farther away than `near`."""
    expansion = solution.expansion
    if beyond.mismatch == 1.0 or not expansion.information.complete:
        return solution
    if expansion.information.length(solution.params - expansion.params) <= near:
        return solution
    return solution._replace(carried=beyond.information(expansion, solution.params))


def _next_precision(objective: Objective, here: Solution) -> Precision:
    """Double precision stays once it was needed; single is for the first steps, or for data that have no more."""
    if here.expansion.precision == "mixed" and (here.decrement >= 1.0 or objective.precision == "mixed"):
        return "mixed"
    return "double"


def expand(objective: Objective, params: Vector, precision: Precision) -> tuple[Moments, Expansion, float]:
    """One pass at `params`: the moments, the expansion and the decrement; "mixed" gives way where it will not do."""
    return _expansion(objective, params, objective.moments(params, 2, precision), precision)


def _expansion(
    objective: Objective, params: Vector, moments: Moments, precision: Precision
) -> tuple[Moments, Expansion, float]:
    if not math.isfinite(moments.nll):
        zero = np.zeros(objective.size)
        return moments, Expansion(params, Information(np.diag(zero)), zero, precision), math.inf
    information = information_of(objective, moments)
    if precision == "mixed" and not (information.complete and information.condition <= _TRUSTED):
        return expand(objective, params, "double")
    step, distance = decrement(information, _gradient(moments))
    return moments, Expansion(params, information, step, precision), distance


def _gradient(moments: Moments) -> Vector:
    assert moments.gradient is not None
    return moments.gradient


def _stalls(here: Solution, before: float) -> bool:
    """Whether rounding hides what is left to gain, and the decrement has stopped falling."""
    return here.decrement**2 <= _NOISE * abs(here.moments.nll) and here.decrement > 0.9 * before


def _diverges(objective: Objective, here: Solution, before: float) -> bool:
    """Whether the step leads to a maximum at infinity: asked once the decrement falls by exp(-1/2) a step, the
    pace of that case (each step then adds about 1 to every eta that matters).
    """
    if here.iterations < _PATIENCE or not 0.5 < here.decrement / before < 0.75:
        return False
    return objective.separating(here.expansion.step) is not None


def _descend(
    objective: Objective, here: Solution, step: Vector, precision: Precision, *, order: int
) -> tuple[Vector, Moments, float] | None:
    """The point that a share of the step leads to, its moments and the share: one that lowers the NLL enough (Armijo).

    First the whole step. If that leads too far, shorter ones down to log(1 + r) / r of it with r = max_i |x_i'd|, which
    lowers every NLL whose third derivative is at most its second, as for the logit link (Sun and Tran-Dinh,
    Mathematical Programming 2019). In between the logarithm of the share is halved, since r may have any size. Other
    likelihoods may need a little less than that. What is not convex has no such bound: quarters. None if rounding
    leaves nothing to gain.
    """
    nll, factor, safe = here.moments.nll, 1.0, 0.0
    while True:
        candidate = here.params + factor * step
        found = objective.moments(candidate, order, precision)
        if found.nll <= nll - 1e-4 * factor * here.decrement**2 + _NOISE * abs(nll):
            return candidate, found, factor
        hidden = factor == 1.0 and here.decrement**2 <= _NOISE * abs(nll)  # by rounding, of which the gradient has less
        if hidden and decrement(here.information, _gradient(found))[1] < here.decrement:
            return candidate, found, factor
        safe = safe or (_safe_share(objective, here.params, step) if objective.convex else 1.0)
        if factor <= _LEAST_SHARE * safe:
            return None
        factor = _shorter(factor, safe)


def _shorter(factor: float, safe: float) -> float:
    if factor > 4.0 * safe:
        return math.sqrt(factor * safe)
    return safe if factor > safe else 0.25 * factor


def _safe_share(objective: Objective, params: Vector, step: Vector) -> float:
    size = float(np.abs(step).max())  # scaled out, since the step may be so long that x'd overflows
    _, least, most = objective.scan(params, step / size)
    reach = min(size * max(abs(least), abs(most)), 1e300)
    return math.log1p(reach) / reach if reach > 0.0 else 1.0


def sample_start(objective: Objective, start: Vector) -> tuple[Vector, Information | None]:
    """A better start from samples of the rows, and the information there: 1/16 of them saves two or three passes."""
    information = None
    strides = _COARSER * objective.stride, objective.stride
    for stride in strides[:1] if objective.quadratic else strides:  # one step from anywhere ends a quadratic loss
        rows = objective.rows // stride
        if rows < max(_SAMPLE_ROWS, _ROWS_PER_COLUMN * objective.size):
            continue
        part = objective.sample(stride)
        solution = irls(part, start, tol=0.1, max_iter=8)
        # a sample may be separated or lack a column where the whole is not: then it says nothing, so do without it
        if solution.converged and solution.information.definite and solution.information.complete:
            expansion = solution.expansion
            if objective.quadratic or part.scan(expansion.params, expansion.step)[0] < _SEPARATED:
                start, information = solution.params, solution.information.times(stride)
    return start, information
