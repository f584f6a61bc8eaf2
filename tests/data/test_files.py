# SPDX-License-Identifier: BSD-3-Clause
"""Tables in files: what is read, and one sentence for what cannot be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from mlefast import DataError
from mlefast.data.files import read_table, require_writable, write_coefficients

TABLE = pa.table({"a": [1.5, 2.5, 3.5], "b": ["u", "v", None], "c": [1, 2, 3]})


@pytest.fixture(params=["t.csv", "t.tsv", "t.csv.gz", "t.parquet", "t.pq"])
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / request.param
    if path.suffix in (".parquet", ".pq"):
        pyarrow.parquet.write_table(TABLE, path)
        return path
    text = "a,b,c\n1.5,u,1\n2.5,v,2\n3.5,,3\n".replace(",", "\t" if path.suffix == ".tsv" else ",")
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_reads_all_or_some_columns(file: Path) -> None:
    assert read_table(file).to_pydict() == TABLE.to_pydict()
    assert read_table(file, ["c", "a"]).column_names == ["c", "a"]


def test_an_unknown_column_gets_a_hint(file: Path) -> None:
    with pytest.raises(DataError, match="no column 'aa'. Did you mean a"):
        read_table(file, ["aa"])


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="cannot be read as parquet.*truncated"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "no such file"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"a,b\n", "has no rows"),
        ("ragged.csv", b"a,b\n1,2\n3\n", "cannot be read as csv"),
        ("binary.csv", bytes(range(256)) * 10, "cannot be read as csv"),
        ("text.parquet", b"no parquet at all", "cannot be read as parquet"),
        ("table.xlsx", b"PK", "unknown kind of file; possible: .csv"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(path)


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match="is not a file"):
        read_table(tmp_path / "d.csv")


@pytest.mark.parametrize(
    ("name", "message"), [("x.txt", "unknown kind"), ("no/x.csv", "not a directory"), ("d.csv", "directory")]
)
def test_outputs_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(DataError, match=message):
        require_writable(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.csv"]


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.parquet"])
def test_coefficients_come_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    require_writable(path)
    write_coefficients({"name": ["Intercept", "x1"], "coef": [1.25, None]}, path)
    if name.endswith(".json"):
        assert json.loads(path.read_text()) == [{"name": "Intercept", "coef": 1.25}, {"name": "x1", "coef": None}]
    else:
        assert read_table(path).to_pydict() == {"name": ["Intercept", "x1"], "coef": [1.25, None]}
