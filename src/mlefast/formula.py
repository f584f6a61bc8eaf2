# SPDX-License-Identifier: BSD-3-Clause
"""Formulas such as "late ~ hour + C(carrier)", by formulaic."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast.data import Design, read_design
from mlefast.data.files import require_columns
from mlefast.data.frame import as_narwhals
from mlefast.errors import DataError, FormulaError, MissingPackageError, OptionError
from mlefast.likelihoods import Likelihood
from mlefast.solvers import Progress

from .fit import fit
from .observations import MISSING
from .result import Result

if TYPE_CHECKING:
    import formulaic
    import narwhals as nw

_INTERCEPT = "Intercept"


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise MissingPackageError('Formulas need formulaic: pip install "mlefast[formula]".') from None
    return formulaic


@dataclasses.dataclass(frozen=True)
class FormulaEncoder:
    """Turns new tables into the columns of a fit; holds the levels of categories, no data."""

    spec: formulaic.ModelSpec

    def __call__(self, data: Any) -> Design:
        """The design of a table that has the columns on the right of the formula."""
        table = as_narwhals(_as_frame(data))
        require_columns(_variables(self.spec.formula), list(map(str, table.columns)), "the table")
        matrix = _without_intercept(_materialise(self.spec, table))
        return read_design(matrix[0], matrix[1])


def required_columns(formula: str) -> list[str]:
    """Names of the columns that a formula uses, the response first.

    Parameters
    ----------
    formula : str
        Such as "late ~ hour + C(carrier)".

    Returns
    -------
    list of str
        Each name once.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    """
    left, right = _parse(formula)
    return list(dict.fromkeys([*_variables(left), *_variables(right)]))


def _variables(formula: Any) -> list[str]:
    return sorted(str(name) for name in formula.required_variables)


def _parse(formula: str) -> tuple[Any, Any]:
    """The two sides of a formula, or a FormulaError in one sentence."""
    formulaic = _formulaic()
    try:
        parsed = formulaic.Formula(formula)
    except Exception as error:  # formulaic raises many kinds, also plain ones, for bad syntax
        raise FormulaError(f"the formula {formula!r} cannot be read: {_first_line(error)}") from None
    left, right = getattr(parsed, "lhs", None), getattr(parsed, "rhs", None)
    if left is None or right is None or not len(left):
        raise FormulaError(f'the formula {formula!r} has no response: write it as "y ~ x1 + x2".')
    if isinstance(left, tuple) or isinstance(right, tuple) or len(left) != 1:
        raise FormulaError(f'the formula {formula!r} must have one response and one right side: "y ~ x1 + x2".')
    return left, right


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"\x1b\[[0-9;]*m", "", lines[0]) if lines else type(error).__name__
    return text.rstrip(".") + "."


def _as_frame(data: Any) -> Any:
    """A dict of columns becomes a table; frames pass through."""
    if isinstance(data, dict):
        import pandas as pd

        return pd.DataFrame(data)
    return data


def _missing(table: nw.DataFrame[Any], columns: list[str]) -> NDArray[np.bool_]:
    """Rows in which one of the columns is null or NaN."""
    missing = np.zeros(len(table), dtype=np.bool_)
    for name in columns:
        series = table[name]
        missing |= np.asarray(series.is_null().to_numpy(), dtype=np.bool_)
        if series.dtype.is_float():
            missing |= np.asarray(series.is_nan().fill_null(True).to_numpy(), dtype=np.bool_)
    return missing


def _materialise(formula: Any, table: nw.DataFrame[Any]) -> Any:
    """Formulaic's matrix, or its complaint in one sentence."""
    try:
        frame = table.to_pandas() if not hasattr(table.to_native(), "iloc") else table.to_native()
        return formula.get_model_matrix(frame, output="numpy", na_action="raise")
    except Exception as error:  # formulaic passes on whatever a term raises
        raise FormulaError(f"the formula does not fit the data: {_first_line(error)}") from None


def _without_intercept(matrix: Any) -> tuple[NDArray[np.float64], list[str], bool]:
    """The columns without that of ones, which the fit has by itself; a view, not a copy."""
    names = [str(name) for name in matrix.model_spec.column_names]
    values = np.asarray(matrix, dtype=np.float64)
    if names[:1] == [_INTERCEPT]:
        return values[:, 1:], names[1:], True
    return values, names, False


