# SPDX-License-Identifier: BSD-3-Clause
"""The data of one call, checked: columns, labels, weights and offset, ready for the pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import (
    Design,
    missing_rows,
    read_design,
    read_response,
    read_vector,
    read_weights,
    require_finite_vectors,
)
from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Likelihood

MISSING = ("raise", "drop")


@dataclass(frozen=True)
class Observations:
    """Columns of X and one value per row of the others; rows of weight zero are absent."""

    design: Design
    y: NDArray[Any]
    response: str
    classes: NDArray[Any] | None
    weights: NDArray[Any] | None
    offset: NDArray[Any] | None
    absent: NDArray[np.bool_] | None
    dropped: int

    @property
    def nobs(self) -> float:
        """The sum of the frequency weights, or the number of rows."""
        return float(self.design.rows) if self.weights is None else float(np.sum(self.weights, dtype=np.float64))

    def rows(self, intercept: bool) -> _core.Rows:
        """The rows as the pass reads them."""
        return _core.Rows(self.design.groups, self.y, self.weights, self.offset, intercept)

    def rows_without_columns(self) -> _core.Rows:
        """The same rows for the model that has an intercept only."""
        return _core.Rows((), self.y, self.weights, self.offset, True)


def observe(
    x: Any,
    y: Any,
    likelihood: Likelihood,
    *,
    weights: Any = None,
    offset: Any = None,
    missing: str = "raise",
    names: Sequence[str] | None = None,
    fractions: bool = False,
) -> Observations:
    """Read and check everything but the numbers in X, which the first pass checks.

    With `fractions` y may be anything that the likelihood is defined for; otherwise it must be labels.
    """
    if missing not in MISSING:
        raise OptionError(f"missing={missing!r} is unknown; possible: {', '.join(MISSING)}.")
    design = read_design(x, names)
    labels, response = read_response(y, design.rows)
    weights = None if weights is None else read_weights(weights, design.rows)
    offset = None if offset is None else read_vector(offset, "offset", design.rows)
    absent = None
    dropped = 0
    if missing == "drop":
        absent = missing_rows(design, labels, weights, offset)
        dropped = int(np.count_nonzero(absent))
        if dropped == design.rows:
            raise DataError(
                "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
            )
        if dropped:
            labels, weights, offset = _blank(absent, labels, weights, offset)
        else:
            absent = None
    require_finite_vectors(y=labels, weights=weights, offset=offset)
    if absent is None:
        codes, classes = (likelihood.check(labels, "y"), None) if fractions else likelihood.encode(labels, "y")
    else:
        present, classes = likelihood.encode(labels[~absent], "y")
        codes = np.zeros(design.rows, dtype=present.dtype)
        codes[~absent] = present
    return Observations(design, codes, response, classes, weights, offset, absent, dropped)


def _blank(
    absent: NDArray[np.bool_], labels: NDArray[Any], weights: NDArray[Any] | None, offset: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    """Absent rows get weight zero, and values that disturb nobody; X is not touched."""
    weights = (~absent).astype(np.float64) if weights is None else np.where(absent, 0.0, weights)
    if labels.dtype.kind == "f":
        labels = np.where(absent, 0.0, labels)
    return labels, weights, None if offset is None else np.where(absent, 0.0, offset)
