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

import mlefast

Array = NDArray[np.float64]
TRUE = np.array([[0.3, 0.7]])  # intercept and slope, of each row of coefficients
TWO_ROWS = np.array([[0.3, 0.7], [-0.2, 0.5]])  # for three classes
SIZES = (100, 300, 1_000, 3_000, 10_000)
DRAWS = 2_000


class Model(NamedTuple):
    """A likelihood, how to draw y for a linear predictor, and the Fisher information of a row about eta.

    Three classes have two linear predictors for each row, and a matrix of information about them.
    """

    likelihood: Any
    draw: Callable[[np.random.Generator, Array], Array]
    information: Callable[[Array], Array]
    title: str
    true: Array = TRUE


def sigmoid(eta: Array) -> Array:
    """The mean of a Bernoulli variable."""
    return np.asarray(1.0 / (1.0 + np.exp(-eta)))


def softmax(eta: Array) -> Array:
    """The probabilities of class 1 and 2, shape (n, 2)."""
    weights = np.exp(eta)
    return np.asarray(weights / (1.0 + weights.sum(axis=1, keepdims=True)))


def draw_classes(rng: np.random.Generator, eta: Array) -> Array:
    """Class 0, 1 or 2."""
    return (rng.random((len(eta), 1)) < softmax(eta)[:, ::-1].cumsum(axis=1)).sum(axis=1).astype(np.float64)


def information_of_classes(eta: Array) -> Array:
    """diag(p) - p p' of each row, shape (n, 2, 2)."""
    p = softmax(eta)
    return np.asarray(p[:, :, np.newaxis] * np.eye(2) - p[:, :, np.newaxis] * p[:, np.newaxis])


MODELS = {
    "bernoulli": Model(
        mlefast.Bernoulli(),
        lambda rng, eta: (rng.random(len(eta)) < sigmoid(eta)).astype(np.float64),
        lambda eta: sigmoid(eta) * sigmoid(-eta),
        "Bernoulli",
    ),
    "categorical": Model(
        mlefast.Categorical(), draw_classes, information_of_classes, "Categorical, 3 classes", TWO_ROWS
    ),
    "gaussian": Model(
        mlefast.Gaussian(), lambda rng, eta: rng.normal(eta, 1.0), lambda eta: np.ones_like(eta), "Gaussian"
    ),
    "laplace": Model(
        mlefast.Laplace(), lambda rng, eta: rng.laplace(eta, 1.0), lambda eta: np.ones_like(eta), "Laplace"
    ),
    "poisson": Model(
        mlefast.Poisson(), lambda rng, eta: rng.poisson(np.exp(eta)).astype(np.float64), np.exp, "Poisson"
    ),
}


class Outcome(NamedTuple):
    """Estimates of all draws, shape (draws, 2 or 4), whether each interval holds the truth, the inverse information."""

    estimates: Array
    covered: NDArray[np.bool_]
    inverse_information: Array


def simulate(name: str, n: int, draws: int, seed: int = 0) -> Outcome:
    """Fit `draws` sets of y, all drawn for the same n rows of x, whose mean is 0 and variance 1."""
    model = MODELS[name]
    rng = np.random.default_rng([seed, n, *name.encode()])
    x = rng.standard_normal(n)
    x = (x - x.mean()) / x.std()
    ones = np.column_stack([np.ones(n), x])
    eta = ones @ model.true.T
    rows = len(model.true)
    eta = eta if rows > 1 else eta[:, 0]
    per_row = model.information(eta).reshape(n, rows, rows)
    information = np.einsum("ia,ikl,ib->kalb", ones, per_row, ones, optimize=True).reshape(2 * rows, 2 * rows)
    true = model.true.ravel()
    estimates, covered = np.empty((draws, true.size)), np.empty((draws, true.size), dtype=np.bool_)
    for draw in range(draws):
        result = mlefast.fit(x, model.draw(rng, eta), likelihood=model.likelihood, threads=1)
        low, high = result.conf_int().reshape(-1, 2).T
        estimates[draw], covered[draw] = result.params.ravel(), (low <= true) & (high >= true)
    return Outcome(estimates, covered, np.linalg.inv(information))


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
        squares = np.array([np.mean((found.estimates[:, 1] - model.true[0, 1]) ** 2) for found in outcomes])
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
