# SPDX-License-Identifier: BSD-3-Clause
"""p-values of several tests at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlefast.errors import OptionError
from mlefast.objective import Vector

METHODS = ("holm", "fdr_bh")


def adjust_pvalues(pvalues: Any, method: str = "holm") -> Vector:
    """p-values of several tests, adjusted for their number.

    Parameters
    ----------
    pvalues : array-like of any shape
        Between 0 and 1; NaN stays NaN and counts as no test.
    method : {"holm", "fdr_bh"}, default "holm"
        "holm" bounds the probability of any wrong rejection (Holm 1979), "fdr_bh" the expected share of wrong
        rejections among all (Benjamini and Hochberg 1995); statsmodels' names.

    Returns
    -------
    array of the shape of `pvalues`, float64

    Raises
    ------
    OptionError
        If the method is unknown, or a p-value is not between 0 and 1.

    References
    ----------
    Holm, Scandinavian Journal of Statistics 6 (1979); Benjamini and Hochberg, JRSS B 57 (1995).

    Examples
    --------
    >>> import mlefast
    >>> mlefast.adjust_pvalues([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    if method not in METHODS:
        raise OptionError(f"method={method!r} is unknown; possible: {', '.join(METHODS)}.")
    given = np.asarray(pvalues, dtype=np.float64)
    answer = np.full(given.shape, np.nan)
    there = ~np.isnan(given)
    p = given[there]
    if ((p < 0.0) | (p > 1.0)).any():
        raise OptionError("pvalues must lie between 0 and 1. Check that these are p-values.")
    if method == "fdr_bh":
        from scipy.stats import false_discovery_control

        answer[there] = false_discovery_control(p) if p.size else p
        return answer
    order = np.argsort(p)
    adjusted = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    p[order] = adjusted
    answer[there] = p
    return answer
