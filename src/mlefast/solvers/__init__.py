# SPDX-License-Identifier: BSD-3-Clause
"""Optimisation: solvers see an objective, never data.

What only quantile regression needs is imported where it is used, from `quantile`; so are Fisher's `scoring` of
penalised fits and the search from several starts, `multistart`.
"""

from .choose import SOLVERS, choose_solver
from .irls import REUSE, expand, irls, sample_start
from .lbfgs import lbfgs
from .protocol import Expansion, Iteration, Progress, Reading, Solution, Trace, decrement, information_of

__all__ = [
    "REUSE",
    "SOLVERS",
    "Expansion",
    "Iteration",
    "Progress",
    "Reading",
    "Solution",
    "Trace",
    "choose_solver",
    "decrement",
    "expand",
    "information_of",
    "irls",
    "lbfgs",
    "sample_start",
]
