# SPDX-License-Identifier: BSD-3-Clause
"""How a categorical fit reads: summaries, formulas, the command line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import mlefast
from mlefast.cli import main


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"hour": rng.integers(5, 24, 400), "day": rng.choice(["mo", "tu"], 400)})
    frame["mode"] = rng.choice(["bus", "car", "train"], 400)
    return frame


@pytest.fixture(scope="module")
def result(table: pd.DataFrame) -> mlefast.Result:
    return mlefast.fit_formula("mode ~ hour + C(day)", table, likelihood="categorical")


def test_a_formula_reads_labels_and_new_tables(table: pd.DataFrame, result: mlefast.Result) -> None:
    x = np.column_stack([table["hour"], table["day"] == "tu"])
    wanted = mlefast.fit(x, table["mode"], likelihood="categorical")
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-8)
    assert result.names == ("Intercept", "hour", "C(day)[T.tu]") and result.response == "mode"
    np.testing.assert_allclose(result.predict(table), wanted.predict(x), atol=1e-8)
    declared = table.assign(mode=pd.Categorical(table["mode"], categories=["train", "car", "bus"]))
    assert mlefast.fit_formula("mode ~ hour", declared, likelihood="categorical").classes.tolist() == [
        "train",
        "car",
        "bus",
    ]


def test_the_summary_has_a_part_for_each_class(result: mlefast.Result) -> None:
    summary = result.summary()
    text, lines = str(summary), str(summary).splitlines()
    assert "Categorical (multinomial logistic regression)" in text and "mode, 3 classes" in text
    starts = [lines.index(f"mode: {name} against bus") for name in ("car", "train")]
    for start, row in zip(starts, result.params, strict=True):
        part = lines[start + 2 : start + 5]
        assert [line.split()[0] for line in part] == list(result.names)
        assert [float(line.split()[1]) for line in part] == pytest.approx(row, abs=6e-5)
    assert max(map(len, lines)) == 78
    frame = result.summary_frame()
    assert frame.shape == (6, 6)
    assert frame.loc[("mode: train against bus", "hour"), "coef"] == result.params[1, 1]
    html, latex = summary.as_html(), summary.as_latex()
    assert html.count('<th colspan="7">mode: ') == 2 and html.count("<th>hour</th>") == 2
    assert latex.count(r"\multicolumn{7}{l}{mode: ") == 2 and latex.count("\nhour & ") == 2


def test_the_command_line_writes_a_column_of_classes(table: pd.DataFrame, result, tmp_path, capsys) -> None:
    path = tmp_path / "table.csv"
    table.to_csv(path, index=False)
    arguments = ["fit", str(path), "mode ~ hour + C(day)", "--likelihood", "categorical"]
    assert main([*arguments, "--json", "--output", str(tmp_path / "out.csv")]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["classes"] == ["bus", "car", "train"]
    assert [(row["class"], row["name"]) for row in facts["coefficients"]] == [
        (label, name) for label in ("car", "train") for name in result.names
    ]
    written = pd.read_csv(tmp_path / "out.csv")
    assert written["class"].tolist() == ["car"] * 3 + ["train"] * 3
    np.testing.assert_allclose(written["coef"], result.params.ravel(), rtol=1e-9)
    assert main(arguments) == 0
    assert "mode: train against bus" in capsys.readouterr().out


def test_the_command_line_tells_a_separating_direction(table: pd.DataFrame, tmp_path, capsys) -> None:
    path = tmp_path / "table.parquet"
    table.assign(cheap=table["mode"] == "bus").to_parquet(path)
    status = main(["fit", str(path), "mode ~ cheap", "--likelihood", "categorical", "--json"])
    answer = capsys.readouterr()
    facts = json.loads(answer.out)
    assert status == 1 and facts["separation"]["verdict"] == "separated" and "separate the labels" in answer.err
    assert np.shape(facts["separation"]["direction"]) == (2, 2)
