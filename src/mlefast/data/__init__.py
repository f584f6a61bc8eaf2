# SPDX-License-Identifier: BSD-3-Clause
"""Input: what the user has, as columns that the pass reads where they lie."""

from .design import Design, MemoryDesign, is_dask, is_remote, power_of_two, read_design, sample_step
from .groups import Groups, group_columns, read_groups
from .missing import LARGEST, counted, missing_rows, require_finite, require_finite_vector
from .vectors import Column, exposed, read_response, read_vector, read_weights

__all__ = [
    "LARGEST",
    "Column",
    "Design",
    "Groups",
    "MemoryDesign",
    "counted",
    "exposed",
    "group_columns",
    "is_dask",
    "is_remote",
    "missing_rows",
    "power_of_two",
    "read_design",
    "read_groups",
    "read_response",
    "read_vector",
    "read_weights",
    "require_finite",
    "require_finite_vector",
    "sample_step",
]
