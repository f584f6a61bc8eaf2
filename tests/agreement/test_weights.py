# SPDX-License-Identifier: BSD-3-Clause
"""Frequencies against repeated rows in statsmodels, precisions against its WLS, sampling weights against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

import mlefast

from .cases import LIKELIHOODS, MEASUREMENTS, Case, agree, case, fit_exactly, fit_glm, names
from .dense import between, bread, clustered, sandwich, sums

ONE_OF_EACH = ("logit", "poisson", "gamma", "gaussian")


def repeated(found: Case) -> tuple[np.ndarray, Case]:
    """One, two and three of the rows in turn, and the same rows written out."""
    weights = 1 + np.arange(len(found.wide)) % 3
    x, y = found.data
    long = Case(found.name)
    long.__dict__["data"] = x.loc[x.index.repeat(weights)], y.repeat(weights)
    return weights, long


@pytest.mark.parametrize("name", names(*ONE_OF_EACH))
def test_frequencies(name: str) -> None:
    weights, long = repeated(case(name))
    theirs, (d1, d2, _) = long.theirs, long.derivatives
    data, options = case(name).data, {"weights": weights}
    ours = case(name).fit(**options)
    agree(ours.params, theirs.params)
    agree(ours.bse, np.sqrt(np.diagonal(bread(long.wide, d2))))
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        found = mlefast.with_covariance(ours, kind, *data, **options)
        agree(found.bse, np.sqrt(np.diagonal(sandwich(long.wide, d1, d2, kind))))
    assert (ours.nobs, ours.df_resid, ours.df_model) == (theirs.nobs, theirs.df_resid, theirs.df_model)
    agree(ours.deviance, theirs.deviance)
    agree(ours.null_deviance, theirs.null_deviance)
    llf = loglik(long)
    agree(ours.llf, llf)
    parameters = long.wide.shape[1] + (ours.family.scale_name is not None)
    agree([ours.aic, ours.bic], [2 * parameters - 2 * llf, parameters * np.log(theirs.nobs) - 2 * llf])


def loglik(long: Case) -> float:
    """Statsmodels' log-likelihood at the scale of largest likelihood, which its own of gamma has not."""
    n, rest = len(long.wide), long.theirs.df_resid
    scale = long.dispersion * (rest / n if long.likelihood == "gaussian" else 1.0)
    return float(long.theirs.model.loglike(long.theirs.params, scale=scale))


def test_frequencies_of_classes(choice) -> None:
    """MNLogit of the repeated rows."""
    x, y = choice.data
    weights = 1 + np.arange(len(x)) % 3
    long = sm.add_constant(x.loc[x.index.repeat(weights)])
    search = {"disp": False, "method": "newton", "maxiter": 50, "tol": 1e-13, "warn_convergence": False}
    theirs = sm.MNLogit(y.repeat(weights), long).fit(**search)
    ours = fit_exactly(x, y, likelihood="categorical", weights=weights)
    agree(ours.params, np.asarray(theirs.params).T)
    agree(ours.bse, np.asarray(theirs.bse).T)
    agree([ours.llf, ours.aic, ours.bic], [theirs.llf, theirs.aic, theirs.bic])
    params = np.asarray(theirs.params)
    inverse, scores = np.linalg.inv(-theirs.model.hessian(params)), theirs.model.score_obs(params)
    found = mlefast.with_covariance(ours, "HC0", x, y, weights=weights)
    agree(found.bse.ravel(), np.sqrt(np.diagonal(between(inverse, scores))))


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_precisions(name: str) -> None:
    """Statsmodels' WLS; sigma counts among the parameters of the criteria, as in R's lm."""
    x, y = MEASUREMENTS[name]()
    weights, groups = 0.5 + np.arange(len(x)) % 7 / 3.0, np.arange(len(x)) // 4
    options = {"weights": weights}
    model = sm.WLS(y, sm.add_constant(x), **options)
    theirs = model.fit()
    ours = mlefast.fit(x, y, likelihood="gaussian", weight_kind="precision", **options)
    agree(ours.params, theirs.params)
    agree(ours.bse, theirs.bse)
    agree(ours.conf_int(), theirs.conf_int())
    agree(
        [ours.llf, ours.aic, ours.bic, ours.scale**2, ours.rsquared],
        [theirs.llf, theirs.aic + 2, theirs.bic + np.log(len(x)), theirs.scale, theirs.rsquared],
    )
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        found = mlefast.with_covariance(ours, kind, x, y, **options)
        agree(found.bse, model.fit(cov_type=kind).bse)
    found = mlefast.with_covariance(ours, "cluster", x, y, groups=groups, **options)
    agree(found.bse, model.fit(cov_type="cluster", cov_kwds={"groups": groups}).bse)


@pytest.mark.parametrize("name", names(*ONE_OF_EACH))
def test_samples(name: str) -> None:
    """Binder (1983), as R's survey has it: rows or groups drawn with replacement."""
    found = case(name)
    x, y = found.data
    weights, groups = 0.5 + np.arange(len(x)) % 7 / 3.0, np.arange(len(x)) // 4
    shares = weights / weights.mean()
    theirs = fit_glm(y, sm.add_constant(x), LIKELIHOODS[found.likelihood][1], freq_weights=shares)
    ours = found.fit(weights=weights, weight_kind="sampling")
    agree(ours.params, theirs.params)
    params, n = np.asarray(theirs.params), len(x)
    d2 = theirs.model.hessian_factor(params, scale=1.0, observed=True)
    inverse, scores = bread(found.wide, d2), found.wide * theirs.model.score_factor(params, scale=1.0)[:, np.newaxis]
    agree(ours.bse, np.sqrt(np.diagonal(between(inverse, scores)) * n / (n - 1)))
    after = mlefast.with_covariance(ours, "survey", x, y, weights=weights, groups=groups)
    agree(after.bse, np.sqrt(np.diagonal(clustered(inverse, scores, groups, small=False))))


def test_samples_of_classes(choice) -> None:
    """The same with the scores and the Hessian of the softmax written out."""
    x, y = choice.data
    weights, groups = 0.5 + np.arange(len(x)) % 7 / 3.0, np.arange(len(x)) // 4
    w, n = weights / weights.mean(), len(x)
    wide, labels = np.column_stack([np.ones(n), x]), np.unique(y)[1:]
    ours = fit_exactly(x, y, likelihood="categorical", weights=weights, weight_kind="sampling")
    odds = np.exp(wide @ ours.params.T)
    p = odds / (1.0 + odds.sum(axis=1, keepdims=True))
    slopes = w[:, np.newaxis] * (p - (y.to_numpy()[:, np.newaxis] == labels))
    scores = (slopes[:, :, np.newaxis] * wide[:, np.newaxis]).reshape(n, -1)
    curvature = w[:, np.newaxis, np.newaxis] * (p[:, :, np.newaxis] * (np.eye(len(labels)) - p[:, np.newaxis]))
    hessian = np.einsum("ikl,ia,ib->kalb", curvature, wide, wide, optimize=True).reshape(scores.shape[1], -1)
    inverse = np.linalg.inv(hessian)
    agree(1.0 + inverse @ scores.sum(axis=0) / ours.bse.ravel(), np.ones(ours.params.size))  # the maximum itself
    agree(ours.bse.ravel(), np.sqrt(np.diagonal(between(inverse, scores)) * n / (n - 1)))
    after = mlefast.with_covariance(ours, "survey", x, y, weights=weights, groups=groups)
    count = groups[-1] + 1
    agree(after.bse.ravel(), np.sqrt(np.diagonal(between(inverse, sums(scores, groups))) * count / (count - 1)))
