# SPDX-License-Identifier: BSD-3-Clause
"""From parameters to moments: the negative log-likelihood, its gradient and its Hessian."""

from .blocks import BlockRows
from .information import Information
from .memory import MemoryObjective
from .piecewise import MemoryPiecewise, PiecewiseLinear, total
from .protocol import Matrix, Moments, Objective, Precision, Vector
from .shape import ShapeObjective
from .standardisation import Standardisation, standardise

__all__ = [
    "BlockRows",
    "Information",
    "Matrix",
    "MemoryObjective",
    "MemoryPiecewise",
    "Moments",
    "Objective",
    "PiecewiseLinear",
    "Precision",
    "ShapeObjective",
    "Standardisation",
    "Vector",
    "standardise",
    "total",
]
