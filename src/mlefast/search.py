# SPDX-License-Identifier: BSD-3-Clause
"""The search for the maximum: where to start, once or several times, and what to make of the ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from numpy.typing import ArrayLike

from mlefast.errors import DataError
from mlefast.likelihoods import UserLikelihood
from mlefast.objective import Information, Objective, Vector
from mlefast.solvers import Solution, sample_start

from .model import Model
from .options import read_params

if TYPE_CHECKING:
    from mlefast.solvers.multistart import Optimum


class Minimise(Protocol):
    """A solver that needs nothing but a start."""

    def __call__(self, start: Vector, *, information: Information | None = None) -> Solution:
        """The minimum that it leads to; with the information there, if a sample of the rows has told it."""
        ...


def find_maximum(
    model: Model,
    objective: Objective,
    minimise: Minimise,
    *,
    start: ArrayLike | None,
    starts: int,
) -> tuple[Solution, tuple[Optimum, ...]]:
    """The solution, and the distinct optima where several starts were asked for.

    DataError if the linear predictor overflows.
    """
    information = None
    if start is None:
        first, information = sample_start(objective, model.start())
    else:
        first = model.coordinates.from_user(read_params("start", start, model.names, model.shape))
    if isinstance(model.likelihood, UserLikelihood):
        model.check(model.coordinates.to_user(first))
    optima: tuple[Optimum, ...] = ()
    if starts == 1:
        solution = minimise(first, information=information)
    else:
        from mlefast.solvers.multistart import Optimum, scattered_starts, search

        if objective.convex:
            solution = minimise(first, information=information)
            optima = (Optimum(solution.params, solution.moments.nll, 1),)
        else:
            solution, optima = search(minimise, scattered_starts(first, model.spread(), starts))
    if not math.isfinite(solution.moments.nll):
        raise DataError(
            "the linear predictor overflows: X times the parameters exceeds the largest double. Start nearer to zero, "
            "or rescale the columns."
        )
    return solution, optima
