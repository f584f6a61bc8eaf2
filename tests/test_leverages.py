# SPDX-License-Identifier: BSD-3-Clause
"""HC2 and HC3 where a row has several linear predictors or shape parameters: against definitions that need no leverage.

"HC3" is the one-step jackknife: the sum over the rows of the outer products of the Newton steps from the estimate
without the row. For this the rows' derivatives come from mpmath, from the densities in their textbook form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp
from numpy.typing import NDArray

import mlefast
from mlefast import OptionError
from mlefast.objective.leverages import without_leverage

Array = NDArray[np.float64]
Density = Callable[[Any, Any, list[Any]], Any]


def negative_binomial(y: Any, eta: Any, shape: list[Any]) -> Any:
    """Of the mean exp(eta) and the variance mu + alpha mu^2."""
    mu, size = mp.exp(eta), mp.exp(-shape[0])
    return mp.loggamma(y + 1) + mp.loggamma(size) - mp.loggamma(y + size) - size * mp.log(size / (size + mu)) - (
        y * mp.log(mu / (size + mu))
    )  # fmt: skip


def student_t(y: Any, eta: Any, shape: list[Any]) -> Any:
    """Of location eta, scale sigma and nu degrees of freedom."""
    sigma, nu = map(mp.exp, shape)
    z = (y - eta) / sigma
    return (
        mp.loggamma(nu / 2) - mp.loggamma((nu + 1) / 2) + mp.log(nu * mp.pi) / 2 + mp.log(sigma)
        + (nu + 1) / 2 * mp.log1p(z * z / nu)
    )  # fmt: skip


def derivatives(density: Density, y: float, eta: float, shape: list[float]) -> tuple[Array, Array]:
    """The gradient and the Hessian of the NLL of a row in (eta, shape)."""
    with mp.workdps(30):
        point = (mp.mpf(eta), *map(mp.mpf, shape))

        def nll(*numbers: Any) -> Any:
            return density(mp.mpf(y), numbers[0], list(numbers[1:]))

        orders = np.eye(len(point), dtype=int)
        first = [mpmath.diff(nll, point, tuple(a)) for a in orders.tolist()]
        second = [[mpmath.diff(nll, point, tuple((a + b).tolist())) for b in orders] for a in orders]
    return np.array(first, float), np.array(second, float)


def jackknife(z: Array, slopes: Array, curvatures: Array) -> Array:
    """The sum of the outer products of Newton's steps without a row; z is (n, m, p)."""
    pieces = z.transpose(0, 2, 1) @ curvatures @ z
    whole = pieces.sum(axis=0)
    steps = np.array(
        [np.linalg.solve(whole - piece, rows.T @ u) for piece, rows, u in zip(pieces, z, slopes, strict=True)]
    )
    return np.asarray(steps.T @ steps)


def counts() -> tuple[Array, Array]:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((30, 2))
    return x, rng.poisson(rng.gamma(1.5, np.exp(0.5 + 0.4 * x[:, 0]) / 1.5)).astype(float)


def heavy_tails() -> tuple[Array, Array]:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((40, 2))
    return x, x[:, 0] + rng.standard_t(1.5, 40)


SHAPES: dict[str, tuple[Density, Callable[[], tuple[Array, Array]]]] = {
    "negative_binomial": (negative_binomial, counts),
    "student_t": (student_t, heavy_tails),
}


@pytest.mark.parametrize("name", SHAPES)
def test_hc3_of_estimated_shapes_is_the_jackknife(name: str) -> None:
    density, data = SHAPES[name]
    x, y = data()
    result = mlefast.fit(x, y, likelihood=name, covariance="HC3", tol=1e-9)
    columns = np.column_stack([np.ones(len(x)), x])
    eta, shape = columns @ result.params[:3], result.params[3:].tolist()
    found = [derivatives(density, *row, shape) for row in zip(y.tolist(), eta.tolist(), strict=True)]
    z = np.zeros((len(x), 1 + len(shape), 3 + len(shape)))
    z[:, 0, :3], z[:, 1:, 3:] = columns, np.eye(len(shape))
    wanted = jackknife(z, np.array([row[0] for row in found]), np.array([row[1] for row in found]))
    np.testing.assert_allclose(result.cov_params(), wanted, rtol=1e-8, atol=1e-10 * wanted.max())


