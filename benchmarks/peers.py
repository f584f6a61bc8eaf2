# SPDX-License-Identifier: BSD-3-Clause
"""`make bench-peers`: the same whole fits with the libraries that people use today, each in a process of its own.

Every peer is asked for the accuracy at which its coefficients are within about a thousandth of a standard error of the
maximum; the table says how near it came. It runs with two threads and, where it can, gives standard errors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cases import make, with_ones
from likelihoods import data, family

HERE = Path(__file__).parent
RAW = HERE / "results" / "peers.json"
PATIENCE = 240.0  # seconds for the fits of one case
RUNS, LEAST_SECONDS = 3, 0.5  # of a case
Params = np.ndarray
SMALL = "laplace, 100,000 rows"  # where the others take minutes for a million
BERNOULLI = {
    "bernoulli": (1_000_000, 20, "float64"),
    "bernoulli, float32": (1_000_000, 20, "float32"),
    "bernoulli, 200,000 x 200": (200_000, 200, "float64"),
    "bernoulli, 50,000 x 1,000": (50_000, 1_000, "float64"),
    "bernoulli, 1,000 x 10": (1_000, 10, "float64"),
}
CASES = (*BERNOULLI, "gaussian", "poisson", "negative_binomial", SMALL, "laplace", "categorical, K = 5",
         "categorical, K = 20")  # fmt: skip


def load(case: str) -> tuple[np.ndarray, np.ndarray]:
    """X and y of a case."""
    if case in BERNOULLI:
        return make(*BERNOULLI[case])
    if case == SMALL:
        x, y = data("laplace")
        return x[:100_000].copy(), y[:100_000].copy()
    return data(case)


def by_mlefast(x: np.ndarray, y: np.ndarray, name: str) -> Params:
    """With standard errors and proof, as always."""
    import mlefast

    return mlefast.fit(x, y, likelihood=name).params


def by_numpy(x: np.ndarray, y: np.ndarray, name: str) -> Params:
    """Newton's method as a user would write it: without checks or proof, with standard errors."""
    from mlefast import reference

    ones: Any = with_ones(x)
    return reference.irls(ones, y).params


def by_sklearn(x: np.ndarray, y: np.ndarray, name: str) -> Params:
    """Without a penalty; no standard errors."""
    from sklearn import linear_model

    if name == "gaussian":
        model = linear_model.LinearRegression().fit(x, y)
    elif name == "poisson":
        model = linear_model.PoissonRegressor(alpha=0.0, solver="newton-cholesky", tol=1e-8).fit(x, y)
    else:
        model = linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-6, max_iter=100).fit(x, y)
    if name != "categorical":
        return np.append(model.intercept_, model.coef_)
    whole = np.column_stack([model.intercept_, model.coef_])
    return np.asarray(whole[1:] - whole[0])


def by_statsmodels(x: np.ndarray, y: np.ndarray, name: str) -> Params:
    """With standard errors."""
    import statsmodels.api as sm

    ones = with_ones(x)
    model = {
        "bernoulli": lambda: sm.Logit(y, ones).fit(disp=0),
        "gaussian": lambda: sm.OLS(y, ones).fit(),
        "poisson": lambda: sm.GLM(y, ones, family=sm.families.Poisson()).fit(),
        "negative_binomial": lambda: sm.NegativeBinomial(y, ones).fit(disp=0, maxiter=200),
        "laplace": lambda: sm.QuantReg(y, ones).fit(q=0.5, p_tol=1e-7, max_iter=2000),
        "categorical": lambda: sm.MNLogit(y, ones).fit(method="newton", disp=0),
    }[name]()
    model.bse  # noqa: B018  # it is computed when it is asked for
    return np.asarray(model.params).T if name == "categorical" else np.asarray(model.params)[: ones.shape[1]]


def by_glum(x: np.ndarray, y: np.ndarray, name: str) -> Params:
    """With standard errors."""
    from glum import GeneralizedLinearRegressor

    kind = {"bernoulli": "binomial", "gaussian": "normal"}.get(name, name)
    model = GeneralizedLinearRegressor(family=kind, alpha=0, gradient_tol=1e-9)
    model.fit(x, y)
    model.std_errors(x, y)
    return np.append(model.intercept_, model.coef_)


