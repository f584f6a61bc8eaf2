# SPDX-License-Identifier: BSD-3-Clause
"""What an estimate is worth: its certificate, the existence of the maximum, the rank of the columns.

What only quantile regression needs, `sparsity` and `uniqueness`, is imported where it is used; so is `recession`, for
data that may be separated, and what tests hypotheses: `hypotheses`, `wald` and `multiple`.
"""

from .certificate import Certificate, certify
from .rank import Alias, find_aliases, spans_constant
from .reach import reach_margin
from .separation import Separation, judge_existence

__all__ = [
    "Alias",
    "Certificate",
    "Separation",
    "certify",
    "find_aliases",
    "judge_existence",
    "reach_margin",
    "spans_constant",
]
