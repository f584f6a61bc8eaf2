# SPDX-License-Identifier: BSD-3-Clause
"""Tables in files, by pyarrow: CSV and Parquet in, coefficients out."""

from __future__ import annotations

import difflib
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlefast.errors import DataError, MissingPackageError

if TYPE_CHECKING:
    import pyarrow as pa

_CSV = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_SHARE = 0.5  # of the free memory, from which on a file is read as a stream
_OUTPUT = (".csv", ".json", ".parquet")


def _kind(path: Path) -> str:
    """The extension that says how to read a file; .csv.gz counts as .csv."""
    packed = path.suffix == ".gz"  # in capitals pyarrow would not unpack it
    suffix = (Path(path.stem).suffix if packed else path.suffix).lower()
    if suffix not in _CSV and (packed or suffix not in _PARQUET):
        raise DataError(f"{path}: unknown kind of file; possible: .csv, .csv.gz, .tsv, .parquet, .pq.")
    return suffix


def _require_file(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise DataError(f"{path} is a link to {os.readlink(path)}, which does not exist. Give another path.")
    if not path.exists():
        close = difflib.get_close_matches(path.name, os.listdir(path.parent) if path.parent.is_dir() else [], n=1)
        raise DataError(f"{path}: no such file.{f' Did you mean {close[0]!r}?' if close else ''}")
    if not path.is_file():
        raise DataError(f"{path} is not a file. Give the path of a CSV or Parquet file.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty.")


def _import_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingPackageError('Reading files needs pyarrow: pip install "mlefast[cli]".') from None


def is_large(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder, a pattern, or a file that is larger than half of the free memory."""
    text = os.fspath(path)
    if not os.path.exists(text):
        return any(mark in text for mark in "*?[")
    return os.path.isdir(text) or os.path.getsize(text) > _SHARE * _free_memory()


def _free_memory() -> float:
    """Bytes; infinite where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return math.inf


def read_table(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> pa.Table:
    """A table from a CSV or Parquet file, by its extension.

    Parameters
    ----------
    path : path
        .csv, .csv.gz, .tsv, .parquet or .pq.
    columns : sequence of str, optional
        Read only these.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    DataError
        If the file is missing, empty, truncated or no table, or lacks a column.
    """
    _import_pyarrow()
    import pyarrow as pa

    file = Path(path)
    kind = _kind(file)
    try:
        _require_file(file)
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}.") from None
    try:
        present = _column_names(file, kind)
        if columns is not None:
            require_columns(columns, present, str(file))
        table = _read(file, kind, columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file} cannot be read as {kind[1:]}: {first_line(error)} It may be damaged or truncated."
        ) from None
    if table.num_rows == 0:
        raise DataError(f"{file} has no rows.")
    if kind in _CSV:
        _require_text(table, file)
    return table


def _require_text(table: pa.Table, file: Path) -> None:
    """DataError for columns that pyarrow kept as bytes because they are no UTF-8."""
    import pyarrow as pa

    for field in table.schema:
        if pa.types.is_binary(field.type):
            raise DataError(f"{file}: column {field.name!r} is not UTF-8 text. Save the file in UTF-8.")


def require_columns(columns: Sequence[str], present: Sequence[str], where: str) -> None:
    """DataError for the first column that is not there, with the names that come close."""
    for name in columns:
        if name not in present:
            close = difflib.get_close_matches(name, present, n=3)
            hint = f"Did you mean {', '.join(map(repr, close))}?" if close else f"It has: {', '.join(present[:10])}."
            raise DataError(f"{where} has no column {name!r}. {hint}")
        if present.count(name) > 1:
            raise DataError(f"{where} has {present.count(name)} columns named {name!r}. Rename all but one.")


def _column_names(file: Path, kind: str) -> list[str]:
    if kind in _PARQUET:
        import pyarrow.parquet as pq

        return list(pq.read_schema(file).names)
    import pyarrow.csv as csv

    with csv.open_csv(file, parse_options=csv.ParseOptions(delimiter=_CSV[kind])) as reader:
        return list(reader.schema.names)


def _read(file: Path, kind: str, columns: Sequence[str] | None) -> pa.Table:
    wanted = None if columns is None else list(columns)
    if kind in _PARQUET:
        import pyarrow.parquet as pq

        return pq.read_table(file, columns=wanted)
    import pyarrow.csv as csv

    return csv.read_csv(
        file,
        parse_options=csv.ParseOptions(delimiter=_CSV[kind]),
        convert_options=csv.ConvertOptions(include_columns=wanted, strings_can_be_null=True),
    )


def first_line(error: Exception) -> str:
    """The first line of a message, as a sentence."""
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") + "." if text else type(error).__name__ + "."


def require_writable(
    path: str | os.PathLike[str], what: str = "the coefficients", kinds: Sequence[str] = _OUTPUT
) -> None:
    """DataError if this cannot be written there; leaves nothing behind."""
    file = Path(path)
    if file.suffix.lower() not in kinds:
        raise DataError(f"{file}: unknown kind of file for {what}; possible: {', '.join(kinds)}.")
    try:
        if file.is_dir():
            raise DataError(f"{file} is a directory. Give the path of a file.")
        if not file.parent.is_dir():
            raise DataError(f"{file.parent} is not a directory, so nothing can be written there. Make it first.")
        if not os.access(file if file.exists() else file.parent, os.W_OK):
            raise DataError(f"{file} cannot be written: permission denied. Choose another place.")
    except OSError as error:  # such as a name that is too long
        raise DataError(f"{file} cannot be written: {error.strerror or error}. Choose another place.") from None


def write_coefficients(columns: Mapping[str, Sequence[Any]], path: str | os.PathLike[str]) -> None:
    """Write a table given as columns to a .csv, .json or .parquet file; DataError if that fails."""
    import pyarrow as pa

    file = Path(path)
    try:
        if file.suffix.lower() == ".json":
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            file.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            return
        table = pa.table({name: list(values) for name, values in columns.items()})
        if file.suffix.lower() == ".csv":
            import pyarrow.csv as csv

            csv.write_csv(table, file)
        else:
            import pyarrow.parquet as pq

            pq.write_table(table, file)
    except OSError as error:
        raise DataError(f"{file} cannot be written: {error.strerror or error}.") from None
