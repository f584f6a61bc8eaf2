# SPDX-License-Identifier: BSD-3-Clause
"""The objective of a likelihood with shape parameters of its own, such as the dispersion of the negative binomial.

Its parameters are the coefficients and then the logarithms of the shape parameters. Derivatives with respect to both
come from the same pass, but for what does not depend on the linear predictor, which the likelihood adds.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.likelihoods import Likelihood, Totals, tally

from .information import Information
from .leverages import without_leverage
from .memory import MemoryObjective
from .passes import Passes
from .protocol import Matrix, Moments, Precision, Vector
from .scores import Scores, of_clusters, outer_products, parts, put_together

LARGEST = 300.0  # size of a logarithm: exp of more has no use in doubles


class ShapeObjective:
    """Negative log-likelihood as a function of the coefficients and the shape parameters."""

    def __init__(self, rows: MemoryObjective, likelihood: Likelihood, totals: Callable[[Likelihood], Totals]) -> None:
        self._memory = rows
        self._likelihood = likelihood
        self._totals = totals
        self._shapes = len(likelihood.estimated)
        self.size = rows.size + self._shapes
        self.nobs = rows.nobs
        self.precision: Precision = rows.precision
        self.convex = False
        self.quadratic = False

    @property
    def passes(self) -> Passes:
        """Those over the rows."""
        return self._memory.passes

    @passes.setter
    def passes(self, passes: Passes) -> None:
        self._memory.passes = passes

    @property
    def rows(self) -> int:
        """Number of rows that a pass reads."""
        return self._memory.rows

    @property
    def weights(self) -> NDArray[Any] | None:
        """Those of the rows."""
        return self._memory.weights

    @property
    def stride(self) -> int:
        """Of the largest sample of the rows."""
        return self._memory.stride

    @property
    def predictors(self) -> int:
        """Number of linear predictors in these rows."""
        return self._memory.predictors

    def split(self, params: Vector) -> tuple[MemoryObjective, Vector]:
        """The objective of the coefficients at the shape that stands in `params`, and the coefficients."""
        coefficients, shape = params[: -self._shapes], params[-self._shapes :]
        return self._at(shape), coefficients

    def _at(self, shape: Vector) -> MemoryObjective:
        likelihood = self._likelihood.at(shape.tolist())
        return self._memory.at(likelihood, self._totals(likelihood))

    @cached_property
    def _estimated(self) -> list[int]:
        """Which of the likelihood's `logs` they are."""
        return [self._likelihood.logs.index(name) for name in self._likelihood.estimated]

    def moments(self, params: Vector, order: int = 2, precision: Precision = "double") -> Moments:
        """One pass over the rows."""
        coefficients, shape = params[: -self._shapes], params[-self._shapes :]
        if not (np.abs(shape) < LARGEST).all():
            return Moments(math.inf, np.zeros(self.size), np.eye(self.size))
        likelihood = self._likelihood.at(shape.tolist())
        totals = self._totals(likelihood)
        memory = self._memory.at(likelihood, totals, _by_shape(likelihood))
        found = memory.moments(coefficients, order, precision)
        if order == 0 or not math.isfinite(found.nll):
            return found
        gradient, hessian, p = found.gradient, found.hessian, len(coefficients)
        assert gradient is not None
        gradient[p:] += totals.by_shape[:, 0]
        kept = [*range(p), *(p + j for j in self._estimated)]
        if hessian is not None:
            hessian[p:, p:] += totals.by_shape[:, 1:]
            hessian = hessian[np.ix_(kept, kept)]
        return found._replace(gradient=gradient[kept], hessian=hessian, reach=math.inf)

    def rounding(self, params: Vector, moments: Moments, diagonal: Vector) -> Vector:
        """A bound for what rounding does to each entry of the gradient; see RowsObjective.

        For a shape parameter t the sum of |l_t| is, by Cauchy's inequality, at most sqrt(n sum l_t^2), and that is
        about sqrt(n H_tt); what the leaf leaves out of it, and is of the other sign, counts twice. The rounding of eta
        is magnified by l_t_eta, of which sum l_t_eta^2 / d2 is at most 4 n where the model fits.
        """
        coefficients, shape, p = params[: -self._shapes], params[-self._shapes :], -self._shapes
        chain, terms = self._memory.roundings(coefficients, np.sqrt(np.abs(diagonal[:p])))
        rest = self._totals(self._likelihood.at(shape.tolist())).by_shape[self._estimated, 0]
        sizes = np.sqrt(self.nobs * np.abs(diagonal[p:])) + 2.0 * np.abs(rest)
        own = chain * sizes + 2.0 * math.sqrt(self.nobs) * terms
        return np.hstack([self._memory.rounding(coefficients, moments, diagonal[:p]), own])

    def row_scores(self, params: Vector) -> Scores:
        """One pass: the derivatives of the NLL of each row, without its weight."""
        return self._row_scores(params)

    def _row_scores(self, params: Vector, root: Matrix | None = None, power: int = 0, counted: bool = True) -> Scores:
        coefficients, shape = params[: -self._shapes], params[-self._shapes :]
        memory = self._memory
        offset, weights = memory.offset, memory.weights
        for rows, x in memory.blocks():
            for index, part in parts(rows, x, self.size * (1 if root is None else 1 + self._shapes)):
                eta = part @ coefficients + (0.0 if offset is None else offset[index])
                y = memory.response[index].astype(np.float64, copy=False)
                slopes, curvatures = self._derivatives(shape, eta, y)
                if root is not None:
                    if not counted and weights is not None:
                        curvatures *= weights[index, np.newaxis, np.newaxis]
                    projections = np.tile(root[-1 - self._shapes :], (len(part), 1, 1))
                    projections[:, 0] = part @ root[: -self._shapes]
                    slopes = without_leverage(slopes, curvatures, projections, power)
                yield index, np.hstack([slopes[:, :1] * part, slopes[:, 1:]])

    def _derivatives(self, shape: Vector, eta: Vector, y: Vector) -> tuple[Matrix, NDArray[np.float64]]:
        """The first derivatives of the NLL of rows with respect to eta and the shape, (n, m), and the second ones."""
        likelihood = self._likelihood.at(shape.tolist())
        leaf = _by_shape(likelihood)
        _, d1, d2 = _core.terms(eta, y, leaf)
        found, rest = _core.shape_terms(eta, y, leaf), likelihood.by_shape(y)
        slopes = np.vstack([d1, found[:, 0] + rest[:, 0]])
        curvatures = np.empty((len(slopes), len(slopes), len(y)))
        curvatures[0, 0] = d2
        curvatures[0, 1:] = curvatures[1:, 0] = found[:, 1]
        curvatures[1:, 1:] = found[:, 2:] + rest[:, 1:]
        kept = [0, *(1 + j for j in self._estimated)]
        return slopes[kept].T, curvatures[np.ix_(kept, kept)].transpose(2, 0, 1)

    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """The sum of the outer products of the rows' scores; the leverage of a row is a matrix, see leverages.py."""
        root = information.root() if power > 0 else None
        task = partial(_products, params=params, root=root, power=power, counted=counted)
        products: Matrix = self._memory.total(self._of_parts(task))
        return products

    def clustered(self, params: Vector, moments: Moments, codes: NDArray[np.intp], count: int) -> Matrix:
        """The gradient of the NLL of the rows of each code 0..count - 1."""
        task = self._of_parts(partial(of_clusters, params=params))
        return put_together(self._memory.each(task, codes), (count, self.size))

    def _of_parts(self, task: Callable[..., Any]) -> Callable[..., Any]:
        """The task of the objective with the shape of each part of the rows, for `total` and `each` of the rows."""
        bare = copy.copy(self)
        bare.__dict__.update(_memory=None, _totals=None)
        return partial(_of_part, bare=bare, task=task)

    def plus(self, moments: Moments, value: float, gradient: Vector, curvature: Vector) -> Moments:
        """The moments with a function added that has this diagonal Hessian."""
        return moments.plus(value, gradient, curvature)

    def unit(self, moments: Moments) -> float:
        """The loss has no scale of its own."""
        return 1.0

    def predict(self, moments: Moments, step: Vector) -> Moments:
        """Of no use: the loss is not quadratic."""
        raise NotImplementedError

    def coordinates(self, params: Vector) -> None:
        """There is no better information about here than the Hessian."""

    def sample(self, step: int) -> Self:
        """The same objective on every step-th row."""
        memory = self._memory.sample(step)
        y, weights = memory.response, memory.weights
        nobs = float(len(y) if weights is None else np.sum(weights, dtype=np.float64))
        # a share of the totals of all rows would not be what the leaf leaves out in these
        if self._likelihood.whole:
            y, weights = tally(y, weights)
        return type(self)(memory, self._likelihood, lambda likelihood: likelihood.totals(y, weights, nobs))

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """Of the coefficients only."""
        memory, coefficients = self.split(params)
        return memory.scan(coefficients, direction[: -self._shapes])

    def separating(self, step: Vector) -> Vector | None:
        """A step of the coefficients along which the likelihood grows for ever."""
        found = self._memory.separating(step[: -self._shapes])
        return None if found is None else np.hstack([found, np.zeros(self._shapes)])


def _by_shape(likelihood: Likelihood) -> _core.Leaf:
    """Its leaf, with derivatives with respect to the logarithms of its own parameters."""
    return _core.Leaf(likelihood.leaf, likelihood.shape, True)


def _of_part(rows: MemoryObjective, *vectors: NDArray[Any], bare: ShapeObjective, task: Callable[..., Any]) -> Any:
    part = copy.copy(bare)
    part._memory = rows
    return task(part, *vectors)


def _products(part: ShapeObjective, params: Vector, root: Matrix | None, power: int, counted: bool) -> Matrix:
    scores = part._row_scores(params, root, power, counted)
    return outer_products(scores, part.weights, part.size, counted)
