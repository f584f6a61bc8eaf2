# SPDX-License-Identifier: BSD-3-Clause
"""Laplace fits as users make them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import stats

import mlefast
from mlefast import DataError, Laplace, OptionError, RankWarning


def asymmetric_laplace(quantile, scale):
    """SciPy's distribution whose density falls by 2 tau / b and 2 (1 - tau) / b per unit."""
    kappa = np.sqrt(quantile / (1.0 - quantile))
    return stats.laplace_asymmetric(kappa, scale=scale / (2.0 * np.sqrt(quantile * (1.0 - quantile))))


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((150, 2))
    x[:, 0] += 1e4
    return x, 2.0 + x[:, 1] + (1.0 + 0.5 * np.abs(x[:, 1])) * rng.standard_t(3, 150)


def test_the_median_has_the_usual_laplace_likelihood(data) -> None:
    x, y = data
    result = mlefast.fit(x, y, likelihood="laplace")
    r = y - result.predict(x)
    assert result.scale == pytest.approx(np.abs(r).mean(), rel=1e-12)
    assert result.llf == pytest.approx(stats.laplace(scale=result.scale).logpdf(r).sum(), rel=1e-12)
    best = np.median(y)
    null = stats.laplace(scale=np.abs(y - best).mean()).logpdf(y - best).sum()
    assert result.llnull == pytest.approx(null, rel=1e-12)
    assert result.deviance == pytest.approx(2.0 * np.abs(r).sum(), rel=1e-12)
    assert result.null_deviance == pytest.approx(2.0 * np.abs(y - best).sum(), rel=1e-12)
    assert result.converged and result.certificate.gap <= 1e-12
    assert result.separation.verdict == "exists"


@pytest.mark.parametrize("quantile", [0.1, 0.8])
def test_other_quantiles_have_the_asymmetric_one(data, quantile) -> None:
    x, y = data
    offset = np.linspace(-1.0, 1.0, len(y))
    result = mlefast.fit(x, y, likelihood=Laplace(quantile=quantile), offset=offset)
    r = y - offset - result.predict(x)
    law = asymmetric_laplace(quantile, result.scale)
    assert result.llf == pytest.approx(law.logpdf(r).sum(), rel=1e-10)
    for other in (0.999, 1.001):
        assert result.llf >= asymmetric_laplace(quantile, other * result.scale).logpdf(r).sum()
    below = np.count_nonzero(r < -1e-8), np.count_nonzero(r < 1e-8)
    assert below[0] <= quantile * len(y) <= below[1]


def test_terms_are_the_density(data) -> None:
    _, y = data
    eta = np.linspace(-3.0, 3.0, len(y))
    nll, d1, d2 = Laplace(quantile=0.3).terms(eta, y, scale=1.7)
    assert nll == pytest.approx(-asymmetric_laplace(0.3, 1.7).logpdf(y - eta), rel=1e-12)
    assert set(np.round(d1 * 1.7, 12)) == {-0.6, 1.4}
    assert d2 == pytest.approx(np.full(len(y), 4.0 * 0.3 * 0.7 / 1.7**2))


def test_evaluate_gives_a_subgradient_and_the_information(data) -> None:
    x, y = data
    params, scale = np.array([1.0, 0.0, 0.5]), 2.5
    nll, gradient, hessian = mlefast.evaluate(x, y, params, likelihood="laplace", scale=scale)
    whole = np.column_stack([np.ones(len(y)), x])
    r = y - whole @ params
    assert nll == pytest.approx(-stats.laplace(scale=scale).logpdf(r).sum(), rel=1e-12)
    assert gradient == pytest.approx(-whole.T @ np.sign(r) / scale, rel=1e-10)
    assert hessian == pytest.approx(whole.T @ whole / scale**2, rel=1e-12)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.5, 90, float("nan"), "0.5", True, None])
def test_what_is_no_quantile_is_refused(quantile) -> None:
    with pytest.raises(OptionError, match="must lie between 0 and 1"):
        Laplace(quantile=quantile)


def test_columns_that_are_combinations_of_others_are_left_out(data) -> None:
    x, y = data
    more = np.column_stack([x, x @ [1.0, -2.0], np.full(len(y), 7.0)])
    plain = mlefast.fit(x, y, likelihood="laplace")
    with pytest.warns(RankWarning, match="x3 = 1 x1 - 2 x2"):
        result = mlefast.fit(more, y, likelihood="laplace")
    assert np.isnan(result.params[3:]).all() and np.isnan(result.bse[3:]).all()
    assert result.rank == 3
    assert result.params[:3] == pytest.approx(plain.params, rel=1e-9)
    assert result.bse[:3] == pytest.approx(plain.bse, rel=1e-9)
    assert result.llf == pytest.approx(plain.llf, rel=1e-12)


