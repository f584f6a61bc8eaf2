# SPDX-License-Identifier: BSD-3-Clause
"""Tests of hypotheses: a statistic, its distribution if the hypothesis is true, the p-value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlefast.errors import OptionError
from mlefast.objective import Matrix, Vector

from .hypotheses import Hypothesis

_REDUNDANT = 1e-10  # relative: an eigenvalue of the covariance of a hypothesis that is rounding


@dataclass(frozen=True)
class HypothesisTest:
    """A test of a hypothesis.

    Attributes
    ----------
    statistic : float
        Chi-squared with `df` degrees of freedom if the hypothesis is true; F with `df` and `df_denom` if that is not
        None.
    df : float
        Number of restrictions.
    df_denom : float or None
        Degrees of freedom of the scale, for F.
    pvalue : float
    hypothesis : str
        What is tested.
    """

    statistic: float
    df: float
    pvalue: float
    hypothesis: str
    df_denom: float | None = None

    @property
    def distribution(self) -> str:
        """The name of the distribution, "chi2" or "F"."""
        return "chi2" if self.df_denom is None else "F"

    def __str__(self) -> str:
        """One line."""
        freedom = f"{self.df:g}" if self.df_denom is None else f"{self.df:g}, {self.df_denom:g}"
        return f"{self.hypothesis}: {self.distribution}({freedom}) = {self.statistic:.4f}, p = {self.pvalue:.4g}"


def chi_squared(statistic: float, df: float, hypothesis: str) -> HypothesisTest:
    """The test with a statistic that is chi-squared."""
    from scipy.special import chdtrc

    return HypothesisTest(statistic, df, float(chdtrc(df, statistic)), hypothesis)


def wald(
    params: Vector, covariance: Matrix, asked: Hypothesis, label: str, df_denom: float | None = None
) -> HypothesisTest:
    """Wald's test of R params = r: (R b - r)' (R V R')^-1 (R b - r), divided by its rows for F (Wald 1943).

    OptionError if a parameter of the hypothesis is not determined, or an equation follows from others.
    """
    used = asked.matrix.any(axis=0)
    if np.isnan(params[used]).any() or np.isnan(covariance[np.ix_(used, used)]).any():
        raise OptionError(f"the hypothesis {label} is about a parameter that the data do not determine. Leave it out.")
    matrix = asked.matrix[:, used]
    miss = matrix @ params[used] - asked.values
    spread = matrix @ covariance[np.ix_(used, used)] @ matrix.T
    scale = np.sqrt(np.diagonal(spread))
    values, vectors = np.linalg.eigh(spread / np.outer(scale, scale)) if (scale > 0.0).all() else (np.zeros(1), None)
    if vectors is None or values[0] <= _REDUNDANT:
        raise OptionError(
            f"the hypothesis {label} has {len(miss)} equations that are not independent, or more than the covariance "
            "has ranks. Leave out those that follow from others."
        )
    statistic = float(np.square(vectors.T @ (miss / scale)) @ (1.0 / values))
    if df_denom is None:
        return chi_squared(statistic, len(miss), label)
    from scipy.special import fdtrc

    f = statistic / len(miss)
    return HypothesisTest(f, len(miss), float(fdtrc(len(miss), df_denom, f)), label, df_denom)
