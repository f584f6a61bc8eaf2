# SPDX-License-Identifier: BSD-3-Clause
"""Formulas such as "late ~ hour + C(carrier)", by formulaic."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import difflib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast.data import (
    Column,
    MemoryDesign,
    counted,
    exposed,
    group_columns,
    is_dask,
    read_design,
    read_vector,
    read_weights,
)
from mlefast.data.design import require_distinct
from mlefast.data.files import require_columns
from mlefast.data.missing import first_rows, missing_values
from mlefast.data.source import is_source
from mlefast.data.table import missing_in, numbers_of, require_no_stray_words, table_of, to_pandas, with_column
from mlefast.errors import DataError, FormulaError, MissingPackageError, warnings_as
from mlefast.likelihoods import Likelihood
from mlefast.penalties import Penalty
from mlefast.solvers import Progress

from .fit import fit
from .options import MISSING, read_memory, require_choice
from .predictors import Change
from .result import Result

if TYPE_CHECKING:
    import formulaic
    import narwhals as nw
    import pandas as pd


_STEP = 6e-6  # of a variable, relative to itself: the cube root of the rounding error
_LEAST_SIZE = 0.1  # of what it is relative to, in standard deviations


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise MissingPackageError('Formulas need formulaic: pip install "mlefast[formula]".') from None
    return formulaic


@dataclasses.dataclass(frozen=True)
class FormulaEncoder:
    """Turns new tables into the columns of a fit; holds the levels of categories and the offset's name, no data."""

    spec: formulaic.ModelSpec
    offset_name: str | None = None
    exposure_name: str | None = None

    def __call__(self, data: Any) -> MemoryDesign:
        """The design of a table that has the columns on the right of the formula; NaN in rows that lack a value."""
        used = variables(self.spec.formula)
        table = table_of(data, used)
        matrix, rows = encode_table(self.spec, table, used, missing_in(table, used))
        if rows.size == len(table):
            return read_design(without_intercept(matrix))
        names = [name for entry in self.spec.structure if entry.term.degree for name in entry.columns]
        values = np.full((len(table), len(names)), np.nan)
        if rows.size:
            values[rows] = without_intercept(matrix).to_numpy(dtype=np.float64)
        return read_design(values, names)

    def offset(self, data: Any, offset: Any) -> Any:
        """The offset for a table: what the user gives, a column of that name, or the columns of the fit."""
        if offset is not None and not isinstance(offset, str):
            return offset
        table = table_of(data, [])
        name = self.offset_name if offset is None else offset
        shift = None if name is None else _column(table, name)
        if offset is not None or self.exposure_name is None:
            return shift
        amount = read_vector(_column(table, self.exposure_name), "exposure", len(table))
        return exposed(None if shift is None else read_vector(shift, "offset", len(table)), amount).values

    def changes(self, data: Any, discrete: bool) -> Iterator[Change]:
        """The columns as each variable changes: levels against the first, 1 against 0, numbers up and down a little."""
        used = variables(self.spec.formula)
        table, levels = table_of(data, used), self._levels()
        for name in used:
            if name in levels:
                first, *others = levels[name]
                low = self(with_column(table, name, first))
                for level in others:
                    yield Change(f"{name}: {level} - {first}", self(with_column(table, name, level)), low)
                continue
            values = numbers_of(table, name)
            if discrete and set(np.unique(values)) == {0.0, 1.0}:
                yield Change(name, self(with_column(table, name, 1.0)), self(with_column(table, name, 0.0)))
                continue
            step = _STEP * np.maximum(np.abs(values), _LEAST_SIZE * float(np.std(values)) or 1.0)
            above, below = values + step, values - step
            high, low = self(with_column(table, name, above)), self(with_column(table, name, below))
            yield Change(name, high, low, above - below, values)

    def _levels(self) -> dict[str, list[Any]]:
        """The levels of each variable that is a category."""
        found = {}
        for term in self.spec.formula:
            for factor in term.factors:
                _, state = self.spec.encoder_state.get(factor.expr, (None, {}))
                if "categories" in state:
                    found.update({name: list(state["categories"]) for name in columns_read(factor)})
        return found

    def groups(self, data: Any, groups: Any) -> Any:
        """Labels for the rows of a table: what the user gives, or the columns of these names."""
        return None if groups is None else _named_columns(table_of(data, []), groups)

    def terms(self) -> dict[str, tuple[str, ...]]:
        """The terms of the formula but the intercept, and the names of their columns."""
        return {str(entry.term): tuple(entry.columns) for entry in self.spec.structure if entry.term.degree}


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
    left, right = sides(formula)
    return list(dict.fromkeys([*variables(left), *variables(right)]))


