# SPDX-License-Identifier: BSD-3-Clause
"""What `mlefast fit` reads and writes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from .conftest import assert_one_line, run, strictly


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_every_kind_of_output_has_the_same_table(folder: Path, kind: str) -> None:
    file = folder / f"coefficients.{kind}"
    done = run(folder, "fit", "flights.parquet", "late ~ hour + I(2 * hour)", "--json", "--output", file.name)
    assert done.returncode == 0
    frame = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[kind](file)
    wanted = pd.DataFrame(strictly(done.stdout)["coefficients"])
    assert list(frame.columns) == ["name", "coef", "std_err", "z", "p_value", "lower", "upper"]
    assert list(frame["name"]) == list(wanted["name"])
    np.testing.assert_allclose(
        frame.iloc[:, 1:].astype(float), wanted.iloc[:, 1:].astype(float), rtol=1e-14, atol=1e-15
    )


def test_the_output_may_not_be_the_data(folder: Path) -> None:
    before = (folder / "flights.csv").read_bytes()
    done = run(folder, "fit", "flights.csv", "late ~ hour", "--output", os.path.join(".", "flights.csv"))
    assert done.returncode == 2
    assert_one_line(done.stderr)
    assert "data" in done.stderr
    assert (folder / "flights.csv").read_bytes() == before


def test_bad_input_leaves_no_output_behind(folder: Path) -> None:
    assert run(folder, "fit", "flights.csv", "late ~ hours", "--output", "never.csv").returncode == 2
    assert not (folder / "never.csv").exists()


def test_only_the_columns_of_the_formula_are_read(folder: Path) -> None:
    """A column whose bytes are damaged harms only who reads it."""
    file = folder / "damaged.parquet"
    frame = pd.read_parquet(folder / "flights.parquet").assign(junk=np.random.default_rng(0).random(500))
    frame.to_parquet(file, compression=None)
    group = pq.read_metadata(file).row_group(0)
    junk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "junk")
    start = min(filter(None, (junk.dictionary_page_offset, junk.data_page_offset)))
    data = bytearray(file.read_bytes())
    data[start : start + junk.total_compressed_size] = b"\xff" * junk.total_compressed_size
    file.write_bytes(data)
    assert run(folder, "fit", file.name, "late ~ hour", "--weights", "n").returncode == 0
    done = run(folder, "fit", file.name, "late ~ hour + junk")
    assert done.returncode == 2
    assert_one_line(done.stderr)


def test_tables_separated_by_tabs_and_compressed(folder: Path) -> None:
    frame = pd.read_csv(folder / "flights.csv")
    frame.to_csv(folder / "flights.tsv", sep="\t", index=False)
    frame.to_csv(folder / "flights.csv.gz", index=False)
    found = [
        strictly(run(folder, "fit", f"flights.{kind}", "late ~ hour", "--json").stdout) for kind in ("tsv", "csv.gz")
    ]
    assert found[0]["coefficients"] == found[1]["coefficients"]


def test_a_link_to_nowhere_is_said_to_be_one(folder: Path) -> None:
    (folder / "link.csv").symlink_to(folder / "gone.csv")
    done = run(folder, "fit", "link.csv", "late ~ hour")
    assert_one_line(done.stderr, "error: link.csv is a link to ")
