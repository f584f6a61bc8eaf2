# SPDX-License-Identifier: BSD-3-Clause
"""Labels that say which rows belong together, as codes 0, 1, ..."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import DataError

from .design import is_frame
from .missing import first_rows
from .vectors import read_labels

_MOST_WAYS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """One way of grouping rows: the code of each row, and how many codes there are; absent rows have the code 0."""

    codes: NDArray[np.intp]
    count: int


def read_groups(groups: Any, rows: int, absent: NDArray[np.bool_] | None = None) -> tuple[Groups, ...]:
    """The ways in which rows are grouped: one, or two and the pairs of both. DataError if they are no labels."""
    ways = [_coded(labels, absent) for labels in group_columns(groups, rows)]
    if len(ways) == _MOST_WAYS:
        pairs = ways[0].codes * ways[1].count + ways[1].codes
        ways.append(_coded(pairs, absent))
    return tuple(ways)


def group_columns(groups: Any, rows: int) -> list[NDArray[Any]]:
    """One or two arrays of labels; DataError if they are not one label per row."""
    columns = _columns(groups)
    if not 1 <= len(columns) <= _MOST_WAYS:
        raise DataError(f"groups has {len(columns)} columns; it must have one or two. Select them.")
    return [read_labels(column, rows) for column in columns]


def _columns(groups: Any) -> list[Any]:
    """What holds one label per row."""
    if is_frame(groups):
        from .frame import as_narwhals, as_series

        return [groups] if as_series(groups) is not None else list(as_narwhals(groups, "groups").iter_columns())
    if isinstance(groups, dict):
        return list(groups.values())
    if (
        isinstance(groups, tuple | list)
        and groups
        and all(is_frame(column) or np.ndim(column) == 1 for column in groups)
    ):
        return list(groups)
    array = groups if isinstance(groups, np.ndarray) else None
    return list(array.T) if array is not None and array.ndim == 2 else [groups]


def _coded(labels: NDArray[Any], absent: NDArray[np.bool_] | None) -> Groups:
    labels = labels if absent is None else labels[~absent]
    if labels.dtype.kind in "OUST":
        missing = np.flatnonzero([label is None or label != label for label in labels])
        places: dict[Any, int] = {}
        codes = np.fromiter((places.setdefault(label, len(places)) for label in labels), np.intp, len(labels))
        count = len(places)
    else:
        missing = np.flatnonzero(labels != labels)
        found, codes = np.unique(labels, return_inverse=True)
        count = len(found)
    if missing.size:
        raise DataError(
            f"groups has {missing.size} missing labels ({first_rows(missing)}). Give each row a group of its own, or "
            "leave these rows out."
        )
    if count < 2:
        raise DataError("groups puts all rows into one group; errors of clusters need several. Use another column.")
    if absent is None:
        return Groups(codes, count)
    everywhere = np.zeros(len(absent), dtype=np.intp)
    everywhere[~absent] = codes
    return Groups(everywhere, count)
