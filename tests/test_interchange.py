# SPDX-License-Identifier: BSD-3-Clause
"""Results as JSON and back, without a bit lost; results of earlier formats; what cannot be written or read."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import mlefast
from mlefast import DataError, OptionError, Result
from mlefast.cli import main
from mlefast.inference import Alias, Certificate, Separation
from mlefast.interchange import FORMAT_VERSION, UnreadEncoder, encode
from mlefast.objective import Passes
from mlefast.solvers import Iteration
from mlefast.solvers.multistart import Optimum

GOLDEN = Path(__file__).parent / "golden" / "result-1.json"
LIKELIHOODS = [
    mlefast.Bernoulli(), mlefast.Bernoulli(link="probit"), mlefast.Categorical(), mlefast.Gaussian(), mlefast.Laplace(0.9),
    mlefast.Poisson(), mlefast.Poisson(quasi=True), mlefast.Gamma(), mlefast.NegativeBinomial(), mlefast.NegativeBinomial(alpha=0.5),
    mlefast.StudentT(), mlefast.StudentT(nu=4.0, sigma=1.5),
]  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to the last bit, also in their types."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        equal = one.tolist() == other.tolist() if one.dtype.kind not in "fc" else one.tobytes() == other.tobytes()
        return one.dtype == other.dtype and one.shape == other.shape and equal
    if isinstance(one, Passes):
        return one.by_order == other.by_order
    if isinstance(one, float):
        return one.hex() == other.hex()
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return one == other


def plain(value: Any) -> Any:
    """A number of NumPy as one of Python, whose type JSON has."""
    return value.item() if isinstance(value, np.generic) else value


def assert_same(result: Result, again: Result) -> None:
    for field in dataclasses.fields(Result):
        if field.name != "encoder":
            one, other = plain(getattr(result, field.name)), getattr(again, field.name)
            assert same(one, other), f"{field.name}: {one!r} came back as {other!r}"


def full(handmade) -> Result:
    """Something in every field, and numbers that JSON has no word for."""
    params = np.array([-2.0, math.inf, math.nan, 5e-324])
    direction = np.array([0.1, 1.0, 0.0, -0.0])
    direction.setflags(write=False)
    return handmade(
        family=mlefast.NegativeBinomial(),
        names=("Intercept", 'a "b"', "ü\n<script>", "log(alpha)"),
        classes=np.array([1, 2, 3], dtype=np.int8),
        params=params,
        covariance=np.outer([1.0, math.nan, math.nan, 1 / 3], [1.0, 0.1, math.nan, 1e-300]),
        llf=-math.inf,
        llnull=math.nan,
        nobs=2.5,
        rank=3,
        converged=False,
        certificate=Certificate(math.inf, math.nan, 0.1, "a", met=False, tol=1e-9, gap=0.25, rounding=1e-17),
        separation=Separation("separated", -math.inf, ("a",), direction, "quasi", 7, np.array([0.5, 0.0, 1e-3, 2.0])),
        aliased=(Alias("c", (("a", 2.0), ("b", -1 / 3))), Alias("d", ())),
        passes=Passes(1.0, 0.125, 2.0),
        ranges=np.array([[0.0, 1.0], [-math.inf, 1.0], [math.nan, math.nan], [1.0, 1.0]]),
        optima=(Optimum(params.copy(), 12.5, 3), Optimum(direction.copy(), 13.5, 1)),
        penalty=mlefast.Ridge([1.0, 0.0, 0.1]),
        penalty_value=0.1,
        df_effective=2.25,
        robust_ratio=np.array([1.0, math.nan, 2.0, 0.5]),
        weight_kind="sampling",
        clusters=(12, 7),
        fingerprint=2**63 + 1,
        trace=(Iteration(1.0, 693.1, math.nan, 3.5), Iteration(2.0, 690.0, 3.0, math.inf)),
    )


# ---- there and back


def test_every_field_comes_back(handmade) -> None:
    result = full(handmade)
    again = Result.from_json(result.to_json())
    assert_same(result, again)
    assert again.to_json() == result.to_json()
    assert not again.params.flags.writeable and not again.covariance.flags.writeable


def test_every_field_was_tried(handmade) -> None:
    """A new field must be put into `full`, so that it is known to come back."""
    result = full(handmade)
    defaults = {f.name: f.default for f in dataclasses.fields(Result) if f.default is not dataclasses.MISSING}
    untried = {name for name, default in defaults.items() if plain(getattr(result, name)) is default}
    assert untried <= {"formula", "encoder", "scale"}


@pytest.mark.parametrize("family", LIKELIHOODS, ids=repr)
def test_fits_of_every_likelihood_come_back(family) -> None:
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((200, 2)), rng.integers(0, 3, 200)
    y = y > 0 if isinstance(family, mlefast.Bernoulli) else y + 0.5 if isinstance(family, mlefast.Gamma) else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.MlefastWarning)  # such as that a shape runs off
        result = mlefast.fit(X, y, likelihood=family)
    again = Result.from_json(result.to_json())
    assert_same(result, again)
    assert str(again.summary()) == str(result.summary())
    assert again.predict(X[:5]).tolist() == result.predict(X[:5]).tolist()


@pytest.mark.parametrize(
    "classes",
    [
        np.array([False, True]),
        np.array(["a", "bü"]),
        np.array(["a", 1], dtype=object),
        np.array([b"a", b"bb"]),
        np.array([0.1, 2.5], dtype=">f8"),
        np.array([1, 2**63], dtype=np.uint64),
        np.array([np.int64(3), np.str_("x")], dtype=object),
    ],
    ids=str,
)
def test_labels_keep_their_type(handmade, classes: np.ndarray) -> None:
    again = Result.from_json(handmade(classes=classes).to_json())
    assert again.classes is not None
    assert again.classes.dtype == classes.dtype and again.classes.tolist() == classes.tolist()


@given(arrays(np.float64, (3, 3)))
def test_every_double_comes_back(values: np.ndarray) -> None:
    back = np.array(json.loads(json.dumps(encode(values), allow_nan=False)), dtype=np.float64)
    np.testing.assert_array_equal(back, values)  # NaN are alike, whatever their payload
    assert (np.signbit(back) == np.signbit(values))[~np.isnan(values)].all()


def test_a_formula_comes_back_but_reads_no_tables() -> None:
    table = pd.DataFrame({"y": [0, 1, 0, 1, 1, 0], "x": [1.0, 2, 3, 4, 5, 6], "g": list("ababab")})
    result = mlefast.fit_formula("y ~ x + C(g)", table, penalty=mlefast.Firth())
    again = Result.from_json(result.to_json())
    assert_same(result, again)
    assert again.encoder == UnreadEncoder("y ~ x + C(g)")
    assert_same(again, Result.from_json(again.to_json()))
    for use in (
        lambda: again.predict(table),
        lambda: mlefast.profile(again, table, table["y"]),
        lambda: mlefast.marginal_effects(again, table),
    ):
        with pytest.raises(DataError, match="was read from JSON.*pickle"):
            use()


def test_the_command_line_prints_the_same_object(tmp_path, capsys) -> None:
    table = pd.DataFrame({"y": [0, 1, 0, 1, 1, 0], "x": [1.0, 2, 3, 4, 5, 6]})
    table.to_csv(tmp_path / "t.csv", index=False)
    assert main(["fit", str(tmp_path / "t.csv"), "y ~ x", "--json"]) == 0
    text = capsys.readouterr().out
    again = Result.from_json(text)
    assert again.to_json() + "\n" == text
    assert again.params.tolist() == mlefast.fit_formula("y ~ x", table).params.tolist()


# ---- what was written before


def test_a_result_of_format_1_is_read(handmade) -> None:
    later = {"robust_ratio": None, "weight_kind": "frequency", "clusters": (), "fingerprint": None}
    result = dataclasses.replace(full(handmade), **later)
    before = Separation("separated", -math.inf, ("a",), result.separation.direction)  # what was known then
    assert_same(dataclasses.replace(result, separation=before), Result.from_json(GOLDEN.read_text(encoding="utf-8")))


def test_a_pickle_from_before_a_field_was_added(handmade) -> None:
    result = handmade()
    state = {name: value for name, value in vars(result).items() if name not in ("trace", "df_effective")}
    old = Result.__new__(Result)
    old.__setstate__(state)
    again = pickle.loads(pickle.dumps(old))
    assert again.trace == () and again.df_effective is None and again.summary().as_text() == result.summary().as_text()


# ---- what is refused


def test_a_function_is_refused(handmade) -> None:
    own = mlefast.UserLikelihood(lambda eta, y: (eta, eta, eta), name="own")
    with pytest.raises(OptionError, match=r"the own likelihood is a function.*pickle.*tidy"):
        handmade(family=own).to_json()


def test_a_label_that_json_does_not_have_is_refused(handmade) -> None:
    with pytest.raises(DataError, match=r"class 1j is a complex.*pickle"):
        handmade(classes=np.array(["a", 1j], dtype=object)).to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON text"),
        ("{'format': 1}", "no JSON text"),
        (b"\xff\xfe\x00", "no JSON text"),
        ("[1, 2]", "no result of mlefast"),
        ('{"llf": -3.0}', "no result of mlefast"),
        ('{"format": "mlefast.Result", "format_version": 2, "version": "9.1"}', r"format 2, written by mlefast 9\.1"),
        ('{"format": "mlefast.Result", "format_version": "1"}', "Install a newer mlefast"),
        ('{"format": "mlefast.Result", "format_version": 1}', "changed or cut .KeyError"),
    ],
)
def test_other_texts_are_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Result.from_json(text)
    assert FORMAT_VERSION == 1


@given(st.data())
def test_a_damaged_text_is_one_clear_error(data: st.DataObject) -> None:
    document = json.loads(GOLDEN.read_text(encoding="utf-8"))
    key = data.draw(st.sampled_from(sorted(document)))
    document[key] = data.draw(st.sampled_from([None, 3, "word", [], {}, [[1.0, "x"]], {"a": None}]))
    with contextlib.suppress(mlefast.MlefastError):  # and nothing else
        Result.from_json(json.dumps(document))


# ---- small and frozen


def test_twenty_columns_pickle_in_ten_kilobytes() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3000, 20)), rng.random(3000) < 0.4
    for solver in ("irls", "lbfgs", "gradient"):
        result = mlefast.fit(X, y, solver=solver)
        assert len(pickle.dumps(result)) < 10_000
        assert 2 <= len(result.trace) <= 50
        assert result.trace[-1].distance < 1e-4 < result.trace[0].distance
        again = pickle.loads(pickle.dumps(result))
        assert same(again.trace, result.trace)
        with pytest.raises(dataclasses.FrozenInstanceError):
            again.trace = ()
