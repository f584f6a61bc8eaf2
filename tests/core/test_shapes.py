# SPDX-License-Identifier: BSD-3-Clause
"""Derivatives with respect to shape parameters against those of densities in mpmath, and what the pass makes of them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

EPS = 2.0**-52
DIGITS = 50


def negative_binomial(eta: mpf, y: mpf, log_alpha: mpf) -> mpf:
    """NLL of the number of failures before 1 / alpha successes, whose mean is exp(eta)."""
    r, a = mpmath.exp(-log_alpha), mpmath.exp(eta + log_alpha)
    rest = mpmath.loggamma(r) - mpmath.loggamma(y + r) + mpmath.loggamma(y + 1)
    return rest + r * mpmath.log1p(a) + (y * mpmath.log1p(1 / a) if y else 0)


def student_t(eta: mpf, y: mpf, log_scale: mpf, log_nu: mpf) -> mpf:
    nu, z = mpmath.exp(log_nu), (y - eta) / mpmath.exp(log_scale)
    rest = mpmath.loggamma(nu / 2) - mpmath.loggamma((nu + 1) / 2) + mpmath.log(nu) / 2
    return rest + log_scale + (nu + 1) / 2 * mpmath.log1p(z * z / nu)


def derivative(density: Callable[..., mpf], at: tuple[mpf, ...], by: tuple[int, ...]) -> mpf:
    """With respect to the arguments of these numbers; 1 is y."""
    return mpmath.diff(density, at, tuple(by.count(i) for i in range(len(at))))


# eta at which a leaf has nothing of what depends on the shape parameter t and y only
CASES: dict[str, tuple[Callable[..., mpf], Any, Any, Any, Any]] = {
    "negative_binomial_log": (
        negative_binomial,
        lambda y, shape: mpmath.log(y) if y else -mpf(10) ** 4,
        [(alpha,) for alpha in (1e-8, 1e-3, 0.3, 1.0, 40.0, 1e4)],
        (0.0, 1.0, 2.0, 7.0, 1000.0, 1e6),
        (-30.0, -5.0, -1e-3, 0.5, 0.7, 2.0, 6.9, 13.8, 30.0),
    ),
    "student_t": (
        student_t,
        lambda y, shape: y + shape[0],
        [(1.0, 0.1), (0.7, 1.0), (0.01, 4.5), (3.0, 60.0), (1e3, 1e4), (1.0, 1e6)],
        (-2.5, 0.0, 1e4),
        (-40.0, -3.6, -0.3, 0.0, 0.7, 0.99, 3.0, 8.5, 1e5),
    ),
}


@cache
def exact(name: str, shape: tuple[float, ...], y: float, eta: float) -> tuple[list[list[mpf]], list[list[mpf]]]:
    """For each parameter what `shape_terms` has of it, and how far the rounding of eta - or of z - moves it."""
    density, middle, *_ = CASES[name]
    with mp.workdps(DIGITS):
        logs = [mpmath.log(mpf(s)) for s in shape]
        here, there = (
            (mpf(x), mpf(y), *logs) for x in (eta, middle(mpf(y), [mpf(s) for s in shape]))
        )
        size = len(shape)
        ways = [[(2 + j,), (2 + j, 0), *((2 + j, 2 + k) for k in range(size))] for j in range(size)]
        last = 1 + size  # the parameter that the rest depends on
        unit = abs(mpf(eta)) + abs(logs[0]) if name == "negative_binomial_log" else abs(mpf(eta) - mpf(y)) + abs(mpf(eta))

        def value(by: tuple[int, ...]) -> mpf:
            rest = derivative(density, there, by) if set(by) == {last} else 0
            return derivative(density, here, by) - rest

        found = [[value(by) for by in row] for row in ways]
        moves = [[abs(derivative(density, here, (*by, 0))) * (1 + unit) for by in row] for row in ways]
        return found, moves


@pytest.mark.parametrize("name", CASES)
def test_they_are_those_of_the_density(core: ModuleType, name: str) -> None:
    _, _, shapes, responses, etas = CASES[name]
    worst = 0
    for shape in shapes:
        eta = np.array([x for x in etas for _ in responses])
        y = np.array([value for _ in etas for value in responses])
        found = core.shape_terms(eta, y, core.Leaf(name, shape, True))
        for i in range(len(eta)):
            wanted, moves = exact(name, shape, y[i], eta[i])
            for j, row in enumerate(wanted):
                for k, w in enumerate(row):
                    off = abs(mpf(float(found[j, k, i])) - w)
                    ratio = off / (EPS * (abs(w) + abs(row[0]) + moves[j][k]) + mpf(10)**-300)
                    if ratio > 8: print(shape, y[i], eta[i], j, k, found[j,k,i], mpmath.nstr(w, 17), mpmath.nstr(ratio, 4))
                    worst = max(worst, ratio)
    print(core.__name__, mpmath.nstr(worst, 5))
    assert worst < 8