def test_nothing_but_zeros_cannot_be_fitted() -> None:
    with pytest.raises(DataError, match="every column of X is zero"):
        mlefast.fit(np.zeros((5, 2)), np.arange(5.0), likelihood="laplace", intercept=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_named(data, bad) -> None:
    x, y = data
    x[7, 1] = bad
    with pytest.raises(DataError, match="x2"):
        mlefast.fit(x, y, likelihood="laplace")
    dropped = mlefast.fit(np.where(np.isfinite(x), x, np.nan), y, likelihood="laplace", missing="drop")
    others = mlefast.fit(np.delete(x, 7, axis=0), np.delete(y, 7), likelihood="laplace")
    assert dropped.params == pytest.approx(others.params, rel=1e-10)
    assert dropped.bse == pytest.approx(others.bse, rel=1e-10)
    assert dropped.dropped == 1


def test_weights_are_repetitions(data) -> None:
    x, y = data
    weights = np.random.default_rng(3).integers(0, 4, len(y))
    weighted = mlefast.fit(x, y, likelihood=Laplace(0.6), weights=weights, covariance="kernel")
    repeated = mlefast.fit(
        np.repeat(x, weights, axis=0), np.repeat(y, weights), likelihood=Laplace(0.6), covariance="kernel"
    )
    assert weighted.llf == pytest.approx(repeated.llf, rel=1e-12)
    assert weighted.llnull == pytest.approx(repeated.llnull, rel=1e-12)
    assert weighted.bse == pytest.approx(repeated.bse, rel=1e-9)


def test_types_and_orders_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.integers(-9, 9, (200, 3)), rng.integers(-50, 50, 200)
    plain = mlefast.fit(x.astype(float), y.astype(float), likelihood=Laplace(0.3))
    for other in (x.astype(np.float32), np.asfortranarray(x), x.astype(np.int8)[::1]):
        result = mlefast.fit(other, y.astype(np.int16), likelihood=Laplace(0.3))
        assert result.params == pytest.approx(plain.params, rel=1e-12)


def test_a_summary_says_what_was_done(data) -> None:
    x, y = data
    text = str(mlefast.fit(x, y, likelihood="laplace").summary())
    assert "Laplace (quantile regression)" in text and "Duality gap" in text and "Hall and Sheather" in text
    assert "sandwich" in str(mlefast.fit(x, y, likelihood="laplace", covariance="kernel").summary())
    assert "drawn with" in str(mlefast.fit(x, y, likelihood="laplace", covariance="bootstrap").summary())


def test_what_is_not_unique_is_said() -> None:
    result = mlefast.fit(np.zeros((4, 0)), [1.0, 2.0, 3.0, 7.0], likelihood="laplace")
    assert result.ranges.tolist() == [[2.0, 3.0]]
    assert "Not unique: other estimates are as likely, with Intercept from 2 to 3." in str(result.summary())


def test_an_exact_fit_has_no_standard_errors() -> None:
    x = np.arange(20.0)
    result = mlefast.fit(x, 3.0 + 2.0 * x, likelihood="laplace")
    assert result.params == pytest.approx([3.0, 2.0], rel=1e-12)
    assert result.converged and np.isnan(result.bse).all()


def test_results_pickle(data) -> None:
    result = mlefast.fit(*data, likelihood=Laplace(0.7))
    again = pickle.loads(pickle.dumps(result))
    assert np.array_equal(again.params, result.params) and again.family == Laplace(0.7)


def test_formulas_know_it() -> None:
    pytest.importorskip("formulaic")
    import pandas as pd

    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"group": rng.choice(list("abc"), 300), "y": rng.standard_normal(300)})
    result = mlefast.fit_formula("y ~ 0 + C(group)", frame, likelihood="laplace")
    assert result.params == pytest.approx(frame.groupby("group")["y"].median().to_numpy(), abs=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": [0.0, 0.0, 0.0]}, "start"),
        ({"solver": "irls"}, "solver"),
        ({"covariance": "fisher"}, "iid, kernel, bootstrap"),
        ({"scale": "mle"}, "scale"),
        ({"exposure": np.ones(150)}, "exposure"),
    ],
)
def test_options_that_mean_nothing_are_refused(data, options, message) -> None:
    with pytest.raises(OptionError, match=message):
        mlefast.fit(*data, likelihood="laplace", **options)


def test_labels_are_no_numbers() -> None:
    with pytest.raises(DataError, match="needs numbers"):
        mlefast.fit(np.arange(3.0), ["a", "b", "a"], likelihood="laplace")


def test_rows_in_memory_are_not_copied() -> None:
    tracemalloc = pytest.importorskip("tracemalloc")
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((200_000, 10)), rng.standard_normal(200_000)
    tracemalloc.start()
    mlefast.fit(x, y, likelihood="laplace")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * x.nbytes
