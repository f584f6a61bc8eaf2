# SPDX-License-Identifier: BSD-3-Clause
"""The last digits: where rounding in the pass would show in the coefficients, or leaves the rank in doubt.

The pass sums squares and products of the columns. A column of which others explain all but a share s of its length
leaves a share s^2 there, and what the gradient owes to rounding is magnified by 1 / s. Two remedies, for blocks of rows
in NumPy: an orthogonal factorisation of the weighted columns, which never squares them; and Newton steps with a
gradient in doubled precision at the user's own columns. Then the factor need only lead the way, as each step leaves
about the condition number times 1e-16 of the error (Higham 2002, section 20.5; Demmel, Hida, Riedy and Li, ACM
Transactions on Mathematical Software 35, 2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.likelihoods import UserLikelihood
from mlefast.objective import (
    Doubled,
    Information,
    Matrix,
    MemoryObjective,
    Moments,
    RowsObjective,
    ShapeObjective,
    Vector,
    add,
    multiply,
    sum_rows,
    two_product,
    two_sum,
)
from mlefast.solvers import REUSE, Expansion, Solution, decrement, information_of

from .model import Model

_EPS = float(np.finfo(np.float64).eps)
_DOUBTFUL = 1e5  # condition of the information from which on the columns themselves are factored
_DIGITS = 1e-10  # relative error of a coefficient or of sigma that is worth passes in doubled precision
_ZERO = 1e-10  # of its standard error: a coefficient below that counts as zero
_ELEMENTS = 1 << 16  # of a block in doubled precision
_STACKED, _SMALL = 1 << 20, 1 << 12  # of a block that is factored, and of a part of it
_LEAF = 8.0  # roundings in the derivative of a row
_MOST = 20  # steps
_SETTLED = 0.5  # a step that is longer than this share of the one before is rounding, or leads nowhere


class Refined(NamedTuple):
    """A solution, its parameters in the user's units to the last digit, and in these units what rounding may do to each
    part of -H^-1 g there, and the root A of the covariance A A'.
    """

    solution: Solution
    params: Vector
    rounding: Vector
    root: Matrix


class _Block(NamedTuple):
    x: NDArray[np.float64]  # the user's columns, ones before them for the intercept
    y: Vector
    weights: Vector | None
    offset: Vector | None


def as_found(
    model: Model, objective: RowsObjective | ShapeObjective, solution: Solution, columns: Information | None
) -> Refined:
    """A solution as the pass gives it; `columns` is the information that tells the rank, if its own does not."""
    user = model.coordinates.to_user(_without(solution.params, columns))
    root = _root(model, solution.information)
    return Refined(solution, user, _step_rounding(objective, solution, root), root)


def refine(
    model: Model,
    objective: RowsObjective | ShapeObjective,
    plain: Refined,
    columns: Information | None,
    *,
    tol: float,
    null_scale: float,
) -> Refined:
    """The solution with the digits that the data determine; as it is where it has them.

    Likelihoods of several linear predictors and those that estimate a shape keep what the pass gives.
    """
    solution = plain.solution
    if not isinstance(objective, MemoryObjective):
        return plain
    information = solution.information
    # where the columns are sound it is the weights of the rows that leave no information
    if columns is not None and in_doubt(columns) and not _sound(information, columns):
        return _improve(model, objective, plain, partial(_factor, model, objective, kept=columns.kept), tol) or plain
    if (solution.converged or objective.quadratic) and _shows(model, plain, null_scale, tol):
        return _improve(model, objective, plain, partial(_squares, model, objective, solution), tol) or plain
    return plain


def _sound(information: Information, columns: Information) -> bool:
    """Whether the information has the rank of the columns, and most of its digits."""
    return information.condition <= _DOUBTFUL and np.array_equal(information.kept, columns.kept)


def _root(model: Model, information: Information) -> Matrix:
    with np.errstate(over="ignore", invalid="ignore"):  # where next to no information is left
        return model.coordinates.root_to_user(information.root())


def _step_rounding(objective: RowsObjective | ShapeObjective, solution: Solution, root: Matrix) -> Vector:
    """Bounds for the errors of -H^-1 g in the user's units, from those of a gradient of the pass."""
    rounding = objective.rounding(solution.params, solution.moments, solution.information.diagonal)
    with np.errstate(over="ignore", invalid="ignore"):  # where next to no information is left, there is no bound
        bounds = np.abs(root @ solution.information.root().T) @ rounding
    return np.where(np.isnan(bounds), np.inf, bounds)


def standard_errors(root: Matrix) -> Vector:
    """Of the covariance A A' with this root A; infinite where next to no information is left."""
    with np.errstate(over="ignore"):
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", root, root)))


