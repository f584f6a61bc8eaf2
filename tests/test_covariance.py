# SPDX-License-Identifier: BSD-3-Clause
"""Kinds of covariance and of weights: against R's sandwich and survey, statsmodels, 50 digits, and repeated rows.

The numbers of R were printed by R 4.2.2 with sandwich 3.0.2 and survey 4.1.1, for data of statsmodels, with
glm.control(epsilon = 1e-15).
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from mpmath import mp

import mlefast
from mlefast import DataError, OptionError

KINDS = ("HC0", "HC1", "HC2", "HC3")
DIGITS = 2e-8
TIGHT = {"tol": 1e-10}


def data(name: str) -> pd.DataFrame:
    return getattr(sm.datasets, name).load_pandas().data


# sqrt(diag(vcovHC(model, type = ...))) of HC0, HC1, HC2, HC3
VCOVHC = {
    ("stackloss", "gaussian", "STACKLOSS", "AIRFLOW WATERTEMP ACIDCONC"): """
        6.41164946484e+00 1.58944260529e-01 4.46527688635e-01 8.64294755696e-02
        7.12614996317e+00 1.76656668854e-01 4.96287778889e-01 9.60609914071e-02
        7.55759963625e+00 1.83927517381e-01 5.11843327722e-01 1.01643948466e-01
        9.00110510895e+00 2.13421198117e-01 5.88753796732e-01 1.20580229004e-01""",
    ("statecrime", "gaussian", "murder", "hs_grad poverty single white urban"): """
        1.18133071790e+01 1.04032142856e-01 1.18660228911e-01 9.69991453780e-02 3.12747245038e-02 1.36404371369e-02
        1.25762258530e+01 1.10750673347e-01 1.26323460140e-01 1.03263475785e-01 3.32944867081e-02 1.45213542294e-02
        2.00329768169e+01 1.67933660632e-01 1.39919540652e-01 1.70458932891e-01 4.76813555482e-02 1.52745342166e-02
        3.88839193527e+01 3.17388280276e-01 1.91738127877e-01 3.27498932844e-01 7.73525782096e-02 1.79592396464e-02""",
    ("ccard", "gaussian", "AVGEXP", "AGE INCOME INCOMESQ OWNRENT"): """
        2.12990529802e+02 3.30166123003e+00 8.88663516525e+01 6.94456348107e+00 9.21877767175e+01
        2.20794952372e+02 3.42264106630e+00 9.21226023471e+01 7.19902694489e+00 9.55657314370e+01
        2.21088926611e+02 3.44771480262e+00 9.20836837770e+01 7.19953754332e+00 9.56721114286e+01
        2.29574347820e+02 3.60462409072e+00 9.54815986892e+01 7.47634778776e+00 9.93142727683e+01""",
    ("spector", "bernoulli", "GRADE", "GPA TUCE PSI"): """
        5.19758541009e+00 1.26754598200e+00 1.17922267744e-01 9.64419209608e-01
        5.55645252659e+00 1.35506365332e+00 1.26064206905e-01 1.03100750274e+00
        5.61458356984e+00 1.39844289534e+00 1.34289593440e-01 1.03593980482e+00
        6.08255328512e+00 1.55175762043e+00 1.53884611225e-01 1.11639134196e+00""",
    ("cpunish", "poisson", "EXECUTIONS", "INCOME PERPOVERTY PERBLACK VC100k96 SOUTH DEGREE"): """
        2.82602636000e+00 3.24494748929e-05 9.94972407935e-02 1.96903462598e-02 5.41892615101e-04 4.74855162557e-01
        4.28330005495e+00
        3.68468756866e+00 4.23089389538e-05 1.29728530298e-01 2.56730705392e-02 7.06541527946e-04 6.19135383572e-01
        5.58474000409e+00
        3.81488755879e+00 5.77405964973e-05 1.38377477650e-01 3.23086048081e-02 8.85379265831e-04 7.15881655515e-01
        6.82659508909e+00
        7.86325548554e+00 2.45638331865e-04 2.23035226358e-01 1.16103036102e-01 2.41088083421e-03 1.86839261671e+00
        2.11505506733e+01""",
}


@pytest.mark.parametrize("case", VCOVHC, ids=lambda case: case[0])
def test_leverage_corrections_are_those_of_sandwich(case: tuple[str, str, str, str]) -> None:
    name, likelihood, response, columns = case
    table = data(name)
    x, y = table[columns.split()], table[response]
    wanted = np.array(VCOVHC[case].split(), float).reshape(4, -1)
    base = mlefast.fit(x, y, likelihood=likelihood, **TIGHT)
    for kind, bse in zip(KINDS, wanted, strict=True):
        result = mlefast.fit(x, y, likelihood=likelihood, covariance=kind, **TIGHT)
        np.testing.assert_allclose(result.bse, bse, rtol=DIGITS)
        after = mlefast.with_covariance(base, kind, x, y)
        np.testing.assert_allclose(after.bse, bse, rtol=DIGITS)
        assert (after.covariance_type, after.use_t, after.llf) == (kind, False, base.llf)
    again = mlefast.with_covariance(after, "fisher", x, y)
    np.testing.assert_allclose(again.bse, base.bse, rtol=1e-9)
    assert again.use_t == base.use_t and f"sandwich ({kind})" in str(after.summary())


def test_in_fifty_digits() -> None:
    """H^-1 M H^-1 of the densities' derivatives, with mpmath."""
    table = data("spector")
    x, y, groups = table[["GPA", "TUCE", "PSI"]].to_numpy(), table["GRADE"].to_numpy(), np.arange(32) // 3
    result = mlefast.fit(x, y, tol=1e-12)
    with mp.workdps(50):
        rows = [mpmath.matrix([1, *row]) for row in x.tolist()]
        b = mpmath.matrix(result.params.tolist())
        for _ in range(3):  # Newton's steps from the estimate, so that its last digits are out of play
            mu = [1 / (1 + mp.exp(-(r.T * b)[0])) for r in rows]
            h = sum((m * (1 - m) * r * r.T for m, r in zip(mu, rows, strict=True)), mpmath.zeros(4))
            b -= mp.inverse(h) * sum(
                ((m - v) * r for m, v, r in zip(mu, y.tolist(), rows, strict=True)), mpmath.zeros(4, 1)
            )
        inverse = mp.inverse(h)
        lever = [m * (1 - m) * (r.T * inverse * r)[0] for m, r in zip(mu, rows, strict=True)]
        scores = [(m - v) * r for m, v, r in zip(mu, y.tolist(), rows, strict=True)]
        meats = {
            f"HC{k + 1}": sum((s * s.T / (1 - q) ** k for s, q in zip(scores, lever, strict=True)), mpmath.zeros(4))
            for k in (1, 2)
        }
        meats["HC0"] = sum((s * s.T for s in scores), mpmath.zeros(4))
        meats["HC1"] = meats["HC0"] * mp.mpf(32) / 28
        of_groups = [
            sum((s for s, g in zip(scores, groups, strict=True) if g == k), mpmath.zeros(4, 1)) for k in range(11)
        ]
        meats["cluster"] = sum((s * s.T for s in of_groups), mpmath.zeros(4)) * mp.mpf(11) / 10 * mp.mpf(31) / 28
        wanted = {kind: np.array((inverse * meat * inverse).tolist(), float) for kind, meat in meats.items()}
    for kind, matrix in wanted.items():
        found = mlefast.with_covariance(result, kind, x, y, groups=groups if kind == "cluster" else None)
        np.testing.assert_allclose(found.cov_params(), matrix, rtol=1e-9)


