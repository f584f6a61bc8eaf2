# SPDX-License-Identifier: BSD-3-Clause
"""Tables that are read again and again, some rows at a time: files, data sets of Arrow, and what makes record batches.

Every reading gives the same rows in the same order; a file that changes between two readings is an error.
"""

from __future__ import annotations

import difflib
import glob
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlefast.errors import DataError, MissingPackageError

from .files import first_line, require_columns
from .parquet import batches_of, keys_of, open_parquet
from .spool import no_room

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset

_FORMATS = {
    ".parquet": "parquet", ".pq": "parquet", ".feather": "feather", ".arrow": "ipc", ".ipc": "ipc", ".csv": "csv",
    ".tsv": "csv",
}  # fmt: skip
_ROWS = 1 << 10, 1 << 16  # at a time: at least and at most
_BATCHES = 64  # share of the memory that one may take: several are made at once


class Source(Protocol):
    """A table whose rows are read in the same order each time."""

    name: str  # for messages

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns."""
        ...

    def batches(self, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        """All rows, at most about `rows` at a time; DataError names what cannot be read."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


def is_source(data: Any) -> bool:
    """Whether data are the path of files, an Arrow data set, or what makes record batches, rather than a table."""
    if isinstance(data, str | os.PathLike) or (
        isinstance(data, list | tuple) and data and all(isinstance(path, str | os.PathLike) for path in data)
    ):
        return True
    kinds = {(kind.__module__, kind.__name__) for kind in type(data).__mro__}
    if ("pyarrow._dataset", "Dataset") in kinds or ("pyarrow.lib", "RecordBatchReader") in kinds:
        return True
    return isinstance(data, Iterator) or (callable(data) and not hasattr(data, "__arrow_c_stream__"))


