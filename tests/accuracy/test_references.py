# SPDX-License-Identifier: BSD-3-Clause
"""Fits of real data against 50 digits (see references.py), and medians against exact arithmetic."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from mpmath import mpf

import mlefast

from .references import CASES, PATH, columns, fit, parameters, solve

REFERENCES = json.loads(PATH.read_text())


def errors_in_standard_errors(result, reference):
    return max(
        float(abs(mpf(float(a)) - mpf(b)) / mpf(s))
        for a, b, s in zip(parameters(result), reference["params"], reference["errors"], strict=True)
    )


def standard_errors(result, reference):
    """Those of a reference as the fit reports them: for Gaussian data by n - p, without those of a profiled scale."""
    wanted = [mpf(s) for s in reference["errors"]][: result.params.size]
    factor = mpf(result.nobs) / mpf(result.df_resid) if result.family.quadratic else mpf(1)
    return [s * factor**0.5 for s in wanted]


def test_there_is_a_reference_for_each_case():
    assert set(REFERENCES) == set(CASES)


@pytest.mark.parametrize("name", ["spector", "cpunish", "committee"])
def test_the_references_are_what_the_script_makes(name):
    found = solve(CASES[name], digits=30)
    for kind in ("params", "errors"):
        for a, b in zip(found[kind], REFERENCES[name][kind], strict=True):
            assert abs(mpf(a) - mpf(b)) <= mpf(10) ** -28 * abs(mpf(b))


@pytest.mark.parametrize("name", CASES)
def test_coefficients_standard_errors_and_likelihood(name, digits):
    case, reference = CASES[name], REFERENCES[name]
    tol = 1e-9
    result = fit(case, tol=tol)
    count = result.params.size
    off = errors_in_standard_errors(result, reference)
    certificate = result.certificate
    assert result.converged
    assert off <= tol
    assert off <= 1.1 * certificate.distance + certificate.rounding + 1e-12  # of a scale, which has no certificate
    assert digits(result.bse.ravel(), standard_errors(result, reference)) >= 9.0
    assert digits([result.llf], [reference["llf"]]) >= 12.0
    assert digits(result.params.ravel(), reference["params"][:count]) >= 9.0


@pytest.mark.parametrize("solver", ["irls", "lbfgs", "gradient"])
@pytest.mark.parametrize("name", sorted(CASES.keys() - {"engel, t"}))  # which takes gradient descent 15 seconds
def test_every_solver_comes_to_the_same_maximum(name, solver):
    result = fit(CASES[name], tol=5e-9, solver=solver, max_iter=100_000)
    assert errors_in_standard_errors(result, REFERENCES[name]) <= 1e-8


def exact_median(x, y, basis):
    """The plane through the rows of the basis, in rational numbers; None if there are several."""
    rows = [[*map(Fraction, x[i]), Fraction(y[i])] for i in basis]
    for i in range(len(rows)):
        pivot = next((j for j in range(i, len(rows)) if rows[j][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [v - rows[j][i] * u for v, u in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]


@pytest.mark.parametrize(("name", "response"), [("stackloss", "STACKLOSS"), ("engel", "foodexp")])
def test_medians_are_the_exact_ones(name, response, digits):
    x, y, _ = columns(name, response)()
    result = mlefast.fit(x, y, likelihood="laplace")
    full = np.column_stack([np.ones(len(y)), x])
    near = np.argsort(np.abs(y - full @ result.params))[: full.shape[1] + 2]
    # of all planes through rows that the fit touches or nearly so the one with the least exact loss, which is that of
    # the whole problem if it is the loss of the fit, whose duality gap is proved to be rounding
    planes = [p for basis in combinations(near, full.shape[1]) if (p := exact_median(full, y, basis)) is not None]
    rows = [[Fraction(v) for v in row] for row in full]

    def loss(plane):
        return sum(abs(Fraction(v) - sum(map(Fraction.__mul__, plane, row))) for v, row in zip(y, rows, strict=True))

    best = min(planes, key=loss)
    assert digits(result.params, [mpf(b.numerator) / b.denominator for b in best]) >= 12.0
    assert result.certificate.met and result.certificate.gap <= 1e-12
