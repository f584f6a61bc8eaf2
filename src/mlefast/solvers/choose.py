# SPDX-License-Identifier: BSD-3-Clause
"""Which solver fits the shape of the problem."""

from __future__ import annotations

from mlefast.errors import OptionError

SOLVERS = ("auto", "irls", "lbfgs")
_WIDE = 128  # measured: from here on two Hessians cost more than ten gradients


def choose_solver(solver: str, rows: int, size: int) -> tuple[str, str]:
    """The solver and a sentence why."""
    if solver not in SOLVERS:
        raise OptionError(f"solver={solver!r} is unknown; possible: {', '.join(SOLVERS)}.")
    if solver != "auto":
        return solver, "You asked for it."
    if size > _WIDE and rows >= 20 * size:
        return "lbfgs", f"With {size} parameters a Hessian costs many gradients, so it is taken at the end only."
    if size > _WIDE:
        return "irls", f"With {rows} rows for {size} parameters each Newton step is worth its Hessian."
    if size == 1:
        return "irls", "With one parameter a Hessian costs little more than a gradient, and Newton needs few passes."
    return "irls", f"With {size} parameters a Hessian costs little more than a gradient, and Newton needs few passes."
