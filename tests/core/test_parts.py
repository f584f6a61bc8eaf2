# SPDX-License-Identifier: BSD-3-Clause
"""Rows that come in parts give the bits of all rows at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mlefast import _core as core

BLOCK = core.BLOCK
LOGIT = core.Leaf("bernoulli_logit")
# one block or less, sizes about powers of two, and from where on Hessians are no longer summed in place as one
SIZES = [100, BLOCK, 3 * BLOCK + 7, 33 * BLOCK, 65 * BLOCK + 1]


def cut(n: int, blocks: int):
    edges = [*range(0, n, blocks * BLOCK), n]
    return list(pairwise(edges))


def parts(x, y, weights, offset, blocks, centre, scale, *, intercept=True):
    for first, end in cut(len(y), blocks):
        rows = slice(first, end)
        part = core.Rows(
            [x[rows]],
            y[rows],
            None if weights is None else weights[rows],
            None if offset is None else offset[rows],
            intercept,
            first,
            len(y),
        )
        part.standardise(centre, scale)
        yield part


def in_parts(question, rows):
    """The answer of the last part."""
    answer = None
    for part in rows:
        answer = question(part, answer)
    return answer


def same(a, b) -> None:
    assert type(a) is type(b) and len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("p", "n", "blocks", "threads"),
    [
        *((p, n, blocks, 2) for p in (0, 3) for n in SIZES for blocks in (1, 3, 64)),
        *((70, n, 3, threads) for n in SIZES for threads in (1, 2)),  # one Hessian for all threads where blocks are few
        *((260, SIZES[-1], blocks, 1) for blocks in (3, 64)),  # one in any case
    ],
)
def test_parts_give_the_bits_of_the_whole(p: int, n: int, blocks: int, threads: int) -> None:
    rng = np.random.default_rng(n + p)
    x = np.asfortranarray(rng.standard_normal((n, p)))
    y = (rng.random(n) < 0.3).astype(np.uint8)
    weights, offset = rng.integers(0, 3, n).astype(float), rng.standard_normal(n)
    params, centre, scale = 0.1 * rng.standard_normal(p + 1), rng.standard_normal(p), np.exp2(rng.integers(-2, 3, p))
    (whole,) = parts(x, y, weights, offset, n // BLOCK + 1, centre, scale)
    inverse = rng.standard_normal((p + 1, p + 1)) / (10.0 * (p + 1))
    questions = [
        lambda part, before: part.evaluate(params, LOGIT, 0, threads, before=before),
        lambda part, before: part.evaluate(params, LOGIT, 1, threads, before=before),
        lambda part, before: part.evaluate(params, LOGIT, 2, threads, before=before),
        lambda part, before: part.evaluate(params, LOGIT, 2, threads, True, before=before),
        lambda part, before: part.scores(params, LOGIT, threads, inverse, 1, before=before),
        lambda part, before: part.prior_slopes(params, LOGIT, threads, inverse, before=before),
    ]
    for question in questions:
        found = in_parts(question, parts(x, y, weights, offset, blocks, centre, scale))
        same(found, question(whole, None))
    leverages = [
        part.leverages(params, LOGIT, threads, inverse) for part in parts(x, y, weights, offset, blocks, centre, scale)
    ]
    np.testing.assert_array_equal(np.concatenate(leverages), whole.leverages(params, LOGIT, threads, inverse))


# the second with one Hessian that threads share
@pytest.mark.parametrize(("p", "classes"), [(3, 3), pytest.param(60, 15, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("blocks", [3, 64])
def test_parts_of_a_softmax(p: int, classes: int, n: int, blocks: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((n, p)), rng.integers(0, classes, n).astype(np.uint8)
    weights, params = rng.integers(0, 3, n).astype(float), 0.1 * rng.standard_normal((classes - 1, p + 1))
    centre, scale = np.zeros(p), np.ones(p)
    (whole,) = parts(x, y, weights, None, n // BLOCK + 1, centre, scale)
    for question in (
        lambda part, before: core.Softmax(part, classes).evaluate(params, 1, 2, before=before),
        lambda part, before: core.Softmax(part, classes).evaluate(params, 2, 2, before=before),
        lambda part, before: core.Softmax(part, classes).scores(params, 2, before=before),
    ):
        same(in_parts(question, parts(x, y, weights, None, blocks, centre, scale)), question(whole, None))


def test_parts_that_do_not_fit_are_refused() -> None:
    x, y, params = np.zeros((2 * BLOCK, 2)), np.zeros(2 * BLOCK), np.zeros(3)
    with pytest.raises(ValueError, match="whole blocks"):
        core.Rows([x[:100]], y[:100], None, None, True, 0, len(y))
    with pytest.raises(ValueError, match="whole blocks"):
        core.Rows([x[:100]], y[:100], None, None, True, 5, 105)
    first = core.Rows([x[:BLOCK]], y[:BLOCK], None, None, True, 0, len(y))
    last = core.Rows([x[BLOCK:]], y[BLOCK:], None, None, True, BLOCK, len(y))
    with pytest.raises(ValueError, match="those before"):
        last.evaluate(params, LOGIT, 1, 1)
    with pytest.raises(ValueError, match="another question"):
        last.evaluate(params, LOGIT, 1, 1, before=first.evaluate(params, LOGIT, 2, 1))
