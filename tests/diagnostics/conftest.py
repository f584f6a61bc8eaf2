# SPDX-License-Identifier: BSD-3-Clause
"""Real data sets, which statsmodels brings along."""

from __future__ import annotations

import pytest
import statsmodels.api as sm

import mlefast


def fit_exactly(x, y, **options):
    """A fit whose Hessian is that of the maximum itself: a fit takes it where its last step began."""
    once = mlefast.fit(x, y, tol=1e-10, **options)
    return mlefast.fit(x, y, tol=1e-10, start=once.params, **options)


def _load(name):
    data = getattr(sm.datasets, name).load_pandas()
    return data.exog.astype(float), data.endog


@pytest.fixture(scope="session")
def spector():
    """32 students: whether the grade improved."""
    return _load("spector")


@pytest.fixture(scope="session")
def randhie():
    """20,190 visits to the doctor: counts."""
    return _load("randhie")


@pytest.fixture(scope="session")
def cpunish():
    """17 states: counts of executions."""
    return _load("cpunish")


@pytest.fixture(scope="session")
def longley():
    """16 years of employment, nearly collinear."""
    return _load("longley")


@pytest.fixture(scope="session")
def scotland():
    """32 districts, positive numbers."""
    return _load("scotland")


@pytest.fixture(scope="session")
def anes():
    """944 voters in seven classes."""
    return _load("anes96")


@pytest.fixture(scope="session")
def fair():
    """6,366 answers on affairs, as a yes or a no; many rows are equal."""
    x, y = _load("fair")
    return x, (y > 0).astype(int)