def sides(formula: str) -> tuple[Any, Any]:
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
    if not variables(left):
        raise FormulaError(f"the left side of the formula {formula!r} names no column. Put the response there.")
    return left, right


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"\x1b\[[0-9;]*m", "", lines[0]) if lines else type(error).__name__
    return text.rstrip(".") + "."


def variables(terms: Any) -> list[str]:
    """Names of the columns that the terms of one side read, sorted."""
    return sorted({name for term in terms for factor in term.factors for name in columns_read(factor)})


def bare_columns(terms: Any) -> list[str]:
    """Names of the columns that stand in the terms as they are, so that text among them becomes a category unasked."""
    factors = [factor for term in terms for factor in term.factors]
    return sorted({str(factor.expr) for factor in factors if factor.eval_method.value == "lookup"})


def columns_read(factor: Any) -> set[str]:
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
            hint = f"Did you mean {', '.join(map(repr, close))}?" if close else "Compute the column before the fit."
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


def _column(table: nw.DataFrame[Any], value: Any) -> Any:
    """The column that a value names, or the value itself."""
    if not isinstance(value, str):
        return value
    require_columns([value], list(map(str, table.columns)), "the table")
    return table[value]


def _response(left: Any, table: nw.DataFrame[Any], rows: NDArray[np.intp]) -> Any:
    """The labels as they stand in the table if the left side is a column, otherwise what the formula makes of it."""
    name = str(left)
    if name in table.columns:
        return table[name] if rows.size == len(table) else table[name][rows]
    matrix = materialise(left, to_pandas(table, variables(left), rows), "ignore")
    if matrix.shape[1] != 1:
        raise FormulaError(f"the left side {name} makes {matrix.shape[1]} columns. Use a column or one condition.")
    return matrix.to_numpy(dtype=np.float64)[:, 0]


def read_response(formula: str, data: Any) -> Any:
    """The response of a formula in all rows of a table; where it is computed, NaN for rows that lack a value.

    Parameters
    ----------
    formula : str
        Such as "late ~ hour" or "np.log(cost) ~ age".
    data : frame of pandas, polars or Arrow, or dict of columns
        The table, a row per observation.

    Returns
    -------
    column of the table, or array of shape (n,), float64

    Raises
    ------
    FormulaError
        If the formula cannot be read or does not fit the table.

    Examples
    --------
    >>> from mlefast.formula import read_response
    >>> read_response("I(cost > 2) ~ age", {"cost": [1.0, 3.0, 5.0], "age": [20, 30, 40]}).tolist()
    [0.0, 1.0, 1.0]
    """
    left, _ = sides(formula)
    used = variables(left)
    table = table_of(data, used)
    values = _response(left, table, np.arange(len(table)))
    if str(left) in table.columns:
        return values
    return np.where(missing_in(table, used), np.nan, values)  # a condition takes NaN for False


