# SPDX-License-Identifier: BSD-3-Clause
"""The compiled pass against its NumPy definition, over a grid of shapes, types, layouts, orders and threads."""

from __future__ import annotations

import itertools
import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from mlefast import _core, reference

LOGIT = "bernoulli_logit"
WIDTHS = [0, 1, 2, 7, 8, 9, 15, 16, 17, 20, 23, 24, 25, 33, 37, 48, 49, 63, 64, 65, 70]
ROWS = [1, 7, 8, 9, 127, 128, 129, 1023, 1024, 1025, 2 * 1024 + 3]
TYPES = ["f8", "f4", ">f8", ">f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?", ">i4"]


def layouts(x):
    """The same matrix in C order, Fortran order, with gaps, reversed, in columns of their own, in two groups."""
    n, p = x.shape
    gaps = np.zeros((2 * n, 3 * p + 1), dtype=x.dtype)[::2, : 3 * p : 3]
    gaps[:] = x
    yield "C", (x,)
    yield "F", (np.asfortranarray(x),)
    yield "gaps", (gaps,)
    yield "reversed", (np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],)
    yield "columns", tuple(np.ascontiguousarray(x[:, [j]]) for j in range(p))
    yield "two groups", (x[:, : p // 2], np.asfortranarray(x[:, p // 2 :]))


def problem(n, p, dtype="f8", seed=0):
    rng = np.random.default_rng([seed, n, p])
    if np.dtype(dtype).kind in "ub":  # no negative numbers, whose cast to unsigned is an error on some processors
        x = rng.integers(0, 2 if dtype == "?" else 5, (n, p)).astype(dtype)
    else:
        x = (3 * rng.standard_normal((n, p))).astype(dtype)
    y = rng.integers(0, 2, n).astype(float)
    return x, y, rng.integers(0, 4, n).astype(float), rng.standard_normal(n), 0.2 * rng.standard_normal(p + 1)


def expected(groups, y, weights, offset, params, intercept=True):
    x = np.column_stack([np.ones((len(y), int(intercept))), *(g.astype(float) for g in groups)])
    return reference.evaluate(x, y, params, weights=weights, offset=offset)


def assert_equal_moments(found, wanted, n, *, hessian_tolerance=1e-12):
    nll, gradient, hessian, finite, *_ = found
    assert finite
    assert math.isclose(nll, wanted[0], rel_tol=1e-12, abs_tol=1e-13 * n)
    if gradient is not None:
        np.testing.assert_allclose(gradient, wanted[1], rtol=1e-11, atol=1e-12 * (1 + np.abs(wanted[2]).max()) * n)
    if hessian is not None:
        np.testing.assert_allclose(hessian, wanted[2], rtol=1e-11, atol=hessian_tolerance * np.abs(wanted[2]).max())
        np.testing.assert_array_equal(hessian, hessian.T)


@pytest.mark.parametrize("p", WIDTHS)
def test_agrees_with_the_reference_around_every_border(core: ModuleType, p: int) -> None:
    for n in ROWS:
        x, y, weights, offset, params = problem(n, p)
        for use_weights, use_offset, intercept in itertools.product((False, True), (False, True), (False, True)):
            w, o = weights if use_weights else None, offset if use_offset else None
            b = params[1 - intercept :]
            wanted = expected((x,), y, w, o, b, intercept)
            rows = core.Rows((x,), y, w, o, intercept)
            for order in (0, 1, 2):
                found = rows.evaluate(b, core.Leaf(LOGIT), order, 1)
                assert [part is not None for part in found[1:3]] == [order > 0, order > 1]
                if b.size:
                    assert_equal_moments(found, wanted, n)


LEAVES = {
    LOGIT: ((), reference.bernoulli_terms, np.sign),
    "bernoulli_probit": ((), reference.probit_terms, np.sign),
    "bernoulli_cloglog": ((), reference.cloglog_terms, np.sign),
    "gaussian": ((), reference.gaussian_terms, np.negative),
    "laplace": ((0.3,), reference.laplace_terms, np.negative),
    "student_t": ((0.7, 4.5), reference.student_t_terms, np.negative),
    "poisson_log": ((), reference.poisson_terms, np.floor),
    "gamma_log": ((), reference.gamma_terms, np.exp),
    "negative_binomial_log": ((0.3,), reference.negative_binomial_terms, np.floor),
}


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_agrees_with_its_reference(core: ModuleType, name: str) -> None:
    shape, terms, response = LEAVES[name]
    for n, p in itertools.product(ROWS, (1, 8, 20, 70)):
        x, _, weights, offset, params = problem(n, p)
        params /= math.sqrt(p + 1)  # exp(exp(eta)) is still a number
        y = response(np.random.default_rng(n).integers(0, 5, n) * 1.1)
        wide = np.column_stack([np.ones(n), x])
        wanted = reference.evaluate(
            wide, y, params, terms=lambda eta, y: terms(eta, y, *shape), weights=weights, offset=offset
        )
        rows = core.Rows((x,), y, weights, offset, True)
        for order in (0, 1, 2):
            assert_equal_moments(rows.evaluate(params, core.Leaf(name, shape), order, 2), wanted, n)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("p", [1, 8, 20, 37, 70])
def test_reads_every_type_and_layout_in_place(core: ModuleType, dtype: str, p: int) -> None:
    for n in (5, 130, 1030):
        x, y, weights, offset, params = problem(n, p, dtype)
        wanted = expected((x,), y, weights, offset, params)
        for name, groups in layouts(x):
            for group in groups:
                group.setflags(write=False)
            found = core.Rows(groups, y, weights, offset, True).evaluate(params, core.Leaf(LOGIT), 2, 2)
            assert_equal_moments(found, wanted, n), name


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("p", [3, 20, 37, 64, 100])
def test_standardised_columns(core: ModuleType, dtype: str, p: int) -> None:
    n = 1500
    x, y, weights, offset, params = problem(n, p, dtype)
    centre = np.linspace(-5, 5, p)
    scale = 2.0 ** np.arange(p).clip(0, 6)
    moved = (x.astype(float) - centre) * scale
    params = params / np.r_[1.0, scale]
    wanted = expected((moved,), y, weights, offset, params)
    for name, groups in layouts(x):
        rows = core.Rows(groups, y, weights, offset, True)
        rows.standardise(centre, scale)
        assert_equal_moments(rows.evaluate(params, core.Leaf(LOGIT), 2, 2), wanted, n), name


@pytest.mark.parametrize("p", [5, 20, 63, 64, 130])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_same_bits_for_every_number_of_threads(core: ModuleType, p: int, layout: str) -> None:
    n = 70_001 if p < 100 else 20_001
    x, y, weights, offset, params = problem(n, p)
    rows = core.Rows((np.asarray(x, order=layout),), y, weights, offset, True)
    for order, single in ((1, False), (2, False), (2, True)):
        nll, gradient, hessian, _, reach = rows.evaluate(params, core.Leaf(LOGIT), order, 1, single)
        for threads in (2, 3, 4):
            other = rows.evaluate(params, core.Leaf(LOGIT), order, threads, single)
            assert (other[0], other[4]) == (nll, reach)
            np.testing.assert_array_equal(other[1], gradient)
            if order == 2:
                np.testing.assert_array_equal(other[2], hessian)


@pytest.mark.parametrize("p", [3, 20, 48, 64, 97, 200])
def test_single_precision_hessian(core: ModuleType, p: int) -> None:
    n = 3000
    x, y, weights, offset, params = problem(n, p, "f4")
    params[1:] *= 0.2
    wanted = expected((x,), y, weights, offset, params)
    found = core.Rows((x,), y, weights, offset, True).evaluate(params, core.Leaf(LOGIT), 2, 2, True)
    # sums over 128 rows in floats: the error is at most a few units of 2^-24 of the absolute sum
    wide = np.column_stack([np.ones(n), np.abs(x.astype(float))])
    mean = np.exp(-np.logaddexp(0, -(np.column_stack([np.ones(n), x.astype(float)]) @ params + offset)))
    bound = (wide * (weights * mean * (1 - mean))[:, np.newaxis]).T @ wide
    assert np.all(np.abs(found[2] - wanted[2]) <= 40 * 2.0**-24 * bound)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-11, atol=1e-9)


@given(st.integers(1, 3000), st.integers(0, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_weights_are_repeated_rows(n: int, p: int, seed: int) -> None:
    x, y, weights, offset, params = problem(n, p, seed=seed)
    times = weights.astype(int)
    weighted = _core.Rows((x,), y, weights, offset, True).evaluate(params, _core.Leaf(LOGIT), 2, 2)
    repeated = _core.Rows((np.repeat(x, times, axis=0),), np.repeat(y, times), None, np.repeat(offset, times), True)
    nll, gradient, hessian, *_ = repeated.evaluate(params, _core.Leaf(LOGIT), 2, 2)
    assert math.isclose(weighted[0], nll, rel_tol=1e-12, abs_tol=1e-12)
    np.testing.assert_allclose(weighted[1], gradient, rtol=1e-9, atol=1e-11 * n)
    np.testing.assert_allclose(weighted[2], hessian, rtol=1e-9, atol=1e-11 * n)


def test_rows_of_weight_zero_are_absent_whatever_they_hold(core: ModuleType) -> None:
    x, y, _, offset, params = problem(500, 9)
    weights = np.ones(500)
    weights[::7] = 0.0
    clean = core.Rows((x,), y, weights, offset, True).evaluate(params, core.Leaf(LOGIT), 2, 1)
    x[::7] = np.nan
    offset[::7] = np.inf
    y[::7] = np.nan
    dirty = core.Rows((x,), y, weights, offset, True).evaluate(params, core.Leaf(LOGIT), 2, 1)
    assert dirty[0] == clean[0] and dirty[3]
    np.testing.assert_array_equal(dirty[1], clean[1])
    np.testing.assert_array_equal(dirty[2], clean[2])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_says_if_an_eta_is_not_finite(core: ModuleType, bad: float) -> None:
    x, y, *_ = problem(3000, 5)
    x[2900, 3] = bad
    for order in (0, 1, 2):
        assert not core.Rows((x,), y, None, None, True).evaluate(np.ones(6), core.Leaf(LOGIT), order, 2)[3]


def test_every_takes_each_step_th_row(core: ModuleType) -> None:
    x, y, weights, offset, params = problem(1000, 12)
    centre, scale = np.arange(12.0), np.ones(12)
    rows = core.Rows((x,), y, weights, offset, True)
    rows.standardise(centre, scale)
    part = core.Rows((x[::7],), y[::7], weights[::7], offset[::7], True)
    part.standardise(centre, scale)
    for a, b in zip(
        rows.every(7).evaluate(params, core.Leaf(LOGIT), 2, 1),
        part.evaluate(params, core.Leaf(LOGIT), 2, 1),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_scan_finds_the_extremes(core: ModuleType) -> None:
    x, y, weights, _, params = problem(2500, 6)
    direction = np.linspace(-1, 1, 7)
    wide = np.column_stack([np.ones(2500), x])
    s = 2 * y - 1
    present = weights > 0
    step = s * (wide @ direction)
    kept = 1 / (1 + np.exp(-s * (wide @ params)))
    gain, least, most = core.Rows((x,), y, weights, None, True).scan(params, direction, core.Leaf(LOGIT), 2)
    assert math.isclose(gain, (kept * step)[present].max(), rel_tol=1e-12)
    assert math.isclose(least, step[present].min(), rel_tol=1e-12)
    assert math.isclose(most, step[present].max(), rel_tol=1e-12)


@pytest.mark.parametrize("layout", ["C", "F"])
def test_linear_predictor(core: ModuleType, layout: str) -> None:
    x, y, _, offset, params = problem(2500, 11)
    rows = core.Rows((np.asarray(x, order=layout),), y, None, offset, True)
    for threads in (1, 2):
        found = rows.linear_predictor(params, threads)
        np.testing.assert_allclose(found, params[0] + x @ params[1:] + offset, rtol=1e-12, atol=1e-12)


def test_given_derivatives(core: ModuleType) -> None:
    """X'd1 and X' diag(d2) X for any two vectors: d1 in the place of y, d2 as the offset, no parameters."""
    x, d1, _, d2, params = problem(2500, 11)
    _, gradient, hessian, *_ = core.Rows((x,), d1, None, d2, True).evaluate(0 * params, core.Leaf("given"), 2, 2)
    wide = np.column_stack([np.ones(2500), x])
    np.testing.assert_allclose(gradient, wide.T @ d1, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(hessian, (wide * d2[:, np.newaxis]).T @ wide, rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("dtype", TYPES)
def test_facts_of_a_vector(core: ModuleType, dtype: str) -> None:
    for n in (0, 1, 255, 256, 257, 3000):
        v = np.random.default_rng(n).integers(0, 2 if dtype == "?" else 5, 2 * n).astype(dtype)[::2]
        least, greatest, total, zeros, ones, fractions = core.describe(v)
        assert (least, greatest) == ((v.min(), v.max()) if n else (np.inf, -np.inf))
        assert (total, zeros, ones, fractions) == (v.sum(dtype=float), (v == 0).sum(), (v == 1).sum(), 0)
    mixed = np.array([0.5, -1.25, 2.0**52, 2.0**52 - 0.5, -3.0, 1e300, np.inf, np.nan, 4e-320])
    assert core.describe(mixed)[5] == 4
    # the same of whole chunks, which are read by vectors, and of their rest
    finite = np.nan_to_num(mixed, nan=0.25, posinf=-7.0)
    for copies in (40, 83):
        least, greatest, total, zeros, ones, fractions = core.describe(np.tile(finite, copies))
        assert (least, greatest, zeros, ones, fractions) == (-7.0, 1e300, 0, 0, 5 * copies)
        assert total == pytest.approx(math.fsum(finite) * copies, rel=copies * 2.0**-53)  # one rounding each at most
    for copies in (1, 200):
        with_gap = np.tile([3.0, np.nan, 1.0], copies)
        assert core.describe(with_gap)[:2] == (1.0, 3.0) and math.isnan(core.describe(with_gap)[2])


def test_reach_bounds_how_far_a_step_moves_a_linear_predictor(core: ModuleType) -> None:
    rng = np.random.default_rng(13)
    x, y, weights = rng.standard_normal((2500, 11)), np.zeros(2500), rng.random(2500)
    weights[::7] = 0.0
    x[::14] = np.nan  # absent, so no matter
    params = rng.standard_normal(12) / 4
    rows = core.Rows((x,), y, weights, None, True)
    for order in (1, 2):
        *_, hessian, finite, reach = rows.evaluate(params, core.Leaf("bernoulli_logit"), order, 2)
        assert finite
    present = np.column_stack([np.ones(2500), x])[weights > 0]
    mean = expit(present @ params)
    assert math.isclose(reach, math.fsum(1 / (weights[weights > 0] * mean * (1 - mean))), rel_tol=1e-12)
    for step in rng.standard_normal((20, 12)):
        assert np.square(present @ step).max() <= reach * (step @ hessian @ step)
    lost = core.Rows((np.array([[1000.0], [-1.0]]),), y[:2], None, None, False)
    assert lost.evaluate(np.ones(1), core.Leaf("bernoulli_logit"), 1, 1)[4] == math.inf


def test_refuses_what_it_cannot_read(core: ModuleType) -> None:
    with pytest.raises(ValueError, match="no leaf is called 'poison'"):
        core.Leaf("poison")
    y = np.zeros(3)
    with pytest.raises(TypeError, match="type"):
        core.Rows((np.zeros((3, 2), dtype=complex),), y, None, None, True)
    with pytest.raises(ValueError, match="dimensions"):
        core.Rows((np.zeros(3),), y, None, None, True)
    with pytest.raises(ValueError, match="same number of rows"):
        core.Rows((np.zeros((4, 2)),), y, None, None, True)
    rows = core.Rows((np.zeros((3, 2)),), y, None, None, True)
    with pytest.raises(ValueError, match="3 elements"):
        rows.evaluate(np.zeros(2), core.Leaf(LOGIT), 2, 1)
    with pytest.raises(ValueError, match="order"):
        rows.evaluate(np.zeros(3), core.Leaf(LOGIT), 3, 1)


@pytest.mark.slow
def test_sizes_beyond_two_to_the_31(tmp_path, core: ModuleType) -> None:
    n, p = 2_100_000, 1025  # 2.15e9 elements, all zero but the last rows: a file with a hole
    path = tmp_path / "matrix"
    x = np.memmap(path, dtype=np.int8, mode="w+", shape=(n, p))
    x[-3:] = np.arange(1, 4)[:, np.newaxis]
    x[-1, -1] = 100
    y = np.zeros(n, dtype=np.int8)
    y[-2] = 1
    _, gradient, _, finite, _ = core.Rows((x,), y, None, None, True).evaluate(np.zeros(p + 1), core.Leaf(LOGIT), 1, 2)
    assert finite
    assert gradient[0] == n / 2 - 1
    np.testing.assert_array_equal(gradient[1:-1], 0.5 * (1 - 2 + 3))
    assert gradient[-1] == 0.5 * (1 - 2 + 100)


def test_sum_of_many_rows_is_exact_to_a_few_units(core: ModuleType) -> None:
    """The error of the NLL stays below 1e-15 log2(n), against exact summation of the rows' own terms."""
    n = 1 << 20
    rng = np.random.default_rng(5)
    offset = rng.standard_normal(n) * 3
    y = (rng.random(n) < 0.3).astype(float)
    terms, _, _ = core.terms(offset, y, core.Leaf(LOGIT))
    nll = core.Rows((), y, None, offset, True).evaluate(np.zeros(1), core.Leaf(LOGIT), 0, 2)[0]
    exact = math.fsum(terms)
    assert abs(nll - exact) <= 1e-15 * math.log2(n) * exact
