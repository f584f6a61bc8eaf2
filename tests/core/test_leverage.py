# SPDX-License-Identifier: BSD-3-Clause
"""Leverages and what is summed with them in the pass, against projection matrices."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from scipy import linalg
from scipy.special import expit

LOGIT = "bernoulli_logit"


def problem(n, p, order="C"):
    rng = np.random.default_rng([7, n, p])
    x = np.asarray(rng.standard_normal((n, p)), order=order)
    weights = rng.integers(0, 3, n).astype(float)
    return x, (rng.random(n) < 0.4).astype(float), weights, 0.3 * rng.standard_normal(n), rng.standard_normal(p + 1) / 4


def parts(x, y, weights, offset, params):
    """(x with ones, d1, d2, A with A A' the inverse of the information)."""
    wide = np.column_stack([np.ones(len(y)), x])
    mean = expit(wide @ params + offset)
    d2 = mean * (1 - mean)
    information = wide.T @ (wide * (weights * d2)[:, np.newaxis])
    return wide, mean - y, d2, linalg.inv(linalg.cholesky(information, lower=True)).T


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("n", "p"), [(130, 1), (1025, 7), (2500, 11), (1030, 24), (1500, 49), (1200, 70), (600, 260)])
def test_leverages_are_the_diagonal_of_a_projection(core: ModuleType, n: int, p: int, order: str) -> None:
    x, y, weights, offset, params = problem(n, p, order)
    wide, _, d2, inverse = parts(x, y, weights, offset, params)
    root = wide * np.sqrt(weights * d2)[:, np.newaxis]
    base = linalg.qr(root, mode="economic")[0]  # so that the projection is Q Q'
    wanted = np.square(base).sum(axis=1)
    rows = core.Rows((x,), y, weights, offset, True)
    found = rows.leverages(params, core.Leaf(LOGIT), 2, inverse)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-13)
    assert found.sum() == pytest.approx(p + 1, rel=1e-12)
    np.testing.assert_array_equal(rows.leverages(params, core.Leaf(LOGIT), 1, inverse), found)
    # any other square root of the inverse has the same lengths
    turned = inverse @ linalg.qr(np.random.default_rng(1).standard_normal((p + 1, p + 1)))[0]
    np.testing.assert_allclose(rows.leverages(params, core.Leaf(LOGIT), 2, turned), wanted, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("power", [0, 1, 2])
@pytest.mark.parametrize(("n", "p"), [(300, 3), (2500, 11), (1500, 66), (900, 257)])
def test_outer_products_of_the_scores(core: ModuleType, n: int, p: int, power: int) -> None:
    x, y, weights, offset, params = problem(n, p)
    wide, d1, d2, inverse = parts(x, y, weights, offset, params)
    length = np.square(wide @ inverse).sum(axis=1)
    rows = core.Rows((x,), y, weights, offset, True)
    for counted in (True, False):
        weight, share = (weights, 1.0) if counted else (weights**2, weights)
        terms = weight * d1**2 / (1 - share * d2 * length) ** power
        found, finite = rows.scores(params, core.Leaf(LOGIT), 2, inverse, power, counted)
        wanted = wide.T @ (wide * terms[:, np.newaxis])
        assert finite
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11 * np.abs(wanted).max())
        again, _ = rows.scores(params, core.Leaf(LOGIT), 1, inverse, power, counted)
        np.testing.assert_array_equal(found, again)


def test_a_weight_counts_rows(core: ModuleType) -> None:
    x, y, weights, offset, params = problem(700, 5)
    _, _, _, inverse = parts(x, y, weights, offset, params)
    times = weights.astype(int)
    repeated = core.Rows((np.repeat(x, times, axis=0),), np.repeat(y, times), None, np.repeat(offset, times), True)
    rows = core.Rows((x,), y, weights, offset, True)
    leaf = core.Leaf(LOGIT)
    for power in (0, 1, 2):
        found, wanted = (r.scores(params, leaf, 2, inverse, power)[0] for r in (rows, repeated))
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12 * np.abs(wanted).max())
    sums = [r.prior_slopes(params, leaf, 2, inverse) for r in (rows, repeated)]
    np.testing.assert_allclose(*sums, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("leaf", "y_of"), [(LOGIT, lambda r, n: r.random(n)), ("poisson_log", lambda r, n: r.poisson(2, n))]
)
def test_prior_slopes_are_the_gradient_of_the_determinant(core: ModuleType, leaf: str, y_of) -> None:
    """By central differences of log det I, whose gradient they are."""
    x, _, weights, offset, params = problem(400, 4)
    y = y_of(np.random.default_rng(2), 400).astype(float)
    rows = core.Rows((x,), y, weights, offset, True)

    def log_det(at):
        return np.linalg.slogdet(rows.evaluate(at, core.Leaf(leaf), 2, 1)[2])[1]

    information = rows.evaluate(params, core.Leaf(leaf), 2, 1)[2]
    inverse = linalg.inv(linalg.cholesky(information, lower=True)).T
    found = rows.prior_slopes(params, core.Leaf(leaf), 1, inverse)
    step = 1e-4
    wanted = [(log_det(params + step * e) - log_det(params - step * e)) / (2 * step) for e in np.eye(5)]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def test_a_row_of_leverage_one_is_not_finite(core: ModuleType) -> None:
    x, y, _, offset, params = problem(200, 2)
    x[:, 1] = 0.0
    x[17, 1] = 1.0
    *_, inverse = parts(x, y, np.ones(200), offset, params)
    rows = core.Rows((x,), y, None, offset, True)
    assert not rows.scores(params, core.Leaf(LOGIT), 1, inverse, 1)[1]
    assert rows.scores(params, core.Leaf(LOGIT), 1)[1]
    assert rows.leverages(params, core.Leaf(LOGIT), 1, inverse)[17] == pytest.approx(1.0, abs=1e-12)


def test_no_columns(core: ModuleType) -> None:
    y = np.array([0.0, 1.0, 1.0])
    rows = core.Rows((np.zeros((3, 0)),), y, None, None, True)
    found = rows.leverages(np.zeros(1), core.Leaf(LOGIT), 1, np.array([[(3 / 4) ** -0.5]]))
    np.testing.assert_allclose(found, np.full(3, 1 / 3), rtol=1e-15)


def test_refuses_what_has_no_meaning(core: ModuleType) -> None:
    rows = core.Rows((np.eye(3),), np.ones(3), None, None, False)
    leaf = core.Leaf(LOGIT)
    with pytest.raises(ValueError, match="power"):
        rows.scores(np.zeros(3), leaf, 1, None, 1)
    with pytest.raises(ValueError, match="3 rows"):
        rows.leverages(np.zeros(3), leaf, 1, np.eye(2))
    with pytest.raises(ValueError, match="third"):
        rows.prior_slopes(np.zeros(3), core.Leaf("gaussian"), 1, np.eye(3))
