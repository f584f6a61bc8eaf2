# SPDX-License-Identifier: BSD-3-Clause
"""The data of one call, checked: columns, labels, weights and offset, ready for the pass."""

from __future__ import annotations

import zlib
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
    Groups,
    MemoryDesign,
    exposed,
    is_dask,
    missing_rows,
    read_design,
    read_groups,
    read_response,
    read_vector,
    read_weights,
    require_finite_vector,
)
from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Categorical, Likelihood, Totals, UserLikelihood, tally
from mlefast.objective import Rows, rows_of

from .options import MISSING, WEIGHT_KINDS, require_choice

_FINGERPRINT_ROWS = 1 << 14


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
    weight_kind: str = "frequency"
    groups: tuple[Groups, ...] = ()  # ways in which rows belong together; of two, also the pairs

    @cached_property
    def nobs(self) -> float:
        """The number of rows that count, or the sum of the frequency weights."""
        if self.weights is None or self.weight_kind != "frequency":
            return float(self.present)
        return float(np.sum(self.weights, dtype=np.float64))

    @cached_property
    def fingerprint(self) -> int:
        """A number that other rows, or the same in another order, hardly share; from y and the weights of some rows."""
        step = max(1, self.design.rows // _FINGERPRINT_ROWS)
        mark = zlib.crc32(str((self.design.rows, self.nobs, self.weight_kind)).encode())
        for values in (self.y, self.weights, self.absent):
            if values is not None:
                mark = zlib.crc32(np.ascontiguousarray(values[::step], dtype=np.float64).tobytes(), mark)
        return mark

    @cached_property
    def largest_offset(self) -> float:
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
        totals = self._known_totals.get(likelihood)
        if totals is None:
            y, weights = self._tally if likelihood.whole else (self.y, self.weights)
            totals = likelihood.totals(y, weights, self.nobs)
            if self.weight_kind == "precision" and self.weights is not None:  # each row's log(sigma^2 / w) / 2
                logs = np.log(self.weights[self.weights > 0], dtype=np.float64)
                totals = totals._replace(constant=totals.constant - 0.5 * float(logs.sum()))
            self._known_totals[likelihood] = totals
        return totals

    @property
    def present(self) -> int:
        """How many rows count."""
        return self.design.rows - (0 if self.absent is None else int(np.count_nonzero(self.absent)))

    def without(self, rows: NDArray[np.bool_]) -> Observations:
        """The same with these rows absent."""
        weights = np.ones(self.design.rows) if self.weights is None else self.weights
        absent = rows if self.absent is None else rows | self.absent
        return replace(self, weights=np.where(absent, 0.0, weights), absent=absent)

    def rows(self, likelihood: Likelihood, intercept: bool, *, columns: bool = True, offset: bool = True) -> Rows:
        """The rows as the pass reads them, if asked for without the columns of X or without the offset."""
        return rows_of(
            self.design if columns else MemoryDesign((), self.design.rows, 0),
            self.y,
            self.weights,
            self.offset if offset else None,
            intercept,
            in_python=isinstance(likelihood, UserLikelihood) and likelihood.in_python,
        )


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
    weight_kind: str = "frequency",
    groups: Any = None,
) -> Observations:
    """Read and check everything but the numbers in X, which the first pass checks.

    Sampling weights are divided by their mean, so that they sum to the number of rows. With `fractions` y may be
    anything that the likelihood is defined for; otherwise it must be labels.
    """
    require_choice("missing", missing, MISSING)
    if offset is not None and isinstance(likelihood, Categorical):
        raise OptionError(
            "offset: the categorical likelihood has a linear predictor per class, so one number per row is no offset. "
            "Leave it out."
        )
    require_choice("weight_kind", weight_kind, WEIGHT_KINDS)
    vectors = _begun(y, weights, offset, exposure, groups)
    design = _read_design(x, names, likelihood)
    y, weights, offset, exposure, groups = _in_memory(*vectors)
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
    if counts is not None and weight_kind == "sampling":
        counts = counts._replace(values=_of_mean_one(counts.values))
    if response.labels is not None:
        known, classes = likelihood.encode(response.labels, response.label)
        codes = known[response.values]
    elif fractions:
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
        weight_kind,
        () if groups is None else read_groups(groups, design.rows, absent),
    )


def _read_design(x: Any, names: Sequence[str] | None, likelihood: Likelihood) -> Design:
    """A design that is not in memory as it is, everything else as columns, of Dask on the workers."""
    if isinstance(x, np.ndarray | MemoryDesign):
        return read_design(x, names)
    if not is_dask(x):
        return x if isinstance(x, Design) else read_design(x, names)
    from mlefast.data.distributed import read_partitions

    if isinstance(likelihood, UserLikelihood) and not likelihood.in_python:
        raise OptionError(
            "a compiled function has its address in one process, and partitions of Dask are in others. Give "
            "UserLikelihood a function of Python, or X in memory."
        )
    return read_partitions(x, names)


def _begun(*values: Any) -> tuple[Any, ...]:
    """The values, those of Dask under way while the design is read."""
    if not any(map(is_dask, values)):
        return values
    from mlefast.data.tasks import begun

    return begun(*values)


def _in_memory(*values: Any) -> tuple[Any, ...]:
    """The values, those of Dask as they are when computed."""
    if not any(map(is_dask, values)):
        return values
    from mlefast.data.tasks import gathered

    return gathered(*values)


def _of_mean_one(weights: NDArray[Any]) -> NDArray[np.float64]:
    """The weights, those that are not zero with the mean 1."""
    return weights * (np.count_nonzero(weights) / np.sum(weights, dtype=np.float64))


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
