# SPDX-License-Identifier: BSD-3-Clause
"""The model of one fit: observations, likelihood and coordinates, and the objectives that are asked about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlefast import _core
from mlefast.errors import DataError
from mlefast.likelihoods import Likelihood, Totals, UserLikelihood
from mlefast.objective import BlockRows, MemoryObjective, Moments, ShapeObjective, Standardisation, Vector, standardise

from .observations import Observations

_CHECKED_ROWS = 64
_ASIDE = (0.03, -0.07, 0.11)  # of zero, where functions have kinks
_SAMPLE_ROWS = 2048  # of y, from which shape parameters get their start


@dataclass(frozen=True)
class Model:
    """What is fitted to what; fits happen in the coordinates of `space`."""

    data: Observations
    likelihood: Likelihood
    names: tuple[str, ...]
    intercept: bool
    threads: int

    @cached_property
    def space(self) -> Standardisation:
        """The coordinates of the coefficients."""
        return standardise(self.data.design.groups, self.data.design.rows, self.intercept)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def estimated(self) -> int:
        """Number of shape parameters, the last ones."""
        return len(self.likelihood.estimated)

    @cached_property
    def coordinates(self) -> Standardisation:
        """Of all parameters: shape parameters are as they are."""
        return self.space.extended(self.estimated)

    def objective(self) -> MemoryObjective | ShapeObjective:
        """The negative log-likelihood that the fit minimises."""
        return self._objective(self.data.rows(self.likelihood, self.intercept), self.size - self.estimated, self.space)

    def null(self) -> MemoryObjective | ShapeObjective:
        """The model that has an intercept (and the offset) only."""
        return self._objective(self.data.rows(self.likelihood, True, columns=False), 1, space=None)

    def equally_informed(self, intercept: bool) -> MemoryObjective:
        """The same columns where all rows have the same information, so that its rank is the columns'."""
        rows = self.data.rows(_EQUAL, intercept, offset=False)
        return self._memory(rows, self.data.design.columns + intercept, self.space, _EQUAL, Totals(self.data.nobs))

    def _objective(
        self, rows: _core.Rows | BlockRows, size: int, space: Standardisation | None
    ) -> MemoryObjective | ShapeObjective:
        likelihood, totals = self.likelihood, self.data.totals
        if not likelihood.estimated:
            return self._memory(rows, size, space, likelihood, totals(likelihood))
        memory = self._memory(rows, size, space, likelihood, Totals(self.data.nobs))
        return ShapeObjective(memory, likelihood, totals)

    def _memory(
        self,
        rows: _core.Rows | BlockRows,
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
        )

    def evaluate(self, params: Vector, order: int, scale: float) -> Moments:
        """The moments at parameters of the user's columns and, if the likelihood has one, at a scale of his choice."""
        objective = self._objective(
            self.data.rows(self.likelihood, self.intercept), self.size - self.estimated, space=None
        )
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
        x = np.column_stack(
            [np.ones((len(index), int(self.intercept))), *(group[index] for group in data.design.groups)]
        )
        eta = x @ params[:size] + (0.0 if data.offset is None else data.offset[index])
        eta += np.resize(_ASIDE, len(eta))
        likelihood = self.likelihood.at(params[size:].tolist())
        likelihood.require_derivatives(eta, data.y[index].astype(np.float64), index)

    def start(self) -> Vector:
        """No slopes, and the intercept of the null model: far from the maximum no row may have information."""
        start = np.zeros(self.size - self.estimated)
        if self.intercept:
            start[0] = self._null_intercept()
        return np.hstack([start, self.shape_start()])

    def null_start(self) -> Vector:
        """Where to look for the parameters of the null model."""
        return np.hstack([self._null_intercept(), self.shape_start()])

    def _null_intercept(self) -> float:
        """The linear predictor of the mean of y, less the mean of the offset."""
        offset, weights = self.data.offset, self.data.weights
        eta = self.likelihood.linear(self.data.mean)
        return eta if offset is None else eta - float(np.average(offset, weights=weights))

    def shape_start(self) -> tuple[float, ...]:
        """Where to look for the shape parameters."""
        y = self.data.y if self.data.absent is None else self.data.y[~self.data.absent]
        return self.likelihood.start(y[:: max(1, len(y) // _SAMPLE_ROWS)].astype(np.float64))


class _Equal(Likelihood):
    """Every row has the information 1."""

    name = "equal"
    leaf = "gaussian"


_EQUAL = _Equal()


def specify(data: Observations, likelihood: Likelihood, intercept: bool, threads: int) -> Model:
    """The model of all columns; DataError if there is nothing to fit, or a name is taken by the intercept."""
    columns = data.design.names
    if not intercept and not columns:
        raise DataError("X has no columns and there is no intercept, so there is nothing to fit. Add one of them.")
    if intercept and "Intercept" in columns:
        raise DataError(
            "X has a column 'Intercept', which is the name of the intercept that the fit adds. Rename the column, or "
            "use intercept=False if it is the column of ones."
        )
    taken = set(columns) & set(likelihood.estimated)
    if taken:
        raise DataError(
            f"X has a column {min(taken)!r}, which is the name of a parameter of {likelihood.name}. Rename it."
        )
    names = (*(("Intercept",) if intercept else ()), *columns, *likelihood.estimated)
    return Model(data, likelihood, names, intercept, threads)
