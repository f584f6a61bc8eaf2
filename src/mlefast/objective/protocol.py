# SPDX-License-Identifier: BSD-3-Clause
"""What solvers and inference see of a fit: parameters in, moments out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mlefast.likelihoods import ROUNDING

from .passes import Passes

if TYPE_CHECKING:
    from .information import ProductInformation

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Precision = Literal["double", "mixed"]


class Moments(NamedTuple):
    """Negative log-likelihood, gradient and Hessian at some parameters.

    `loss` is the sum over the rows from which the NLL follows, such as half the squared errors, and `scale` the scale
    of largest likelihood for it, at which all the others are. `reach`, known from order 1 on, bounds how far a step v
    can move any linear predictor: (x_i'v)^2 <= reach v'H v with H the Hessian at these parameters.
    """

    nll: float
    gradient: Vector | None = None
    hessian: Matrix | None = None
    loss: float = math.nan
    scale: float = 1.0
    reach: float = math.inf

    def plus(self, value: float, gradient: Vector, curvature: Vector) -> Moments:
        """The moments with a function added that has this diagonal Hessian, where the loss is the NLL."""
        return self._replace(
            nll=self.nll + value,
            gradient=None if self.gradient is None else self.gradient + gradient,
            hessian=None if self.hessian is None else self.hessian + np.diag(curvature),
            loss=self.loss + value,
        )


class Leads(NamedTuple):
    """How far labels get ahead along some directions, in numbered comparisons: a row's, or of a row with a class."""

    ids: NDArray[np.intp]  # of shape (comparisons,)
    values: Matrix  # of shape (comparisons, directions); where the likelihood falls either way, minus the size
    terms: Matrix  # the sums of the absolute terms of the values, which tell what is rounding

    @property
    def ahead(self) -> NDArray[np.bool_]:
        """Where the likelihood grows for ever."""
        return self.values > ROUNDING * self.terms

    @property
    def behind(self) -> NDArray[np.bool_]:
        """Where it falls."""
        return self.values < -ROUNDING * self.terms


class Objective(Protocol):
    """The negative log-likelihood as a function of the parameters, in coordinates that suit a solver."""

    size: int  # number of parameters
    passes: Passes  # how often the rows have been read so far; a sample of them counts as its share
    nobs: float  # the sum of the weights, or the number of rows
    precision: Precision  # what the numbers in the data deserve
    convex: bool  # whether the NLL is
    quadratic: bool  # whether the loss is, so that one Newton step is exact

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        ...

    @property
    def stride(self) -> int:
        """Of the largest sample of the rows that is worth its price, or that memory has room for; a power of two."""
        ...

    @property
    def predictors(self) -> int:
        """Number of linear predictors in these rows: so many columns can be independent at most."""
        ...

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass. "mixed" lets the Hessian be summed from single-precision products.

        Where the linear predictor or the Hessian overflows, the NLL counts as infinite.
        """
        ...

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """For a quadratic loss: the moments after a step, from those before it (of order 2)."""
        ...

    def coordinates(self, params: Vector) -> ProductInformation | None:
        """Rough information about `params` that costs less than a Hessian, if there is such a thing."""
        ...

    def sample(self, step: int) -> Objective:
        """The same objective on every step-th row; its passes count here too."""
        ...

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """One pass: the largest (1 - lambda) s x'd, the least and the largest s x'd; see inference/separation.py."""
        ...

    def separating(self, step: Vector) -> Vector | None:
        """The step without its negligible parts if the likelihood grows along it for ever, otherwise None."""
        ...


class LeadObjective(Objective, Protocol):
    """An objective of rows that can be separated: each comparison has a vector a, and along d it gets ahead by a'd."""

    def leads(self, directions: Matrix) -> Iterator[Leads]:
        """One pass: how far the labels get ahead along some directions, of shape (size, directions)."""
        ...

    def lead_vectors(self, ids: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.bool_]]:
        """The vectors of these comparisons, and for which of them a'd must be zero."""
        ...

    def total_lead(self) -> Vector:
        """One pass: the sum of the vectors whose a'd may be positive, each scaled to size 1."""
        ...

    def row_of(self, ids: NDArray[np.intp]) -> NDArray[np.intp]:
        """The rows that comparisons belong to."""
        ...