def _column(table: nw.DataFrame[Any], value: Any, what: str) -> Any:
    """Weights or an offset: an array, or the name of a column."""
    if not isinstance(value, str):
        return value
    require_columns([value], list(map(str, table.columns)), "the table")
    from mlefast.data.frame import column_values

    return column_values(table[value], f"{value} ({what})")


def fit_formula(
    formula: str,
    data: Any,
    *,
    likelihood: str | Likelihood = "bernoulli",
    weights: Any = None,
    weight_kind: str = "frequency",
    offset: Any = None,
    missing: str = "raise",
    solver: str = "auto",
    start: ArrayLike | None = None,
    tol: float = 1e-6,
    max_iter: int = 100,
    covariance: str = "fisher",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Maximum-likelihood fit of a formula to a table.

    Parameters
    ----------
    formula : str
        `response ~ terms` in formulaic's grammar: `C(x)` for categories, `a:b` for products, `0 +` for no intercept.
    data : frame of pandas, polars or Arrow, or dict of columns
        The table, a row per observation.
    weights, offset : str or array-like of shape (n,), optional
        As in `fit`, or the name of a column.
    missing : {"raise", "drop"}, default "raise"
        What to do with rows in which a column of the formula, the weights or the offset is missing.
    likelihood, weight_kind, solver, start, tol, max_iter, covariance, threads, progress
        As in `fit`.

    Returns
    -------
    Result
        Its `predict` takes tables with the columns of the formula.

    Raises
    ------
    FormulaError
        If the formula cannot be read or does not fit the table.
    DataError, OptionError
        As `fit`.

    References
    ----------
    Wilkinson and Rogers, Applied Statistics 22 (1973), for the notation.

    Examples
    --------
    >>> import mlefast
    >>> table = {"late": [0, 1, 0, 1, 1, 0], "hour": [6, 9, 12, 18, 21, 20], "day": ["a", "b", "a", "b", "a", "b"]}
    >>> mlefast.fit_formula("late ~ hour + C(day)", table).names
    ('Intercept', 'hour', 'C(day)[T.b]')
    """
    if missing not in MISSING:
        raise OptionError(f"missing={missing!r} is unknown; possible: {', '.join(MISSING)}.")
    left, right = _parse(formula)
    table = as_narwhals(_as_frame(data))
    used = list(dict.fromkeys([*_variables(left), *_variables(right)]))
    require_columns(used, list(map(str, table.columns)), "the table")
    weights, offset = _column(table, weights, "weights"), _column(table, offset, "offset")
    table = table.select(used)
    absent = _missing(table, used)
    for vector in (weights, offset):
        if vector is not None and np.asarray(vector).dtype.kind == "f":
            absent |= np.isnan(vector)
    dropped = int(absent.sum())
    if dropped and missing == "raise":
        raise _missing_error(table, used, absent)
    if dropped == len(absent):
        raise DataError(
            "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
        )
    if dropped:
        table = table.filter((~absent).tolist())
        weights = None if weights is None else np.asarray(weights)[~absent]
        offset = None if offset is None else np.asarray(offset)[~absent]
    response = _response(left, table)
    matrix = _materialise(right, table)
    columns, names, intercept = _without_intercept(matrix)
    result = fit(
        columns,
        response,
        likelihood=likelihood,
        intercept=intercept,
        weights=weights,
        weight_kind=weight_kind,
        offset=offset,
        names=names,
        solver=solver,
        start=start,
        tol=tol,
        max_iter=max_iter,
        covariance=covariance,
        threads=threads,
        progress=progress,
    )
    return dataclasses.replace(
        result, response=str(left), formula=formula, dropped=dropped, encoder=FormulaEncoder(matrix.model_spec)
    )


def _response(left: Any, table: nw.DataFrame[Any]) -> Any:
    """The labels as they stand in the table if the left side is a column, otherwise what the formula makes of it."""
    name = str(left)
    if name in table.columns:
        return table[name].to_native()
    return np.asarray(_materialise(left, table), dtype=np.float64)


def _missing_error(table: nw.DataFrame[Any], columns: list[str], absent: NDArray[np.bool_]) -> DataError:
    for name in columns:
        rows = np.flatnonzero(_missing(table, [name]))
        if rows.size:
            first = ", ".join(str(i) for i in rows[:5])
            return DataError(
                f"column {name!r} has {rows.size} missing values (first rows: {first}); {int(absent.sum())} rows have "
                'one in some column. Use missing="drop" or fill them in.'
            )
    return DataError('weights or offset have missing values. Use missing="drop" or fill them in.')
