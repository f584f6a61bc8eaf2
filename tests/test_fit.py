# SPDX-License-Identifier: BSD-3-Clause
"""The fit: published values, planted optima, the conditions of a maximum, and what must not change it."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlefast
from mlefast import reference

# mtcars (Henderson and Velleman 1981): weight in 1,000 lb and manual transmission
WT = [2.62, 2.875, 2.32, 3.215, 3.44, 3.46, 3.57, 3.19, 3.15, 3.44, 3.44, 4.07, 3.73, 3.78, 5.25, 5.424, 5.345, 2.2]
WT += [1.615, 1.835, 2.465, 3.52, 3.435, 3.84, 3.845, 1.935, 2.14, 1.513, 3.17, 2.77, 3.57, 2.78]
AM = [1, 1, 1] + [0] * 14 + [1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


def data(n=2000, p=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    beta = 0.5 * rng.standard_normal(p + 1)
    y = (rng.random(n) < 1 / (1 + np.exp(-(beta[0] + x @ beta[1:])))).astype(float)
    return x, y


@pytest.mark.parametrize("solver", ["auto", "irls", "lbfgs"])
def test_r_glm_on_mtcars(solver: str) -> None:
    """summary(glm(am ~ wt, binomial, mtcars)) prints these; its standard errors are of the iteration before the last."""
    result = mlefast.fit(WT, AM, names=["wt"], solver=solver)
    np.testing.assert_allclose(result.params, [12.040, -4.024], atol=5e-4)
    np.testing.assert_allclose(result.bse, [4.510, 1.436], atol=1e-3)
    np.testing.assert_allclose(result.tvalues, [2.670, -2.801], atol=6e-4)
    np.testing.assert_allclose(result.pvalues, [0.00759, 0.00509], atol=6e-6)
    assert round(result.null_deviance, 3) == 43.230
    assert round(result.deviance, 3) == 19.176
    assert round(result.aic, 3) == 23.176
    assert (result.df_model, result.df_resid, result.nobs) == (1, 30, 32)
    assert result.converged and result.separation.verdict == "exists"


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
@pytest.mark.parametrize(("n", "p"), [(50, 1), (700, 6), (40_000, 20), (5_000, 140)])
def test_planted_optimum(solver: str, n: int, p: int) -> None:
    """Each row twice, as a yes with weight mu and a no with weight 1 - mu: beta is the exact maximum."""
    rng = np.random.default_rng([n, p])
    x = rng.standard_normal((n, p)) * 10.0 ** rng.integers(-4, 5, p) + 100.0 * rng.standard_normal(p)
    spread = x.std(axis=0)
    slopes = rng.standard_normal(p) / spread / np.sqrt(p)
    params = np.r_[0.3 - x.mean(axis=0) @ slopes, slopes]
    mean = 1 / (1 + np.exp(-(params[0] + x @ slopes)))
    result = mlefast.fit(
        np.vstack([x, x]), np.r_[np.ones(n), np.zeros(n)], weights=np.r_[mean, 1 - mean], solver=solver
    )
    assert result.converged
    assert np.abs((result.params - params) / result.bse).max() < 2e-6
    assert result.certificate.distance <= 1e-6


@pytest.mark.parametrize(("n", "p"), [(300, 3), (3_000, 30), (60_000, 10)])
def test_agrees_with_the_numpy_fit(n: int, p: int) -> None:
    x, y = data(n, p)
    wanted = reference.irls(np.column_stack([np.ones(n), x]), y, tol=1e-10)
    result = mlefast.fit(x, y)
    assert np.abs((result.params - wanted.params) / wanted.bse).max() < 1e-6
    np.testing.assert_allclose(result.bse, wanted.bse, rtol=2e-6)  # 1e-6 from a nearby information matrix
    assert np.isclose(result.llf, wanted.llf, rtol=1e-12)


def test_the_gradient_vanishes_and_the_hessian_is_positive() -> None:
    x, y = data(5000, 8)
    result = mlefast.fit(x, y, tol=1e-9)
    nll, gradient, hessian = mlefast.evaluate(x, y, result.params)
    assert np.isclose(-nll, result.llf, rtol=1e-13)
    assert np.abs(gradient).max() < 1e-6
    assert np.linalg.eigvalsh(hessian).min() > 0
    np.testing.assert_allclose(result.cov_params(), np.linalg.inv(hessian), rtol=4e-6, atol=1e-9)


def test_badly_scaled_columns() -> None:
    """Means and deviations eight orders apart: where other libraries stop standard errors away from the maximum."""
    rng = np.random.default_rng(7)
    plain = rng.standard_normal((2000, 4))
    y = rng.random(2000) < 1 / (1 + np.exp(-plain @ [0.5, -0.5, 1.0, 0.2]))
    centre, scale = np.array([0.0, 5e6, 0.0, -1e5]), np.array([1.0, 1e3, 1e-6, 0.1])
    ours, wanted = mlefast.fit(plain * scale + centre, y), mlefast.fit(plain, y)
    for solver in ("irls", "lbfgs"):
        ours = mlefast.fit(plain * scale + centre, y, solver=solver)
        assert ours.converged
        np.testing.assert_allclose(ours.params[1:] * scale, wanted.params[1:], rtol=1e-5)
        np.testing.assert_allclose(ours.tvalues[1:], wanted.tvalues[1:], rtol=1e-5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_affine_reparametrisation(seed: int) -> None:
    x, y = data(400, 3, seed)
    rng = np.random.default_rng(seed)
    matrix, shift = rng.standard_normal((3, 3)) + 3 * np.eye(3), rng.standard_normal(3) * 5
    first, second = mlefast.fit(x, y), mlefast.fit(x @ matrix + shift, y)
    slopes = matrix @ second.params[1:]
    np.testing.assert_allclose(slopes, first.params[1:], atol=1e-5 * first.bse[1:].max())
    np.testing.assert_allclose(second.params[0] + shift @ second.params[1:], first.params[0], atol=1e-5)
    np.testing.assert_allclose(second.llf, first.llf, rtol=1e-10)
    np.testing.assert_allclose(matrix @ second.cov_params()[1:, 1:] @ matrix.T, first.cov_params()[1:, 1:], rtol=1e-5)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    x, y = data(3000, 3, seed)
    order = np.random.default_rng(seed).permutation(len(y))
    first, second = mlefast.fit(x, y), mlefast.fit(x[order], y[order])
    assert np.abs((first.params - second.params) / first.bse).max() < 1e-6


def test_weights_are_repeated_rows_in_every_number() -> None:
    x, y = data(800, 3)
    times = np.random.default_rng(1).integers(0, 4, 800)
    weighted, repeated = mlefast.fit(x, y, weights=times), mlefast.fit(np.repeat(x, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.params, repeated.params, rtol=1e-6)
    np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-6)
    for name in ("llf", "llnull", "aic", "bic", "nobs", "df_resid", "deviance", "null_deviance"):
        assert np.isclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-9), name


def test_same_bits_for_every_number_of_threads() -> None:
    x, y = data(100_000, 7)
    results = [mlefast.fit(x, y, threads=threads) for threads in (1, 2, 3)]
    for other in results[1:]:
        np.testing.assert_array_equal(other.params, results[0].params)
        np.testing.assert_array_equal(other.bse, results[0].bse)


def test_offset_and_null_model() -> None:
    x, y = data(2000, 2)
    shifted = mlefast.fit(x, y, offset=0.7 * x[:, 0] - 1.0)
    plain = mlefast.fit(x, y)
    np.testing.assert_allclose(shifted.params, plain.params - [-1.0, 0.7, 0.0], atol=1e-6)
    assert np.isclose(shifted.llf, plain.llf, rtol=1e-12)
    ones = np.ones((2000, 1))
    null = reference.irls(ones, y)
    assert np.isclose(plain.llnull, null.llf, rtol=1e-12)
    only = mlefast.fit(np.empty((2000, 0)), y, offset=0.7 * x[:, 0] - 1.0)
    assert np.isclose(shifted.llnull, only.llf, rtol=1e-12)


def test_without_intercept_and_from_a_start() -> None:
    x, y = data(1000, 3)
    result = mlefast.fit(x, y, intercept=False)
    assert result.names == ("x1", "x2", "x3")
    wanted = reference.irls(x, y, tol=1e-10)
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-6 * wanted.bse.max())
    again = mlefast.fit(x, y, intercept=False, start=result.params)
    assert again.iterations <= 1


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_float32_gives_float64_answers(solver: str) -> None:
    x, y = data(20_000, 6)
    x = x.astype(np.float32)
    single, double = mlefast.fit(x, y, solver=solver), mlefast.fit(x.astype(float), y)
    assert single.params.dtype == np.float64 and single.converged
    assert np.abs((single.params - double.params) / double.bse).max() < 2e-6
    np.testing.assert_allclose(single.bse, double.bse, rtol=1e-5)


@pytest.mark.parametrize(
    "labels", [[0, 1], [False, True], ["no", "yes"], [1, 2], [np.str_("late"), np.str_("on time")], [-1.0, 1.0]]
)
def test_labels(labels: list) -> None:
    x, y = data(500, 2)
    wanted = mlefast.fit(x, y)
    result = mlefast.fit(x, np.array(labels)[y.astype(int)])
    np.testing.assert_array_equal(result.params, wanted.params)
    assert list(result.classes) == labels


def test_missing_rows_are_dropped_and_counted() -> None:
    x, y = data(3000, 3)
    wanted = mlefast.fit(x[10:], y[10:])
    x[:4, 1] = np.nan
    y[4:6] = np.nan
    weights = np.ones(3000)
    weights[6:10] = np.nan
    result = mlefast.fit(x, y, weights=weights, missing="drop")
    assert result.dropped == 10 and result.nobs == 2990
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-6)
    text = mlefast.fit(x[10:], np.where(y[10:] > 0, "yes", "no").astype(object), missing="drop")
    assert text.dropped == 0


def test_aliased_columns_are_named_with_their_combination() -> None:
    x, y = data(1000, 3)
    wide = np.column_stack([x, 2 * x[:, 0] - x[:, 2] + 3, np.full(1000, 5.0)])
    with pytest.warns(mlefast.RankWarning, match=r"x4 = 3 Intercept \+ 2 x1 - 1 x3"):
        result = mlefast.fit(wide, y)
    assert result.rank == 4
    np.testing.assert_array_equal(np.isnan(result.params), [False, False, False, False, True, True])
    np.testing.assert_allclose(result.params[:4], mlefast.fit(x, y).params, atol=1e-6)
    np.testing.assert_allclose(result.predict(wide), mlefast.fit(x, y).predict(x), atol=1e-6)


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_complete_separation_is_proved(solver: str) -> None:
    x, _ = data(400, 3)
    with pytest.warns(mlefast.SeparationWarning, match="x1"):
        result = mlefast.fit(x, x[:, 0] > 0, solver=solver)
    assert not result.converged and result.separation.verdict == "separated"
    s = np.where(x[:, 0] > 0, 1, -1)
    margins = s * (result.separation.direction[0] + x @ result.separation.direction[1:])
    assert margins.min() >= -1e-8 * margins.max()


def test_quasi_separation_names_the_column() -> None:
    x, y = data(400, 2)
    rare = (np.arange(400) % 7 == 0).astype(float)
    with pytest.warns(mlefast.SeparationWarning, match="x3"):
        result = mlefast.fit(np.column_stack([x, rare]), np.where(rare > 0, 1.0, y))
    assert result.separation.columns[0] == "x3"


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_verdict_on_existence_is_that_of_a_linear_programme(seed: int) -> None:
    import warnings

    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(8, 30)), int(rng.integers(1, 4))
    x = rng.integers(-1, 2, (n, p)).astype(float) if seed % 2 else rng.standard_normal((n, p))
    y = rng.integers(0, 2, n).astype(float)
    wide = np.column_stack([np.ones(n), x])
    if y.min() == y.max() or np.linalg.matrix_rank(wide) < p + 1:
        return
    signed = (2 * y - 1)[:, np.newaxis] * wide
    # separated if some direction d has signed d >= 0 with a positive sum
    programme = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(n), bounds=[(-1, 1)] * (p + 1))
    separated = -programme.fun > 1e-7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.MlefastWarning)
        verdict = mlefast.fit(x, y).separation.verdict
    assert verdict == ("separated" if separated else "exists")


def test_not_converged_is_said_with_the_distance() -> None:
    x, y = data(500, 3)
    with pytest.warns(
        mlefast.ConvergenceWarning, match=r"standard errors from the maximum.*largest gradient.*Raise max_iter"
    ):
        result = mlefast.fit(x, y, max_iter=1)
    assert not result.converged and result.certificate.distance > 1e-6


def test_a_result_pickles_small_and_holds_no_data() -> None:
    x, y = data(50_000, 20)
    result = mlefast.fit(x, y)
    dump = pickle.dumps(result)
    assert len(dump) < 10_000
    np.testing.assert_array_equal(pickle.loads(dump).params, result.params)


def test_progress_reports_every_pass() -> None:
    x, y = data(5000, 3)
    seen = []
    result = mlefast.fit(x, y, progress=seen.append)
    assert len(seen) >= 3 and seen[-1].distance <= 1e-6
    assert all(a.passes < b.passes for a, b in itertools.pairwise(seen))
    assert np.isclose(-seen[-1].nll, result.llf)
