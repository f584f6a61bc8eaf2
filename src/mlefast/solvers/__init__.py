# SPDX-License-Identifier: BSD-3-Clause
"""Optimisation: solvers see an objective, never data."""

from .choose import SOLVERS, choose_solver
from .irls import expand, irls, sample_start
from .lbfgs import lbfgs
from .protocol import Expansion, Iteration, Progress, Solution

__all__ = [
    "SOLVERS",
    "Expansion",
    "Iteration",
    "Progress",
    "Solution",
    "choose_solver",
    "expand",
    "irls",
    "lbfgs",
    "sample_start",
]
