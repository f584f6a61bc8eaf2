# SPDX-License-Identifier: BSD-3-Clause
"""What formulaic makes of the terms of a formula in some rows of a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlefast.data import counted
from mlefast.data.design import require_distinct
from mlefast.data.missing import first_rows
from mlefast.data.table import to_pandas
from mlefast.errors import DataError, FormulaError, warnings_as

from .terms import first_line

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd


def encode_table(
    formula: Any, table: nw.DataFrame[Any], used: list[str], absent: NDArray[np.bool_]
) -> tuple[Any, NDArray[np.intp]]:
    """Formulaic's matrix, and the rows of the table that are in it: not absent, and with a value in every term."""
    rows = np.flatnonzero(~absent)
    if not rows.size:
        return None, rows
    matrix = materialise(formula, to_pandas(table, used, rows), "drop")
    return matrix, matrix.index.to_numpy()


def materialise(formula: Any, frame: pd.DataFrame, undefined: str) -> Any:
    """Formulaic's matrix as a frame; "drop" or "ignore" what is undefined, such as the logarithm of -1.

    A frame rather than an array, which formulaic would build from the same columns with a second copy of them.
    """
    from formulaic.errors import DataMismatchWarning

    try:
        # log(0) and its like are named by the fit
        with np.errstate(all="ignore"), warnings_as("error", DataMismatchWarning):
            return formula.get_model_matrix(frame, output="pandas", na_action=undefined)
    except DataMismatchWarning as warning:
        raise _unknown_level(formula, frame, warning) from None
    except Exception as error:  # formulaic passes on whatever a term raises
        times = [name for name in frame if frame[name].dtype.kind in "mM"]
        hint = f" {times[0]!r} holds dates or times: compute a number, such as the hour." if times else ""
        raise FormulaError(f"the formula does not fit the data: {first_line(error)}{hint}") from None


def _unknown_level(formula: Any, frame: pd.DataFrame, warning: Warning) -> DataError:
    for expression, (_, state) in getattr(formula, "encoder_state", {}).items():
        for name in frame:
            if expression in (name, f"C({name})") and "categories" in state:
                unknown = frame[name][~frame[name].isin(state["categories"])]
                if len(unknown):
                    return DataError(
                        f"column {name!r} holds {str(unknown.iloc[0])!r} ({first_rows(unknown.index)}), which the fit "
                        f"has not seen; it knows {', '.join(map(str, state['categories'][:8]))}. Remove these rows."
                    )
    levels = re.search(r"\{.*\}", str(warning))
    return FormulaError(f"a category has levels that the formula does not know: {levels[0] if levels else warning}.")


def computed_response(left: Any, frame: pd.DataFrame) -> tuple[NDArray[np.float64], Any]:
    """What a left side that is no column makes of the rows of a frame, and formulaic's specification of it."""
    matrix = materialise(left, frame, "ignore")
    if matrix.shape[1] != 1:
        raise FormulaError(f"the left side {left} makes {matrix.shape[1]} columns. Use a column or one condition.")
    return np.asarray(matrix.to_numpy(dtype=np.float64)[:, 0]), matrix.model_spec


def has_intercept(spec: Any) -> bool:
    """Whether a specification of formulaic has one."""
    return any(entry.term.degree == 0 for entry in spec.structure)


def without_intercept(matrix: Any) -> pd.DataFrame:
    """The columns without that of ones, which the fit has by itself; not copied."""
    require_distinct([name for entry in matrix.model_spec.structure for name in entry.columns], "the formula")
    frame: pd.DataFrame = matrix.iloc[:, :]
    if has_intercept(matrix.model_spec):
        del frame["Intercept"]  # of this view alone; pandas 2 would copy what a slice of columns leaves
    return frame


def undefined_error(
    right: Any, table: nw.DataFrame[Any], used: list[str], absent: NDArray[np.bool_], rows: NDArray[np.intp]
) -> DataError:
    """No column has missing values, but a term does: name it."""
    present = np.flatnonzero(~absent)
    for term in right:
        kept = encode_table(type(right)([term]), table, used, absent)[1]
        if kept.size < present.size:
            rows = kept
            break
    lost = np.setdiff1d(present, rows)
    return DataError(
        f"the term {term} is not defined in {counted(lost.size, 'row')} ({first_rows(lost)}), like the logarithm of a "
        'negative number. Use missing="drop" or another term.'
    )
