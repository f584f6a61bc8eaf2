# SPDX-License-Identifier: BSD-3-Clause
"""Every fit ends: with a certified maximum, a proof that there is none, a typed warning or a typed error."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlefast

LIKELIHOODS = [
    "bernoulli",
    mlefast.Bernoulli("probit"),
    mlefast.Bernoulli("cloglog"),
    "categorical",
    "poisson",
    "gaussian",
    "gamma",
    "negative_binomial",
    mlefast.NegativeBinomial(0.5),
    "student_t",
    "laplace",
]


def response(name: str, eta: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    if name == "bernoulli":
        return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    if name == "categorical":
        return rng.integers(0, 3, len(eta))
    if name in ("poisson", "negative_binomial"):
        return rng.poisson(np.exp(np.clip(eta, -20, 12))).astype(float)
    if name == "gamma":
        return rng.gamma(2.0, np.exp(np.clip(eta, -200, 200))) + 1e-300
    return eta + noise * rng.standard_normal(len(eta))


def check(likelihood: object, solver: str, seed: int, exponents: dict[str, float]) -> None:
    """A fit of random data, with columns, offsets, weights and a start as far out as the exponents of ten say."""
    rng = np.random.default_rng(seed)
    name = likelihood if isinstance(likelihood, str) else likelihood.name
    n, p = int(rng.integers(3, 60)), int(rng.integers(1, 5))
    kinds = (rng.standard_normal((n, p)), rng.integers(-2, 3, (n, p)).astype(float), (rng.random((n, p)) < 0.2) * 1.0)
    x = kinds[rng.integers(3)]
    y = response(name, exponents["slope"] * x[:, 0], rng, 10.0 ** exponents["noise"])
    x = x * 10.0 ** (exponents["columns"] * rng.uniform(-1, 1, p))
    if rng.random() < 0.2:
        x[rng.integers(n), rng.integers(p)] = 10.0 ** rng.integers(0, 100)
    if rng.random() < 0.2:
        x[:, -1] = 2 * x[:, 0]
    options: dict = {"likelihood": likelihood, "intercept": bool(rng.random() < 0.7)}
    if name != "categorical" and rng.random() < 0.5:
        options["offset"] = 10.0 ** exponents["offset"] * rng.standard_normal(n)
    if rng.random() < 0.3:
        options["weights"] = rng.integers(0, 4, n) * 10.0 ** exponents["weights"]
    if name != "laplace":
        options["solver"] = solver
        if rng.random() < 0.4:
            shapes = {"negative_binomial": 1, "student_t": 2}.get(str(likelihood), 0)
            size = p + options["intercept"] + shapes
            start = 10.0 ** exponents["start"] * rng.standard_normal(size)
            options["start"] = np.tile(start, (2, 1)) if name == "categorical" else start
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = mlefast.fit(x, y, **options)
        except mlefast.MlefastError:
            result = None
        if result is not None:
            result.summary().as_text()
            result.predict(x)
    assert all(issubclass(warning.category, mlefast.MlefastWarning) for warning in caught), [str(w) for w in caught]
    assert result is None or result.converged or caught
    if result is not None and result.converged:
        assert result.certificate.met and result.separation.verdict in ("exists", "local")


EXPONENTS = st.fixed_dictionaries(
    {
        "slope": st.sampled_from([0.5, 3.0, 30.0]),
        "noise": st.sampled_from([0, -9, 6]),
        "columns": st.integers(0, 30),
        "offset": st.integers(-2, 8),
        "weights": st.integers(-12, 12),
        "start": st.integers(-2, 300),
    }
)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
@given(solver=st.sampled_from(["auto", "irls", "lbfgs"]), seed=st.integers(0, 2**32), exponents=EXPONENTS)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_a_fit_ends(likelihood: object, solver: str, seed: int, exponents: dict[str, float]) -> None:
    check(likelihood, solver, seed, exponents)


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "gaussian"])
@given(seed=st.integers(0, 2**32), exponents=EXPONENTS)
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_a_descent_ends(likelihood: str, seed: int, exponents: dict[str, float]) -> None:
    check(likelihood, "gradient", seed, exponents)