def fit_formula(
    formula: str,
    data: Any,
    *,
    likelihood: str | Likelihood = "bernoulli",
    weights: Any = None,
    weight_kind: str = "frequency",
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    solver: str = "auto",
    start: ArrayLike | None = None,
    multistart: int = 1,
    tol: float = 1e-6,
    max_iter: int = 100,
    covariance: str | None = None,
    scale: str | None = None,
    on_separation: str = "warn",
    on_rank: str = "warn",
    penalty: Penalty | None = None,
    groups: Any = None,
    threads: int | None = None,
    memory: int | str = "1GB",
    progress: Progress | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Result:
    """Maximum-likelihood fit of a formula to a table, or to a stream that need not fit in memory.

    Parameters
    ----------
    formula : str
        `response ~ terms` in formulaic's grammar: `C(x)` for categories, `a:b` for products, `0 +` for no intercept.
    data : frame of pandas, polars, Arrow or Dask, or dict of columns; or a stream
        The table, a row per observation. A stream is the path of a file (Parquet, Feather, Arrow, CSV), a folder or a
        pattern such as ``"flights/*.parquet"``, a list of paths, a `pyarrow.dataset.Dataset`, a function that returns
        an iterator of record batches, or such an iterator. It is read in each pass, and gives the bits of the table
        that it holds.
    weights, offset, exposure : str or array-like of shape (n,), optional
        As in `fit`, or the name of a column; for a stream and for Dask the name.
    groups : str, list of two str, or as in `fit`, optional
        Which rows belong together: labels, or the name of the column that has them; two for two-way clusters.
    missing : {"raise", "drop"}, default "raise"
        What to do with rows in which a column of the formula, the weights, the offset or the exposure is missing.
    likelihood, weight_kind, solver, start, multistart, tol, max_iter, covariance, scale, on_separation, on_rank
        As in `fit`.
    penalty, threads, progress, checkpoint
        As in `fit`.
    memory : int or str, default "1GB"
        What a stream may take of it, in bytes or such as "500MB".

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
    require_choice("missing", missing, MISSING)
    left, right = sides(formula)
    options: dict[str, Any] = {
        "likelihood": likelihood,
        "weight_kind": weight_kind,
        "missing": missing,
        "solver": solver,
        "start": start,
        "multistart": multistart,
        "tol": tol,
        "max_iter": max_iter,
        "covariance": covariance,
        "scale": scale,
        "on_separation": on_separation,
        "on_rank": on_rank,
        "penalty": penalty,
        "threads": threads,
        "progress": progress,
        "checkpoint": checkpoint,
    }
    given = {"weights": weights, "offset": offset, "exposure": exposure}
    if is_dask(data):
        result, spec, dropped = _fit_frame(left, right, data, given, groups, options)
    elif is_source(data):
        result, spec, dropped = _fit_stream(left, right, data, given, groups, read_memory(memory), options)
    else:
        result, spec, dropped = _fit_table(left, right, data, given, groups, options)
    return dataclasses.replace(
        result,
        response=str(left),
        formula=formula,
        dropped=dropped + result.dropped,
        encoder=FormulaEncoder(
            spec,
            offset if isinstance(offset, str) else None,
            exposure if isinstance(exposure, str) else None,
        ),
    )


def _fit_table(
    left: Any, right: Any, data: Any, given: dict[str, Any], groups: Any, options: dict[str, Any]
) -> tuple[Result, Any, int]:
    """The fit of a table in memory, formulaic's specification, and how many rows were dropped before."""
    missing = options["missing"]
    used = list(dict.fromkeys([*variables(left), *variables(right)]))
    table = table_of(data, used)
    require_no_stray_words(table, bare_columns(right))
    given_vectors = counts, *_ = _vectors(table, given)
    unweighted = np.zeros(len(table), dtype=np.bool_) if counts is None else counts.values == 0
    lost = missing_in(table, used)
    vectors = [vector for vector in given_vectors if vector is not None]
    for vector in vectors:
        lost |= missing_values(vector.values)
    lost &= ~unweighted
    if missing == "raise" and lost.any():
        raise _missing_error(table, used, vectors, lost)
    matrix, rows = encode_table(right, table, used, unweighted | lost)
    dropped = len(table) - rows.size - int(unweighted.sum())
    if missing == "raise" and dropped:
        raise undefined_error(right, table, used, unweighted, rows)
    if not rows.size:
        raise DataError(
            "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
        )
    columns = without_intercept(matrix)
    result = _fit_rows(columns, matrix.model_spec, left, table, rows, given_vectors, groups, options)
    return result, matrix.model_spec, dropped


def _vectors(table: nw.DataFrame[Any], given: dict[str, Any]) -> tuple[Column | None, Column | None, Column | None]:
    """Weights, offset and exposure, where they are given."""
    weights, offset, exposure = (None if value is None else _column(table, value) for value in given.values())
    rows = len(table)
    return (
        None if weights is None else read_weights(weights, rows),
        None if offset is None else read_vector(offset, "offset", rows),
        None if exposure is None else read_vector(exposure, "exposure", rows),
    )


def _fit_frame(
    left: Any, right: Any, data: Any, given: dict[str, Any], groups: Any, options: dict[str, Any]
) -> tuple[Result, Any, int]:
    """The same of a Dask data frame, whose columns of X stay in their partitions."""
    from .formula_distributed import read_frame

    began = time.perf_counter()
    read = read_frame(left, right, data, given, groups, options["missing"])
    vectors = _vectors(read.table, given)
    result = _fit_rows(read.design, read.spec, left, read.table, read.rows, vectors, groups, options)
    return dataclasses.replace(result, seconds=time.perf_counter() - began), read.spec, read.dropped


def _fit_rows(
    columns: Any,
    spec: Any,
    left: Any,
    table: nw.DataFrame[Any],
    rows: NDArray[np.intp],
    vectors: tuple[Column | None, Column | None, Column | None],
    groups: Any,
    options: dict[str, Any],
) -> Result:
    """The fit of the columns of these rows of a table; `vectors` are the weights, offset and exposure of all rows."""
    weights, offset, exposure = (
        vector if vector is None or rows.size == len(table) else vector._replace(values=vector.values[rows])
        for vector in vectors
    )
    with _rows_counted_without(len(table) - rows.size):
        return fit(
            columns,
            _response(left, table, rows),
            intercept=has_intercept(spec),
            weights=weights,
            offset=offset,
            exposure=exposure,
            groups=_groups(table, groups, rows),
            **options,
        )


def _fit_stream(
    left: Any, right: Any, data: Any, given: dict[str, Any], groups: Any, memory: int, options: dict[str, Any]
) -> tuple[Result, Any, int]:
    """The same of a stream, whose readings before the fit are passes, too."""
    from .formula_stream import read_source

    began = time.perf_counter()
    read = read_source(left, right, data, given, groups, options["missing"], memory)
    try:
        with _rows_counted_without(read.left_out):
            result = fit(
                read.design,
                read.response,
                intercept=read.intercept,
                groups=read.groups,
                **read.vectors,
                **options,
            )
    finally:
        read.source.close()
    result = dataclasses.replace(
        result, passes=result.passes.plus(0, read.readings), seconds=time.perf_counter() - began
    )
    return result, read.spec, read.dropped


@contextmanager
def _rows_counted_without(left_out: int) -> Iterator[None]:
    """Messages that name rows say if some were left out before."""
    try:
        yield
    except DataError as error:
        if not left_out:
            raise
        raise type(error)(f"{error} Rows are counted without the {left_out} that were dropped.") from None


def _groups(table: nw.DataFrame[Any], groups: Any, rows: NDArray[np.intp]) -> Any:
    """The labels of the rows that are fitted, where those of all rows of the table are given."""
    if groups is None:
        return None
    return tuple(labels[rows] for labels in group_columns(_named_columns(table, groups), len(table)))


def _named_columns(table: nw.DataFrame[Any], groups: Any) -> Any:
    """One or two columns in the place of their names; anything else as it is."""
    names = [groups] if isinstance(groups, str) else groups
    if isinstance(names, tuple | list) and len(names) <= 2 and all(isinstance(name, str) for name in names):
        return tuple(_column(table, name) for name in names)
    return groups


def _missing_error(
    table: nw.DataFrame[Any], columns: list[str], vectors: list[Column], lost: NDArray[np.bool_]
) -> DataError:
    """The first column, weights or offset that lacks a value in the rows that are lost for it."""
    gaps = [(f"column {name!r}", missing_in(table, [name]) & lost) for name in columns]
    gaps += [(vector.label, missing_values(vector.values) & lost) for vector in vectors]
    label, rows = next((label, np.flatnonzero(missing)) for label, missing in gaps if missing.any())
    return DataError(
        f"{label} has {counted(rows.size, 'missing value')} ({first_rows(rows)}); "
        f'{counted(int(lost.sum()), "row")} in all lack some value. Use missing="drop" or fill them in.'
    )


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
