# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import numpy as np
import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

RTOL = 1e-12
EPS = np.finfo(np.float64).eps


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
        """To a relative 1e-12 of the numbers, or of the standard errors where coefficients are smaller.

        Derivatives by an estimated shape are differences, which magnify the rounding of both fits: the gradient's by
        sum |c_k| / h, which moves a coefficient by its covariance with the shape, and the Hessian's by sum |c_k| / h^2.
        """
        assert found.names == wanted.names
        size = np.maximum(np.abs(wanted.params), wanted.bse)
        level = 2.0 * EPS * (abs(wanted.llf) + wanted.nobs) if wanted.family.estimated else 0.0
        moved = 18 / 12 * level / 2e-3 * wanted.bse * wanted.bse.flat[-1]
        assert (np.abs(found.params - wanted.params) <= RTOL * size + moved).all()
        rounding = 64 / 12 * level / 2e-3**2
        np.testing.assert_allclose(found.bse, wanted.bse, rtol=max(RTOL, rounding * wanted.bse.flat[-1] ** 2))
        np.testing.assert_allclose(found.llf, wanted.llf, rtol=RTOL)
        assert found.converged and wanted.converged
        assert found.nobs == wanted.nobs and found.dropped == wanted.dropped
        assert found.separation.verdict == wanted.separation.verdict

    return compare
