# SPDX-License-Identifier: BSD-3-Clause
"""A Gaussian prior of the parameters, added to an objective.

With a scale that is profiled out the loss is what the prior's quadratic is added to, and the scale that of the sum, so
that the whole is a function of the parameters that falls along Newton's steps. `settled` then goes back to the scale
of largest likelihood.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .base import RowsObjective
from .passes import Passes
from .protocol import Moments, Precision, Vector
from .shape import ShapeObjective


class RidgeObjective:
    """The objective plus sum_j curvature_j params_j^2 / 2, in the coordinates of the objective."""

    def __init__(self, inner: RowsObjective | ShapeObjective, curvature: Vector) -> None:
        self.inner = inner
        self.curvature = curvature
        self.size = inner.size
        self.nobs = inner.nobs
        self.precision: Precision = inner.precision
        self.convex = inner.convex
        self.quadratic = inner.quadratic

    @property
    def free(self) -> NDArray[np.bool_]:
        """Parameters without a prior."""
        return np.asarray(self.curvature == 0.0)

    @property
    def passes(self) -> Passes:
        """Those over the rows."""
        return self.inner.passes

    @passes.setter
    def passes(self, passes: Passes) -> None:
        self.inner.passes = passes

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        return self.inner.rows

    @property
    def stride(self) -> int:
        """Of the largest sample of the rows."""
        return self.inner.stride

    @property
    def predictors(self) -> int:
        """Number of linear predictors, of which each parameter with a prior is one more."""
        return self.inner.predictors + int(np.count_nonzero(self.curvature))

    def value(self, params: Vector) -> float:
        """What the prior adds to the loss."""
        return 0.5 * float(self.curvature @ params**2)

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass."""
        found = self.inner.moments(params, order, precision)
        if not math.isfinite(found.nll):
            return found
        return self.inner.plus(found, self.value(params), self.curvature * params, self.curvature)

    def settled(self, moments: Moments, params: Vector) -> tuple[Moments, float]:
        """Loss, NLL and scale without the prior, gradient and Hessian with it at this scale; by how much larger this
        makes them.
        """
        none = np.zeros(self.size)
        alone = self.inner.plus(moments, -self.value(params), none, none)
        return alone, self.inner.unit(alone) / self.inner.unit(moments)

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """A quadratic loss is so with the prior."""
        return self.inner.predict(moments, step)

    def coordinates(self, params: Vector) -> None:
        """Rough information does not know the prior."""

    def sample(self, step: int) -> RidgeObjective:
        """Every step-th row, with a prior that has the same share in the whole."""
        return RidgeObjective(self.inner.sample(step), self.curvature / step)

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """What the rows say."""
        return self.inner.scan(params, direction)

    def separating(self, step: Vector) -> Vector | None:
        """A direction that the prior does not see."""
        step = np.where(self.free, step, 0.0)
        return self.inner.separating(step) if step.any() else None
