# SPDX-License-Identifier: BSD-3-Clause
"""sigmoid, softplus and the Bernoulli terms against mpmath, in units in the last place of the result."""

from __future__ import annotations

from types import ModuleType

import mpmath
import numpy as np
import pytest

import mlefast

mpmath.mp.dps = 60


def points() -> np.ndarray:
    rng = np.random.default_rng(20)
    special = [0.0, -0.0, 5e-324, 1e-310, 2.3e-308, 1e-300, 1e-20, 1e-16, 2.2e-16, 1e-8, 0.1, 0.34657, 0.6931, 1.0, 2.0]
    special += [
        17.0,
        36.7,
        36.8,
        37.0,
        40.0,
        88.7,
        103.9,
        700.0,
        708.3,
        708.4,
        709.7,
        720.0,
        744.4,
        745.1,
        745.2,
        746.0,
    ]
    special += [800.0, 1e4, 1e10, 1e100, 1e300, np.finfo(float).max]
    halves = np.log(2) * (np.arange(60) + 0.5)
    spread = np.concatenate([rng.uniform(0, 3, 600), rng.uniform(0, 40, 600), rng.uniform(0, 746, 300), halves])
    spread = np.concatenate([spread, 10.0 ** rng.uniform(-300, 3, 300), special])
    return np.concatenate([spread, -spread])


def sigma(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.exp(x) / (1 + mpmath.exp(x)) if x < 0 else 1 / (1 + mpmath.exp(-x))


def softplus(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


def exact_terms(eta: float, y: int) -> tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf]:
    x = mpmath.mpf(eta)
    s = 2 * y - 1
    if abs(x) > 20000:  # all exponentials are zero in any precision that matters
        lean = max(mpmath.mpf(0), -s * x)
        return lean, mpmath.mpf(-s if lean > 0 else 0), mpmath.mpf(0)
    return softplus(-s * x), -s * sigma(-s * x), sigma(x) * sigma(-x)


def largest_error(found: np.ndarray, exact: list[mpmath.mpf], dtype: type) -> float:
    """The largest error in ULP of the results that are normal numbers; zero and subnormal ones within two units."""
    info = np.finfo(dtype)
    worst = 0.0
    for value, truth in zip(found, exact, strict=True):
        size = abs(truth)
        if size > mpmath.mpf(float(info.max)) * (1 + mpmath.mpf(2) ** -60):
            assert np.isinf(value)
            continue
        exponent = max(mpmath.frexp(size)[1] - 1, info.minexp) if size > 0 else info.minexp
        ulp = mpmath.mpf(2) ** (int(exponent) - info.nmant)
        error = float(abs(mpmath.mpf(float(value)) - truth) / ulp)
        if size >= mpmath.mpf(float(info.smallest_normal)):
            worst = max(worst, error)
        else:
            assert error <= 2.0
    return worst


@pytest.mark.parametrize("y", [0, 1])
def test_terms_in_doubles(core: ModuleType, y: int) -> None:
    eta = points()
    found = core.terms(eta, np.full(eta.size, float(y)), core.Leaf("bernoulli_logit"))
    exact = [exact_terms(float(x), y) for x in eta]
    errors = [largest_error(found[k], [row[k] for row in exact], np.float64) for k in range(3)]
    # the bound stated in include/vmath.h; d2 is a product of two
    assert errors[0] < 1.6 and errors[1] < 1.6 and errors[2] < 2.5, errors


@pytest.mark.parametrize("y", [0, 1])
def test_terms_in_floats(y: int) -> None:
    eta = points()
    eta = eta[np.abs(eta) < 3e38].astype(np.float32)
    found = mlefast.Bernoulli().terms(eta, np.full(eta.size, y))
    assert all(part.dtype == np.float32 for part in found)
    exact = [exact_terms(float(x), y) for x in eta]
    for k in range(3):
        assert largest_error(found[k], [row[k] for row in exact], np.float32) < 2.0


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9])
def test_fractional_labels(core: ModuleType, fraction: float) -> None:
    eta = points()
    eta = eta[np.abs(eta) < 1e4]
    nll, d1, _ = core.terms(eta, np.full(eta.size, fraction), core.Leaf("bernoulli_logit"))
    y = mpmath.mpf(fraction)
    for x, value, slope in zip(eta, nll, d1, strict=True):
        truth = y * softplus(-mpmath.mpf(float(x))) + (1 - y) * softplus(mpmath.mpf(float(x)))
        assert abs(mpmath.mpf(float(value)) - truth) <= 4e-16 * truth
        assert abs(mpmath.mpf(float(slope)) - (sigma(mpmath.mpf(float(x))) - y)) <= 3e-16


def test_infinities_and_nan(core: ModuleType) -> None:
    eta = np.array([np.inf, -np.inf, np.inf, -np.inf, np.nan, np.nan])
    y = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 1.0])
    nll, d1, d2 = core.terms(eta, y, core.Leaf("bernoulli_logit"))
    np.testing.assert_array_equal(nll, [0.0, 0.0, np.inf, np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(d1[:4], [0.0, 0.0, 1.0, -1.0])
    np.testing.assert_array_equal(d2[:4], 0.0)
    assert np.isnan(d1[4:]).all() and np.isnan(d2[4:]).all()


def test_empty(core: ModuleType) -> None:
    assert [part.shape for part in core.terms(np.empty(0), np.empty(0), core.Leaf("bernoulli_logit"))] == [(0,)] * 3
