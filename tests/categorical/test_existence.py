# SPDX-License-Identifier: BSD-3-Clause
"""Whether the maximum of a softmax exists: the verdict against that of a linear programme."""

from __future__ import annotations

import collections
import warnings

import numpy as np
import pytest
from scipy.optimize import linprog

import mlefast


def fit(*args: object, **options: object) -> mlefast.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.MlefastWarning)
        return mlefast.fit(*args, likelihood="categorical", **options)


def leads(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """A row for each row of x and each class k other than its label, which maps parameters to x'(b_y - b_k)."""
    rows = []
    for row, label in zip(x, y, strict=True):
        for k in range(classes):
            if k != label:
                part = np.zeros((classes, x.shape[1]))
                part[label] += row
                part[k] -= row
                rows.append(part[1:].ravel())
    return np.array(rows)


def is_separated(x: np.ndarray, y: np.ndarray, classes: int) -> bool:
    """Whether along some direction no label falls behind another class and one gets ahead (Albert and Anderson)."""
    signed = leads(x, y, classes)
    programme = linprog(
        -signed.sum(axis=0),
        A_ub=-signed,
        b_ub=np.zeros(len(signed)),
        bounds=[(-1, 1)] * signed.shape[1],
        method="highs",
    )
    return -programme.fun > 1e-7


def problems(seed: int, count: int):
    rng = np.random.default_rng(seed)
    while count:
        n, p, classes = int(rng.integers(10, 90)), int(rng.integers(1, 4)), int(rng.integers(2, 5))
        kinds = (
            rng.standard_normal((n, p)),
            rng.integers(-2, 3, (n, p)).astype(float),
            (rng.random((n, p)) < rng.choice([0.05, 0.2, 0.5])).astype(float),
        )
        x = kinds[rng.integers(3)]
        eta = rng.choice([0.5, 2, 6]) * x @ rng.standard_normal((p, classes))
        y = (eta + rng.gumbel(size=eta.shape)).argmax(axis=1)
        weights = rng.integers(0, 3, n) if rng.random() < 0.5 else np.ones(n)
        there = np.unique(y[weights > 0])
        intercept = bool(rng.random() < 0.7)
        if len(there) == classes:
            count -= 1
            wide = np.column_stack([np.ones(n), x]) if intercept else x
            yield (
                x,
                y,
                {"weights": weights, "intercept": intercept},
                is_separated(wide[weights > 0], y[weights > 0], classes),
            )


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
def test_the_verdict_is_that_of_a_linear_programme(solver: str) -> None:
    seen: collections.Counter[bool] = collections.Counter()
    for x, y, options, separated in problems(1, 150):
        result = fit(x, y, solver=solver, **options)
        assert result.separation.verdict == ("separated" if separated else "exists"), (x, y, options)
        assert result.converged is not separated
        if separated:
            direction = result.separation.direction
            assert direction.shape == result.params.shape
            present = options["weights"] > 0
            wide = np.column_stack([np.ones(len(x)), x]) if options["intercept"] else x
            ahead = leads(wide[present], y[present], len(direction) + 1) @ direction.ravel()
            assert ahead.min() >= -1e-6 * ahead.max() and ahead.max() > 0.0
        seen[separated] += 1
    assert min(seen.values()) > 20


def test_separation_names_the_class_and_the_column() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((300, 2)), rng.choice(["a", "b", "c"], 300)
    x[:, 1] = np.where(y == "b", np.abs(x[:, 1]) + 1, -np.abs(x[:, 1]))
    with pytest.warns(mlefast.SeparationWarning, match="b: x2"):
        result = mlefast.fit(x, y, likelihood="categorical")
    assert result.separation.columns[0] == "b: x2"
    assert not any(name.startswith("c: x") for name in result.separation.columns)
