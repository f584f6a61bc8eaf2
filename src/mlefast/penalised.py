# SPDX-License-Identifier: BSD-3-Clause
"""The search for a maximum with a penalty, and what the penalty means for the numbers of the fit."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from mlefast.errors import OptionError
from mlefast.objective import Information, JeffreysObjective, RidgeObjective, RowsObjective, ShapeObjective, Vector
from mlefast.penalties import Firth, Penalty, Ridge
from mlefast.solvers import SOLVERS, Expansion, Progress, Solution, choose_solver

from .model import Model
from .search import find_maximum

if TYPE_CHECKING:
    from mlefast.solvers.multistart import Optimum

Prior = RidgeObjective | JeffreysObjective

_SCORING = "Fisher's scoring with the leverages of the rows, which takes two passes a step."


class Found(NamedTuple):
    """A solution at the scale of the likelihood alone, the optima of several starts, who found them and why he."""

    solution: Solution
    optima: tuple[Optimum, ...]
    solver: str
    reason: str
    prior: Prior | None


def maximise(
    model: Model,
    objective: RowsObjective | ShapeObjective,
    penalty: Penalty | None,
    *,
    solver: str,
    start: ArrayLike | None,
    starts: int,
    tol: float,
    max_iter: int,
    progress: Progress | None,
) -> Found:
    """The maximum of the likelihood with the penalty, if there is one."""
    if isinstance(penalty, Firth):
        assert isinstance(objective, RowsObjective)
        _require_scoring(solver, starts)
        prior = model.with_jeffreys(objective)
        score = partial(_score, prior, tol=tol, max_iter=max_iter, progress=progress)
        solution, _ = find_maximum(model, objective, score, start=start, starts=1)
        return Found(solution, (), "irls", _SCORING, prior)
    ridge = with_prior(model, objective, penalty) if isinstance(penalty, Ridge) else None
    goal = objective if ridge is None else ridge
    chosen, reason = choose_solver(solver, goal)
    solve = partial(SOLVERS[chosen], goal, max_iter=max_iter, progress=progress)
    if ridge is None:
        solution, optima = find_maximum(model, goal, partial(solve, tol=tol), start=start, starts=starts)
        return Found(solution, optima, chosen, reason, None)
    minimise = partial(solve_with_prior, ridge, solve, tol=tol)
    solution, optima = find_maximum(model, goal, minimise, start=start, starts=starts)
    return Found(settle(ridge, solution), optima, chosen, reason, ridge)


def _require_scoring(solver: str, starts: int) -> None:
    if solver not in ("auto", "irls"):
        raise OptionError(f"solver={solver!r} is not there with Firth(), which needs the information: use 'irls'.")
    if starts > 1:
        raise OptionError("multistart is not there with Firth(). Leave it out.")


def _score(objective: JeffreysObjective, start: Vector, *, information: object = None, **options: Any) -> Solution:
    """Scoring from a start; information of a sample is of no use to it."""
    from mlefast.solvers.scoring import scoring

    return scoring(objective, start, **options).solution


class Solve(Protocol):
    """A solver of an objective."""

    def __call__(self, start: Vector, *, tol: float, information: Information | None = None) -> Solution:
        """The minimum that a start leads to."""
        ...


def with_prior(model: Model, objective: RowsObjective | ShapeObjective, ridge: Ridge) -> RidgeObjective:
    """The objective and the prior, whose alphas are of the user's units, in the coordinates of the fit."""
    alpha = ridge.per_column(model.data.design.names)
    with np.errstate(over="ignore"):
        curvature = alpha * model.space.scale**2  # beta = scale times the parameter of the fit
    if not np.isfinite(curvature).all():
        raise OptionError("alpha times the spread of a column exceeds the largest double. Rescale the columns.")
    slopes = np.hstack([np.zeros(int(model.intercept)), curvature, np.zeros(model.estimated)])
    return RidgeObjective(objective, np.tile(slopes, model.equations))


def solve_with_prior(
    objective: RidgeObjective, solve: Solve, start: Vector, *, tol: float, information: Information | None = None
) -> Solution:
    """The minimum, within `tol` standard errors of the scale that `settle` goes to."""
    solution = solve(start, tol=tol, information=information)
    excess = settle(objective, solution).decrement / tol
    if solution.converged and excess > 1.0:
        solution = solve(solution.params, tol=solution.decrement / excess)
    return solution


def settle(objective: RidgeObjective, solution: Solution) -> Solution:
    """The solution at the scale of largest likelihood, with the NLL of the data alone."""
    moments, factor = objective.settled(solution.moments, solution.params)
    expansion = solution.expansion
    return solution._replace(
        moments=moments,
        expansion=Expansion(expansion.params, expansion.information.times(factor), expansion.step, expansion.precision),
        decrement=solution.decrement * math.sqrt(factor),
        carried=None if solution.carried is None else solution.carried.times(factor),
    )


def effective_parameters(objective: Prior, solution: Solution, information: Information) -> float | None:
    """tr((H + D)^-1 H) of a settled solution, with D the prior's Hessian (Gray, JASA 1992); None for Jeffreys'."""
    if isinstance(objective, JeffreysObjective):
        return None
    prior = objective.curvature * objective.inner.unit(solution.moments)
    return information.rank - float(prior @ np.diagonal(information.inverse()))


def added(objective: Prior, solution: Solution) -> float:
    """What the prior adds to the NLL of a settled solution."""
    if isinstance(objective, JeffreysObjective):
        return objective.penalty(solution.information)
    return objective.value(solution.params) * objective.inner.unit(solution.moments)