def test_clusters_are_those_of_sandwich() -> None:
    grunfeld = data("grunfeld")
    x, y = grunfeld[["value", "capital"]], grunfeld["invest"]
    one = [1.81362799927e01, 1.62004454371e-02, 8.54778168847e-02]  # vcovCL(cluster = ~firm, type = "HC1")
    two = [1.74239918429e01, 1.66764707346e-02, 8.00812066693e-02]  # cluster = ~firm + year
    result = mlefast.fit(x, y, likelihood="gaussian", groups=grunfeld["firm"])
    np.testing.assert_allclose(result.bse, one, rtol=DIGITS)
    assert (result.covariance_type, result.clusters) == ("cluster", (11,))
    assert "(11 clusters)" in " ".join(str(result.summary()).split())
    names, years = grunfeld["firm"], grunfeld["year"]
    for groups in (grunfeld[["firm", "year"]], [names, years], np.column_stack([pd.factorize(names)[0], years])):
        both = mlefast.fit(x, y, likelihood="gaussian", covariance="cluster", groups=groups)
        np.testing.assert_allclose(both.bse, two, rtol=DIGITS)
        assert both.clusters == (11, 20)
    formula = mlefast.fit_formula("invest ~ value + capital", grunfeld, likelihood="gaussian", groups=["firm", "year"])
    np.testing.assert_allclose(formula.bse, two, rtol=DIGITS)
    again = mlefast.with_covariance(formula, "cluster", grunfeld, y, groups="firm")
    np.testing.assert_allclose(again.bse, one, rtol=DIGITS)
    fair = data("fair")
    x = fair[["rate_marriage", "age", "yrs_married", "educ"]]
    wanted = [4.59146308167e-01, 2.20852172283e-02, 6.02703124860e-03, 3.38018396842e-03, 3.50251398567e-02]
    result = mlefast.fit(x, fair["affairs"] > 0, groups=fair["occupation"], **TIGHT)
    np.testing.assert_allclose(result.bse, wanted, rtol=DIGITS)


