# SPDX-License-Identifier: BSD-3-Clause
"""Kinds of covariance: the derivatives of the rows' losses are statsmodels', the matrices are written out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from mpmath import mp
from scipy import optimize, stats
from statsmodels.regression.quantile_regression import hall_sheather

import mlefast

from .cases import COUNTS, MEASUREMENTS, agree, case, fit_exactly, names
from .dense import between, bread, clustered, sandwich, without_negative

KINDS = ("HC0", "HC1", "HC2", "HC3")
MODELS = {"logit": sm.Logit, "probit": sm.Probit, "poisson": sm.Poisson, "gaussian": sm.OLS}


def agree_covariances(found: Any, expected: Any) -> None:
    """In units of the standard errors."""
    errors = np.sqrt(np.diagonal(expected))
    agree(np.sqrt(np.diagonal(found)), errors)
    np.testing.assert_allclose(found / np.outer(errors, errors), expected / np.outer(errors, errors), atol=1e-8)


def ways(x: pd.DataFrame) -> tuple[Any, Any]:
    """Two ways of grouping: four neighbours in the table, and the same value in the last column."""
    return np.arange(len(x)) // 4, pd.factorize(x.iloc[:, -1])[0]


def test_observed_information(glm) -> None:
    """GLM.hessian_factor of statsmodels."""
    agree_covariances(glm.ours.cov_params(), bread(glm.wide, glm.derivatives[1]))


def test_expected_information(glm) -> None:
    """The same of the expected Hessian, and the covariance of statsmodels' GLM."""
    found = mlefast.with_covariance(glm.ours, "expected", *glm.data).cov_params()
    agree_covariances(found, bread(glm.wide, glm.derivatives[2]))
    agree_covariances(found, np.asarray(glm.inferred.cov_params()))


@pytest.mark.parametrize("kind", KINDS)
def test_robust(glm, kind: str) -> None:
    """White (1980), MacKinnon and White (1985)."""
    d1, d2, _ = glm.derivatives
    found = mlefast.with_covariance(glm.ours, kind, *glm.data).cov_params()
    agree_covariances(found, sandwich(glm.wide, d1, d2, kind))


def test_clusters(glm) -> None:
    """Liang and Zeger (1986); Cameron, Gelbach and Miller (2011)."""
    d1, d2, _ = glm.derivatives
    inverse, scores = bread(glm.wide, d2), glm.wide * d1[:, np.newaxis]
    one, two = ways(glm.data[0])
    found = mlefast.with_covariance(glm.ours, "cluster", *glm.data, groups=one)
    agree_covariances(found.cov_params(), clustered(inverse, scores, one))
    found = mlefast.with_covariance(glm.ours, "cluster", *glm.data, groups=np.column_stack([one, two]))
    agree_covariances(found.cov_params(), clustered(inverse, scores, one, two))


@pytest.mark.parametrize("name", names(*MODELS))
def test_robust_is_statsmodels(name: str) -> None:
    """cov_type of statsmodels: all of OLS; of Logit, Probit and Poisson HC0 and clusters (their HC1 to HC3 are HC0)."""
    found = case(name)
    model = MODELS[found.likelihood](found.data[1], sm.add_constant(found.data[0]))
    one, two = ways(found.data[0])
    kinds = dict.fromkeys(KINDS if found.likelihood == "gaussian" else KINDS[:1])
    search = {"start_params": found.theirs.params, "disp": False, "method": "newton", "tol": 1e-12}
    for kind, groups in {**kinds, "cluster": one, "cluster of pairs": np.column_stack([one, two])}.items():
        kind, options = kind.split()[0], {} if found.likelihood == "gaussian" else search
        if groups is not None:
            options = options | {"cov_kwds": {"groups": groups}}
        theirs = model.fit(cov_type=kind, **options)
        ours = mlefast.with_covariance(found.ours, kind, *found.data, groups=groups)
        agree_covariances(ours.cov_params(), without_negative(np.asarray(theirs.cov_params())))


def test_classes(choice) -> None:
    """The Hessian and the scores of the rows of statsmodels' MNLogit."""
    theirs, (x, _) = choice.theirs, choice.data
    params, groups = np.asarray(theirs.params), ways(x)[0]
    inverse, scores = np.linalg.inv(-theirs.model.hessian(params)), theirs.model.score_obs(params)
    (n, p), squares = scores.shape, between(inverse, scores)
    wanted = {
        "fisher": inverse,
        "HC0": squares,
        "HC1": squares * n / (n - p),
        "cluster": clustered(inverse, scores, groups),
    }
    for kind, expected in wanted.items():
        found = mlefast.with_covariance(choice.ours, kind, *choice.data, groups=groups if kind == "cluster" else None)
        agree_covariances(found.cov_params(), expected)


def agree_with_shapes(result: mlefast.Result, data: Any, inverse: np.ndarray, scores: np.ndarray) -> None:
    """Each kind there is for likelihoods with a shape parameter."""
    (n, p), squares, groups = scores.shape, between(inverse, scores), np.arange(len(scores)) // 4
    wanted = {
        "fisher": (inverse, None),
        "HC0": (squares, None),
        "HC1": (squares * n / (n - p), None),
        "cluster": (clustered(inverse, scores, groups), groups),
    }
    for kind, (expected, labels) in wanted.items():
        agree_covariances(mlefast.with_covariance(result, kind, *data, groups=labels).cov_params(), expected)