def batch_rows(row: int, memory: int) -> int:
    """How many rows of so many bytes to decode at a time."""
    least, most = _ROWS
    return max(least, min(most, 1 << max(1, memory // (_BATCHES * max(1, row))).bit_length() - 1))


def open_source(data: Any) -> Source:
    """The source of what `is_source`: DataError if there are no such files or they are no tables."""
    try:
        import pyarrow as pa
        import pyarrow.dataset as ds
    except ImportError:
        raise MissingPackageError('Streams need pyarrow: pip install "mlefast[cli]".') from None
    if isinstance(data, ds.Dataset):
        return _DatasetSource(data)
    if isinstance(data, pa.RecordBatchReader | Iterator):
        return _Spool(data)
    if callable(data):
        return _MakerSource(data)
    return _open_files([data] if isinstance(data, str | os.PathLike) else list(data))


def _open_files(given: Sequence[str | os.PathLike[str]]) -> _FileSource:
    import pyarrow as pa
    import pyarrow.dataset as ds

    paths = [path for part in given for path in _expand(os.fspath(part))]
    kinds = sorted({_format(path) for path in paths})
    if len(kinds) > 1:
        raise DataError(f"the files are of different kinds: {', '.join(kinds)}. Give files of one kind.")
    root = os.fspath(given[0]) if len(given) == 1 and os.path.isdir(given[0]) else None
    try:
        data = ds.dataset(
            paths, format=_reader(kinds[0], paths[0]), partitioning="hive" if root else None, partition_base_dir=root
        )
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(paths[0], error) from None
    return _FileSource(data, kinds[0])


def _expand(path: str) -> list[str]:
    """The files of a path, a pattern or a folder, in the order of their names."""
    if os.path.isdir(path):
        found = sorted(
            str(file) for file in Path(path).rglob("*") if file.is_file() and not file.name.startswith(("_", "."))
        )
    elif os.path.exists(path):
        found = [path]
    else:
        found = sorted(glob.glob(path, recursive=True))
    if not found:
        folder = os.path.dirname(path) or "."
        close = difflib.get_close_matches(
            os.path.basename(path), os.listdir(folder) if os.path.isdir(folder) else [], n=1
        )
        raise DataError(f"{path}: no such file.{f' Did you mean {close[0]!r}?' if close else ''}")
    for file in found:
        if os.path.getsize(file) == 0:
            raise DataError(f"{file} is empty.")
    return found


def _format(path: str) -> str:
    name = path.lower().removesuffix(".gz")
    kind = _FORMATS.get(os.path.splitext(name)[1])
    if kind is None:
        raise DataError(f"{path}: unknown kind of file; possible: {', '.join(_FORMATS)}.")
    return kind


def _reader(kind: str, path: str) -> Any:
    """What Arrow needs to know of a format."""
    if kind != "csv":
        return kind
    import pyarrow.csv as csv
    import pyarrow.dataset as ds

    tabs = path.lower().removesuffix(".gz").endswith(".tsv")
    return ds.CsvFileFormat(
        parse_options=csv.ParseOptions(delimiter="\t" if tabs else ","),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(f"{name} cannot be read: {first_line(error)} It may be damaged or truncated.")


class _Files:
    """What tells that the files of a data set are still the same."""

    def __init__(self, fragments: Iterable[Any]) -> None:
        self._states = {fragment.path: _state(fragment) for fragment in fragments}

    def require_same(self, fragment: Any) -> None:
        """DataError if the file has changed."""
        if _state(fragment) != self._states[fragment.path]:
            raise DataError(f"{fragment.path} has changed since the fit began. Fit again.")

    def checked(self, fragment: Any, batches: Iterator[pa.RecordBatch]) -> Generator[pa.RecordBatch, None, None]:
        """The batches of a file; DataError names it if it cannot be read or has changed."""
        import pyarrow as pa

        self.require_same(fragment)
        try:
            yield from batches
        except (pa.ArrowException, OSError) as error:
            self.require_same(fragment)
            raise _unreadable(fragment.path, error) from None
        self.require_same(fragment)


def _state(fragment: Any) -> tuple[int | None, int | None]:
    """Size and time of last change of a file."""
    info = fragment.filesystem.get_file_info(fragment.path)
    if info.type.name == "NotFound":
        raise DataError(f"{fragment.path} cannot be read: No such file or directory.")
    return info.size, info.mtime_ns


class _FileSource:
    """Files on this machine, one after the other."""

    def __init__(self, data: pyarrow.dataset.FileSystemDataset, kind: str) -> None:
        self.name = data.files[0] if len(data.files) == 1 else f"{data.files[0]} and {len(data.files) - 1} more files"
        self._data = data
        self._kind = kind
        self._files = _Files(data.get_fragments())

    @property
    def schema(self) -> pa.Schema:
        return self._data.schema

    def batches(self, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        for fragment in self._data.get_fragments():
            yield from self._files.checked(fragment, self._read(fragment, columns, rows))

    def _read(self, fragment: Any, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        if self._kind != "parquet":
            yield from _scan(fragment, columns, rows, schema=self.schema)
            return
        keys = keys_of(fragment)
        with open_parquet(fragment) as file:
            self._require_schema(fragment.path, file.schema_arrow, [name for name in columns if name not in keys])
            yield from batches_of(file, self.schema, keys, columns, rows)

    def _require_schema(self, path: str, found: pa.Schema, columns: Sequence[str]) -> None:
        require_columns(columns, found.names, path)
        for name in columns:
            here, there = found.field(name).type, self.schema.field(name).type
            if here != there:
                raise DataError(
                    f"{path}: column {name!r} holds {here}, in {self._data.files[0]} it holds {there}. Convert one."
                )

    def close(self) -> None:
        """Nothing is held between two readings."""


def _scan(part: Any, columns: Sequence[str], rows: int, **options: Any) -> Iterator[pa.RecordBatch]:
    """What Arrow's scanner makes of a data set or a file of it."""
    few = {"batch_size": rows, "batch_readahead": 1, "fragment_readahead": 1}
    batches: Iterator[pa.RecordBatch] = part.scanner(columns=list(columns), **few, **options).to_batches()
    return batches


class _DatasetSource:
    """A data set that the user has opened, with his filter and file system.

    Where there is a filter, row groups are decoded as a whole.
    """

    def __init__(self, data: pyarrow.dataset.Dataset) -> None:
        self.name = "the data set"
        self._data = data
        self._fragments = _parquet_files(data)
        self._files = _Files(self._fragments)

    @property
    def schema(self) -> pa.Schema:
        return self._data.schema

    def batches(self, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        import pyarrow as pa

        for fragment in self._fragments:
            yield from self._files.checked(fragment, self._read(fragment, columns, rows))
        if self._fragments:
            return
        try:
            yield from _scan(self._data, columns, rows)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.name, error) from None

    def _read(self, fragment: Any, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        keys, schema = keys_of(fragment), self._data.schema
        with open_parquet(fragment) as file:
            found = file.schema_arrow
            wanted = set(columns) - set(keys)
            if all(name in found.names and found.field(name).type == schema.field(name).type for name in wanted):
                yield from batches_of(file, schema, keys, columns, rows)
                return
        yield from _scan(fragment, columns, rows, schema=schema)  # which converts

    def close(self) -> None:
        """Nothing is held between two readings."""


def _parquet_files(data: pyarrow.dataset.Dataset) -> list[Any]:
    """The files of Parquet of a data set without a filter; none of any other."""
    import pyarrow.dataset as ds

    if not (isinstance(data, ds.FileSystemDataset) and isinstance(data.format, ds.ParquetFileFormat)):
        return []
    try:
        return list(data.get_fragments())
    except ValueError:  # there is a filter
        return []


class _MakerSource:
    """A function without arguments that returns an iterator of record batches, called for each reading."""

    def __init__(self, make: Callable[[], Iterable[Any]]) -> None:
        self.name = getattr(make, "__name__", "the function")
        self._make = make
        self._schema: pa.Schema | None = None

    @property
    def schema(self) -> pa.Schema:
        if self._schema is None:
            first = next(iter(self._make()), None)
            self._schema = _require_batch(first, self.name).schema
        return self._schema

    def batches(self, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        for batch in self._make():
            require_columns(columns, _require_batch(batch, self.name).schema.names, f"a batch of {self.name}")
            for part in _as_batches(batch.select(list(columns))):
                for first in range(0, part.num_rows, rows):
                    yield part.slice(first, rows)

    def close(self) -> None:
        """Nothing is held between two readings."""


def _require_batch(batch: Any, name: str) -> Any:
    if not (hasattr(batch, "schema") and hasattr(batch, "select") and hasattr(batch, "num_rows")):
        found = "nothing" if batch is None else f"a {type(batch).__name__}"
        raise DataError(f"{name} gives {found}; it must give record batches of pyarrow, one after the other.")
    return batch


def _as_batches(table: Any) -> list[Any]:
    return table.to_batches() if hasattr(table, "to_batches") else [table]


class _Spool:
    """Record batches that come once, written to a temporary file that has no name and goes with the source."""

    def __init__(self, batches: Iterable[Any]) -> None:
        import pyarrow as pa

        self.name = "the iterator"
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._write(batches)
        except OSError as error:
            self._file.close()
            raise no_room(error) from None
        except BaseException:
            self._file.close()
            raise
        self._reader = pa.ipc.open_file(pa.PythonFile(self._file))

    def _write(self, batches: Iterable[Any]) -> None:
        import pyarrow as pa

        writer = None
        for table in batches:
            for batch in _as_batches(_require_batch(table, self.name)):
                if writer is None:
                    writer = pa.ipc.new_file(pa.PythonFile(self._file, "w"), batch.schema)
                writer.write_batch(batch)
        if writer is None:
            raise DataError("the iterator gives no batches. Check the filter that made the data.")
        writer.close()
        self._file.flush()

    @property
    def schema(self) -> pa.Schema:
        return self._reader.schema

    def batches(self, columns: Sequence[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
        for number in range(self._reader.num_record_batches):
            batch = self._reader.get_batch(number).select(list(columns))
            for first in range(0, batch.num_rows, rows):
                yield batch.slice(first, rows)

    def close(self) -> None:
        """The file goes."""
        self._file.close()
