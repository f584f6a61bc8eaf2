# SPDX-License-Identifier: BSD-3-Clause
"""How often the data are read: few times, whatever their order, and for the same answer and the same proofs."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mlefast
from mlefast.objective import Passes


def logistic(rows: int, columns: int, seed: int = 1) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns)) + 0.5 * rng.standard_normal((rows, 1))
    eta = x @ rng.standard_normal(columns) / np.sqrt(columns) - 2.0
    return x, (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)


def counted(rows: int, columns: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((rows, columns))
    return x, rng.poisson(np.exp(x @ rng.standard_normal(columns) / 5)).astype(float)


@pytest.mark.parametrize(("likelihood", "draw"), [("bernoulli", logistic), ("poisson", counted)])
def test_two_hessians_and_a_gradient_of_all_rows(likelihood: str, draw: Any) -> None:
    x, y = draw(800_000, 8)
    result = mlefast.fit(x, y, likelihood=likelihood)
    assert result.converged and result.separation.verdict == "exists"
    assert result.passes < 3.7
    _, gradients, hessians = result.passes.by_order
    assert gradients < 1.2 and hessians < 2.7


def test_the_answer_is_that_of_newtons_method() -> None:
    x, y = logistic(120_000, 6)
    result = mlefast.fit(x, y)
    wide = np.column_stack([np.ones(len(y)), x])
    b = np.zeros(7)
    for _ in range(12):
        mean = 1 / (1 + np.exp(-wide @ b))
        information = (wide * (mean * (1 - mean))[:, np.newaxis]).T @ wide
        b += np.linalg.solve(information, wide.T @ (y - mean))
    errors = np.sqrt(np.diagonal(np.linalg.inv(information)))
    assert np.abs((result.params - b) / errors).max() < 1e-6
    np.testing.assert_allclose(result.bse, errors, rtol=1e-6)


@pytest.mark.parametrize("order", ["by label", "by a column", "label in every sixteenth row", "two blocks"])
def test_rows_in_an_unlucky_order(order: str) -> None:
    x, y = logistic(100_000, 5)
    where = {
        "by label": np.argsort(y, kind="stable"),
        "by a column": np.argsort(x[:, 2]),
        "two blocks": np.argsort(x[:, 0] > 0, kind="stable"),
    }.get(order)
    if where is None:  # the rows that samples take have no label 1 but for a handful
        ones, zeros = np.flatnonzero(y == 1)[:80_000], np.flatnonzero(y == 0)
        where = np.empty(len(y), dtype=int)
        taken = np.arange(len(y)) % 16 == 0
        count = int(taken.sum())
        where[taken] = np.append(ones[:20], zeros[: count - 20])
        where[~taken] = np.append(ones[20:], zeros[count - 20 :])
    shuffled, wanted = mlefast.fit(x[where], y[where]), mlefast.fit(x, y)
    assert shuffled.converged and shuffled.certificate.met
    assert np.abs((shuffled.params - wanted.params) / wanted.bse).max() < 2e-6
    np.testing.assert_allclose(shuffled.bse, wanted.bse, rtol=3e-6)
    assert shuffled.passes < 11  # Newton without samples needs 8


def test_no_proof_from_the_reach_where_labels_are_separated() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60_000, 3))
    with pytest.warns(mlefast.errors.SeparationWarning):
        result = mlefast.fit(x, x[:, 0] + 0.5 * x[:, 1] > 0)
    assert result.separation.verdict == "separated"


def test_passes_are_a_number_that_knows_its_parts() -> None:
    passes = Passes(0.5, 1.0).plus(2, 0.25) + Passes(0.0, 1.0, 2.0)
    assert passes == 4.75 and passes.by_order == (0.5, 2.0, 2.25)
    assert repr(passes) == "4.75 (order 0: 0.50, order 1: 2.00, order 2: 2.25)"
    for other in (pickle.loads(pickle.dumps(passes)), copy.deepcopy(passes)):
        assert other == passes and other.by_order == passes.by_order
    assert passes + 1.0 == 5.75


def test_a_column_that_a_sample_lacks_takes_no_part_in_the_correction() -> None:
    x, y = logistic(300_000, 3)
    rare = np.zeros(len(y))
    rare[1::16] = np.arange(len(y) // 16) % 5 == 0  # not in the rows that samples take
    wide = np.column_stack([x, rare])
    result = mlefast.fit(wide, y)
    ones = np.column_stack([np.ones(len(y)), wide])
    score = ones.T @ (y - 1 / (1 + np.exp(-ones @ result.params)))
    assert result.converged and np.abs(score * result.bse).max() < 2e-5
