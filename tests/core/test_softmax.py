# SPDX-License-Identifier: BSD-3-Clause
"""The softmax of the compiled pass against its NumPy definition, mpmath, and what must hold for any classes."""

from __future__ import annotations

import itertools
import math
from types import ModuleType

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from mlefast import _core, reference

CLASSES = [2, 3, 5, 20]
WIDTHS = [0, 1, 2, 7, 8, 9, 15, 16, 20, 23, 24, 33]


def problem(n: int, p: int, classes: int, dtype: str = "f8", seed: int = 0):
    rng = np.random.default_rng([seed, n, p, classes])
    x = rng.integers(0, 3, (n, p)).astype(dtype) if dtype == "u1" else rng.standard_normal((n, p)).astype(dtype)
    y, weights = rng.integers(0, classes, n), rng.integers(0, 4, n).astype(float)
    return x, y, weights, rng.standard_normal((classes - 1, p + 1))


def wide(x, intercept: bool = True):
    return np.column_stack([np.ones((len(x), int(intercept))), x.astype(float)])


def assert_equal(found, wanted, n: int) -> None:
    nll, gradient, hessian, finite = found
    assert finite
    assert math.isclose(nll, wanted[0], rel_tol=1e-12, abs_tol=1e-13 * n)
    scale = 1 + np.abs(wanted[2]).max(initial=0)
    np.testing.assert_allclose(gradient, wanted[1], rtol=1e-11, atol=1e-13 * scale * n)
    np.testing.assert_allclose(hessian, wanted[2], rtol=1e-10, atol=1e-12 * scale)
    np.testing.assert_array_equal(hessian, hessian.T)


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("p", WIDTHS)
def test_agrees_with_the_reference_around_every_border(core: ModuleType, p: int, classes: int) -> None:
    for n in (1, 9, 129, 1030):
        x, y, weights, params = problem(n, p, classes)
        for use_weights, intercept in itertools.product((False, True), (False, True)):
            w, b = weights if use_weights else None, np.ascontiguousarray(params[:, 1 - intercept :])
            softmax = core.Softmax(core.Rows((x,), y, w, None, intercept), classes)
            wanted = reference.evaluate_softmax(wide(x, intercept), y, b, weights=w)
            assert_equal(softmax.evaluate(b, 2, 2), wanted, n)
            for order in (0, 1):
                nll, gradient, hessian, finite = softmax.evaluate(b, order, 1)
                assert finite and math.isclose(nll, wanted[0], rel_tol=1e-12, abs_tol=1e-13 * n)
                assert hessian is None and (gradient is None) == (order == 0)
                if order == 1:
                    np.testing.assert_allclose(gradient, wanted[1], rtol=1e-11, atol=1e-12 * n)


@pytest.mark.parametrize("label_type", ["i1", "u2", "i8", "f4", "f8", ">i4"])
@pytest.mark.parametrize("dtype", ["f8", "f4", ">f8", "u1"])
def test_reads_every_layout_in_place(core: ModuleType, dtype: str, label_type: str) -> None:
    n, p, classes = 1200, 13, 4
    x, y, weights, params = problem(n, p, classes, dtype)
    wanted = reference.evaluate_softmax(wide(x), y, params, weights=weights)
    gaps = np.zeros((2 * n, 3 * p), dtype=x.dtype)[::2, ::3]
    gaps[:] = x
    for groups in ((x,), (np.asfortranarray(x),), (gaps,), (x[:, :6], np.asfortranarray(x[:, 6:]))):
        for group in groups:
            group.setflags(write=False)
        rows = core.Rows(groups, y.astype(label_type), weights, None, True)
        assert_equal(core.Softmax(rows, classes).evaluate(params, 2, 2), wanted, n)


@pytest.mark.parametrize("classes", CLASSES)
def test_standardised_columns_and_every_step_th_row(core: ModuleType, classes: int) -> None:
    x, y, weights, params = problem(1500, 11, classes)
    centre, scale = np.linspace(-5, 5, 11), 2.0 ** np.arange(11).clip(0, 6)
    params /= np.r_[1.0, scale]
    rows = core.Rows((x,), y, weights, None, True)
    rows.standardise(centre, scale)
    moved = (x - centre) * scale
    assert_equal(
        core.Softmax(rows, classes).evaluate(params, 2, 2),
        reference.evaluate_softmax(wide(moved), y, params, weights=weights),
        1500,
    )
    assert_equal(
        core.Softmax(rows.every(7), classes).evaluate(params, 2, 2),
        reference.evaluate_softmax(wide(moved[::7]), y[::7], params, weights=weights[::7]),
        1500,
    )


