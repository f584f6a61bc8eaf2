# SPDX-License-Identifier: BSD-3-Clause
"""What the likelihoods of counts with the log link share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError

from .base import Likelihood, Vector, refuse, require_numbers


class Counts(Likelihood):
    """y is 0, 1, 2, ... with mean mu = exp(eta)."""

    link = "log"
    whole = True
    self_concordant = True
    existence = "to prove"
    remedy = "Round them, or see mlefast.Poisson(quasi=True)."  # of fractions

    def encode(self, y: NDArray[Any], name: str) -> tuple[NDArray[Any], None]:
        """Counts as they are.

        Parameters
        ----------
        y : array of shape (n,)
            Counts.
        name : str
            What messages call them.

        Returns
        -------
        codes : array of shape (n,)
            The same array.
        classes : None

        Raises
        ------
        DataError
            If a number is negative or a fraction, or all are zero.
        """
        self.check(y, name)
        if _core.describe(y)[1] == 0:
            raise DataError(
                f"{name} is zero in all rows, so no rate but zero fits. Check the filter that made the data."
            )
        return y, None

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """Counts as they are; DataError otherwise."""
        require_numbers(y, name, self.name)
        least, _, _, _, _, fractions = _core.describe(y)
        wanted = f"the {self.name} likelihood needs counts: 0, 1, 2, ..."
        if least < 0:
            refuse(y, y < 0, name, f"{wanted} Check what the column measures.")
        if fractions and self.remedy:
            refuse(y, y != np.floor(y), name, f"{wanted} {self.remedy}")
        return y

    def mean(self, eta: Vector) -> Vector:
        """exp(eta)."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(eta))

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """Both are the mean itself."""
        mean = self.mean(eta)
        return mean, mean

    def linear(self, mean: float) -> float:
        """log(mean)."""
        return math.log(mean)

    def sides(self, y: NDArray[Any]) -> Vector:
        """-1 where y is 0, whose rows lose nothing as eta falls."""
        return np.where(y == 0, -1.0, 0.0)
