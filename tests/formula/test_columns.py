# SPDX-License-Identifier: BSD-3-Clause
"""Formulas: the same numbers as the columns written out, on every kind of table."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast
from mlefast import DataError
from mlefast.formula import required_columns

from .tables import FRAME, RNG, A, B, K, N, assert_same_fit, every_table


@every_table
def test_is_the_fit_of_the_columns_written_out(convert) -> None:
    result = mlefast.fit_formula("y ~ a * b + C(k) + flag", convert(FRAME))
    wanted = mlefast.fit(np.column_stack([A, B, K == "v", K == "w", FRAME["flag"], A * B]), FRAME["y"])
    assert result.names == ("Intercept", "a", "b", "C(k)[T.v]", "C(k)[T.w]", "flag", "a:b")
    assert_same_fit(result, wanted)
    assert (result.response, result.formula) == ("y", "y ~ a * b + C(k) + flag")
    assert list(result.classes) == ["no", "yes"]
    assert (result.dropped, result.nobs, result.intercept) == (0, N, True)


TERMS = {
    "1": ([], []),
    "`hour of day`": ([FRAME["hour of day"]], ["hour of day"]),
    "Q('hour of day')": ([FRAME["hour of day"]], ["Q('hour of day')"]),
    "np.exp(a)": ([np.exp(A)], ["np.exp(a)"]),
    "I(a ** 2)": ([A**2], ["I(a ** 2)"]),
    "{a ** 2}": ([A**2], ["a ** 2"]),
    "abs(a)": ([np.abs(A)], ["abs(a)"]),
    "a:k": ([A * (K == "u"), A * (K == "v"), A * (K == "w")], ["a:k[u]", "a:k[v]", "a:k[w]"]),
    "center(a)": ([A - A.mean()], ["center(a)"]),
    "scale(`hour of day`)": (
        [(FRAME["hour of day"] - FRAME["hour of day"].mean()) / FRAME["hour of day"].std()],
        ["scale(`hour of day`)"],
    ),
    "np.exp(center(a))": ([np.exp(A - A.mean())], ["np.exp(center(a))"]),
    "C(k, contr.treatment(base='w'))": (
        [K == "u", K == "v"],
        ["C(k, contr.treatment(base='w'))[T.u]", "C(k, contr.treatment(base='w'))[T.v]"],
    ),
    "k.str.upper()": ([K == "v", K == "w"], ["k.str.upper()[T.V]", "k.str.upper()[T.W]"]),
}


@pytest.mark.parametrize("term", TERMS)
def test_terms(term: str) -> None:
    columns, names = TERMS[term]
    result = mlefast.fit_formula(f"late ~ {term}", FRAME)
    assert result.names == ("Intercept", *names)
    x = np.column_stack(columns).astype(float) if columns else np.empty((N, 0))
    assert_same_fit(result, mlefast.fit(x, FRAME["late"]))


@pytest.mark.parametrize("formula", ["y ~ 0 + a + b", "y ~ a + b - 1"])
def test_without_intercept(formula: str) -> None:
    result = mlefast.fit_formula(formula, FRAME)
    assert (result.names, result.intercept) == (("a", "b"), False)
    assert_same_fit(result, mlefast.fit(np.column_stack([A, B]), FRAME["y"], intercept=False))


def test_categories_without_intercept_keep_every_level() -> None:
    result = mlefast.fit_formula("y ~ 0 + k", FRAME)
    assert result.names == ("k[u]", "k[v]", "k[w]")
    shares = FRAME.groupby("k")["late"].mean().to_numpy()
    np.testing.assert_allclose(result.params, np.log(shares / (1 - shares)), rtol=1e-7)


def test_a_column_called_intercept_is_a_column() -> None:
    frame = FRAME.rename(columns={"a": "Intercept"})
    result = mlefast.fit_formula("y ~ 0 + Intercept + b", frame)
    assert_same_fit(result, mlefast.fit(np.column_stack([A, B]), FRAME["y"], intercept=False))
    with pytest.raises(DataError, match="'Intercept' more than once"):
        mlefast.fit_formula("y ~ Intercept + b", frame)


@pytest.mark.parametrize("name", ["np", "C", "log", "max", "a.b", "a b", "T[1]", "été"])
def test_columns_with_awkward_names(name: str) -> None:
    result = mlefast.fit_formula(f"y ~ `{name}`", FRAME.rename(columns={"a": name})[["y", name]])
    assert result.names == ("Intercept", name)
    assert_same_fit(result, mlefast.fit(A, FRAME["y"]))


@every_table
@pytest.mark.parametrize("left", ["late", "y", "{delay > 3}", "I(delay > 3)"])
def test_responses(left: str, convert) -> None:
    result = mlefast.fit_formula(f"{left} ~ a", convert(FRAME))
    wanted = FRAME[left].to_numpy() if left in FRAME else FRAME["delay"].to_numpy() > 3
    assert result.response == left.strip("{}")
    assert_same_fit(result, mlefast.fit(A, wanted))


def test_decimals_are_numbers() -> None:
    cents = np.round(B, 2)
    table = pa.Table.from_pandas(FRAME[["y"]]).append_column("b", pa.array(cents).cast(pa.decimal128(10, 2)))
    for data in (table, pl.from_arrow(table)):
        assert_same_fit(mlefast.fit_formula("y ~ b", data), mlefast.fit(cents, FRAME["y"]))


@pytest.mark.parametrize("kind", ["object", "string", "string[pyarrow]", pd.ArrowDtype(pa.string()), "category"])
def test_text_of_every_type_is_a_category(kind: object) -> None:
    frame = FRAME.assign(k=FRAME["k"].astype(kind))
    result = mlefast.fit_formula("y ~ k", frame)
    assert result.names == ("Intercept", "k[T.v]", "k[T.w]")
    assert_same_fit(result, mlefast.fit(np.column_stack([K == "v", K == "w"]), FRAME["y"]))
    np.testing.assert_allclose(result.predict(frame.iloc[:9]), result.predict(FRAME)[:9], rtol=1e-14)


def test_levels_come_in_the_order_of_the_categories() -> None:
    ordered = FRAME.assign(k=pd.Categorical(K, categories=["w", "v", "u"]))
    enum = pl.from_pandas(FRAME).with_columns(pl.col("k").cast(pl.Enum(["w", "v", "u"])))
    for data in (ordered, enum, pa.Table.from_pandas(ordered)):
        assert mlefast.fit_formula("y ~ k", data).names == ("Intercept", "k[T.v]", "k[T.u]")


@every_table
def test_weights_and_offset_by_name_or_as_arrays(convert) -> None:
    weights, offset = np.arange(N) % 3, np.full(N, 0.1)
    frame = FRAME.assign(w=weights, o=offset)
    wanted = mlefast.fit(A, FRAME["y"], weights=weights, offset=offset)
    for w, o in (("w", "o"), (weights, offset), (weights.tolist(), pd.Series(offset)), (pl.Series(weights), "o")):
        result = mlefast.fit_formula("y ~ a", convert(frame), weights=w, offset=o)
        assert result.nobs == weights.sum()
        assert_same_fit(result, wanted)


def test_required_columns() -> None:
    assert required_columns("y ~ a*b + C(k) + np.log(z)") == ["y", "a", "b", "k", "z"]
    assert required_columns("`my y` ~ 1") == ["my y"]
    assert required_columns("{delay > 15} ~ `hour of day` + Q('a b')") == ["delay", "a b", "hour of day"]
    assert required_columns("y ~ bs(a, df=4) + poly(b, 2) + center(`c d`):scale(e)") == ["y", "a", "b", "c d", "e"]
    assert required_columns("y ~ np.log(center(a) + `b c`) + k.str.upper()") == ["y", "a", "b c", "k"]
    assert required_columns("y ~ I(sum(q for q in [a, b])) + C(k, Treatment('u'))") == ["y", "a", "b", "k"]


def test_options_reach_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def spy(x, y, **options):
        seen.update(options)
        return mlefast.fit(x, y, **options)

    monkeypatch.setattr("mlefast.formula.fit.fit", spy)
    options = {
        "likelihood": mlefast.Bernoulli(),
        "weight_kind": "frequency",
        "missing": "drop",
        "solver": "lbfgs",
        "start": [0.1, 0.2],
        "tol": 1e-5,
        "max_iter": 77,
        "covariance": "fisher",
        "groups": None,
        "threads": 1,
        "progress": lambda iteration: None,
    }
    mlefast.fit_formula("y ~ a", FRAME, **options)
    assert {name: seen[name] for name in options} == options


def test_the_users_table_stays_as_it_is() -> None:
    frame = FRAME.assign(a=FRAME["a"].where(FRAME.index != 3)).set_index("k", drop=False)
    before = frame.copy()
    mlefast.fit_formula("y ~ bs(a, df=4) + C(k)", frame, missing="drop").predict(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_the_result_holds_no_data() -> None:
    sizes = []
    for times in (1, 20):
        frame = pd.concat([FRAME] * times, ignore_index=True)
        alive = weakref.ref(frame)
        result = mlefast.fit_formula("y ~ bs(a, df=4) + poly(b, 2) + C(k)", frame)
        sizes.append(len(pickle.dumps(result)))
        del frame
        gc.collect()
        assert alive() is None
    assert abs(sizes[0] - sizes[1]) < 100
    assert sizes[0] < 20_000


def test_the_columns_are_made_once() -> None:
    """Peak memory is that of the columns, in doubles, and a little: no second copy of them."""
    frame = pd.DataFrame({"k": RNG.integers(0, 40, 50_000), "a": RNG.standard_normal(50_000)})
    frame["y"] = RNG.random(50_000) < 0.4
    mlefast.fit_formula("y ~ C(k) + a", frame)
    tracemalloc.start()
    mlefast.fit_formula("y ~ C(k) + a", frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * 8 * 50_000 * 41
