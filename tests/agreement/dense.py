# SPDX-License-Identifier: BSD-3-Clause
"""Textbook formulas with whole matrices: X of shape (n, p), d1 and d2 the derivatives of the rows' losses.

Inverses of X' diag(d) X come from the pseudo-inverse of sqrt(d) X, whose error grows with its condition and not with
the square of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray


def bread(x: Array, d2: Array) -> Array:
    """(X' diag(d2) X)^-1."""
    root = np.linalg.pinv(x * np.sqrt(d2)[:, np.newaxis])
    return root @ root.T


def leverages(x: Array, d2: Array) -> Array:
    """d2 x' (X' diag(d2) X)^-1 x, the diagonal of the hat matrix (Pregibon 1981)."""
    return d2 * ((x @ bread(x, d2)) * x).sum(axis=1)


def sandwich(x: Array, d1: Array, d2: Array, kind: str = "HC0") -> Array:
    """White (1980) and MacKinnon and White (1985)."""
    (n, p), h = x.shape, leverages(x, d2)
    factor = {"HC0": 1.0, "HC1": n / (n - p), "HC2": 1.0 / (1.0 - h), "HC3": 1.0 / (1.0 - h) ** 2}[kind]
    return between(bread(x, d2), x * (d1 * np.sqrt(factor))[:, np.newaxis])


def between(inverse: Array, scores: Array) -> Array:
    """H^-1 S'S H^-1."""
    return inverse @ scores.T @ scores @ inverse


def sums(scores: Array, labels: Any) -> Array:
    """Of the rows of each group."""
    return pd.DataFrame(scores).groupby(np.asarray(labels)).sum().to_numpy()


def clustered(inverse: Array, scores: Array, *ways: Any, small: bool = True) -> Array:
    """Liang and Zeger (1986), and for two ways Cameron, Gelbach and Miller (2011).

    Times G / (G - 1) and, if `small`, (n - 1) / (n - p).
    """
    n, p = scores.shape
    pairs = [pd.factorize(pd.MultiIndex.from_arrays(ways))[0]] if len(ways) == 2 else []
    total = np.zeros_like(inverse)
    for labels, sign in zip((*ways, *pairs), (1.0, 1.0, -1.0), strict=False):
        of_groups = sums(scores, labels)
        count = len(of_groups)
        total += sign * count / (count - 1.0) * between(inverse, of_groups)
    total *= (n - 1.0) / (n - p) if small else 1.0
    return without_negative(total)


def without_negative(covariance: Array) -> Array:
    """The nearest matrix without negative eigenvalues, which differences can have (Cameron, Gelbach, Miller, p. 241)."""
    values, vectors = np.linalg.eigh(covariance)
    return covariance if values[0] >= -1e-12 * values[-1] else (vectors * np.maximum(values, 0.0)) @ vectors.T


def jacobian(function: Callable[[Array], Array], params: Array) -> Array:
    """Derivatives of an analytic function by complex steps (Squire and Trapp 1998), which lose no digits."""
    flat, columns = params.ravel(), []
    for j in range(flat.size):
        step = flat.astype(complex)
        step[j] += 1e-30j
        columns.append(np.asarray(function(step.reshape(params.shape))).ravel().imag / 1e-30)
    return np.stack(columns, axis=-1)


def delta_errors(function: Callable[[Array], Array], params: Array, covariance: Array) -> Array:
    """Standard errors of a function of the parameters, by the delta method."""
    slopes = jacobian(function, params)
    return np.sqrt(((slopes @ covariance) * slopes).sum(axis=1))
