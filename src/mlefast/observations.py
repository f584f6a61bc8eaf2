# SPDX-License-Identifier: BSD-3-Clause
"""The data of one call, checked: columns, labels, weights and offset, ready for the pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import (
    Column,
    Design,
    exposed,
    missing_rows,
    read_design,
    read_response,
    read_vector,
    read_weights,
    require_finite_vector,
)
from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Categorical, Likelihood, Totals, UserLikelihood, tally
from mlefast.objective import BlockRows

from .options import MISSING, require_choice


@dataclass(frozen=True, eq=False, repr=False)
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

    @cached_property
    def nobs(self) -> float:
        """The sum of the frequency weights, or the number of rows."""
        return float(self.design.rows) if self.weights is None else float(np.sum(self.weights, dtype=np.float64))

    @cached_property
    def reach(self) -> float:
        """The size of the largest offset."""
        return 0.0 if self.offset is None else float(max(self.offset.max(), -self.offset.min()))

    @cached_property
    def mean(self) -> float:
        """The weighted mean of y."""
        if self.weights is None:
            return float(_core.describe(self.y)[2]) / self.design.rows
        return float(np.average(self.y, weights=self.weights))

    @cached_property
    def _tally(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        return tally(self.y, self.weights)

    @cached_property
    def _known_totals(self) -> dict[Likelihood, Totals]:
        return {}

    def totals(self, likelihood: Likelihood) -> Totals:
        """What of y and the weights the likelihood needs, summed once; counts are looked at once each."""
        if likelihood not in self._known_totals:
            y, weights = self._tally if likelihood.whole else (self.y, self.weights)
            self._known_totals[likelihood] = likelihood.totals(y, weights, self.nobs)
        return self._known_totals[likelihood]

    @property
    def present(self) -> int:
        """How many rows count."""
        return self.design.rows - (0 if self.absent is None else int(np.count_nonzero(self.absent)))

    def without(self, rows: NDArray[np.bool_]) -> Observations:
        """The same with these rows absent."""
        weights = np.ones(self.design.rows) if self.weights is None else self.weights
        absent = rows if self.absent is None else rows | self.absent
        return replace(self, weights=np.where(absent, 0.0, weights), absent=absent)

    def rows(
        self, likelihood: Likelihood, intercept: bool, *, columns: bool = True, offset: bool = True
    ) -> _core.Rows | BlockRows:
        """The rows as the pass reads them, if asked for without the columns of X or without the offset."""
        groups = self.design.groups if columns else ()
        kind = BlockRows if isinstance(likelihood, UserLikelihood) and likelihood.in_python else _core.Rows
        return kind(groups, self.y, self.weights, self.offset if offset else None, intercept)


def observe(
    x: Any,
    y: Any,
    likelihood: Likelihood,
    *,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    names: Sequence[str] | None = None,
    fractions: bool = False,
) -> Observations:
    """Read and check everything but the numbers in X, which the first pass checks.

    With `fractions` y may be anything that the likelihood is defined for; otherwise it must be labels.
    """
    require_choice("missing", missing, MISSING)
    if offset is not None and isinstance(likelihood, Categorical):
        raise OptionError(
            "offset: the categorical likelihood has a linear predictor per class, so one number per row is no offset. "
            "Leave it out."
        )
    design = read_design(x, names)
    response = read_response(y, design.rows)
    counts = None if weights is None else read_weights(weights, design.rows)
    shift = None if offset is None else read_vector(offset, "offset", design.rows)
    amount = None if exposure is None else _read_exposure(exposure, design.rows, likelihood)
    absent = None if counts is None else counts.values == 0
    dropped = 0
    if missing == "drop":
        lost = missing_rows(
            design, *(column.values for column in (response, counts, shift, amount) if column is not None)
        )
        dropped = int(np.count_nonzero(lost if absent is None else lost & ~absent))
        absent = lost if absent is None else absent | lost
        if absent.all():
            raise DataError(
                "every row has a missing value, so no row is left. Fill in the columns that are mostly missing."
            )
    if absent is not None and absent.any():
        response, counts, shift, amount = _blank(absent, response, counts, shift, amount)
    else:
        absent = None
    for column in (response, counts, shift, amount):
        if column is not None:
            require_finite_vector(column.values, column.label)
    shift = shift if amount is None else exposed(shift, amount)
    if fractions:
        codes, classes = likelihood.check(response.values, response.label), None
    elif isinstance(likelihood, Categorical):
        codes, classes = likelihood.encode(response.values, response.label, response.levels)
    else:
        codes, classes = likelihood.encode(response.values, response.label)
    return Observations(
        design,
        codes,
        response.name or response.role,
        classes,
        None if counts is None else counts.values,
        None if shift is None else shift.values,
        absent,
        dropped,
    )


def _read_exposure(exposure: Any, rows: int, likelihood: Likelihood) -> Column:
    if likelihood.link != "log":
        raise OptionError(
            f"exposure needs the log link, and {likelihood.name} has the {likelihood.link} link. Leave it out, or give "
            "an offset."
        )
    return read_vector(exposure, "exposure", rows)


def _blank(
    absent: NDArray[np.bool_], response: Column, weights: Column | None, offset: Column | None, exposure: Column | None
) -> tuple[Column, Column, Column | None, Column | None]:
    """Absent rows get weight zero, and values that disturb nobody; X is not touched."""
    if weights is None:
        weights = Column(np.ones(len(absent)), "", "weights")
    labels = np.where(absent, response.values[np.argmin(absent)], response.values)
    return (
        response._replace(values=labels.astype(response.values.dtype, copy=False)),
        weights._replace(values=np.where(absent, 0.0, weights.values)),
        None if offset is None else offset._replace(values=np.where(absent, 0.0, offset.values)),
        None if exposure is None else exposure._replace(values=np.where(absent, 1.0, exposure.values)),
    )
