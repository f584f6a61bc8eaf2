# SPDX-License-Identifier: BSD-3-Clause
"""Formulas and the command line with other likelihoods than Bernoulli."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlefast


def claims(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"age": rng.uniform(18, 80, n), "zone": rng.choice(["A", "B"], n)})
    frame["years"] = rng.uniform(0.1, 3.0, n)
    frame["claims"] = rng.poisson(frame["years"] * np.exp(0.5 - 0.02 * frame["age"]))
    frame["size"] = rng.gamma(2.0, 500.0, n)
    return frame


def test_a_formula_with_exposure() -> None:
    frame = claims()
    result = mlefast.fit_formula("claims ~ age + C(zone)", frame, likelihood="poisson", exposure="years")
    columns = np.column_stack([frame["age"], frame["zone"] == "B"])
    wanted = mlefast.fit(columns, frame["claims"], likelihood="poisson", exposure=frame["years"])
    np.testing.assert_allclose(result.params, wanted.params, rtol=1e-9)
    assert result.names == ("Intercept", "age", "C(zone)[T.B]") and result.response == "claims"
    mean = np.exp(result.params[0] + columns @ result.params[1:])
    np.testing.assert_allclose(result.predict(frame), frame["years"] * mean, rtol=1e-12)  # the exposure of the fit
    np.testing.assert_allclose(result.predict(frame, offset=np.zeros(len(frame))), mean, rtol=1e-12)


@pytest.mark.parametrize("name", ["gaussian", "gamma", "student_t"])
def test_a_formula_with_a_scale(name: str) -> None:
    frame = claims()
    frame["late"] = frame["size"] + 50.0 * np.random.default_rng(1).standard_t(3, len(frame)) ** 2
    result = mlefast.fit_formula("late ~ size", frame, likelihood=name)
    wanted = mlefast.fit(frame[["size"]], frame["late"], likelihood=name)
    np.testing.assert_allclose(result.params, wanted.params, rtol=1e-9)
    assert name in str(result.summary()).lower().replace(" ", "_")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "mlefast", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=folder, check=False)


def test_the_command_line(tmp_path: Path) -> None:
    frame = claims()
    frame.to_csv(tmp_path / "claims.csv", index=False)
    counts = run(
        tmp_path, "fit", "claims.csv", "claims ~ age", "--likelihood", "poisson", "--exposure", "years", "--json"
    )
    assert counts.returncode == 0, counts.stderr
    wanted = mlefast.fit_formula("claims ~ age", frame, likelihood="poisson", exposure="years")
    told = json.loads(counts.stdout)
    assert told["likelihood"] == "poisson" and told["link"] == "log"
    np.testing.assert_allclose(told["llf"], wanted.llf, rtol=1e-12)

    sizes = run(tmp_path, "fit", "claims.csv", "size ~ age", "--likelihood", "gaussian", "--scale", "mle", "--json")
    assert sizes.returncode == 0, sizes.stderr
    least = mlefast.fit_formula("size ~ age", frame, likelihood="gaussian", scale="mle")
    np.testing.assert_allclose(json.loads(sizes.stdout)["scale"], least.scale, rtol=1e-12)

    wrong = run(tmp_path, "fit", "claims.csv", "size ~ age", "--likelihood", "gaussian", "--exposure", "years")
    assert wrong.returncode == 2 and "exposure needs the log link" in wrong.stderr
    fractions = run(tmp_path, "fit", "claims.csv", "size ~ age", "--likelihood", "poisson")
    assert fractions.returncode == 2 and "column 'size' (y)" in fractions.stderr and "rows: 0, 1, 2" in fractions.stderr
