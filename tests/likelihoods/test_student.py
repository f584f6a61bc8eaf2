# SPDX-License-Identifier: BSD-3-Clause
"""Student t: published robust fits, SciPy's optimiser on SciPy's density, known parameters, light tails."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

import mlefast
from mlefast import OptionError, SeparationWarning

# Brownlee's stack loss (1965): air flow, water temperature, acid concentration, loss
STACK = np.array(
    [
        [80, 27, 89, 42], [80, 27, 88, 37], [75, 25, 90, 37], [62, 24, 87, 28], [62, 22, 87, 18], [62, 23, 87, 18],
        [62, 24, 93, 19], [62, 24, 93, 20], [58, 23, 87, 15], [58, 18, 80, 14], [58, 18, 89, 14], [58, 17, 88, 13],
        [58, 18, 82, 11], [58, 19, 93, 12], [50, 18, 89, 8], [50, 18, 86, 7], [50, 19, 72, 8], [50, 19, 79, 8],
        [50, 20, 80, 9], [56, 20, 82, 15], [70, 20, 91, 15],
    ]
)  # fmt: skip


def test_stack_loss() -> None:
    """Lange, Little and Taylor (1989), table 1: the regression on these data at several nu."""
    for nu, wanted in {8: (-40.71, 0.81, 0.97, -0.13), 4: (-40.07, 0.86, 0.75, -0.12)}.items():
        result = mlefast.fit(STACK[:, :3], STACK[:, 3], likelihood=mlefast.StudentT(nu=nu))
        assert result.converged and result.separation.verdict == "local"
        np.testing.assert_allclose(result.params[:4], wanted, atol=6e-3)


@pytest.mark.parametrize("known", [{}, {"nu": 4.0}, {"sigma": 0.8}, {"nu": 4.0, "sigma": 0.8}])
def test_scipys_optimiser_finds_the_same(known: dict[str, float]) -> None:
    rng = np.random.default_rng(11)
    x = rng.standard_normal((400, 2))
    y = x @ [1.0, -0.5] + 0.8 * rng.standard_t(4.0, 400)
    result = mlefast.fit(x, y, likelihood=mlefast.StudentT(**known), tol=1e-8)
    assert result.names == ("Intercept", "x1", "x2", *(f"log({k})" for k in ("sigma", "nu") if k not in known))

    def nll(theta: np.ndarray) -> float:
        rest = iter(np.exp(theta[3:]))
        sigma = known.get("sigma") or next(rest)
        nu = known.get("nu") or next(rest)
        return -stats.t.logpdf(y, nu, theta[0] + x @ theta[1:3], sigma).sum()

    start = np.r_[0.0, 1.0, -0.5, np.zeros(2 - len(known))]
    found = optimize.minimize(nll, start, method="BFGS", options={"gtol": 1e-4})
    np.testing.assert_allclose(result.params, found.x, atol=1e-4 * result.bse.min())
    np.testing.assert_allclose(result.llf, -found.fun, rtol=1e-9)
    assert result.shape.keys() == {"sigma", "nu"} - known.keys()


def test_outliers_pull_little() -> None:
    rng = np.random.default_rng(12)
    x = rng.standard_normal((500, 1))
    y = 1.0 + 2.0 * x[:, 0] + 0.1 * rng.standard_normal(500)
    y[::50] += 1e3
    robust, plain = (mlefast.fit(x, y, likelihood=name) for name in (mlefast.StudentT(nu=3), "gaussian"))
    np.testing.assert_allclose(robust.params[:2], [1.0, 2.0], atol=0.03)
    assert abs(plain.params[0] - 1.0) > 10


@pytest.mark.parametrize("outlier", [1e3, -4e5, 1e9, 1e15])
def test_one_outlier_moves_no_more_than_its_weight_allows(outlier: float) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((40, 2))
    y = x[:, 0] + rng.standard_t(3.0, 40)
    y[7] = outlier
    fits = [mlefast.fit(x, y, likelihood=mlefast.StudentT(nu=2), tol=1e-8, multistart=m) for m in (1, 20)]
    assert all(fit.converged for fit in fits)
    np.testing.assert_allclose(fits[0].params, fits[1].params, atol=1e-6)
    assert np.abs(fits[0].params[:3] - [0.0, 1.0, 0.0]).max() < 1.0


def test_units_of_the_response() -> None:
    x, y = STACK[:, :3], STACK[:, 3]
    for unit in (1e-8, 1e6):
        plain, scaled = (mlefast.fit(x, y * u, likelihood=mlefast.StudentT(nu=4), tol=1e-8) for u in (1.0, unit))
        np.testing.assert_allclose(scaled.params[:4] / unit, plain.params[:4], atol=1e-6 * plain.bse[:4].min())
        np.testing.assert_allclose(scaled.params[4] - plain.params[4], np.log(unit), rtol=1e-7)
        np.testing.assert_allclose(scaled.bse[:4] / unit, plain.bse[:4], rtol=1e-6)


def test_tails_no_heavier_than_normal() -> None:
    rng = np.random.default_rng(13)
    x = rng.standard_normal((500, 1))
    y = x[:, 0] + rng.uniform(-1.0, 1.0, 500)
    with pytest.warns(SeparationWarning, match=r"log\(nu\) runs off: the tails are no heavier.*gaussian likelihood"):
        result = mlefast.fit(x, y, likelihood="student_t")
    assert result.separation.columns == ("log(nu)",) and not result.converged
    normal = mlefast.fit(x, y, likelihood="gaussian")
    np.testing.assert_allclose(result.params[:2], normal.params, atol=0.05 * normal.bse.min())
    np.testing.assert_allclose(result.llf, normal.llf, atol=0.1)


def test_a_perfect_fit_is_told() -> None:
    x = np.random.default_rng(2).standard_normal((40, 1))
    with pytest.warns(SeparationWarning, match=r"no maximum"):
        result = mlefast.fit(x, 3.0 - x[:, 0], likelihood=mlefast.StudentT(nu=4))
    assert result.separation.verdict == "unbounded" and not result.converged


def test_bad_input() -> None:
    for name in ("nu", "sigma"):
        for value in (0.0, -1.0, np.inf, np.nan):
            with pytest.raises(OptionError, match=rf"{name}=.* must be a positive number, or None to estimate it"):
                mlefast.StudentT(**{name: value})
    x = np.arange(6.0)
    with pytest.raises(mlefast.DataError, match="labels such as 'a'; the student_t likelihood needs numbers"):
        mlefast.fit(x, list("abcabc"), likelihood="student_t")
    with pytest.raises(
        mlefast.DataError, match=r"column 'log\(sigma\)', which is the name of a parameter of student_t"
    ):
        mlefast.fit(x, x, likelihood="student_t", names=["log(sigma)"])
