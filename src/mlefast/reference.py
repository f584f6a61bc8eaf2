# SPDX-License-Identifier: BSD-3-Clause
"""The NumPy definition of every number that the compiled core returns.

Short enough to be read as a textbook, and independent of the core: tests compare with it, benchmarks race it. The
library itself never imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr, logsumexp

Vector = NDArray[np.float64]
Terms = tuple[Vector, Vector, Vector]  # NLL of each row, and its first and second derivative with respect to eta


def bernoulli_terms(eta: Vector, y: Vector) -> Terms:
    """Logit link, mu = 1 / (1 + exp(-eta)): log(1 + exp(eta)) - y eta, mu - y, mu (1 - mu)."""
    mean = expit(eta)
    return np.logaddexp(0.0, eta) - y * eta, mean - y, mean * (1.0 - mean)


def probit_terms(eta: Vector, y: Vector) -> Terms:
    """Probit link, mu = Phi(eta): with s = 2 y - 1 for labels, -log Phi(s eta), -s m, m (s eta + m), m = phi / Phi."""
    sign = 2.0 * y - 1.0
    z = sign * eta
    log_share = log_ndtr(z)
    mills = np.exp(-0.5 * z**2 - 0.5 * np.log(2.0 * np.pi) - log_share)
    return -log_share, -sign * mills, mills * (z + mills)


def cloglog_terms(eta: Vector, y: Vector) -> Terms:
    """Complementary log-log link, mu = 1 - exp(-u), u = exp(eta): (1 - y) u - y log(1 - exp(-u)) and its slopes."""
    u = np.exp(eta)
    r = u / np.expm1(u)
    return (1 - y) * u - y * np.log(-np.expm1(-u)), (1 - y) * u - y * r, (1 - y) * u + y * r * (r + u - 1)


def gaussian_terms(eta: Vector, y: Vector) -> Terms:
    """Sigma = 1, without log(2 pi) / 2: (y - eta)^2 / 2, eta - y, 1."""
    return 0.5 * (y - eta) ** 2, eta - y, np.ones_like(eta)


def laplace_terms(eta: Vector, y: Vector, quantile: float = 0.5) -> Terms:
    """B = 1, without its constant: 2 (quantile - [r < 0]) r with r = y - eta; d2 is the expected information."""
    slope = 2.0 * (quantile - (y < eta))
    return slope * (y - eta), np.where(y == eta, 0.0, -slope), np.full_like(eta, 4.0 * quantile * (1.0 - quantile))


def student_t_terms(eta: Vector, y: Vector, sigma: float, nu: float) -> Terms:
    """(nu + 1) / 2 log(1 + q) + log(sigma), z = (eta - y) / sigma, q = z^2 / nu, without what depends on nu only."""
    z = (eta - y) / sigma
    q, factor = z**2 / nu, (nu + 1.0) / nu
    nll = 0.5 * (nu + 1.0) * np.log1p(q) + np.log(sigma)
    return nll, factor * z / (1.0 + q) / sigma, factor * (1.0 - q) / (1.0 + q) ** 2 / sigma**2


def poisson_terms(eta: Vector, y: Vector) -> Terms:
    """Log link, mu = exp(eta), without log(y!): mu - y eta, mu - y, mu (of y > 1,024 the core leaves out more)."""
    mean = np.exp(eta)
    return mean - y * eta, mean - y, mean


def gamma_terms(eta: Vector, y: Vector) -> Terms:
    """Log link, dispersion 1: y / mu + log(mu), 1 - y / mu, y / mu."""
    ratio = y * np.exp(-eta)
    return ratio + eta, 1.0 - ratio, ratio


def negative_binomial_terms(eta: Vector, y: Vector, alpha: float) -> Terms:
    """Log link, a = alpha mu, without what depends on y and alpha only: (y + 1/alpha) log(1 + a) - y log(a)."""
    mean = np.exp(eta)
    a = alpha * mean
    nll = (y + 1.0 / alpha) * np.log1p(a) - y * np.log(a)
    return nll, (mean - y) / (1.0 + a), mean * (1.0 + alpha * y) / (1.0 + a) ** 2


def student_t_shapes(eta: Vector, y: Vector, sigma: float, nu: float) -> Vector:
    """Derivatives by t = (log(sigma), log(nu)): each l_j and those of it by eta and t, less what |z| = 1 leaves.

    With 1 + u = (nu + z^2) / (nu + 1), v = u / (1 + u) and g = log(1 + u) - v: l_0 = -nu v and l_1 = nu g / 2.
    """
    z = (eta - y) / sigma
    u = (z**2 - 1.0) / (nu + 1.0)
    v, p = u / (1.0 + u), nu / (nu + z**2)
    g, bent, mixed = np.log1p(u) - v, 2.0 * (1.0 + 1.0 / nu) * z * p**2, -(z**2) * p * v
    first = [-nu * v, -bent / sigma, bent * z, mixed]
    return np.array([first, [0.5 * nu * g, z * p * v / sigma, mixed, 0.5 * nu * (g - nu / (nu + 1.0) * v**2)]])


def negative_binomial_shapes(eta: Vector, y: Vector, alpha: float) -> Vector:
    """Derivatives by t = log(alpha): l_t and those of it by eta and t, less what mu = y leaves.

    With a = alpha mu, b = alpha y, 1 + u = (1 + a) / (1 + b), v = u / (1 + u) and g = log(1 + u) - v: l_t = -g / alpha.
    """
    a, b = alpha * np.exp(eta), alpha * y
    u = (a - b) / (1.0 + b)
    v = u / (1.0 + u)
    g = np.log1p(u) - v
    return np.array([[-g, -v * a / (1.0 + a), g - v**2 / (1.0 + b)]]) / alpha


def evaluate(
    x: Vector,
    y: Vector,
    params: Vector,
    *,
    terms: Callable[[Vector, Vector], Terms] = bernoulli_terms,
    weights: Vector | None = None,
    offset: Vector | None = None,
    order: int = 2,
) -> tuple[float, Vector | None, Vector | None]:
    """NLL, gradient X'(w d1) and Hessian X' diag(w d2) X; a column of ones in X is the intercept."""
    eta = x @ params
    if offset is not None:
        eta = eta + offset
    nll, d1, d2 = terms(eta, y)
    if weights is not None:
        nll, d1, d2 = weights * nll, weights * d1, weights * d2
    gradient = x.T @ d1 if order > 0 else None
    hessian = None
    if order > 1:
        if d2.min(initial=0.0) < 0.0:
            hessian = x.T @ (x * d2[:, np.newaxis])
        else:
            z = x * np.sqrt(d2)[:, np.newaxis]
            hessian = z.T @ z  # half the work: the result is symmetric
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


def irls(
    x: Vector,
    y: Vector,
    *,
    terms: Callable[[Vector, Vector], Terms] = bernoulli_terms,
    start: Vector | None = None,
    tol: float = 1e-6,
    max_iter: int = 100,
) -> Fit:
    """Newton's method until the decrement sqrt(g' H^-1 g) is at most tol; a column of ones in X is the intercept."""
    params, iteration = np.zeros(x.shape[1]) if start is None else start, 0
    while True:
        nll, gradient, hessian = evaluate(x, y, params, terms=terms)
        assert gradient is not None and hessian is not None
        step = np.linalg.solve(hessian, gradient)
        if gradient @ step <= tol**2 or iteration == max_iter:
            break
        params, iteration = params - step, iteration + 1
    return Fit(params, np.sqrt(np.diagonal(np.linalg.inv(hessian))), -nll, iteration)


def quantile_regression(
    x: Vector, y: Vector, quantile: float = 0.5, *, tol: float = 1e-6, max_iter: int = 100
) -> Vector:
    """The Laplace fit as a linear programme, by the interior-point method of Portnoy and Koenker (1997).

    Its dual is to maximise y'a with X'a = (1 - quantile) X'1 and 0 <= a <= 1, where the coefficients are the
    multipliers of the equations, z those of a >= 0 and w those of s = 1 - a >= 0, so X b - y = z - w. Each iteration
    takes Mehrotra's two steps: straight ahead, then towards the centre with the first one's curvature. Stops at a
    duality gap of tol.
    """
    params: Vector = np.asarray(np.linalg.lstsq(x, y, rcond=None)[0], dtype=np.float64)
    a: Vector = np.full(len(y), 1.0 - quantile)
    residual = x @ params - y
    z, w = np.maximum(residual, 0.0) + 1e-3, np.maximum(-residual, 0.0) + 1e-3
    for _ in range(max_iter):
        s = 1.0 - a
        gap = z @ a + w @ s
        if gap <= tol:
            break
        q = 1.0 / (z / a + w / s)
        information = x.T @ (x * q[:, np.newaxis])
        lower, upper = np.zeros(len(y)), np.zeros(len(y))  # what a z and s w shall be
        for centred in (False, True):
            rest = w - z + lower / a - upper / s
            move = np.linalg.solve(information, x.T @ (q * rest))
            da = q * (rest - x @ move)
            dz, dw = (lower - z * da) / a - z, (upper + w * da) / s - w
            primal, dual = min(_room(a, da), _room(s, -da)), min(_room(z, dz), _room(w, dw))
            if not centred:
                left = (z + dual * dz) @ (a + primal * da) + (w + dual * dw) @ (s - primal * da)
                target = gap / (2 * len(y)) * (left / gap) ** 3
                lower, upper = target - da * dz, target + da * dw
        params, a, z, w = params + dual * move, a + primal * da, z + dual * dz, w + dual * dw
    return params


def _room(value: Vector, change: Vector) -> float:
    """The longest step, at most 1, that keeps a positive vector positive."""
    falling = change < 0.0
    return min(1.0, 0.99995 * float(np.min(-value[falling] / change[falling], initial=np.inf)))
