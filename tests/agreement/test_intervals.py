# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of coefficients and means against statsmodels and the delta method; profiles by maxima that hold a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats

import mlefast

from .cases import MEASUREMENTS, Case, agree, case, names
from .dense import jacobian

ALPHA = 0.1


def test_coefficients(glm) -> None:
    """conf_int of statsmodels' GLM, whose covariance is that of the expected information, and of its OLS."""
    ours, theirs = mlefast.with_covariance(glm.ours, "expected", *glm.data), glm.inferred
    if glm.likelihood == "gaussian":
        theirs = sm.OLS(glm.data[1], sm.add_constant(glm.data[0])).fit()
    agree(ours.conf_int(ALPHA), theirs.conf_int(ALPHA))
    agree(ours.tvalues, theirs.tvalues)
    # a p-value of exp(-c) has lost the digits of c
    np.testing.assert_allclose(ours.pvalues, theirs.pvalues, rtol=1e-8 * max(1.0, np.square(theirs.tvalues).max()))


def test_means(glm) -> None:
    """get_prediction of both."""
    ours, theirs = mlefast.with_covariance(glm.ours, "expected", *glm.data), glm.inferred
    if glm.likelihood == "gaussian":
        theirs = sm.OLS(glm.data[1], sm.add_constant(glm.data[0])).fit()
    frame = theirs.get_prediction().summary_frame(alpha=ALPHA)
    found = ours.predict(glm.data[0], interval=1 - ALPHA)
    agree(found.mean, frame["mean"])
    agree(found.lower, frame["mean_ci_lower"])
    agree(found.upper, frame["mean_ci_upper"])
    agree(found.eta, glm.wide @ theirs.params)
    agree(found.se_eta, np.sqrt(((glm.wide @ theirs.cov_params()) * glm.wide).sum(axis=1)))


def test_classes(choice) -> None:
    """Wald for the coefficients of MNLogit; for probabilities the delta method on the log odds against all others."""
    ours, x = choice.ours, choice.data[0].to_numpy()[:200]
    agree(ours.conf_int(ALPHA), np.asarray(choice.theirs.conf_int(ALPHA)).reshape(*ours.params.shape, 2))
    wide = np.column_stack([np.ones(len(x)), x])
    spread = np.asarray(choice.theirs.cov_params())

    def log_odds(params: np.ndarray) -> np.ndarray:
        odds = np.exp(np.column_stack([np.zeros(len(wide)), wide @ params.T]))
        return np.log(odds / (odds.sum(axis=1, keepdims=True) - odds))

    slopes = jacobian(log_odds, choice.params)
    half = stats.norm.isf(ALPHA / 2) * np.sqrt(((slopes @ spread) * slopes).sum(axis=1)).reshape(len(wide), -1)
    found, centre = ours.predict(choice.data[0][:200], interval=1 - ALPHA), log_odds(choice.params)
    agree(found.mean, special.expit(centre))
    agree(found.lower, special.expit(centre - half))
    agree(found.upper, special.expit(centre + half))
    slopes = np.kron(np.eye(len(choice.params)), wide[:1])
    agree(found.se_eta[0], np.sqrt(((slopes @ spread) * slopes).sum(axis=1)))


def drop(model: Any, params: np.ndarray, j: int, value: float) -> float:
    """Twice what the log-likelihood of a model of statsmodels loses if a parameter is held, by Newton's method."""
    best, free = model.loglike(params), np.arange(params.size) != j
    hessian = model.hessian(params)
    at = params.copy()
    at[free] -= np.linalg.solve(hessian[np.ix_(free, free)], hessian[free, j]) * (value - params[j])
    at[j] = value
    for _ in range(60):
        step = np.linalg.solve(model.hessian(at)[np.ix_(free, free)], model.score(at)[free])
        while model.loglike(at) > (after := model.loglike(moved(at, free, step))) + 1e-9 * abs(best):
            step /= 2.0
        at = moved(at, free, step)
        if np.abs(step * np.sqrt(-np.diagonal(hessian)[free])).max() < 1e-9:
            return float(2.0 * (best - after))
    raise AssertionError("no maximum where the parameter is held")


def moved(at: np.ndarray, free: np.ndarray, step: np.ndarray) -> np.ndarray:
    there = at.copy()
    there[free] -= step
    return there


def agree_profiles(found: mlefast.Profile, model: Any, params: np.ndarray, place: int, j: int) -> None:
    """What the ends lose is the quantile, so half of its error is theirs; the statistic is what zero loses."""
    noise = 2e-15 * abs(model.loglike(params))
    for end in found.intervals[place]:
        assert drop(model, params, j, end) == pytest.approx(stats.chi2.isf(ALPHA, 1), rel=1e-8, abs=noise)
    wanted = drop(model, params, j, 0.0)
    assert found.statistics[place] == pytest.approx(wanted, rel=1e-8, abs=noise)
    assert found.pvalues[place] == pytest.approx(stats.chi2.sf(wanted, 1), rel=1e-8 * max(1, wanted), abs=noise)


MODELS = {"logit": sm.Logit, "probit": sm.Probit, "poisson": sm.Poisson}


@pytest.mark.parametrize("name", names(*MODELS))
def test_profiles(name: str) -> None:
    """Statsmodels' Logit, Probit and Poisson with a coefficient held."""
    found: Case = case(name)
    model = MODELS[found.likelihood](found.data[1], sm.add_constant(found.data[0]))
    columns = ["Intercept", *found.data[0].columns][:3]
    profile = mlefast.profile(found.ours, *found.data, parameters=columns, alpha=ALPHA)
    for j in range(len(columns)):
        agree_profiles(profile, model, np.asarray(found.theirs.params), j, j)


def test_profiles_of_classes(choice) -> None:
    """MNLogit with a coefficient held, which it keeps equation after equation."""
    names = choice.ours.parameter_names[:3]
    found = mlefast.profile(choice.ours, *choice.data, parameters=names, alpha=ALPHA)
    for j in range(3):
        agree_profiles(found, choice.theirs.model, choice.params.ravel(), j, j)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_profiles_of_least_squares(name: str) -> None:
    """n log(1 + t^2 / (n - p)) is twice the drop."""
    x, y = MEASUREMENTS[name]()
    theirs = sm.OLS(y, sm.add_constant(x)).fit()
    n, rest, b = len(x), theirs.df_resid, np.asarray(theirs.params)
    half = np.sqrt(rest * np.expm1(stats.chi2.isf(ALPHA, 1) / n)) * np.asarray(theirs.bse)
    found = mlefast.profile(mlefast.fit(x, y, likelihood="gaussian"), x, y, alpha=ALPHA)
    agree(found.intervals - b[:, np.newaxis], np.column_stack([-half, half]))
    t = np.asarray(theirs.tvalues)
    agree(found.statistics, n * np.log1p(t**2 / rest), of=2 * np.abs(t))  # estimates within 1e-8 standard errors
