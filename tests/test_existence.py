# SPDX-License-Identifier: BSD-3-Clause
"""Whether the maximum exists: the verdict of the fit against that of a linear programme."""

from __future__ import annotations

import collections
import warnings

import numpy as np
import pytest
from scipy.optimize import linprog

import mlefast
from mlefast.data import read_design
from mlefast.existence import prove
from mlefast.likelihoods import Totals
from mlefast.objective import MemoryObjective, rows_of
from mlefast.solvers.irls import expand

SOLVERS = ["irls", "lbfgs"]


def fit(*args: object, **options: object) -> mlefast.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.MlefastWarning)
        return mlefast.fit(*args, **options)


def is_separated(x: np.ndarray, y: np.ndarray, intercept: bool) -> bool:
    """Whether some direction d has s x'd >= 0 in all rows and > 0 in one."""
    wide = np.column_stack([np.ones(len(y)), x]) if intercept else x
    signed = (2 * y - 1)[:, np.newaxis] * wide
    programme = linprog(
        -signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=[(-1, 1)] * wide.shape[1], method="highs"
    )
    return -programme.fun > 1e-7


def design(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A small design of numbers, whole numbers or rare dummies, and labels that lean on its first column."""
    n, p = int(rng.integers(8, 80)), int(rng.integers(1, 6))
    kinds = (
        rng.standard_normal((n, p)),
        rng.integers(-2, 3, (n, p)).astype(float),
        (rng.random((n, p)) < rng.choice([0.05, 0.2, 0.5])).astype(float),
    )
    x = kinds[rng.integers(3)]
    return x, (rng.random(n) < 1 / (1 + np.exp(-rng.choice([0.5, 2, 6]) * x[:, 0]))).astype(float)


def problems(seed: int, count: int):
    """Designs with weights, some of them zero, offsets, and with or without an intercept; the truth about each."""
    rng = np.random.default_rng(seed)
    while count:
        x, y = design(rng)
        intercept = bool(rng.random() < 0.7)
        options = {"intercept": intercept}
        present = np.ones(len(y), dtype=bool)
        if rng.random() < 0.5:
            options["weights"] = rng.integers(0, 4, len(y)) * rng.choice([1.0, 0.01, 1e4])
            present = options["weights"] > 0
        if rng.random() < 0.5:
            options["offset"] = rng.choice([1.0, 5.0]) * rng.standard_normal(len(y)) + rng.choice([0.0, 3.0])
        if present.any() and 0 < y[present].sum() < present.sum():
            count -= 1
            yield rng, x, y, options, is_separated(x[present], y[present], intercept)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_verdict_is_that_of_a_linear_programme(solver: str) -> None:
    seen = collections.Counter()
    for _, x, y, options, separated in problems(1, 400):
        result = fit(x, y, solver=solver, **options)
        assert result.separation.verdict == ("separated" if separated else "exists"), (x, y, options)
        assert result.converged is not separated
        seen[separated] += 1
    assert min(seen.values()) > 50


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_start_and_no_tolerance_brings_a_false_verdict(solver: str) -> None:
    decided = 0
    for rng, x, y, options, separated in problems(2, 300):
        size = x.shape[1] + options["intercept"]
        start = rng.choice([1.0, 5.0, 30.0, 300.0]) * rng.standard_normal(size)
        tol = rng.choice([1e-1, 1e-3, 1e-6])
        result = fit(x, y, solver=solver, start=start, tol=tol, max_iter=int(rng.integers(0, 100)), **options)
        wrong = "exists" if separated else "separated"
        assert result.separation.verdict != wrong, (x, y, options, start, tol)
        assert not (result.converged and separated)
        decided += result.separation.verdict != "undecided"
    assert decided > 150


@pytest.mark.parametrize("solver", ["auto", *SOLVERS])
def test_one_level_of_many_that_is_all_zero(solver: str) -> None:
    """The maximum lies at infinity, though a fit to rounding looks converged everywhere else."""
    rng = np.random.default_rng(0)
    level = rng.integers(0, 200, 20_000)
    y = rng.random(20_000) < 0.3
    y[level == 7] = False
    result = fit(level[:, np.newaxis] == np.arange(1, 200), y, solver=solver)
    assert not result.converged
    assert (result.separation.verdict, result.separation.columns) == ("separated", ("x7",))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("start", [8.0, 14.0, 20.0, 30.0])
@pytest.mark.parametrize("rows", [4_000, 100_000])
def test_a_start_far_along_a_separating_direction(solver: str, start: float, rows: int) -> None:
    """So few rows are still on their way that the information there says nothing about the next point."""
    rng = np.random.default_rng(3)
    z = rng.standard_normal((rows, 3))
    y = rng.random(rows) < 1 / (1 + np.exp(-z[:, 0]))
    rare = np.arange(rows) % (rows // 20) == 0
    y[rare] = True
    result = fit(np.column_stack([z, rare]), y, solver=solver, start=[0, 0, 0, 0, start])
    assert result.separation.verdict == "separated"
    assert not result.converged


def test_the_separating_columns_are_named_alone() -> None:
    rng = np.random.default_rng(0)
    z, row = rng.standard_normal((1000, 2)), np.arange(1000)
    ones, noughts = row % 10 == 0, row % 10 == 1
    y = rng.random(1000) < 0.5
    y[ones] = True
    assert fit(np.column_stack([z, ones]), y).separation.columns == ("x3",)
    assert fit(np.column_stack([z, ~ones]), y).separation.columns[0] == "x3"
    y[noughts] = False
    found = fit(np.column_stack([z, 1e-6 * ones, noughts]), y).separation
    assert set(found.columns) == {"x3", "x4"}
    margins = np.where(y, 1, -1) * (np.column_stack([np.ones(1000), z, 1e-6 * ones, noughts]) @ found.direction)
    assert margins.min() > -1e-9
    assert margins.max() > 0.1


def test_the_level_that_the_others_are_compared_with() -> None:
    """If the reference separates, all other levels run to infinity with the intercept."""
    level = np.arange(300) % 3
    y = np.random.default_rng(0).random(300) < 0.5
    y[level == 0] = False
    found = fit(level[:, np.newaxis] == [1, 2], y).separation
    assert set(found.columns) == {"Intercept", "x1", "x2"}


@pytest.mark.parametrize("value", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("row", [5, 7])
@pytest.mark.parametrize("n", [2_000, 50_000])
def test_a_huge_cell_takes_no_digits_from_the_others(value: float, row: int, n: int) -> None:
    """On the side to which the column leans anyway the row is fitted perfectly: the rest decides."""
    rng = np.random.default_rng(7)
    z = rng.standard_normal((n, 3))
    y = rng.random(n) < 1 / (1 + np.exp(-(z[:, 0] - z[:, 1] + 0.5 * z[:, 2])))
    y[row] = True
    x = z.copy()
    x[row, 2] = value
    rest = np.arange(n) != row
    wanted, result = mlefast.fit(z[rest], y[rest]), mlefast.fit(x, y, tol=1e-8)
    assert result.converged
    np.testing.assert_allclose(result.params, wanted.params, atol=2e-6 * wanted.bse.max())
    np.testing.assert_allclose(result.bse, wanted.bse, rtol=1e-5)


@pytest.mark.parametrize("value", [1e8, 1e12, 1e18, 9.96921e36, 1e100])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_huge_cell_on_the_other_side_leaves_its_column_no_weight(value: float, solver: str) -> None:
    """The column is that row's own, which it fits perfectly; what it could tell of the other rows is nothing to it."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((2000, 3))
    y = rng.random(2000) < 1 / (1 + np.exp(-x[:, 2]))
    x[5, 2], y[5] = value, False
    rest = np.arange(2000) != 5
    wanted, result = mlefast.fit(x[rest, :2], y[rest]), fit(x, y, solver=solver)
    np.testing.assert_allclose(result.params[:3], wanted.params, atol=2e-6 * wanted.bse.max())
    assert -100 < result.params[3] * value < -10
    assert (result.converged, result.separation.verdict) == (True, "exists")


@pytest.mark.parametrize("apart", [15.0, 30.0, 40.0])
@pytest.mark.parametrize("tiny", [-30.0, -36.0, -38.0, -40.0, -42.0])
def test_rounding_of_large_slopes_proves_nothing(apart: float, tiny: float) -> None:
    """Rows 0 and 2 have the same x and other labels, and offsets between which their slopes are 1 and -1: the one of row
    1, which alone says that its label gets ahead for ever, is lost in their sum.
    """
    x, y, offset = np.array([[-2.0], [1.0], [-2.0]]), np.array([0.0, 0.0, 1.0]), np.array([86.0, 155.0, -60.0])
    design = read_design(x)
    objective = MemoryObjective(
        rows_of(design, y, None, offset, True), design, y, mlefast.Bernoulli(), Totals(3.0), size=2, threads=1
    )
    slope = ((tiny - offset[1]) - (apart - offset[0])) / 3.0
    there = expand(objective, np.array([tiny - offset[1] - slope, slope]), "double")[1]  # eta = apart, tiny, ...
    assert prove(objective, there.params, there, None, True).verdict == "separated"
