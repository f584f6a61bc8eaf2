# SPDX-License-Identifier: BSD-3-Clause
"""The fit: published values, planted optima, the conditions of a maximum, and what must not change it."""

from __future__ import annotations

import itertools
import pickle
import warnings

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


@pytest.mark.parametrize("weight", [1e-8, 1 / 2000, 1e6])
def test_weights_of_any_size_scale_standard_errors(weight: float) -> None:
    x, y = data(2000, 4)
    wanted, result = (mlefast.fit(x, y, tol=1e-10, weights=w) for w in (None, np.full(2000, weight)))
    np.testing.assert_allclose(result.bse * np.sqrt(weight), wanted.bse, rtol=1e-6)


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
@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize("p", [5, 70])
def test_aliased_columns_in_single_precision(solver: str, kind: type, p: int) -> None:
    rng = np.random.default_rng(p)
    x = rng.integers(-3, 4, (4000, p))
    y = rng.random(4000) < 1 / (1 + np.exp(-0.3 * x[:, 0]))
    wide = np.column_stack([x, x[:, 0] + x[:, 1]]).astype(kind)
    wanted = mlefast.fit(x, y)
    with pytest.warns(mlefast.RankWarning, match=rf"x{p + 1} = 1 x1 \+ 1 x2"):
        result = mlefast.fit(wide, y, solver=solver)
    assert result.converged and result.rank == p + 1
    assert np.abs((result.params[:-1] - wanted.params) / wanted.bse).max() < 2e-6


def test_a_start_on_an_aliased_column_goes_to_the_columns_that_stay() -> None:
    x, y = data(1000, 2)
    wide = np.column_stack([x, x.sum(axis=1)])
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit(wide, y, start=[0.0, 0.0, 0.0, 5.0])
    np.testing.assert_allclose(result.params[:3], mlefast.fit(x, y).params, atol=1e-6)
    np.testing.assert_allclose(result.predict(wide), mlefast.fit(x, y).predict(x), atol=1e-6)


@pytest.mark.parametrize(("n", "p"), [(20, 40), (60, 100), (100, 150), (200, 250)])
@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_the_rank_of_wide_data_is_the_number_of_rows(n: int, p: int, solver: str) -> None:
    rng = np.random.default_rng(1)
    with pytest.warns(mlefast.MlefastWarning):
        result = mlefast.fit(rng.standard_normal((n, p)), np.arange(n) % 2, solver=solver)
    assert (result.rank, result.df_resid, result.separation.verdict) == (n, 0, "separated")


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


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
@pytest.mark.parametrize("shift", [30.0, -100.0, 800.0, 1e6])
def test_an_offset_of_any_size_is_taken_back_by_the_intercept(solver: str, shift: float) -> None:
    x, y = data(2000, 2)
    wanted, result = mlefast.fit(x, y), mlefast.fit(x, y, offset=np.full(2000, shift), solver=solver)
    np.testing.assert_allclose(result.params, wanted.params - [shift, 0, 0], atol=1e-5 * wanted.bse.min(), rtol=1e-9)
    np.testing.assert_allclose([result.llf, result.llnull], [wanted.llf, wanted.llnull], rtol=1e-11)
    assert result.converged and result.separation.verdict == "exists"


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
@pytest.mark.parametrize("start", [[36, 0, 0], [-40, 0, 0], [0, 300, -100], [50, 20, 20]])
def test_a_far_start_finds_the_way_back(solver: str, start: list[float]) -> None:
    x, y = data(500, 2)
    wanted, result = mlefast.fit(x, y), mlefast.fit(x, y, start=start, solver=solver)
    assert result.converged
    np.testing.assert_allclose(result.params, wanted.params, atol=2e-6 * wanted.bse.max())


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
@pytest.mark.parametrize("start", [[800, 0, 0], [0, 1e200, 1e300]])
def test_where_no_row_tells_anything_columns_are_not_aliased(solver: str, start: list[float]) -> None:
    x, y = data(500, 2)
    with pytest.warns(mlefast.ConvergenceWarning, match="Start nearer to zero") as caught:
        result = mlefast.fit(x, y, start=start, solver=solver)
    assert len(caught) == 1
    assert (result.rank, result.aliased, result.converged) == (3, (), False)
    assert result.certificate.distance == np.inf
    np.testing.assert_allclose(result.params, start)


