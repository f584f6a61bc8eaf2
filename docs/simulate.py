# SPDX-License-Identifier: BSD-3-Clause
"""What maximum likelihood promises, by simulation: draws the picture of docs/principle.md.

    python docs/simulate.py

Data are drawn from a model with known parameters and fitted, again and again: the errors of the estimates fall as
1/sqrt(n), their variance comes down to the inverse of the Fisher information, and 95 % intervals hold the truth in 95 %
of the draws. `tests/test_principle.py` tests the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

import mlefast

Array = NDArray[np.float64]
SIZES = (100, 300, 1_000, 3_000, 10_000)
DRAWS = 2_000


class Model(NamedTuple):
    """A likelihood and what is drawn from it."""

    title: str
    likelihood: Any
    true: Array  # intercept and slope, a row for each linear predictor
    draw: Callable[[np.random.Generator, Array], Array]  # y for linear predictors of shape (n, rows of true)
    information: Callable[[Array], Array]  # of each row about them, shape (n, rows of true, rows of true)


def bernoulli_means(eta: Array) -> Array:
    """The probabilities of a one."""
    return np.asarray(1.0 / (1.0 + np.exp(-eta)))


def class_shares(eta: Array) -> Array:
    """The probabilities of all classes but the first."""
    odds = np.exp(eta)
    return np.asarray(odds / (1.0 + odds.sum(axis=1, keepdims=True)))


def draw_class(rng: np.random.Generator, eta: Array) -> Array:
    """The number of a class, 0 for the reference."""
    rest = np.cumsum(class_shares(eta)[:, ::-1], axis=1)
    return np.asarray((rng.random((len(eta), 1)) < rest).sum(axis=1), dtype=np.float64)


def class_information(eta: Array) -> Array:
    """The covariance of the indicators of the classes."""
    shares = class_shares(eta)
    return np.asarray(shares[:, :, np.newaxis] * (np.eye(eta.shape[1]) - shares[:, np.newaxis, :]))


ONE = np.array([[0.3, 0.7]])
MODELS = {
    "bernoulli": Model(
        "Bernoulli",
        mlefast.Bernoulli(),
        ONE,
        lambda rng, eta: (rng.random(len(eta)) < bernoulli_means(eta[:, 0])).astype(np.float64),
        lambda eta: (bernoulli_means(eta) * bernoulli_means(-eta))[:, :, np.newaxis],
    ),
    "categorical": Model(
        "Categorical", mlefast.Categorical(), np.array([[0.3, 0.7], [-0.2, 0.4]]), draw_class, class_information
    ),
    "gaussian": Model(
        "Gaussian",
        mlefast.Gaussian(),
        ONE,
        lambda rng, eta: rng.normal(eta[:, 0], 1.0),
        lambda eta: np.ones((len(eta), 1, 1)),
    ),
    "laplace": Model(
        "Laplace",
        mlefast.Laplace(),
        ONE,
        lambda rng, eta: rng.laplace(eta[:, 0], 1.0),
        lambda eta: np.ones((len(eta), 1, 1)),
    ),
    "poisson": Model(
        "Poisson",
        mlefast.Poisson(),
        ONE,
        lambda rng, eta: rng.poisson(np.exp(eta[:, 0])).astype(np.float64),
        lambda eta: np.exp(eta)[:, :, np.newaxis],
    ),
}


class Outcome(NamedTuple):
    """Errors of the estimates, shape (draws, p), whether each interval holds the truth, and the inverse information."""

    errors: Array
    covered: NDArray[np.bool_]
    inverse_information: Array


def simulate(name: str, n: int, draws: int, seed: int = 0) -> Outcome:
    """Fit `draws` sets of y, all drawn for the same x, which has the quantiles of the normal distribution."""
    model = MODELS[name]
    rng = np.random.default_rng([seed, n, *name.encode()])
    x = ndtri((np.arange(n) + 0.5) / n)
    ones = np.column_stack([np.ones(n), x])
    eta = ones @ model.true.T
    information = model.information(eta)
    inverse = np.linalg.inv(np.einsum("ij,ikl,im->kjlm", ones, information, ones).reshape(2 * [model.true.size]))
    estimates = np.empty((draws, model.true.size))
    covered = np.empty(estimates.shape, dtype=np.bool_)
    for draw in range(draws):
        result = mlefast.fit(x, model.draw(rng, eta), likelihood=model.likelihood, threads=1)
        low, high = result.conf_int().reshape(-1, 2).T
        estimates[draw] = result.params.ravel()
        covered[draw] = (low <= model.true.ravel()) & (high >= model.true.ravel())
    return Outcome(estimates - model.true.ravel(), covered, inverse)


def picture(path: Path, draws: int = DRAWS) -> None:
    """Three panels over n: the error of the slope, its variance by the bound, the coverage of its interval."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (error, efficiency, coverage) = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    colours = ("#2a6f97", "#d1495b", "#3a7d44", "#edae49", "#6a4c93")
    spread = 2.0 * math.sqrt(2.0 / draws)
    efficiency.axhspan(1.0 - spread, 1.0 + spread, color="0.9")
    likely = 200.0 * math.sqrt(0.95 * 0.05 / draws)
    coverage.axhspan(95.0 - likely, 95.0 + likely, color="0.9")
    for axis, level in ((efficiency, 1.0), (coverage, 95.0)):
        axis.axhline(level, color="0.4", linewidth=0.8)
    for (name, model), colour, marker in zip(MODELS.items(), colours, "osD^v", strict=False):
        outcomes = [simulate(name, n, draws) for n in SIZES]
        squares = np.array([np.mean(found.errors[:, 1] ** 2) for found in outcomes])
        bounds = np.array([found.inverse_information[1, 1] for found in outcomes])
        style = {"color": colour, "marker": marker, "markersize": 5}
        error.plot(SIZES, np.sqrt(bounds), color=colour, linewidth=0.8)
        error.plot(SIZES, np.sqrt(squares), **style, linestyle="none", label=model.title)
        efficiency.plot(SIZES, squares / bounds, **style, linewidth=0.8)
        coverage.plot(SIZES, [100.0 * found.covered[:, 1].mean() for found in outcomes], **style, linewidth=0.8)
    error.set(yscale="log", title="Typical error of the slope", ylabel="root mean square error")
    efficiency.set(title="Variance relative to the bound", ylabel="mean square error / inverse information")
    coverage.set(title="Intervals that hold the truth", ylabel="per cent of the 95 % intervals", ylim=(88.0, 100.0))
    efficiency.set_ylim(0.7, max(1.45, efficiency.get_ylim()[1]))
    for axis in (error, efficiency, coverage):
        axis.set(xscale="log", xlabel="rows n")
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*error.get_legend_handles_labels(), loc="outside upper center", ncols=len(MODELS), frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    picture(Path(__file__).with_name("principle.png"))
