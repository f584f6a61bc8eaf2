# SPDX-License-Identifier: BSD-3-Clause
"""Firth: against brglm2, and against the penalised likelihood itself, differentiated in 50 digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import mlefast
from mlefast.cli import main

FIRTH = mlefast.Firth()
# the endometrial cancer study of Heinze and Schemper, Statistics in Medicine 21 (2002): NV separates HG
NV = np.array(list("0000000000000000000001111100000000000000000000011110000000000000000000100011010"), dtype=int)
HG = np.array(list("0000000000000000011111111110000000000000000111111111100000000000000001111111111"), dtype=int)
PI = """13 16 8 34 20 5 17 10 26 17 8 7 20 10 18 16 18 8 29 12 20 38 22 7 25 15 7 28 11 19 10 10 18 14 21 11 17 25 16 19 15
33 24 48 12 19 2 22 40 5 0 21 15 29 15 12 3 20 23 12 22 42 15 13 14 19 12 13 10 12 49 6 5 17 11 21 5 19 33"""
EH = """1.64 2.26 3.14 2.68 1.28 2.31 1.8 1.68 1.56 2.31 2.01 1.89 3.15 1.23 1.27 1.76 2 2.64 0.88 1.27 1.37 0.97 1.14
0.88 0.91 0.58 0.97 1.5 1.33 2.37 1.82 3.13 1.31 1.92 1.64 2.01 1.88 1.93 2.11 1.29 1.72 0.75 1.92 1.84 1.11 1.61 1.18
1.44 1.18 0.93 1.17 1.19 1.06 2.02 2.29 2.33 2.9 1.7 1.41 2.25 1.54 1.97 1.75 2.16 2.57 1.37 3.61 2.04 2.17 1.69 0.27
1.84 1.3 0.96 1.01 0.98 0.35 1.02 0.85"""
PULSE, HEIGHT = np.array(PI.split(), dtype=int), np.array(EH.split(), dtype=float)
STUDY = np.column_stack([NV, PULSE, HEIGHT])

Exact = Callable[..., mpf]


def test_separated_labels_as_brglm2() -> None:
    # brglm2 0.9: glm(HG ~ NV + PI + EH, binomial, method = "brglmFit", type = "AS_mean", epsilon = 1e-14)
    result = mlefast.fit(STUDY, HG, penalty=FIRTH, tol=1e-10)
    assert result.converged and result.separation.verdict == "exists"
    wanted = [3.7745597136471130, 2.9292733531971198, -0.0347517598704366, -2.6041639252936819]
    errors = [1.4886916634356708, 1.5507637294530494, 0.0395781473477635, 0.7760176425015669]
    assert np.allclose(result.params, wanted, rtol=1e-9) and np.allclose(result.bse, errors, rtol=1e-9)
    assert result.llf == pytest.approx(-28.287697325521, rel=1e-11)
    assert result.aic == pytest.approx(2 * 28.287697325521 + 8, rel=1e-11)


def test_counts_as_brglm2() -> None:
    # brglm2 0.9: glm(PI ~ NV + EH + HG, poisson, method = "brglmFit", type = "AS_mean", epsilon = 1e-14)
    x = np.column_stack([NV, HEIGHT, HG])
    result = mlefast.fit(x, PULSE, likelihood="poisson", penalty=FIRTH, tol=1e-10)
    wanted = [3.261238960020625, 0.207083786980718, -0.223357700350463, -0.205713515745562]
    errors = [0.1110440171522846, 0.0872277900698880, 0.0553636654431591, 0.0788410266059305]
    assert np.allclose(result.params, wanted, rtol=1e-9) and np.allclose(result.bse, errors, rtol=1e-9)
    assert result.llf == pytest.approx(-381.100768545523, rel=1e-11)


def test_classes_as_brglm2() -> None:
    # brglm2 0.9: brmultinom(g ~ NV + EH + HG, ref = 1, type = "AS_mean", epsilon = 1e-13)
    x, classes = np.column_stack([NV, HEIGHT, HG]), np.digitize(PULSE, [13, 20])
    result = mlefast.fit(x, classes, likelihood="categorical", penalty=FIRTH, tol=1e-10)
    wanted = [
        [2.25759312171476, 0.0949388534464465, -0.969298553390833, -1.98704833835370],
        [2.16781167514574, 0.7082290956433783, -1.103208398011706, -1.29112375258352],
    ]
    errors = [
        [1.21491203059024, 1.07680379137677, 0.571795786924815, 0.870720906870878],
        [1.26200614169942, 0.86987034325997, 0.603812986770797, 0.822677035940649],
    ]
    assert np.allclose(result.params, wanted, rtol=1e-8) and np.allclose(result.bse, errors, rtol=1e-8)
    assert result.llf == pytest.approx(-80.3149761618371, rel=1e-10)


def penalised(likelihood: str, x: np.ndarray, y: np.ndarray, w: np.ndarray, offset: np.ndarray) -> Exact:
    """The NLL less half the logarithm of the determinant of the information, from their definitions."""
    rows = [[mpf(float(v)) for v in (1.0, *row)] for row in x]
    size, equations = len(rows[0]), int(y.max()) if likelihood == "categorical" else 1

    def value(*beta: mpf) -> mpf:
        nll, information = mpf(0), mpmath.zeros(size * equations)
        for row, label, weight, shift in zip(rows, y.tolist(), map(mpf, w.tolist()), offset.tolist(), strict=True):
            etas = [mpmath.fdot(row, beta[k * size : (k + 1) * size]) + mpf(shift) for k in range(equations)]
            if likelihood == "poisson":
                nll += weight * (mpmath.exp(etas[0]) - label * etas[0] + mpmath.loggamma(label + 1))
                among = [[mpmath.exp(etas[0])]]
            else:
                total = 1 + mpmath.fsum(map(mpmath.exp, etas))
                p = [mpmath.exp(eta) / total for eta in etas]
                nll += weight * (mpmath.log(total) - (etas[label - 1] if label else 0))
                among = [[a * ((i == j) - b) for j, b in enumerate(p)] for i, a in enumerate(p)]
            for a in range(equations):
                for b in range(equations):
                    for j in range(size):
                        for k in range(size):
                            information[a * size + j, b * size + k] += weight * among[a][b] * row[j] * row[k]
        return nll - mpmath.log(mpmath.det(information)) / 2

    return value


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "categorical"])
def test_the_penalised_likelihood_has_its_maximum_there(likelihood: str, weighted: bool) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((25, 2)) * [1.0, 7.0] + [0.0, 30.0]
    y = {"bernoulli": x[:, 0] > 0.2, "poisson": rng.poisson(0.7, 25), "categorical": rng.integers(0, 3, 25)}[likelihood]
    y = y.astype(int)
    w, offset = (rng.integers(0, 4, 25), rng.standard_normal(25)) if weighted else (np.ones(25), np.zeros(25))
    if likelihood == "categorical":
        offset *= 0.0
    options: dict[str, Any] = {"offset": offset} if weighted and likelihood != "categorical" else {}
    options |= {"weights": w} if weighted else {}
    result = mlefast.fit(x, y, likelihood=likelihood, penalty=FIRTH, tol=1e-9, **options)
    with mpmath.workdps(50):
        value, h = penalised(likelihood, x, y, w, offset), mpf(10) ** -15
        point = [mpf(float(b)) for b in result.params.ravel()]

        def at(j: int, by: mpf) -> mpf:
            return value(*(b + by * (k == j) for k, b in enumerate(point)))

        gradient = np.array([float((at(j, h) - at(j, -h)) / (2 * h)) for j in range(len(point))])
        assert float(value(*point)) == pytest.approx(-result.llf + result.penalty_value, rel=1e-12)
    assert result.converged
    assert np.max(np.abs(result.covariance @ gradient) / result.bse.ravel()) < 2e-9


def test_two_classes_are_bernoulli() -> None:
    one = mlefast.fit(STUDY, HG, penalty=FIRTH, tol=1e-10)
    other = mlefast.fit(STUDY, HG, likelihood="categorical", penalty=FIRTH, tol=1e-10)
    assert np.allclose(one.params, other.params[0], rtol=1e-9)
    assert one.penalty_value == pytest.approx(other.penalty_value, rel=1e-12)


def test_a_table_of_counts_adds_one_half_to_each_cell() -> None:
    # for a saturated model Jeffreys' prior does just that (Firth 1993, section 4)
    x, y, w = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([7, 0, 3, 11])
    result = mlefast.fit(x, y, weights=w, penalty=FIRTH, tol=1e-10)
    logits = np.log([0.5 / 7.5, 11.5 / 3.5])
    assert np.allclose(result.params, [logits[0], logits[1] - logits[0]], rtol=1e-10)


def test_many_rows_of_all_likelihoods() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40_000, 5)).astype(np.float32)
    eta = x @ [0.5, -0.5, 0.2, 0.0, 1.0]
    y = rng.random(40_000) < 1 / (1 + np.exp(-eta))
    plain, firth = mlefast.fit(x, y), mlefast.fit(x, y, penalty=FIRTH)
    assert firth.converged and firth.iterations <= 4
    # the bias that is removed is p / n of a logit, in the order of magnitude
    shift = firth.params - plain.params
    assert np.all(np.abs(shift) < 1e-3) and np.all(shift[[1, 5]] * plain.params[[1, 5]] < 0)


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson", "categorical"])
def test_random_separated_data_always_have_a_maximum(likelihood: str) -> None:
    rng = np.random.default_rng(7)
    for _ in range(40):
        x = rng.integers(-1, 2, (10, 2)).astype(float)
        y = rng.permutation([0, 1, 0, 0, 1, 0, 0, 2 if likelihood != "bernoulli" else 0, 0, 1])
        if np.linalg.matrix_rank(np.column_stack([np.ones(10), x])) < 3:
            continue
        result = mlefast.fit(x, y, likelihood=likelihood, penalty=FIRTH, max_iter=1000)
        assert result.converged and np.all(np.abs(result.params) < 30)


def test_units_and_origin_of_columns() -> None:
    one = mlefast.fit(STUDY, HG, penalty=FIRTH, tol=1e-10)
    other = mlefast.fit(STUDY * [1.0, 1e-5, 1e7] + [0, 3, 0], HG, penalty=FIRTH, tol=1e-10)
    assert np.allclose(other.params[1:] * [1.0, 1e-5, 1e7], one.params[1:], rtol=1e-8)
    assert other.llf == pytest.approx(one.llf, rel=1e-11)


def test_aliased_columns_are_left_out() -> None:
    with pytest.warns(mlefast.RankWarning):
        result = mlefast.fit(np.column_stack([STUDY, 2 * STUDY[:, 2]]), HG, penalty=FIRTH, tol=1e-10)
    alone = mlefast.fit(STUDY, HG, penalty=FIRTH, tol=1e-10)
    assert result.converged and np.isnan(result.params[4])
    assert np.allclose(result.params[:4], alone.params, rtol=1e-9)
    assert result.penalty_value == pytest.approx(alone.penalty_value, rel=1e-9)


def test_a_start_far_away_and_too_few_iterations() -> None:
    wanted = mlefast.fit(STUDY, HG, penalty=FIRTH, tol=1e-10).params
    far = mlefast.fit(STUDY, HG, penalty=FIRTH, tol=1e-10, start=[-3.0, 4.0, 0.1, 1.0])
    assert np.allclose(far.params, wanted, rtol=1e-9)
    with pytest.warns(mlefast.ConvergenceWarning, match="Raise max_iter"):
        mlefast.fit(STUDY, HG, penalty=FIRTH, max_iter=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"likelihood": "gaussian"}, "not for gaussian"),
        ({"likelihood": mlefast.Bernoulli("probit")}, "not for bernoulli with the probit link"),
        ({"likelihood": "negative_binomial"}, "not for negative_binomial"),
        ({"likelihood": "laplace"}, "takes no penalty"),
        ({"covariance": "HC0"}, "not there with a penalty"),
        ({"solver": "lbfgs"}, r"solver='lbfgs' is not there with Firth\(\)"),
        ({"multistart": 3}, r"multistart is not there with Firth\(\)"),
    ],
)
def test_refusals(options: dict[str, Any], words: str) -> None:
    with pytest.raises(mlefast.OptionError, match=words):
        mlefast.fit(STUDY, HG, penalty=FIRTH, **options)


def test_what_a_reader_sees() -> None:
    text = " ".join(str(mlefast.fit(STUDY, HG, penalty=FIRTH).summary()).split())
    for words in (
        "penalised-likelihood fit",
        "Firth(), which adds -4.2504",
        "see mlefast.profile",
        "exists for all data",
    ):
        assert words in text, words


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.csv"
    np.savetxt(file, np.column_stack([STUDY, HG]), delimiter=",", header="nv,pi,eh,hg", comments="", fmt="%.17g")
    assert main(["fit", str(file), "hg ~ nv + pi + eh", "--firth", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["coefficients"][1]["coef"] == pytest.approx(2.92927335, rel=1e-6)
    assert answer["penalty"]["kind"] == "Firth()"
    assert main(["fit", str(file), "hg ~ nv + pi + eh", "--firth", "--ridge", "1"]) == 2
    assert "--firth" in capsys.readouterr().err
