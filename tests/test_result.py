# SPDX-License-Identifier: BSD-3-Clause
"""The numbers that a result derives, that nobody can change them, and predictions."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast
from mlefast import DataError, OptionError
from mlefast.inference import Alias

ROWS = 40_000  # more than two blocks of a prediction


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    x = rng.standard_normal((ROWS, 3))
    return x, rng.random(ROWS) < 1 / (1 + np.exp(0.5 - x @ [1.0, -0.5, 0.0]))


@pytest.fixture(scope="module")
def fitted(rows) -> mlefast.Result:
    return mlefast.fit(*rows, names=["a", "b", "c"])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(12)
    frame = pd.DataFrame({"hour": rng.integers(5, 24, 2000), "carrier": rng.choice(["AA", "DL", "UA"], 2000)})
    frame["late"] = np.where(rng.random(2000) < 1 / (1 + np.exp(2 - 0.1 * frame["hour"])), "yes", "no")
    return frame


@pytest.fixture(scope="module")
def by_formula(table) -> mlefast.Result:
    return mlefast.fit_formula("late ~ hour + C(carrier)", table)


def mean(eta: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-eta))


# ---- what follows from the estimate and its covariance


def test_standard_errors_and_z(handmade) -> None:
    result = handmade()
    np.testing.assert_array_equal(result.bse, [0.5, 0.02, 0.25])
    np.testing.assert_array_equal(result.tvalues, [-4.0, 6.25, 0.0])
    assert result.cov_params() is result.covariance


@pytest.mark.parametrize("z", [0.0, 0.5, 1.959963984540054, 8.0, 30.0, 37.0])
def test_p_values_keep_their_digits_in_the_tail(handmade, z: float) -> None:
    result = handmade(params=np.array([0.5 * z, -0.02 * z, 0.0]))
    expected = math.erfc(z / math.sqrt(2))
    np.testing.assert_allclose(result.pvalues[:2], expected, rtol=1e-11)
    assert result.pvalues[2] == 1.0


@pytest.mark.parametrize(("alpha", "quantile"), [(0.05, 1.959963984540054), (0.01, 2.5758293035489), (1e-12, 7.1309)])
def test_confidence_intervals(handmade, alpha: float, quantile: float) -> None:
    result = handmade()
    interval = result.conf_int(alpha)
    assert interval.shape == (3, 2)
    np.testing.assert_allclose(interval.mean(axis=1), result.params, atol=1e-14)
    np.testing.assert_allclose(np.ptp(interval, axis=1), 2 * quantile * result.bse, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.05, 95, math.nan])
def test_an_impossible_alpha_is_refused(handmade, alpha: float) -> None:
    with pytest.raises(OptionError, match="alpha=.* between 0 and 1"):
        handmade().conf_int(alpha)
    with pytest.raises(OptionError, match="alpha"):
        handmade().summary(alpha)


def test_information_criteria(handmade) -> None:
    result = handmade(llf=-100.0, llnull=-125.0, nobs=1000.0, rank=3)
    assert result.aic == 206.0
    assert math.isclose(result.bic, 200.0 + 3 * math.log(1000))
    assert (result.df_model, result.df_resid) == (2, 997.0)
    assert math.isclose(result.prsquared, 0.2)
    assert result.llr == 50.0
    assert handmade(deviance=150.0, null_deviance=200.0).rsquared == 0.25
    # a scale that is estimated is a parameter too, as R counts it
    assert handmade(llf=-100.0, rank=3, family=mlefast.Gaussian()).aic == 208.0


def test_likelihood_ratio_test(handmade) -> None:
    one = handmade(llf=-100.0, llnull=-103.0, rank=2)
    assert math.isclose(
        one.llr_pvalue, math.erfc(math.sqrt(3.0)), rel_tol=1e-12
    )  # chi-squared with 1 degree of freedom
    two = handmade(llf=-100.0, llnull=-400.0, rank=3)
    assert math.isclose(two.llr_pvalue, math.exp(-300.0), rel_tol=1e-12)  # and with 2
    assert handmade(llf=-100.0, llnull=-99.0).llr_pvalue == 1.0


def test_what_is_not_defined_is_nan(handmade) -> None:
    assert math.isnan(handmade(rank=1).llr_pvalue)
    assert math.isnan(handmade(llnull=0.0, llf=0.0).prsquared)
    assert math.isnan(handmade(llnull=math.nan).prsquared)
    assert math.isnan(handmade(llnull=math.nan).llr)


def test_degrees_of_freedom_without_an_intercept(handmade) -> None:
    assert handmade(intercept=False, constant=False).df_model == 3
    assert handmade(rank=2).df_model == 1


def test_a_parameter_that_is_not_determined_is_nan_everywhere(handmade) -> None:
    covariance = np.array([[0.25, -0.01, np.nan], [-0.01, 0.0004, np.nan], [np.nan] * 3])
    result = handmade(params=np.array([-2.0, 0.125, np.nan]), covariance=covariance, aliased=(Alias("c", ()),), rank=2)
    for values in (result.bse, result.tvalues, result.pvalues, *result.conf_int().T):
        assert np.isnan(values).tolist() == [False, False, True]


# ---- frozen, small, and the same after a journey


def journeys():
    yield "as made", lambda result: result
    yield "deep copy", copy.deepcopy
    yield "replace", lambda result: dataclasses.replace(result, dropped=7)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle {protocol}", lambda result, protocol=protocol: pickle.loads(pickle.dumps(result, protocol))


@pytest.mark.parametrize("journey", [pytest.param(journey, id=name) for name, journey in journeys()])
def test_frozen_also_after_a_journey(handmade, journey) -> None:
    result = handmade()
    arrived = journey(result)
    with pytest.raises(dataclasses.FrozenInstanceError):
        arrived.llf = 0.0
    for name in ("params", "covariance", "classes"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(arrived, name)[0] = 0
        np.testing.assert_array_equal(getattr(arrived, name), getattr(result, name))
    assert arrived.names == result.names
    assert arrived.certificate == result.certificate


def test_pickles_in_the_size_of_its_covariance(handmade) -> None:
    size = 300
    result = handmade(
        names=tuple(f"x{j}" for j in range(size)), params=np.zeros(size), covariance=np.eye(size), classes=None
    )
    assert len(pickle.dumps(result)) < 8 * (size * size + size) + 8_000


def test_a_fit_by_formula_pickles_without_its_data(by_formula, table) -> None:
    packed = pickle.dumps(by_formula)
    assert len(packed) < 16_000
    np.testing.assert_array_equal(pickle.loads(packed).predict(table), by_formula.predict(table))


def test_two_results_are_equal_only_if_they_are_the_same(handmade) -> None:
    one, other = handmade(), handmade()
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_repr_is_one_short_line(handmade) -> None:
    assert repr(handmade()) == (
        "<mlefast.Result: bernoulli, 3 parameters, 325724 observations, log-likelihood -163457, converged>"
    )
    assert "NOT CONVERGED" in repr(handmade(converged=False))
    assert "2.5 observations" in repr(handmade(nobs=2.5))


# ---- predictions


def test_predictions_are_the_means_of_the_linear_predictor(fitted, rows) -> None:
    x, y = rows
    found = fitted.predict(x)
    np.testing.assert_allclose(found, mean(fitted.params[0] + x @ fitted.params[1:]), rtol=1e-12)
    assert math.isclose(found.sum(), y.sum(), rel_tol=1e-9)  # the score of the intercept is zero


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x[:, ::-1].copy()[:, ::-1],
        lambda x: x.astype(">f8"),
        lambda x: x.tolist(),
        lambda x: pd.DataFrame(x, columns=["a", "b", "c"]),
        lambda x: pl.DataFrame(x, schema=["a", "b", "c"]),
        lambda x: pa.table({name: x[:, j] for j, name in enumerate("abc")}),
    ],
    ids=["fortran", "row strides", "column strides", "big endian", "lists", "pandas", "polars", "arrow"],
)
def test_predictions_do_not_depend_on_the_form(fitted, rows, form) -> None:
    x = rows[0][:500]
    np.testing.assert_allclose(fitted.predict(form(x)), fitted.predict(x), rtol=1e-14)


def test_predictions_from_narrow_types(fitted) -> None:
    x = np.array([[1, 0, 1], [0, 1, 1]])
    for dtype in (np.float32, np.int8, np.uint64, np.bool_):
        np.testing.assert_array_equal(fitted.predict(x.astype(dtype)), fitted.predict(x.astype(float)))


def test_x_is_left_alone(fitted, rows) -> None:
    x = rows[0][:100].copy()
    x.setflags(write=False)
    before = x.tobytes()
    fitted.predict(x)
    assert x.tobytes() == before


def test_offset(fitted, rows) -> None:
    x = rows[0][:50]
    offset = np.linspace(-1, 1, 50)
    eta = fitted.params[0] + x @ fitted.params[1:] + offset
    np.testing.assert_allclose(fitted.predict(x, offset=offset), mean(eta), rtol=1e-13)
    with pytest.raises(DataError, match="offset has 49 rows, X has 50"):
        fitted.predict(x, offset=offset[:49])


def test_without_an_intercept_and_with_one_column(handmade) -> None:
    result = handmade(intercept=False, names=("x1",), params=np.array([2.0]), covariance=np.eye(1))
    np.testing.assert_allclose(result.predict([0.0, 0.5, -0.5]), mean(np.array([0.0, 1.0, -1.0])))


def test_far_out_the_probability_is_0_or_1_and_nothing_overflows(handmade) -> None:
    result = handmade(intercept=False, names=("x1",), params=np.array([1.0]), covariance=np.eye(1))
    np.testing.assert_array_equal(result.predict([-1e300, -800.0, 800.0, 1e300]), [0.0, 0.0, 1.0, 1.0])


def test_a_row_with_a_missing_value_is_nan_and_no_other(fitted, rows) -> None:
    x = rows[0][:10].copy()
    x[4, 1] = np.nan
    assert np.flatnonzero(np.isnan(fitted.predict(x))).tolist() == [4]


def test_a_parameter_that_is_not_determined_counts_as_zero(rows) -> None:
    x, y = rows
    with pytest.warns(mlefast.RankWarning):
        doubled = mlefast.fit(np.c_[x, x[:, 0]], y)
    np.testing.assert_allclose(doubled.predict(np.c_[x, x[:, 0]]), mlefast.fit(x, y).predict(x), atol=1e-6)


def test_columns_that_do_not_fit_are_refused(fitted, rows) -> None:
    x = rows[0][:5]
    with pytest.raises(DataError, match="X has 2 columns, the model has 3: a, b, c"):
        fitted.predict(x[:, :2])
    with pytest.raises(DataError, match=r"'b' where the model has 'a'"):
        fitted.predict(pd.DataFrame(x, columns=["b", "a", "c"]))


def test_a_formula_predicts_new_tables(by_formula, table) -> None:
    new = pd.DataFrame({"carrier": ["UA", "AA"], "hour": [12, 6]})  # other order, one level absent, no response
    intercept, hour, _, united = by_formula.params
    expected = mean(np.array([intercept + 12 * hour + united, intercept + 6 * hour]))
    np.testing.assert_allclose(by_formula.predict(new), expected, rtol=1e-12)
    np.testing.assert_allclose(by_formula.predict(pl.from_pandas(new)), expected, rtol=1e-12)
    assert math.isclose(by_formula.predict(table).sum(), (table["late"] == "yes").sum(), rel_tol=1e-9)


def test_a_formula_names_what_a_new_table_lacks(by_formula) -> None:
    with pytest.raises(DataError, match="no column 'carrier'"):
        by_formula.predict(pd.DataFrame({"hour": [1]}))
    with pytest.raises(DataError, match="XX"):
        by_formula.predict(pd.DataFrame({"hour": [1], "carrier": ["XX"]}))
