# SPDX-License-Identifier: BSD-3-Clause
"""Bad input gets one clear error that names the cause, the column, the first rows and the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlefast
from mlefast import DataError, OptionError


def table(n: int = 100, p: int = 3):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, p)), np.arange(n) % 2.0


def spoiled(array: np.ndarray, where: object, value: float) -> np.ndarray:
    array = array.copy()
    array[where] = value
    return array


X, Y = table()

CASES = {
    "NaN in X": (
        lambda: mlefast.fit(spoiled(X, (7, 1), np.nan), Y),
        r"'x2' of X has 1 missing.*rows: 7\).*missing=\"drop\"",
    ),
    "infinity in X": (lambda: mlefast.fit(spoiled(X, (5, 0), np.inf), Y), r"'x1' of X has 1 infinite.*rows: 5"),
    "NaN in y": (lambda: mlefast.fit(X, spoiled(Y, 3, np.nan)), r"y has 1 missing.*rows: 3"),
    "infinity in y": (lambda: mlefast.fit(X, spoiled(Y, 3, np.inf)), r"y has 1 infinite.*rows: 3"),
    "NaN in weights": (lambda: mlefast.fit(X, Y, weights=spoiled(Y + 1, 2, np.nan)), r"weights has 1 missing.*rows: 2"),
    "infinity in offset": (lambda: mlefast.fit(X, Y, offset=spoiled(Y, 9, np.inf)), r"offset has 1 infinite.*rows: 9"),
    "three labels": (lambda: mlefast.fit(X, spoiled(Y, 4, 0.5)), r"not two-valued.*0\.5.*rows: 4"),
    "three strings": (
        lambda: mlefast.fit(X[:3], ["a", "b", "c"]),
        r"not two-valued: it holds 3 labels \('a', 'b', 'c'\)",
    ),
    "one label": (lambda: mlefast.fit(X, np.zeros(100)), r"one value only"),
    "None in y": (lambda: mlefast.fit(X[:3], ["a", None, "b"]), r"1 missing labels \(first rows: 1\)"),
    "lengths": (lambda: mlefast.fit(X, Y[:99]), r"y has 99 rows, X has 100"),
    "length of weights": (lambda: mlefast.fit(X, Y, weights=Y[:5]), r"weights has 5 rows, X has 100"),
    "no rows": (lambda: mlefast.fit(X[:0], Y[:0]), r"X has no rows"),
    "nothing to fit": (lambda: mlefast.fit(X[:, :0], Y, intercept=False), r"no columns and there is no intercept"),
    "negative weights": (
        lambda: mlefast.fit(X, Y, weights=Y - 0.5),
        r"50 negative values \(first rows: 0, 2, 4, 6, 8\)",
    ),
    "zero weights": (lambda: mlefast.fit(X, Y, weights=Y * 0), r"all weights are zero"),
    "three dimensions": (lambda: mlefast.fit(np.zeros((2, 2, 2)), Y), r"3 dimensions"),
    "objects": (lambda: mlefast.fit(X.astype(object), Y), r"type object.*astype\(float\)"),
    "strings": (lambda: mlefast.fit(X.astype(str), Y), r"fit_formula"),
    "complex": (lambda: mlefast.fit(X.astype(complex), Y), r"Complex"),
    "half": (lambda: mlefast.fit(X.astype(np.float16), Y), r"float16.*astype"),
    "names": (lambda: mlefast.fit(X, Y, names=["a", "b"]), r"names has 2 entries, X has 3 columns"),
    "same names": (lambda: mlefast.fit(X, Y, names=["a", "b", "a"]), r"'a' more than once"),
    "params": (lambda: mlefast.evaluate(X, Y, np.zeros(3)), r"shape \(3,\); it must be \(4,\)"),
    "y out of range": (lambda: mlefast.evaluate(X, Y * 2, np.zeros(4)), r"y holds 2.0 \(first rows: 1, 3"),
    "params not finite": (lambda: mlefast.evaluate(X, Y, [0, 0, 0, np.nan]), r"params holds NaN or infinite"),
    "infinity, order 0": (lambda: mlefast.evaluate(spoiled(X, (5, 0), np.inf), Y, np.ones(4), order=0), r"'x1' of X"),
    "start": (lambda: mlefast.fit(X, Y, start=[1.0]), r"start has the shape \(1,\)"),
    "start of text": (
        lambda: mlefast.fit(X, Y, start="zero"),
        r"start='zero' is not made of real numbers; it must hold",
    ),
    "ragged start": (lambda: mlefast.fit(X, Y, start=[0, [1, 2], 0, 0]), r"start=\[0, \[1, 2\], 0, 0\] is ragged"),
    "complex start": (lambda: mlefast.fit(X, Y, start=[0, 1j, 0, 0]), r"start=.*not made of real numbers"),
    "start too far": (lambda: mlefast.fit(X, Y, start=[0, 1e308, 1e308, 0]), r"overflows.*Start nearer to zero"),
    "params of text": (lambda: mlefast.evaluate(X, Y, list("abcd")), r"params=.*not made of real numbers"),
    "params too large": (lambda: mlefast.evaluate(X, Y, [0, 1e308, 1e308, 0]), r"overflows.*Use smaller params"),
    "names no list": (lambda: mlefast.fit(X, Y, names=5), r"names=5 is not a list"),
    "name of the intercept": (
        lambda: mlefast.fit(X, Y, names=["a", "Intercept", "b"]),
        r"column 'Intercept', which is the name.*Rename the column, or use intercept=False",
    ),
    "both infinities": (
        lambda: mlefast.fit(spoiled(spoiled(X, (4, 0), np.inf), (5, 0), -np.inf), Y),
        r"'x1' of X has 2 infinite values \(first rows: 4, 5\)",
    ),
    "huge in X": (
        lambda: mlefast.fit(spoiled(X, (5, 2), 1e155), Y),
        r"'x3' of X has 1 value beyond 1e\+150.*rows: 5\)",
    ),
    "huge in X, lbfgs": (lambda: mlefast.fit(spoiled(X, (5, 2), -1e300), Y, solver="lbfgs"), r"'x3'.*rows: 5\)"),
    "huge in offset": (lambda: mlefast.fit(X, Y, offset=spoiled(Y, 9, 1e200)), r"offset has 1 value beyond.*rows: 9\)"),
    "huge in weights": (lambda: mlefast.fit(X, Y, weights=Y + 1e300), r"weights has 100 values beyond"),
    "name of y": (
        lambda: mlefast.fit(X, pd.Series(spoiled(Y, 4, 0.5), name="late")),
        r"^column 'late' \(y\) is not two-valued",
    ),
    "name of the weights": (
        lambda: mlefast.fit(X, Y, weights=pd.Series(Y - 2, name="n")),
        r"^column 'n' \(weights\) has 100 negative values",
    ),
    "name of the offset": (
        lambda: mlefast.fit(X, Y, offset=pl.Series("shift", spoiled(Y, 9, np.nan))),
        r"^column 'shift' \(offset\) has 1 missing value",
    ),
    "text as weights": (lambda: mlefast.fit(X, Y, weights=["a"] * 100), r"weights holds 'a'; it must hold numbers"),
    "name of an offset": (lambda: mlefast.fit(X, Y).predict(X, offset="shift"), r"offset='shift' names a column"),
    "nothing left": (lambda: mlefast.fit(X * np.nan, Y, missing="drop"), r"every row has a missing value"),
}
OPTIONS = {
    "likelihood": (lambda: mlefast.fit(X, Y, likelihood="bernouli"), r"unknown.*Did you mean 'bernoulli'"),
    "likelihood that is a class": (
        lambda: mlefast.fit(X, Y, likelihood=mlefast.Bernoulli),
        r"likelihood=Bernoulli is a class. Use an object of it, Bernoulli\(\)",
    ),
    "no likelihood": (lambda: mlefast.fit(X, Y, likelihood=None), r"likelihood=None is no likelihood; possible: bern"),
    "number as likelihood": (lambda: mlefast.evaluate(X, Y, np.zeros(4), likelihood=5), r"likelihood=5 is no"),
    "solver": (lambda: mlefast.fit(X, Y, solver="newton"), r"possible: auto, irls, lbfgs"),
    "missing": (lambda: mlefast.fit(X, Y, missing="skip"), r"possible: raise, drop"),
    "threads": (lambda: mlefast.fit(X, Y, threads=0), r"whole number from 1"),
    "too many threads": (lambda: mlefast.fit(X, Y, threads=10**30), r"from 1 to 65536, or None"),
    "tol": (lambda: mlefast.fit(X, Y, tol=0.0), r"positive"),
    "no tol": (lambda: mlefast.fit(X, Y, tol=None), r"tol=None must be a positive number"),
    "text as tol": (lambda: mlefast.fit(X, Y, tol="1e-3"), r"tol='1e-3' must be a positive number"),
    "array as tol": (lambda: mlefast.fit(X, Y, tol=np.full(3, 1e-6)), r"tol=array\(.*positive number"),
    "max_iter": (lambda: mlefast.fit(X, Y, max_iter=1.5), r"whole number"),
    "text as max_iter": (lambda: mlefast.fit(X, Y, max_iter="5"), r"max_iter='5' must be a whole number"),
    "intercept as text": (lambda: mlefast.fit(X, Y, intercept="no"), r"intercept='no' must be True or False"),
    "intercept as array": (
        lambda: mlefast.fit(X, Y, intercept=np.ones(100)),
        r"^intercept=array.*must be True or False",
    ),
    "progress": (lambda: mlefast.fit(X, Y, progress="yes"), r"progress='yes' cannot be called"),
    "alpha as text": (lambda: mlefast.fit(X, Y).conf_int("5"), r"alpha='5' must be a number between 0 and 1"),
    "alpha": (lambda: mlefast.fit(X, Y).conf_int(5), r"alpha=5 must be a number between 0 and 1"),
    "order as array": (lambda: mlefast.evaluate(X, Y, np.zeros(4), order=np.array([1, 2])), r"must be 0, 1 or 2"),
    "covariance": (lambda: mlefast.fit(X, Y, covariance="HC4"), r"possible: fisher"),
    "groups": (lambda: mlefast.fit(X, Y, groups=Y, covariance="HC0"), r"groups"),
    "weight_kind": (lambda: mlefast.fit(X, Y, weight_kind="analytic"), r"possible: frequency, precision, sampling"),
    "order": (lambda: mlefast.evaluate(X, Y, np.zeros(4), order=3), r"0, 1 or 2"),
    "scale": (lambda: mlefast.evaluate(X, Y, np.zeros(4), scale=2.0), r"no scale"),
}


@pytest.mark.parametrize("case", CASES)
def test_data(case: str) -> None:
    call, message = CASES[case]
    with pytest.raises(DataError, match=message):
        call()


@pytest.mark.parametrize("case", OPTIONS)
def test_options(case: str) -> None:
    call, message = OPTIONS[case]
    with pytest.raises(OptionError, match=message):
        call()
