# SPDX-License-Identifier: BSD-3-Clause
"""The negative log-likelihood, its gradient and its Hessian at parameters of the user's choice."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Categorical, Likelihood, find_likelihood, require_codes

from .model import specify
from .observations import Observations, observe
from .options import is_whole, read_flag, read_number, read_params, resolve_threads


class Evaluation(NamedTuple):
    """What one pass found at some parameters.

    Attributes
    ----------
    nll : float
        Negative log-likelihood, in nats.
    gradient : array of the shape of the parameters, float64, or None
        Its first derivatives; None for order 0.
    hessian : array with a row and a column for each of the flattened parameters, float64, or None
        Its second derivatives; None for orders 0 and 1.
    """

    nll: float
    gradient: NDArray[np.float64] | None
    hessian: NDArray[np.float64] | None


def evaluate(
    X: Any,
    y: Any,
    params: ArrayLike,
    *,
    likelihood: str | Likelihood = "bernoulli",
    order: int = 2,
    intercept: bool = True,
    weights: Any = None,
    offset: Any = None,
    scale: float = 1.0,
    threads: int | None = None,
) -> Evaluation:
    """Negative log-likelihood, gradient and Hessian in one pass over the rows.

    Parameters
    ----------
    X : array-like or frame of shape (n, p)
        Covariates: any numeric type, layout and strides; never copied.
    y : array-like of shape (n,)
        Response; for Bernoulli numbers in [0, 1] or two labels; for categorical codes 0..K - 1 of the
        classes, or labels.
    params : array-like of shape (p + 1,), or (p,) with intercept=False
        Where to evaluate; the intercept first, shape parameters that the likelihood estimates last. For categorical a
        row for each class but the first.
    likelihood : str or likelihood object, default "bernoulli"
        The assumed distribution.
    order : {0, 1, 2}, default 2
        0: the value only; 1: and the gradient; 2: and the Hessian.
    intercept : bool, default True
        Whether the first parameter is an intercept.
    weights : array-like of shape (n,), optional
        Frequency weights: how often each row counts.
    offset : array-like of shape (n,), optional
        Known part of the linear predictor.
    scale : float, default 1.0
        Scale of the distribution: sigma of Gaussian, b of Laplace, the dispersion of Gamma; others have none.
    threads : int, optional
        Default: what the machine, OMP_NUM_THREADS and a container allow. The answer does not depend on it.

    Returns
    -------
    Evaluation
        `nll` in nats, `gradient` of the shape of params or None, `hessian` with a row and a column for each of the
        flattened params or None; float64.

    Raises
    ------
    DataError
        If the data or params do not fit or are not finite.
    OptionError
        If an option has an unknown value.

    Examples
    --------
    >>> import mlefast
    >>> nll, gradient, hessian = mlefast.evaluate([[0.0], [1.0], [2.0]], [0, 1, 1], [0.0, 0.0])
    >>> round(nll, 6), gradient.tolist()
    (2.079442, [-0.5, -1.5])
    """
    family = find_likelihood(likelihood)
    if not is_whole(order) or order not in (0, 1, 2):
        raise OptionError(f"order={order!r} must be 0, 1 or 2.")
    scale = read_number("scale", scale, 0.0, math.inf, "a positive number")
    if scale != 1.0 and family.scale_name is None:
        raise OptionError(f"scale={scale!r}: the {family.name} likelihood has no scale; leave it at 1.0.")
    intercept = read_flag("intercept", intercept)
    team = resolve_threads(threads)
    data = observe(X, y, family, weights=weights, offset=offset, fractions=True)
    equations = _equations(params, data) if isinstance(family, Categorical) else None
    model = specify(data, family, intercept, team, equations)
    point = read_params("params", params, model.names, model.shape)
    model.check(point)
    moments = model.evaluate(point, int(order), scale)
    if not math.isfinite(moments.nll):
        raise DataError(
            "the linear predictor overflows: X times params exceeds the largest double. Use smaller params, or rescale "
            "the columns."
        )
    gradient = None if moments.gradient is None else moments.gradient.reshape(model.shape)
    return Evaluation(moments.nll, gradient, moments.hessian)


def _equations(params: ArrayLike, data: Observations) -> int:
    """How many classes have parameters, one to a row; DataError if y has others."""
    try:
        equations = max(1, len(np.atleast_2d(np.asarray(params))))
    except ValueError:
        equations = 1  # ragged, which is said where they are read
    require_codes(data.y, data.response, equations + 1)
    return equations


def nll(X: Any, y: Any, params: ArrayLike, **options: Any) -> float:
    """Negative log-likelihood; the arguments are those of `evaluate`, without `order`.

    Returns
    -------
    float
        -log L(params), in nats.

    Raises
    ------
    DataError, OptionError
        As `evaluate`.

    Examples
    --------
    >>> import mlefast
    >>> round(mlefast.nll([[0.0], [1.0]], [0, 1], [0.0, 0.0]), 6)
    1.386294
    """
    return evaluate(X, y, params, order=0, **options).nll


def loglik(X: Any, y: Any, params: ArrayLike, **options: Any) -> float:
    """Log-likelihood; the arguments are those of `evaluate`, without `order`.

    Returns
    -------
    float
        log L(params), in nats.

    Raises
    ------
    DataError, OptionError
        As `evaluate`.

    Examples
    --------
    >>> import mlefast
    >>> round(mlefast.loglik([[0.0], [1.0]], [0, 1], [0.0, 0.0]), 6)
    -1.386294
    """
    return -nll(X, y, params, **options)


def likelihood(X: Any, y: Any, params: ArrayLike, **options: Any) -> float:
    """Likelihood itself, exp(loglik): for more than about a thousand rows it underflows to zero.

    That is the lesson: the product of many probabilities is no number for a computer, the sum of their logarithms is.

    Returns
    -------
    float
        L(params), between 0 and 1 for discrete y.

    Raises
    ------
    DataError, OptionError
        As `evaluate`.

    Examples
    --------
    >>> import mlefast
    >>> round(mlefast.likelihood([[0.0], [1.0]], [0, 1], [0.0, 0.0]), 6)
    0.25
    """
    return math.exp(loglik(X, y, params, **options))
