# SPDX-License-Identifier: BSD-3-Clause
"""Wald, likelihood-ratio and score tests against those of statsmodels; corrections for many tests against its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests

import mlefast

from .cases import MEASUREMENTS, Case, agree, fit_exactly, table


def chi2(statistic: float, df: int) -> tuple[float, float]:
    return statistic, stats.chi2.sf(statistic, df)


def agree_tests(found: mlefast.HypothesisTest, wanted: tuple[float, float], df: int) -> None:
    """A p-value of exp(-c) has lost the digits of c."""
    statistic, pvalue = wanted
    assert found.df == df
    agree(found.statistic, statistic)
    agree(found.pvalue, pvalue, 1e-8 * max(1.0, statistic))


def test_wald(glm) -> None:
    """wald_test of statsmodels' GLM, which takes matrices and text, too; its information is the expected one."""
    columns = list(glm.data[0].columns)
    ours, theirs = mlefast.with_covariance(glm.ours, "expected", *glm.data), glm.inferred
    slopes = np.eye(len(ours.params))[1:]
    one = np.arange(len(ours.params))[np.newaxis] - 0.5, np.array([0.25])
    text = f"2*{columns[0]} - Intercept/4 = 1"
    for asked, same, df in (
        (slopes, slopes, len(columns)),
        (columns, slopes, len(columns)),
        (" = ".join([*columns, "0"]), slopes, len(columns)),
        (one, one, 1),
        (text, text.replace("Intercept", "const"), 1),
    ):
        wanted = float(theirs.wald_test(same, use_f=False, scalar=True).statistic)
        agree_tests(ours.wald_test(asked, use_f=False), chi2(wanted, df), df)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_f(name: str) -> None:
    """f_test of OLS, with errors of the model and robust ones."""
    x, y = MEASUREMENTS[name]()
    slopes = np.eye(x.shape[1] + 1)[1:]
    for kind, theirs in (("fisher", "nonrobust"), ("HC3", "HC3")):
        wanted = sm.OLS(y, sm.add_constant(x)).fit(cov_type=theirs).f_test(slopes)
        found = mlefast.fit(x, y, likelihood="gaussian", covariance=kind).wald_test(list(x.columns), use_f=True)
        assert (found.df, found.df_denom) == (wanted.df_num, wanted.df_denom)
        agree(found.statistic, float(wanted.fvalue))
        agree(found.pvalue, float(wanted.pvalue), 1e-8 * max(1.0, wanted.df_denom))


def smaller(found: Case) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The columns of a small model, and those that it lacks."""
    kept = found.data[0].shape[1] // 2
    return found.data[0].iloc[:, :kept], found.data[0].iloc[:, kept:]


def test_likelihood_ratio(glm) -> None:
    """Twice the difference of statsmodels' log-likelihoods, for gaussian compare_lr_test of its OLS."""
    (few, rest), y = smaller(glm), glm.data[1]
    small = Case(glm.name)
    small.__dict__["data"] = few, y
    found = mlefast.likelihood_ratio_test(small.ours, glm.ours)
    wide = sm.add_constant(few) if few.shape[1] else np.ones((len(y), 1))
    if glm.likelihood == "gaussian":
        wanted = sm.OLS(y, sm.add_constant(glm.data[0])).fit().compare_lr_test(sm.OLS(y, wide).fit())[0]
    else:
        small.__dict__["theirs"] = sm.GLM(y, wide, family=glm.family).fit(tol=1e-13, tol_criterion="params")
        wanted = 2.0 * (loglik(glm) - loglik(small))
    # of the difference of two log-likelihoods that many digits are left
    digits = 1e-8 + 1e-15 * abs(glm.ours.llf) / wanted
    assert found.df == rest.shape[1]
    agree(found.statistic, wanted, digits)
    agree(found.pvalue, stats.chi2.sf(wanted, found.df), digits * max(1.0, wanted))


def loglik(found: Case) -> float:
    return float(found.theirs.model.loglike(found.theirs.params, scale=found.dispersion))


def test_score(glm) -> None:
    """GLM.score_test of statsmodels with the observed information; n R^2 for gaussian (Breusch and Pagan 1980)."""
    (few, rest), y = smaller(glm), glm.data[1]
    small = Case(glm.name)
    small.__dict__["data"] = few, y
    found = mlefast.score_test(small.ours, few, y, rest)
    wide = sm.add_constant(few) if few.shape[1] else np.ones((len(y), 1))
    theirs = sm.GLM(y, wide, family=glm.family).fit(tol=1e-13, tol_criterion="params")
    if glm.likelihood == "gaussian":
        wanted = len(y) * sm.OLS(theirs.resid_response, sm.add_constant(glm.data[0])).fit().rsquared
    else:
        wanted = float(np.squeeze(theirs.model.score_test(theirs.params, exog_extra=rest)[0]))
    if glm.likelihood == "gamma":  # whose information has the dispersion of largest likelihood here
        small.__dict__["theirs"] = theirs
        wanted *= theirs.scale / small.dispersion
    agree_tests(found, chi2(wanted, rest.shape[1]), rest.shape[1])


