# SPDX-License-Identifier: BSD-3-Clause
"""Pictures: what is in them is what the result says, whatever the names and the numbers are."""

from __future__ import annotations

import dataclasses
import sys

import matplotlib as mpl
import numpy as np
import pytest

import mlefast
from mlefast import MissingPackageError, OptionError, Profile
from mlefast.solvers import Iteration

mpl.use("Agg")
NAMES = ("Intercept", "$a_{$", "_b", "a" * 60, "d\n")


@pytest.fixture(autouse=True)
def _close():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="module")
def doses() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(12.0), np.array([0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1])


def drawn(ax) -> None:
    ax.figure.canvas.draw()


def labels(ax) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def points(ax) -> np.ndarray:
    """The middles of the intervals that were drawn, from the top."""
    found = [
        line.get_xydata() for line in ax.lines if line.get_marker() == "o" and line.get_markerfacecolor() != "white"
    ]
    return np.concatenate([data for data in found if len(data)])


def test_coefficients_and_intervals_are_those_of_the_result(handmade) -> None:
    result = handmade()
    ax = result.plot.coefficients(alpha=0.1)
    drawn(ax)
    assert labels(ax) == ["hour", "C(carrier)[T.UA]"]
    np.testing.assert_array_equal(points(ax)[:, 0], result.params[1:])
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, :, 0], result.conf_int(0.1)[1:])
    assert "log odds" in ax.get_xlabel() and "90 % intervals" in ax.get_xlabel()
    assert ax.get_title(loc="left") == "late = yes"
    top, bottom = ax.transData.transform(points(ax))[:, 1]
    assert top > bottom


def test_terms_can_be_chosen(handmade) -> None:
    ax = handmade().plot.coefficients(["C(carrier)[T.UA]", "Intercept"])
    assert labels(ax) == ["C(carrier)[T.UA]", "Intercept"]
    np.testing.assert_array_equal(points(ax)[:, 0], [0.0, -2.0])
    for terms, message in ((["our"], "'our' is unknown"), ([], "is empty")):
        with pytest.raises(OptionError, match=message):
            handmade().plot.coefficients(terms)
    alone = handmade(names=("Intercept",), params=np.array([1.0]), covariance=np.eye(1))
    with pytest.raises(OptionError, match="no columns"):
        alone.plot.coefficients()


def test_what_has_no_number_is_told(handmade) -> None:
    """Aliased, infinite, without an interval; names that are no formulas."""
    covariance = np.diag([1.0, np.nan, np.nan, np.nan, 0.01])
    params = np.array([0.0, np.nan, np.inf, -np.inf, 2.0])
    ax = handmade(names=NAMES, params=params, covariance=covariance).plot.coefficients()
    drawn(ax)
    texts = [text.get_text().strip() for text in ax.texts]
    assert texts == ["not determined", "∞", "−∞"]
    assert [line.get_marker() for line in ax.lines if line.get_marker() in "<>"] == [">", "<"]
    assert labels(ax)[:2] == ["$a_{$", "_b"] and labels(ax)[3] == r"d\n" and len(labels(ax)[2]) == 40
    hollow = handmade(params=np.array([0.0, 1.0, 2.0]), covariance=np.diag([1.0, np.nan, 1.0])).plot.coefficients()
    (line,) = [line for line in hollow.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert line.get_xdata().tolist() == [1.0]


def test_nothing_but_infinite_coefficients(handmade) -> None:
    drawn(handmade(params=np.array([np.inf, -np.inf, np.inf]), covariance=np.full((3, 3), np.nan)).plot.coefficients())


def test_classes_have_colours_and_a_legend() -> None:
    rng = np.random.default_rng(2)
    classes = np.array(["$a$", "_b", "c"])
    result = mlefast.fit(rng.standard_normal((300, 2)), classes[rng.integers(0, 3, 300)], likelihood="categorical")
    ax = result.plot.coefficients()
    drawn(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == result.classes[1:].tolist()
    np.testing.assert_array_equal(points(ax)[:, 0], result.params[:, 1:].ravel())
    assert ax.get_title(loc="left") == f"y, against {result.classes[0]}"


def test_axes_that_are_given_are_used(handmade) -> None:
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    result = handmade(trace=(Iteration(1.0, 2.0, np.nan, 3.0),))
    assert result.plot.coefficients(ax=ax) is ax and result.plot.trace(ax=ax) is ax
    assert not pyplot.get_fignums()


def test_the_trace_is_that_of_the_search(doses) -> None:
    seen = []
    result = mlefast.fit(*doses, progress=seen.append)
    ax = result.plot.trace()
    drawn(ax)
    search, end = (line.get_xydata() for line in ax.lines[1:])
    np.testing.assert_array_equal(search, [[state.passes, state.distance] for state in seen])
    np.testing.assert_array_equal(end, [[result.passes, result.certificate.distance]])
    assert ax.get_yscale() == "log" and "standard errors" in ax.get_ylabel() and "passes" in ax.get_xlabel()


def test_a_trace_with_gaps_zeros_and_infinities(handmade) -> None:
    rows = [(1.0, 2.0, np.nan, np.nan), (2.0, 1.0, 1.0, np.inf), (3.0, 1.0, 1.0, 0.5), (4.0, 1.0, 1.0, 0.0)]
    ax = handmade(trace=tuple(Iteration(*row) for row in rows)).plot.trace()
    drawn(ax)
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[3.0, 0.5], [4.0, 1e-17]])
    lost = dataclasses.replace(handmade().certificate, distance=np.inf)
    drawn(handmade(trace=(Iteration(1.0, 2.0, np.nan, np.nan),), certificate=lost).plot.trace())