def by_pyfixest(x: np.ndarray, y: np.ndarray, name: str) -> Params:
    """With standard errors."""
    import pandas as pd
    import pyfixest

    names = [f"x{j}" for j in range(x.shape[1])]
    table = pd.DataFrame(x, columns=names).assign(y=y)
    fit = {"gaussian": pyfixest.feols, "poisson": pyfixest.fepois, "laplace": pyfixest.quantreg}[name]
    model = fit(f"y ~ {' + '.join(names)}", table)
    model.se()
    return np.asarray(model.coef())


PEERS: dict[str, tuple[Callable[[np.ndarray, np.ndarray, str], Params], tuple[str, ...]]] = {
    "mlefast": (by_mlefast, ("bernoulli", "gaussian", "poisson", "negative_binomial", "laplace", "categorical")),
    "NumPy": (by_numpy, ("bernoulli",)),
    "scikit-learn": (by_sklearn, ("bernoulli", "gaussian", "poisson", "categorical")),
    "statsmodels": (
        by_statsmodels,
        ("bernoulli", "gaussian", "poisson", "negative_binomial", "laplace", "categorical"),
    ),
    "glum": (by_glum, ("bernoulli", "gaussian", "poisson")),
    "pyfixest": (by_pyfixest, ("gaussian", "poisson", "laplace")),
}


def run(peer: str, case: str) -> dict[str, Any]:
    """One peer on one case in this process: median seconds, coefficients."""
    warnings.simplefilter("ignore")
    x, y = load(case)
    fit, _ = PEERS[peer]
    fit(x[:2000, :10].copy(), y[:2000], family(case))  # import and compile what a fit needs
    times: list[float] = []
    while not times or ((len(times) < RUNS or sum(times) < LEAST_SECONDS) and sum(times) < 20.0):
        began = time.perf_counter()
        params = fit(x, y, family(case))
        times.append(time.perf_counter() - began)
    return {"seconds": float(np.median(times)), "params": params.tolist()}


def in_child(peer: str, case: str) -> dict[str, Any]:
    """The same in a fresh process; without seconds if it takes too long, with the error if it fails."""
    environment = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        environment[name] = str(os.cpu_count())
    try:
        done = subprocess.run([sys.executable, __file__, peer, case], env=environment, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        return {}
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def standard_errors(case: str) -> np.ndarray:
    """By which differences are measured."""
    import mlefast

    x, y = load(case)
    return mlefast.fit(x, y, likelihood=family(case)).bse


def measure() -> list[dict[str, Any]]:
    """A row per case and peer."""
    rows = []
    for case in CASES:
        peers = [peer for peer, (_, names) in PEERS.items() if family(case) in names]
        found = {peer: in_child(peer, case) for peer in peers}
        ours, errors = np.array(found["mlefast"]["params"]), standard_errors(case)
        errors = errors[: ours.shape[-1]] if ours.ndim == 1 else errors
        for peer, row in found.items():
            entry: dict[str, Any] = {
                "case": case,
                "peer": peer,
                **{key: row[key] for key in ("seconds", "error") if key in row},
            }
            if "params" in row:
                theirs = np.array(row["params"])
                size = min(theirs.shape[-1], ours.shape[-1]) if ours.ndim == 1 else None
                entry["off"] = float(np.abs((theirs - ours) / errors).max() if size is None else
                                     np.abs((theirs[:size] - ours[:size]) / errors[:size]).max())  # fmt: skip
            rows.append(entry)
            print(f"{case}, {peer}: {entry}", file=sys.stderr, flush=True)
    return rows


def versions() -> dict[str, str]:
    """Of the peers."""
    from importlib.metadata import version

    return {peer: version(peer) for peer in PEERS}


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(run(sys.argv[1], sys.argv[2])))
    else:
        from report import conditions
        from tables import publish_peers

        RAW.write_text(
            json.dumps(
                {"conditions": conditions(), "versions": versions(), "patience": PATIENCE, "peers": measure()}, indent=1
            )
        )
        print(publish_peers())