loggamma = cache(mp.loggamma)


def in_forty_digits(loss: Callable[..., Any], eta: np.ndarray, y: np.ndarray, shapes: np.ndarray) -> Any:
    """Gradients and Hessians of the rows' loss(y, eta, *shapes), by differences of 1e-12 in 40 digits."""
    size, gradients, hessians = 1 + len(shapes), [], []
    with mp.workdps(40):
        h = mp.mpf(10) ** -12
        for label, here in zip(map(mp.mpf, y.tolist()), eta.tolist(), strict=True):
            values = [mp.mpf(here), *map(mp.mpf, shapes.tolist())]

            def at(*signs: tuple[int, int], label: Any = label, values: list[Any] = values) -> Any:
                return loss(label, *(v + h * sum(sign for j, sign in signs if j == i) for i, v in enumerate(values)))

            gradients.append([float((at((i, 1)) - at((i, -1))) / (2 * h)) for i in range(size)])
            hessian = np.empty((size, size))
            for i, j in combinations_with_replacement(range(size), 2):
                corners = (a * b * at((i, a), (j, b)) for a in (1, -1) for b in (1, -1))
                hessian[i, j] = hessian[j, i] = float(sum(corners) / (4 * h**2))
            hessians.append(hessian)
    return np.array(gradients), np.array(hessians)


def negative_binomial(y: Any, eta: Any, log_alpha: Any) -> Any:
    nu, a = mp.exp(-log_alpha), mp.exp(log_alpha + eta)
    return (y + nu) * mp.log1p(a) - y * mp.log(a) - loggamma(y + nu) + loggamma(nu)


def student(y: Any, eta: Any, log_sigma: Any, log_nu: Any) -> Any:
    nu, z = mp.exp(log_nu), (y - eta) / mp.exp(log_sigma)
    rest = mp.log(nu) / 2 + loggamma(nu / 2) - loggamma((nu + 1) / 2)
    return (nu + 1) / 2 * mp.log1p(z * z / nu) + log_sigma + rest


# of few rows, since 40 digits take their time; Student t has a maximum in these only
SHAPES = [("negative_binomial", negative_binomial, name) for name in COUNTS if name != "randhie"]
SHAPES += [("student_t", student, name) for name in ("stackloss", "statecrime", "ccard", "grunfeld", "engel")]


@pytest.mark.parametrize(("likelihood", "loss", "name"), SHAPES)
def test_shape_parameters(likelihood: str, loss: Callable[..., Any], name: str) -> None:
    """The density's derivatives; a row moves eta by x and each shape parameter by itself."""
    x, y = (COUNTS if likelihood == "negative_binomial" else MEASUREMENTS)[name]()
    result = fit_exactly(x, y, likelihood=likelihood)
    coefficients, shapes = np.split(result.params, [x.shape[1] + 1])
    wide = np.column_stack([np.ones(len(x)), x])
    gradients, hessians = in_forty_digits(loss, wide @ coefficients, y.to_numpy(), shapes)
    moves = np.zeros((len(wide), 1 + len(shapes), result.params.size))
    moves[:, 0, : len(coefficients)], moves[:, 1:, len(coefficients) :] = wide, np.eye(len(shapes))
    hessian = np.einsum("nia,nij,njb->ab", moves, hessians, moves)
    scores = np.einsum("nia,ni->na", moves, gradients)
    np.testing.assert_allclose(scores.sum(axis=0) @ np.linalg.inv(hessian) / result.bse, 0.0, atol=1e-8)
    agree_with_shapes(result, (x, y), np.linalg.inv(hessian), scores)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_medians(name: str) -> None:
    """The median by a linear programme, statsmodels' bandwidth, Epanechnikov's kernel; Powell's (1991) sandwich."""
    x, y = MEASUREMENTS[name]()
    wide, n = np.column_stack([np.ones(len(x)), x]), len(x)
    unit, p = np.eye(n), wide.shape[1]
    cost = np.r_[np.zeros(p), np.ones(2 * n)]
    free = [(None, None)] * p + [(0, None)] * (2 * n)
    found = optimize.linprog(cost, A_eq=np.hstack([wide, unit, -unit]), b_eq=y, bounds=free, method="highs-ds")
    residuals = y.to_numpy() - wide @ found.x[:p]
    width = stats.norm.ppf(0.5 + hall_sheather(n, 0.5)) - stats.norm.ppf(0.5 - hall_sheather(n, 0.5))
    quartiles = np.subtract(*np.quantile(residuals, [0.75, 0.25])) / 1.34
    bandwidth = width * min(y.std(ddof=0), quartiles)
    heights = 0.75 * np.maximum(1.0 - (residuals / bandwidth) ** 2, 0.0) / bandwidth
    gram = wide.T @ wide
    agree_covariances(
        mlefast.fit(x, y, likelihood="laplace").cov_params(), 0.25 * np.linalg.inv(gram) / heights.mean() ** 2
    )
    inverse = np.linalg.inv((wide.T * heights) @ wide)
    kernel = mlefast.fit(x, y, likelihood="laplace", covariance="kernel").cov_params()
    agree_covariances(kernel, 0.25 * inverse @ gram @ inverse)
