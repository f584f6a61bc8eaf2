# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the model: against regressions and second fits by statsmodels, and its own test of dispersion."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

import mlefast

from .cases import Case, agree, case, fit_glm, names
from .dense import bread, sandwich


def agree_tests(found: mlefast.HypothesisTest, statistic: float, df: int) -> None:
    """A p-value of exp(-c) has lost the digits of c."""
    assert found.df == df
    agree(found.statistic, statistic)
    assert found.pvalue == pytest.approx(stats.chi2.sf(statistic, df), rel=1e-8 * max(1.0, statistic), abs=1e-300)


def standardised(found: Case) -> Case:
    """Columns without their means and units, of which the statistic is the same but for rounding; three at most.

    (White's test squares and multiplies columns, so the condition of its regression is the square of theirs.)
    """
    x, y = found.data
    moved = Case(found.name)
    moved.__dict__["data"] = (x.iloc[:, :3] - x.iloc[:, :3].mean()) / x.iloc[:, :3].std(), y
    return moved


@pytest.mark.parametrize("name", names("logit", "probit", "cloglog", "poisson", "nb2", "gaussian"))
def test_information_matrix(name: str) -> None:
    """n R^2 of the regression of 1 on scores and differences (Chesher 1983, Lancaster 1984), by singular values."""
    found = standardised(case(name))
    (d1, d2, _), wide = found.derivatives, found.wide
    scores, n = wide * d1[:, np.newaxis], len(wide)
    if found.likelihood == "gaussian":  # at the sigma of largest likelihood, with the score of sigma
        error, variance = np.asarray(found.theirs.resid_response), found.theirs.deviance / n
        d1, d2 = error / variance, np.full(n, 1.0 / variance)
        scores = np.column_stack([wide * d1[:, np.newaxis], d1**2 - d2])
    i, j = np.triu_indices(wide.shape[1])
    both = np.hstack([scores, wide[:, i] * wide[:, j] * (d1**2 - d2)[:, np.newaxis]])
    both /= np.sqrt((both**2).sum(axis=0))
    left, singular, _ = np.linalg.svd(both, full_matrices=False)
    rank = int((singular > 1e-7 * singular[0]).sum())
    statistic = float(np.square(left[:, :rank].sum(axis=0)).sum())
    agree_tests(mlefast.information_matrix_test(found.ours, *found.data), statistic, rank - scores.shape[1])


@pytest.mark.parametrize("name", names("poisson"))
def test_dispersion(name: str) -> None:
    """Cameron and Trivedi (1990): "CT nb2" of statsmodels' PoissonDiagnostic, and the same regression on ones.

    (Its own "CT nb1" is on the mean once more.)
    """
    found = case(name)
    model = sm.Poisson(found.data[1], sm.add_constant(found.data[0]))
    theirs = model.fit(start_params=found.theirs.params, disp=False, tol=1e-12, warn_convergence=False)
    tests = theirs.get_diagnostic().test_dispersion().summary_frame()
    mean = np.asarray(theirs.predict())
    response = ((found.data[1] - mean) ** 2 - found.data[1]) / mean
    for alternative, wanted in (
        ("nb2", tests.loc[tests["method"] == "CT nb2", "statistic"].item()),
        ("nb1", sm.OLS(response, np.ones(len(mean))).fit().tvalues.item()),
    ):
        ours = mlefast.dispersion_test(found.ours, *found.data, alternative=alternative)
        agree_tests(ours, wanted**2, 1)
        assert ("more" if wanted > 0 else "less") in ours.hypothesis


def test_link(glm) -> None:
    """Pregibon (1980): the second fit by statsmodels' GLM, its covariance with the observed information."""
    eta = np.asarray(glm.wide @ glm.theirs.params)
    wide = np.column_stack([np.ones(len(eta)), eta, eta**2])
    again = Case(glm.name)
    again.__dict__["wide"] = wide
    again.__dict__["data"] = wide[:, 1:], glm.data[1]
    again.__dict__["theirs"] = fit_glm(glm.data[1], wide, glm.family)
    z = np.asarray(again.theirs.params)[2] / math.sqrt(bread(wide, again.derivatives[1])[2, 2])
    agree_tests(mlefast.link_test(glm.ours, *glm.data), z**2, 1)


def test_doubtful_variance(glm) -> None:
    """White's errors over those of the model; the summary has a sentence where one is 1.5 times the other."""
    d1, d2, _ = glm.derivatives
    ratio = np.sqrt(np.diagonal(sandwich(glm.wide, d1, d2)) / np.diagonal(bread(glm.wide, d2)))
    found = mlefast.diagnose(glm.ours, *glm.data)
    agree(found.robust_ratio, ratio)
    assert (found.warning is not None) == (max(ratio.max(), 1.0 / ratio.min()) > 1.5)
