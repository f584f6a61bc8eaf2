# SPDX-License-Identifier: BSD-3-Clause
"""Whole fits of every likelihood beside NumPy, own likelihoods beside the built-in one, and the solvers' passes."""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mlefast
from cases import make, with_ones
from limits import Limits, teams
from mlefast import reference

ROWS, COLUMNS = 1_000_000, 20
CLASSES = {"categorical, K = 5": (200_000, 5), "categorical, K = 20": (100_000, 20)}
REAL = ("gaussian", "poisson", "gamma", "negative_binomial", "laplace")
Row = dict[str, Any]

C_POISSON = """
#include <stdint.h>
#include <math.h>
void poisson(int64_t rows, const double *eta, const double *y, const double *parameters, double *nll, double *d1,
             double *d2) {
    for (int64_t i = 0; i < rows; ++i) {
        double mean = exp(eta[i]);
        nll[i] = mean - y[i] * eta[i], d1[i] = mean - y[i], d2[i] = mean;
    }
}
"""


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """X of the other benchmarks, and y drawn from the likelihood."""
    rng = np.random.default_rng(7)
    rows, classes = CLASSES.get(name, (ROWS, 1))
    x, _ = make(rows, COLUMNS, "float64")
    eta = x @ (rng.standard_normal((COLUMNS, classes)) / 10.0)
    if classes > 1:
        return x, (eta + rng.gumbel(size=eta.shape)).argmax(axis=1)
    eta = eta[:, 0]
    draw: dict[str, Callable[[], np.ndarray]] = {
        "gaussian": lambda: eta + rng.standard_normal(rows),
        "laplace": lambda: eta + rng.standard_t(3, rows),
        "poisson": lambda: rng.poisson(np.exp(eta)).astype(float),
        "gamma": lambda: rng.gamma(2.0, np.exp(eta) / 2.0),
        "negative_binomial": lambda: rng.poisson(rng.gamma(2.0, np.exp(eta) / 2.0)).astype(float),
    }
    return x, draw[name]()


def family(name: str) -> str:
    """What `fit` calls the likelihood of a case."""
    return name.partition(",")[0]


def by_numpy(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """The same estimate, written plainly; none where that would take minutes."""
    terms = {"poisson": reference.poisson_terms, "gamma": reference.gamma_terms}
    if name in terms:
        return lambda x, y: (
            reference.irls(x, y, terms=terms[name], start=np.append(np.log(y.mean()), np.zeros(COLUMNS))).params
        )
    if name == "gaussian":
        return lambda x, y: np.linalg.solve(x.T @ x, x.T @ y)
    if name == "laplace":
        return lambda x, y: reference.quantile_regression(x, y, tol=1e-3)
    return None


def seconds(call: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """The median time, and what the last call returned."""
    times, found = [], None
    for _ in range(runs):
        began = time.perf_counter()
        found = call()
        times.append(time.perf_counter() - began)
    return statistics.median(times), found


def measure_fits() -> list[Row]:
    """A row per likelihood: seconds here and in NumPy, accuracy, passes, memory."""
    rows = []
    for name in (*REAL, *CLASSES):
        x, y = data(name)
        taken, result = seconds(partial(mlefast.fit, x, y, likelihood=family(name)), 5)
        row = {"case": f"{name.replace('_', ' ')}, {len(x):,} x {COLUMNS}", "mlefast": taken, "passes": result.passes}
        reference_fit = by_numpy(name)
        if reference_fit is not None:
            runs = 1 if name == "laplace" else 3
            row["numpy"], params = seconds(partial(reference_fit, with_ones(x), y), runs)
            row["accuracy"] = float(np.abs((params - result.params) / result.bse).max())
        row["memory"] = float(
            subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True).stdout
        )
        if name == "gaussian":
            sizes = teams()[-1:]
            bounds = Limits(sizes)
            bounds.measure()
            row["limit"] = bounds.seconds(ROWS, COLUMNS, dtype="float64", order=2, single=False, threads=sizes[0])
        rows.append(row)
    return rows


def compiled_in_c(folder: str) -> Any:
    """The Poisson likelihood as a function of C."""
    import scipy

    source, library = Path(folder) / "poisson.c", Path(folder) / "poisson.so"
    source.write_text(C_POISSON, encoding="utf-8")
    compiler = os.environ.get("CC", "cc")
    unit = Path(folder) / "poisson.o"
    subprocess.run(
        [compiler, "-O3", "-ffast-math", "-march=native", "-fPIC", "-c", str(source), "-o", str(unit)], check=True
    )
    # linked with -ffast-math a library would flush subnormal numbers of the whole process to zero
    subprocess.run([compiler, "-shared", str(unit), "-o", str(library), "-lm"], check=True)
    function: Any = ctypes.CDLL(str(library)).poisson
    function.restype, function.argtypes = None, [ctypes.c_int64, *[ctypes.POINTER(ctypes.c_double)] * 6]
    return scipy.LowLevelCallable(function)


def compiled_by_numba() -> Any:
    """The Poisson likelihood as a numba cfunc."""
    import numba

    pointer: Any = numba.types.CPointer

    @numba.cfunc(numba.void(numba.int64, *[pointer(numba.float64)] * 6))
    def function(rows, eta, y, parameters, nll, d1, d2):  # type: ignore[no-untyped-def]
        for i in range(rows):
            mean = np.exp(eta[i])
            nll[i] = mean - y[i] * eta[i]
            d1[i] = mean - y[i]
            d2[i] = mean

    return function


def measure_own() -> list[Row]:
    """One evaluation of order 2 with the same likelihood, built in and as functions of the user's."""
    x, y = data("poisson")
    params = np.full(COLUMNS + 1, 0.01)
    with tempfile.TemporaryDirectory() as folder:
        likelihoods: dict[str, Any] = {
            "built in": mlefast.Poisson(),
            "C function": mlefast.UserLikelihood(compiled_in_c(folder)),
            "numba cfunc": mlefast.UserLikelihood(compiled_by_numba()),
            "Python function": mlefast.UserLikelihood(reference.poisson_terms),
        }
        return [
            {"likelihood": name, "seconds": seconds(partial(mlefast.evaluate, x, y, params, likelihood=own), 15)[0]}
            for name, own in likelihoods.items()
        ]


def measure_solvers() -> list[Row]:
    """What each solver needs for the same optimum."""
    x, y = make(100_000, COLUMNS, "float64")
    rows = []
    for solver in ("irls", "lbfgs", "gradient"):
        taken, result = seconds(partial(mlefast.fit, x, y, solver=solver, max_iter=100_000), 1)
        rows.append({"solver": solver, "passes": result.passes, "seconds": taken, "off": result.certificate.distance})
    return rows


def measure() -> dict[str, list[Row]]:
    """All three tables."""
    return {"fits": measure_fits(), "own": measure_own(), "solvers": measure_solvers()}


if __name__ == "__main__":
    from memory import peak_above

    x, y = data(sys.argv[1])
    mlefast.fit(x[:2000], y[:2000], likelihood=family(sys.argv[1]))  # import what a fit imports
    print(peak_above(lambda: mlefast.fit(x, y, likelihood=family(sys.argv[1]))))
