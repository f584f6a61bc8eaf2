# SPDX-License-Identifier: BSD-3-Clause
"""Categorical fits against contingency tables, Bernoulli, the score equations, and each other."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

import mlefast
from mlefast import reference

SOLVERS = ["irls", "lbfgs"]


def data(n: int, p: int, classes: int, seed: int = 0):
    """Rows whose labels follow a model, all classes among them."""
    rng = np.random.default_rng([seed, n, p, classes])
    x = rng.standard_normal((n, p))
    eta = np.column_stack(
        [np.zeros(n), 0.5 * rng.standard_normal(classes - 1) + x @ rng.standard_normal((p, classes - 1))]
    )
    y = (0.5 * eta + rng.gumbel(size=eta.shape)).argmax(axis=1)
    y[:classes] = np.arange(classes)
    return x, y


def wide(x):
    return np.column_stack([np.ones(len(x)), x])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("classes", [2, 3, 6])
def test_a_contingency_table_has_its_log_odds_ratios(solver: str, classes: int) -> None:
    """Groups against labels: estimates and errors are formulas of the counts (Agresti 2013, section 3.1)."""
    counts = np.random.default_rng(classes).integers(3, 90, (4, classes))
    group, label = np.indices(counts.shape)
    x = (group.ravel()[:, np.newaxis] == np.arange(1, 4)).astype(float)
    result = mlefast.fit(x, label.ravel(), weights=counts.ravel(), likelihood="categorical", solver=solver)
    odds = np.log(counts[:, 1:] / counts[:, :1]).T
    np.testing.assert_allclose(result.params, np.column_stack([odds[:, :1], odds[:, 1:] - odds[:, :1]]), atol=1e-7)
    squares = (1 / counts[:, 1:] + 1 / counts[:, :1]).T
    spread = np.sqrt(np.column_stack([squares[:, :1], squares[:, 1:] + squares[:, :1]]))
    np.testing.assert_allclose(result.bse, spread, rtol=1e-6)
    # two classes share the reference: covariance of their intercepts
    covariance = result.cov_params().reshape(classes - 1, 4, classes - 1, 4)
    np.testing.assert_allclose(
        covariance[:, 0, :, 0], np.diag(1 / counts[0, 1:]) + 1 / counts[0, 0], rtol=1e-6, atol=1e-12
    )
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert math.isclose(result.llf, (counts * np.log(shares)).sum(), rel_tol=1e-12)
    total = counts.sum(axis=0)
    assert math.isclose(result.llnull, (total * np.log(total / total.sum())).sum(), rel_tol=1e-12)
    np.testing.assert_allclose(result.predict(np.vstack([np.zeros(3), np.eye(3)])), shares, atol=1e-8)
    assert (result.df_model, result.rank, result.df_resid) == (
        3 * (classes - 1),
        4 * (classes - 1),
        counts.sum() - 4 * (classes - 1),
    )
    assert result.converged and result.separation.verdict == "exists"


@pytest.mark.parametrize("covariance", ["fisher", "HC0"])
@pytest.mark.parametrize("intercept", [True, False])
def test_two_classes_are_bernoulli(intercept: bool, covariance: str) -> None:
    x, y = data(800, 4, 2)
    options = {"intercept": intercept, "covariance": covariance, "weights": np.arange(800) % 3}
    wanted = mlefast.fit(x, y, likelihood="bernoulli", **options)
    result = mlefast.fit(x, y, likelihood="categorical", **options)
    assert result.params.shape == (1, 4 + intercept) and result.names == wanted.names
    for name in ("params", "bse", "tvalues", "pvalues"):
        np.testing.assert_allclose(getattr(result, name)[0], getattr(wanted, name), rtol=1e-8)
    np.testing.assert_allclose(result.conf_int()[0], wanted.conf_int(), rtol=1e-8)
    np.testing.assert_allclose(result.cov_params(), wanted.cov_params(), rtol=1e-8, atol=1e-12)
    for name in (
        "llf",
        "llnull",
        "aic",
        "bic",
        "deviance",
        "null_deviance",
        "df_model",
        "df_resid",
        "nobs",
        "llr_pvalue",
    ):
        assert math.isclose(getattr(result, name), getattr(wanted, name), rel_tol=1e-10), name
    np.testing.assert_allclose(result.predict(x)[:, 1], wanted.predict(x), rtol=1e-8)
    assert result.separation.margin > 0 and wanted.separation.margin > 0


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("n", "p", "classes"), [(60, 1, 3), (500, 6, 4), (3000, 20, 9), (40_000, 12, 12)])
def test_at_the_maximum_the_score_is_zero(solver: str, n: int, p: int, classes: int) -> None:
    x, y = data(n, p, classes)
    x = 3.0 * x + 100.0
    result = mlefast.fit(x, y, likelihood="categorical", solver=solver)
    nll, gradient, hessian = reference.evaluate_softmax(wide(x), y, result.params)
    assert math.isclose(-nll, result.llf, rel_tol=1e-11)
    step = np.linalg.solve(hessian, gradient.ravel())
    assert np.abs(step / result.bse.ravel()).max() < 2e-6
    np.testing.assert_allclose(result.bse.ravel() ** 2, np.diagonal(np.linalg.inv(hessian)), rtol=1e-5)
    eta = np.column_stack([np.zeros(n), wide(x) @ result.params.T])
    np.testing.assert_allclose(np.log(result.predict(x)), eta - logsumexp(eta, axis=1, keepdims=True), atol=1e-9)
    assert result.converged


def test_a_start_from_a_sample_and_lbfgs_end_at_the_same_place() -> None:
    x, y = data(60_000, 10, 5)
    found = [mlefast.fit(x, y, likelihood="categorical", solver=solver) for solver in ("auto", *SOLVERS)]
    for other in found[1:]:
        np.testing.assert_allclose(other.params, found[0].params, atol=2e-6 * found[0].bse.min())
        np.testing.assert_allclose(other.bse, found[0].bse, rtol=1e-5)
    assert found[1].passes < 7


def test_float32_columns_and_the_number_of_threads() -> None:
    x, y = data(20_000, 8, 7)
    found = mlefast.fit(x.astype("f4"), y, likelihood="categorical", threads=1)
    wanted = mlefast.fit(x.astype("f4").astype(float), y, likelihood="categorical")
    np.testing.assert_allclose(found.params, wanted.params, atol=2e-6 * wanted.bse.min())
    np.testing.assert_allclose(found.bse, wanted.bse, rtol=1e-5)
    np.testing.assert_array_equal(
        found.params, mlefast.fit(x.astype("f4"), y, likelihood="categorical", threads=3).params
    )


@given(st.permutations(range(4)), st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_another_reference_is_the_same_model(order: list[int], seed: int) -> None:
    x, y = data(400, 3, 4, seed)
    one, other = (mlefast.fit(x, labels, likelihood="categorical") for labels in (y, np.array(order)[y]))
    assert math.isclose(one.llf, other.llf, rel_tol=1e-12)
    np.testing.assert_allclose(one.predict(x), other.predict(x)[:, order], atol=1e-8)
    full = np.vstack([np.zeros(4), one.params])
    first = order.index(0)
    wanted = np.empty((4, 4))
    wanted[order] = full - full[first]
    np.testing.assert_allclose(other.params, wanted[1:], atol=1e-6)


def test_weights_are_repeated_rows() -> None:
    x, y = data(600, 3, 4)
    weights = np.arange(600) % 4
    weighted = mlefast.fit(x, y, weights=weights, likelihood="categorical")
    repeated = mlefast.fit(np.repeat(x, weights, axis=0), np.repeat(y, weights), likelihood="categorical")
    np.testing.assert_allclose(weighted.params, repeated.params, atol=1e-8)
    np.testing.assert_allclose(weighted.bse, repeated.bse, rtol=1e-7)
    assert (weighted.nobs, weighted.df_resid) == (repeated.nobs, repeated.df_resid)
    assert math.isclose(weighted.llnull, repeated.llnull, rel_tol=1e-12)


def test_sandwich_errors_are_those_of_the_scores() -> None:
    x, y = data(700, 3, 4)
    result = mlefast.fit(x, y, likelihood="categorical", covariance="HC0")
    _, _, hessian = reference.evaluate_softmax(wide(x), y, result.params)
    scores = np.array(
        [
            reference.evaluate_softmax(wide(x[i : i + 1]), y[i : i + 1], result.params, order=1)[1].ravel()
            for i in range(700)
        ]
    )
    bread = np.linalg.inv(hessian)
    np.testing.assert_allclose(result.cov_params(), bread @ scores.T @ scores @ bread, rtol=1e-6, atol=1e-9)


def test_a_column_that_is_a_sum_of_others_is_named_once() -> None:
    x, y = data(500, 2, 4)
    wanted = mlefast.fit(x, y, likelihood="categorical")
    with pytest.warns(mlefast.RankWarning, match="1 of 4 coefficients .* x3 = 1 x1 - 2 x2"):
        result = mlefast.fit(np.column_stack([x, x[:, 0] - 2 * x[:, 1]]), y, likelihood="categorical")
    np.testing.assert_allclose(result.params[:, :3], wanted.params, atol=1e-7)
    assert np.isnan(result.params[:, 3]).all() and np.isnan(result.bse[:, 3]).all()
    assert (result.rank, len(result.aliased), result.converged) == (9, 1, True)
    x_new = np.column_stack([x, x[:, 0] - 2 * x[:, 1]])
    np.testing.assert_allclose(result.predict(x_new), wanted.predict(x), atol=1e-8)


def test_without_columns_the_classes_have_their_shares() -> None:
    y = np.repeat([3, 5, 9], [10, 30, 60])
    result = mlefast.fit(np.empty((100, 0)), y, likelihood="categorical")
    np.testing.assert_allclose(result.params, np.log([[3.0], [6.0]]), atol=1e-9)
    assert result.llf == pytest.approx(result.llnull, rel=1e-14)
    np.testing.assert_array_equal(result.classes, [3, 5, 9])


def test_fewer_rows_than_parameters_of_all_classes() -> None:
    x, y = data(40, 2, 15, seed=3)
    result = mlefast.fit(x, y, likelihood="categorical")
    assert (result.rank, result.df_resid, result.separation.verdict) == (14 * 3, -2, "exists")


def test_evaluate_takes_and_gives_the_shapes_of_the_parameters() -> None:
    x, y = data(300, 3, 4)
    params = np.random.default_rng(2).standard_normal((3, 4))
    wanted = reference.evaluate_softmax(wide(x), y, params)
    for labels in (y, np.array(["a", "b", "c", "d"])[y]):
        found = mlefast.evaluate(x, labels, params, likelihood="categorical")
        assert math.isclose(found.nll, wanted[0], rel_tol=1e-12)
        np.testing.assert_allclose(found.gradient, wanted[1], atol=1e-10)
        np.testing.assert_allclose(found.hessian, wanted[2], atol=1e-10)
    # a class need not occur where its parameters are given
    assert mlefast.nll(x[y < 3], y[y < 3], params, likelihood="categorical") > 0.0
    with pytest.raises(mlefast.DataError, match="3 classes it must hold their codes 0 to 2"):
        mlefast.evaluate(x, y, params[:2], likelihood="categorical")
    with pytest.raises(mlefast.DataError, match=r"shape \(3, 2\); it must be \(3, 4\)"):
        mlefast.evaluate(x, y, params[:, :2], likelihood="categorical")
    with pytest.raises(mlefast.DataError, match="shape"):
        mlefast.fit(x, y, likelihood="categorical", start=np.zeros(12))


def test_a_start_and_predictions_of_rows_with_gaps() -> None:
    x, y = data(300, 3, 4)
    wanted = mlefast.fit(x, y, likelihood="categorical")
    result = mlefast.fit(x, y, likelihood="categorical", start=wanted.params)
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-7)
    probabilities = result.predict([[0.0, 1.0, np.nan], [1.0, 2.0, 3.0]])
    assert np.isnan(probabilities[0]).all() and probabilities[1].sum() == pytest.approx(1.0)
    with pytest.raises(mlefast.OptionError, match="offset"):
        mlefast.fit(x, y, likelihood="categorical", offset=np.ones(300))
    with pytest.raises(mlefast.OptionError, match="offset"):
        result.predict(x, offset=np.ones(300))


def test_missing_values_are_dropped_or_named() -> None:
    x, y = data(400, 2, 3)
    labels = np.array(["a", "b", "c"], dtype=object)[y]
    labels[7], x[9, 1] = None, np.nan
    with pytest.raises(mlefast.DataError, match="1 missing labels .*: 7"):
        mlefast.fit(x, labels, likelihood="categorical")
    result = mlefast.fit(x, labels, likelihood="categorical", missing="drop")
    kept = np.delete(np.arange(400), [7, 9])
    wanted = mlefast.fit(x[kept], labels[kept], likelihood="categorical")
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-8)
    assert (result.dropped, result.nobs) == (2, 398)


def test_a_result_survives_pickling() -> None:
    x, y = data(300, 2, 3)
    result = pickle.loads(pickle.dumps(mlefast.fit(x, y, likelihood="categorical")))
    assert result.params.shape == (2, 3) and not result.params.flags.writeable
    assert repr(result).startswith("<mlefast.Result: categorical, 6 parameters, 300 observations")
