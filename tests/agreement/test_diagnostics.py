# SPDX-License-Identifier: BSD-3-Clause
"""Residuals, influence and goodness of fit against statsmodels, SciPy, pandas and definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.stats.outliers_influence import variance_inflation_factor

import mlefast

from .cases import Case, agree, case, names

LABELS = names("logit", "probit", "cloglog")


def agree_residuals(glm: Case, found: Any, expected: Any, power: int = 1) -> None:
    """Residuals are as good as the difference of y and its mean, which has eight digits of the mean; so are powers."""
    mean, expected = np.asarray(glm.theirs.predict()), np.asarray(expected)
    agree(found, expected, of=power * np.abs(expected * mean / (glm.data[1] - mean)))


@pytest.mark.parametrize("kind", ["deviance", "pearson", "response", "working"])
def test_residuals(glm, kind: str) -> None:
    """GLM's resid_deviance and so on."""
    found = mlefast.residuals(glm.ours, *glm.data, kind=kind)
    agree_residuals(glm, found, getattr(glm.theirs, f"resid_{kind}"))


def distribution(found: Case, y: np.ndarray) -> np.ndarray:
    """P[Y <= y] in SciPy."""
    mean, phi = np.asarray(found.theirs.predict()), found.dispersion
    return {
        "logit": lambda: stats.bernoulli.cdf(y, mean),
        "poisson": lambda: stats.poisson.cdf(y, mean),
        "nb2": lambda: stats.nbinom.cdf(y, 2.0, 1.0 / (1.0 + 0.5 * mean)),
        "gamma": lambda: stats.gamma.cdf(y, 1.0 / phi, scale=phi * mean),
        "gaussian": lambda: stats.norm.cdf(y, mean, np.sqrt(phi)),
    }[found.likelihood]()


@pytest.mark.parametrize("name", names("logit", "poisson", "nb2", "gamma", "gaussian"))
def test_quantile_residuals(name: str) -> None:
    """Dunn and Smyth (1996), with the draws of NumPy's generator between P[Y < y] and P[Y <= y]."""
    found = case(name)
    y, draws = found.data[1].to_numpy(), np.random.default_rng(7).random(len(found.wide))
    upto = distribution(found, y)
    below = upto if found.likelihood in ("gamma", "gaussian") else distribution(found, y - 1.0)
    u = below + draws * (upto - below)
    wanted = special.ndtri(u)
    ours = mlefast.residuals(found.ours, *found.data, kind="quantile", seed=7)
    # next to one a probability has its digits after the decimal point only
    digits = 1e-8 + 1e-14 * np.exp(0.5 * wanted**2)
    assert (np.abs(ours - wanted) <= digits * np.maximum(1.0, np.abs(wanted))).all()


def test_influence(glm) -> None:
    """GLMInfluence with the observed information (Pregibon 1981, Williams 1987), and its largest distances."""
    found, wanted = mlefast.influence(glm.ours, *glm.data), glm.theirs.get_influence(observed=True)
    agree(found.leverages, wanted.hat_matrix_diag)
    agree_residuals(glm, found.cooks_distances, wanted.cooks_distance[0], power=2)
    agree_residuals(glm, found.standardised_residuals, wanted.resid_studentized)
    worst = mlefast.diagnose(glm.ours, *glm.data, top=5).influential
    order = np.argsort(-wanted.cooks_distance[0])
    agree(worst.cooks_distances, wanted.cooks_distance[0][order[:5]])
    agree(found.cooks_distances[worst.rows], worst.cooks_distances)
    agree(worst.leverages, wanted.hat_matrix_diag[worst.rows])
    agree(worst.standardised_residuals, wanted.resid_studentized[worst.rows])


def pseudo_r_squared(llf: float, llnull: float, n: int) -> list[float]:
    """McFadden (1974), Cox and Snell (1989), Nagelkerke (1991)."""
    cox_snell = -np.expm1(2.0 * (llnull - llf) / n)
    return [1.0 - llf / llnull, cox_snell, cox_snell / -np.expm1(2.0 * llnull / n)]


