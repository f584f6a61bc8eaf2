# SPDX-License-Identifier: BSD-3-Clause
"""Quantile regression in a shell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mlefast import Laplace, fit
from mlefast.cli import main

pytest.importorskip("click")
pytest.importorskip("pyarrow")
pytest.importorskip("formulaic")


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(80), rng.standard_normal(80)
    path = tmp_path / "table.csv"
    path.write_text("x,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True)))
    return x, y, str(path)


def test_a_quantile_from_the_command_line(table, capsys) -> None:
    x, y, path = table
    arguments = [
        "fit",
        path,
        "y ~ x",
        "--likelihood",
        "laplace",
        "--quantile",
        "0.9",
        "--covariance",
        "kernel",
        "--json",
    ]
    assert main(arguments) == 0
    answer = json.loads(capsys.readouterr().out)
    expected = fit(x, y, likelihood=Laplace(0.9), covariance="kernel")
    assert [row["coef"] for row in answer["coefficients"]] == pytest.approx(expected.params.tolist(), rel=1e-12)
    assert [row["std_err"] for row in answer["coefficients"]] == pytest.approx(expected.bse.tolist(), rel=1e-9)
    assert answer["certificate"]["gap"] <= 1e-12 and answer["ranges"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quantile", "0.9"], "--quantile is for --likelihood laplace"),
        (["--likelihood", "laplace", "--quantile", "90"], "must lie between 0 and 1"),
    ],
)
def test_quantiles_that_mean_nothing_are_refused(table, capsys, options, message) -> None:
    assert main(["fit", table[2], "y ~ x", *options]) == 2
    assert message in capsys.readouterr().err
