# SPDX-License-Identifier: BSD-3-Clause
"""What can be read as a stream, and what is wrong with it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.dataset as ds
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import mlefast
from mlefast import DataError, FormulaError, OptionError
from mlefast.data import source as sources
from mlefast.solvers import Iteration

FORMULA = "late ~ x + carrier"


@pytest.fixture(scope="module")
def wanted(table: pa.Table) -> mlefast.Result:
    return mlefast.fit_formula(FORMULA, table)


def parts(table: pa.Table, size: int = 20_001) -> list[pa.Table]:
    return [table.slice(first, size) for first in range(0, len(table), size)]


def write_parts(table: pa.Table, folder: Path) -> list[Path]:
    paths = [folder / f"part-{number}.parquet" for number in range(4)]
    for path, part in zip(paths, parts(table), strict=True):
        pq.write_table(part, path)
    return paths


def of_parquet_files(table: pa.Table, folder: Path):
    return write_parts(table, folder)


def of_a_pattern(table: pa.Table, folder: Path):
    write_parts(table, folder)
    return str(folder / "*.parquet")


def of_a_folder(table: pa.Table, folder: Path):
    write_parts(table, folder)
    return folder


def of_feather(table: pa.Table, folder: Path):
    feather.write_feather(table, folder / "a.feather", chunksize=7_001)
    return folder / "a.feather"


def of_csv(table: pa.Table, folder: Path):
    csv.write_csv(table, folder / "a.csv")
    return folder / "a.csv"


def of_a_dataset(table: pa.Table, folder: Path):
    write_parts(table, folder)
    return ds.dataset(folder, format="parquet")


def of_another_file_system(table: pa.Table, folder: Path):
    memory = fsspec.filesystem("memory")
    for number, part in enumerate(parts(table)):
        with memory.open(f"{folder}/part-{number}.parquet", "wb") as file:
            pq.write_table(part, file)
    return ds.dataset(str(folder), format="parquet", filesystem=memory)


def of_a_filter(table: pa.Table, folder: Path):
    more = pa.concat_tables([table, table.set_column(0, "x", pa.array(np.full(len(table), 99.0)))])
    pq.write_table(more, folder / "a.parquet")
    return ds.dataset(folder / "a.parquet").filter(ds.field("x") < 50)


def of_a_function(table: pa.Table, folder: Path):
    return lambda: iter(table.to_batches(max_chunksize=3_001))


def of_an_iterator(table: pa.Table, folder: Path):
    return iter(table.to_batches(max_chunksize=3_001))


def of_a_reader(table: pa.Table, folder: Path):
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=30_001))


def of_dictionaries(table: pa.Table, folder: Path):
    place = table.schema.get_field_index("carrier")
    levels = ["AA", "DL", "UA", "WN"]
    codes = pa.array([levels.index(label) for label in table["carrier"].to_pylist()], pa.int8())
    coded = pa.DictionaryArray.from_arrays(codes, levels)
    pq.write_table(table.set_column(place, "carrier", coded), folder / "a.parquet", row_group_size=10_000)
    return folder / "a.parquet"


@pytest.mark.parametrize(
    "make",
    [
        of_parquet_files, of_a_pattern, of_a_folder, of_feather, of_csv, of_a_dataset, of_another_file_system, of_a_filter, of_a_function,
        of_an_iterator, of_a_reader, of_dictionaries,
    ],
)  # fmt: skip
def test_every_source_gives_the_same_fit(
    make, table: pa.Table, wanted: mlefast.Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    result = mlefast.fit_formula(FORMULA, make(table, tmp_path / "data"))
    np.testing.assert_array_equal(result.params, wanted.params)
    np.testing.assert_array_equal(result.covariance, wanted.covariance)
    assert result.names == wanted.names
    assert not os.listdir(tmp_path / "temporary")


def test_folders_whose_names_are_values(table: pa.Table, tmp_path: Path) -> None:
    ds.write_dataset(table, tmp_path / "a", format="parquet", partitioning=["gate"], partitioning_flavor="hive")
    ordered = pa.concat_tables([table.filter(pa.compute.equal(table["gate"], gate)) for gate in "ABC"])
    result, whole = (mlefast.fit_formula("late ~ x + gate", data) for data in (tmp_path / "a", ordered))
    np.testing.assert_array_equal(result.params, whole.params)


def test_only_the_columns_of_the_formula_are_read(table: pa.Table, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, compression=None)
    chunk = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(table.schema.get_field_index("size"))
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    first = chunk.data_page_offset
    content[first : first + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    (tmp_path / "a.parquet").write_bytes(content)
    assert mlefast.fit_formula("late ~ x", tmp_path / "a.parquet").converged
    with pytest.raises(DataError, match=r"a\.parquet cannot be read: .* damaged"):
        mlefast.fit_formula("late ~ size", tmp_path / "a.parquet")


def test_a_truncated_file_is_named(table: pa.Table, tmp_path: Path) -> None:
    paths = write_parts(table, tmp_path)
    paths[2].write_bytes(paths[2].read_bytes()[:-100])
    with pytest.raises(DataError, match=r"part-2\.parquet cannot be read: .*truncated"):
        mlefast.fit_formula(FORMULA, paths)


def test_a_data_set_converts_files_of_other_types(table: pa.Table, tmp_path: Path) -> None:
    """As Arrow does it: a column of integers is read as floats, one that a file lacks is missing there."""
    write_parts(
        table.set_column(table.schema.get_field_index("x"), "x", pa.array(np.arange(len(table)) / 1e4)), tmp_path
    )
    first, *_, last = sorted(tmp_path.glob("*.parquet"))
    few = pq.read_table(last)
    pq.write_table(
        few.set_column(few.schema.get_field_index("x"), "x", pa.array(np.arange(len(few)), pa.int64())), last
    )
    data = ds.dataset(tmp_path, format="parquet", schema=pq.read_schema(first))
    result, whole = (mlefast.fit_formula("late ~ x", source) for source in (data, data.to_table()))
    np.testing.assert_array_equal(result.params, whole.params)
    pq.write_table(few.drop_columns("x"), last)
    data = ds.dataset(tmp_path, format="parquet", schema=pq.read_schema(first))
    assert mlefast.fit_formula("late ~ x", data, missing="drop").dropped == len(few)


def test_a_data_set_names_the_file_that_is_damaged(table: pa.Table, tmp_path: Path) -> None:
    paths = write_parts(table, tmp_path)
    data = ds.dataset(tmp_path, format="parquet")
    paths[2].write_bytes(paths[2].read_bytes()[:-100])
    with pytest.raises(DataError, match=r"part-2\.parquet cannot be read: .*truncated"):
        mlefast.fit_formula(FORMULA, data)


@pytest.mark.parametrize("read", [list, ds.dataset])
@pytest.mark.parametrize("within", [False, True])
def test_a_file_that_changes_between_or_within_passes_is_named(
    within: bool, read, table: pa.Table, tmp_path: Path
) -> None:
    paths = write_parts(table, tmp_path)

    def change(state: Iteration) -> None:
        if (state.reading is not None) == within:
            pq.write_table(table.slice(5, 300), paths[1])

    with pytest.raises(DataError, match=r"part-1\.parquet has changed since the fit began"):
        mlefast.fit_formula(FORMULA, read(paths), progress=change)


@pytest.mark.parametrize(("later", "message"), [(100, "now it has more"), (-100, "now it has 69903")])
def test_a_function_that_gives_other_rows_is_noticed(later: int, message: str, table: pa.Table) -> None:
    calls = []

    def batches():
        calls.append(None)
        more = later if len(calls) > 3 else 0  # the schema, the first reading and a pass
        return iter(pa.concat_tables([table, table]).slice(0, len(table) + more).to_batches(max_chunksize=9_999))

    with pytest.raises(DataError, match=f"batches has changed .*{message}"):
        mlefast.fit_formula(FORMULA, batches)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns("x"), r"part-2\.parquet has no column 'x'"),
        (lambda t: t.set_column(0, "x", t["x"].cast(pa.float32())), r"part-2\.parquet: column 'x' holds float, in .*"),
    ],
)
def test_a_file_with_another_schema_is_named(change, message: str, table: pa.Table, tmp_path: Path) -> None:
    paths = write_parts(table, tmp_path)
    pq.write_table(change(pq.read_table(paths[2])), paths[2])
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula(FORMULA, paths)


def test_columns_and_files_that_are_not_there(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FormulaError, match=r"table\.parquet has no column 'carier'. Did you mean 'carrier'"):
        mlefast.fit_formula("late ~ carier", path)
    with pytest.raises(DataError, match=r"tabel\.parquet: no such file. Did you mean 'table.parquet'"):
        mlefast.fit_formula(FORMULA, path.parent / "tabel.parquet")
    (tmp_path / "a.parquet").touch()
    with pytest.raises(DataError, match=r"a\.parquet is empty"):
        mlefast.fit_formula(FORMULA, tmp_path / "a.parquet")
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(DataError, match=r"a\.xyz: unknown kind of file"):
        mlefast.fit_formula(FORMULA, tmp_path / "a.xyz")


@pytest.mark.parametrize("term", ["center(x)", "poly(x, 2)", "I(x - np.mean(x))", "lag(x)", "I(x.cumsum())"])
def test_terms_that_need_all_rows_are_refused(term: str, path: Path) -> None:
    with pytest.raises(FormulaError, match="depends on all rows at once"):
        mlefast.fit_formula(f"late ~ {term}", path)


def test_categories_that_are_computed_are_refused(path: Path) -> None:
    with pytest.raises(FormulaError, match="makes categories of something that is computed"):
        mlefast.fit_formula("late ~ C(np.floor(x))", path)


def test_words_among_numbers(table: pa.Table, tmp_path: Path) -> None:
    words = pa.array([str(k) for k in range(len(table) - 1)] + ["n/a"])
    pq.write_table(table.append_column("text", words), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'text' is text, not numbers, because of 'n/a'"):
        mlefast.fit_formula("late ~ text", tmp_path / "a.parquet")


def test_options_that_streams_do_not_have(path: Path) -> None:
    with pytest.raises(OptionError, match="weights: for a stream it must be the name of a column"):
        mlefast.fit_formula(FORMULA, path, weights=np.ones(5))
    with pytest.raises(OptionError, match="groups: for a stream they must be names"):
        mlefast.fit_formula(FORMULA, path, groups=np.ones(5))
    with pytest.raises(OptionError, match="memory='much' must be a number of bytes"):
        mlefast.fit_formula(FORMULA, path, memory="much")
    with pytest.raises(OptionError, match="memory=1000 bytes is too little for a stream of 4 columns. Give"):
        mlefast.fit_formula(FORMULA, path, memory="1kB")


def test_a_full_disk(table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        closed = False

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self) -> None:
            pass

        def close(self) -> None:
            self.closed = True

    full = Full()
    monkeypatch.setattr(sources.tempfile, "TemporaryFile", lambda: full)
    with pytest.raises(DataError, match="No space left on device. Set TMPDIR"):
        mlefast.fit_formula(FORMULA, iter(table.to_batches()))
    assert full.closed


def test_iterators_of_something_else() -> None:
    with pytest.raises(DataError, match="the iterator gives a int; it must give record batches"):
        mlefast.fit_formula(FORMULA, iter([1, 2]))
    with pytest.raises(DataError, match="the iterator gives no batches"):
        mlefast.fit_formula(FORMULA, iter([]))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_a_stream_within_a_second(tmp_path: Path) -> None:
    code = """
    import signal, threading, time
    import numpy as np, pyarrow as pa, mlefast
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell in the background may have ignored
    x = np.random.default_rng(0).standard_normal(1 << 16)
    batch = pa.record_batch({"x": x, "y": (x > np.roll(x, 1)).astype(float)})
    def batches():
        print("reading", flush=True)
        for _ in range(100_000):
            time.sleep(0.02)  # as a disk that is slower than the pass, so that mostly it is the fit that waits
            yield batch
    try:
        mlefast.fit_formula("y ~ x", batches)
    except KeyboardInterrupt:
        print("threads", threading.active_count(), time.time(), flush=True)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.readline()  # the first reading
    time.sleep(0.5)
    sent = time.time()
    child.send_signal(signal.SIGINT)
    try:
        words = child.communicate(timeout=30)[0].split()
    finally:
        child.kill()
        child.communicate()
    assert words[:2] == ["threads", "1"]
    assert float(words[2]) - sent < 1.0


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
@pytest.mark.parametrize("read", ["str", "pyarrow.dataset.dataset"])
def test_memory_stays_below_the_limit(read: str, tmp_path: Path) -> None:
    """A file of 640 MB of numbers in one row group, within 300 MB above what is there before."""
    code = """
    import sys
    import mlefast, pandas, pyarrow.dataset, pyarrow.parquet
    from pathlib import Path
    def peak(field):
        return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith(field))
    small, large = sys.argv[1:]
    formula = "y ~ " + " + ".join(f"x{j}" for j in range(20))
    small, large = map(READ, (small, large))
    mlefast.fit_formula(formula, small)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak("VmRSS:")
    assert mlefast.fit_formula(formula, large, memory="300MB").converged
    print((peak("VmHWM:") - before) / 1e3)
    """
    rng = np.random.default_rng(0)

    def write(name: str, rows: int) -> Path:
        table = pa.table({f"x{j}": rng.standard_normal(rows) for j in range(20)} | {"y": rng.random(rows) < 0.5})
        pq.write_table(table, tmp_path / name, row_group_size=rows)
        return tmp_path / name

    arguments = [str(write("small.parquet", 1_000)), str(write("large.parquet", 4_000_000))]
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code).replace("READ", read), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(ran.stdout) < 300.0