@pytest.mark.parametrize(("n", "p", "classes"), [(30_001, 5, 3), (20_001, 20, 5), (66_001, 12, 28), (3001, 70, 6)])
def test_same_bits_for_every_number_of_threads(core: ModuleType, n: int, p: int, classes: int) -> None:
    x, y, weights, params = problem(n, p, classes)
    softmax = core.Softmax(core.Rows((x,), y, weights, None, True), classes)
    for single in (False, True):
        first = softmax.evaluate(params, 2, 1, single)
        for threads in (2, 3, 4) if n < 60_000 else (3,):
            for a, b in zip(softmax.evaluate(params, 2, threads, single), first, strict=True):
                np.testing.assert_array_equal(a, b)
    for threads in (2, 3, 4):
        for a, b in zip(softmax.times(params, params, threads), softmax.times(params, params, 1), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("p", [3, 20, 70])
def test_single_precision_hessian(core: ModuleType, p: int) -> None:
    x, y, weights, params = problem(3000, p, 5, "f4")
    found = core.Softmax(core.Rows((x,), y, weights, None, True), 5).evaluate(0.2 * params, 2, 2, True)
    wanted = reference.evaluate_softmax(wide(x), y, 0.2 * params, weights=weights)
    bound = np.tile(wide(np.abs(x)).T @ (weights[:, np.newaxis] * wide(np.abs(x))), (4, 4))
    assert np.all(np.abs(found[2] - wanted[2]) <= 10 * 2.0**-24 * bound)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-11, atol=1e-9)