def test_classes(choice) -> None:
    """The quadratic form of MNLogit's estimates, log-likelihoods of two, and scores at the smaller one's."""
    x, y = choice.data
    ours, theirs = choice.ours, choice.theirs
    last = x.columns[-1]
    names = [name for name in ours.parameter_names if name.endswith(f": {last}")]
    places = [ours.parameter_names.index(name) for name in names]
    b, spread = choice.params.ravel()[places], np.asarray(theirs.cov_params())[np.ix_(places, places)]
    wanted = chi2(b @ np.linalg.solve(spread, b), len(b))
    agree_tests(ours.wald_test(" = ".join([*(f"`{name}`" for name in names), "0"])), wanted, len(b))
    agree_tests(ours.wald_test_terms()[last], wanted, len(b))
    few, k = x.drop(columns=last), len(b)
    small = fit_exactly(few, y, likelihood="categorical")
    search = {"disp": False, "method": "newton", "maxiter": 50, "tol": 1e-13, "warn_convergence": False}
    restricted = sm.MNLogit(y, sm.add_constant(few)).fit(**search)
    statistic = 2.0 * (theirs.llf - restricted.llf)
    digits = 1e-8 + 1e-15 * abs(theirs.llf) / statistic
    found = mlefast.likelihood_ratio_test(small, ours)
    agree([found.statistic, found.df], [statistic, k], digits)
    at = np.vstack([np.asarray(restricted.params), np.zeros(k)])
    score, hessian = theirs.model.score(at.ravel(order="F")), theirs.model.hessian(at.ravel(order="F"))
    wanted = chi2(-score @ np.linalg.solve(hessian, score), k)
    agree_tests(mlefast.score_test(small, few, y, x[[last]]), wanted, k)


TERMS = {
    "fair": ("logit", "cheats ~ C(occupation) + C(religious) + age", lambda t: t.assign(cheats=(t["affairs"] > 0) * 1)),
    "anes96": ("logit", "vote ~ C(PID) + C(educ) + age", lambda t: t),
    "modechoice": ("logit", "choice ~ C(mode) + ttme + gc", lambda t: t),
    "randhie": ("poisson", "mdvis ~ C(idp) * disea + C(hlthp)", lambda t: t),
    "grunfeld": ("gaussian", "invest ~ C(firm) + value + capital", lambda t: t),
    "stackloss": ("gaussian", "STACKLOSS ~ C(WATERTEMP) + AIRFLOW", lambda t: t),
}


@pytest.fixture(params=TERMS)
def terms(request: Any) -> tuple[mlefast.Result, Any]:
    """A fit of a formula with categories, and statsmodels' fit of the same formula."""
    likelihood, formula, change = TERMS[request.param]
    data = change(table(request.param))
    ours = {"logit": "bernoulli"}.get(likelihood, likelihood)
    once = mlefast.fit_formula(formula, data, likelihood=ours, tol=1e-9)
    found = mlefast.fit_formula(formula, data, likelihood=ours, tol=1e-9, start=once.params)
    if likelihood == "gaussian":
        return found, smf.ols(formula, data).fit()
    model = {"logit": smf.logit, "poisson": smf.poisson}[likelihood](formula, data)
    return found, model.fit(disp=False, method="newton", maxiter=50, tol=1e-13, warn_convergence=False)


def test_terms(terms) -> None:
    """wald_test_terms of statsmodels, F for least squares."""
    ours, theirs = terms
    wanted = theirs.wald_test_terms(skip_single=False, scalar=True).table
    found = ours.wald_test_terms()
    assert set(found) == set(wanted.index) - {"Intercept"}
    for term, test in found.items():
        row = wanted.loc[term]
        statistic = float(row["statistic"])
        assert test.df == row["df_constraint"]
        agree(test.statistic, statistic)
        agree(test.pvalue, float(row["pvalue"]), 1e-8 * max(1.0, statistic * test.df))


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_many_at_once(terms, method: str) -> None:
    """multipletests of statsmodels, of its own p-values."""
    ours, theirs = terms
    order = [list(theirs.params.index).index(name) for name in ours.names]
    pvalues, statistics = np.asarray(theirs.pvalues)[order], np.asarray(theirs.tvalues)[order]
    digits = 1e-8 * max(1.0, np.square(statistics).max())
    found = mlefast.adjust_pvalues(ours.pvalues, method)
    np.testing.assert_allclose(found, multipletests(pvalues, method=method)[1], rtol=digits)