@pytest.mark.parametrize("link", ["probit", "cloglog"])
def test_expected_information(link: str) -> None:
    table = data("spector")
    x, y = table[["GPA", "TUCE", "PSI"]], table["GRADE"]
    links = {"probit": sm.families.links.Probit, "cloglog": sm.families.links.CLogLog}
    theirs = sm.GLM(y, sm.add_constant(x), sm.families.Binomial(links[link]())).fit(tol=1e-14, maxiter=200)
    found = mlefast.fit(x, y, likelihood=mlefast.Bernoulli(link), covariance="expected", **TIGHT)
    np.testing.assert_allclose(found.bse, theirs.bse, rtol=1e-7)
    if link == "probit":  # sqrt(diag(vcov(glm(..., binomial(probit)))))
        wanted = [2.57155820272e00, 6.89731396793e-01, 8.11948453714e-02, 5.86958870384e-01]
        np.testing.assert_allclose(found.bse, wanted, rtol=DIGITS)


def test_expected_information_of_counts_and_amounts() -> None:
    """With a log link the expected d2 of the gamma is 1 / dispersion, of the negative binomial mu / (1 + alpha mu)."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((200, 2)), rng.gamma(2.0, size=200)
    wide = np.column_stack([np.ones(200), x])
    gamma = mlefast.fit(x, y, likelihood="gamma", covariance="expected", **TIGHT)
    np.testing.assert_allclose(gamma.cov_params(), gamma.scale * np.linalg.inv(wide.T @ wide), rtol=1e-8)
    counts = rng.poisson(y)
    found = mlefast.fit(x, counts, likelihood=mlefast.NegativeBinomial(alpha=0.5), covariance="expected", **TIGHT)
    mu = np.exp(wide @ found.params)
    wanted = np.linalg.inv(wide.T @ (wide * (mu / (1 + 0.5 * mu))[:, np.newaxis]))
    np.testing.assert_allclose(found.cov_params(), wanted, rtol=1e-8)
    canonical = mlefast.fit(x, counts, likelihood="poisson", **TIGHT)
    np.testing.assert_allclose(mlefast.with_covariance(canonical, "expected", x, counts).bse, canonical.bse, rtol=1e-8)


def test_sampling_weights_are_those_of_survey() -> None:
    """svyglm(any ~ ..., svydesign(ids = ~1 or ~occupation, weights = ~yrs_married), quasibinomial)"""
    fair = data("fair")
    x, y, weights = fair[["rate_marriage", "age", "educ"]], fair["affairs"] > 0, fair["yrs_married"]
    wanted = [3.17672152465e-01, 3.82113243078e-02, 4.90714842525e-03, 1.61163048954e-02]
    of_groups = [3.89754565732e-01, 5.02788153033e-02, 5.13859454045e-03, 2.73819211857e-02]
    result = mlefast.fit(x, y, weights=weights, weight_kind="sampling", **TIGHT)
    np.testing.assert_allclose(
        result.params, [2.49183003908409, -0.67543291847613, 0.00929128699093, -0.03813397754129], rtol=1e-9
    )
    np.testing.assert_allclose(result.bse, wanted, rtol=DIGITS)
    grouped = mlefast.fit(x, y, weights=weights, weight_kind="sampling", groups=fair["occupation"], **TIGHT)
    np.testing.assert_allclose(grouped.bse, of_groups, rtol=DIGITS)
    after = mlefast.with_covariance(result, "survey", x, y, weights=weights, groups=fair["occupation"])
    np.testing.assert_allclose(after.bse, of_groups, rtol=DIGITS)
    assert result.nobs == len(y) and result.df_resid == len(y) - 4
    assert math.isnan(result.aic) and math.isnan(result.bic) and math.isnan(result.llr_pvalue)
    assert math.isfinite(result.llf) and "no AIC" in str(result.summary())
    linear = mlefast.fit(
        fair[["age", "educ"]], fair["rate_marriage"], likelihood="gaussian", weights=weights, weight_kind="sampling"
    )
    np.testing.assert_allclose(linear.bse, [1.28483746258e-01, 2.39702023892e-03, 7.54974137292e-03], rtol=DIGITS)
    tenfold = mlefast.fit(x, y, weights=10 * weights, weight_kind="sampling", **TIGHT)
    np.testing.assert_allclose(tenfold.bse, result.bse, rtol=1e-9)
    assert tenfold.llf == pytest.approx(result.llf, rel=1e-12)


def test_precision_weights_are_those_of_lm() -> None:
    """lm(murder ~ hs_grad + poverty + single, weights = urban): its summary, logLik, AIC, BIC."""
    table = data("statecrime")
    options = {"likelihood": "gaussian", "weights": table["urban"], "weight_kind": "precision"}
    result = mlefast.fit(table[["hs_grad", "poverty", "single"]], table["murder"], **options)
    np.testing.assert_allclose(
        result.bse, [1.00772433057e01, 1.02058823066e-01, 1.09712950629e-01, 5.20181822333e-02], rtol=DIGITS
    )
    assert (result.nobs, result.df_resid, result.use_t) == (51.0, 47.0, True)
    assert result.scale == pytest.approx(12.932278178, rel=1e-9)
    assert result.llf == pytest.approx(-97.923297225038, rel=1e-11)
    assert result.aic == pytest.approx(205.84659445008, rel=1e-11) and result.bic == pytest.approx(
        215.5057226137, rel=1e-11
    )
    wanted = {
        "HC1": [9.27539867646e00, 9.03916516702e-02, 1.14028511225e-01, 6.05913753662e-02],
        "HC2": [1.61549708014e01, 1.45882684051e-01, 1.26867137778e-01, 1.20107950149e-01],
        "HC3": [3.61238466732e01, 3.15677763438e-01, 1.84688441504e-01, 2.80399759666e-01],
    }
    for kind, bse in wanted.items():
        found = mlefast.fit(table[["hs_grad", "poverty", "single"]], table["murder"], covariance=kind, **options)
        np.testing.assert_allclose(found.bse, bse, rtol=DIGITS)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "poisson", "categorical"])
def test_frequencies_are_repeated_rows(likelihood: str) -> None:
    rng = np.random.default_rng(5)
    x, groups, weights = rng.standard_normal((150, 2)), rng.integers(0, 12, 150), rng.integers(0, 4, 150)
    y = {"gaussian": x[:, 0] + rng.standard_normal(150), "bernoulli": rng.integers(0, 2, 150)}.get(
        likelihood, rng.integers(0, 3, 150)
    )
    many = [np.repeat(part, weights, axis=0) for part in (x, y, groups)]
    for kind in mlefast.fit(x, y, likelihood=likelihood).family.covariances:
        if kind == "survey":
            continue
        labels = (groups, many[2]) if kind == "cluster" else (None, None)
        short = mlefast.fit(x, y, likelihood=likelihood, covariance=kind, weights=weights, groups=labels[0], **TIGHT)
        long = mlefast.fit(*many[:2], likelihood=likelihood, covariance=kind, groups=labels[1], **TIGHT)
        np.testing.assert_allclose(short.bse, long.bse, rtol=1e-7)
        assert (short.nobs, short.aic) == (long.nobs, pytest.approx(long.aic, rel=1e-10))


def test_threads_and_layouts_do_not_matter() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((5000, 30)), rng.integers(0, 2, 5000)
    results = [mlefast.fit(x, y, covariance="HC3", threads=threads).cov_params() for threads in (1, 2, 3)]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_allclose(
        mlefast.fit(np.asfortranarray(x), y, covariance="HC3").cov_params(), results[0], rtol=1e-12, atol=1e-18
    )


def test_own_likelihoods() -> None:
    def loss(eta, y):
        mu = np.exp(eta)
        return mu - y * eta, mu - y, mu

    rng = np.random.default_rng(7)
    x, y, groups = rng.standard_normal((300, 2)), rng.poisson(1.5, 300), rng.integers(0, 20, 300)
    own = mlefast.UserLikelihood(loss, convex=True)
    for kind in (*KINDS, "cluster"):
        labels = groups if kind == "cluster" else None
        found = mlefast.fit(x, y, likelihood=own, covariance=kind, groups=labels, **TIGHT)
        wanted = mlefast.fit(x, y, likelihood="poisson", covariance=kind, groups=labels, **TIGHT)
        np.testing.assert_allclose(found.bse, wanted.bse, rtol=1e-7)


def test_frequencies_with_a_shape_are_repeated_rows() -> None:
    rng = np.random.default_rng(12)
    x, y, weights = rng.standard_normal((300, 2)), rng.standard_t(4, 300), rng.integers(1, 4, 300)
    many = [np.repeat(part, weights, axis=0) for part in (x, y)]
    for kind in ("HC0", "HC1"):
        short = mlefast.fit(x, y, likelihood="student_t", covariance=kind, weights=weights, tol=1e-8)
        long = mlefast.fit(*many, likelihood="student_t", covariance=kind, tol=1e-8)
        np.testing.assert_allclose(short.bse, long.bse, rtol=1e-6)


def test_aliased_columns_and_absent_rows() -> None:
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((200, 2)), rng.integers(0, 2, 200)
    groups = rng.integers(0, 15, 200).astype(object)
    twice = np.column_stack([x, x[:, 0] + x[:, 1]])
    for kind, labels in (("HC3", None), ("cluster", groups)):
        with pytest.warns(mlefast.RankWarning):
            found = mlefast.fit(twice, y, covariance=kind, groups=labels, **TIGHT)
        wanted = mlefast.fit(x, y, covariance=kind, groups=labels, **TIGHT)
        np.testing.assert_allclose(found.bse[:3], wanted.bse, rtol=1e-7)
        assert np.isnan(found.bse[3])
        with pytest.warns(mlefast.RankWarning):
            plain = mlefast.fit(twice, y, **TIGHT)
        after = mlefast.with_covariance(plain, kind, twice, y, groups=labels)
        np.testing.assert_allclose(after.bse[:3], wanted.bse, rtol=1e-7)
    x[5, 0], groups[5] = np.nan, None  # a row that is dropped needs no group
    dropped = mlefast.fit(x, y, groups=groups, missing="drop", **TIGHT)
    kept = np.arange(200) != 5
    np.testing.assert_allclose(dropped.bse, mlefast.fit(x[kept], y[kept], groups=groups[kept], **TIGHT).bse, rtol=1e-9)


X = np.random.default_rng(9).standard_normal((60, 2))
Y = (X[:, 0] + np.random.default_rng(10).standard_normal(60) > 0).astype(int)
G = np.arange(60) // 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance": "HC4"}, "possible: fisher, expected, HC0, HC1, HC2, HC3, cluster, survey"),
        ({"covariance": "cluster"}, "Give groups"),
        ({"covariance": "HC1", "groups": G}, "groups has no meaning"),
        ({"covariance": "survey"}, "weight_kind='sampling'"),
        ({"covariance": "fisher", "weight_kind": "sampling"}, "sampling weights are none"),
        ({"weight_kind": "precision"}, "has no sigma"),
        ({"weight_kind": "analytic"}, "possible: frequency, precision, sampling"),
        ({"likelihood": "laplace", "weight_kind": "sampling"}, "not there for laplace"),
        ({"likelihood": "laplace", "groups": G}, "groups has no meaning"),
        ({"likelihood": "categorical", "covariance": "expected"}, "possible: fisher, HC0, HC1, HC2, HC3, cluster"),
        ({"likelihood": "student_t", "covariance": "expected"}, "possible: fisher, HC0, HC1, HC2, HC3, cluster"),
        ({"likelihood": "negative_binomial", "covariance": "expected"}, "log\\(alpha\\)"),
        ({"penalty": mlefast.Firth(), "groups": G}, "not there with a penalty"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        mlefast.fit(X, Y, **options)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (G[:-1], "59 rows"),
        (np.zeros(60), "one group"),
        (np.column_stack([G, G, G]), "3 columns"),
        ([None, *G[1:]], "1 missing label"),
        (np.where(G == 3, np.nan, G), "4 missing labels"),
    ],
)
def test_groups_that_are_none(groups: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mlefast.fit(X, Y, groups=groups)


def test_a_row_of_leverage_one() -> None:
    x = np.column_stack([X, np.arange(60) == 7])
    y = X[:, 0] + X[:, 1] ** 2
    with pytest.raises(OptionError, match="leverage 1"):
        mlefast.fit(x, y, likelihood="gaussian", covariance="HC3")
    assert np.isfinite(mlefast.fit(x, y, likelihood="gaussian", covariance="HC1").bse).all()


def test_another_covariance_needs_the_same_rows() -> None:
    result = mlefast.fit(X, Y)
    with pytest.raises(DataError, match="not the data of the fit"):
        mlefast.with_covariance(result, "HC1", X, 1 - Y)
    with pytest.raises(DataError, match="the model has 2"):
        mlefast.with_covariance(result, "HC1", X[:, :1], Y)
    with pytest.raises(OptionError, match="of its penalty"):
        mlefast.with_covariance(mlefast.fit(X, Y, penalty=mlefast.Firth()), "HC1", X, Y)
    with pytest.raises(OptionError, match="has its own kinds"):
        mlefast.with_covariance(mlefast.fit(X, X[:, 0] + Y, likelihood="laplace"), "HC1", X, X[:, 0] + Y)
