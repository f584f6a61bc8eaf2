# SPDX-License-Identifier: BSD-3-Clause
"""Formulas such as "late ~ hour + C(carrier)", by formulaic."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import difflib
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast.data import Design, read_design, read_vector
from mlefast.data.design import require_distinct
from mlefast.data.files import require_columns
from mlefast.data.frame import as_narwhals, column_values
from mlefast.data.missing import counted, first_rows, missing_values
from mlefast.errors import DataError, FormulaError, MissingPackageError, OptionError
from mlefast.likelihoods import Likelihood
from mlefast.solvers import Progress

from .fit import fit
from .observations import MISSING
from .result import Result

if TYPE_CHECKING:
    import formulaic
    import narwhals as nw
    import pandas as pd


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
        """The design of a table that has the columns on the right of the formula; NaN in rows that lack a value."""
        used = _variables(self.spec.formula)
        table = _table(data, used)
        matrix, rows = _encode(self.spec, table, used, _missing(table, used))
        if rows.size == len(table):
            return read_design(_without_intercept(matrix))
        names = [name for entry in self.spec.structure if entry.term.degree for name in entry.columns]
        values = np.full((len(table), len(names)), np.nan)
        if rows.size:
            values[rows] = _without_intercept(matrix).to_numpy(dtype=np.float64)
        return read_design(values, names)


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


def _parse(formula: str) -> tuple[Any, Any]:
    """The two sides of a formula, or a FormulaError in one sentence."""
    formulaic = _formulaic()
    try:
        parsed = formulaic.Formula(formula)
    except Exception as error:  # formulaic raises many kinds, also plain ones, for bad syntax
        complaint = _first_line(error)
        if complaint.startswith("The `.` operator"):
            complaint = "'.' for all other columns is not supported. Name the columns."
        raise FormulaError(f"the formula {formula!r} cannot be read: {complaint}") from None
    left, right = getattr(parsed, "lhs", None), getattr(parsed, "rhs", None)
    if left is None or right is None or not len(left):
        raise FormulaError(f'the formula {formula!r} has no response: write it as "y ~ x1 + x2".')
    if isinstance(left, tuple) or isinstance(right, tuple) or len(left) != 1:
        raise FormulaError(f'the formula {formula!r} must have one response and one right side: "y ~ x1 + x2".')
    if not _variables(left):
        raise FormulaError(f"the left side of the formula {formula!r} names no column. Put the response there.")
    return left, right


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"\x1b\[[0-9;]*m", "", lines[0]) if lines else type(error).__name__
    return text.rstrip(".") + "."


def _variables(terms: Any) -> list[str]:
    """Names of the columns that the terms of one side read, sorted."""
    return sorted({name for term in terms for factor in term.factors for name in _columns_read(factor)})


def _columns_read(factor: Any) -> set[str]:
    """Names of the columns that a factor reads; FormulaError if it calls a function that formulas do not know.

    Formulaic 1.2 has `required_variables` for this, but it is empty for `bs(x)`, `center(x)` and their like.
    """
    kind = factor.eval_method.value
    if kind != "python":
        return {str(factor.expr)} if kind == "lookup" else set()
    from formulaic.transforms import TRANSFORMS

    quoted: dict[str, str] = {}

    def stand_in(name: re.Match[str]) -> str:
        return quoted.setdefault(name[1], f"_quoted_{len(quoted)}")

    try:
        tree = ast.parse(re.sub("`([^`]+)`", stand_in, factor.expr), mode="eval")
    except SyntaxError as error:
        raise FormulaError(f"the term {factor.expr} cannot be read: {error.msg}.") from None
    nodes = list(ast.walk(tree))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    # variables of lambdas and comprehensions are not columns
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    functions = {id(call.func) for call in calls}
    for node in names:
        if id(node) in functions and node.id not in {*TRANSFORMS, *dir(builtins), *own}:
            close = difflib.get_close_matches(node.id, TRANSFORMS, n=3)
            hint = f"Did you mean {', '.join(close)}?" if close else "Compute the column before the fit."
            raise FormulaError(f"the formula calls {node.id}(), a function that formulas do not know. {hint}")
    columns = {node.id for node in names if id(node) not in functions} - own - set(TRANSFORMS)
    original = {name: column for column, name in quoted.items()}
    return {original.get(name, name) for name in columns} | {
        str(text.value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Q"
        for text in call.args
        if isinstance(text, ast.Constant)
    }


def _table(data: Any, used: list[str]) -> nw.DataFrame[Any]:
    """The user's table; FormulaError if it lacks a column that is used, DataError if it has no rows."""
    if isinstance(data, dict):
        import pandas as pd

        try:
            data = pd.DataFrame(data)
        except ValueError as error:
            raise DataError(f"data is a dict that does not make a table: {_first_line(error)}") from None
    table = as_narwhals(data, "data")
    try:
        require_columns(used, list(map(str, table.columns)), "the table")
    except DataError as error:
        raise FormulaError(str(error)) from None
    if not len(table):
        raise DataError("the table has no rows. Check the filter that made the data.")
    return table