def _squares(model: Model, objective: MemoryObjective, solution: Solution, user: Vector) -> Information:
    """The information about the loss as the pass has it."""
    if objective.quadratic:
        return solution.information.times(1.0 / objective.unit(solution.moments))
    moments = objective.moments(model.coordinates.from_user(user))
    return information_of(objective, moments).times(1.0 / objective.unit(moments))


def in_doubt(information: Information) -> bool:
    """Whether squares of the columns are too coarse for the rank, or for some digits of the inverse."""
    return not information.complete or information.condition > _DOUBTFUL


def equal_triangle(model: Model) -> tuple[NDArray[np.float64], Vector]:
    """The triangle of the columns where all rows have the same information, and what rounding may be in them."""
    return _triangle(model, lambda block: np.ones(len(block.x)))


def _without(params: Vector, columns: Information | None) -> Vector:
    """The same eta without the columns that are combinations of others."""
    params = params.copy()
    for j, vector in [] if columns is None else columns.null_vectors():
        params += params[j] * vector
    return params


def _shows(model: Model, plain: Refined, null_scale: float, tol: float) -> bool:
    """Whether rounding in the pass may show in the digits that are asked for."""
    solution, user, rounding, root = plain
    scale, information = solution.moments.scale, solution.information
    if model.likelihood.quadratic and _EPS * null_scale**2 > 0.1 * _DIGITS * scale**2:
        return True
    errors = standard_errors(root)
    if (rounding > 0.5 * tol * errors).any():
        return True
    signal = information.length(solution.params) / math.sqrt(model.data.nobs)
    lost = errors * (math.sqrt(information.condition) + signal)
    if model.intercept:
        lost[0] += np.abs(user[1:]) @ np.abs(model.space.centre)
    return bool((_EPS * lost > _DIGITS * np.abs(user))[np.abs(user) > _ZERO * errors].any())


def _improve(
    model: Model, objective: MemoryObjective, plain: Refined, factor: Callable[[Vector], Information | None], tol: float
) -> Refined | None:
    """Newton steps with gradients in doubled precision; None if they lead nowhere.

    `factor` gives the information about the loss at parameters, which lacks the scale.
    """
    user, low, last, reached = plain.params, np.zeros_like(plain.params), math.inf, math.inf
    near = REUSE * math.sqrt(min(objective.rows, objective.nobs))
    information: Information | None = None
    for _ in range(_MOST):
        information = information or factor(user)
        if information is None:
            return None
        moments = _moments(model, objective, Doubled(user, low))
        curvature = objective.unit(moments)
        step, length = decrement(information.times(curvature), _gradient(moments))
        if not length / math.sqrt(curvature) <= _SETTLED * last:  # in units that do not shrink where the fit is perfect
            break
        last, reached = length / math.sqrt(curvature), length
        change = model.coordinates.to_user(step)
        user, low = add(Doubled(user, low), Doubled(change, np.zeros_like(change)))
        if (np.abs(change) <= _EPS**2 * np.abs(user)).all():
            break
        if length > near and not objective.quadratic:
            information = None
    if not objective.quadratic:  # what is proved needs the information right there
        information = factor(user)
    if information is None or not (reached <= tol or (objective.quadratic and last < math.inf)):
        return None
    moments = _moments(model, objective, Doubled(user, np.zeros_like(user)))
    information = information.times(objective.unit(moments))
    step, length = decrement(information, _gradient(moments))
    params = model.coordinates.from_user(user)
    expansion = Expansion(params, information, step, "double")
    solution = Solution(params, moments, expansion, length, plain.solution.iterations, length <= tol)
    root = _root(model, information)
    rounding = _EPS * _step_rounding(objective, solution, root)
    if not objective.quadratic:  # eta and the leaf are doubles, whose errors are those of rows
        rows = information.length(params) + _LEAF * math.sqrt(model.data.nobs)
        rounding += _EPS * rows * standard_errors(root)
    return Refined(solution, user, rounding, root)


def _gradient(moments: Moments) -> Vector:
    assert moments.gradient is not None
    return moments.gradient


def _moments(model: Model, objective: MemoryObjective, params: Doubled) -> Moments:
    """The loss and its gradient in the coordinates of the fit, from products and sums in doubled precision."""
    losses, sums = [], []
    for block in _blocks(model, _ELEMENTS):
        loss, slopes = _slopes(model, _linear_predictor(block, params), block.y)
        if block.weights is not None:
            loss, slopes = loss * block.weights, multiply(slopes, block.weights)
        losses.append(math.fsum(loss))
        by_row = Doubled(slopes.high[:, np.newaxis], slopes.low[:, np.newaxis])
        sums.append(sum_rows(multiply(by_row, block.x)))
    gradient = sum_rows(Doubled(np.array([part.high for part in sums]), np.array([part.low for part in sums])))
    if model.intercept:
        shift = np.hstack([0.0, -model.space.centre])
        constant = Doubled(gradient.high[:1], gradient.low[:1])
        gradient = add(gradient, multiply(constant, shift))
    units = np.hstack([np.ones(int(model.intercept)), model.space.scale])
    objective.passes = objective.passes.plus(1)
    return objective.from_sums(math.fsum(losses), (gradient.high + gradient.low) * units)


