# SPDX-License-Identifier: BSD-3-Clause
"""Optimisation: solvers see an objective, never data."""

from .choose import choose_solver
from .irls import irls, sample_start
from .lbfgs import lbfgs
from .protocol import Iteration, Progress, Solution

__all__ = ["Iteration", "Progress", "Solution", "choose_solver", "irls", "lbfgs", "sample_start"]
