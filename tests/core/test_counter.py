# SPDX-License-Identifier: BSD-3-Clause
"""Random weights from a counter: against Philox in plain Python, which is against its published answers."""

from __future__ import annotations

import numpy as np
import pytest

MULTIPLIERS, WEYL, WORD = (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85), 0xFFFFFFFF
# how many of the 65,536 values stand for each weight, as include/counter.h says
SHARES = [24107, 24113, 12055, 4017, 1004, 201, 33, 5, 1]


def philox(counter, key):
    """Philox4x32-10 as Salmon et al. (2011) write it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = MULTIPLIERS[0] * c[0], MULTIPLIERS[1] * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & WORD, (a >> 32) ^ c[3] ^ k[1], a & WORD]
        k = [(k[0] + WEYL[0]) & WORD, (k[1] + WEYL[1]) & WORD]
    return c


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([WORD] * 4, [WORD] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_in_python_gives_the_published_answers(counter, key, answer) -> None:
    # kat_vectors of the authors' Random123, version 1.14
    assert philox(counter, key) == answer


def weight(half):
    """Of a half as a signed number: by how far it lies from the least."""
    place = (half + 2**15) % 2**16 if half < 2**15 else half - 2**15
    return int(np.searchsorted(np.cumsum(SHARES), place, side="right"))


def test_weights_are_those_of_the_counter(core) -> None:
    seed = 0x0123456789ABCDEF
    keys = np.array([0, 1, 2**40 + 17], dtype=np.int64)
    drawn = core.draw(keys, seed, 2)
    assert drawn.shape == (3, 2 * core.REPLICATES)
    for i, key in enumerate(keys.tolist()):
        for r in (0, 1, 15, 16, 17, 31, 32, 127, 128, 200, 255):
            chunk, rest = divmod(r, 128)
            word, half, lane = rest // 32, rest // 16 % 2, rest % 16
            words = philox([16 * chunk + lane, 0, key & WORD, key >> 32], [seed & WORD, seed >> 32])
            assert drawn[i, r] == weight(words[word] >> (16 * half) & 0xFFFF)


def test_shares_have_mean_and_variance_one_and_are_poissons() -> None:
    k = np.arange(9)
    assert [int(np.dot(SHARES, k**j)) for j in (0, 1, 2)] == [2**16, 2**16, 2**17]
    poisson = np.exp(-1) / np.cumprod([1, *range(1, 9)]) * 2**16
    assert np.abs(np.array(SHARES) - poisson).max() < 4.0


def test_frequencies_are_those_of_the_shares(core) -> None:
    drawn = core.draw(np.arange(20_000, dtype=np.int64), 3, 1)
    expected = np.array(SHARES) / 2**16 * drawn.size
    found = np.bincount(drawn.ravel(), minlength=9)
    assert ((found - expected) ** 2 / expected).sum() < 31.8  # 99.99 % of chi-squared with 8 degrees of freedom
    centred = drawn - 1.0
    # neighbours in rows and in replicates are uncorrelated: 5 standard errors
    for a, b in ((centred[1:], centred[:-1]), (centred[:, 1:], centred[:, :-1])):
        assert abs((a * b).mean()) < 5.0 / np.sqrt(a.size)


@pytest.mark.parametrize("columns", [1, 2, 5, 8])
@pytest.mark.parametrize("threads", [1, 3])
def test_sums_are_products_with_the_weights(core, columns, threads) -> None:
    rng = np.random.default_rng(columns)
    scores = rng.integers(-50, 50, (96, columns)).astype(np.float64)  # whose sums are exact
    keys = rng.integers(0, 2**62, 96)
    sums = np.ones((3, columns, core.REPLICATES))
    core.resample(scores, keys, 11, sums, threads)
    weights = core.draw(keys, 11, 3).astype(np.float64)
    expected = (scores.T @ weights).reshape(columns, 3, -1).transpose(1, 0, 2) + 1.0
    assert np.array_equal(sums, expected)


def test_what_does_not_fit_is_refused(core) -> None:
    scores, keys = np.zeros((4, 2)), np.zeros(4, dtype=np.int64)
    for bad in (np.zeros((3, 2)), np.zeros((8, 2))):
        with pytest.raises(ValueError, match="do not fit"):
            core.resample(bad, keys, 0, np.zeros((1, 2, core.REPLICATES)), 1)
    with pytest.raises(ValueError, match="do not fit"):
        core.resample(scores, keys, 0, np.zeros((1, 2, 5)), 1)
    core.resample(np.zeros((0, 2)), np.zeros(0, dtype=np.int64), 0, np.zeros((1, 2, core.REPLICATES)), 1)
