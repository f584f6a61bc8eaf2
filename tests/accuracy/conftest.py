# SPDX-License-Identifier: BSD-3-Clause
"""Fits in 50 digits: Newton's method in mpmath on the numbers that the doubles are."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

DIGITS = 50


def exactly(values):
    return [mpf(float(v)) for v in values]


def bernoulli(eta, y):
    p = 1 / (1 + mp.exp(-eta))
    return mp.log1p(mp.exp(eta)) - y * eta, p - y, p * (1 - p)


def probit(eta, y):
    s = 2 * y - 1
    tail = mp.ncdf(s * eta)
    ratio = mp.npdf(eta) / tail
    return -mp.log(tail), -s * ratio, ratio * (ratio + s * eta)


def cloglog(eta, y):
    m = mp.exp(eta)
    if not y:
        return m, m, m
    p = -mp.expm1(-m)
    slope = m * (1 - p) / p
    return -mp.log(p), -slope, slope * (m / p - 1)


def gaussian(eta, y):
    return (y - eta) ** 2 / 2, eta - y, mpf(1)


def poisson(eta, y):
    m = mp.exp(eta)
    return m - y * eta + mp.loggamma(y + 1), m - y, m


def gamma(eta, y):
    """But for the dispersion."""
    r = y / mp.exp(eta)
    return r + eta, 1 - r, r


LOSSES = {f.__name__: f for f in (bernoulli, probit, cloglog, gaussian, poisson, gamma)}


def newton(x, y, loss, weights=None, start=None):
    """Coefficients, the inverse of the information about the loss, and the loss, to about 50 digits.

    `start` is where to begin; steps are halved while they do not lower the loss.
    """
    with mp.workdps(DIGITS + 20):
        rows = [exactly(row) for row in x]
        y, w = exactly(y), [mpf(1)] * len(y) if weights is None else exactly(weights)
        size = len(rows[0])
        beta = mpmath.zeros(size, 1) if start is None else mpmath.matrix(exactly(start))

        def value(beta):
            return [loss(mp.fdot(row, beta), v) for row, v in zip(rows, y, strict=True)]

        terms = value(beta)
        for _ in range(60):
            total = mp.fdot(w, [t[0] for t in terms])
            g = mpmath.matrix(
                [mp.fsum(a * t[1] * r[j] for a, t, r in zip(w, terms, rows, strict=True)) for j in range(size)]
            )
            h = mpmath.matrix(size)
            for j in range(size):
                for k in range(j + 1):
                    h[j, k] = h[k, j] = mp.fsum(a * t[2] * r[j] * r[k] for a, t, r in zip(w, terms, rows, strict=True))
            step = mpmath.lu_solve(h, -g)
            if -mp.fdot(g, step) < mpf(10) ** (-2 * DIGITS) * (1 + abs(total)):
                return beta + step, h**-1, total
            factor = mpf(1)
            while True:
                terms = value(beta + factor * step)
                if mp.fdot(w, [t[0] for t in terms]) <= total:
                    break
                factor /= 2
            beta += factor * step
        raise AssertionError("Newton's method in mpmath has not converged")


def digits(found, wanted):
    """How many decimal digits agree, at worst: -log10 of the relative error, of the absolute one of zero."""
    worst = 16.0
    for a, b in zip(np.ravel(found), wanted, strict=True):
        b = mpf(b)
        error = abs(mpf(float(a)) - b) / (abs(b) or 1)
        worst = min(worst, float(-mp.log10(error))) if error else worst
    return worst


@pytest.fixture
def reference():
    return newton


@pytest.fixture(name="digits")
def agreeing_digits():
    return digits
