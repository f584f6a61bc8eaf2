# SPDX-License-Identifier: BSD-3-Clause
"""What a quantile regression is worth: against statsmodels, linear programmes and the exact law of a bootstrap median."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linprog

from mlefast.inference.sparsity import (
    bootstrap_covariance,
    epanechnikov,
    estimate_sparsity,
    iid_covariance,
    kernel_covariance,
)
from mlefast.inference.uniqueness import coefficient_ranges
from mlefast.objective import Information
from mlefast.solvers.neighbour import neighbour_of
from mlefast.solvers.quantile import minimise_quantile

from .conftest import make_gram, make_objective


def engel():
    statsmodels = pytest.importorskip("statsmodels.api")
    data = statsmodels.datasets.engel.load_pandas().data
    return data[["income"]].to_numpy(), data["foodexp"].to_numpy()


# rq(foodexp ~ income, tau, data = engel) of R's quantreg; the vignette of that package prints them
PUBLISHED = {
    0.05: (124.88004, 0.34336),
    0.25: (95.48354, 0.47410),
    0.5: (81.48225, 0.56018),
    0.75: (62.39659, 0.64401),
    0.95: (64.10396, 0.70907),
}


@pytest.mark.parametrize(("quantile", "published"), PUBLISHED.items())
def test_engel_is_as_published(quantile, published) -> None:
    objective, space = make_objective(*engel(), quantile)
    solution = minimise_quantile(objective, make_gram(objective))
    assert space.to_user(solution.params) == pytest.approx(published, abs=6e-6)


@pytest.mark.filterwarnings("ignore:Convergence cycle detected")  # at the last digits of their iteration
@pytest.mark.parametrize("quantile", [0.1, 0.25, 0.5, 0.9])
def test_iid_standard_errors_are_those_of_statsmodels(quantile) -> None:
    import statsmodels.api as sm

    x, y = engel()
    theirs = sm.QuantReg(y, sm.add_constant(x)).fit(q=quantile, vcov="iid", p_tol=1e-9)
    objective, space = make_objective(x, y, quantile)
    gram = make_gram(objective)
    solution = minimise_quantile(objective, gram)
    sparsity = estimate_sparsity(objective, solution.residuals)
    covariance = space.covariance_to_user(iid_covariance(objective, Information(gram), sparsity))
    assert sparsity.bandwidth == pytest.approx(theirs.bandwidth, rel=1e-6)  # they iterate, to about that
    assert 1.0 / sparsity.density == pytest.approx(theirs.sparsity, rel=1e-6)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(theirs.bse, rel=1e-6)


def test_the_kernel_sandwich_is_its_formula_row_by_row() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((400, 2))
    y = x[:, 0] + (1.0 + np.abs(x[:, 1])) * rng.standard_normal(400)
    objective, _ = make_objective(x, y, 0.3)
    gram = make_gram(objective)
    solution = minimise_quantile(objective, gram)
    sparsity = estimate_sparsity(objective, solution.residuals)
    h = np.zeros((3, 3))
    j = np.zeros((3, 3))
    for row, r in zip(objective.dense(np.arange(400)), solution.residuals, strict=True):
        u = r / sparsity.bandwidth
        j += np.outer(row, row)
        h += np.outer(row, row) * (0.75 * (1.0 - u**2) if abs(u) < 1.0 else 0.0) / sparsity.bandwidth
    expected = 0.3 * 0.7 * np.linalg.inv(h) @ j @ np.linalg.inv(h)
    assert kernel_covariance(objective, solution.residuals, gram, sparsity) == pytest.approx(expected, rel=1e-10)


def test_the_kernel_is_a_density() -> None:
    u = np.linspace(-1.5, 1.5, 300_001)
    assert np.trapezoid(epanechnikov(u), u) == pytest.approx(1.0, rel=1e-9)


def test_weights_are_repetitions_of_rows() -> None:
    rng = np.random.default_rng(3)
    x, y, weights = rng.standard_normal((200, 2)), rng.standard_normal(200), rng.integers(0, 4, 200)
    weighted, _ = make_objective(x, y, 0.4, weights.astype(float))
    repeated, _ = make_objective(np.repeat(x, weights, axis=0), np.repeat(y, weights), 0.4)
    solution = minimise_quantile(weighted, make_gram(weighted))
    r = solution.residuals
    first = estimate_sparsity(weighted, r)
    second = estimate_sparsity(repeated, np.repeat(r, weights))
    assert (first.density, first.bandwidth) == pytest.approx((second.density, second.bandwidth), rel=1e-12)


def test_without_spread_there_is_no_density() -> None:
    objective, _ = make_objective(np.zeros((20, 0)), np.ones(20))
    sparsity = estimate_sparsity(objective, np.zeros(20))
    assert math.isnan(sparsity.density) and sparsity.bandwidth == 0.0
    gram = make_gram(objective)
    assert np.isnan(kernel_covariance(objective, np.zeros(20), gram, sparsity)).all()
    assert np.isnan(iid_covariance(objective, Information(gram), sparsity)).all()


def refit_near(objective, solution):
    near = neighbour_of(objective, solution.params, solution.residuals, solution.basis)

    def refit(part):
        gram = make_gram(part)
        return minimise_quantile(part, gram, near).params if Information(gram).kept.all() else None

    return refit


def test_the_bootstrap_of_a_median_has_its_exact_variance() -> None:
    """The median of n draws from n numbers is the k-th with a probability that two binomial tails give."""
    n, replicates = 11, 1500
    y = np.sort(np.random.default_rng(8).standard_normal(n))
    below = [
        sum(math.comb(n, m) * (k / n) ** m * (1 - k / n) ** (n - m) for m in range(6, n + 1)) for k in range(n + 1)
    ]
    probability = np.diff(below)
    mean = probability @ y
    variance, fourth = probability @ (y - mean) ** 2, probability @ (y - mean) ** 4
    objective, _ = make_objective(np.zeros((n, 0)), y)
    refit = refit_near(objective, minimise_quantile(objective, make_gram(objective)))
    found = bootstrap_covariance(objective, refit, replicates, 1)[0, 0]
    assert found == pytest.approx(variance, abs=4.0 * math.sqrt((fourth - variance**2) / replicates))


@pytest.mark.usefixtures("everything_large")
def test_the_bootstrap_is_the_same_from_nearby_and_from_scratch() -> None:
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1500, 2))
    y = x[:, 0] + rng.standard_t(3, 1500)
    objective, _ = make_objective(x, y, 0.7)
    solution = minimise_quantile(objective, make_gram(objective))
    nearby = bootstrap_covariance(objective, refit_near(objective, solution), 20, 5)
    scratch = bootstrap_covariance(objective, lambda part: minimise_quantile(part, make_gram(part)).params, 20, 5)
    assert nearby == pytest.approx(scratch, rel=1e-9)
    assert np.array_equal(nearby, bootstrap_covariance(objective, refit_near(objective, solution), 20, 5))


def test_draws_that_determine_nothing_are_drawn_again_and_given_up() -> None:
    objective, _ = make_objective(np.zeros((5, 0)), np.arange(5.0))
    assert np.isnan(bootstrap_covariance(objective, lambda part: None, 3, 0)).all()


def ranges(objective, space):
    solution = minimise_quantile(objective, make_gram(objective))
    return coefficient_ranges(
        objective, solution.params, solution.residuals, solution.slopes, solution.basis, space.to_user
    ), space.to_user(solution.params)


def test_the_median_of_an_even_number_is_an_interval() -> None:
    found, _ = ranges(*make_objective(np.zeros((4, 0)), np.array([1.0, 2.0, 3.0, 7.0])))
    assert found.tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("levels", [2, 4])
def test_ranges_are_those_of_linear_programmes(seed, levels) -> None:
    rng = np.random.default_rng(seed)
    n = 9
    x, y = rng.integers(-1, 2, (n, 2)).astype(float), rng.integers(-levels, levels, n).astype(float)
    objective, space = make_objective(x, y)
    if not Information(make_gram(objective)).kept.all():
        return
    found, params = ranges(objective, space)
    found = np.column_stack([params, params]) if found is None else found
    whole = np.hstack([np.ones((n, 1)), x, np.eye(n), -np.eye(n)])
    cost = np.hstack([np.zeros(3), np.ones(2 * n)])
    bounds = [(None, None)] * 3 + [(0.0, None)] * (2 * n)
    best = linprog(cost, A_eq=whole, b_eq=y, bounds=bounds, method="highs").fun
    for j in range(3):
        for side, sign in ((0, 1.0), (1, -1.0)):
            goal = np.zeros(len(cost))
            goal[j] = sign
            end = linprog(goal, A_ub=[cost], b_ub=[best + 1e-10], A_eq=whole, b_eq=y, bounds=bounds, method="highs")
            assert found[j, side] == pytest.approx(sign * end.fun, abs=1e-6)


def test_continuous_data_have_one_optimum() -> None:
    rng = np.random.default_rng(6)
    found, _ = ranges(*make_objective(rng.standard_normal((101, 2)), rng.standard_normal(101), 0.3))
    assert found is None
