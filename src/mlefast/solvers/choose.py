# SPDX-License-Identifier: BSD-3-Clause
"""Which solver fits the shape of the problem."""

from __future__ import annotations

from mlefast.errors import OptionError
from mlefast.objective import Objective

from .gradient import gradient_descent
from .irls import irls
from .lbfgs import lbfgs

SOLVERS = {"irls": irls, "lbfgs": lbfgs, "gradient": gradient_descent}
_WIDE = 128  # measured: from here on two Hessians cost more than ten gradients


def choose_solver(solver: str, objective: Objective) -> tuple[str, str]:
    """The solver and a sentence why."""
    rows, size = objective.rows, objective.size
    possible = ("auto", *SOLVERS)
    if solver not in possible:
        raise OptionError(f"solver={solver!r} is unknown; possible: {', '.join(possible)}.")
    if solver != "auto":
        return solver, "You asked for it."
    if objective.quadratic:
        return "irls", "The loss is quadratic, so the first Newton step is exact."
    if size > _WIDE and objective.predictors >= 20 * size:
        return "lbfgs", f"With {size} parameters a Hessian costs many gradients, so it is taken at the end only."
    if size > _WIDE:
        return "irls", f"With {rows} rows for {size} parameters each Newton step is worth its Hessian."
    if size == 1:
        return "irls", "With one parameter a Hessian costs little more than a gradient, and Newton needs few passes."
    return "irls", f"With {size} parameters a Hessian costs little more than a gradient, and Newton needs few passes."
