# SPDX-License-Identifier: BSD-3-Clause
"""Every likelihood against its density: as textbooks have it, differentiated in 50 digits, and SciPy's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlefast


def test_the_density_is_scipys(case) -> None:
    x, y = case.data()
    exact, _, _ = case.exact(x, y, np.r_[0.4, 0.5, -0.3, case.true])
    wanted = -case.log_density(0.4 + x @ [0.5, -0.3], y, *case.true).sum()
    assert np.isclose(float(exact), wanted, rtol=1e-12)


@pytest.mark.parametrize("tol", [1e-6, 1e-9])
def test_the_fit_is_the_maximum_of_the_density(case, tol: float) -> None:
    """The step that Newton would take on the exact density, with the scale as a parameter, is below tol."""
    x, y = case.data()
    result = case.fit(x, y, tol=tol)
    assert result.converged
    exact, gradient, hessian = case.exact(x, y, case.everything(result))
    covariance = np.linalg.inv(hessian)
    assert np.linalg.eigvalsh(hessian).min() > 0
    assert np.abs(covariance @ gradient / np.sqrt(np.diagonal(covariance))).max() <= tol
    np.testing.assert_allclose(result.llf, float(-exact), rtol=1e-13)
    shown = len(result.params)
    errors = np.sqrt(np.diagonal(covariance))[:shown]
    np.testing.assert_allclose(result.bse, errors, rtol=1e-6)
    assert (np.abs(result.cov_params() - covariance[:shown, :shown]) / np.outer(errors, errors)).max() < 2e-6


def test_llf_is_the_sum_of_scipys_log_densities(case) -> None:
    x, y = case.data(2000)
    result = case.fit(x, y)
    theta = case.everything(result)
    rows = case.log_density(theta[0] + x @ theta[1:3], y, *theta[3:])
    np.testing.assert_allclose(result.llf, rows.sum(), rtol=1e-11)
    assert result.aic == -2 * result.llf + 2 * len(theta)
    np.testing.assert_allclose(result.bic, -2 * result.llf + np.log(2000) * len(theta), rtol=1e-15)


def test_evaluate_anywhere(case) -> None:
    x, y = case.data()
    theta = np.r_[-0.2, 0.9, 0.1, [0.3, 1.7][: len(case.true)]]
    params, scale = (theta[:-1], np.exp(theta[-1])) if case.scaled else (theta, 1.0)
    nll, gradient, hessian = mlefast.evaluate(x, y, params, likelihood=case.likelihood, scale=scale)
    exact, slopes, curvature = case.exact(x, y, theta)
    shown = len(params)
    np.testing.assert_allclose(nll, float(exact), rtol=1e-13)
    np.testing.assert_allclose(gradient, slopes[:shown], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(hessian, curvature[:shown, :shown], rtol=1e-12, atol=1e-12)


def test_terms_are_rows_of_scipys_log_density(case) -> None:
    eta = np.linspace(-2.0, 2.0, 9)
    y = np.asarray(case.distribution(eta, *case.true).rvs(random_state=np.random.default_rng(3)), dtype=float)
    values = np.exp(case.true)
    likelihood = case.likelihood if case.scaled or not case.true else case.likelihood.at(case.true)
    nll, _, _ = likelihood.terms(eta, y, scale=values[0] if case.scaled else 1.0)
    np.testing.assert_allclose(nll, -case.log_density(eta, y, *case.true), rtol=1e-12)


def test_predictions_are_scipys_means(case) -> None:
    x, y = case.data(300)
    result = case.fit(x, y)
    theta = case.everything(result)
    wanted = case.distribution(theta[0] + x @ theta[1:3], *theta[3:]).mean()
    np.testing.assert_allclose(result.predict(x), wanted, rtol=1e-9)
    with_offset = case.distribution(theta[0] + x @ theta[1:3] + 0.5, *theta[3:]).mean()
    np.testing.assert_allclose(result.predict(x, offset=np.full(300, 0.5)), with_offset, rtol=1e-9)


def test_null_model_and_deviance(case) -> None:
    """The null model is the fit without columns; deviances are twice the distance to a density at its peak."""
    x, y = case.data(300)
    result, null = case.fit(x, y), case.fit(np.empty((300, 0)), y)
    np.testing.assert_allclose(result.llnull, null.llf, rtol=1e-10)
    np.testing.assert_allclose(result.null_deviance, null.deviance, rtol=1e-8)
    theta = case.everything(result)
    peak = y if case.likelihood.link == "identity" else np.log(np.maximum(y, 1e-300))
    rows = case.log_density(theta[0] + x @ theta[1:3], y, *theta[3:])
    certain = (y == 0) | (case.likelihood.name == "bernoulli")  # rows that the best model is sure of
    best = np.where(certain & (case.likelihood.link != "identity"), 0.0, case.log_density(peak, y, *theta[3:]))
    unit = {"gaussian": result.scale**2, "gamma": result.scale}.get(case.name, 1.0)
    np.testing.assert_allclose(result.deviance, 2 * unit * (best - rows).sum(), rtol=1e-9)


def test_same_bits_for_every_number_of_threads(case) -> None:
    x, y = case.data(20_000)
    first, *others = [case.fit(x, y, threads=threads) for threads in (1, 2, 3)]
    for other in others:
        np.testing.assert_array_equal(other.params, first.params)
        np.testing.assert_array_equal(other.bse, first.bse)
        assert other.llf == first.llf


def test_a_pickled_result_is_small(case) -> None:
    x, y = case.data(20_000)
    result = case.fit(x, y)
    stored = pickle.dumps(result)
    assert len(stored) < 10_000
    back = pickle.loads(stored)
    assert str(back.summary()) == str(result.summary())
    np.testing.assert_array_equal(back.predict(x[:5]), result.predict(x[:5]))


def test_both_solvers_agree(case) -> None:
    x, y = case.data(500)
    irls, lbfgs = (case.fit(x, y, solver=solver, tol=1e-8) for solver in ("irls", "lbfgs"))
    assert np.abs((irls.params - lbfgs.params) / irls.bse).max() < 2e-8


def test_weights_are_repeated_rows(case) -> None:
    x, y = case.data(400)
    times = np.random.default_rng(1).integers(0, 4, 400)
    weighted = case.fit(x, y, weights=times, tol=1e-9)
    repeated = case.fit(np.repeat(x, times, axis=0), np.repeat(y, times), tol=1e-9)
    np.testing.assert_allclose(weighted.params, repeated.params, atol=2e-6 * weighted.bse.min())
    np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-6)
    for name in ("llf", "llnull", "aic", "bic", "nobs", "df_resid", "deviance", "scale"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-9, err_msg=name)
    # the null model is found to 1e-6 standard errors, and a shape parameter enters its deviance linearly
    np.testing.assert_allclose(weighted.null_deviance, repeated.null_deviance, rtol=1e-7)


seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, shift=st.floats(-1e4, 1e4), scale=st.floats(1e-5, 1e5))
@settings(max_examples=8, deadline=None)
def test_units_of_a_column(case, seed: int, shift: float, scale: float) -> None:
    x, y = case.data(200, seed % 50)
    other = np.column_stack([x[:, 0] * scale + shift * scale, x[:, 1]])
    first, second = case.fit(x, y), case.fit(other, y)
    moved = np.r_[second.params[1] * scale, second.params[2:]]
    assert np.abs((moved - first.params[1:]) / first.bse[1:]).max() < 1e-5
    np.testing.assert_allclose(second.tvalues[1:3], first.tvalues[1:3], rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(second.llf, first.llf, rtol=1e-11)


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_order_of_rows_and_split_weights(case, seed: int) -> None:
    x, y = case.data(200)
    rng = np.random.default_rng(seed)
    order, share = rng.permutation(200), rng.uniform(0.1, 0.9, 200)
    first = case.fit(x, y)
    moved = case.fit(x[order], y[order])
    split = case.fit(np.vstack([x, x]), np.r_[y, y], weights=np.r_[share, 1 - share])
    for other in (moved, split):
        assert np.abs((other.params - first.params) / first.bse).max() < 2e-6
        np.testing.assert_allclose(other.bse, first.bse, rtol=2e-6)
        np.testing.assert_allclose(other.llf, first.llf, rtol=1e-11)


def test_offset_moves_the_coefficients(case) -> None:
    x, y = case.data(400)
    plain, shifted = case.fit(x, y), case.fit(x, y, offset=0.3 * x[:, 0] - 0.2)
    moved = np.r_[0.2, -0.3, np.zeros(len(plain.params) - 2)]
    assert np.abs((shifted.params - plain.params - moved) / plain.bse).max() < 2e-6
    np.testing.assert_allclose(shifted.llf, plain.llf, rtol=1e-11)
