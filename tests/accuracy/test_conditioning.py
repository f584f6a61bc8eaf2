# SPDX-License-Identifier: BSD-3-Clause
"""Columns of every size, far from zero, and next to collinear: the digits of the coefficients against 50 digits."""

from __future__ import annotations

import numpy as np
import pytest

import mlefast

from .conftest import LOSSES

SIZES = (1e-8, 1e-4, 1.0, 1e4, 1e8)


def draw(likelihood, eta, rng):
    if likelihood == "bernoulli":
        return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    if likelihood == "poisson":
        return rng.poisson(np.exp(eta)).astype(float)
    return eta + rng.standard_normal(len(eta))


def check(likelihood, x, y, reference, digits, wanted, **options):
    """Coefficients and standard errors to so many digits; the log-likelihood to 12."""
    full = np.column_stack([np.ones(len(y)), x])
    # the reference starts where the fit has ended, since Newton's method from zero may be led astray
    result = mlefast.fit(x, y, likelihood=likelihood, tol=1e-9, **options)
    weights = options.get("weights")
    exact, inverse, loss = reference(full, y, LOSSES[likelihood], weights=weights, start=result.params)
    count = len(y) if weights is None else weights.sum()
    variance = 2 * loss / (count - full.shape[1]) if likelihood == "gaussian" else 1
    assert result.converged and result.rank == full.shape[1]
    assert digits(result.params, exact) >= wanted
    assert digits(result.bse, [(variance * inverse[j, j]) ** 0.5 for j in range(full.shape[1])]) >= wanted
    if likelihood != "gaussian":
        assert digits([result.llf], [-loss]) >= 12.0
    return result


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "gaussian"])
@pytest.mark.parametrize("shift", [0.0, 1e6, 1e8])
def test_columns_from_tiny_to_huge_and_far_from_zero(likelihood, shift, reference, digits):
    rng = np.random.default_rng([3, int(shift)])
    z = rng.standard_normal((150, len(SIZES)))
    y = draw(likelihood, 0.3 + z @ np.array([0.4, -0.3, 0.2, 0.5, -0.2]), rng)
    check(likelihood, (z + shift) * np.array(SIZES), y, reference, digits, 9.0)


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "gaussian"])
@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-8])
def test_columns_next_to_collinear(likelihood, apart, reference, digits):
    rng = np.random.default_rng(7)
    z = rng.standard_normal((150, 3))
    x = np.column_stack([z[:, 0], z[:, 0] + apart * z[:, 1], z[:, 2]])
    y = draw(likelihood, 0.5 * z[:, 0] - 0.3 * z[:, 1], rng)
    weights = rng.integers(1, 4, 150).astype(float)
    if likelihood != "bernoulli" or apart > 1e-8:
        check(likelihood, x, y, reference, digits, 9.0 if apart > 1e-8 else 7.5, weights=weights)


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("rows", [100, 300_000])
def test_combinations_up_to_rounding_are_found_in_many_rows_and_far_from_zero(rows, shift):
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((2, rows)) + shift
    x = np.column_stack([a, b, 0.3 * a + 0.7 * b, rng.standard_normal(rows)])
    with pytest.warns(mlefast.RankWarning, match="x3 = "):
        result = mlefast.fit(x, rng.random(rows) < 0.4)
    assert (result.rank, np.isnan(result.params).tolist()) == (4, [False, False, False, True, False])
