# SPDX-License-Identifier: BSD-3-Clause
"""All solvers reach the same optimum; several starts find several maxima."""

from __future__ import annotations

import numpy as np
import pytest

import mlefast


def responses() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    x = design()
    eta = 0.3 + x @ [0.4, 0.02, -3.0] + 0.3
    return {
        "bernoulli": rng.random(len(x)) < 1 / (1 + np.exp(-eta)),
        "gaussian": eta + rng.standard_normal(len(x)),
        "poisson": rng.poisson(np.exp(0.5 * eta)),
        "gamma": rng.gamma(2.0, np.exp(0.5 * eta)),
    }


def design() -> np.ndarray:
    x = np.random.default_rng(4).standard_normal((4000, 3)) * [1, 10, 0.1] + [0, 40, 0.1]
    x[:, 1] += 8 * x[:, 0]
    return x


@pytest.mark.parametrize("likelihood", responses())
def test_every_solver_ends_at_the_same_optimum(likelihood: str) -> None:
    y = responses()[likelihood]
    newton, *others = (
        mlefast.fit(design(), y, likelihood=likelihood, solver=solver, tol=1e-9, max_iter=50_000)
        for solver in ("irls", "lbfgs", "gradient")
    )
    assert newton.converged
    for other in others:
        assert other.converged
        assert np.abs((other.params - newton.params) / newton.bse).max() < 1e-8
        assert other.passes > newton.passes
    assert [other.solver for other in others] == ["lbfgs", "gradient"]


def test_gradient_descent_says_that_it_needs_more() -> None:
    with pytest.warns(mlefast.ConvergenceWarning, match="not converged after 5 iterations.*Raise max_iter"):
        result = mlefast.fit(design(), responses()["bernoulli"], solver="gradient", max_iter=5)
    assert result.iterations == 5
    assert result.certificate.distance > 1e-6


def two_clusters() -> np.ndarray:
    """With Cauchy errors the likelihood has a maximum near -6 and a higher one near 6."""
    rng = np.random.default_rng(1)
    return np.concatenate([0.3 * rng.standard_normal(80) - 6, 0.3 * rng.standard_normal(120) + 6])


def test_several_starts_find_several_maxima() -> None:
    y = two_clusters()
    family = mlefast.StudentT(nu=1, sigma=0.5)
    result = mlefast.fit(np.zeros((len(y), 0)), y, likelihood=family, multistart=20)
    assert sum(optimum.count for optimum in result.optima) == 20
    assert [round(float(optimum.params[0])) for optimum in result.optima] == [6, -6]
    best, worse = (optimum.nll for optimum in result.optima)
    assert best < worse
    assert result.params == pytest.approx(result.optima[0].params)
    assert result.llf == -best
    # between the maxima lies a valley, and at both the density of y is what was said of them
    for optimum in result.optima:
        nll = mlefast.nll(np.zeros((len(y), 0)), y, optimum.params, likelihood=family)
        assert nll == pytest.approx(optimum.nll, rel=1e-12)
    assert mlefast.nll(np.zeros((len(y), 0)), y, [0.0], likelihood=family) > worse
    assert "Maxima found from several starts, the best first" in str(result.summary())


def test_the_same_starts_every_time() -> None:
    y = two_clusters()
    first, second = (
        mlefast.fit(np.zeros((len(y), 0)), y, likelihood=mlefast.StudentT(nu=1, sigma=0.5), multistart=7).optima
        for _ in range(2)
    )
    assert [(o.nll, o.count) for o in first] == [(o.nll, o.count) for o in second]


def test_one_start_is_enough_where_the_likelihood_is_concave() -> None:
    x, y = design(), responses()["poisson"]
    result, alone = (mlefast.fit(x, y, likelihood="poisson", multistart=starts) for starts in (20, 1))
    assert len(result.optima) == 1
    assert alone.optima == ()
    assert "One start is enough: the negative log-likelihood is convex" in " ".join(str(result.summary()).split())
    assert result.passes == alone.passes
    np.testing.assert_array_equal(result.params, alone.params)


@pytest.mark.parametrize("multistart", [0, -1, 2.5, True, "many", 10_001])
def test_a_number_of_starts_that_is_none(multistart: object) -> None:
    with pytest.raises(mlefast.OptionError, match="multistart=.* must be a whole number from 1 to 10000"):
        mlefast.fit(design(), responses()["bernoulli"], multistart=multistart)
