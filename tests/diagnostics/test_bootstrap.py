# SPDX-License-Identifier: BSD-3-Clause
"""The bootstrap: the clusters of statsmodels, repeated rows, refits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

import mlefast
from mlefast import _core
from mlefast.data import MemoryDesign

from .conftest import fit_exactly

_SIGMAS = 5.0


def test_groups_are_drawn_together(randhie) -> None:
    # statsmodels 0.14: cov_type="cluster" without its small-sample correction
    x, y = randhie
    groups = np.array([f"g{i % 331}" for i in np.arange(len(y)) // 20])
    model = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson())
    codes = np.unique(groups, return_inverse=True)[1]
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False})
    result = fit_exactly(x, y, likelihood="poisson")
    found = mlefast.bootstrap(result, x, y, replicates=4000, seed=2, groups=groups)
    assert found.groups == 331
    off = found.bse / np.asarray(theirs.bse) - 1.0
    # of a standard deviation half as much as of a variance; no group has more than a tenth of a sum of squares
    assert (np.abs(off) < _SIGMAS * 0.5 * np.sqrt((3.1 - 1.0) / 4000)).all()
    single = mlefast.bootstrap(result, x, y, replicates=128, groups=np.arange(len(y)))
    assert np.array_equal(single.replicates, mlefast.bootstrap(result, x, y, replicates=128).replicates)


def test_frequencies_are_repeated_rows() -> None:
    rng = np.random.default_rng(3)
    x, weights = rng.standard_normal((500, 1)), rng.integers(0, 5, 500)
    y = rng.poisson(np.exp(0.4 * x[:, 0]))
    result = mlefast.fit(x, y, likelihood="poisson", weights=weights, covariance="HC0")
    found = mlefast.bootstrap(result, x, y, weights=weights, replicates=20_000)
    assert (np.abs(found.bse / result.bse - 1.0) < _SIGMAS * 0.5 * np.sqrt((3.2 - 1.0) / 20_000)).all()


def test_classes(anes) -> None:
    x, y = anes
    result = fit_exactly(x, y, likelihood="categorical", covariance="HC0")
    found = mlefast.bootstrap(result, x, y, replicates=10_000)
    assert found.names[0] == "1.0: Intercept" and found.replicates.shape == (10_000, 36)
    off = found.bse / result.bse.ravel() - 1.0
    assert (np.abs(off) < _SIGMAS * 0.5 * np.sqrt((3.5 - 1.0) / 10_000)).all()


def test_threads_and_blocks_change_nothing(randhie, monkeypatch) -> None:
    x, y = randhie
    result = mlefast.fit(x, y, likelihood="poisson")
    one = mlefast.bootstrap(result, x, y, replicates=500, threads=1).replicates
    assert np.array_equal(one, mlefast.bootstrap(result, x, y, replicates=500, threads=3).replicates)
    assert np.array_equal(one[:300], mlefast.bootstrap(result, x, y, replicates=300).replicates)
    assert not np.allclose(one, mlefast.bootstrap(result, x, y, replicates=500, seed=1).replicates)
    monkeypatch.setattr(MemoryDesign.blocks, "__defaults__", (70_000,))
    cut = mlefast.bootstrap(result, x, y, replicates=500).replicates
    np.testing.assert_allclose(one, cut, rtol=1e-9, atol=1e-13)


def test_exact_replicates_are_fits_to_weighted_rows() -> None:
    rng = np.random.default_rng(12)
    x = rng.standard_normal((60, 2))
    y = rng.poisson(np.exp(0.5 + 0.3 * x[:, 0]))
    result = mlefast.fit(x, y, likelihood="poisson", tol=1e-10)
    found = mlefast.bootstrap(result, x, y, replicates=20, seed=4, exact=True)
    assert found.failed == 0
    weights = _core.draw(np.arange(60), 4, 1)
    for b in (0, 7, 19):
        theirs = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson(), freq_weights=weights[:, b]).fit(tol=1e-14)
        np.testing.assert_allclose(found.replicates[b], theirs.params, rtol=1e-6, atol=1e-8)
    steps = mlefast.bootstrap(result, x, y, replicates=20, seed=4).replicates
    assert np.corrcoef(steps[:, 1], found.replicates[:, 1])[0, 1] > 0.9
    assert "x2" in str(found)


def test_what_is_refused(spector) -> None:
    x, y = spector
    result = mlefast.fit(x, y)
    for options, match in (
        ({"replicates": 1}, "replicates=1 must be"),
        ({"seed": -3}, "seed=-3 must be"),
        ({"exact": 1}, "exact=1 must be True or False"),
    ):
        with pytest.raises(mlefast.OptionError, match=match):
            mlefast.bootstrap(result, x, y, **options)
    with pytest.raises(mlefast.DataError, match="groups has one value only"):
        mlefast.bootstrap(result, x, y, groups=np.zeros(32))
    with pytest.raises(mlefast.DataError, match="groups has 3 rows, X has 32"):
        mlefast.bootstrap(result, x, y, groups=[1, 2, 3])
    with pytest.raises(mlefast.DataError, match="groups has 1 missing labels .first rows: 0."):
        mlefast.bootstrap(result, x, y, groups=[None, *range(31)])
    with pytest.raises(mlefast.DataError, match="mixes labels of different types"):
        mlefast.bootstrap(result, x, y, groups=np.array(["a", *range(31)], dtype=object))
    with pytest.raises(mlefast.OptionError, match="not for fits with a penalty"):
        mlefast.bootstrap(mlefast.fit(x, y, penalty=mlefast.Firth()), x, y)
    tiny = mlefast.fit(np.arange(4.0), [0, 1, 0, 1])
    with pytest.raises(mlefast.DataError, match="refits have no maximum"):
        mlefast.bootstrap(tiny, np.arange(4.0), [0, 1, 0, 1], replicates=40, exact=True)
