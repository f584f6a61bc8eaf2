# SPDX-License-Identifier: BSD-3-Clause
"""Real data sets, which statsmodels brings along, each with mlefast's fit and one of statsmodels.

A case is named by its data and its likelihood, such as "spector probit". Columns that would cost the reference its
digits are left out: longley's and macrodata's levels, and powers of other columns, are conditioned so badly that least
squares in doubles keeps fewer than eight. (tests/accuracy/ fits those, against 50 digits.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import optimize, special

import mlefast

_LINKS = sm.families.links
LIKELIHOODS: dict[str, tuple[Any, Any]] = {
    "logit": ("bernoulli", sm.families.Binomial()),
    "probit": (mlefast.Bernoulli("probit"), sm.families.Binomial(_LINKS.Probit())),
    "cloglog": (mlefast.Bernoulli("cloglog"), sm.families.Binomial(_LINKS.CLogLog())),
    "poisson": ("poisson", sm.families.Poisson()),
    "nb2": (mlefast.NegativeBinomial(alpha=0.5), sm.families.NegativeBinomial(alpha=0.5)),
    "gamma": ("gamma", sm.families.Gamma(_LINKS.Log())),
    "gaussian": ("gaussian", sm.families.Gaussian()),
}


_EVERY = {"randhie": 20, "fair": 4}  # of thousands of rows, which would take the references long


@cache
def table(name: str) -> pd.DataFrame:
    rows = getattr(sm.datasets, name).load_pandas().data
    return rows[:: _EVERY.get(name, 1)].reset_index(drop=True)


def _chosen_modes() -> pd.DataFrame:
    """One row for each of 210 travellers: what they chose."""
    rows = table("modechoice")
    return rows[rows["choice"] == 1].reset_index(drop=True)


def _unemployment() -> tuple[pd.DataFrame, pd.Series]:
    """Whether it fell, stayed or rose in 202 quarters."""
    rows = table("macrodata")
    rows = rows.assign(turn=np.sign(rows["unemp"].diff())).dropna().reset_index(drop=True)
    return rows[["infl", "realint"]], rows["turn"]


def _health() -> pd.Series:
    """Of randhie's people: poor, fair, good or excellent."""
    return 3 - table("randhie")[["hlthg", "hlthf", "hlthp"]] @ [1, 2, 3]


def _columns(name: str, columns: str, y: Callable[[pd.DataFrame], Any]) -> tuple[pd.DataFrame, pd.Series]:
    data = table(name)
    return data[columns.split()].astype(float).reset_index(drop=True), pd.Series(np.asarray(y(data), float), name="y")


_VISITS = "lncoins idp lpi fmde physlm disea hlthg hlthf hlthp"
LABELS = {
    "spector": lambda: _columns("spector", "GPA TUCE PSI", lambda t: t["GRADE"]),
    "fair": lambda: _columns("fair", "rate_marriage age children religious educ", lambda t: t["affairs"] > 0),
    "anes96": lambda: _columns("anes96", "logpopul selfLR age educ income", lambda t: t["vote"]),
    "ccard": lambda: _columns("ccard", "AGE INCOME AVGEXP", lambda t: t["OWNRENT"]),
    "heart": lambda: _columns("heart", "survival age", lambda t: t["censors"]),
    "randhie": lambda: _columns("randhie", _VISITS, lambda t: t["mdvis"] > 0),
}
COUNTS = {
    "randhie": lambda: _columns("randhie", _VISITS, lambda t: t["mdvis"]),
    "cpunish": lambda: _columns("cpunish", "PERPOVERTY PERBLACK SOUTH", lambda t: t["EXECUTIONS"]),
    "committee": lambda: _columns("committee", "SIZE SUBS STAFF PRESTIGE", lambda t: t["BILLS104"]),
    "anes96": lambda: _columns("anes96", "logpopul selfLR age educ income", lambda t: t["TVnews"]),
    "cancer": lambda: (np.log(table("cancer")[["population"]]), table("cancer")["cancer"].astype(float)),
    "heart": lambda: _columns("heart", "censors age", lambda t: t["survival"]),
    "strikes": lambda: _columns("strikes", "iprod", lambda t: t["duration"]),
}
AMOUNTS = {
    "scotland": lambda: _columns("scotland", "COUTAX UNEMPF MOR ACT AGE", lambda t: t["YES"]),
    "strikes": lambda: _columns("strikes", "iprod", lambda t: t["duration"]),
    "engel": lambda: _columns("engel", "income", lambda t: t["foodexp"]),
    "grunfeld": lambda: _columns("grunfeld", "value capital", lambda t: t["invest"]),
    "modechoice": lambda: _columns("modechoice", "invt hinc psize", lambda t: t["gc"]),
}
MEASUREMENTS = {
    "stackloss": lambda: _columns("stackloss", "AIRFLOW WATERTEMP ACIDCONC", lambda t: t["STACKLOSS"]),
    "statecrime": lambda: _columns("statecrime", "hs_grad poverty single white urban", lambda t: t["murder"]),
    "ccard": lambda: _columns("ccard", "AGE INCOME OWNRENT", lambda t: t["AVGEXP"]),
    "grunfeld": lambda: _columns("grunfeld", "value capital", lambda t: t["invest"]),
    "engel": lambda: _columns("engel", "income", lambda t: t["foodexp"]),
    "copper": lambda: _columns("copper", "COPPERPRICE INCOMEINDEX ALUMPRICE", lambda t: t["WORLDCONSUMPTION"]),
    "scotland": lambda: _columns("scotland", "COUTAX UNEMPF MOR ACT AGE", lambda t: t["YES"]),
}
CLASSES = {
    "anes96": lambda: _columns("anes96", "logpopul selfLR age educ income", lambda t: t["PID"]),
    "modechoice": lambda: (_chosen_modes()[["hinc", "psize"]], _chosen_modes()["mode"]),
    "fair": lambda: _columns("fair", "age yrs_married religious educ", lambda t: t["rate_marriage"]),
    "randhie": lambda: (table("randhie")[["lncoins", "physlm", "disea"]], _health()),
    "macrodata": _unemployment,
}
DATA = {
    **dict.fromkeys(("logit", "probit", "cloglog"), LABELS),
    **dict.fromkeys(("poisson", "nb2"), COUNTS),
    "gamma": AMOUNTS,
    "gaussian": MEASUREMENTS,
}


