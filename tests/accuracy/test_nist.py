# SPDX-License-Identifier: BSD-3-Clause
"""Linear least squares on the Statistical Reference Datasets of NIST, whose values are certified to 15 digits.

A number of a data file is a decimal one; the files are proved to be those that the values were certified for by
solving them in rational arithmetic.
"""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import mlefast

FOLDER = Path(__file__).parent / "nist"
NAMES = sorted(path.stem for path in FOLDER.glob("*.dat"))


class Certified:
    """A file: `# certified` lines, `# data` lines, and the numbers between them."""

    def __init__(self, name):
        parts = []
        for line in (FOLDER / f"{name}.dat").read_text().splitlines():
            if line.startswith(("# certified", "# data")):
                parts.append([])
            elif not line.startswith("#"):
                parts[-1].append(line.split())
        parameters, (fit,), self.data = parts
        self.names, self.estimates, self.deviations = zip(*parameters, strict=True)
        self.sigma, self.r_squared = fit
        self.intercept = self.names[0] == "B0"

    def columns(self, number):
        """Columns of X without the constant, and y; powers of x where there is one column only."""
        y, *x = zip(*(map(number, row) for row in self.data), strict=True)
        if len(x) == 1:
            x = [[v**k for v in x[0]] for k in range(1, len(self.names) + (not self.intercept))]
        return x, y

    def fit(self):
        x, y = self.columns(float)
        with warnings.catch_warnings():
            if name_is_exact(self):
                warnings.simplefilter("ignore", mlefast.SeparationWarning)
            return mlefast.fit(np.column_stack(x), y, likelihood="gaussian", intercept=self.intercept)


def name_is_exact(certified):
    """Whether the columns fit y without errors, of which the fit warns."""
    return float(certified.sigma) == 0.0


def solve(a, b):
    """A^-1 b for a matrix b, by Gaussian elimination."""
    rows = [[*left, *right] for left, right in zip(a, b, strict=True)]
    for i, row in enumerate(rows):
        rows[i] = [v / row[i] for v in row]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [v - rows[j][i] * u for v, u in zip(rows[j], rows[i], strict=True)]
    return [row[len(a) :] for row in rows]


def agree(exact, certified):
    """Whether 15 digits are the same, but for one unit of the last."""
    return abs(exact - mpf(certified)) <= mpf(10) ** -14 * (abs(exact) or 1)


def root(square):
    return mpmath.sqrt(mpf(square.numerator) / square.denominator)


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_those_that_were_certified(name):
    certified = Certified(name)
    x, y = certified.columns(Fraction)
    x = [[Fraction(1)] * len(y), *x] if certified.intercept else x
    gram = [[sum(a * b for a, b in zip(u, v, strict=True)) for v in x] for u in x]
    right = [[Fraction(i == j) for j in range(len(x))] + [sum(map(Fraction.__mul__, u, y))] for i, u in enumerate(x)]
    answer = solve(gram, right)
    estimates = [row[-1] for row in answer]
    residuals = [v - sum(map(Fraction.__mul__, estimates, row)) for v, row in zip(y, zip(*x, strict=True), strict=True)]
    squares = sum(r * r for r in residuals)
    variance = squares / (len(y) - len(x))
    centre = sum(y) / len(y) if certified.intercept else 0
    with mpmath.workdps(40):
        for j, (estimate, wanted, deviation) in enumerate(
            zip(estimates, certified.estimates, certified.deviations, strict=True)
        ):
            assert agree(mpf(estimate.numerator) / estimate.denominator, wanted)
            assert agree(root(variance * answer[j][j]), deviation)
        assert agree(root(variance), certified.sigma)
        share = 1 - squares / sum((v - centre) ** 2 for v in y)
        assert agree(mpf(share.numerator) / share.denominator, certified.r_squared)


@pytest.mark.parametrize("name", NAMES)
def test_all_digits_that_doubles_determine(name, digits):
    certified, wanted = Certified(name), 7.0 if name == "Filip" else 9.0
    result = certified.fit()
    assert result.rank == len(certified.names)
    assert digits(result.params, certified.estimates) >= wanted
    assert digits(result.bse, certified.deviations) >= wanted
    assert digits([result.scale], [certified.sigma]) >= wanted
    assert result.converged != name_is_exact(certified)


@pytest.mark.parametrize("name", ["Filip", "Wampler5", "Longley"])
def test_the_coefficients_are_the_exact_ones_of_the_doubles(name, digits, reference):
    certified = Certified(name)
    x, y = certified.columns(float)
    x = np.column_stack([np.ones(len(y)), *x])
    exact, _, _ = reference(x, y, lambda eta, v: ((v - eta) ** 2 / 2, eta - v, mpf(1)))
    assert digits(certified.fit().params, exact) >= (15.0 if name != "Longley" else 11.0)