def test_goodness(glm) -> None:
    """Sums of statsmodels' GLM; pseudo R-squared by definition from its log-likelihoods."""
    found, theirs, n = mlefast.diagnose(glm.ours, *glm.data), glm.theirs, len(glm.wide)
    agree(
        [found.deviance, found.pearson_chi2, found.dispersion],
        [theirs.deviance, theirs.pearson_chi2, theirs.pearson_chi2 / theirs.df_resid],
    )
    if glm.likelihood in ("gamma", "gaussian"):  # whose log-likelihoods are at scales of largest likelihood
        llf, llnull = (
            loglik(glm.likelihood, glm.data[1], mu) for mu in (theirs.mu, np.full(n, theirs.model.endog.mean()))
        )
    else:
        llf, llnull = theirs.llf, theirs.llnull
        agree(found.cox_snell, theirs.pseudo_rsquared("cs"))
        agree(found.mcfadden, theirs.pseudo_rsquared("mcf"))
    agree([found.mcfadden, found.cox_snell, found.nagelkerke], pseudo_r_squared(llf, llnull, n))


def loglik(likelihood: str, y: Any, mean: np.ndarray) -> float:
    """SciPy's densities at the scale of largest likelihood."""
    if likelihood == "gaussian":
        return float(stats.norm.logpdf(y, mean, np.sqrt(((y - mean) ** 2).mean())).sum())
    shape = stats.gamma.fit(y / mean, floc=0.0, fscale=None)[0]
    return float(stats.gamma.logpdf(y, shape, scale=mean / shape).sum())


def test_inflation(glm) -> None:
    """variance_inflation_factor of statsmodels."""
    wanted = [variance_inflation_factor(glm.wide, j) for j in range(1, glm.wide.shape[1])]
    found = mlefast.diagnose(glm.ours, *glm.data).vif
    agree(list(found.values()), wanted)
    assert list(found) == list(glm.data[0].columns)


@pytest.mark.parametrize("name", LABELS)
def test_labels(name: str) -> None:
    """Mann and Whitney's U of SciPy; Brier (1950) and Tjur (2009) by definition."""
    found = case(name)
    y, p = found.data[1].to_numpy(), np.asarray(found.theirs.predict())
    ones, zeros = (np.round(p[y == label], 12) for label in (1.0, 0.0))  # equal rows are equal again
    ours = mlefast.diagnose(found.ours, *found.data)
    agree(ours.auc, stats.mannwhitneyu(ones, zeros).statistic / (len(ones) * len(zeros)))
    agree(ours.brier, np.mean((y - p) ** 2))
    agree(ours.tjur, p[y == 1.0].mean() - p[y == 0.0].mean())


def test_calibration(glm) -> None:
    """pandas' groups between the least means up to which there are a tenth, two tenths, ... of the rows."""
    mean, n = pd.Series(np.round(np.asarray(glm.theirs.predict()), 11)), len(glm.wide)  # equal rows are equal again
    cuts = np.unique(np.sort(mean)[[-(-n * k // 10) - 1 for k in range(1, 10)]])
    groups = pd.cut(mean, [-np.inf, *cuts, np.inf])
    table = pd.DataFrame({"mean": mean, "y": glm.data[1].to_numpy()}).groupby(groups, observed=True)
    found = mlefast.diagnose(glm.ours, *glm.data).calibration
    agree(found.counts, table["y"].size())
    agree(found.fitted, table["mean"].mean())
    agree(found.observed, table["y"].mean())


def test_classes(choice) -> None:
    """MNLogit's probabilities; the model without columns has the shares of the classes."""
    ours, theirs, (x, y) = choice.ours, choice.theirs, choice.data
    p, indicators = np.asarray(theirs.predict()), pd.get_dummies(y).to_numpy(float)
    agree(mlefast.residuals(ours, x, y, kind="response"), indicators - p)
    agree(mlefast.residuals(ours, x, y, kind="pearson"), (indicators - p) / np.sqrt(p * (1.0 - p)))
    found, n, counts = mlefast.diagnose(ours, x, y), len(y), indicators.sum(axis=0)
    chi2 = ((indicators - p) ** 2 / p).sum()
    freedom = n * (len(counts) - 1) - choice.params.size
    agree(
        [found.deviance, found.pearson_chi2, found.dispersion, found.brier],
        [-2.0 * theirs.llf, chi2, chi2 / freedom, ((indicators - p) ** 2).sum() / n],
    )
    llnull = counts @ np.log(counts / n)
    agree([found.mcfadden, found.cox_snell, found.nagelkerke], pseudo_r_squared(theirs.llf, llnull, n))
    wide = sm.add_constant(x).to_numpy()
    agree(list(found.vif.values()), [variance_inflation_factor(wide, j) for j in range(1, wide.shape[1])])
    robust = mlefast.with_covariance(ours, "HC0", x, y).bse / ours.bse
    agree(found.robust_ratio, robust)
