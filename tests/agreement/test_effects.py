# SPDX-License-Identifier: BSD-3-Clause
"""Marginal effects against statsmodels' get_margeff, and their errors by the delta method with complex steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special

import mlefast

from .cases import agree, case, names, table
from .dense import bread, delta_errors

WAYS = [(at, method) for at in ("overall", "mean") for method in ("dydx", "eyex", "eydx", "dyex")]
MODELS = {"logit": sm.Logit, "probit": sm.Probit, "poisson": sm.Poisson}


def mean(likelihood: str) -> Callable[[Any], Any]:
    """The mean as an analytic function of eta."""
    return {
        "logit": lambda eta: 1.0 / (1.0 + np.exp(-eta)),
        "probit": lambda eta: 0.5 * special.erfc(-eta / np.sqrt(2.0)),
        "cloglog": lambda eta: 1.0 - np.exp(-np.exp(eta)),
        "gaussian": lambda eta: eta,
    }.get(likelihood, np.exp)


def slope(likelihood: str) -> Callable[[Any], Any]:
    """And its derivative."""
    return {
        "logit": lambda eta: 1.0 / (2.0 + np.exp(eta) + np.exp(-eta)),
        "probit": lambda eta: np.exp(-0.5 * eta**2) / np.sqrt(2.0 * np.pi),
        "cloglog": lambda eta: np.exp(eta - np.exp(eta)),
        "gaussian": np.ones_like,
    }.get(likelihood, np.exp)


@pytest.mark.parametrize(("at", "method"), WAYS)
@pytest.mark.parametrize("name", names(*MODELS))
def test_statsmodels(name: str, at: str, method: str) -> None:
    """Logit, Probit and Poisson, whose information is the observed one."""
    found = case(name)
    model = MODELS[found.likelihood](found.data[1], sm.add_constant(found.data[0]))
    search = {"disp": False, "method": "newton", "tol": 1e-12, "warn_convergence": False}
    theirs = model.fit(start_params=found.theirs.params, **search).get_margeff(at=at, method=method)
    ours = mlefast.marginal_effects(found.ours, found.data[0], at=at, method=method, discrete=False)
    agree(ours.effects, theirs.margeff)
    agree(ours.bse, theirs.margeff_se)
    agree(ours.conf_int(), theirs.conf_int(), of=np.abs(theirs.margeff)[:, np.newaxis])


@pytest.mark.parametrize(("at", "method"), WAYS)
def test_delta_method(glm, at: str, method: str) -> None:
    """Greene (2018), section 17.3.2, for every likelihood and link."""
    wide = glm.wide if at == "overall" else glm.wide.mean(axis=0, keepdims=True)

    def effects(params: np.ndarray) -> np.ndarray:
        eta = wide @ params
        d = slope(glm.likelihood)(eta) / (mean(glm.likelihood)(eta) if method[0] == "e" else 1.0)
        return d[:, np.newaxis].T @ (wide if method[2] == "e" else np.ones_like(wide)) * params / len(wide)

    params, spread = np.asarray(glm.theirs.params), bread(glm.wide, glm.derivatives[1])
    found = mlefast.marginal_effects(glm.ours, glm.data[0], at=at, method=method, discrete=False)
    agree(found.effects, effects(params)[0, 1:])
    agree(found.bse, delta_errors(effects, params, spread)[1:])


@pytest.mark.parametrize(("at", "method"), WAYS)
def test_classes(choice, at: str, method: str) -> None:
    """MNLogit's effects; errors with the softmax written out."""
    wide = sm.add_constant(choice.data[0]).to_numpy()
    wide = wide if at == "overall" else wide.mean(axis=0, keepdims=True)

    def effects(params: np.ndarray) -> np.ndarray:
        odds = np.exp(np.column_stack([np.zeros(len(wide)), wide @ params.T]))
        p, b = odds / odds.sum(axis=1, keepdims=True), np.vstack([0.0 * params[:1], params])[:, 1:]
        slopes = b[np.newaxis] - (p @ b)[:, np.newaxis]  # of log p
        slopes = slopes if method[0] == "e" else slopes * p[:, :, np.newaxis]
        slopes = slopes * wide[:, np.newaxis, 1:] if method[2] == "e" else slopes
        return slopes.mean(axis=0).T

    found = mlefast.marginal_effects(choice.ours, choice.data[0], at=at, method=method, discrete=False)
    wanted = effects(choice.params)
    agree(found.effects, wanted, of=np.abs(wanted).max(axis=1, keepdims=True))  # they sum to zero over the classes
    if method == "dydx":
        theirs = choice.theirs.get_margeff(at=at, method=method).margeff
        agree(found.effects, theirs, of=np.abs(theirs).max(axis=1, keepdims=True))
    errors = delta_errors(effects, choice.params, np.asarray(choice.theirs.cov_params()))
    agree(found.bse, errors.reshape(found.bse.shape))


