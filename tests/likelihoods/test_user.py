# SPDX-License-Identifier: BSD-3-Clause
"""Likelihoods of the user's own, in Python and compiled, against built-in ones and scipy.stats; and what goes wrong."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy
from scipy import optimize, stats

import mlefast

C_SOURCE = """
#include <stdint.h>
#include <math.h>
void poisson(int64_t rows, const double *eta, const double *y, const double *parameters, double *nll, double *d1,
             double *d2) {
    for (int64_t i = 0; i < rows; ++i) {
        double mean = exp(eta[i]);
        nll[i] = mean - y[i] * eta[i], d1[i] = mean - y[i], d2[i] = mean;
    }
}
"""


def poisson(eta: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = np.exp(eta)
    return mean - y * eta, mean - y, mean


def in_python(_: Path) -> object:
    return poisson


def in_numba(_: Path) -> object:
    numba = pytest.importorskip("numba")

    @numba.cfunc(numba.void(numba.int64, *[numba.types.CPointer(numba.float64)] * 6))
    def function(rows, eta, y, parameters, nll, d1, d2):
        for i in range(rows):
            mean = np.exp(eta[i])
            nll[i] = mean - y[i] * eta[i]
            d1[i] = mean - y[i]
            d2[i] = mean

    return function


def in_c(folder: Path) -> object:
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None, "the package itself needs a C compiler"
    (folder / "poisson.c").write_text(C_SOURCE)
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "poisson.c", "-o", "poisson.so", "-lm"], cwd=folder, check=True
    )
    function = ctypes.CDLL(str(folder / "poisson.so")).poisson
    function.restype, function.argtypes = None, [ctypes.c_int64, *[ctypes.POINTER(ctypes.c_double)] * 6]
    return scipy.LowLevelCallable(function)


@pytest.fixture(params=[in_python, in_numba, in_c])
def function(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """The Poisson likelihood, less log(y!), in three languages."""
    return request.param(tmp_path)


def problem(rows: int, dtype: str = "f8") -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(rows)
    x = (np.array([0, 5, -100]) + rng.standard_normal((rows, 3))).astype(dtype)
    y = rng.poisson(np.exp(0.2 + 0.3 * x[:, 0]))
    return x, y, {"weights": rng.integers(0, 3, rows), "offset": rng.standard_normal(rows) / 4}


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_it_gets_what_a_built_in_likelihood_gets(function: object, dtype: str) -> None:
    x, y, options = problem(40_000, dtype)
    own = mlefast.fit(x, y, likelihood=mlefast.UserLikelihood(function), **options)
    built_in = mlefast.fit(x, y, likelihood="poisson", **options)
    assert own.converged
    assert own.separation.verdict == "local"
    np.testing.assert_allclose(own.params, built_in.params, atol=1e-6 * built_in.bse.max(), rtol=1e-9)
    np.testing.assert_allclose(own.bse, built_in.bse, rtol=1e-6)
    np.testing.assert_allclose(own.llr, built_in.llr, rtol=1e-9)
    robust = mlefast.fit(x, y, likelihood=mlefast.UserLikelihood(function), covariance="HC0", **options)
    np.testing.assert_allclose(
        robust.bse, mlefast.fit(x, y, likelihood="poisson", covariance="HC0", **options).bse, rtol=1e-6
    )


def test_evaluation_of_every_order(function: object) -> None:
    x, y, options = problem(20_000)
    params = np.array([0.1, 0.3, 0.02, 0.001])
    own = mlefast.evaluate(x, y, params, likelihood=mlefast.UserLikelihood(function), **options)
    built_in = mlefast.evaluate(x, y, params, likelihood="poisson", **options)
    constant = float(scipy.special.gammaln(y + 1.0) @ options["weights"])
    assert own.nll + constant == pytest.approx(built_in.nll, rel=1e-13)
    np.testing.assert_allclose(own.gradient, built_in.gradient, rtol=1e-10)
    np.testing.assert_allclose(own.hessian, built_in.hessian, rtol=1e-12)
    for order in (0, 1):
        less = mlefast.evaluate(x, y, params, likelihood=mlefast.UserLikelihood(function), order=order, **options)
        assert less.nll == pytest.approx(own.nll, rel=1e-14)
        assert (less.gradient is None) == (order == 0)
        assert less.hessian is None


def test_the_same_bits_for_any_number_of_threads(function: object) -> None:
    x, y, options = problem(50_000)
    results = [
        mlefast.fit(x, y, likelihood=mlefast.UserLikelihood(function), threads=threads, **options)
        for threads in (1, 2, 3)
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(other.params, results[0].params)
        np.testing.assert_array_equal(other.covariance, results[0].covariance)


def gumbel(eta: np.ndarray, y: np.ndarray, log_scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scale = np.exp(log_scale)
    z = (y - eta) / scale
    return z + np.exp(-z) + log_scale, (np.exp(-z) - 1) / scale, np.exp(-z) / scale**2


def test_parameters_of_its_own() -> None:
    rng = np.random.default_rng(8)
    x = rng.standard_normal((3000, 2))
    y = 1 + x @ [0.5, -1.0] + rng.gumbel(scale=2.0, size=3000)
    family = mlefast.UserLikelihood(gumbel, parameters={"log(scale)": 0.0}, name="gumbel")
    result = mlefast.fit(x, y, likelihood=family)

    def nll(p: np.ndarray) -> float:
        return -stats.gumbel_r.logpdf(y, p[0] + x @ p[1:3], np.exp(p[3])).sum()

    assert result.names == ("Intercept", "x1", "x2", "log(scale)")
    assert -result.llf == pytest.approx(nll(result.params), rel=1e-12)
    best = optimize.minimize(nll, result.params + 0.01, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    assert -result.llf <= best.fun + 1e-9
    hessian = np.array([[second(nll, result.params, i, j) for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(result.cov_params(), np.linalg.inv(hessian), rtol=1e-4, atol=1e-9)
    assert result.shape == pytest.approx({"scale": np.exp(result.params[3])})
    assert "scale = " in str(result.summary())
    assert np.isnan(result.tvalues[3])


def second(function: Callable[[np.ndarray], float], at: np.ndarray, i: int, j: int, h: float = 1e-3) -> float:
    """A second derivative, from a square of points."""
    steps = np.eye(len(at)) * h
    corners = [function(at + a * steps[i] + b * steps[j]) * a * b for a in (-1, 1) for b in (-1, 1)]
    return sum(corners) / (4 * h * h)


def test_the_mean_is_what_the_user_says() -> None:
    x, y, _ = problem(500)
    family = mlefast.UserLikelihood(poisson, mean=np.exp)
    result = mlefast.fit(x, y, likelihood=family)
    np.testing.assert_allclose(result.predict(x).sum(), y.sum(), rtol=1e-6)
    with pytest.raises(mlefast.OptionError, match="mean of the user likelihood is not known. Give UserLikelihood"):
        mlefast.fit(x, y, likelihood=mlefast.UserLikelihood(poisson)).predict(x)


def wrong_slope(eta, y):
    nll, d1, d2 = poisson(eta, y)
    return nll, np.where(y == 3, 1.01 * d1, d1), d2


def wrong_curvature(eta, y):
    nll, d1, d2 = poisson(eta, y)
    return nll, d1, -d2


def raises(eta, y):
    raise KeyError("lost")


BAD = {
    "slope": (wrong_slope, r"d1 of the user likelihood is not the derivative of nll: in row \d+ \(eta = .*y = 3\)"),
    "curvature": (wrong_curvature, r"d2 .* is not the derivative of d1: in row .* the function says -.*say \d"),
    "raises": (raises, "raised KeyError: 'lost'"),
    "not a number": (
        lambda eta, y: (eta * np.nan, eta, eta),
        "returned nll = nan, .* in row 0 .* must be finite there",
    ),
    "two arrays": (lambda eta, y: (eta, eta), r"returned 2 of the shapes .* must return three arrays"),
    "a sum": (lambda eta, y: (eta.sum(), eta, eta), r"of the shapes \[\(\), .* each of the shape of eta"),
    "nothing": (lambda eta, y: None, "returned a NoneType"),
    "text": (lambda eta, y: ("a", "b", "c"), "must return three arrays of numbers"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_wrong_function_is_refused(what: str) -> None:
    function, message = BAD[what]
    x, y, _ = problem(1000)
    for call in (mlefast.fit, lambda *a, **k: mlefast.evaluate(*a, np.zeros(4), **k)):
        with pytest.raises(mlefast.DataError, match=message):
            call(x, y, likelihood=mlefast.UserLikelihood(function))


def test_a_domain_is_kept() -> None:
    x, y, _ = problem(100)
    family = mlefast.UserLikelihood(poisson, name="mine", domain=lambda y: y < 2)
    with pytest.raises(mlefast.DataError, match=r"y holds \d \(first rows: .*the mine likelihood is not defined"):
        mlefast.fit(x, y, likelihood=family)


def test_what_cannot_be_called() -> None:
    with pytest.raises(mlefast.OptionError, match="function=3 cannot be called"):
        mlefast.UserLikelihood(3)
    other = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x)
    with pytest.raises(mlefast.OptionError, match=r"the signature 'double\(double\)'; it must be void \(int64_t rows"):
        mlefast.UserLikelihood(scipy.LowLevelCallable(other))
    numba = pytest.importorskip("numba")
    with pytest.raises(mlefast.OptionError, match=r"signature '\(float64,\) -> float64'"):
        mlefast.UserLikelihood(numba.cfunc("float64(float64)")(lambda x: x))
