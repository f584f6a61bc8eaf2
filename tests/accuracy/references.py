# SPDX-License-Identifier: BSD-3-Clause
"""Maximum-likelihood fits of real data in 50 digits, from densities alone; `python tests/accuracy/references.py` writes
references.json.

The data are bundled with statsmodels. Derivatives of a row's density are differences in 150 digits, so that no formula
of a derivative enters; Newton's method then finds where the gradient vanishes, and the Hessian is positive there.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import NamedTuple

import mpmath
import numpy as np
import statsmodels.api as sm
from mpmath import mp, mpf

import mlefast

PATH = Path(__file__).with_name("references.json")
_WORKING, _STEP = 150, mpf(10) ** -35


class Case(NamedTuple):
    """A fit, its density as a function of the linear predictors, the shape parameters and y."""

    likelihood: object
    density: object
    data: object  # to X, y, offset
    equations: int = 1
    shapes: int = 0


def bernoulli(eta, shape, y):
    return mp.log1p(mp.exp(eta[0] if not y else -eta[0]))


def probit(eta, shape, y):
    return -mp.log(mp.ncdf(eta[0] if y else -eta[0]))


def cloglog(eta, shape, y):
    return -mp.log(-mp.expm1(-mp.exp(eta[0]))) if y else mp.exp(eta[0])


def gaussian(eta, shape, y):
    """shape: log sigma."""
    return ((y - eta[0]) / mp.exp(shape[0])) ** 2 / 2 + shape[0] + mp.log(2 * mp.pi) / 2


def poisson(eta, shape, y):
    return mp.exp(eta[0]) - y * eta[0] + mp.loggamma(y + 1)


def gamma(eta, shape, y):
    """shape: log nu."""
    nu = mp.exp(shape[0])
    return nu * (y * mp.exp(-eta[0]) + eta[0]) - nu * shape[0] - (nu - 1) * mp.log(y) + mp.loggamma(nu)


def negative_binomial(eta, shape, y):
    """shape: log alpha."""
    r, mu = mp.exp(-shape[0]), mp.exp(eta[0])
    rise = mp.loggamma(y + r) - mp.loggamma(r) - mp.loggamma(y + 1)
    return -rise + (r + y) * mp.log(r + mu) - r * mp.log(r) - y * eta[0]


def student_t(nu=None):
    def density(eta, shape, y):
        """shape: log sigma, log nu."""
        n = mp.exp(shape[1]) if nu is None else mpf(nu)
        z = (y - eta[0]) / mp.exp(shape[0])
        constant = mp.loggamma((n + 1) / 2) - mp.loggamma(n / 2) - mp.log(n * mp.pi) / 2
        return (n + 1) / 2 * mp.log1p(z * z / n) + shape[0] - constant

    return density


def categorical(eta, shape, y):
    return mp.log(1 + mp.fsum(map(mp.exp, eta))) - (eta[int(y) - 1] if y else 0)


def frame(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package that brings the data
        return getattr(sm.datasets, name).load_pandas().data


def columns(name, response, covariates=None, rows=slice(None), offset=None, change=None):
    """A function that reads X, y and the offset; `covariates` are all other columns by default."""

    def read():
        data = frame(name)[rows].astype(float)
        y = data[response].to_numpy() if change is None else change(data[response].to_numpy())
        names = [c for c in data.columns if c != response] if covariates is None else covariates
        shift = None if offset is None else np.log(data[offset].to_numpy())
        return data[names].to_numpy(), y, shift

    return read


def travel_modes():
    data = frame("modechoice").astype(float)
    chosen = data[data["choice"] == 1.0]
    return chosen[["hinc", "psize"]].to_numpy(), chosen["mode"].to_numpy() - 1.0, None


CASES = {
    "spector": Case("bernoulli", bernoulli, columns("spector", "GRADE")),
    "spector, probit": Case(mlefast.Bernoulli(link="probit"), probit, columns("spector", "GRADE")),
    "spector, cloglog": Case(mlefast.Bernoulli(link="cloglog"), cloglog, columns("spector", "GRADE")),
    "fair": Case(
        "bernoulli", bernoulli, columns("fair", "affairs", rows=slice(0, None, 32), change=lambda y: (y > 0) * 1.0)
    ),
    "anes96": Case(
        "bernoulli", bernoulli, columns("anes96", "vote", ["selfLR", "age", "educ", "income"], slice(0, None, 5))
    ),
    "heart": Case(mlefast.Bernoulli(link="cloglog"), cloglog, columns("heart", "censors", ["age"])),
    "modechoice": Case("categorical", categorical, travel_modes, equations=3),
    "longley": Case("gaussian", gaussian, columns("longley", "TOTEMP"), shapes=1),
    "stackloss": Case("gaussian", gaussian, columns("stackloss", "STACKLOSS"), shapes=1),
    "copper": Case("gaussian", gaussian, columns("copper", "WORLDCONSUMPTION"), shapes=1),
    "cpunish": Case("poisson", poisson, columns("cpunish", "EXECUTIONS")),
    "cancer": Case(
        "poisson", poisson, columns("cancer", "cancer", ["population"], slice(0, None, 2), offset="population")
    ),
    "scotland": Case("gamma", gamma, columns("scotland", "YES"), shapes=1),
    "strikes": Case("gamma", gamma, columns("strikes", "duration"), shapes=1),
    "ccard": Case("gamma", gamma, columns("ccard", "AVGEXP"), shapes=1),
    "committee": Case("negative_binomial", negative_binomial, columns("committee", "BILLS104"), shapes=1),
    "randhie": Case(
        "negative_binomial",
        negative_binomial,
        columns("randhie", "mdvis", ["lncoins", "disea", "physlm"], slice(0, None, 101)),
        shapes=1,
    ),
    "stackloss, t": Case(mlefast.StudentT(nu=4), student_t(4), columns("stackloss", "STACKLOSS"), shapes=1),
    "engel, t": Case("student_t", student_t(), columns("engel", "foodexp"), shapes=2),
}


def fit(case, **options):
    """The fit by mlefast of the same data."""
    x, y, offset = case.data()
    return mlefast.fit(x, y, likelihood=case.likelihood, offset=offset, **options)


def parameters(result):
    """All parameters of a fit in one row, as in a reference; of a profiled scale its logarithm comes last."""
    params = result.params.ravel()
    if result.family.name == "gaussian":
        sigma = result.scale * np.sqrt(result.df_resid / result.nobs)
        return np.hstack([params, np.log(sigma)])
    return np.hstack([params, -np.log(result.scale)]) if result.family.name == "gamma" else params


def derivatives(case, eta, shape, y):
    """The density of a row, its gradient and its Hessian, all with respect to eta and the shape parameters."""
    size, h = len(eta) + len(shape), _STEP

    def value(*moves):
        at = [*eta, *shape]
        for j, by in moves:
            at[j] += by
        return case.density(at[: len(eta)], at[len(eta) :], y)

    here = value()
    near = [(value((j, h)), value((j, -h))) for j in range(size)]
    hessian = mpmath.matrix(size)
    for j in range(size):
        hessian[j, j] = (near[j][0] - 2 * here + near[j][1]) / h**2
        for k in range(j):
            corners = value((j, h), (k, h)) - value((j, h), (k, -h)) - value((j, -h), (k, h)) + value((j, -h), (k, -h))
            hessian[j, k] = hessian[k, j] = corners / (4 * h**2)
    return here, [(up - down) / (2 * h) for up, down in near], hessian


def expand(case, rows, y, offset, params):
    """The negative log-likelihood, its gradient and its Hessian."""
    width = len(rows[0])
    size = len(params)
    total, gradient, hessian = mpf(0), [mpf(0)] * size, mpmath.matrix(size)
    for row, v, shift in zip(rows, y, offset, strict=True):
        eta = [shift + mp.fdot(row, params[k * width : (k + 1) * width]) for k in range(case.equations)]
        value, d1, d2 = derivatives(case, eta, params[case.equations * width :], v)
        total += value
        # the derivative of eta_k with respect to each parameter, and of the shape parameters
        maps = [(k, k * width + j, a) for k in range(case.equations) for j, a in enumerate(row)]
        maps += [(case.equations + j, case.equations * width + j, mpf(1)) for j in range(case.shapes)]
        for k, i, a in maps:
            gradient[i] += d1[k] * a
            for m, j, b in maps:
                if j <= i:
                    hessian[i, j] += d2[k, m] * a * b
    for i in range(size):
        for j in range(i):
            hessian[j, i] = hessian[i, j]
    return total, gradient, hessian


def solve(case, digits=50):
    """Parameters, their standard errors (inverse Hessian) and the log-likelihood, as decimal strings."""
    x, y, offset = case.data()
    params = [
        mpf(float(v)) for v in parameters(fit(case))
    ]  # where to begin; where Newton ends is proved by the gradient
    with mp.workdps(_WORKING):
        rows = [[mpf(1), *(mpf(float(v)) for v in row)] for row in x]
        y = [mpf(float(v)) for v in y]
        shifts = [mpf(0)] * len(y) if offset is None else [mpf(float(v)) for v in offset]
        for _ in range(12):
            total, gradient, hessian = expand(case, rows, y, shifts, params)
            step = mpmath.lu_solve(hessian, [-g for g in gradient])
            decrement = -mp.fdot(gradient, step)
            params = [b + s for b, s in zip(params, step, strict=True)]
            if decrement < mpf(10) ** (-2 * digits - 4):
                break
        else:
            raise ArithmeticError("Newton's method has not converged")
        mpmath.cholesky(hessian)  # fails unless it is positive definite
        inverse = hessian**-1
        errors = [mpmath.sqrt(inverse[j, j]) for j in range(len(params))]
        text = [[mp.nstr(v, digits) for v in values] for values in (params, errors)]
        return {"params": text[0], "errors": text[1], "llf": mp.nstr(-total, digits)}


if __name__ == "__main__":
    PATH.write_text(json.dumps({name: solve(case) for name, case in CASES.items()}, indent=1) + "\n")
