# SPDX-License-Identifier: BSD-3-Clause
"""A logistic regression of more rows than fit in memory: a file is made piece by piece and read again in each pass.

`python examples/larger_than_memory.py 100_000_000 flights.parquet` makes and fits 100 million rows of 20 columns, 8 GB
of float32, within one gigabyte; by default there are a million. A file that is there already is not made again.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import mlefast

COLUMNS, PIECE = 20, 250_000
NAMES = [f"x{j}" for j in range(1, COLUMNS + 1)]
BETA = np.linspace(-0.5, 0.5, COLUMNS, dtype=np.float32)


def write(path: Path, rows: int) -> None:
    """Random rows of a logistic model, a row group at a time."""
    rng = np.random.default_rng(1)
    schema = pa.schema([("y", pa.int8()), *((name, pa.float32()) for name in NAMES)])
    part = path.with_suffix(".part")
    with pq.ParquetWriter(part, schema, compression="none", use_dictionary=False) as file:
        for first in range(0, rows, PIECE):
            x = rng.standard_normal((min(PIECE, rows - first), COLUMNS), dtype=np.float32)
            y = rng.random(len(x), dtype=np.float32) < 1.0 / (1.0 + np.exp(2.0 - x @ BETA))
            file.write_batch(pa.record_batch([y.astype(np.int8), *x.T], schema=schema))
    part.rename(path)


def main() -> None:
    """Make the file if it is not there, fit it, and say what that took."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "rows.parquet"
        if not path.exists():
            write(path, rows)
        began = time.perf_counter()
        result = mlefast.fit_formula(f"y ~ {' + '.join(NAMES)}", str(path), memory="1GB")
        seconds = time.perf_counter() - began
        print(result.summary())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        size = path.stat().st_size / 1e9
        print(f"{size:.2f} GB, {result.passes:.1f} passes in {seconds:.1f} s, peak memory {peak:.2f} GB")


if __name__ == "__main__":
    main()