def test_a_null_model_that_is_not_found_has_no_likelihood(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data(500, 2)
    find = mlefast.assessment.irls
    monkeypatch.setattr(mlefast.assessment, "irls", lambda *a, **k: find(*a, **{**k, "max_iter": 0}))
    assert np.isnan(mlefast.fit(x, y, offset=x[:, 0]).llnull)


def test_not_converged_is_said_with_the_distance() -> None:
    x, y = data(500, 3)
    with pytest.warns(
        mlefast.ConvergenceWarning, match=r"after 1 iteration: .*from the maximum.*largest gradient.*Raise max_iter"
    ):
        result = mlefast.fit(x, y, max_iter=1)
    assert not result.converged and result.certificate.distance > 1e-6


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_a_tolerance_below_rounding_is_said_to_be_one(solver: str) -> None:
    x, y = data(20_000, 3)
    with pytest.warns(mlefast.ConvergenceWarning, match=r"Rounding lets these data come no nearer. Raise tol."):
        result = mlefast.fit(x, y, tol=1e-300, solver=solver)
    assert result.iterations < 50 and result.certificate.distance < 1e-12


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_no_iteration_is_taken_where_none_is_allowed(solver: str) -> None:
    x, y = data(500, 3)
    with pytest.warns(mlefast.ConvergenceWarning, match="after 0 iterations"):
        result = mlefast.fit(x, y, max_iter=0, solver=solver, start=[0.1, 0.2, 0.3, 0.4])
    assert result.iterations == 0
    np.testing.assert_allclose(result.params, [0.1, 0.2, 0.3, 0.4])


def test_a_result_pickles_small_and_holds_no_data() -> None:
    x, y = data(50_000, 20)
    result = mlefast.fit(x, y)
    dump = pickle.dumps(result)
    assert len(dump) < 10_000
    np.testing.assert_array_equal(pickle.loads(dump).params, result.params)


def test_a_constant_among_the_columns_counts_as_the_intercept() -> None:
    """The same model in other words has the same degrees of freedom and the same test against the null model."""
    x, y = data(3000, 2)
    level = np.arange(3000) % 3
    dummies = level[:, np.newaxis] == np.arange(3)
    wanted = mlefast.fit(np.column_stack([x, dummies[:, 1:]]), y)
    for same in (
        np.column_stack([x, dummies]),
        np.column_stack([np.ones(3000), x, dummies[:, 1:]]),
        np.column_stack([1e8 * (1 + x), 1e-8 * x, np.arange(3000) % 3 == 0, level == 1, level == 2])[
            :, [1, 0, 2, 3, 4]
        ],
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlefast.RankWarning)
            result = mlefast.fit(same, y, intercept=False)
        assert result.constant and result.df_model == result.rank - 1
    for same in (np.column_stack([x, dummies]), np.column_stack([np.ones(3000), x, dummies[:, 1:]])):
        result = mlefast.fit(same, y, intercept=False)
        assert (result.df_model, result.df_resid) == (wanted.df_model, wanted.df_resid)
        np.testing.assert_allclose(
            [result.llf, result.llr, result.llr_pvalue], [wanted.llf, wanted.llr, wanted.llr_pvalue]
        )
    alone = mlefast.fit(x, y, intercept=False)
    assert not alone.constant and alone.df_model == 2
    rare = np.column_stack([np.arange(3000) != 1717, x])  # constant but for one row
    assert not mlefast.fit(rare, y, intercept=False).constant


@pytest.mark.parametrize("spoiled", ["X", "y", "label", "offset"])
def test_what_stands_in_rows_of_weight_zero_does_not_matter(spoiled: str) -> None:
    x, y = data(300, 2)
    offset, weights = 0.1 * x[:, 0], np.arange(300) % 3.0
    off = weights == 0
    wanted = mlefast.fit(x[~off], y[~off], weights=weights[~off], offset=offset[~off])
    if spoiled == "X":
        x[off] = np.array([np.nan, np.inf])
    elif spoiled == "y":
        y[off] = np.nan
    elif spoiled == "label":
        y[off] = 7.0
    else:
        offset[off] = np.inf
    result = mlefast.fit(x, y, weights=weights, offset=offset)
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-6 * wanted.bse.min())
    assert (result.nobs, result.dropped) == (wanted.nobs, 0)
    assert np.isclose(result.llnull, wanted.llnull)
    if spoiled != "label":
        assert mlefast.fit(x, y, weights=weights, offset=offset, missing="drop").dropped == 0


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_progress_tells_the_length_of_each_step(solver: str) -> None:
    x, y = data(5000, 3)
    seen = []
    mlefast.fit(x, y, progress=seen.append, solver=solver, start=np.zeros(4))
    steps = [iteration.step for iteration in seen]
    assert np.isnan(steps[0]) and np.isfinite(steps[1:-1]).all()
    assert max(steps[1:-1]) > 1.0 > min(steps[1:-1])  # standard errors


def test_progress_reports_every_pass() -> None:
    x, y = data(5000, 3)
    seen = []
    result = mlefast.fit(x, y, progress=seen.append)
    assert len(seen) >= 3 and seen[-1].distance <= 1e-6
    assert all(a.passes < b.passes for a, b in itertools.pairwise(seen))
    assert np.isclose(-seen[-1].nll, result.llf)
