# SPDX-License-Identifier: BSD-3-Clause
"""Residuals of the rows of a fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.again import Block, FittedRows, read_at_estimate
from mlefast.errors import OptionError
from mlefast.options import is_whole, require_choice
from mlefast.result import Result

Vector = NDArray[np.float64]

KINDS = ("deviance", "pearson", "response", "working", "quantile")
_OF_CLASSES = ("pearson", "response")
_LEAST = 1e-300  # of a probability, where the normal quantile is still finite


def residuals(
    result: Result,
    X: Any,
    y: Any,
    *,
    kind: str = "deviance",
    seed: int = 0,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> Vector:
    """Residuals of the rows of a fit; results hold no data, so give them again.

    Parameters
    ----------
    result : Result
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.
    kind : {"deviance", "pearson", "response", "working", "quantile"}, default "deviance"
        "response": y - mu. "pearson": that divided by the root of the variance function. "working": (y - mu) divided by
        the derivative of mu with respect to eta. "deviance": with the sign of y - mu the root of what the row adds to
        the deviance. "quantile": the normal quantile of P[Y <= y], for discrete y drawn at random between P[Y < y] and
        P[Y <= y]; if the model is right they are normal, whatever the likelihood. For categorical "response" and
        "pearson" only, with a column for each class.
    seed : int, default 0
        Of the draws for "quantile".

    Returns
    -------
    array of shape (n,), for categorical (n, K), float64
        In units of y, not divided by the scale; NaN for rows that are absent. Of weighted rows each copy has it.

    Raises
    ------
    DataError
        If these are not the data of the fit.
    OptionError
        If the likelihood has no such residuals.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), section 2.4; Dunn and Smyth, Journal of
    Computational and Graphical Statistics 5 (1996), for the quantile residuals.

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]
    >>> result = mlefast.fit(X, y)
    >>> mlefast.residuals(result, X, y, kind="response").round(3).tolist()
    [-0.204, 0.612, -0.612, 0.204]
    """
    require_choice("kind", kind, KINDS)
    if not is_whole(seed) or seed < 0:
        raise OptionError(f"seed={seed!r} must be a whole number from 0.")
    rows = read_at_estimate(
        result, X, y, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    if result.params.ndim > 1 and kind not in _OF_CLASSES:
        raise OptionError(f"kind={kind!r}: residuals of classes are {' or '.join(_OF_CLASSES)}.")
    rng = np.random.default_rng(seed)
    answer = np.full((rows.rows, *(() if result.params.ndim == 1 else (rows.model.equations + 1,))), np.nan)
    for block in rows.blocks():
        mean = rows.likelihood.mean(block.eta)
        if result.params.ndim > 1:
            answer[block.index] = residuals_of_classes(block, mean, kind)
        elif kind == "quantile":
            answer[block.index] = _quantile(rows, block, mean, rng)
        else:
            answer[block.index] = _residuals(rows, block, mean, kind)
    return answer


def _residuals(rows: FittedRows, block: Block, mean: Vector, kind: str) -> Vector:
    if kind == "response":
        return block.y - mean
    if kind == "pearson":
        return pearson(rows, block, mean)
    if kind == "working":
        return np.asarray((block.y - mean) / rows.likelihood.mean_slopes(block.eta)[0])
    return np.sign(block.y - mean) * np.sqrt(deviances(rows, block))


def pearson(rows: FittedRows, block: Block, mean: Vector) -> Vector:
    """(y - mu) / sqrt(V(mu)); zero where y is sure."""
    spread = np.sqrt(rows.likelihood.variance(mean))
    error = block.y - mean
    return np.divide(error, spread, out=np.zeros_like(error), where=error != 0.0)


def deviances(rows: FittedRows, block: Block) -> Vector:
    """Twice the loss of each row above the least that it can have."""
    excess = rows.terms(block)[0] - rows.likelihood.saturated(block.y)
    if np.isnan(excess).any():
        raise OptionError(f"the least loss of a row of the {rows.likelihood.name} likelihood is not known.")
    return np.asarray(2.0 * np.maximum(excess, 0.0))


def residuals_of_classes(block: Block, p: Vector, kind: str) -> Vector:
    """Indicators of the classes less their probabilities, for "pearson" divided by the root of p (1 - p)."""
    error = -p
    error[np.arange(len(p)), block.y.astype(np.intp)] += 1.0
    if kind == "response":
        return error
    spread = np.sqrt(p * (1.0 - p))
    return np.divide(error, spread, out=np.zeros_like(error), where=error != 0.0)


def _quantile(rows: FittedRows, block: Block, mean: Vector, rng: np.random.Generator) -> Vector:
    from scipy.special import ndtri

    below, upto = rows.likelihood.distribution(block.y, mean, rows.result.scale)
    u = below + rng.random(len(below)) * (upto - below)
    return np.asarray(ndtri(np.clip(u, _LEAST, math.nextafter(1.0, 0.0))))
