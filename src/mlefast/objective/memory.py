# SPDX-License-Identifier: BSD-3-Clause
"""The objective of rows in memory: every question is one call of the compiled pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import Design, require_finite
from mlefast.errors import DataError
from mlefast.likelihoods import Likelihood

from .protocol import Moments, Precision, Vector


class MemoryObjective:
    """Negative log-likelihood of the rows of a `_core.Rows`."""

    def __init__(
        self,
        rows: _core.Rows,
        design: Design,
        likelihood: Likelihood,
        *,
        size: int,
        threads: int,
        absent: NDArray[np.bool_] | None = None,
    ) -> None:
        self._rows = rows
        self._design = design
        self._likelihood = likelihood
        self._leaf = _core.Leaf(likelihood.leaf)
        self._threads = threads
        self._absent = absent
        self._count = design.rows
        self._whole: MemoryObjective = self
        self._share = 1.0
        self.size = size
        self.passes = 0.0

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        return self._count

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass over the rows; DataError names the column if the data are not finite."""
        single = self._design.single or precision == "mixed"
        nll, gradient, hessian, finite = self._rows.evaluate(params, self._leaf, order, self._threads, single)
        self._whole.passes += self._share
        if not finite:
            self._explain(params)
        return Moments(nll, gradient, hessian)

    def sample(self, step: int) -> MemoryObjective:
        """The objective of every step-th row."""
        part = MemoryObjective(
            self._rows.every(step),
            self._design,
            self._likelihood,
            size=self.size,
            threads=self._threads,
            absent=self._absent,
        )
        part._whole = self._whole
        part._count = (self._count + step - 1) // step
        part._share = self._share * part._count / self._count
        return part

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """Extremes of s x'd over the rows; see inference/separation.py."""
        self._whole.passes += self._share
        return self._rows.scan(params, direction, self._leaf, self._threads)

    def _explain(self, params: Vector) -> None:
        require_finite(self._design, self._absent)
        if not np.isfinite(params).all():
            raise DataError("the parameters are not finite numbers.")
        raise DataError(
            "the linear predictor overflows: X times the parameters exceeds the largest double. Rescale the columns."
        )
