# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
import pickle
import signal
import threading
import time

import dask.array as da
import numpy as np
import pytest

import distributed
import mlefast
from mlefast import _core
from mlefast.data import MemoryDesign
from mlefast.data.distributed import _beside
from mlefast.errors import DataError


def block(block_info=None):
    """2,000 rows, the same whenever and wherever they are made."""
    first = block_info[None]["array-location"][0][0]
    return np.random.default_rng(first).standard_normal((2000, 4))


def remade(partitions=6):
    """An array that is made again from nothing where it is lost."""
    return da.map_blocks(block, chunks=((2000,) * partitions, (4,)), dtype=np.float64, meta=np.empty((0, 0)))


def labels(X):
    X = X.compute(scheduler="synchronous")
    return np.random.default_rng(0).random(len(X)) < 1 / (1 + np.exp(-X @ [1.0, -1.0, 0.5, 0.0]))


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_time_only() -> None:
    """The nanny starts another one, and Dask makes the blocks and what lies beside them again."""
    X = remade()
    y = labels(X)
    wanted = mlefast.fit(X, y)
    victims = []

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill(iteration) -> None:
            if not victims:
                victims.append(next(iter(client.run(os.getpid).values())))
                os.kill(victims[0], signal.SIGKILL)

        found = mlefast.fit(X, y, progress=kill)
        assert victims[0] not in client.run(os.getpid).values()
    np.testing.assert_array_equal(found.params, wanted.params)
    np.testing.assert_array_equal(found.bse, wanted.bse)


def test_a_fit_goes_on_from_its_checkpoint(tmp_path) -> None:
    X = remade(3)
    y = labels(X)
    wanted = mlefast.fit(X, y)

    def crash(iteration) -> None:
        raise SystemError("power failure")

    with pytest.raises(SystemError, match="power failure"):
        mlefast.fit(X, y, progress=crash, checkpoint=tmp_path / "fit")
    found = mlefast.fit(X, y, checkpoint=tmp_path / "fit")
    np.testing.assert_array_equal(found.params, wanted.params)


def test_a_worker_that_is_slow_changes_nothing(client) -> None:
    X = remade(2)
    y = labels(X)
    wanted = mlefast.fit(X, y)

    def late(block, block_info=None):
        time.sleep(0.5 if block_info[0]["chunk-location"][0] == 0 else 0.0)
        return block

    found = mlefast.fit(X.map_blocks(late, dtype=np.float64), y)
    np.testing.assert_array_equal(found.params, wanted.params)


@pytest.fixture
def interrupts():
    """Whoever started the tests in the background may have had them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_cancels_the_tasks(client, tmp_path, interrupts) -> None:
    def slow(block, block_info=None):
        (tmp_path / str(block_info[0]["chunk-location"][0])).touch()
        time.sleep(1.0)
        return block

    X = remade(20).map_blocks(slow, dtype=np.float64)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        mlefast.fit(X, np.arange(40_000) % 2)
    timer.join()
    deadline = time.monotonic() + 20.0
    while any(client.processing().values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(list(tmp_path.iterdir())) < 20


def test_a_partition_that_comes_back_with_other_rows_is_named() -> None:
    block = MemoryDesign((np.ones((4, 2)),), 4, 2)
    with pytest.raises(
        DataError, match="partition 3 of X has changed since the fit began: it had 5 rows, now it has 4"
    ):
        _beside(block, 3, np.ones(5))


def test_compiled_functions_stay_in_their_process() -> None:
    leaf = pickle.loads(pickle.dumps(_core.Leaf("laplace", (0.25,))))
    nll, *_ = _core.terms(np.zeros(1), np.ones(1), leaf)
    assert nll == _core.terms(np.zeros(1), np.ones(1), _core.Leaf("laplace", (0.25,)))[0]
    with pytest.raises(TypeError, match="has its address in one process only"):
        pickle.dumps(_core.Leaf(1))
