# SPDX-License-Identifier: BSD-3-Clause
"""Quantile regressions of every kind of data, and their objectives."""

from __future__ import annotations

import numpy as np
import pytest

from mlefast.data.design import read_design
from mlefast.objective import MemoryPiecewise, standardise

KINDS = ("normal", "integers", "dummies", "many zeros", "Cauchy", "rare dummies", "sorted", "rounded", "exact")


def draw(kind, rng, n, p):
    """X and y of a kind that a solver of linear programmes may stumble over."""
    x = rng.standard_normal((n, p))
    if kind == "normal":
        return x, rng.standard_normal(n)
    if kind == "integers":
        return rng.integers(-2, 3, (n, p)).astype(float), rng.integers(-3, 4, n).astype(float)
    if kind == "dummies":
        return rng.integers(0, 2, (n, p)).astype(float), rng.integers(0, 3, n).astype(float)
    if kind == "many zeros":
        return x, (rng.random(n) < 0.3) * rng.standard_normal(n)
    if kind == "Cauchy":
        x = rng.standard_cauchy((n, p))
        return x, rng.standard_cauchy(n) + x.sum(axis=1)
    if kind == "rare dummies":
        x = (rng.random((n, p)) < 0.01).astype(float)
        x[:p] = np.eye(p)
        return x, x @ np.full(p, 50.0) + rng.standard_normal(n)
    if kind == "sorted":
        x = np.sort(x, axis=0) + 0.1 * rng.standard_normal((n, p))
        return x, x[:, 0] * (1.0 + rng.standard_normal(n))
    if kind == "rounded":
        return x, (3.0 * x.sum(axis=1) + rng.standard_normal(n)).round()
    return x, x @ rng.standard_normal(p)


def make_objective(x, y, quantile=0.5, weights=None, intercept=True, threads=1):
    """The objective of a quantile regression, and its coordinates."""
    design = read_design(x)
    space = standardise(design, intercept)
    objective = MemoryPiecewise(
        design, np.asarray(y, dtype=float), weights=weights, space=space, quantile=quantile, threads=threads
    )
    return objective, space


def make_gram(objective):
    return objective.gram(np.ones(objective.rows))


@pytest.fixture
def everything_large(monkeypatch):
    """Few rows are treated as many are."""
    from mlefast.solvers import quantile

    monkeypatch.setattr(quantile, "_WHOLE", 100)
    monkeypatch.setattr(quantile, "_PER_COLUMN", 20)
