# SPDX-License-Identifier: BSD-3-Clause
"""Formulas: the same numbers as the columns written out, on every kind of table."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
import warnings
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlefast
from mlefast import DataError, FormulaError, OptionError, RankWarning
from mlefast.formula import required_columns

N = 600
RNG = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "a": RNG.standard_normal(N),
        "b": RNG.standard_normal(N),
        "k": RNG.choice(["u", "v", "w"], N),
        "hour of day": RNG.integers(0, 24, N),
        "flag": RNG.random(N) < 0.3,
    }
)
FRAME["y"] = np.where(RNG.random(N) < 1 / (1 + np.exp(-FRAME["a"])), "yes", "no")
FRAME["late"] = FRAME["y"] == "yes"
FRAME["delay"] = 10 * RNG.standard_normal(N) + 5 * FRAME["a"]
A, B, K = (FRAME[name].to_numpy() for name in "abk")
TABLES = {
    "pandas": lambda frame: frame,
    "pandas with nullable types": lambda frame: frame.convert_dtypes(),
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "dict of lists": lambda frame: frame.to_dict("list"),
    "dict of arrays": lambda frame: {name: frame[name].to_numpy() for name in frame},
}
every_table = pytest.mark.parametrize("convert", TABLES.values(), ids=TABLES)


def assert_same_fit(result: mlefast.Result, wanted: mlefast.Result) -> None:
    np.testing.assert_allclose(result.params, wanted.params, atol=1e-5 * wanted.bse.min())
    np.testing.assert_allclose(result.bse, wanted.bse, rtol=1e-6)
    np.testing.assert_allclose(result.llf, wanted.llf, rtol=1e-12)


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


@pytest.mark.parametrize("term", ["bs(a, df=4)", "poly(a, 2)", "0 + cr(a, df=4)", "center(a) + scale(b)"])
@every_table
def test_transforms_with_a_memory_use_that_of_the_fit_in_predictions(term: str, convert) -> None:
    result = mlefast.fit_formula(f"late ~ {term}", convert(FRAME[["late", "a", "b"]]))
    whole = result.predict(convert(FRAME))
    inside = np.flatnonzero((A > -1) & (A < 1))[:20]
    np.testing.assert_allclose(result.predict(convert(FRAME.iloc[inside])), whole[inside], rtol=1e-9)
    assert result.llf > mlefast.fit_formula("late ~ 1", FRAME).llf


def test_predicts_for_new_tables_and_after_a_pickle() -> None:
    result = pickle.loads(pickle.dumps(mlefast.fit_formula("y ~ a + C(k)", FRAME)))
    some = FRAME.iloc[:7]
    eta = (
        result.params[0]
        + result.params[1] * some["a"]
        + np.select([some["k"] == "v", some["k"] == "w"], result.params[2:], 0.0)
    )
    for convert in TABLES.values():
        np.testing.assert_allclose(result.predict(convert(some)), 1 / (1 + np.exp(-eta)), rtol=1e-12)
    one_level = FRAME[FRAME["k"] == "w"].iloc[:3]
    np.testing.assert_allclose(result.predict(one_level), result.predict(FRAME)[one_level.index], rtol=1e-14)


@every_table
def test_predictions_are_nan_where_a_value_is_missing(convert) -> None:
    result = mlefast.fit_formula("y ~ np.log(b2) + C(k)", FRAME.assign(b2=np.exp(B)))
    new = FRAME.iloc[:6].assign(b2=[1.0, np.nan, 2.0, -1.0, 3.0, 4.0])
    wanted = result.predict(new.assign(b2=[1.0, 1.0, 2.0, 1.0, 3.0, 4.0]))
    wanted[[1, 3]] = np.nan
    np.testing.assert_allclose(result.predict(convert(new)), wanted, rtol=1e-12)
    new["k"] = [None, *new["k"][1:]]
    wanted[0] = np.nan
    np.testing.assert_allclose(result.predict(convert(new)), wanted, rtol=1e-12)
    np.testing.assert_array_equal(result.predict(convert(new.iloc[[1]])), [np.nan])


@every_table
def test_a_level_that_the_fit_has_not_seen(convert) -> None:
    result = mlefast.fit_formula("y ~ a + C(k)", FRAME)
    new = FRAME.iloc[:5].assign(k=["u", "x", "v", "z", "w"], a=[np.nan, 1.0, 1.0, 1.0, 1.0])
    with pytest.raises(DataError, match=r"'k' holds 'x' \(first rows: 1, 3\), which the fit has not seen.*u, v, w"):
        result.predict(convert(new))
    with pytest.raises(FormulaError, match="levels that the formula does not know: {'w'}"):
        mlefast.fit_formula("y ~ C(k, levels=['u', 'v'])", FRAME)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (FRAME[["a"]], FormulaError, "no column 'k'"),
        (FRAME.iloc[:0], DataError, "no rows"),
        ([[1.0, 2.0]], DataError, "data is a list"),
        (FRAME.assign(a="text"), FormulaError, "does not fit the data"),
    ],
    ids=["column", "rows", "list", "type"],
)
def test_tables_that_cannot_be_predicted(data: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mlefast.fit_formula("y ~ a + C(k)", FRAME).predict(data)


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


def test_a_level_without_rows_is_named() -> None:
    data = FRAME.assign(k=pd.Categorical(K, categories=["u", "v", "w", "x"]))
    with pytest.warns(RankWarning, match=r"k\[T.x\] = 0"):
        mlefast.fit_formula("y ~ k", data)


@every_table
def test_weights_and_offset_by_name_or_as_arrays(convert) -> None:
    weights, offset = np.arange(N) % 3, np.full(N, 0.1)
    frame = FRAME.assign(w=weights, o=offset)
    wanted = mlefast.fit(A, FRAME["y"], weights=weights, offset=offset)
    for w, o in (("w", "o"), (weights, offset), (weights.tolist(), pd.Series(offset)), (pl.Series(weights), "o")):
        result = mlefast.fit_formula("y ~ a", convert(frame), weights=w, offset=o)
        assert result.nobs == weights.sum()
        assert_same_fit(result, wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "ww"}, r"no column 'ww'. Did you mean 'w'"),
        ({"offset": "nothing"}, "no column 'nothing'. It has: a, b"),
        ({"weights": "k"}, r"column 'k' \(weights\) holds '[uvw]'; it must hold numbers"),
        ({"weights": np.ones(5)}, "weights has 5 rows"),
        ({"offset": np.ones(5)}, "offset has 5 rows"),
        ({"weights": 2.0}, r"weights has the shape \(\)"),
        ({"weights": -np.ones(N)}, "600 negative values"),
        ({"offset": np.where(np.arange(N) == 7, np.inf, 0)}, r"offset has 1 infinite value \(first rows: 7\)"),
        ({"offset": np.where(np.arange(N) == 7, np.nan, 0)}, r"offset has 1 missing value \(first rows: 7\)"),
    ],
)
def test_bad_weights_and_offsets(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula("y ~ a", FRAME.assign(w=1.0), **options)


@every_table
def test_missing_values(convert) -> None:
    frame = FRAME.copy()
    frame.loc[[3, 5], "a"] = np.nan
    frame.loc[9, "k"] = None
    frame.loc[11, "b"] = np.nan  # not in the formula
    frame.loc[20, "y"] = None
    with pytest.raises(DataError, match=r"'y' has 1 missing value \(first rows: 20\); 4 rows in all"):
        mlefast.fit_formula("y ~ a + C(k)", convert(frame))
    with pytest.raises(DataError, match=r"'a' has 2 missing values \(first rows: 3, 5\); 3 rows.*missing=\"drop\""):
        mlefast.fit_formula("late ~ a + C(k)", convert(frame))
    result = mlefast.fit_formula("y ~ a + C(k)", convert(frame), missing="drop")
    assert (result.dropped, result.nobs) == (4, N - 4)
    assert_same_fit(result, mlefast.fit_formula("y ~ a + C(k)", FRAME.drop([3, 5, 9, 20])))
    assert "4 rows were dropped" in str(result.summary())


def test_gaps_in_weights_and_offset_drop_rows_too() -> None:
    frame = FRAME.assign(w=2.0, o=0.1, a=FRAME["a"].where(FRAME.index != 3))
    frame.loc[4, "w"], frame.loc[5, "o"] = np.nan, np.nan
    kept = FRAME.drop([3, 4, 5])
    wanted = mlefast.fit(kept[["a"]], kept["y"], weights=np.full(N - 3, 2.0), offset=np.full(N - 3, 0.1))
    for weights, offset in (("w", "o"), (frame["w"], frame["o"].to_numpy()), (pl.Series(frame["w"]), "o")):
        result = mlefast.fit_formula("y ~ a", frame, weights=weights, offset=offset, missing="drop")
        assert (result.dropped, result.nobs) == (3, 2 * (N - 3))
        assert_same_fit(result, wanted)


@every_table
def test_terms_that_are_not_defined_in_some_rows(convert) -> None:
    frame = FRAME.copy()
    frame.loc[2, "a"] = np.nan
    lost = np.flatnonzero(~(frame["a"] > 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=rf"np.log\(b\).* {np.sum(B <= 0)} (rows|missing values).*first rows: "):
            mlefast.fit_formula("y ~ a + np.log(b)", convert(FRAME))
        result = mlefast.fit_formula("y ~ np.log(a)", convert(frame), missing="drop")
    assert result.dropped == len(lost)
    kept = FRAME.drop(lost)
    assert_same_fit(result, mlefast.fit(np.log(kept["a"].to_numpy()), kept["y"]))


@every_table
def test_categories_that_are_not_defined_in_some_rows_are_not_the_reference(convert) -> None:
    """Zeros in every column of a category would mean its first level."""
    term, kept = "k.where(a > 0)", FRAME[FRAME["a"] > 0]
    with pytest.raises(DataError, match=rf"term k.where\(a > 0\) is not defined in {N - len(kept)} rows"):
        mlefast.fit_formula(f"y ~ {term}", convert(FRAME))
    result = mlefast.fit_formula(f"y ~ {term}", convert(FRAME), missing="drop")
    assert result.dropped == N - len(kept)
    assert_same_fit(result, mlefast.fit_formula("y ~ k", kept))
    np.testing.assert_array_equal(np.isnan(result.predict(convert(FRAME))), FRAME["a"] <= 0)


def test_terms_that_are_infinite_are_named() -> None:
    frame = FRAME.assign(c=FRAME["b"].abs().where(FRAME.index != 5, 0.0))
    with pytest.raises(DataError, match=r"'np.log\(c\)' of X has 1 infinite value \(first rows: 5\)"):
        mlefast.fit_formula("y ~ np.log(c)", frame)
    frame.loc[2, "a"] = np.nan
    with pytest.raises(DataError, match=r"first rows: 4\).*Rows are counted without the 1 that were dropped"):
        mlefast.fit_formula("y ~ a + np.log(c)", frame, missing="drop")


def test_gaps_in_a_computed_response_drop_rows_too() -> None:
    result = mlefast.fit_formula("{(delay > 3) + 0 * np.log(b)} ~ a", FRAME, missing="drop")
    kept = B > 0
    assert (result.dropped, result.nobs) == (np.sum(~kept), np.sum(kept))
    assert_same_fit(result, mlefast.fit(A[kept], FRAME["delay"].to_numpy()[kept] > 3))


def test_nothing_left() -> None:
    for data, formula in ((FRAME.assign(a=np.nan), "y ~ a"), (FRAME, "y ~ np.log(-np.exp(a))")):
        with pytest.raises(DataError, match="every row has a missing value"):
            mlefast.fit_formula(formula, data, missing="drop")


def test_rows_belong_together_by_position_whatever_the_index() -> None:
    wanted = mlefast.fit_formula("y ~ a + C(k) + np.log(1 + abs(b))", FRAME)
    for index in (np.arange(N)[::-1], np.full(N, 7), RNG.permutation(N), pd.date_range("2013-01-01", periods=N)):
        frame = FRAME.set_index(pd.Index(index))
        assert_same_fit(mlefast.fit_formula("y ~ a + C(k) + np.log(1 + abs(b))", frame), wanted)
        gap = frame.assign(a=np.where(np.arange(N) == 8, np.nan, A))
        kept = mlefast.fit_formula("y ~ a + np.log(b)", FRAME.drop(8), missing="drop")
        assert_same_fit(mlefast.fit_formula("y ~ a + np.log(b)", gap, missing="drop"), kept)


def test_required_columns() -> None:
    assert required_columns("y ~ a*b + C(k) + np.log(z)") == ["y", "a", "b", "k", "z"]
    assert required_columns("`my y` ~ 1") == ["my y"]
    assert required_columns("{delay > 15} ~ `hour of day` + Q('a b')") == ["delay", "a b", "hour of day"]
    assert required_columns("y ~ bs(a, df=4) + poly(b, 2) + center(`c d`):scale(e)") == ["y", "a", "b", "c d", "e"]
    assert required_columns("y ~ np.log(center(a) + `b c`) + k.str.upper()") == ["y", "a", "b c", "k"]
    assert required_columns("y ~ I(sum(q for q in [a, b])) + C(k, Treatment('u'))") == ["y", "a", "b", "k"]


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ a +", "cannot be read"),
        ("y ~ (a", "cannot be read"),
        ("y ~ .", "'.' for all other columns is not supported"),
        ("", "has no response"),
        ("a + b", "has no response"),
        ("~ a", "has no response"),
        ("1 ~ a", "names no column"),
        ("y + a ~ b", "one response"),
        ("y ~ a | b", "one response"),
        ("y ~ aa", r"no column 'aa'. Did you mean 'a'"),
        ("late ~ np.log(delays)", r"no column 'delays'. Did you mean 'delay'"),
        ("nothing ~ a", "no column 'nothing'. It has: a, b"),
        ("y ~ nosuch(a)", r"calls nosuch\(\), a function that formulas do not know"),
        ("y ~ logg(a)", r"calls logg\(\).*Did you mean 'log'"),
        ("y ~ when", "'when' holds dates or times"),
        ("C(y) ~ a", "makes 2 columns"),
        (None, "cannot be read"),
    ],
)
def test_bad_formulas(formula: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message) as caught:
        mlefast.fit_formula(formula, FRAME.assign(when=pd.Timestamp("2013-01-01")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (A, "data is a ndarray"),
        ([1, 2], "data is a list"),
        (None, "data is a NoneType"),
        ("flights.csv", r"flights\.csv: no such file"),
        (pl.LazyFrame({"y": [0, 1], "a": [1, 2]}), r"lazy LazyFrame.*collect\(\)"),
        ({"y": [0, 1], "a": [1]}, "dict that does not make a table"),
        ({"y": 1, "a": 2}, "dict that does not make a table"),
        (FRAME.iloc[:0], "no rows"),
        (pd.concat([FRAME, FRAME[["a"]]], axis=1), "'a' more than once"),
    ],
    ids=["array", "list", "None", "path", "lazy", "ragged", "scalars", "empty", "twice"],
)
def test_bad_tables(data: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula("y ~ a", data)


def test_bad_options_and_labels() -> None:
    with pytest.raises(OptionError, match="missing"):
        mlefast.fit_formula("y ~ a", FRAME, missing="skip")
    with pytest.raises(DataError, match="holds 3 labels"):
        mlefast.fit_formula("k ~ a", FRAME)


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


@every_table
def test_a_few_words_among_numbers_are_named(convert) -> None:
    """Such a column would become a category with a level for every number."""
    text = FRAME["b"].round(6).astype(str)
    text[[7, 9]] = ["oops", "n.a."]
    with pytest.raises(DataError, match=r"'b' is text.*'n.a.', 'oops' in 2 rows \(first rows: 7, 9\).*write C\(b\)"):
        mlefast.fit_formula("y ~ a + b", convert(FRAME.assign(b=text)))


def test_codes_that_look_like_numbers_are_categories() -> None:
    codes = np.where(K == "u", "1", np.where(K == "v", "2", "unknown"))
    hours = RNG.integers(0, 24, N).astype(str)
    result = mlefast.fit_formula("y ~ code + C(hour)", FRAME.assign(code=codes, hour=np.where(A > 2, "none", hours)))
    assert result.names[1:3] == ("code[T.2]", "code[T.unknown]")
    assert mlefast.fit_formula("y ~ hour", FRAME.assign(hour=hours)).rank == 24


@every_table
def test_predictions_take_the_offset_of_the_fit(convert) -> None:
    frame = FRAME.assign(shift=0.5 * B, other=-B)
    result = mlefast.fit_formula("y ~ a", convert(frame), offset="shift")
    eta = result.params[0] + result.params[1] * A
    wanted = 1 / (1 + np.exp(-(eta + 0.5 * B)))
    np.testing.assert_allclose(result.predict(convert(frame)), wanted, rtol=1e-12)
    np.testing.assert_allclose(result.predict(convert(frame), offset="shift"), wanted, rtol=1e-12)
    np.testing.assert_allclose(result.predict(convert(frame), offset="other"), 1 / (1 + np.exp(B - eta)), rtol=1e-12)
    np.testing.assert_allclose(result.predict(convert(frame), offset=np.zeros(N)), 1 / (1 + np.exp(-eta)), rtol=1e-12)
    with pytest.raises(DataError, match="no column 'shift'"):
        result.predict(convert(FRAME))
    loaded = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(loaded.predict(convert(frame)), result.predict(convert(frame)))


@every_table
@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("delay ~ a", {}, r"^column 'delay' \(y\) is not two-valued"),
        ("y ~ a", {"weights": "w"}, r"^column 'w' \(weights\) has 600 negative values"),
        ("y ~ a", {"weights": "gap"}, r"^column 'gap' \(weights\) has 1 missing value \(first rows: 3\)"),
        ("y ~ a", {"offset": "huge"}, r"^column 'huge' \(offset\) has 1 infinite value \(first rows: 5\)"),
        ("y ~ a", {"offset": "k"}, r"^column 'k' \(offset\) holds '[uvw]'; it must hold numbers"),
    ],
)
def test_messages_name_the_column(convert, formula: str, options: dict[str, str], message: str) -> None:
    gap, huge = np.ones(N), np.zeros(N)
    gap[3], huge[5] = np.nan, np.inf
    with pytest.raises(DataError, match=message):
        mlefast.fit_formula(formula, convert(FRAME.assign(w=-1.0, gap=gap, huge=huge)), **options)


@every_table
def test_rows_of_weight_zero_are_absent(convert) -> None:
    """Whatever they lack or hold: their level is none, their label is none."""
    weights = np.arange(N) % 4.0
    off = weights == 0
    frame = FRAME.assign(w=weights, y=FRAME["late"].astype(float))
    wanted = mlefast.fit_formula("y ~ a + k + np.log(c)", frame.assign(c=1 + B**2)[~off], weights="w")
    frame["c"] = np.where(off, -1.0, 1 + B**2)
    frame.loc[off, "a"], frame.loc[off, "k"], frame.loc[off, "y"] = np.nan, "never", 7.0
    result = mlefast.fit_formula("y ~ a + k + np.log(c)", convert(frame), weights="w")
    assert (result.dropped, result.nobs) == (0, weights.sum())
    assert_same_fit(result, wanted)
