# SPDX-License-Identifier: BSD-3-Clause
"""The bootstrap: replicates against Newton's steps with the same weights, errors against the sandwich."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

import mlefast
from mlefast import _core

from .cases import agree, case, fit_glm, names
from .dense import between, bread, clustered, sums

SIGMAS = 5.0


def draws(keys: np.ndarray, seed: int, replicates: int) -> np.ndarray:
    """The weights of the core, which tests/core/ compares with a counter-based generator in Python."""
    return _core.draw(keys, seed, -(-replicates // _core.REPLICATES))[:, :replicates]


def agree_replicates(found: mlefast.Bootstrap, params: np.ndarray, inverse: np.ndarray, weighted: np.ndarray) -> None:
    """b - H^-1 sum (w - 1) g (Kline and Santos 2012), with moments and quantiles of NumPy."""
    steps = found.replicates - params
    wanted = -weighted @ inverse
    agree(steps, wanted, of=np.abs(wanted).max(axis=0))  # a step is a sum over rows of terms of either sign
    agree(found.bse, wanted.std(axis=0, ddof=1))
    agree(found.conf_int(0.1), np.quantile(params + wanted, [0.05, 0.95], axis=0).T)


def agree_with_sandwich(found: mlefast.Bootstrap, inverse: np.ndarray, scores: np.ndarray, wanted: np.ndarray) -> None:
    """Within Monte Carlo error: a replicate sums independent terms, and the weights' excess kurtosis is Poisson's, 1."""
    shares = (scores @ inverse) ** 2
    kurtosis = 3.0 + (shares**2).sum(axis=0) / shares.sum(axis=0) ** 2
    off = np.diagonal(found.covariance) / np.diagonal(wanted) - 1.0
    assert (np.abs(off) < SIGMAS * np.sqrt((kurtosis - 1.0) / len(found.replicates))).all()


def test_rows(glm) -> None:
    """With the derivatives of statsmodels' GLM; the sandwich is White's (1982), HC0."""
    d1, d2, _ = glm.derivatives
    inverse, scores, n = bread(glm.wide, d2), glm.wide * d1[:, np.newaxis], len(glm.wide)
    found = mlefast.bootstrap(glm.ours, *glm.data, replicates=1000, seed=9)
    assert found.names == glm.ours.names and found.groups is None
    agree_replicates(found, glm.ours.params, inverse, (draws(np.arange(n), 9, 1000) - 1.0).T @ scores)
    agree_with_sandwich(found, inverse, scores, between(inverse, scores))


def test_groups(glm) -> None:
    """Groups drawn together; the sandwich of clusters without corrections (Liang and Zeger 1986)."""
    d1, d2, _ = glm.derivatives
    inverse, groups = bread(glm.wide, d2), np.arange(len(glm.wide)) // 4
    scores = sums(glm.wide * d1[:, np.newaxis], groups)
    found = mlefast.bootstrap(glm.ours, *glm.data, replicates=1000, seed=3, groups=groups)
    count = len(scores)
    assert found.groups == count
    agree_replicates(found, glm.ours.params, inverse, (draws(np.arange(count), 3, 1000) - 1.0).T @ scores)
    wanted = clustered(inverse, glm.wide * d1[:, np.newaxis], groups, small=False) * (count - 1.0) / count
    agree_with_sandwich(found, inverse, scores, wanted)


def test_classes(choice) -> None:
    """With MNLogit's scores and Hessian."""
    model, params = choice.theirs.model, np.asarray(choice.theirs.params)
    inverse, scores = np.linalg.inv(-model.hessian(params)), -model.score_obs(params)
    found = mlefast.bootstrap(choice.ours, *choice.data, replicates=1000, seed=4)
    weights: Any = draws(np.arange(len(scores)), 4, 1000)
    agree_replicates(found, choice.ours.params.ravel(), inverse, (weights - 1.0).T @ scores)
    agree_with_sandwich(found, inverse, scores, between(inverse, scores))


REFITS = [name for name in names("poisson", "gaussian") if not name.startswith(("randhie", "anes96"))]


@pytest.mark.parametrize("name", REFITS)
def test_refits(name: str) -> None:
    """Statsmodels' GLM with the draws as frequencies; refits end within 1e-6 standard errors of their maxima."""
    found, replicates = case(name), 4
    x, y = found.data
    ours = mlefast.bootstrap(found.ours, x, y, replicates=replicates, seed=6, exact=True)
    weights = draws(np.arange(len(x)), 6, replicates)
    assert ours.failed == 0
    for estimate, frequencies in zip(ours.replicates, weights.T, strict=True):
        drawn = frequencies > 0
        wide = sm.add_constant(x[drawn], has_constant="add")
        theirs = fit_glm(y[drawn], wide, found.family, freq_weights=frequencies[drawn])
        assert np.abs((estimate - theirs.params) / theirs.bse).max() < 1e-6
