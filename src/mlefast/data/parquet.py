# SPDX-License-Identifier: BSD-3-Clause
"""Files of Parquet of an Arrow data set, a few pages at a time.

Not by the scanner of the data set, which decodes whole row groups, however large these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

_BUFFER = 1 << 17  # bytes of a column that are read at a time: whole column chunks may be huge


def keys_of(fragment: ds.Fragment) -> dict[str, Any]:
    """The columns that the names of a file's folders give, and their values."""
    import pyarrow.dataset as ds

    keys: dict[str, Any] = ds.get_partition_keys(fragment.partition_expression)
    return keys


def open_parquet(fragment: ds.ParquetFileFragment) -> pq.ParquetFile:
    """The file, to be read a few pages at a time."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(fragment.path, filesystem=fragment.filesystem, pre_buffer=False, buffer_size=_BUFFER)


def batches_of(
    file: pq.ParquetFile, schema: pa.Schema, keys: dict[str, Any], columns: Sequence[str], rows: int
) -> Iterator[pa.RecordBatch]:
    """The columns, with those that the folders give, at most so many rows at a time."""
    wanted = [name for name in columns if name not in keys]
    if not wanted:
        yield from _of_keys(file.metadata.num_rows, columns, keys, schema, rows)
        return
    for batch in file.iter_batches(rows, columns=wanted):
        yield _with_keys(batch, columns, keys, schema)


def _with_keys(batch: pa.RecordBatch, columns: Sequence[str], keys: dict[str, Any], schema: pa.Schema) -> Any:
    """The columns in the order that is asked for, those of the folders' names too."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(keys[name], schema.field(name).type), batch.num_rows)
            if name in keys
            else batch.column(name)
            for name in columns
        ],
        names=list(columns),
    )


def _of_keys(count: int, columns: Sequence[str], keys: dict[str, Any], schema: pa.Schema, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    for first in range(0, count, rows):
        size = min(rows, count - first)
        yield pa.RecordBatch.from_arrays(
            [pa.repeat(pa.scalar(keys[name], schema.field(name).type), size) for name in columns], names=list(columns)
        )
