# SPDX-License-Identifier: BSD-3-Clause
"""Input: what the user has, as columns that the pass reads where they lie."""

from .design import Design, read_design
from .missing import missing_rows, require_finite, require_finite_vectors
from .vectors import read_response, read_vector, read_weights

__all__ = [
    "Design",
    "missing_rows",
    "read_design",
    "read_response",
    "read_vector",
    "read_weights",
    "require_finite",
    "require_finite_vectors",
]
