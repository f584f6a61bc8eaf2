# SPDX-License-Identifier: BSD-3-Clause
"""Fits that were interrupted and go on from their checkpoint: the same bits, and no pass twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlefast
from mlefast import DataError, OptionError
from mlefast.objective import Journal

RNG = np.random.default_rng(8)
X = RNG.standard_normal((3000, 4))
ETA = X @ [0.5, -0.3, 0.2, 0.0]
LABELS = (RNG.random(3000) < 1.0 / (1.0 + np.exp(1.0 - ETA))).astype(float)
COUNTS = RNG.poisson(RNG.gamma(2.0, np.exp(ETA) / 2.0)).astype(float)
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "bernoulli": (LABELS, {"covariance": "HC3"}),
    "lbfgs": (LABELS, {"solver": "lbfgs"}),
    "firth": (LABELS, {"penalty": mlefast.Firth()}),
    "ridge": (LABELS, {"penalty": mlefast.Ridge(2.0)}),
    "categorical": (np.minimum(COUNTS, 2.0), {"likelihood": "categorical", "covariance": "HC1"}),
    "negative binomial": (COUNTS, {"likelihood": "negative_binomial"}),
    "student": (ETA + RNG.standard_t(3.0, 3000), {"likelihood": mlefast.StudentT(nu=3), "multistart": 3}),
    "python": (COUNTS, {"likelihood": mlefast.UserLikelihood(lambda eta, y: (np.exp(eta) - y * eta, np.exp(eta) - y, np.exp(eta)))}),
    "separated": ((X[:, 0] > 0).astype(float), {"on_separation": "ignore"}),
}  # fmt: skip


class Interrupted(Exception):
    """What stops a fit."""


def interrupt(after: int) -> Any:
    """A progress function that stops the fit at its n-th call."""
    calls = 0

    def progress(_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == after:
            raise Interrupted

    return progress


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long each record was that a journal wrote."""
    lengths: list[int] = []
    append = Journal._append

    def noted(self: Journal, data: bytes) -> None:
        lengths.append(len(data))
        append(self, data)

    monkeypatch.setattr(Journal, "_append", noted)
    return lengths


def same(a: mlefast.Result, b: mlefast.Result) -> bool:
    numbers = [(r.params.tobytes(), r.cov_params().tobytes(), r.llf, r.certificate.distance) for r in (a, b)]
    return numbers[0] == numbers[1]


@pytest.mark.parametrize("case", CASES)
def test_a_fit_goes_on_where_it_stopped(case: str, tmp_path: Path, written: list[int]) -> None:
    y, options = CASES[case]
    path = tmp_path / "fit.checkpoint"
    plain = mlefast.fit(X, y, **options)
    for after in (2, 3):
        with pytest.raises(Interrupted):
            mlefast.fit(X, y, checkpoint=path, progress=interrupt(after), **options)
    before = len(written)
    assert before > 1
    assert same(mlefast.fit(X, y, checkpoint=path, **options), plain)
    in_all = len(written)
    assert in_all > before
    assert same(mlefast.fit(X, y, checkpoint=path, threads=1, **options), plain)
    assert len(written) == in_all  # everything was known
    other = tmp_path / "other.checkpoint"
    mlefast.fit(X, y, checkpoint=other, **options)
    assert path.read_bytes() == other.read_bytes() and len(written) == 2 * in_all


def test_a_crash_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    plain = mlefast.fit(X, LABELS, checkpoint=path)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for end in {header, header + 7, header + 30, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:end])
        assert same(mlefast.fit(X, LABELS, checkpoint=path), plain)
        assert path.read_bytes() == whole
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    path.write_bytes(damaged)
    assert same(mlefast.fit(X, LABELS, checkpoint=path), plain)
    assert path.read_bytes() == whole


def test_another_question_than_the_last_time(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    mlefast.fit(X, LABELS, checkpoint=path)
    start = [0.1] * 5
    found = mlefast.fit(X, LABELS, checkpoint=path, start=start)
    assert same(found, mlefast.fit(X, LABELS, start=start))


def test_the_same_coefficients_with_another_shape_are_another_question(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    for log_alpha in (0.0, 1.0):
        options = {"likelihood": "negative_binomial", "start": [0.0, 0.5, -0.3, 0.2, 0.0, log_alpha]}
        assert same(mlefast.fit(X, COUNTS, checkpoint=path, **options), mlefast.fit(X, COUNTS, **options))


def test_checkpoints_that_are_none_of_this_fit(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    mlefast.fit(X, LABELS, checkpoint=path)
    kept = path.read_bytes()
    with pytest.raises(DataError, match="checkpoint of another fit: its y is"):
        mlefast.fit(X, 1.0 - LABELS, checkpoint=path)
    with pytest.raises(DataError, match="its X is"):
        mlefast.fit(X + 1.0, LABELS, checkpoint=path)
    with pytest.raises(DataError, match='its likelihood is "Bernoulli'):
        mlefast.fit(X, LABELS, likelihood=mlefast.Bernoulli("probit"), checkpoint=path)
    with pytest.raises(DataError, match="its parameters is"):
        mlefast.fit(X, LABELS, names=list("abcd"), checkpoint=path)
    assert path.read_bytes() == kept
    for content, message in ((b"hour,late\n1,2\n", "is no checkpoint"), (b'{"mlefast', "says nothing")):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            mlefast.fit(X, LABELS, checkpoint=path)
    with pytest.raises(DataError, match="cannot be written: No such file or directory"):
        mlefast.fit(X, LABELS, checkpoint=tmp_path / "nowhere" / "fit.checkpoint")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        mlefast.fit(X, LABELS, checkpoint=tmp_path)
    with pytest.raises(OptionError, match="not for the laplace"):
        mlefast.fit(X, ETA, likelihood="laplace", checkpoint=path)
