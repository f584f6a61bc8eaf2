# SPDX-License-Identifier: BSD-3-Clause
"""What a change of the data does to the answer, which mathematics says: for all likelihoods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlefast

LIKELIHOODS = {
    "bernoulli": "bernoulli",
    "probit": mlefast.Bernoulli(link="probit"),
    "cloglog": mlefast.Bernoulli(link="cloglog"),
    "categorical": "categorical",
    "gaussian": "gaussian",
    "laplace": "laplace",
    "poisson": "poisson",
    "gamma": "gamma",
    "negative_binomial": "negative_binomial",
    "student_t": mlefast.StudentT(nu=4),
}
ROWS = 80
EXACT = {"laplace"}  # which takes no tol


def draw(name):
    """Multiples of 1/64, so that sums with whole numbers are exact, and whole weights."""
    rng = np.random.default_rng(4)
    x = np.round(64.0 * rng.standard_normal((ROWS, 2))) / 64.0
    eta = 0.3 + 0.4 * x[:, 0] - 0.2 * x[:, 1]
    y = {
        "categorical": lambda: rng.integers(0, 3, ROWS),
        "gaussian": lambda: eta + rng.standard_normal(ROWS),
        "laplace": lambda: eta + rng.standard_normal(ROWS),
        "student_t": lambda: eta + rng.standard_t(3, ROWS),
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "gamma": lambda: rng.gamma(2.0, np.exp(eta)),
        "negative_binomial": lambda: rng.poisson(np.exp(eta) * rng.gamma(0.5, 2.0, ROWS)),
    }.get(name, lambda: (rng.random(ROWS) < 1 / (1 + np.exp(-eta))).astype(float))()
    return x, y, rng.integers(1, 4, ROWS).astype(float)


def fit(name, x, y, weights):
    options = {} if name in EXACT else {"tol": 1e-9}
    return mlefast.fit(x, y, likelihood=LIKELIHOODS[name], weights=weights, **options)


@pytest.fixture(scope="module", params=LIKELIHOODS)
def fitted(request):
    data = draw(request.param)
    return request.param, data, fit(request.param, *data)


def assert_same(found, wanted, params, errors):
    """The parameters to 1e-8 of their standard errors, as far as doubles tell them, and the other numbers."""
    assert found.converged
    rounding = 1e-13 * np.abs(params).max()
    np.testing.assert_array_less(np.abs(found.params - params), 1e-8 * errors + rounding)
    np.testing.assert_allclose(found.bse[..., 1:], errors[..., 1:], rtol=1e-6)
    np.testing.assert_allclose(found.llf, wanted.llf, rtol=1e-11)


@settings(max_examples=10, deadline=None)
@given(st.integers(-(2**20), 2**20), st.integers(-20, 20))
def test_a_constant_and_a_scale_of_a_column(fitted, constant, power):
    name, (x, y, weights), before = fitted
    scale = 2.0**power
    after = fit(name, np.column_stack([(x[:, 0] + constant) * scale, x[:, 1]]), y, weights)
    params, errors = before.params.copy(), before.bse.copy()
    params[..., 0] -= constant * params[..., 1]
    params[..., 1] /= scale
    errors[..., 1] /= scale
    errors[..., 0] = after.bse[..., 0]  # which has covariances in it
    assert_same(after, before, params, errors)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(ROWS)))
def test_the_order_of_the_rows(fitted, order):
    name, (x, y, weights), before = fitted
    after = fit(name, x[order], y[order], weights[order])
    assert_same(after, before, before.params, before.bse)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, ROWS - 1), st.floats(0.1, 0.9))
def test_a_row_in_two_parts(fitted, row, share):
    name, (x, y, weights), before = fitted
    parts = np.hstack([weights, share * weights[row]])
    parts[row] *= 1.0 - share
    after = fit(name, np.vstack([x, x[row]]), np.hstack([y, y[row]]), parts)
    assert_same(after, before, before.params, before.bse)