def _missing(table: nw.DataFrame[Any], columns: list[str]) -> NDArray[np.bool_]:
    """Rows in which one of the columns is null or NaN."""
    missing = np.zeros(len(table), dtype=np.bool_)
    for name in columns:
        series = table[name]
        missing |= np.asarray(series.is_null().to_numpy(), dtype=np.bool_)
        if series.dtype.is_float():
            missing |= np.asarray(series.is_nan().fill_null(True).to_numpy(), dtype=np.bool_)
    return missing


def _encode(
    formula: Any, table: nw.DataFrame[Any], used: list[str], absent: NDArray[np.bool_]
) -> tuple[Any, NDArray[np.intp]]:
    """Formulaic's matrix, and the rows of the table that are in it: not absent, and with a value in every term."""
    rows = np.flatnonzero(~absent)
    if not rows.size:
        return None, rows
    matrix = _materialise(formula, _to_pandas(table, used, rows), "drop")
    return matrix, matrix.index.to_numpy()


def _to_pandas(table: nw.DataFrame[Any], columns: list[str], rows: NDArray[np.intp]) -> pd.DataFrame:
    """The columns for formulaic; the index holds the numbers of the rows."""
    import narwhals as nw
    import pandas as pd

    part = table.select(columns) if rows.size == len(table) else table.select(columns)[rows]
    decimals = [name for name, dtype in part.schema.items() if dtype.is_decimal()]
    if decimals:  # formulaic would take them for categories
        part = part.with_columns(nw.col(*decimals).cast(nw.Float64))
    try:
        frame = part.to_pandas().copy(deep=False)
    except ImportError as error:
        raise MissingPackageError(f"Formulas need another package for this kind of table: {error}.") from None
    for name, dtype in part.schema.items():
        if dtype in (nw.String, nw.Categorical) and frame[name].dtype not in ("object", "str", "category"):
            frame[name] = frame[name].astype(object)  # formulaic knows no other types of categories
    frame.index = pd.Index(rows)
    return frame


def _materialise(formula: Any, frame: pd.DataFrame, undefined: str) -> Any:
    """Formulaic's matrix as a frame; "drop" or "ignore" what is undefined, such as the logarithm of -1.

    A frame rather than an array, which formulaic would build from the same columns with a second copy of them.
    """
    from formulaic.errors import DataMismatchWarning

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():  # log(0) and its like are named by the fit
            warnings.simplefilter("error", DataMismatchWarning)
            return formula.get_model_matrix(frame, output="pandas", na_action=undefined)
    except DataMismatchWarning as warning:
        raise _unknown_level(formula, frame, warning) from None
    except Exception as error:  # formulaic passes on whatever a term raises
        times = [name for name in frame if frame[name].dtype.kind in "mM"]
        hint = f" {times[0]!r} holds dates or times: compute a number, such as the hour." if times else ""
        raise FormulaError(f"the formula does not fit the data: {_first_line(error)}{hint}") from None


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


def _has_intercept(matrix: Any) -> bool:
    return any(entry.term.degree == 0 for entry in matrix.model_spec.structure)


