# SPDX-License-Identifier: BSD-3-Clause
"""The pass over the rows, compiled for one instruction set (see setup.py)."""

include "pass.pxi"
include "by_columns.pxi"
include "leaf.pxi"
include "rows.pxi"
include "softmax.pxi"
include "resample.pxi"
