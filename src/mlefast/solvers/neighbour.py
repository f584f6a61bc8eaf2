# SPDX-License-Identifier: BSD-3-Clause
"""A point near the optimum of a quantile regression of many rows, from a sample of them or from other weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlefast.objective import Information, PiecewiseLinear, Vector

from .interior_point import interior_point
from .vertex import choose_basis, follow_edges, near_zero

Index = NDArray[np.intp]
_REPRESENTATIVE = 0.5  # of the information of all rows, what each direction must have in the sample
_HEAVY = 4.0  # times the mean leverage of the rows of the sample
_NEAR = 0.2  # share of the rows that tell the density at zero
_ROUGH = 1e-5  # relative gap that will do for a sample
_NOTHING = 1e-3  # of the mean residual, what is nothing in a sample that was solved roughly
_TIES = 4  # times p rows without a residual are more than a vertex needs


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Neighbour:
    """A point near the optimum, and what leads from there to it.

    `density` is sum_i w_i f_i(0) x_i x_i', `rate` the share of the rows per unit of a residual near zero; `certain` are
    rows to be looked at one by one, among them a basis; `tied` says that many rows have r = 0.
    """

    params: Vector
    density: Information
    rate: float
    certain: Index
    tied: bool
    steps: int = 0


def neighbour_of(objective: PiecewiseLinear, params: Vector, residuals: Vector, basis: Index) -> Neighbour:
    """The optimum of the same rows with other weights, as a point near that with these."""
    size = np.abs(residuals)
    return _describe(objective, params, size, basis, tied=_ties(objective, params, size, 0.0))


def neighbour_from_sample(objective: PiecewiseLinear, information: Information, count: int) -> Neighbour:
    """The optimum of about `count` rows; `information` is sum_i w_i x_i x_i' of all, which the sample must represent.

    Where it does not, rows of large leverage are taken in, and are certain to be looked at later.
    """
    index = np.unique(np.random.default_rng(0).integers(0, objective.rows, count))
    if objective.weights is not None:
        index = index[objective.weights[index] > 0]
    weights = _sample_weights(objective, index)
    part = objective.take(index, weights)
    heavy = np.zeros(0, dtype=np.intp)
    if not _represents(part, information):
        leverages = objective.leverages(information.whiten_matrix())
        heavy = np.flatnonzero(leverages > _HEAVY * objective.size / count)
        index = np.setdiff1d(index, heavy)
        weights = np.hstack([_sample_weights(objective, index), _own_weights(objective, heavy)])
        index = np.hstack([index, heavy])
        part = objective.take(index, weights)
    params, alone = least_squares(part), np.zeros(part.size)
    point = interior_point(part, params, alone, width=mean_size(part.residuals(params)), tol=_ROUGH)
    basis = choose_basis(part, point.stiffness)
    size = np.abs(part.residuals(point.params))
    tied = _ties(part, point.params, size, _NOTHING * mean_size(size))
    params = follow_edges(part, alone, basis).params if tied else point.params
    return _describe(part, params, size, np.union1d(heavy, index[basis]), tied=tied, steps=point.steps)


def least_squares(objective: PiecewiseLinear) -> Vector:
    """Least squares, moved so that a share of about tau of the rows lies below."""
    ones = np.ones(objective.rows)
    information = Information(objective.gram(ones), most=objective.rows)
    params = information.solve(objective.cross(objective.response))
    level = float(np.quantile(objective.residuals(params), objective.quantile))
    return params + level * information.solve(objective.cross(ones))


def mean_size(r: Vector) -> float:
    """The mean absolute residual; 1 if there is none."""
    return float(np.mean(np.abs(r))) or 1.0


def _describe(
    objective: PiecewiseLinear, params: Vector, size: Vector, certain: Index, *, tied: bool, steps: int = 0
) -> Neighbour:
    """The neighbour with the density that the rows with the smallest residuals tell."""
    share = _NEAR * min(1.0, 4.0 * min(objective.quantile, 1.0 - objective.quantile))
    width = mean_size(size) if tied else float(np.quantile(size, share))
    density = Information(objective.gram((size <= width) / (2.0 * width)))
    return Neighbour(params, density, share / width, certain, tied, steps)


def _own_weights(objective: PiecewiseLinear, index: Index) -> Vector:
    return np.ones(len(index)) if objective.weights is None else objective.weights[index].astype(np.float64)


def _sample_weights(objective: PiecewiseLinear, index: Index) -> Vector:
    """Weights that make the sample as heavy as the whole."""
    own, weights = _own_weights(objective, index), objective.weights
    whole = objective.rows if weights is None else np.sum(weights, dtype=np.float64)
    return np.asarray(own * (whole / own.sum()))


def _represents(part: PiecewiseLinear, information: Information) -> bool:
    """Whether the sample has its share of information in every direction."""
    root = information.whiten_matrix()
    share = np.linalg.eigvalsh(root.T @ part.gram(np.ones(part.rows)) @ root)
    return bool(share.min() > _REPRESENTATIVE and share.max() < 1.0 / _REPRESENTATIVE)


def _ties(objective: PiecewiseLinear, params: Vector, size: Vector, least: float) -> bool:
    """Whether many rows have a residual that is nothing: no more than `least` or what rounding leaves."""
    nothing = size <= np.maximum(near_zero(objective.response, params), least)
    return int(np.count_nonzero(nothing)) > _TIES * objective.size
