# SPDX-License-Identifier: BSD-3-Clause
"""Ridge: against densities in 50 digits, normal equations, planted copies and what cannot exist without it."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

import mlefast
from mlefast.cli import main

SOLVERS = ("irls", "lbfgs", "gradient")
ALPHA = np.array([3.0, 0.5])


def logistic(n: int = 400, p: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, n, p])
    x = rng.standard_normal((n, p)) * np.geomspace(0.1, 10.0, p) + np.arange(p)
    return x, rng.random(n) < 1 / (1 + np.exp(-(x - x.mean(axis=0)) @ np.geomspace(2.0, 0.02, p)))


def distance(result: mlefast.Result, gradient: np.ndarray) -> float:
    """How far a point with this gradient is from the optimum, in standard errors."""
    return float(np.max(np.abs(result.covariance @ gradient) / result.bse))


@pytest.mark.parametrize("solver", SOLVERS)
def test_optimum_and_errors_of_every_likelihood(case: Any, solver: str) -> None:
    x, y = case.data(80)
    options = {"penalty": mlefast.Ridge(ALPHA), "solver": solver, "max_iter": 1000}
    result = case.fit(x, y, **options)
    nll, gradient, hessian = case.exact(x, y, case.everything(result))
    # the prior is measured like the loss, whose information about the coefficients is 1 / sigma^2 or 1 / phi times that
    unit = {"gaussian": result.scale**-2, "gamma": 1 / result.scale}.get(result.likelihood, 1.0)
    size = len(result.params)
    prior = np.pad(ALPHA, (1, size - 3)) * unit
    assert result.converged
    assert distance(result, gradient[:size] + prior * result.params) < 1e-6
    assert np.all(np.abs(gradient[size:]) < 1e-8 * len(y))  # the scale of largest likelihood
    information = hessian[:size, :size]
    # the information may be that of a point nearby, which changes standard errors by 1e-6 at most
    off = result.covariance - np.linalg.inv(information + np.diag(prior))
    assert np.all(np.abs(off) <= 2e-6 * np.outer(result.bse, result.bse))
    assert result.llf == pytest.approx(-float(nll), rel=1e-12)
    assert result.penalty_value == pytest.approx(float(prior @ result.params**2) / 2, rel=1e-12)
    effective = np.trace(np.linalg.solve(information + np.diag(prior), information))
    assert result.df_effective == pytest.approx(effective, rel=1e-6)
    assert result.aic == pytest.approx(-2 * result.llf + 2 * (effective + case.scaled), rel=1e-6)


def test_the_maximum_of_the_posterior_in_50_digits() -> None:
    x, y = logistic(30, 2)
    result = mlefast.fit(x, y, penalty=mlefast.Ridge([0.7, 0.02]), tol=1e-10)
    with mpmath.workdps(50):
        rows = [[mpmath.mpf(1), *map(mpmath.mpf, row)] for row in x.tolist()]

        def slope(*beta: mpmath.mpf) -> list[mpmath.mpf]:
            residuals = [1 / (1 + mpmath.exp(-mpmath.fdot(r, beta))) - int(v) for r, v in zip(rows, y, strict=True)]
            prior = (0, mpmath.mpf(0.7) * beta[1], mpmath.mpf(0.02) * beta[2])
            return [mpmath.fdot(residuals, [r[j] for r in rows]) + prior[j] for j in range(3)]

        root = [float(b) for b in mpmath.findroot(slope, [0.0, 0.0, 0.0])]
    assert np.allclose(result.params, root, rtol=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
def test_gaussian_is_classical_ridge_regression(intercept: bool) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 5)) * [1, 2, 3, 4, 50] + 7
    y = x @ rng.standard_normal(5) + rng.standard_normal(60)
    weights = rng.integers(0, 4, 60)
    result = mlefast.fit(x, y, likelihood="gaussian", intercept=intercept, weights=weights, penalty=mlefast.Ridge(12.0))
    design = np.column_stack([np.ones((60, int(intercept))), x])
    prior = np.diag(np.r_[np.zeros(int(intercept)), np.full(5, 12.0)])
    gram = design.T @ (weights[:, None] * design)
    wanted = np.linalg.solve(gram + prior, design.T @ (weights * y))
    assert np.allclose(result.params, wanted, rtol=1e-9)
    effective = np.trace(np.linalg.solve(gram + prior, gram))
    sigma2 = weights @ (y - design @ wanted) ** 2 / (weights.sum() - effective)
    assert result.scale == pytest.approx(np.sqrt(sigma2), rel=1e-9)
    assert np.allclose(result.covariance, sigma2 * np.linalg.inv(gram + prior), rtol=1e-8)
    assert result.df_resid == pytest.approx(weights.sum() - effective)
    if intercept:  # the model without slopes has no penalty
        mean = weights @ y / weights.sum()
        assert result.null_deviance == pytest.approx(weights @ (y - mean) ** 2, rel=1e-9)
    assert result.deviance == pytest.approx(weights @ (y - design @ wanted) ** 2, rel=1e-9)


@pytest.mark.parametrize("likelihood", ["gaussian", "gamma"])
def test_a_heavy_prior_still_meets_the_tolerance(likelihood: str) -> None:
    rng = np.random.default_rng(8)
    x = rng.standard_normal((200, 3))
    y = np.exp(x @ [1.0, -1.0, 0.5]) * rng.gamma(50.0, 0.02, 200)
    for alpha in (1.0, 1e3, 1e6, 1e12):
        result = mlefast.fit(x, y, likelihood=likelihood, penalty=mlefast.Ridge(alpha))
        assert result.converged and np.all(np.abs(result.params[1:]) < 300 / alpha)


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "categorical"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_many_rows(likelihood: str, solver: str) -> None:
    x, y = logistic(20_000, 6)
    x *= 0.1
    result = mlefast.fit(x, y, likelihood=likelihood, solver=solver, max_iter=2000, penalty=mlefast.Ridge(160.0))
    beta = result.params.ravel()
    eta = beta[0] + x @ beta[1:]
    mu = np.exp(eta) if likelihood == "poisson" else 1 / (1 + np.exp(-eta))
    gradient = np.r_[(mu - y).sum(), x.T @ (mu - y) + 160.0 * beta[1:]]
    assert result.converged
    assert np.max(np.abs(result.covariance @ gradient) / result.bse.ravel()) < 2e-6


def test_categorical_penalises_the_slopes_of_every_class() -> None:
    rng = np.random.default_rng(4)
    x, alpha = rng.standard_normal((300, 3)), np.array([5.0, 0.0, 20.0])
    y = rng.integers(0, 4, 300)
    result = mlefast.fit(x, y, likelihood="categorical", penalty=mlefast.Ridge(alpha))
    design = np.column_stack([np.ones(300), x])
    eta = np.column_stack([np.zeros(300), design @ result.params.T])
    p = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    gradient = (p - np.eye(4)[y]).T[1:] @ design + np.r_[0, alpha] * result.params
    assert result.converged and np.abs(gradient).max() < 1e-5
    # the first class has other labels: the prior is about contrasts with the reference
    assert result.df_effective is not None and 9 < result.df_effective < 12


def test_many_shape_starts() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 2))
    y = x @ [1.0, -1.0] + rng.standard_t(3, 200)
    one, several = (
        mlefast.fit(x, y, likelihood="student_t", penalty=mlefast.Ridge(10.0), multistart=k) for k in (1, 5)
    )
    assert one.converged and several.converged and several.optima[0].count >= 1
    assert np.allclose(one.params, several.params, atol=1e-5)


def test_units_of_a_column() -> None:
    x, y = logistic()
    units = np.array([1e-6, 1.0, 37.0, 1e9])
    one = mlefast.fit(x, y, penalty=mlefast.Ridge([1.0, 2.0, 3.0, 4.0]))
    other = mlefast.fit(x * units, y, penalty=mlefast.Ridge([1.0, 2.0, 3.0, 4.0] * units**2))
    assert np.allclose(other.params[1:] * units, one.params[1:], rtol=1e-8)
    assert other.params[0] == pytest.approx(one.params[0], rel=1e-8)
    assert other.llf == pytest.approx(one.llf, rel=1e-12)


def test_no_penalty_on_any_column_is_no_penalty() -> None:
    x, y = logistic()
    plain, none = mlefast.fit(x, y), mlefast.fit(x, y, penalty=mlefast.Ridge(np.zeros(4)))
    assert np.allclose(plain.params, none.params, rtol=1e-10) and none.df_effective == 5
    assert plain.separation.verdict == none.separation.verdict == "exists"


SEPARATED = np.column_stack([np.arange(12.0), np.resize([1.0, -1.0, 0.0], 12)])
LABELS = np.arange(12) > 5


@pytest.mark.parametrize("solver", SOLVERS)
def test_separated_data_have_a_maximum_with_a_prior(solver: str) -> None:
    result = mlefast.fit(SEPARATED, LABELS, penalty=mlefast.Ridge(0.1), solver=solver, max_iter=5000)
    assert result.converged and result.separation.verdict == "exists"


def test_a_prior_on_some_columns_decides_only_about_these() -> None:
    for labels, alphas, likelihood in [
        (LABELS, (0.0, 1.0), "bernoulli"),
        (LABELS * 1, (0.0, 1.0), "categorical"),
        (LABELS * 3, (0.0, 1.0), "poisson"),
    ]:
        x = np.column_stack([np.where(LABELS, 1.0, 0.0), np.arange(12.0) % 5])
        with pytest.warns(mlefast.SeparationWarning):
            without = mlefast.fit(x, labels, likelihood=likelihood, penalty=mlefast.Ridge(alphas))
        assert without.separation.verdict == "separated" and not without.converged
        assert {"x1"} <= {name.split(": ")[-1] for name in without.separation.columns} <= {"Intercept", "x1"}
        direction = without.separation.direction
        assert direction is not None and direction.ravel()[2] == 0.0
        other = mlefast.fit(x, labels, likelihood=likelihood, penalty=mlefast.Ridge(alphas[::-1]))
        assert other.converged and other.separation.verdict == "exists"


def test_random_partial_priors_against_the_unpenalised_columns_alone() -> None:
    rng = np.random.default_rng(10)
    verdicts = set()
    for _ in range(60):
        x = rng.integers(-1, 2, (12, 3)).astype(float)
        y = rng.permutation(np.arange(12) < 5)
        alpha = np.where(rng.random(3) < 0.5, 0.0, 0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mlefast.MlefastWarning)
            ours = mlefast.fit(x, y, penalty=mlefast.Ridge(alpha)).separation.verdict
            alone = mlefast.fit(x[:, alpha == 0.0], y).separation.verdict
        assert ours == alone
        verdicts.add(ours)
    assert verdicts == {"exists", "separated"}


def test_a_prior_determines_columns_that_are_combinations_of_others() -> None:
    x, y = logistic(200, 2)
    twice = np.column_stack([x, x[:, 0]])
    result = mlefast.fit(twice, y, penalty=mlefast.Ridge(1.0))
    assert result.converged and result.rank == 4 and not result.aliased
    assert result.params[1] == pytest.approx(result.params[3], rel=1e-9)  # what both do is shared
    once = mlefast.fit(x, y, penalty=mlefast.Ridge([0.5, 1.0]))  # 2 (b/2)^2 = b^2 / 2
    assert once.params[1] == pytest.approx(2 * result.params[1], rel=1e-9)
    with pytest.warns(mlefast.RankWarning):
        partly = mlefast.fit(twice, y, penalty=mlefast.Ridge([0.0, 1.0, 0.0]))
    assert partly.rank == 3 and np.isnan(partly.params[3])


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "categorical", "poisson"])
def test_more_columns_than_rows(likelihood: str) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((30, 50)), np.resize([0, 1, 1, 4, 0, 2], 30)
    y = np.minimum(y, 1) if likelihood == "bernoulli" else y
    result = mlefast.fit(x, y, likelihood=likelihood, penalty=mlefast.Ridge(5.0))
    assert result.certificate.met and not result.aliased and np.isfinite(result.bse).all()
    assert result.df_effective is not None and result.df_effective < 30 * (3 if likelihood == "categorical" else 1)


def test_own_function() -> None:
    def logit(eta: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        mu = 1 / (1 + np.exp(-eta))
        return np.logaddexp(0, eta) - y * eta, mu - y, mu * (1 - mu)

    x, y = logistic()
    own, ours = (
        mlefast.fit(x, y * 1.0, likelihood=f, penalty=mlefast.Ridge(2.0))
        for f in (mlefast.UserLikelihood(logit), "bernoulli")
    )
    assert np.allclose(own.params, ours.params, rtol=1e-8) and np.allclose(own.bse, ours.bse, rtol=1e-7)


@pytest.mark.parametrize(
    "alpha", [0.0, -1.0, np.nan, np.inf, "1", None, True, [1.0, -1.0], [[1.0]], [1, [2]], [np.nan]]
)
def test_wrong_alpha(alpha: Any) -> None:
    with pytest.raises(mlefast.OptionError, match=r"alpha=.* must be a positive number"):
        mlefast.Ridge(alpha)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"penalty": 1.0}, r"penalty=1.0 is no penalty; possible: mlefast.Ridge\(alpha=1.0\)"),
        ({"penalty": mlefast.Ridge}, "is a class"),
        ({"penalty": mlefast.Ridge([1.0])}, "alpha has 1 numbers and X has 4 columns: x1, x2, x3, x4"),
        ({"penalty": mlefast.Ridge(1.0), "covariance": "HC0"}, "not there with a penalty"),
        (
            {"penalty": mlefast.Ridge(1.0), "likelihood": "laplace"},
            "laplace likelihood is solved as a linear programme",
        ),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    x, y = logistic()
    with pytest.raises(mlefast.OptionError, match=words):
        mlefast.fit(x, y, **options)


def test_alpha_beyond_doubles() -> None:
    x, y = logistic()
    with pytest.raises(mlefast.OptionError, match="exceeds the largest double"):
        mlefast.fit(x * 1e-120, y, penalty=mlefast.Ridge(1e200))


def test_what_a_reader_sees() -> None:
    x, y = logistic()
    result = mlefast.fit(x, y, penalty=mlefast.Ridge(2.0))
    text = " ".join(str(result.summary()).split())
    for words in (
        "Bernoulli (logistic regression): penalised-likelihood fit",
        "MAP (Gaussian prior)",
        "MAP standard errors (Gaussian prior)",
        "Ridge(alpha=2.0), which adds",
        "effective parameters",
        "yes, proved",
        "the rows prove it for the rest",
    ):
        assert words in text, words
    assert np.isnan(result.llr_pvalue)
    assert pickle.loads(pickle.dumps(result)).penalty == mlefast.Ridge(2.0)
    assert mlefast.fit(x, y).penalty is None


def test_formula_and_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = logistic()
    table = {"a": x[:, 0], "b": x[:, 1], "y": y * 1}
    result = mlefast.fit_formula("y ~ a + b", table, penalty=mlefast.Ridge(1.5))
    by_columns = np.asfortranarray(x[:, :2])  # as a table lies
    assert np.array_equal(result.params, mlefast.fit(by_columns, y, penalty=mlefast.Ridge(1.5)).params)
    file = tmp_path / "table.csv"
    np.savetxt(file, np.column_stack([x[:, :2], y]), delimiter=",", header="a,b,y", comments="", fmt="%.17g")
    assert main(["fit", str(file), "y ~ a + b", "--ridge", "1.5", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["coef"] for row in answer["coefficients"]] == pytest.approx(result.params.tolist(), rel=1e-12)
    assert answer["penalty"]["kind"] == "Ridge(alpha=1.5)"
    assert main(["fit", str(file), "y ~ a + b", "--ridge", "-1"]) == 2
    assert "alpha" in capsys.readouterr().err
