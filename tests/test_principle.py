# SPDX-License-Identifier: BSD-3-Clause
"""The page on the principle: its table is complete, and its promises hold in simulations."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from mlefast.likelihoods import _BY_NAME

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "principle.md").read_text(encoding="utf-8")
DRAWS = 500


def load_simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("simulate", DOCS / "simulate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SIMULATION = load_simulation()


def test_the_table_has_every_likelihood() -> None:
    rows = re.findall(r"^\| (\w[\w ]*) \|", PAGE, flags=re.MULTILINE)
    told = {row.lower().replace(" ", "_") for row in rows}
    assert set(_BY_NAME) <= told


def test_five_rows_by_hand() -> None:
    """The table again, in exact arithmetic."""
    rows = re.findall(r"^\| \d \| (\d) \| ([\d.]+) \| .*?([\d.]+) \| ([\d.]+) \|$", PAGE, flags=re.MULTILINE)
    assert len(rows) == 5
    for y, mean, seen, cost in rows:
        assert float(seen) == pytest.approx(float(mean) if y == "1" else 1 - float(mean), abs=1e-12)
        assert float(cost) == pytest.approx(-np.log(float(seen)), abs=5e-6)
    assert 9 * 8 * 6 * 9 * 8 == 31104 and "L = 0.31104" in PAGE
    assert f"{-np.log(0.31104):.5f}" == "1.16783"


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATION.MODELS)
def test_the_error_falls_as_one_over_root_n(name: str) -> None:
    """Sixteen times the rows: a quarter of the error, but for the scatter of a root mean square of so many draws."""
    few, many = (SIMULATION.simulate(name, n, DRAWS, seed=1).errors for n in (500, 8_000))
    ratio = np.sqrt((few**2).mean(axis=0) / (many**2).mean(axis=0))
    scatter = 1.0 / np.sqrt(DRAWS)  # the standard error of the logarithm of the ratio of two of them
    assert (np.abs(np.log(ratio / 4.0)) < 4.0 * scatter + 0.03).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATION.MODELS)
def test_variance_is_the_inverse_information_and_intervals_cover(name: str) -> None:
    """(θ̂ - θ₀)' I (θ̂ - θ₀) is chi-squared, and the number of intervals that hold the truth binomial."""
    found = SIMULATION.simulate(name, 5_000, DRAWS, seed=2)
    errors = found.errors
    total = np.einsum("ij,jk,ik->", errors, np.linalg.inv(found.inverse_information), errors)
    assert 1e-4 < stats.chi2.cdf(total, errors.size) < 1 - 1e-4
    for held in found.covered.sum(axis=0):
        assert 1e-4 < stats.binom.cdf(held, DRAWS, 0.95) < 1 - 1e-4


def test_the_picture_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(SIMULATION, "SIZES", (50, 100))
    SIMULATION.picture(tmp_path / "principle.png", draws=5)
    assert (tmp_path / "principle.png").stat().st_size > 10_000
