# SPDX-License-Identifier: BSD-3-Clause
"""Several starts, for likelihoods that may have several maxima."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlefast.objective import Vector

from .protocol import Solution

_SEED = 0
_WIDTH = 2.0  # how many times the spread of y the linear predictors of the starts are spread
_SAME = 1e-2  # standard errors between points that count as one


@dataclass(frozen=True)
class Optimum:
    """A maximum that was found, its negative log-likelihood, and how many of the starts led to it."""

    params: Vector
    nll: float
    count: int


def scattered_starts(first: Vector, spread: Vector, count: int) -> Iterator[Vector]:
    """`first`, then normal deviates about it with the standard deviations `spread`: always the same ones."""
    yield first
    generator = np.random.default_rng(_SEED)
    for _ in range(count - 1):
        yield first + spread * generator.standard_normal(len(first))


def spread_of_starts(coefficients: int, shapes: int, scale: float) -> Vector:
    """Standard deviations for columns of unit spread and a linear predictor whose own is about `scale`."""
    return np.hstack([np.full(coefficients, _WIDTH * scale / math.sqrt(max(coefficients, 1))), np.ones(shapes)])


def search(minimise: Callable[[Vector], Solution], starts: Iterator[Vector]) -> tuple[Solution, tuple[Optimum, ...]]:
    """The best solution, and the distinct ones, the best first; those that did not converge count only if none did."""
    found: list[tuple[Solution, int]] = []
    failed: list[Solution] = []
    for start in starts:
        solution = minimise(start)
        if not (solution.converged and solution.information.definite):
            failed.append(solution)
            continue
        for k, (other, count) in enumerate(found):
            if _is_same(solution, other):
                best = min(solution, other, key=lambda s: s.moments.nll)
                found[k] = best, count + 1
                break
        else:
            found.append((solution, 1))
    if not found:
        return min(failed, key=lambda s: s.moments.nll if math.isfinite(s.moments.nll) else math.inf), ()
    found.sort(key=lambda pair: pair[0].moments.nll)
    return found[0][0], tuple(Optimum(s.params, s.moments.nll, count) for s, count in found)


def _is_same(one: Solution, other: Solution) -> bool:
    """Whether the points are within a hundredth of a standard error of each other, by either's information."""
    apart = one.params - other.params
    return min(s.information.length(apart) for s in (one, other)) <= _SAME