SWITCHES = ["spector logit", "ccard gaussian", "randhie poisson", "heart poisson", "cpunish poisson", "randhie probit"]


@pytest.mark.parametrize("method", ["dydx", "eydx"])
@pytest.mark.parametrize("name", SWITCHES)
def test_zeros_and_ones(name: str, method: str) -> None:
    """Columns of zeros and ones: the mean, or its logarithm, with one less that with zero."""
    found = case(name)
    x = found.data[0]
    places = [j for j, column in enumerate(x, start=1) if set(x[column]) == {0.0, 1.0}]
    link = mean(found.likelihood)

    def effects(params: np.ndarray) -> np.ndarray:
        values = []
        for j in places:
            high, low = found.wide.copy(), found.wide.copy()
            high[:, j], low[:, j] = 1.0, 0.0
            ends = [link(part @ params) for part in (high, low)]
            values.append(np.mean(ends[0] - ends[1] if method == "dydx" else np.log(ends[0]) - np.log(ends[1])))
        return np.array(values)

    params, spread = np.asarray(found.theirs.params), bread(found.wide, found.derivatives[1])
    ours = mlefast.marginal_effects(found.ours, x, method=method)
    take = np.array(places) - 1
    agree(ours.effects[take], effects(params))
    agree(ours.bse[take], delta_errors(effects, params, spread))


LEVELS = {
    "fair": ("logit", "cheats ~ C(occupation) + age", "occupation", lambda t: t.assign(cheats=(t["affairs"] > 0) * 1)),
    "anes96": ("logit", "vote ~ C(PID) + age", "PID", lambda t: t[t["PID"].between(1, 5)]),
    "modechoice": ("logit", "choice ~ C(mode) + ttme", "mode", lambda t: t),
    "randhie": ("poisson", "mdvis ~ C(idp) + disea", "idp", lambda t: t),
    "grunfeld": ("gaussian", "invest ~ C(firm) + value", "firm", lambda t: t),
    "stackloss": ("gaussian", "STACKLOSS ~ C(WATERTEMP) + AIRFLOW", "WATERTEMP", lambda t: t),
}


@pytest.mark.parametrize("name", LEVELS)
def test_levels(name: str) -> None:
    """Each level of a category against the first, in the means of statsmodels' GLM of the same columns."""
    likelihood, formula, variable, change = LEVELS[name]
    data = change(table(name)).reset_index(drop=True)
    once, options = None, {"likelihood": {"logit": "bernoulli"}.get(likelihood, likelihood), "tol": 1e-9}
    for _ in range(2):
        once = mlefast.fit_formula(formula, data, start=None if once is None else once.params, **options)
    levels, other = sorted(data[variable].unique()), formula.split()[-1]

    def columns(values: Any) -> np.ndarray:
        dummies = [(np.asarray(values) == level).astype(float) for level in levels[1:]]
        return np.column_stack([np.ones(len(data)), *dummies, data[other]])

    response = data[formula.split()[0]].astype(float)
    family = {"logit": sm.families.Binomial(), "poisson": sm.families.Poisson()}.get(likelihood)
    model = sm.GLM(response, columns(data[variable]), family=family or sm.families.Gaussian())
    theirs = model.fit(tol=1e-13, maxiter=300, tol_criterion="params")
    link = mean(likelihood)

    def effects(params: np.ndarray) -> np.ndarray:
        means = [link(columns([level] * len(data)) @ params).mean() for level in levels]
        return np.array(means[1:]) - means[0]

    found = mlefast.marginal_effects(once, data)
    take = [j for j, label in enumerate(found.names) if label.startswith(f"{variable}: ")]
    assert len(take) == len(levels) - 1
    agree(found.effects[take], effects(np.asarray(theirs.params)))
    agree(found.bse[take], delta_errors(effects, np.asarray(theirs.params), np.asarray(theirs.cov_params())))
