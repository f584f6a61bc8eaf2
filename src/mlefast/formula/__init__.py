# SPDX-License-Identifier: BSD-3-Clause
"""A face: formulas such as "late ~ hour + C(carrier)", by formulaic, of tables, streams and Dask's data frames."""

from .encoder import FormulaEncoder
from .fit import fit_formula, read_response
from .terms import required_columns

__all__ = ["FormulaEncoder", "fit_formula", "read_response", "required_columns"]
