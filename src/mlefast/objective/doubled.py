# SPDX-License-Identifier: BSD-3-Clause
"""Arithmetic in doubled precision: numbers as unevaluated sums of two doubles, from error-free transformations.

The sum and the product of two doubles are a double and an error that is a double too (Knuth, TAOCP 2, section 4.2.2;
Dekker, Numerische Mathematik 18, 1971). Sums that carry the errors along are as good as if they were computed with
twice the digits and rounded (Ogita, Rump and Oishi, SIAM Journal on Scientific Computing 26, 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SPLITTER = 2.0**27 + 1.0


class Doubled(NamedTuple):
    """The array high + low, with low about 1e-16 of high or less."""

    high: Array
    low: Array


def two_sum(a: Array, b: Array) -> Doubled:
    """A + b, exactly."""
    high = a + b
    part = high - a
    return Doubled(high, (a - (high - part)) + (b - part))


def two_product(a: Array, b: Array) -> Doubled:
    """A * b, exactly but for underflow."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
    return Doubled(product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low)


def _split(a: Array) -> tuple[Array, Array]:
    """Halves of 26 bits, whose products are exact."""
    shifted = _SPLITTER * a
    high = shifted - (shifted - a)
    return high, a - high


def add(a: Doubled, b: Doubled) -> Doubled:
    """A + b."""
    high, low = two_sum(a.high, b.high)
    return two_sum(high, low + (a.low + b.low))


def multiply(a: Doubled, b: Array) -> Doubled:
    """A * b."""
    high, low = two_product(a.high, b)
    return two_sum(high, low + a.low * b)


def sum_rows(terms: Doubled) -> Doubled:
    """The sum over the first axis, pairwise."""
    high, low = terms
    if not len(high):
        return Doubled(np.zeros(high.shape[1:]), np.zeros(high.shape[1:]))
    while len(high) > 1:
        half = len(high) // 2
        pairs = two_sum(high[:half], high[half : 2 * half])
        rest = slice(2 * half, None)
        low = np.concatenate([low[:half] + low[half : 2 * half] + pairs.low, low[rest]])
        high = np.concatenate([pairs.high, high[rest]])
    return two_sum(high[0], low[0])
