# SPDX-License-Identifier: BSD-3-Clause
"""What formulas may ask of rows that come in parts, as streams and the partitions of Dask have them.

Levels of categories are collected before; everything else in a row must follow from the row alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.data.table import stray_words
from mlefast.errors import DataError, FormulaError, OptionError

from .terms import columns_read

Compute = Callable[[NDArray[np.intp]], dict[str, NDArray[Any]]]  # the columns of terms in some rows, by name


def read_names(given: dict[str, Any], groups: Any, of: str, place: str) -> tuple[dict[str, str], list[str]]:
    """The columns of weights, offset and exposure, those that are given, and of groups; OptionError if one is no name.

    Messages call the data `of`, and say that a column belongs in the `place`.
    """
    for role, name in given.items():
        if not isinstance(name, str | None):
            raise OptionError(f"{role}: for {of} it must be the name of a column. Add it to {place}.")
    ways = [] if groups is None else [groups] if isinstance(groups, str) else groups
    if not (isinstance(ways, list | tuple) and all(isinstance(name, str) for name in ways)):
        raise OptionError(f"groups: for {of} they must be names of columns. Add them to {place}.")
    return {role: name for role, name in given.items() if name is not None}, list(ways)


def category_columns(right: Any, is_category: Callable[[str], bool]) -> dict[str, str]:
    """The factors that are a column of categories, because of what it holds or by C(), and that column."""
    found = {}
    for factor in {factor for term in right for factor in term.factors}:
        text, names = str(factor.expr), sorted(columns_read(factor))
        bare = factor.eval_method.value == "lookup" and is_category(text)
        if bare or (len(names) == 1 and re.match(rf"C\(\s*`?{re.escape(names[0])}`?\s*[,)]", text)):
            found[text] = names[0]
    return found


def require_no_stray_levels(levels: dict[str, list[Any]], bare: Sequence[str]) -> None:
    """DataError for a column, not by C(), whose levels are numbers but for a few words."""
    for name in bare:
        words = stray_words(levels.get(name, []))
        if words:
            raise DataError(
                f"column {name!r} is text, not numbers, because of {', '.join(map(repr, words[:3]))}. Correct them, or "
                f"write C({name}) if each value is a category."
            )


def require_known(spec: Any, categories: dict[str, str]) -> None:
    """FormulaError for terms that learn something of all rows but the levels of a column of categories."""
    for term in spec.transform_state:
        raise needs_all_rows(term)
    for expression, (kind, _) in spec.encoder_state.items():
        if kind.value == "categorical" and str(expression) not in categories:
            raise FormulaError(
                f"the term {expression} makes categories of something that is computed, whose levels are not known "
                "before. Compute the column before the fit."
            )


def require_rows_alone(compute: Compute, rows: int) -> None:
    """FormulaError for a term that comes out otherwise where every second row is not there."""
    whole, half = compute(np.arange(rows)), compute(np.arange(0, rows, 2))
    for name, values in whole.items():
        if not np.array_equal(values[::2], half[name], equal_nan=True):
            raise needs_all_rows(name)


def needs_all_rows(term: str) -> FormulaError:
    """What to raise for a term that does not follow from its row alone."""
    return FormulaError(
        f"the term {term} depends on all rows at once, and these are never together. Compute the column before the fit."
    )
