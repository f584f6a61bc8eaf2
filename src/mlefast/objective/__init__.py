# SPDX-License-Identifier: BSD-3-Clause
"""From parameters to moments: the negative log-likelihood, its gradient and its Hessian."""

from mlefast.likelihoods import ROUNDING

from .base import RowsObjective
from .differences import DifferencesObjective
from .doubled import Doubled, add, multiply, sum_rows, two_product, two_sum
from .information import Information, ProductInformation
from .jeffreys import JeffreysObjective
from .journal import Journal, JournalRows
from .memory import MemoryObjective
from .passes import Passes
from .piecewise import MemoryPiecewise, PiecewiseLinear, total
from .protocol import LeadObjective, Leads, Matrix, Moments, Objective, Precision, Vector
from .restricted import RestrictedSoftmax
from .ridge import RidgeObjective
from .rows import Rows, Softmax, rows_of, softmax_of
from .shape import ShapeObjective
from .softmax import SoftmaxObjective
from .standardisation import Standardisation, standardise

__all__ = [
    "ROUNDING",
    "DifferencesObjective",
    "Doubled",
    "Information",
    "JeffreysObjective",
    "Journal",
    "JournalRows",
    "LeadObjective",
    "Leads",
    "Matrix",
    "MemoryObjective",
    "MemoryPiecewise",
    "Moments",
    "Objective",
    "Passes",
    "PiecewiseLinear",
    "Precision",
    "ProductInformation",
    "RestrictedSoftmax",
    "RidgeObjective",
    "Rows",
    "RowsObjective",
    "ShapeObjective",
    "Softmax",
    "SoftmaxObjective",
    "Standardisation",
    "Vector",
    "add",
    "multiply",
    "rows_of",
    "softmax_of",
    "standardise",
    "sum_rows",
    "total",
    "two_product",
    "two_sum",
]