def _linear_predictor(block: _Block, params: Doubled) -> Doubled:
    high, low = two_product(block.x, params.high)
    eta = sum_rows(Doubled(high.T, (low + block.x * params.low).T))
    return eta if block.offset is None else add(eta, Doubled(block.offset, np.zeros_like(block.offset)))


def _slopes(model: Model, eta: Doubled, y: Vector) -> tuple[Vector, Doubled]:
    """The losses of rows and their derivatives, which are as exact as the leaf; of a quadratic loss in full."""
    if model.likelihood.quadratic:
        residual = two_sum(eta.high, -y)
        residual = two_sum(residual.high, residual.low + eta.low)
        return 0.5 * residual.high**2, residual
    loss, d1, d2 = _terms(model, eta.high, y)
    return loss, Doubled(d1, d2 * eta.low)


def _terms(model: Model, eta: Vector, y: Vector) -> tuple[Vector, Vector, Vector]:
    likelihood = model.likelihood
    if isinstance(likelihood, UserLikelihood):
        return likelihood.rows(eta, y)
    return _core.terms(np.ascontiguousarray(eta), y, likelihood.compiled())


def _factor(model: Model, objective: MemoryObjective, user: Vector, kept: NDArray[np.bool_]) -> Information | None:
    """The information about the loss from the columns themselves; None if a row has less than none."""

    def curvature(block: _Block) -> Vector:
        if model.likelihood.quadratic:
            return np.ones(len(block.y))
        return _terms(model, _linear_predictor(block, Doubled(user, np.zeros_like(user))).high, block.y)[2]

    objective.passes = objective.passes.plus(2)
    triangle, noise = _triangle(model, curvature)
    return Information.of_triangle(triangle * kept, noise) if np.isfinite(triangle).all() else None


def _triangle(model: Model, curvature: Callable[[_Block], Vector]) -> tuple[NDArray[np.float64], Vector]:
    """R of the QR factorisation of the rows times the square roots of their information, and the rounding in the data.

    One block after the other is stacked below the triangle so far (Golub and Van Loan 2013, section 6.5.3). NaN where
    the information is negative.
    """
    space, size = model.space, model.data.design.columns + int(model.intercept)
    triangle, total, blocks = np.zeros((size, size)), 0.0, 0
    for block in _blocks(model, max(_STACKED, 4 * size * size)):
        amount = curvature(block) if block.weights is None else curvature(block) * block.weights
        x = block.x
        x[:, size - len(space.centre) :] -= space.centre
        x[:, size - len(space.centre) :] *= space.scale
        with np.errstate(invalid="ignore"):
            stacked = np.vstack([triangle, x * np.sqrt(amount)[:, np.newaxis]])
        if not np.isfinite(stacked).all():
            return np.full((size, size), np.nan), np.zeros(size)
        triangle = _reduce(stacked)
        total, blocks = total + float(amount.sum()), blocks + 1
    lengths = np.sqrt(np.square(triangle).sum(axis=0))
    unit = model.data.design.roundoff
    noise = _EPS * lengths
    noise[size - len(unit) :] = unit * (
        lengths[size - len(unit) :] + np.abs(space.centre) * space.scale * math.sqrt(total)
    )
    return triangle, noise * math.sqrt(blocks)  # each factorisation rounds once more


def _reduce(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of the QR factorisation of rows: of few columns by a tree of small ones, for which LAPACK starts no threads."""
    size = rows.shape[1]
    height = _SMALL // size
    while len(rows) > height >= 4 * size:
        count = -(-len(rows) // height)
        padded = np.vstack([rows, np.zeros((count * height - len(rows), size))])
        rows = np.asarray(np.linalg.qr(padded.reshape(count, height, size), mode="r")).reshape(-1, size)
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _blocks(model: Model, elements: int) -> Iterator[_Block]:
    """Rows that are not absent, in copies."""
    data, size = model.data, model.data.design.columns + int(model.intercept)
    rows = max(1, elements // size)
    for whole, x in data.design.blocks():
        for first in range(0, len(x), rows):
            part = slice(whole.start + first, whole.start + min(first + rows, len(x)))
            present = slice(None) if data.absent is None else ~data.absent[part]
            given = x[first : first + rows]
            columns = np.ones((len(given), size))
            columns[:, size - given.shape[1] :] = given
            yield _Block(
                columns[present],
                data.y[part].astype(np.float64)[present],
                None if data.weights is None else data.weights[part].astype(np.float64)[present],
                None if data.offset is None else data.offset[part].astype(np.float64)[present],
            )
