# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import numpy as np
import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

RTOL = 1e-12


@pytest.fixture(scope="session")
def cluster():
    """Two workers, processes with one thread each, which take no work from each other: a test looks at where it goes."""
    with (
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=None
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        yield client


@pytest.fixture(params=["threads", "workers"])
def scheduler(request):
    """The two that Dask chooses from: its own threads, and the current client's workers."""
    return request.getfixturevalue("client") if request.param == "workers" else None


@pytest.fixture
def same_numbers():
    """Compares two results."""

    def compare(found, wanted) -> None:
        """To a relative 1e-12 of the numbers, or of the standard errors where coefficients are smaller."""
        assert found.names == wanted.names
        assert (np.abs(found.params - wanted.params) <= RTOL * np.maximum(np.abs(wanted.params), wanted.bse)).all()
        np.testing.assert_allclose(found.bse, wanted.bse, rtol=RTOL)
        np.testing.assert_allclose(found.llf, wanted.llf, rtol=RTOL)
        assert found.converged and wanted.converged
        assert found.nobs == wanted.nobs and found.dropped == wanted.dropped
        assert found.separation.verdict == wanted.separation.verdict

    return compare