@pytest.mark.parametrize("p", [0, 3, 8, 20])
def test_two_classes_are_bernoulli(core: ModuleType, p: int) -> None:
    x, y, weights, params = problem(2500, p, 2)
    rows = core.Rows((x,), y, weights, None, True)
    logit = core.Leaf("bernoulli_logit")
    wanted = rows.evaluate(params[0], logit, 2, 2)
    nll, gradient, hessian, _ = core.Softmax(rows, 2).evaluate(params, 2, 2)
    assert math.isclose(nll, wanted[0], rel_tol=1e-14)
    np.testing.assert_allclose(gradient[0], wanted[1], rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(hessian, wanted[2], rtol=1e-12, atol=1e-11)
    direction = np.linspace(-1, 1, p + 1)
    np.testing.assert_allclose(
        core.Softmax(rows, 2).scan(params, direction[np.newaxis], 2),
        rows.scan(params[0], direction, logit, 2),
        rtol=1e-12,
    )


@pytest.mark.parametrize("classes", CLASSES)
def test_hessian_times_a_direction(core: ModuleType, classes: int) -> None:
    x, y, weights, params = problem(2500, 9, classes)
    direction = np.random.default_rng(4).standard_normal(params.shape)
    softmax = core.Softmax(core.Rows((x,), y, weights, None, True), classes)
    product, finite = softmax.times(params, direction, 2)
    hessian = softmax.evaluate(params, 2, 2)[2]
    assert finite
    np.testing.assert_allclose(product.ravel(), hessian @ direction.ravel(), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("classes", CLASSES)
def test_outer_products_of_the_scores(core: ModuleType, classes: int) -> None:
    x, y, weights, params = problem(300, 9, classes)
    found = core.Softmax(core.Rows((x,), y, weights, None, True), classes).scores(params, 2)[0]
    wanted = np.zeros_like(found)
    for i in range(300):
        score = reference.evaluate_softmax(wide(x[i : i + 1]), y[i : i + 1], params, order=1)[1].ravel()
        wanted += weights[i] * np.outer(score, score)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("classes", CLASSES)
def test_scan_finds_the_extremes(core: ModuleType, classes: int) -> None:
    x, y, weights, params = problem(2500, 6, classes)
    direction = np.random.default_rng(4).standard_normal(params.shape)
    softmax = core.Softmax(core.Rows((x,), y, weights, None, True), classes)
    steps = np.column_stack([np.zeros(2500), wide(x) @ direction.T])
    eta = np.column_stack([np.zeros(2500), wide(x) @ params.T])
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    others = (y[:, np.newaxis] != np.arange(classes)) & (weights > 0)[:, np.newaxis]
    gains = ((p * steps).sum(axis=1, keepdims=True) - steps)[others]
    leads = (steps[np.arange(2500), y][:, np.newaxis] - steps)[others]
    for threads in (1, 2):
        found = softmax.scan(params, direction, threads)
        np.testing.assert_allclose(found, (gains.max(), leads.min(), leads.max()), rtol=1e-11)
        np.testing.assert_allclose(softmax.probabilities(params, threads)[weights > 0], p[weights > 0], rtol=1e-11)


def exact_terms(eta, label: int):
    """nll, d1, d2 of one row, and the digits that eta's rounding leaves: exp(eta_k - eta_l) turns it into a factor."""
    wide_eta = [mpf(0), *(mpf(float(x)) for x in eta)]
    shares = [mpmath.exp(x - max(wide_eta)) for x in wide_eta]
    p = [share / mpmath.fsum(shares) for share in shares]
    d1 = [p[k] if k != label else -mpmath.fsum(p[:k] + p[k + 1 :]) for k in range(1, len(p))]
    d2 = [
        [p[k] * mpmath.fsum(p[:k] + p[k + 1 :]) if k == m else -p[k] * p[m] for m in range(1, len(p))]
        for k in range(1, len(p))
    ]
    nll = mpmath.log1p(mpmath.fsum(mpmath.exp(x - wide_eta[label]) for k, x in enumerate(wide_eta) if k != label))
    return nll, d1, d2


ETAS = [0.0, 1e-17, -1e-8, 0.3, -1.0, 2.5, 36.0, -37.0, 300.0, -345.0]


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_terms_keep_their_digits_however_sure_the_model_is(core: ModuleType, classes: int) -> None:
    rng = np.random.default_rng(classes)
    eta = rng.choice(ETAS, (400, classes - 1))
    y = rng.integers(0, classes, 400).astype(float)
    nll, d1, d2 = core.softmax_terms(eta, y)
    with mpmath.workdps(400):
        for i in range(400):
            wanted = exact_terms(eta[i], int(y[i]))
            # a difference of two etas is rounded once, at most by half a unit of its last place
            slack = (8 + 2 * np.ptp([0.0, *eta[i]])) * 2.0**-53
            for found, exact in zip(
                [nll[i], *d1[i], *d2[i].ravel()], [wanted[0], *wanted[1], *itertools.chain(*wanted[2])], strict=True
            ):
                assert abs(mpf(float(found)) - exact) <= slack * abs(exact) + mpf(2) ** -1074


def test_equally_likely_classes(core: ModuleType) -> None:
    for classes in (*range(2, 70), 127, 128, 129, 1000, 10_000):
        for label in (0, classes - 1):
            nll, d1, _ = core.softmax_terms(np.zeros((1, classes - 1)), np.array([float(label)]))
            assert abs(nll[0] - math.log(classes)) <= 4 * math.ulp(math.log(classes))
            assert math.isclose(d1[0, -1], 1 / classes - (label > 0), rel_tol=1e-15)
            if classes > 1000:
                break


@given(st.integers(1, 400), st.integers(0, 12), st.integers(2, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_any_class_can_be_the_reference(n: int, p: int, classes: int, data: st.DataObject) -> None:
    """Another order of the classes is the same model: parameters measured from the new first class."""
    order = np.array(data.draw(st.permutations(range(classes))))
    x, y, weights, params = problem(n, p, classes, seed=data.draw(st.integers(0, 999)))
    full = np.vstack([np.zeros(p + 1), params])[order]
    others = np.ascontiguousarray(full[1:] - full[0])
    nll, gradient, _, _ = _core.Softmax(_core.Rows((x,), y, weights, None, True), classes).evaluate(params, 1, 2)
    renamed = _core.Rows((x,), np.argsort(order)[y], weights, None, True)
    found = _core.Softmax(renamed, classes).evaluate(others, 1, 2)
    assert math.isclose(found[0], nll, rel_tol=1e-12, abs_tol=1e-12 * n)
    # the gradients of all classes sum to zero
    whole = np.vstack([-gradient.sum(axis=0), gradient])[order]
    np.testing.assert_allclose(found[1], whole[1:], rtol=1e-9, atol=1e-11 * n * classes)


def test_rows_of_weight_zero_are_absent_whatever_they_hold(core: ModuleType) -> None:
    x, y, _, params = problem(500, 9, 4)
    weights, labels = np.ones(500), y.astype(float)
    weights[::7] = 0.0
    wanted = reference.evaluate_softmax(wide(x), y, params, weights=weights)
    x[::7], labels[::7] = np.nan, np.inf
    softmax = core.Softmax(core.Rows((x,), labels, weights, None, True), 4)
    assert_equal(softmax.evaluate(params, 2, 1), wanted, 500)
    assert np.isfinite(softmax.scan(params, params, 1)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_says_if_an_eta_is_not_finite(core: ModuleType, bad: float) -> None:
    x, y, _, params = problem(3000, 5, 3)
    x[2900, 3] = bad
    softmax = core.Softmax(core.Rows((x,), y, None, None, True), 3)
    for order in (0, 1, 2):
        assert not softmax.evaluate(params, order, 2)[3]
    assert not softmax.times(params, params, 2)[1]


def test_refuses_what_does_not_fit(core: ModuleType) -> None:
    rows = core.Rows((np.zeros((3, 2)),), np.zeros(3), None, None, True)
    with pytest.raises(ValueError, match="two classes"):
        core.Softmax(rows, 1)
    softmax = core.Softmax(rows, 3)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        softmax.evaluate(np.zeros((3, 3)), 2, 1)
    with pytest.raises(ValueError, match="shape"):
        softmax.times(np.zeros((2, 3)), np.zeros((2, 2)), 1)
    with pytest.raises(ValueError, match="order"):
        softmax.evaluate(np.zeros((2, 3)), 3, 1)
    with pytest.raises(ValueError, match="same length"):
        core.softmax_terms(np.zeros((3, 2)), np.zeros(2))
