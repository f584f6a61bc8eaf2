# SPDX-License-Identifier: BSD-3-Clause
"""What an estimate is worth: its certificate, the existence of the maximum, the rank of the columns."""

from .certificate import Certificate, certify
from .rank import Alias, find_aliases, spans_constant
from .separation import Separation, judge_existence
from .sparsity import Sparsity, bootstrap_covariance, estimate_sparsity, iid_covariance, kernel_covariance
from .uniqueness import coefficient_ranges

__all__ = [
    "Alias",
    "Certificate",
    "Separation",
    "Sparsity",
    "bootstrap_covariance",
    "certify",
    "coefficient_ranges",
    "estimate_sparsity",
    "find_aliases",
    "iid_covariance",
    "judge_existence",
    "kernel_covariance",
    "spans_constant",
]
