# SPDX-License-Identifier: BSD-3-Clause
"""The optimum of quantile regressions: against linear programmes, in exact arithmetic, and against published values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from mlefast.objective import Information
from mlefast.solvers.quantile import minimise_quantile

from .conftest import KINDS, draw, make_gram, make_objective

QUANTILES = (0.5, 0.25, 0.9, 0.37, 0.99)


def least_loss(x, y, tau, weights):
    """The minimum of the dual by HiGHS."""
    weighted = x * weights[:, np.newaxis]
    found = linprog(
        -weights * y, A_eq=weighted.T, b_eq=(1.0 - tau) * weighted.sum(axis=0), bounds=(0.0, 1.0), method="highs"
    )
    assert found.status == 0
    return -found.fun - (1.0 - tau) * (weights @ y)


def loss(x, y, params, tau, weights):
    r = y - x @ params
    return weights @ np.where(r < 0.0, (tau - 1.0) * r, tau * r)


def check(kind, seed, n, p, tau):
    rng = np.random.default_rng(seed)
    x, y = draw(kind, rng, n, p)
    weights = rng.integers(0, 4, n).astype(float) if seed % 3 == 0 else None
    objective, _ = make_objective(x, y, tau, weights)
    gram = make_gram(objective)
    if not Information(gram).kept.all():
        return
    solution = minimise_quantile(objective, gram)
    dense = objective.dense(np.arange(n))
    counts = np.ones(n) if weights is None else weights
    best = least_loss(dense, y, tau, counts)
    scale = max(best, counts @ np.abs(y) * 1e-3)
    assert loss(dense, y, solution.params, tau, counts) == pytest.approx(best, abs=1e-12 * scale)
    assert solution.value == pytest.approx(best, abs=1e-12 * scale)
    assert 0.0 <= solution.gap <= 1e-12
    assert np.abs(solution.residuals[solution.basis]).max() <= 1e-12 * (1.0 + np.abs(y).max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(20))
def test_the_optimum_is_that_of_a_linear_programme(kind, seed) -> None:
    rng = np.random.default_rng(1000 + seed)
    check(kind, seed, int(rng.integers(8, 80)), int(rng.integers(1, 5)), QUANTILES[seed % 5])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_so_it_is_when_few_rows_decide(kind, seed, everything_large) -> None:
    rng = np.random.default_rng(2000 + seed)
    check(kind, seed, int(rng.integers(400, 2500)), int(rng.integers(1, 5)), QUANTILES[seed % 5])


def solve_exactly(matrix, right):
    """Gaussian elimination in fractions."""
    rows = [[Fraction(v) for v in row] + [Fraction(b)] for row, b in zip(matrix, right, strict=True)]
    size = len(rows)
    for j in range(size):
        pivot = next(i for i in range(j, size) if rows[i][j] != 0)
        rows[j], rows[pivot] = rows[pivot], rows[j]
        for i in range(size):
            if i != j and rows[i][j] != 0:
                factor = rows[i][j] / rows[j][j]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[j], strict=True)]
    return [rows[j][-1] / rows[j][j] for j in range(size)]


@pytest.mark.parametrize("seed", range(60))
def test_the_vertex_is_optimal_in_exact_arithmetic(seed) -> None:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(5, 40)), int(rng.integers(1, 4))
    x, y = rng.integers(-3, 4, (n, p)), rng.integers(-5, 6, n)
    tau = Fraction(int(rng.integers(1, 8)), 8)
    objective, space = make_objective(x.astype(float), y, float(tau), intercept=True)
    gram = make_gram(objective)
    if not Information(gram).kept.all():
        return
    solution = minimise_quantile(objective, gram)
    rows = np.hstack([np.ones((n, 1), dtype=int), x]).tolist()
    basis = solution.basis.tolist()
    params = solve_exactly([rows[i] for i in basis], [int(y[i]) for i in basis])
    assert space.to_user(solution.params) == pytest.approx([float(v) for v in params], rel=1e-13, abs=1e-13)
    slopes = [Fraction(v) for v in solution.slopes.tolist()]
    total = [Fraction(0)] * (p + 1)
    for i in set(range(n)) - set(basis):
        r = int(y[i]) - sum(a * b for a, b in zip(rows[i], params, strict=True))
        assert slopes[i] == (tau if r > 0 else tau - 1) or r == 0
        assert tau - 1 <= slopes[i] <= tau
        total = [t + slopes[i] * v for t, v in zip(total, rows[i], strict=True)]
    transposed = [[rows[i][j] for i in basis] for j in range(p + 1)]
    dual = solve_exactly(transposed, [-t for t in total])
    assert all(tau - 1 <= u <= tau for u in dual)
    assert solution.slopes[basis] == pytest.approx([float(u) for u in dual], abs=1e-12)


def test_many_rows_give_the_same_bits_for_every_number_of_threads() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((30_000, 3))
    y = x @ [1.0, -2.0, 0.5] + rng.standard_t(3, 30_000)
    found = []
    for threads in (1, 2, 3):
        objective, _ = make_objective(x, y, 0.8, threads=threads)
        found.append(minimise_quantile(objective, make_gram(objective)))
    for other in found[1:]:
        assert np.array_equal(found[0].params, other.params)
        assert found[0].gap == other.gap <= 1e-15


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quantile", [0.5, 0.9])
def test_the_gap_proves_the_optimum_of_many_rows(kind, quantile) -> None:
    """The proof is checked by NumPy: slopes within bounds that balance the rows, and match the residuals."""
    rng = np.random.default_rng(7)
    x, y = draw(kind, rng, 40_000, 4)
    objective, _ = make_objective(x, y, quantile)
    solution = minimise_quantile(objective, make_gram(objective))
    dense = objective.dense(np.arange(len(y)))
    assert solution.slopes.min() >= quantile - 1.0 and solution.slopes.max() <= quantile
    size = np.abs(dense).sum(axis=0)
    assert np.abs(solution.slopes @ dense).max() <= 1e-12 * size.max()
    r = y - dense @ solution.params
    lost = loss(dense, y, solution.params, quantile, np.ones(len(y))) - solution.slopes @ r
    assert lost <= 1e-12 * max(solution.value, np.abs(y).sum())
    assert solution.gap <= 1e-12


def test_sorted_data_with_blocks_are_no_trap() -> None:
    """Columns that are zero but in one block of rows, and a trend along the rows."""
    n = 60_000
    x = np.zeros((n, 3))
    x[:200, 0] = 1.0
    x[-40:, 1] = np.arange(1.0, 41.0)
    x[:, 2] = np.arange(n) / n
    y = 100.0 * x[:, 0] - x[:, 1] + np.random.default_rng(5).standard_normal(n) * (1.0 + x[:, 2])
    objective, _ = make_objective(x, y, 0.3)
    solution = minimise_quantile(objective, make_gram(objective))
    assert solution.gap <= 1e-12
    ones = np.ones(n)
    best = least_loss(objective.dense(np.arange(n)), y, 0.3, ones)
    assert solution.value == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_as_many_rows_as_parameters_are_fitted_exactly(n) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((n, n)), rng.standard_normal(n)
    objective, space = make_objective(x, y, 0.3, intercept=False)
    solution = minimise_quantile(objective, make_gram(objective))
    assert space.to_user(solution.params) == pytest.approx(np.linalg.solve(x, y), rel=1e-10)
    assert solution.gap == 0.0


def test_a_constant_is_its_own_median() -> None:
    objective, _ = make_objective(np.zeros((50, 0)), np.full(50, 3.0), 0.2)
    solution = minimise_quantile(objective, make_gram(objective))
    assert solution.params.tolist() == [3.0]
    assert solution.value == 0.0


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.73])
def test_an_intercept_alone_is_a_weighted_quantile(quantile) -> None:
    rng = np.random.default_rng(11)
    y, weights = rng.standard_normal(1001), rng.integers(0, 5, 1001).astype(float)
    objective, _ = make_objective(np.zeros((1001, 0)), y, quantile, weights)
    solution = minimise_quantile(objective, make_gram(objective))
    repeated = np.sort(np.repeat(y, weights.astype(int)))
    at = quantile * len(repeated)
    between = repeated[[int(np.ceil(at)) - 1, int(np.floor(at))]]
    assert between[0] - 1e-14 <= solution.params[0] <= between[1] + 1e-14


def test_weights_are_repetitions() -> None:
    rng = np.random.default_rng(12)
    x, y = rng.standard_normal((300, 2)), rng.standard_normal(300)
    weights = rng.integers(0, 4, 300)
    x[weights == 0] = np.nan
    weighted, _ = make_objective(x, y, 0.6, weights.astype(float))
    repeated, _ = make_objective(np.repeat(x, weights, axis=0), np.repeat(y, weights), 0.6)
    first = minimise_quantile(weighted, make_gram(weighted))
    second = minimise_quantile(repeated, make_gram(repeated))
    assert first.value == pytest.approx(second.value, rel=1e-14)
