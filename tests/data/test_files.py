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
    with pytest.raises(DataError, match="no column 'aa'. Did you mean 'a'"):
        read_table(file, ["aa"])


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    twice = pa.table([[1], [2], [3]], names=["a", "a", "b"])
    pyarrow.parquet.write_table(twice, tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("a,a,b\n1,2,3\n")
    assert read_table(tmp_path / "t.csv", ["b"]).to_pydict() == {"b": [3]}
    for path in (tmp_path / "t.parquet", tmp_path / "t.csv"):
        with pytest.raises(DataError, match="2 columns named 'a'"):
            read_table(path, ["a"])


def test_a_close_name_is_offered(tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"fligths.csv: no such file. Did you mean 'flights.csv'\?"):
        read_table(tmp_path / "fligths.csv")


def test_types_that_show_late_in_a_csv(tmp_path: Path) -> None:
    """The type of a column is not settled by its first block."""
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,\n" * 600_000 + "1.5,x\n")
    table = read_table(path)
    assert table["a"][-1].as_py() == 1.5
    assert table["b"].null_count == 600_000
    assert table["b"][-1].as_py() == "x"


def test_a_column_name_with_a_dot_is_no_path_into_a_structure(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"a.x": [1], "a": [{"x": 2}]}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", ["a"]).to_pydict() == {"a": [{"x": 2}]}


def test_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress("\n".join(str(i * 7919 % 10007) for i in range(9999)).encode())[:-200])
    with pytest.raises(DataError, match="cannot be read as csv.*truncated"):
        read_table(path)


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
        ("packed.parquet.gz", b"PK", "unknown kind of file; possible: .csv"),
        ("packed.csv.gz", b"a\n1\n", "cannot be read as csv"),
        ("latin.csv", "a,b\n1,caf\xe9\n".encode("latin-1"), "column 'b' is not UTF-8 text"),
        ("x" * 300 + ".csv", None, "cannot be read: File name too long"),
        ("header.parquet", b"", "is empty"),
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
    ("name", "message"),
    [
        ("x.txt", "unknown kind"),
        ("no/x.csv", "not a directory"),
        ("d.csv", "directory"),
        ("x" * 300 + ".csv", "too long"),
    ],
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
