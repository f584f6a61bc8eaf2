# SPDX-License-Identifier: BSD-3-Clause
"""The NumPy definition of every number that the compiled core returns.

Short enough to be read as a textbook, and independent of the core: tests compare with it, benchmarks race it. The
library itself never imports it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

Vector = NDArray[np.float64]


def bernoulli_terms(eta: Vector, y: Vector) -> tuple[Vector, Vector, Vector]:
    """Negative log-likelihood of each row and its derivatives: log(1 + exp(eta)) - y eta, mu - y, mu (1 - mu)."""
    mean = expit(eta)
    return np.logaddexp(0.0, eta) - y * eta, mean - y, mean * (1.0 - mean)


def evaluate(
    x: Vector,
    y: Vector,
    params: Vector,
    *,
    weights: Vector | None = None,
    offset: Vector | None = None,
    order: int = 2,
) -> tuple[float, Vector | None, Vector | None]:
    """NLL, gradient X'(w d1) and Hessian Z'Z with Z = X sqrt(w d2); a column of ones in X is the intercept."""
    eta = x @ params
    if offset is not None:
        eta = eta + offset
    nll, d1, d2 = bernoulli_terms(eta, y)
    if weights is not None:
        nll, d1, d2 = weights * nll, weights * d1, weights * d2
    gradient = x.T @ d1 if order > 0 else None
    hessian = None
    if order > 1:
        z = x * np.sqrt(d2)[:, np.newaxis]
        hessian = z.T @ z
    return float(nll.sum()), gradient, hessian


def evaluate_softmax(
    x: Vector, y: NDArray[np.int64], params: Vector, *, weights: Vector | None = None, order: int = 2
) -> tuple[float, Vector | None, Vector | None]:
    """NLL, gradient and Hessian of K classes, whose codes are y; params have a row for each class but class 0.

    With P the n x K matrix of probabilities and Y that of the labels, one 1 to a row, the gradient is (W (P - Y))'X and
    the block of the classes k and l of the Hessian X' diag(w p_k ([k = l] - p_l)) X. A column of ones in X is the
    intercept.
    """
    w = np.ones(len(y)) if weights is None else weights
    eta = np.column_stack([np.zeros(len(y)), x @ params.T])
    total = logsumexp(eta, axis=1)
    nll = float(w @ (total - eta[np.arange(len(y)), y]))
    p = np.exp(eta - total[:, np.newaxis])[:, 1:]
    labels = (y[:, np.newaxis] == np.arange(1, len(params) + 1)).astype(float)
    gradient = (w[:, np.newaxis] * (p - labels)).T @ x if order > 0 else None
    hessian = None
    if order > 1:
        d2 = p[:, :, np.newaxis] * (np.eye(len(params)) - p[:, np.newaxis])
        hessian = np.einsum("i,ia,ikl,ib->kalb", w, x, d2, x, optimize=True).reshape(params.size, params.size)
    return nll, gradient, hessian


class Fit(NamedTuple):
    """What `irls` returns."""

    params: Vector
    bse: Vector
    llf: float
    iterations: int


def irls(x: Vector, y: Vector, *, tol: float = 1e-6, max_iter: int = 100) -> Fit:
    """Newton's method until the decrement sqrt(g' H^-1 g) is at most tol; a column of ones in X is the intercept."""
    params, iteration = np.zeros(x.shape[1]), 0
    while True:
        nll, gradient, hessian = evaluate(x, y, params)
        assert gradient is not None and hessian is not None
        step = np.linalg.solve(hessian, gradient)
        if gradient @ step <= tol**2 or iteration == max_iter:
            break
        params, iteration = params - step, iteration + 1
    return Fit(params, np.sqrt(np.diagonal(np.linalg.inv(hessian))), -nll, iteration)