def softmax_derivatives(result: mlefast.Result, x: Array, codes: NDArray[np.intp]) -> tuple[Array, Array, Array]:
    """Z, gradients and Hessians of the rows, from the probabilities."""
    p = np.asarray(result.predict(x))
    equations = p.shape[1] - 1
    columns = np.column_stack([np.ones(len(x)), x])
    z = np.array([np.kron(np.eye(equations), row) for row in columns])
    slopes = (p - np.eye(equations + 1)[codes])[:, 1:]
    curvatures = np.array([np.diag(row) - np.outer(row, row) for row in p[:, 1:]])
    return z, slopes, curvatures


def test_hc3_of_classes_is_the_jackknife() -> None:
    table = sm.datasets.anes96.load_pandas().data.iloc[::9]
    x = table[["logpopul", "selfLR", "age"]].to_numpy()
    codes = np.digitize(table["PID"], [2, 5])
    result = mlefast.fit(x, codes, likelihood="categorical", covariance="HC3", tol=1e-10)
    np.testing.assert_allclose(result.cov_params(), jackknife(*softmax_derivatives(result, x, codes)), rtol=1e-8)


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
@pytest.mark.parametrize("weighted", [None, "frequency", "sampling"])
def test_two_classes_have_bernoullis_numbers(kind: str, weighted: str | None) -> None:
    data = sm.datasets.spector.load_pandas().data
    x, y = data[["GPA", "TUCE", "PSI"]], data["GRADE"]
    options: dict[str, Any] = {"covariance": kind, "tol": 1e-10}
    if weighted is not None:
        options |= {"weights": 1 + np.arange(len(y)) % 3, "weight_kind": weighted}
    wanted = mlefast.fit(x, y, **options)
    found = mlefast.fit(x, y.astype(int), likelihood="categorical", **options)
    np.testing.assert_allclose(found.cov_params(), wanted.cov_params(), rtol=1e-8)
    base = mlefast.fit(x, y.astype(int), likelihood="categorical", tol=1e-10)
    if weighted is None:
        np.testing.assert_allclose(mlefast.with_covariance(base, kind, x, y.astype(int)).bse, found.bse, rtol=1e-12)


@pytest.mark.parametrize("likelihood", ["categorical", "negative_binomial"])
@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_frequency_is_as_many_rows(likelihood: str, kind: str) -> None:
    x, y = counts()
    y = np.minimum(y, 2.0) if likelihood == "categorical" else y
    weights = 1 + np.arange(len(y)) % 3
    options: dict[str, Any] = {"likelihood": likelihood, "covariance": kind, "tol": 1e-10}
    once = mlefast.fit(x, y, weights=weights, **options)
    repeated = mlefast.fit(np.repeat(x, weights, axis=0), np.repeat(y, weights), **options)
    np.testing.assert_allclose(once.cov_params(), repeated.cov_params(), rtol=1e-6)


def test_a_row_that_has_a_parameter_of_its_own() -> None:
    x, y = counts()
    marked = np.column_stack([x, np.arange(len(x)) == 7])
    with pytest.raises(OptionError, match="leverage 1"):
        mlefast.fit(marked, x[:, 0] + y, likelihood=mlefast.StudentT(nu=4), covariance="HC3")


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_the_powers_of_what_is_left(seed: int, m: int, rank: int, definite: bool) -> None:
    """(1 - W Q)^-1 u by solving; two roots are the whole; also where Q has no full rank, or W is indefinite."""
    rng = np.random.default_rng(seed)
    projections, w = rng.standard_normal((6, m, rank)), rng.standard_normal((6, m, m))
    curvatures = w @ w.transpose(0, 2, 1) if definite else (w + w.transpose(0, 2, 1)) / 2.0
    q = projections @ projections.transpose(0, 2, 1)
    largest = np.abs(np.linalg.eigvals(curvatures @ q)).max(axis=1)
    curvatures *= (0.9 / np.maximum(largest, 0.9))[:, np.newaxis, np.newaxis]
    slopes = rng.standard_normal((6, m))
    whole = without_leverage(slopes, curvatures, projections, 2)
    np.testing.assert_allclose(whole - (curvatures @ q @ whole[:, :, np.newaxis])[:, :, 0], slopes, atol=1e-9)
    root = without_leverage(slopes, curvatures, projections, 1)
    np.testing.assert_allclose(without_leverage(root, curvatures, projections, 1), whole, rtol=1e-7, atol=1e-9)
