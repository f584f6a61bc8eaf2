# SPDX-License-Identifier: BSD-3-Clause
"""The model of one fit: observations, likelihood and coordinates, and the objectives that are asked about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlefast import _core
from mlefast.errors import DataError
from mlefast.likelihoods import Likelihood
from mlefast.objective import MemoryObjective, Standardisation, Vector, standardise

from .observations import Observations


@dataclass(frozen=True)
class Model:
    """What is fitted to what, in the coordinates of `space`."""

    data: Observations
    likelihood: Likelihood
    names: tuple[str, ...]
    space: Standardisation
    threads: int

    @property
    def intercept(self) -> bool:
        """Whether the first parameter is an intercept."""
        return self.space.intercept

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    def objective(self) -> MemoryObjective:
        """The negative log-likelihood that the fit minimises."""
        return self._objective(self.data.rows(self.intercept), self.size, self.space)

    def equally_informed(self, intercept: bool) -> MemoryObjective:
        """The same without the offset, so that at zero all rows have the same information: its rank is the columns'."""
        rows = self.data.rows(intercept, offset=False)
        return self._objective(rows, self.data.design.columns + intercept, self.space)

    def null(self) -> MemoryObjective:
        """The model that has an intercept (and the offset) only."""
        return self._objective(self.data.rows(True, columns=False), 1, space=None)

    def _objective(self, rows: _core.Rows, size: int, space: Standardisation | None) -> MemoryObjective:
        data = self.data
        return MemoryObjective(
            rows,
            data.design,
            data.y,
            self.likelihood,
            size=size,
            nobs=data.nobs,
            threads=self.threads,
            absent=data.absent,
            space=space,
        )

    def start(self) -> Vector:
        """Zero; with an offset the intercept is what centres it, since far from zero no row has information."""
        start = np.zeros(self.size)
        if self.intercept:
            start[0] = self.null_start()[0]
        return start

    def null_start(self) -> Vector:
        """Where to look for the intercept of the null model."""
        offset = self.data.offset
        return np.array([0.0 if offset is None else -np.average(offset, weights=self.data.weights)])


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
    space = standardise(data.design.groups, data.design.rows, intercept)
    return Model(data, likelihood, (*(("Intercept",) if intercept else ()), *columns), space, threads)
