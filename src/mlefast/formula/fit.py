# SPDX-License-Identifier: BSD-3-Clause
"""Formulas such as "late ~ hour + C(carrier)", by formulaic."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast.data import Column, counted, group_columns, is_dask, read_vector, read_weights
from mlefast.data.missing import first_rows, missing_values
from mlefast.data.source import is_source
from mlefast.data.table import missing_in, require_no_stray_words, table_of, to_pandas
from mlefast.errors import DataError
from mlefast.fit import fit
from mlefast.likelihoods import Likelihood
from mlefast.options import MISSING, read_memory, require_choice
from mlefast.penalties import Penalty
from mlefast.result import Result
from mlefast.solvers import Progress

from .encoder import FormulaEncoder, column_of, named_columns
from .matrix import computed_response, encode_table, has_intercept, undefined_error, without_intercept
from .terms import bare_columns, sides, variables

if TYPE_CHECKING:
    import narwhals as nw


def _response(left: Any, table: nw.DataFrame[Any], rows: NDArray[np.intp]) -> Any:
    """The labels as they stand in the table if the left side is a column, otherwise what the formula makes of it."""
    name = str(left)
    if name in table.columns:
        return table[name] if rows.size == len(table) else table[name][rows]
    return computed_response(left, to_pandas(table, variables(left), rows))[0]


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
    weights, offset, exposure = (None if value is None else column_of(table, value) for value in given.values())
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
    from .distributed import read_frame

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
    from .stream import read_source

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
    return tuple(labels[rows] for labels in group_columns(named_columns(table, groups), len(table)))


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
