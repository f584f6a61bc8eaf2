# SPDX-License-Identifier: BSD-3-Clause
"""What an estimate is worth: its certificate, the existence of the maximum, the rank of the columns.

What only quantile regression needs, `sparsity` and `uniqueness`, is imported where it is used; so is `recession`, for
data that may be separated.
"""

from .certificate import Certificate, certify
from .hypotheses import read_hypothesis
from .multiple import adjust_pvalues
from .rank import Alias, find_aliases, spans_constant
from .reach import reach_margin
from .separation import Separation, judge_existence
from .wald import HypothesisTest, chi_squared, wald

__all__ = [
    "Alias",
    "Certificate",
    "HypothesisTest",
    "Separation",
    "adjust_pvalues",
    "certify",
    "chi_squared",
    "find_aliases",
    "judge_existence",
    "reach_margin",
    "read_hypothesis",
    "spans_constant",
    "wald",
]