def _without_intercept(matrix: Any) -> pd.DataFrame:
    """The columns without that of ones, which the fit has by itself; not copied."""
    require_distinct([name for entry in matrix.model_spec.structure for name in entry.columns], "the formula")
    frame: pd.DataFrame = matrix.iloc[:, :]
    if _has_intercept(matrix):
        del frame["Intercept"]  # of this view alone; pandas 2 would copy what a slice of columns leaves
    return frame


def _vector(table: nw.DataFrame[Any], value: Any, what: str) -> NDArray[Any] | None:
    """Weights or an offset: one number per row, or the name of a column."""
    if isinstance(value, str):
        require_columns([value], list(map(str, table.columns)), "the table")
        value = column_values(table[value], f"{value} ({what})")
    return None if value is None else read_vector(value, what, len(table))


def _response(left: Any, table: nw.DataFrame[Any], rows: NDArray[np.intp]) -> Any:
    """The labels as they stand in the table if the left side is a column, otherwise what the formula makes of it."""
    name = str(left)
    if name in table.columns:
        return (table[name] if rows.size == len(table) else table[name][rows]).to_native()
    matrix = _materialise(left, _to_pandas(table, _variables(left), rows), "ignore")
    if matrix.shape[1] != 1:
        raise FormulaError(f"the left side {name} makes {matrix.shape[1]} columns. Use a column or one condition.")
    return matrix.to_numpy(dtype=np.float64)[:, 0]


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
    used = list(dict.fromkeys([*_variables(left), *_variables(right)]))
    table = _table(data, used)
    weights, offset = _vector(table, weights, "weights"), _vector(table, offset, "offset")
    absent = _missing(table, used)
    for vector in (weights, offset):
        if vector is not None:
            absent |= missing_values(vector)
    if missing == "raise" and absent.any():
        raise _missing_error(table, used, absent)
    matrix, rows = _encode(right, table, used, absent)
    dropped = len(table) - rows.size
    if missing == "raise" and dropped:
        raise _undefined_error(right, table, used, rows)
    if not rows.size:
        raise DataError(
            "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
        )
    if dropped:
        weights, offset = (None if vector is None else vector[rows] for vector in (weights, offset))
    try:
        result = fit(
            _without_intercept(matrix),
            _response(left, table, rows),
            likelihood=likelihood,
            intercept=_has_intercept(matrix),
            weights=weights,
            weight_kind=weight_kind,
            offset=offset,
            missing=missing,
            solver=solver,
            start=start,
            tol=tol,
            max_iter=max_iter,
            covariance=covariance,
            threads=threads,
            progress=progress,
        )
    except DataError as error:
        if not dropped:
            raise
        raise type(error)(f"{error} Rows are counted without the {dropped} that were dropped.") from None
    return dataclasses.replace(
        result,
        response=str(left),
        formula=formula,
        dropped=dropped + result.dropped,
        encoder=FormulaEncoder(matrix.model_spec),
    )


def _missing_error(table: nw.DataFrame[Any], columns: list[str], absent: NDArray[np.bool_]) -> DataError:
    for name in columns:
        rows = np.flatnonzero(_missing(table, [name]))
        if rows.size:
            return DataError(
                f"column {name!r} has {counted(rows.size, 'missing value')} ({first_rows(rows)}); "
                f'{counted(int(absent.sum()), "row")} in all lack some value. Use missing="drop" or fill them in.'
            )
    rows = np.flatnonzero(absent)
    return DataError(
        f"weights or offset have missing values in {counted(rows.size, 'row')} ({first_rows(rows)}). Use "
        'missing="drop" or fill them in.'
    )


def _undefined_error(right: Any, table: nw.DataFrame[Any], used: list[str], rows: NDArray[np.intp]) -> DataError:
    """No column has missing values, but a term does: name it."""
    nothing = np.zeros(len(table), dtype=np.bool_)
    for term in right:
        kept = _encode(type(right)([term]), table, used, nothing)[1]
        if kept.size < len(table):
            rows = kept
            break
    lost = np.setdiff1d(np.arange(len(table)), rows)
    return DataError(
        f"the term {term} is not defined in {counted(lost.size, 'row')} ({first_rows(lost)}), like the logarithm of a "
        'negative number. Use missing="drop" or another term.'
    )