def names(*likelihoods: str) -> list[str]:
    """The cases of some likelihoods, of all if there are none."""
    return [f"{data} {likelihood}" for likelihood in likelihoods or DATA for data in DATA[likelihood]]


def fit_exactly(x: Any, y: Any, **options: Any) -> mlefast.Result:
    """A fit whose Hessian is that of the maximum itself: a fit takes it where its last step began."""
    once = mlefast.fit(x, y, tol=1e-9, **options)
    return mlefast.fit(x, y, tol=1e-9, start=once.params, **options)


def agree(found: Any, expected: Any, digits: float = 1e-8, of: Any = 0.0) -> None:
    """Eight digits; a difference of numbers of the size `of` has eight of theirs."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    excess = np.abs(found - expected) - digits * (np.abs(expected) + of)
    worst = np.unravel_index(np.argmax(excess), excess.shape)
    assert (excess <= 0.0).all(), f"{found[worst]!r} is not {expected[worst]!r}, at {worst}"


@dataclass(frozen=True)
class Case:
    """Data and a likelihood with one linear predictor."""

    name: str

    @property
    def likelihood(self) -> str:
        return self.name.split()[1]

    @cached_property
    def data(self) -> tuple[pd.DataFrame, pd.Series]:
        return DATA[self.likelihood][self.name.split()[0]]()

    @property
    def family(self) -> Any:
        return LIKELIHOODS[self.likelihood][1]

    @cached_property
    def wide(self) -> np.ndarray:
        """The columns with ones first."""
        return np.column_stack([np.ones(len(self.data[0])), self.data[0]])

    def fit(self, **options: Any) -> mlefast.Result:
        return fit_exactly(*self.data, likelihood=LIKELIHOODS[self.likelihood][0], **options)

    @cached_property
    def ours(self) -> mlefast.Result:
        return self.fit()

    @cached_property
    def theirs(self) -> Any:
        """Iterated until nothing moves; its covariance is that of the expected information."""
        return fit_glm(self.data[1], sm.add_constant(self.data[0]), self.family)

    @cached_property
    def inferred(self) -> Any:
        """Statsmodels' fit with the dispersion of gamma that mlefast has, of largest likelihood and not Pearson's."""
        if self.likelihood != "gamma":
            return self.theirs
        model = sm.GLM(self.data[1], sm.add_constant(self.data[0]), family=self.family)
        fitted = model.fit(start_params=self.theirs.params, scale=self.dispersion)
        fitted._results.scale = self.dispersion  # an array without axes otherwise, which get_prediction cannot divide
        return fitted

    @cached_property
    def derivatives(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the rows' losses with respect to eta: the first, the second, and what is expected of the second."""
        model, params = self.theirs.model, np.asarray(self.theirs.params)
        phi = self.dispersion
        return (
            -model.score_factor(params, scale=1.0) / phi,
            model.hessian_factor(params, scale=1.0, observed=True) / phi,
            model.hessian_factor(params, scale=1.0, observed=False) / phi,
        )

    @cached_property
    def dispersion(self) -> float:
        """The estimate in the covariance: sigma^2 = RSS / (n - p), or phi of largest gamma likelihood."""
        if self.likelihood == "gamma":
            excess = self.theirs.deviance / (2.0 * len(self.wide))
            root = optimize.brentq(lambda nu: np.log(nu) - special.digamma(nu) - excess, 1e-3, 1e6, xtol=1e-300)
            return float(1.0 / root)
        return float(self.theirs.scale)


def fit_glm(y: Any, wide: Any, family: Any, **options: Any) -> Any:
    model = sm.GLM(y, wide, family=family, **options)
    return model.fit(tol=1e-13, maxiter=300, tol_criterion="params")


@cache
def case(name: str) -> Case:
    return Case(name)


@dataclass(frozen=True)
class ClassesCase:
    """Data with classes."""

    name: str

    @cached_property
    def data(self) -> tuple[pd.DataFrame, pd.Series]:
        return CLASSES[self.name]()

    @cached_property
    def ours(self) -> mlefast.Result:
        return fit_exactly(*self.data, likelihood="categorical")

    @cached_property
    def theirs(self) -> Any:
        return sm.MNLogit(self.data[1], sm.add_constant(self.data[0])).fit(
            disp=False, method="newton", maxiter=50, tol=1e-13, warn_convergence=False
        )

    @cached_property
    def params(self) -> np.ndarray:
        """Statsmodels', an equation in each row."""
        return np.asarray(self.theirs.params).T


@cache
def classes(name: str) -> ClassesCase:
    return ClassesCase(name)
