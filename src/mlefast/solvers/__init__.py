# SPDX-License-Identifier: BSD-3-Clause
"""Optimisation: solvers see an objective, never data.

What only quantile regression needs is imported where it is used, from `quantile`.
"""

from .choose import SOLVERS, choose_solver
from .irls import REUSE, expand, irls, sample_start
from .lbfgs import lbfgs
from .multistart import Optimum, scattered_starts, search, spread_of_starts
from .protocol import Expansion, Iteration, Progress, Solution, Trace, decrement, information_of
from .scoring import Scored, Scoring, scoring

__all__ = [
    "REUSE",
    "SOLVERS",
    "Expansion",
    "Iteration",
    "Optimum",
    "Progress",
    "Scored",
    "Scoring",
    "Solution",
    "Trace",
    "choose_solver",
    "decrement",
    "expand",
    "information_of",
    "irls",
    "lbfgs",
    "sample_start",
    "scattered_starts",
    "scoring",
    "search",
    "spread_of_starts",
]
