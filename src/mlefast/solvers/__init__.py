# SPDX-License-Identifier: BSD-3-Clause
"""Optimisation: solvers see an objective, never data."""

from .choose import SOLVERS, choose_solver
from .irls import expand, irls, sample_start
from .lbfgs import lbfgs
from .multistart import Optimum, scattered_starts, search, spread_of_starts
from .neighbour import neighbour_of
from .protocol import Expansion, Iteration, Progress, Solution
from .quantile import QuantileSolution, minimise_quantile

__all__ = [
    "SOLVERS",
    "Expansion",
    "Iteration",
    "Optimum",
    "Progress",
    "QuantileSolution",
    "Solution",
    "choose_solver",
    "expand",
    "irls",
    "lbfgs",
    "minimise_quantile",
    "neighbour_of",
    "sample_start",
    "scattered_starts",
    "search",
    "spread_of_starts",
]
