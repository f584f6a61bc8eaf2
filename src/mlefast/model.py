# SPDX-License-Identifier: BSD-3-Clause
"""The model of one fit: observations, likelihood and coordinates, and the objectives that are asked about it."""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError
from mlefast.likelihoods import Categorical, Likelihood, Totals, UserLikelihood
from mlefast.objective import (
    DifferencesObjective,
    JeffreysObjective,
    Journal,
    JournalRows,
    Matrix,
    MemoryObjective,
    Moments,
    RestrictedSoftmax,
    Rows,
    RowsObjective,
    ShapeObjective,
    SoftmaxObjective,
    Standardisation,
    Vector,
    standardise,
)

from .observations import Observations

_CHECKED_ROWS = 64
_ASIDE = (0.03, -0.07, 0.11)  # of zero, where functions have kinks
_MOST_PARAMETERS = 20_000  # of which the Hessian has 3.2 gigabytes
_SAMPLE_ROWS = 2048  # of y, from which shape parameters get their start


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """What is fitted to what; fits happen in the coordinates of `space`."""

    data: Observations
    likelihood: Likelihood
    columns: tuple[str, ...]  # names of the parameters, for a categorical likelihood those of one class
    intercept: bool
    threads: int
    equations: int = 1  # linear predictors of a row: classes but one
    barred: Matrix | None = None  # directions along which classes are left behind for good
    journal: Journal | None = None  # of the answers of passes

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A name for each parameter: for classes such as "b: x1", in the order of the classes."""
        if not isinstance(self.likelihood, Categorical):
            return self.columns
        classes = range(self.equations + 1) if self.data.classes is None else self.data.classes
        return tuple(f"{label}: {name}" for label in classes[1:] for name in self.columns)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameters as the user sees them."""
        columns = len(self.columns)
        return (self.equations, columns) if isinstance(self.likelihood, Categorical) else (columns,)

    @cached_property
    def space(self) -> Standardisation:
        """The coordinates of the coefficients."""
        return standardise(self.data.design, self.intercept)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.equations * len(self.columns)

    @property
    def estimated(self) -> int:
        """Number of shape parameters, the last ones."""
        return len(self.likelihood.estimated)

    @cached_property
    def coordinates(self) -> Standardisation:
        """Of all parameters: shape parameters are as they are."""
        return self.space.extended(self.estimated).repeated(self.equations)

    def to_user(self, params: Vector) -> Vector:
        """Parameters as the user sees them."""
        return self.coordinates.to_user(params).reshape(self.shape)

    def objective(self) -> RowsObjective | ShapeObjective:
        """The negative log-likelihood that the fit minimises."""
        if isinstance(self.likelihood, Categorical):
            return self._softmax(self.space)
        return self._objective(self._rows(), self.size - self.estimated, self.space)

    def _rows(self) -> Rows:
        """The rows with their own likelihood, all columns and the offset."""
        rows = self.data.rows(self.likelihood, self.intercept)
        return rows if self.journal is None else JournalRows(rows, self.journal)

    def _softmax(self, space: Standardisation | None) -> SoftmaxObjective:
        data = self.data
        kind = SoftmaxObjective if self.barred is None else partial(RestrictedSoftmax, barred=self.barred)
        return kind(
            self._rows(),
            data.design,
            data.y,
            self.equations + 1,
            columns=len(self.columns),
            nobs=data.nobs,
            threads=self.threads,
            absent=data.absent,
            space=space,
            weights=data.weights,
        )

    def with_journal(self, path: str | os.PathLike[str]) -> Model:
        """The model with a journal in a file, which must be of the same fit if it is there."""
        data, likelihood, space = self.data, self.likelihood, np.hstack([self.space.centre, self.space.scale])
        about = {
            "instruction set": _core.ISA,
            "likelihood": likelihood.name if isinstance(likelihood, UserLikelihood) else repr(likelihood),
            "parameters": list(self.names),
            "rows": data.design.rows,
            "observations": data.nobs,
            "y": data.fingerprint,
            "X": zlib.crc32(space.tobytes()),
        }
        return replace(self, journal=Journal(path, about))

    def beyond(self, directions: Matrix, rows: NDArray[np.bool_]) -> Model:
        """The model in the limit along some directions, (size, directions), which leave nothing open in these rows."""
        barred = directions if isinstance(self.likelihood, Categorical) else None
        return replace(self, data=self.data.without(rows), barred=barred)

    def with_jeffreys(self, objective: RowsObjective) -> JeffreysObjective:
        """The negative log-likelihood with Jeffreys' prior."""
        scale = np.hstack([np.zeros(int(self.intercept)), np.log(self.space.scale)])
        return JeffreysObjective(objective, np.tile(scale, self.equations))

    def null(self) -> MemoryObjective | ShapeObjective:
        """The model that has an intercept (and the offset) only."""
        return self._objective(self.data.rows(self.likelihood, True, columns=False), 1, space=None)

    def equally_informed(self, intercept: bool) -> MemoryObjective:
        """The same columns where all rows have the same information, so that its rank is the columns'."""
        rows = self.data.rows(_EQUAL, intercept, offset=False)
        return self._memory(rows, self.data.design.columns + intercept, self.space, _EQUAL, Totals(self.data.nobs))

    def _objective(self, rows: Rows, size: int, space: Standardisation | None) -> MemoryObjective | ShapeObjective:
        likelihood, totals = self.likelihood, self.data.totals
        if not likelihood.estimated:
            return self._memory(rows, size, space, likelihood, totals(likelihood))
        memory = self._memory(rows, size, space, likelihood, Totals(self.data.nobs))
        kind = DifferencesObjective if isinstance(likelihood, UserLikelihood) else ShapeObjective
        return kind(memory, likelihood, totals)

    def _memory(
        self,
        rows: Rows,
        size: int,
        space: Standardisation | None,
        likelihood: Likelihood,
        totals: Totals,
    ) -> MemoryObjective:
        data = self.data
        return MemoryObjective(
            rows,
            data.design,
            data.y,
            likelihood,
            totals,
            size=size,
            threads=self.threads,
            absent=data.absent,
            space=space,
            largest_offset=data.largest_offset,
            weights=data.weights,
            offset=data.offset,
        )

    def evaluate(self, params: Vector, order: int, scale: float) -> Moments:
        """The moments at parameters of the user's columns and, if the likelihood has one, at a scale of his choice."""
        if isinstance(self.likelihood, Categorical):
            softmax = self._softmax(space=None)
            return softmax.moments(params, order, softmax.precision)
        objective = self._objective(self._rows(), self.size - self.estimated, space=None)
        moments = objective.moments(params, order, objective.precision)
        if self.likelihood.scale_name is None or not math.isfinite(moments.loss):
            return moments
        assert isinstance(objective, MemoryObjective)
        return objective.rescaled(moments, scale)

    def check(self, params: Vector) -> None:
        """DataError if the user's own likelihood is wrong on some rows about `params`, which are of his columns."""
        if not isinstance(self.likelihood, UserLikelihood):
            return
        data, size = self.data, self.size - self.estimated
        present = np.arange(data.design.rows) if data.absent is None else np.flatnonzero(~data.absent)
        index = present[:: max(1, len(present) // _CHECKED_ROWS)]
        x = np.column_stack([np.ones((len(index), int(self.intercept))), data.design.take(index)])
        eta = x @ params[:size] + (0.0 if data.offset is None else data.offset[index])
        eta += np.resize(_ASIDE, len(eta))
        likelihood = self.likelihood.at(params[size:].tolist())
        likelihood.require_derivatives(eta, data.y[index].astype(np.float64), index)

    def start(self) -> Vector:
        """No slopes, and the intercept of the null model: far from the maximum no row may have information."""
        if isinstance(self.likelihood, Categorical):
            return self._class_intercepts(self.likelihood)
        start = np.zeros(self.size - self.estimated)
        if self.intercept:
            start[0] = self._null_intercept()
        return np.hstack([start, self.shape_start()]) if self.estimated else start

    def _class_intercepts(self, likelihood: Categorical) -> Vector:
        start = np.zeros(self.shape)
        if self.intercept:
            counts = likelihood.counts(self.data.y, self.data.weights, self.equations + 1)
            start[:, 0] = np.log(counts[1:] / counts[0])
        return start.ravel()

    def null_start(self) -> Vector:
        """Where to look for the parameters of the null model."""
        return np.hstack([self._null_intercept(), self.shape_start()])

    def _null_intercept(self) -> float:
        """The linear predictor of the mean of y, less the mean of the offset."""
        eta, offset = self.likelihood.linear(self._middle()), self.data.offset
        return eta if offset is None else eta - float(np.average(offset, weights=self.data.weights))

    def _middle(self) -> float:
        """The mean of y; of some y if one step ends the fit; their median if one y could take the mean anywhere."""
        if self.likelihood.heavy_tails:
            return float(np.median(self.some_y))
        return float(self.some_y.mean()) if self.likelihood.quadratic else self.data.mean

    def spread(self) -> Vector:
        """How far apart several starts are: as far as y reaches, or a few units of a linear predictor with a link."""
        from mlefast.solvers.multistart import spread_of_starts

        scale = float(np.std(self.some_y)) if self.likelihood.link == "identity" else 1.0
        return spread_of_starts(self.size - self.estimated, self.estimated, scale or 1.0)

    def shape_start(self) -> tuple[float, ...]:
        """Where to look for the shape parameters."""
        return self.likelihood.start(self.some_y) if self.estimated else ()

    @cached_property
    def some_y(self) -> Vector:
        """Evenly spaced values of y."""
        y = self.data.y if self.data.absent is None else self.data.y[~self.data.absent]
        return y[:: max(1, len(y) // _SAMPLE_ROWS)].astype(np.float64)


class _Equal(Likelihood):
    """Every row has the information 1."""

    name = "equal"
    link = "identity"
    leaf = "gaussian"


_EQUAL = _Equal()


def specify(
    data: Observations, likelihood: Likelihood, intercept: bool, threads: int, equations: int | None = None
) -> Model:
    """The model of all columns; DataError if there is nothing to fit, or a name is taken by the intercept.

    A categorical likelihood has `equations` linear predictors, by default as many as y has classes but one.
    """
    columns = data.design.names
    if not intercept and not columns:
        raise DataError("X has no columns and there is no intercept, so there is nothing to fit. Add one of them.")
    if intercept and "Intercept" in columns:
        raise DataError(
            "X has a column 'Intercept', which is the name of the intercept that the fit adds. Rename the column, or "
            "use intercept=False if it is the column of ones."
        )
    taken = set(likelihood.estimated).intersection(columns)
    if taken:
        raise DataError(
            f"X has a column {min(taken)!r}, which is the name of a parameter of {likelihood.name}. Rename it."
        )
    names = (*(("Intercept",) if intercept else ()), *columns, *likelihood.estimated)
    if equations is None:
        equations = 1 if data.classes is None else len(data.classes) - 1
    if equations > 1 and equations * len(names) > _MOST_PARAMETERS:
        raise DataError(
            f"{equations + 1} classes with {len(names)} parameters each make {equations * len(names)}, and standard "
            f"errors need the square of that; {_MOST_PARAMETERS} are possible. Merge rare classes or leave out columns."
        )
    return Model(data, likelihood, names, intercept, threads, equations)