def test_a_result_without_a_trace_says_so() -> None:
    with pytest.raises(OptionError, match="laplace fit has no search"):
        mlefast.fit([0.0, 1.0, 2.0, 4.0], [0.0, 1.5, 1.0, 3.0], likelihood="laplace").plot.trace()


def test_the_profile_goes_through_what_was_computed(doses) -> None:
    x, y = doses
    result = mlefast.fit(x, y, names=["dose"], tol=1e-10)
    profile = mlefast.profile(result, x, y)
    assert profile.names == ("Intercept", "dose")
    ax = result.plot.profile(profile, "dose")
    drawn(ax)
    wald, curve, seen = (line.get_xydata() for line in ax.lines[:3])
    # independent: the log-likelihood maximised over the intercept with the slope held, as an offset
    for slope, drop in [*seen[::2], *curve[[20, 200, 380]]]:
        held = mlefast.fit(np.empty((12, 0)), y, offset=slope * x)
        tolerance = 1e-6 if [slope, drop] in seen.tolist() else 0.03  # less than the width of the line
        assert 2.0 * (result.llf - held.llf) == pytest.approx(drop, abs=tolerance)
    np.testing.assert_allclose(wald[:, 1], ((wald[:, 0] - result.params[1]) / result.bse[1]) ** 2)
    assert ax.lines[3].get_ydata()[0] == pytest.approx(3.841458820694124)  # chi-squared, 1 degree of freedom, 0.95
    assert ax.get_xlabel() == "coefficient of dose"


def test_profiles_with_infinite_ends_and_of_classes(doses) -> None:
    x, y = doses
    labels_ = np.where(x < 4, "a", np.where(y == 1, "b", "c"))
    result = mlefast.fit(x, labels_, likelihood="categorical", penalty=mlefast.Firth())
    profile = mlefast.profile(result, x, labels_, parameters=["c: x1"])
    drawn(result.plot.profile(profile))
    logit = mlefast.fit(x, y)
    curve = np.array([[-1.0, 9.0], [0.2, 3.84], [1.0, 0.0], [4.0, 2.0], [64.0, 2.5], [1e30, 2.51]])
    open_ = Profile(("x1",), np.array([[0.2, np.inf]]), np.array([7.9]), np.array([0.005]), -5.0, 0.05, (curve,))
    ax = logit.plot.profile(open_)
    drawn(ax)
    assert ax.get_xlim()[1] < 5.0


def test_a_profile_that_cannot_be_drawn(doses, handmade) -> None:
    x, y = doses
    result = mlefast.fit(x, y)
    profile = mlefast.profile(result, x, y)
    for parameter, message in ((None, "must be named"), ("x9", "'x9' is unknown")):
        with pytest.raises(OptionError, match=message):
            result.plot.profile(profile, parameter)
    with pytest.raises(OptionError, match="this fit has no parameter 'x1'"):
        handmade().plot.profile(profile, "x1")
    empty = dataclasses.replace(profile, curves=(np.empty((0, 2)),) * 2)
    with pytest.raises(OptionError, match="not determined"):
        result.plot.profile(empty, "x1")


# ---- pictures of the rows


@pytest.fixture(scope="module")
def line() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    X = rng.standard_normal((200, 2))
    return X, X[:, 0] + rng.standard_normal(200)


