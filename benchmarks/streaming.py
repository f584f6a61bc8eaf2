# SPDX-License-Identifier: BSD-3-Clause
"""Streams: their speed beside pyarrow that decodes the same columns, their memory, and time against rows.

Large sets are a file that is listed several times, so that the disk need not hold them. Run as a script it prints its
tables.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from markdown import table

COLUMNS = 20
FORMULA = "y ~ " + " + ".join(f"x{j}" for j in range(COLUMNS))
ROWS = 2_000_000  # of the comparison with pyarrow
FILE_ROWS = 10_000_000
SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
LIMIT = 1_000_000_000
OVER = 5  # times the limit, the numbers of the set whose memory is measured
RUNS = 5
Row = dict[str, Any]


def write(path: Path, rows: int) -> Path:
    """A Parquet file of float64 columns and a label, as pyarrow writes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(0), None
    slopes = rng.standard_normal(COLUMNS) / COLUMNS**0.5
    for first in range(0, rows, 1 << 20):
        x = rng.standard_normal((COLUMNS, min(1 << 20, rows - first)))
        late = rng.random(x.shape[1]) < 1.0 / (1.0 + np.exp(2.0 - slopes @ x))
        part = pa.table({f"x{j}": column for j, column in enumerate(x)} | {"y": late})
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    if writer is not None:
        writer.close()
    return path


def best(call: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds of the best of several calls."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times)


def decode(path: Path) -> None:
    """The columns of X by pyarrow alone, some rows at a time and on all processors."""
    import pyarrow.parquet as pq

    for _ in pq.ParquetFile(path).iter_batches(columns=[f"x{j}" for j in range(COLUMNS)]):
        pass


def speed(path: Path) -> Row:
    """A pass over a stream, and pyarrow alone."""
    import pyarrow.parquet as pq

    import mlefast
    from mlefast import _core
    from mlefast.formula.stream import read_source
    from mlefast.formula.terms import sides
    from mlefast.objective import rows_of

    read = read_source(*sides(FORMULA), path, {}, None, "raise", LIMIT)
    rows = rows_of(read.design, read.response.values, None, None, True)
    threads, leaf, params = mlefast.show_config().threads, _core.Leaf("bernoulli_logit"), np.zeros(COLUMNS + 1)
    evaluate = {f"order {k}": best(partial(rows.evaluate, params, leaf, k, threads)) for k in (0, 1, 2)}
    return {"rows": pq.read_metadata(path).num_rows, "pyarrow": best(lambda: decode(path)), **evaluate}


def fit(paths: list[Path]) -> Row:
    """Seconds and passes of one fit."""
    import mlefast

    began = time.perf_counter()
    result = mlefast.fit_formula(FORMULA, paths, memory=LIMIT)
    return {"rows": int(result.nobs), "seconds": time.perf_counter() - began, "passes": float(result.passes)}


def peak(path: str, times: int) -> float:
    """Megabytes that a fit takes above what the process held after a small one."""
    import mlefast
    from memory import peak_above

    with tempfile.TemporaryDirectory() as folder:
        mlefast.fit_formula(FORMULA, write(Path(folder) / "small.parquet", 1_000))
    return peak_above(lambda: mlefast.fit_formula(FORMULA, [path] * times, memory=LIMIT))


def measure() -> Row:
    """All of it."""
    with tempfile.TemporaryDirectory() as folder:
        compared, large = write(Path(folder) / "a.parquet", ROWS), write(Path(folder) / "large.parquet", FILE_ROWS)
        small = {rows: write(Path(folder) / f"{rows}.parquet", rows) for rows in SIZES if rows < FILE_ROWS}
        times = -(-OVER * LIMIT // (8 * COLUMNS * FILE_ROWS))
        command = [sys.executable, __file__, str(large), str(times)]
        taken = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return {
            "speed": speed(compared),
            "fits": [fit([small[rows]] if rows in small else [large] * (rows // FILE_ROWS)) for rows in SIZES],
            "memory": {"rows": times * FILE_ROWS, "limit": LIMIT / 1e6, "peak": float(taken)},
        }


def stream_table(raw: Row) -> str:
    """The measurements in Markdown."""
    compared, memory = raw["speed"], raw["memory"]
    passes = table(
        "question | >seconds | >of pyarrow's speed",
        [("pyarrow alone", f"{compared['pyarrow']:.3f}", "")]
        + [
            (f"pass of {name}", f"{compared[name]:.3f}", f"{100 * compared['pyarrow'] / compared[name]:.0f} %")
            for name in ("order 0", "order 1", "order 2")
        ],
    )
    fits = table(
        "rows | >fit, s | >passes | >ns per row and pass",
        [
            (
                f"{row['rows']:,}",
                f"{row['seconds']:.2f}",
                f"{row['passes']:.1f}",
                f"{1e9 * row['seconds'] / row['rows'] / row['passes']:.0f}",
            )
            for row in raw["fits"]
        ],
    )
    numbers = 8 * COLUMNS * memory["rows"] / 1e6
    return (
        f"{compared['rows']:,} x {COLUMNS} float64 in Parquet:\n\n{passes}\n\nWhole fits:\n\n{fits}\n\nA fit of "
        f'{memory["rows"]:,} rows ({numbers:,.0f} MB of numbers) with memory="1GB" took {memory["peak"]:.0f} MB.'
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        print(peak(sys.argv[1], int(sys.argv[2])))
    else:
        print(stream_table(measure()))
