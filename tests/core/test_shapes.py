# SPDX-License-Identifier: BSD-3-Clause
"""Derivatives with respect to shape parameters: those of densities in mpmath, and what the pass makes of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import NamedTuple

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.typing import NDArray

from mlefast import reference

EPS = mpf(2) ** -52
Array = NDArray[np.float64]


def negative_binomial(eta: mpf, y: mpf, log_alpha: mpf) -> mpf:
    """NLL of the number of failures before 1 / alpha successes, whose mean is exp(eta)."""
    r, a = mpmath.exp(-log_alpha), mpmath.exp(eta + log_alpha)
    rest = mpmath.loggamma(r) - mpmath.loggamma(y + r) + mpmath.loggamma(y + 1)
    return rest + r * mpmath.log1p(a) + (y * mpmath.log1p(1 / a) if y else 0)


def student_t(eta: mpf, y: mpf, log_scale: mpf, log_nu: mpf) -> mpf:
    nu, z = mpmath.exp(log_nu), (y - eta) / mpmath.exp(log_scale)
    rest = mpmath.loggamma(nu / 2) - mpmath.loggamma((nu + 1) / 2) + mpmath.log(nu) / 2
    return rest + log_scale + (nu + 1) / 2 * mpmath.log1p(z * z / nu)


class Case(NamedTuple):
    density: Callable[..., mpf]
    least: Callable[[mpf, mpf], mpf]  # eta where nothing but what depends on y and the last parameter is left
    width: Callable[[mpf, mpf, mpf], mpf]  # what the rounding of eta is relative to
    shapes: tuple[tuple[float, ...], ...]
    responses: tuple[float, ...]
    etas: tuple[float, ...]
    sums: Callable[..., Array]


CASES = {
    "negative_binomial_log": Case(
        negative_binomial,
        lambda y, alpha: mpmath.log(y) if y else -(mpf(10) ** 4),
        lambda eta, y, alpha: 1 + abs(eta) + abs(mpmath.log(alpha)),
        ((1e-8,), (1e-3,), (0.3,), (1.0,), (40.0,), (1e4,)),
        (0.0, 1.0, 2.0, 7.0, 1000.0, 1e6),
        (-30.0, -5.0, -1e-3, 0.5, 0.7, 2.0, 6.9, 13.8, 30.0),
        reference.negative_binomial_shapes,
    ),
    "student_t": Case(
        student_t,
        lambda y, scale: y + scale,
        lambda eta, y, scale: abs(eta) + abs(y),
        ((1.0, 0.1), (0.7, 1.0), (0.01, 4.5), (3.0, 60.0), (1e3, 1e4), (1.0, 1e6)),
        (-2.5, 0.0, 1e4),
        (-40.0, -3.6, -0.3, 0.0, 0.7, 0.99, 3.0, 8.5, 1e5),
        reference.student_t_shapes,
    ),
}


@cache
def exact(name: str, shape: tuple[float, ...], y: float, eta: float) -> list[list[tuple[mpf, mpf]]]:
    """For each parameter what `shape_terms` has of it, and how far one unit of the relative rounding of eta moves it."""
    case, size = CASES[name], len(shape)
    with mp.workdps(50):
        scale, logs = mpf(shape[0]), [mpmath.log(mpf(s)) for s in shape]
        here, there = ((mpf(x), mpf(y), *logs) for x in (eta, case.least(mpf(y), scale)))
        width = case.width(mpf(eta), mpf(y), scale)

        def derivative(at: tuple[mpf, ...], by: tuple[int, ...]) -> mpf:
            return mpmath.diff(case.density, at, tuple(by.count(i) for i in range(2 + size)))

        def term(by: tuple[int, ...]) -> tuple[mpf, mpf]:
            rest = derivative(there, by) if set(by) == {1 + size} else 0
            return derivative(here, by) - rest, width * abs(derivative(here, (*by, 0)))

        return [[term(by) for by in ((j,), (j, 0), *((j, k) for k in range(2, 2 + size)))] for j in range(2, 2 + size)]


@pytest.mark.parametrize("name", CASES)
def test_they_are_those_of_the_density(core: ModuleType, name: str) -> None:
    case = CASES[name]
    eta = np.array([x for x in case.etas for _ in case.responses])
    y = np.array([value for _ in case.etas for value in case.responses])
    for shape in case.shapes:
        found = core.shape_terms(eta, y, core.Leaf(name, shape, True))
        for i in range(len(eta)):
            for row, terms in zip(exact(name, shape, y[i], eta[i]), found[:, :, i].tolist(), strict=True):
                for (wanted, moved), value in zip(row, terms, strict=True):
                    assert abs(value - wanted) <= 4 * EPS * (abs(wanted) + abs(row[0][0]) + moved)


def test_far_from_all_data(core: ModuleType) -> None:
    """Where exp overflows the logarithm is eta itself."""
    (slopes, cross, curvatures), *_ = core.shape_terms(
        np.array([900.0, 690.0]), np.array([0.0, 3.0]), core.Leaf("negative_binomial_log", (0.5,), True)
    )
    logs = np.array([900.0, 690.0]) + np.log(0.5) - np.log1p([0.0, 1.5])
    np.testing.assert_allclose(slopes, -2.0 * (logs - 1.0), rtol=1e-15)
    np.testing.assert_allclose(cross, -2.0, rtol=1e-15)
    np.testing.assert_allclose(curvatures, 2.0 * (logs - [2.0, 1.4]), rtol=1e-15)
    assert np.isnan(core.shape_terms(np.array([np.nan]), np.ones(1), core.Leaf("student_t", (1.0, 2.0), True))).all()


def problem(name: str, n: int, p: int) -> tuple[Array, Array, Array, Array, Array]:
    rng = np.random.default_rng([n, p])
    x, y = rng.standard_normal((n, p)), rng.poisson(2.0, n).astype(float)
    weights = rng.integers(0, 3, n).astype(float)
    return x, y, weights, 0.1 * rng.standard_normal(n), 0.2 * rng.standard_normal(p + 1) / np.sqrt(p + 1)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("intercept", [True, False])
def test_gradient_and_hessian_have_them_after_the_coefficients(core: ModuleType, name: str, intercept: bool) -> None:
    case, shape = CASES[name], CASES[name].shapes[2]
    for n, p in ((1, 1), (9, 0), (130, 8), (1025, 9), (3000, 20), (1100, 70), (300, 260)):
        x, y, weights, offset, params = problem(name, n, p)
        wide, params = np.column_stack([np.ones((n, int(intercept))), x]), params[1 - intercept :]
        rows, size = core.Rows((x,), y, weights, offset, intercept), params.size
        plain, leaf = core.Leaf(name, shape), core.Leaf(name, shape, True)
        values = weights * case.sums(offset + wide @ params, y, *shape)
        slopes, cross, curvatures = values[:, 0].sum(axis=1), values[:, 1] @ wide, values[:, 2:].sum(axis=2)
        for order, single in ((0, False), (1, False), (2, False), (2, True)):
            nll, gradient, hessian, finite, reach = rows.evaluate(params, plain, order, 2, single)
            found = rows.evaluate(params, leaf, order, 2, single)
            assert (found[0], found[3], found[4]) == (nll, finite, reach)
            if order > 0:
                np.testing.assert_array_equal(found[1][:size], gradient)
                np.testing.assert_allclose(found[1][size:], slopes, rtol=1e-11, atol=1e-12 * np.abs(values).max())
            if order > 1:
                scale = np.abs(values).max() * n
                np.testing.assert_array_equal(found[2][:size, :size], hessian)
                np.testing.assert_array_equal(found[2], found[2].T)
                np.testing.assert_allclose(found[2][size:, :size], cross, rtol=1e-11, atol=1e-13 * scale)
                np.testing.assert_allclose(found[2][size:, size:], curvatures, rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize("p", [3, 70])
def test_same_bits_for_threads_and_parts(core: ModuleType, p: int) -> None:
    n = 5 * core.BLOCK + 17
    x, y, weights, offset, params = problem("student_t", n, p)
    leaf = core.Leaf("student_t", (0.7, 3.0), True)
    wanted = core.Rows((x,), y, weights, offset, True).evaluate(params, leaf, 2, 1)
    answers = [core.Rows((x,), y, weights, offset, True).evaluate(params, leaf, 2, threads) for threads in (2, 3)]
    sums = None
    for first in range(0, n, 2 * core.BLOCK):
        rows = slice(first, first + 2 * core.BLOCK)
        part = core.Rows((x[rows],), y[rows], weights[rows], offset[rows], True, first, n)
        sums = part.evaluate(params, leaf, 2, 2, before=sums)
    for found in (*answers, sums):
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_is_not_finite_is_told(core: ModuleType) -> None:
    rows = core.Rows((np.ones((9, 1)),), np.full(9, 1e200), None, None, False)
    assert not rows.evaluate(np.zeros(1), core.Leaf("student_t", (1.0, 2.0), True), 1, 1)[3]


def test_leaves_with_and_without_them_differ(core: ModuleType) -> None:
    leaves = [core.Leaf("student_t", (0.7, 3.0), by_shape) for by_shape in (False, True)]
    assert [leaf.key for leaf in leaves] == [(0.7, 3.0, False), (0.7, 3.0, True)]
    rows = core.Rows((np.ones((9, 1)),), np.arange(9.0), None, None, False)
    for leaf, size in zip(leaves, (1, 3), strict=True):
        assert leaf.__reduce__()[1] == ("student_t", (0.7, 3.0), size == 3)
        assert rows.evaluate(np.zeros(1), leaf, 1, 1)[1].shape == (size,)
    with pytest.raises(ValueError, match="no derivatives with respect to its parameters"):
        core.Leaf("poisson_log", (), True)