def test_calibration_is_the_average_of_each_decile(line) -> None:
    X, y = line[0], line[1] > 0
    result = mlefast.fit(X, y)
    ax = result.plot.calibration(X, y)
    drawn(ax)
    fitted = result.predict(X)
    tenths = np.argsort(fitted).reshape(10, 20)
    np.testing.assert_allclose(points(ax)[:, 0], fitted[tenths].mean(axis=1))
    np.testing.assert_allclose(points(ax)[:, 1], y[tenths].mean(axis=1))
    p = fitted[tenths].mean(axis=1)
    bars = np.array(ax.collections[0].get_segments())[:, :, 1]
    np.testing.assert_allclose(np.diff(bars)[:, 0], 2 * 1.959963984540054 * np.sqrt(p * (1 - p) / 20))
    drawn(mlefast.fit(*line, likelihood="gaussian").plot.calibration(*line))


def test_residuals_of_least_squares_are_those_of_the_textbook(line) -> None:
    """Quantile residuals of a normal distribution are (y - mu) / sigma."""
    X, y = line
    result = mlefast.fit(X, y, likelihood="gaussian", scale="mle")
    ax = result.plot.residuals(X, y)
    drawn(ax)
    found = ax.collections[0].get_offsets()
    Z = np.c_[np.ones(200), X]
    mu = Z @ np.linalg.lstsq(Z, y)[0]
    order = np.argsort(mu)
    np.testing.assert_allclose(found[:, 0], mu[order], atol=1e-10)
    np.testing.assert_allclose(found[:, 1], ((y - mu) / np.sqrt(np.mean((y - mu) ** 2)))[order], atol=1e-8)
    np.testing.assert_allclose(points(ax)[:, 1], found[:, 1].reshape(20, 10).mean(axis=1))


def test_leverages_of_least_squares_are_those_of_the_hat_matrix(line) -> None:
    X, y = line
    ax = mlefast.fit(X, y, likelihood="gaussian").plot.leverage(X, y)
    drawn(ax)
    Z = np.c_[np.ones(200), X]
    hat = Z @ np.linalg.solve(Z.T @ Z, Z.T)
    h, e = np.diagonal(hat), y - hat @ y
    standardised = e / np.sqrt(e @ e / 197 * (1 - h))
    np.testing.assert_allclose(ax.collections[0].get_offsets(), np.c_[h, standardised], atol=1e-10)
    cooks = standardised**2 * h / (1 - h) / 3
    assert [text.get_text() for text in ax.texts[:5]] == [str(i) for i in np.argsort(-cooks)[:5]]
    assert ax.lines[1].get_xdata()[0] == pytest.approx(2 * 3 / 200)


def test_rows_of_counts_with_exposure_and_of_many(line) -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((120_000, 1))
    exposure = rng.uniform(0.5, 2.0, len(X))
    y = rng.poisson(exposure * np.exp(0.3 * X[:, 0]))
    result = mlefast.fit(X, y, likelihood="poisson", exposure=exposure)
    ax = result.plot.residuals(X, y, exposure=exposure)
    assert ax.get_xscale() == "log" and len(ax.collections[0].get_offsets()) == 60_000
    heights = points(ax)[:, 1]
    assert np.abs(heights).max() < 0.06  # 6000 rows in each average: 4.5 standard errors
    assert len(result.plot.leverage(X, y, exposure=exposure).collections[0].get_offsets()) <= 60_005


def test_fits_whose_rows_cannot_be_drawn(line) -> None:
    X, y = line
    median = mlefast.fit(X, y, likelihood="laplace")
    classes = np.digitize(y, [-0.5, 0.5])
    softmax = mlefast.fit(X, classes, likelihood="categorical")
    for draw_rows in (median.plot.calibration, median.plot.leverage):
        with pytest.raises(OptionError, match="laplace"):
            draw_rows(X, y)
    for draw_rows in (softmax.plot.calibration, softmax.plot.residuals, softmax.plot.leverage):
        with pytest.raises(OptionError):
            draw_rows(X, classes)
    with pytest.raises(mlefast.DataError, match="not the data of the fit"):
        mlefast.fit(X, y, likelihood="gaussian").plot.leverage(X, -y)


def test_without_matplotlib_the_remedy_is_named(handmade, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r'pip install "mlefast\[plot\]"'):
        handmade().plot.coefficients()
    assert "matplotlib" in sys.modules
