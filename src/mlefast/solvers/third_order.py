# SPDX-License-Identifier: BSD-3-Clause
"""What a sample of the rows tells of the third and higher orders, which a pass over all of them does not.

A Newton step d from g and H of all rows ends where the model g + H d of the gradient vanishes; what is left there is
the remainder r = g(b + d) - g(b) - H d, of second order in d. A sample of the rows estimates r at the price of the
sample, and how much the Hessian changes on the way, so that with the Hessian there -H^-1 r corrects the step (as
Chebyshev's method does with third derivatives). What remains is the sampling error: with every
sixteenth row about a thirtieth of what would have been neglected, which saves a pass. Nothing depends on the sample
being good: the next pass, over all rows, judges.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from mlefast.objective import Information, Moments, Objective, Vector

from .protocol import Expansion, decrement

_LEAST_ROWS = 1000
_ROWS_PER_COLUMN = 20
_FAR = 0.3  # of sqrt(rows): a Newton step of more standard errors leaves the region of quadratic convergence
_NEGLIGIBLE = 0.1  # of the tolerance: a remainder that is not worth the sample


class ThirdOrder:
    """The differences between the sample's derivatives at two points, as estimates of those of all rows."""

    def __init__(self, objective: Objective) -> None:
        """The sample is that of the objective."""
        self._objective = objective
        self._stride = objective.stride
        self._last: tuple[Vector, Moments] | None = None
        self.mismatch = 1.0  # of the sample's information, relative: the share of a change that it may get wrong
        least = self._stride * max(_LEAST_ROWS, _ROWS_PER_COLUMN * objective.size)
        self.known = objective.convex and not objective.quadratic and objective.rows >= least

    @cached_property
    def _sample(self) -> Objective:
        return self._objective.sample(self._stride)

    def bend(self, expansion: Expansion, length: float, tol: float) -> Vector:
        """The step of the expansion, `length` standard errors long, corrected where that is worth the sample."""
        step, root = expansion.step, math.sqrt(self._objective.rows)
        known = self.known and expansion.information.complete
        if not known or not _NEGLIGIBLE * tol * root < length**2 < (_FAR * root) ** 2:
            return step
        here, there = self._moments(expansion.params), self._sample.moments(expansion.params + step, 2)
        assert here.gradient is not None and here.hessian is not None
        assert there.gradient is not None and there.hessian is not None
        shares = self._stride * here.hessian.diagonal() / expansion.information.diagonal
        self.mismatch = float(np.clip(np.abs(shares - 1.0).max(), 0.01, 1.0))
        remainder = self._stride * (there.gradient - here.gradient - here.hessian @ step)
        information = expansion.information.plus(self._stride * (there.hessian - here.hessian))
        correction, size = decrement(information, remainder)
        return step + correction if size < 0.5 * length else step  # the latter for NaN too

    def information(self, expansion: Expansion, params: Vector) -> Information:
        """That of the expansion, carried on to `params`."""
        before, after = self._moments(expansion.params).hessian, self._moments(params).hessian
        assert before is not None and after is not None
        return expansion.information.plus(self._stride * (after - before))

    def _moments(self, params: Vector) -> Moments:
        if self._last is None or not np.array_equal(self._last[0], params):
            self._last = params, self._sample.moments(params, 2)
        return self._last[1]
