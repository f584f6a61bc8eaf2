# SPDX-License-Identifier: BSD-3-Clause
"""A fit on a Dask cluster of two workers, one of which is killed in the middle: the numbers are those of a quiet run.

Run it with `python examples/dask_worker_lost.py`; it needs `pip install "mlefast[dask]"`.
"""

import os
import signal

import dask.array as da
import numpy as np

import mlefast
from distributed import Client, LocalCluster

ROWS, PARTITION, COLUMNS = 200_000, 25_000, 10


def columns(block_info=None):
    """The rows of one partition, made where they are needed; a file would be read here."""
    first = block_info[None]["array-location"][0][0]
    return np.random.default_rng(first).standard_normal((PARTITION, COLUMNS))


def main():
    chunks = ((PARTITION,) * (ROWS // PARTITION), (COLUMNS,))
    X = da.map_blocks(columns, chunks=chunks, dtype=float, meta=np.empty((0, 0)))
    eta = X @ np.linspace(-1.0, 1.0, COLUMNS) - 1.0
    y = da.map_blocks(lambda eta: np.random.default_rng(eta.size).random(len(eta)) < 1 / (1 + np.exp(-eta)), eta)

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        quiet = mlefast.fit(X, y)
        killed = []

        def kill(iteration):
            """After the first pass; the cluster starts another worker, and Dask makes the lost partitions again."""
            if not killed:
                killed.append(next(iter(client.run(os.getpid).values())))
                os.kill(killed[0], signal.SIGKILL)

        result = mlefast.fit(X, y, progress=kill)

    print(result.summary())
    print(f"Worker {killed[0]} was killed during the fit.")
    same = np.array_equal(result.params, quiet.params) and np.array_equal(result.bse, quiet.bse)
    print(f"The same bits as without: {'yes' if same else 'no'}")


if __name__ == "__main__":
    main()
