# SPDX-License-Identifier: BSD-3-Clause
"""Fits whose maximum lies at infinity: which coefficients are infinite, and the limits of the others.

The truth about the directions is a linear programme; limits are published values, closed forms of tables, or R's fits
to the rows that are left.
"""

from __future__ import annotations

import collections
import math
import pickle
import warnings

import numpy as np
import pytest
from scipy.optimize import linprog

import mlefast


def fit(*args: object, **options: object) -> mlefast.Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.MlefastWarning)
        return mlefast.fit(*args, **options)


# ---- against linear programmes


def comparisons(name: str, x: np.ndarray, y: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors a with a'd >= 0 where nothing is lost along d, whether a'd has to be zero, and the row of each."""
    if name != "categorical":
        closed = (y > 0) if name == "poisson" else np.zeros(len(y), dtype=bool)
        signs = np.where(closed, 1, -1) if name == "poisson" else 2 * y - 1
        return signs[:, np.newaxis] * x, closed, np.arange(len(y))
    vectors, rows = [], []
    for row, (values, label) in enumerate(zip(x, y.astype(int), strict=True)):
        for k in set(range(classes)) - {label}:
            part = np.zeros((classes, x.shape[1]))
            part[label], part[k] = values, -values
            vectors.append(part[1:].ravel())
            rows.append(row)
    return np.array(vectors), np.zeros(len(rows), dtype=bool), np.array(rows)


def truth(vectors: np.ndarray, closed: np.ndarray, rows: np.ndarray) -> tuple[str, int, np.ndarray]:
    """Whether anything separates, in how many rows, and where each coefficient goes.

    The first programme asks for the direction along which most comparisons get ahead, by 1 each; two more for each
    coefficient ask how far it can go either way.
    """
    free, fixed = vectors[~closed], vectors[closed]
    count, size = free.shape
    equal = {"A_eq": fixed, "b_eq": np.zeros(len(fixed))} if len(fixed) else {}
    wide = {"A_eq": np.pad(fixed, ((0, 0), (0, count))), "b_eq": np.zeros(len(fixed))} if len(fixed) else {}
    ahead = linprog(
        np.repeat([0.0, -1.0], [size, count]),
        A_ub=np.hstack([-free, np.eye(count)]),
        b_ub=np.zeros(count),
        bounds=[(None, None)] * size + [(0, 1)] * count,
        method="highs",
        **wide,
    ).x[size:]
    gone = ahead > 0.5
    if not gone.any():
        return "exists", 0, np.zeros(size)
    reach = np.array(
        [
            [linprog(c, A_ub=-free, b_ub=np.zeros(count), bounds=(-1, 1), method="highs", **equal).fun for c in (-e, e)]
            for e in np.eye(size)
        ]
    )
    up, down = (reach < -1e-6).T
    ends = np.where(up & down, np.nan, np.where(up, np.inf, np.where(down, -np.inf, 0.0)))
    kind = "complete" if gone.all() and not len(fixed) else "quasi"
    return kind, len(set(rows[~closed][gone])), ends


def problem(name: str, rng: np.random.Generator):
    """Data with weights, some of them zero, and offsets, some of them huge; None if y does not vary."""
    n, p = int(rng.integers(6, 50)), int(rng.integers(1, 4))
    kinds = (
        rng.standard_normal((n, p)),
        rng.integers(-2, 3, (n, p)).astype(float),
        (rng.random((n, p)) < rng.choice([0.05, 0.2, 0.5])).astype(float),
    )
    x = kinds[rng.integers(3)]
    strength, classes = rng.choice([0.5, 2, 6, 20]), 0
    if name == "categorical":
        classes = int(rng.integers(2, 5))
        y = (strength * x @ rng.standard_normal((p, classes)) + rng.gumbel(size=(n, classes))).argmax(axis=1)
    elif name == "poisson":
        y = rng.poisson(np.exp(np.clip(strength * x[:, 0] + rng.choice([-3.0, -1.0, 0.0]), -10, 3)))
    else:
        y = (rng.random(n) < 1 / (1 + np.exp(-strength * x[:, 0]))).astype(int)
    options: dict = {"intercept": bool(rng.random() < 0.7)}
    present = np.ones(n, dtype=bool)
    if rng.random() < 0.5:
        options["weights"] = rng.integers(0, 4, n) * rng.choice([1.0, 1e-8, 1e9]) * 10.0 ** rng.integers(-4, 5, n)
        present = options["weights"] > 0
    if name != "categorical" and rng.random() < 0.5:
        options["offset"] = rng.choice([1.0, 20.0, 100.0] if name == "poisson" else [1.0, 100.0, 1e5]) * rng.normal(
            size=n
        )
    values = np.unique(y[present])
    if len(values) < max(classes, 2) or (name == "poisson" and not values.any()):
        return None
    wide = np.column_stack([np.ones(n), x]) if options["intercept"] else x
    return x, y, options, truth(*comparisons(name, wide[present], y[present], classes))


@pytest.mark.parametrize("name", ["bernoulli", "poisson", "categorical"])
@pytest.mark.parametrize("count", [80, pytest.param(300, marks=pytest.mark.slow)])
def test_verdict_rows_and_signs_are_those_of_linear_programmes(name: str, count: int) -> None:
    rng = np.random.default_rng(count)
    seen: collections.Counter[str] = collections.Counter()
    while seen.total() < count:
        case = problem(name, rng)
        if case is None:
            continue
        x, y, options, (kind, rows, ends) = case
        likelihood = mlefast.Bernoulli(str(rng.choice(["logit", "probit"]))) if name == "bernoulli" else name
        result = fit(x, y, likelihood=likelihood, solver=str(rng.choice(["irls", "lbfgs"])), **options)
        found = result.separation
        assert (found.kind or found.verdict, found.rows) == (kind, rows), (x, y, options)
        seen[kind] += 1
        if kind == "exists":
            continue
        assert not result.converged
        if not result.aliased:
            np.testing.assert_array_equal(np.where(np.isfinite(result.params), 0.0, result.params).ravel(), ends)
            assert np.isnan(result.bse[~np.isfinite(result.params)]).all()
    assert min(seen["exists"], seen["quasi"]) > count / 12


# ---- published examples

NV = np.isin(np.arange(79), [21, 22, 23, 24, 25, 47, 48, 49, 50, 70, 74, 75, 77])
PI = [
    13, 16, 8, 34, 20, 5, 17, 10, 26, 17, 8, 7, 20, 10, 18, 16, 18, 8, 29, 12, 20, 38, 22, 7, 25, 15, 7, 28, 11, 19, 10, 10, 18, 14, 21, 11,
    17, 25, 16, 19, 15, 33, 24, 48, 12, 19, 2, 22, 40, 5, 0, 21, 15, 29, 15, 12, 3, 20, 23, 12, 22, 42, 15, 13, 14, 19, 12, 13, 10, 12, 49,
    6, 5, 17, 11, 21, 5, 19, 33,
]  # fmt: skip
EH = [
    1.64, 2.26, 3.14, 2.68, 1.28, 2.31, 1.8, 1.68, 1.56, 2.31, 2.01, 1.89, 3.15, 1.23, 1.27, 1.76, 2, 2.64, 0.88, 1.27, 1.37, 0.97, 1.14,
    0.88, 0.91, 0.58, 0.97, 1.5, 1.33, 2.37, 1.82, 3.13, 1.31, 1.92, 1.64, 2.01, 1.88, 1.93, 2.11, 1.29, 1.72, 0.75, 1.92, 1.84, 1.11, 1.61,
    1.18, 1.44, 1.18, 0.93, 1.17, 1.19, 1.06, 2.02, 2.29, 2.33, 2.9, 1.7, 1.41, 2.25, 1.54, 1.97, 1.75, 2.16, 2.57, 1.37, 3.61, 2.04, 2.17,
    1.69, 0.27, 1.84, 1.3, 0.96, 1.01, 0.98, 0.35, 1.02, 0.85,
]  # fmt: skip
HG = np.isin(np.arange(79), [*range(17, 27), *range(43, 53), *range(69, 79)])
ENDOMETRIAL = np.column_stack([NV, PI, EH])


def test_endometrial_cancer() -> None:
    """Heinze and Schemper (Statistics in Medicine 21, 2002): NV is infinite, as detectseparation says.

    The limits are those of R 4.2's glm(HG ~ PI + EH) on the rows with NV = 0 (data of brglm2 0.9, epsilon = 1e-15).
    """
    with pytest.warns(mlefast.SeparationWarning, match=r"not exist: NV separate the labels in 13 rows \(quasi"):
        result = mlefast.fit(ENDOMETRIAL, HG, names=["NV", "PI", "EH"], tol=1e-10)
    np.testing.assert_allclose(
        result.params, [4.3045177830578, math.inf, -0.0421834032568, -2.9026056137776], rtol=1e-9
    )
    np.testing.assert_allclose(result.bse, [1.6372986330664, math.nan, 0.0443319651345, 0.8455515568379], rtol=1e-8)
    assert result.llf == pytest.approx(-27.696630178591, abs=1e-10)
    assert result.certificate.met and not result.converged
    mirrored = fit(ENDOMETRIAL * [-1, 1, 1], HG, likelihood=mlefast.Bernoulli("cloglog"))
    assert mirrored.params[1] == -math.inf and np.isfinite(mirrored.params[[0, 2, 3]]).all()


def test_lizards_are_not_separated() -> None:
    """McCullagh and Nelder (1989), section 4.6, where detectseparation finds nothing infinite (data of brglm2 0.9)."""
    grahami = [20, 8, 4, 13, 8, 12, 8, 4, 5, 6, 1, 34, 69, 18, 31, 55, 13, 17, 60, 8, 12, 21, 4]
    opalinus = [2, 1, 4, 0, 0, 0, 3, 1, 3, 0, 1, 11, 20, 10, 5, 4, 3, 15, 32, 8, 1, 5, 4]
    high = np.isin(np.arange(23), [3, 4, 5, 9, 10, 14, 15, 16, 20, 21, 22])
    thick = np.isin(np.arange(23), [6, 7, 8, 9, 10, 17, 18, 19, 20, 21, 22])
    time = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
    x = np.column_stack([high, thick, np.arange(23) >= 11, time == 1, time == 2])
    result = mlefast.fit(np.vstack([x, x]), np.repeat([1, 0], 23), weights=np.array(grahami + opalinus))
    assert result.converged and result.separation.verdict == "exists"


def test_counts_of_correia_guimaraes_and_zylkin() -> None:
    """Example 1 of their guide to existence (2019): row 5 is separated by x2 - x1, and R's glm says nothing.

    Its coefficients that are determined: 0.59095, x3 -0.47085, x4 -0.03779; deviance 15.96.
    """
    y = [0, 0, 0, 0, 0, 2, 2, 2, 2, 4, 6, 6]
    x = np.array(
        [
            [0, 0, 2, 10], [0, 0, 0, -2], [0, 0, 0, 6], [0, 0, 4, 5], [1, 0, 0, 3], [0, 0, 0, 3], [0, 0, 0, 4],
            [0, 0, -2, 15], [0, 0, 0, -7], [0, 0, -3, 15], [-3, -3, 0, 4], [0, 0, 0, 4],
        ]
    )  # fmt: skip
    result = fit(x, y, likelihood="poisson")
    assert (result.separation.kind, result.separation.rows, set(result.separation.columns)) == (
        "quasi",
        1,
        {"x1", "x2"},
    )
    np.testing.assert_allclose(result.params, [0.59095, -math.inf, math.inf, -0.47085, -0.03779], atol=6e-6)
    assert result.deviance == pytest.approx(15.96, abs=5e-3)
    fitted = result.predict(x)
    assert fitted[4] == 0.0 and (np.delete(fitted, 4) > 0.1).all()
    assert fitted.sum() == pytest.approx(sum(y), rel=1e-9)  # the intercept's equation


# ---- closed forms

LEVEL = np.repeat([0, 1, 2], [10, 7, 9])
DUMMIES = LEVEL[:, np.newaxis] == [1, 2]


def test_a_table_with_an_empty_cell() -> None:
    """Log odds and their variances are those of each level alone."""
    y = np.repeat([1, 0, 0, 1, 0], [3, 7, 7, 5, 4])
    result = fit(DUMMIES, y)
    logits = [math.log(3 / 7), math.log(5 / 4) - math.log(3 / 7)]
    np.testing.assert_allclose(result.params, [logits[0], -math.inf, logits[1]], rtol=1e-9)
    variances = [1 / 3 + 1 / 7, math.nan, 1 / 3 + 1 / 7 + 1 / 5 + 1 / 4]
    np.testing.assert_allclose(np.diagonal(result.cov_params()), variances, rtol=1e-8)
    llf = 3 * math.log(0.3) + 7 * math.log(0.7) + 5 * math.log(5 / 9) + 4 * math.log(4 / 9)
    assert result.llf == pytest.approx(llf, rel=1e-12)
    np.testing.assert_allclose(
        result.predict([[0, 0], [1, 0], [0, 1], [np.nan, 0]]), [0.3, 0.0, 5 / 9, np.nan], rtol=1e-9
    )
    assert np.isnan(result.conf_int()[1]).all() and np.isnan(result.pvalues[1])
    text = " ".join(str(result.summary()).split())
    assert "-inf" in text and "x1 separate the labels in 7 rows (quasi separation)" in text


def test_the_reference_level_is_empty() -> None:
    y = np.repeat([0, 1, 0, 1, 0], [10, 3, 4, 5, 4])
    result = fit(DUMMIES, y)
    np.testing.assert_array_equal(result.params, [-math.inf, math.inf, math.inf])
    np.testing.assert_allclose(result.predict([[0, 0], [1, 0], [0, 1]]), [0.0, 3 / 7, 5 / 9], rtol=1e-9)


@pytest.mark.parametrize("likelihood", ["poisson", mlefast.NegativeBinomial(0.5)])
def test_a_level_without_counts(likelihood: object) -> None:
    y = np.hstack([np.arange(10), np.zeros(7), np.arange(9) + 1])
    result = fit(DUMMIES, y, likelihood=likelihood)
    np.testing.assert_allclose(result.params, [math.log(4.5), -math.inf, math.log(5 / 4.5)], rtol=1e-9)
    np.testing.assert_allclose(result.predict([[0, 0], [1, 0], [0, 1]]), [4.5, 0.0, 5.0], rtol=1e-9)


def test_a_class_that_a_level_lacks() -> None:
    y = np.repeat(list("abcabcac"), [3, 5, 2, 2, 3, 2, 4, 5])
    result = fit(DUMMIES, y, likelihood="categorical")
    b, c = result.params
    np.testing.assert_allclose(b, [math.log(5 / 3), math.log(3 / 2) - math.log(5 / 3), -math.inf], rtol=1e-8)
    np.testing.assert_allclose(c, [math.log(2 / 3), -math.log(2 / 3), math.log(5 / 4) - math.log(2 / 3)], rtol=1e-8)
    assert (result.separation.rows, result.separation.columns) == (9, ("b: x2",))
    np.testing.assert_allclose(result.predict([[0, 1]]), [[4 / 9, 0.0, 5 / 9]], rtol=1e-8)
    np.testing.assert_allclose(result.bse[1, 2] ** 2, 1 / 2 + 1 / 3 + 1 / 5 + 1 / 4, rtol=1e-8)
    sandwich = fit(DUMMIES, y, likelihood="categorical", covariance="HC0")
    np.testing.assert_allclose(sandwich.bse, result.bse, rtol=1e-7)  # of a model that fits every cell


def test_one_label_decides_two_classes() -> None:
    """Rows of two levels: in one only a and b occur, in the other b alone."""
    y = np.array(["a", "b", "b", "c"] + ["b"] * 3 + ["a", "b"])
    level = np.repeat([0, 1, 2], [4, 3, 2])
    result = fit(level[:, np.newaxis] == [1, 2], y, likelihood="categorical")
    np.testing.assert_allclose(
        result.predict([[0, 0], [1, 0], [0, 1]]), [[0.25, 0.5, 0.25], [0, 1, 0], [0.5, 0.5, 0]], rtol=1e-9
    )


def test_complete_separation() -> None:
    result = fit(np.arange(10.0), np.arange(10) > 4)
    assert (result.separation.kind, result.separation.rows, result.llf) == ("complete", 10, 0.0)
    np.testing.assert_array_equal(result.params, [-math.inf, math.inf])
    np.testing.assert_array_equal(result.predict([1.0, 8.0]), [0.0, 1.0])
    centred = fit(np.arange(10.0) - 4.5, np.arange(10) > 4)  # either sign of the intercept will do
    np.testing.assert_array_equal(centred.params, [math.nan, math.inf])


def test_separated_and_aliased_at_once() -> None:
    y = np.repeat([1, 0, 0, 1, 0], [3, 7, 7, 5, 4])
    x = np.column_stack([DUMMIES, 2 * DUMMIES[:, 1] + 1])
    with pytest.warns(mlefast.RankWarning, match="x3 = 1 Intercept"), pytest.warns(mlefast.SeparationWarning):
        result = mlefast.fit(x, y)
    wanted = fit(DUMMIES, y)
    np.testing.assert_allclose(result.params, [*wanted.params, math.nan], rtol=1e-9)
    np.testing.assert_allclose(result.bse[:3], wanted.bse, rtol=1e-8)
    np.testing.assert_allclose(result.predict(x), wanted.predict(DUMMIES), rtol=1e-9)


def test_what_was_aliased_only_among_the_rows_that_are_left() -> None:
    """Column 3 equals column 2 but where column 1 separates, so its coefficient cannot be told from that of 2."""
    y = np.repeat([1, 0, 0, 1, 0], [3, 7, 7, 5, 4])
    third = np.where(LEVEL == 1, np.arange(26) % 3, DUMMIES[:, 1])
    result = fit(np.column_stack([DUMMIES, third]), y)
    assert not result.aliased
    np.testing.assert_allclose(result.params[0], math.log(3 / 7), rtol=1e-9)
    assert not np.isfinite(result.params[1:]).any()


# ---- the faces


def test_what_happens_on_separation_is_the_users_choice() -> None:
    x, y = np.arange(10.0), np.arange(10) > 4
    with pytest.warns(mlefast.SeparationWarning) as caught:
        warned = mlefast.fit(x, y)
    with pytest.raises(mlefast.SeparationError) as raised:
        mlefast.fit(x, y, on_separation="raise")
    assert str(raised.value) == str(caught[0].message) and isinstance(raised.value, mlefast.DataError)
    np.testing.assert_array_equal(mlefast.fit(x, y, on_separation="ignore").params, warned.params)
    with pytest.raises(
        mlefast.OptionError, match="on_separation='no' is unknown; possible: warn, raise, ignore, firth"
    ):
        mlefast.fit(x, y, on_separation="no")
    with pytest.raises(mlefast.SeparationError):
        mlefast.fit_formula("y ~ x", {"x": x, "y": y}, on_separation="raise")


def test_separated_data_are_fitted_with_firths_penalty_if_that_is_asked_for() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((60, 2)), rng.random(60) < 0.5
    apart = np.column_stack([x, y])
    wanted, result = mlefast.fit(apart, y, penalty=mlefast.Firth()), mlefast.fit(apart, y, on_separation="firth")
    np.testing.assert_array_equal(result.params, wanted.params)
    assert (result.penalty, result.converged) == (mlefast.Firth(), True)
    sound = mlefast.fit(x, y, on_separation="firth")
    assert sound.penalty is None
    np.testing.assert_array_equal(sound.params, mlefast.fit(x, y).params)
    with pytest.raises(mlefast.OptionError, match="would replace penalty=Ridge"):
        mlefast.fit(x, y, on_separation="firth", penalty=mlefast.Ridge(1.0))
    with pytest.raises(mlefast.OptionError, match="probit"):
        mlefast.fit(x, y, likelihood=mlefast.Bernoulli(link="probit"), on_separation="firth")


def test_a_result_in_the_limit_can_be_pickled() -> None:
    result = fit(DUMMIES, np.repeat([1, 0, 0, 1, 0], [3, 7, 7, 5, 4]))
    again = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(again.predict(DUMMIES), result.predict(DUMMIES))
    np.testing.assert_array_equal(again.params, result.params)


@pytest.mark.parametrize("rows", [40_000, pytest.param(2_000_000, marks=pytest.mark.slow)])
def test_the_programme_needs_few_rows(rows: int) -> None:
    """Two rare levels, one of which is separated only where the other stands still."""
    rng = np.random.default_rng(4)
    z = rng.standard_normal((rows, 3))
    y = rng.random(rows) < 1 / (1 + np.exp(-z[:, 0]))
    first, second = np.arange(rows) % 1000 == 0, np.arange(rows) % 1000 == 1
    y[first], y[second] = True, False
    x = np.column_stack([z, first, second])
    result = fit(x, y)
    np.testing.assert_array_equal(result.params[4:], [math.inf, -math.inf])
    rest = ~(first | second)
    wanted = mlefast.fit(z[rest], y[rest])
    np.testing.assert_allclose(result.params[:4], wanted.params, atol=1e-6 * wanted.bse.max())
    np.testing.assert_allclose(result.bse[:4], wanted.bse, rtol=1e-6)
    assert result.separation.rows == rows // 500


def test_a_prior_of_other_columns_takes_no_part_in_the_separation() -> None:
    """The limit is the penalised fit of the rows that are left; with a prior of its own nothing is infinite."""
    rng = np.random.default_rng(6)
    z, rare = rng.standard_normal((300, 2)), np.arange(300) % 15 == 0
    y = (rng.random(300) < 0.4) | rare
    x = np.column_stack([z, rare])
    result = fit(x, y, penalty=mlefast.Ridge([1.0, 1.0, 0.0]))
    wanted = mlefast.fit(z[~rare], y[~rare], penalty=mlefast.Ridge(1.0), tol=1e-9)
    assert (result.separation.kind, result.separation.rows, result.params[3]) == ("quasi", 20, math.inf)
    np.testing.assert_allclose(result.params[:3], wanted.params, rtol=1e-6)
    np.testing.assert_allclose(result.bse[:3], wanted.bse, rtol=1e-6)
    assert result.llf == pytest.approx(wanted.llf, rel=1e-10)
    held = mlefast.fit(x, y, penalty=mlefast.Ridge(1.0))
    assert held.converged and np.isfinite(held.params).all()
    assert mlefast.fit(x, y, penalty=mlefast.Firth()).converged
    alone = fit(np.column_stack([z[:, 0], y]), y, penalty=mlefast.Ridge([1.0, 0.0]))
    np.testing.assert_array_equal(alone.params, [-math.inf, 0.0, math.inf])
