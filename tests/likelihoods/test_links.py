# SPDX-License-Identifier: BSD-3-Clause
"""Probit and complementary log-log: published fits, and what separates."""

from __future__ import annotations

import numpy as np
import pytest

import mlefast
from mlefast import DataError, OptionError, SeparationWarning

# Spector and Mazzeo (1980), as in Greene's Econometric Analysis: GPA, TUCE, PSI, GRADE
SPECTOR = np.array(
    [
        [2.66, 20, 0, 0], [2.89, 22, 0, 0], [3.28, 24, 0, 0], [2.92, 12, 0, 0], [4.00, 21, 0, 1], [2.86, 17, 0, 0],
        [2.76, 17, 0, 0], [2.87, 21, 0, 0], [3.03, 25, 0, 0], [3.92, 29, 0, 1], [2.63, 20, 0, 0], [3.32, 23, 0, 0],
        [3.57, 23, 0, 0], [3.26, 25, 0, 1], [3.53, 26, 0, 0], [2.74, 19, 0, 0], [2.75, 25, 0, 0], [2.83, 19, 0, 0],
        [3.12, 23, 1, 0], [3.16, 25, 1, 1], [2.06, 22, 1, 0], [3.62, 28, 1, 1], [2.89, 14, 1, 0], [3.51, 26, 1, 0],
        [3.54, 24, 1, 1], [2.83, 27, 1, 1], [3.39, 17, 1, 1], [2.67, 24, 1, 0], [3.65, 21, 1, 1], [4.00, 23, 1, 1],
        [3.10, 21, 1, 0], [2.39, 19, 1, 1],
    ]
)  # fmt: skip
PUBLISHED = {  # Greene, table 17.1 (7th ed.), and statsmodels' Logit and Probit; constant, GPA, TUCE, PSI
    "logit": ([-13.0213, 2.8261, 0.0952, 2.3787], [4.931, 1.263, 0.142, 1.065], -12.890),
    "probit": ([-7.4523, 1.6258, 0.0517, 1.4263], [2.542, 0.694, 0.084, 0.595], -12.819),
}


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
@pytest.mark.parametrize("link", PUBLISHED)
def test_grades_of_spector_and_mazzeo(link: str, solver: str) -> None:
    params, errors, llf = PUBLISHED[link]
    result = mlefast.fit(SPECTOR[:, :3], SPECTOR[:, 3], likelihood=mlefast.Bernoulli(link), solver=solver)
    np.testing.assert_allclose(result.params, params, atol=6e-5)
    np.testing.assert_allclose(result.bse, errors, atol=6e-4)
    assert round(result.llf, 3) == llf and round(result.llnull, 3) == -20.592
    assert result.converged and result.separation.verdict == "exists"


@pytest.mark.parametrize(("link", "back"), [("probit", "norm"), ("cloglog", "gumbel_l")])
def test_two_groups_have_a_closed_form(link: str, back: str) -> None:
    """The fitted probability of a group is its share of ones, whatever the link."""
    from scipy import stats

    group, y = np.repeat([0, 1], [40, 60]), np.r_[np.arange(40) < 10, np.arange(60) < 45]
    result = mlefast.fit(group, y, likelihood=mlefast.Bernoulli(link), tol=1e-10)
    first, second = getattr(stats, back).ppf([0.25, 0.75])
    np.testing.assert_allclose(result.params, [first, second - first], rtol=1e-10)
    np.testing.assert_allclose(result.predict([[0.0], [1.0]]), [0.25, 0.75], rtol=1e-10)
    likely = 10 * np.log(0.25) + 30 * np.log(0.75) + 45 * np.log(0.75) + 15 * np.log(0.25)
    np.testing.assert_allclose(result.llf, likely, rtol=1e-13)


def test_cloglog_is_poisson_for_rare_events() -> None:
    """P(y > 0) = 1 - exp(-exp(eta)) of a Poisson count, so exposure acts as an offset."""
    rng = np.random.default_rng(2)
    x, time = rng.standard_normal(20_000), rng.uniform(0.5, 2.0, 20_000)
    y = rng.poisson(time * np.exp(-1.0 + 0.5 * x)) > 0
    result = mlefast.fit(x, y, likelihood=mlefast.Bernoulli("cloglog"), offset=np.log(time))
    assert (np.abs(result.params - [-1.0, 0.5]) < 4 * result.bse).all()


@pytest.mark.parametrize("solver", ["irls", "lbfgs"])
@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_separated_labels(link: str, solver: str) -> None:
    rng = np.random.default_rng(3)
    noise, x = rng.standard_normal((2, 100))
    columns = np.column_stack([noise, x])
    with pytest.warns(SeparationWarning, match="does not exist"):
        result = mlefast.fit(columns, x > 0.2, likelihood=mlefast.Bernoulli(link), solver=solver)
    assert result.separation.verdict == "separated" and not result.converged
    direction = result.separation.direction
    along = direction[0] + columns @ direction[1:]
    assert (np.where(x > 0.2, along, -along) >= -1e-9 * np.abs(along).max()).all()


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_rare_labels_and_far_rows(link: str) -> None:
    """One row of a thousand is a yes, another lies far out: the fit is found and proved all the same."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal((1000, 2))
    x[7] = [30.0, -20.0]
    y = np.zeros(1000)
    y[[3, 7, 500]] = 1
    result = mlefast.fit(x, y, likelihood=mlefast.Bernoulli(link))
    assert result.converged
    nll, gradient, hessian = mlefast.evaluate(x, y, result.params, likelihood=mlefast.Bernoulli(link))
    assert nll < mlefast.nll(x, y, result.params + 0.01, likelihood=mlefast.Bernoulli(link))
    assert np.abs(np.linalg.solve(hessian, gradient) / result.bse).max() < 1e-6


def test_bad_input() -> None:
    with pytest.raises(OptionError, match=r"link='probbit' is unknown; possible: logit, probit, cloglog"):
        mlefast.Bernoulli("probbit")
    x = np.arange(4.0)
    with pytest.raises(DataError, match="one value only"):
        mlefast.fit(x, np.ones(4), likelihood=mlefast.Bernoulli("probit"))
    with pytest.raises(DataError, match=r"holds 2\.0 \(first rows: 1\)"):
        mlefast.nll(x, [0, 2.0, 1, 1], [0, 0], likelihood=mlefast.Bernoulli("cloglog"))
    with pytest.raises(OptionError, match="exposure needs the log link, and bernoulli has the cloglog link"):
        mlefast.fit(x, [0, 1, 0, 1], likelihood=mlefast.Bernoulli("cloglog"), exposure=x + 1)
