# SPDX-License-Identifier: BSD-3-Clause
"""What a person reads: layout, and the numbers in it."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlefast
from mlefast.inference import Alias, Certificate, Separation

GOLDEN = Path(__file__).parent / "golden"
NAMES = st.lists(st.text(max_size=60), min_size=3, max_size=3).map(tuple)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
UNCHANGED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def result() -> mlefast.Result:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((400, 2)) * [1, 1e-5]
    y = np.where(rng.random(400) < 1 / (1 + np.exp(-x[:, 0])), "yes", "no")
    return mlefast.fit(x, y, names=["income", "a_very_long_name_" * 4])


def test_text_is_aligned(result: mlefast.Result) -> None:
    lines = str(result.summary()).splitlines()
    rules = [line for line in lines if set(line) == {"="}]
    assert len({len(line) for line in rules}) == 1
    start = next(i for i, line in enumerate(lines) if "P>|z|" in line)
    table = [line for line in lines[start:] if line and line[0] not in "=-S"]
    ends = {len(line) for line in table}
    assert ends == {len(rules[0])}
    assert "…" in str(result.summary())


def test_text_says_what_is_new(result: mlefast.Result) -> None:
    text = str(result.summary())
    for words in ("Maximum exists:", "yes, proved", "Passes over the data:", "std errors", "threads", "Solver: With 3"):
        assert words in text


def test_numbers_are_those_of_the_result(result: mlefast.Result) -> None:
    frame = result.summary_frame()
    assert list(frame.columns) == ["coef", "std err", "z", "P>|z|", "[0.025", "0.975]"]
    np.testing.assert_array_equal(frame["coef"], result.params)
    np.testing.assert_array_equal(frame["std err"], result.bse)
    np.testing.assert_allclose(frame["[0.025"], result.params - 1.959963984540054 * result.bse)
    assert list(result.summary(alpha=0.1).columns[4:]) == ["[0.05", "0.95]"]


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_balanced_and_escaped(result: mlefast.Result) -> None:
    odd = dataclasses.replace(result, names=("Intercept", "a<b & c", "x"))
    page = odd._repr_html_()
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []
    assert "a&lt;b &amp; c" in page


def test_latex_is_escaped(result: mlefast.Result) -> None:
    odd = dataclasses.replace(result, names=("Intercept", "50%_of {x} & $y", "z"))
    text = odd.summary().as_latex()
    assert r"50\%\_of \{x\} \& \$y" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2


def test_bad_news_stands_in_the_summary() -> None:
    x = np.random.default_rng(0).standard_normal((100, 2))
    with pytest.warns(mlefast.SeparationWarning):
        text = str(mlefast.fit(x, x[:, 0] > 0).summary())
    assert "THE MAXIMUM DOES NOT EXIST" in text
    with pytest.warns(mlefast.ConvergenceWarning):
        text = str(mlefast.fit(x, np.arange(100) % 2, max_iter=0).summary())
    assert "NOT CONVERGED" in text
    with pytest.warns(mlefast.RankWarning):
        text = str(mlefast.fit(x[:, [0, 1, 0]], np.arange(100) % 2).summary())
    assert "Not determined: x3 = 1 x1." in text
    assert "nan" in text


def test_repr_is_one_line(result: mlefast.Result) -> None:
    assert repr(result).startswith("<mlefast.Result: bernoulli, 3 parameters, 400 observations")
    assert "\n" not in repr(result)


def test_a_result_is_frozen(result: mlefast.Result) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.llf = 0.0
    with pytest.raises(ValueError, match="read-only"):
        result.params[0] = 0.0


# ---- golden files: the whole page, so that nothing in it moves unnoticed (UPDATE_GOLDEN=1 writes them anew)


def troubled(handmade) -> mlefast.Result:
    """Everything that can be wrong with a fit, on one page."""
    covariance = np.array([[0.25, -0.01, np.nan], [-0.01, 4e-12, np.nan], [np.nan] * 3])
    return handmade(
        names=("Intercept", "a_name_that_is_so_long_that_nobody_would_read_it_all", "[100%] of {x_1} & <y>"),
        response="is_it_late_or_not_late_or_later",
        params=np.array([-20.5, 12345678.9, np.nan]),
        covariance=covariance,
        rank=2,
        converged=False,
        certificate=Certificate(0.75, 1.5, 23.0, "Intercept", met=False, tol=1e-6),
        separation=Separation("undecided", -0.02),
        aliased=(Alias("[100%] of {x_1} & <y>", (("Intercept", 2.0), ("x", -0.5))),),
        dropped=11052,
        iterations=1,
        threads=1,
        seconds=12.3456,
    )


@pytest.mark.parametrize("form", ["text", "html", "latex"])
@pytest.mark.parametrize("case", ["sound", "troubled"])
def test_golden(handmade, case: str, form: str) -> None:
    result = handmade() if case == "sound" else troubled(handmade)
    page = getattr(result.summary(), f"as_{form}")().rstrip("\n") + "\n"
    file = GOLDEN / f"{case}.{ {'text': 'txt', 'html': 'html', 'latex': 'tex'}[form] }"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(page, encoding="utf-8", newline="\n")
    assert page == file.read_text(encoding="utf-8")


# ---- the text stays a table, whatever is in it


def columns_of(line: str) -> int:
    """Columns on a terminal."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in line)
    return len(line) + wide - sum(unicodedata.combining(c) > 0 for c in line)


def check_table(text: str) -> None:
    lines = text.split("\n")
    rules = [i for i, line in enumerate(lines) if line and set(line) == {"="}]
    assert len(rules) >= 3
    first, second, last = rules[0], rules[1], rules[-1]
    assert len({len(lines[i]) for i in rules}) == 1
    assert len(lines[first]) >= 78
    assert {columns_of(line) for line in lines[first:last]} == {len(lines[first])}
    assert last - second == 6  # labels, rule and three rows
    assert max(map(columns_of, lines[last:])) <= max(len(lines[first]), 2 * 78)


@given(names=NAMES, response=st.text(max_size=60))
@UNCHANGED
def test_any_name_leaves_the_text_aligned(handmade, names, response) -> None:
    check_table(str(handmade(names=names, response=response).summary()))


@given(
    params=st.lists(NUMBERS, min_size=3, max_size=3), llf=NUMBERS, nobs=st.floats(1.0, 1e15), seconds=st.floats(0, 1e7)
)
@UNCHANGED
def test_any_number_leaves_the_text_aligned(handmade, params, llf, nobs, seconds) -> None:
    with np.errstate(all="ignore"):
        result = handmade(params=np.array(params), llf=llf, llnull=llf / 3, nobs=nobs, seconds=seconds)
        check_table(str(result.summary()))


def test_the_usual_summary_is_78_columns_wide(handmade) -> None:
    names = ("Intercept", "C(carrier)[T.AA]", "b" * 22)
    assert max(map(len, str(handmade(names=names).summary()).splitlines())) == 78


def test_long_names_lose_their_middle_and_only_in_text(handmade) -> None:
    name = "start_" + "x" * 50 + "_end"
    summary = handmade(names=("Intercept", name, "c")).summary()
    row = next(line for line in str(summary).splitlines() if line.startswith("start_"))
    assert len(row.split()[0]) == 40
    assert row.split()[0].endswith("_end")
    assert name in summary.as_html()
    assert name.replace("_", r"\_") in summary.as_latex()


def test_a_line_break_in_a_name_is_shown_not_made(handmade) -> None:
    summary = handmade(names=("Intercept", "two\nlines", "tab\there")).summary()
    assert r"two\nlines" in str(summary)
    assert "two\nlines" not in summary.as_latex()
    assert list(summary.frame().index) == ["Intercept", "two\nlines", "tab\there"]


# ---- the header and the notes


def cells(result: mlefast.Result) -> dict[str, str]:
    return dict(result.summary().header)


def test_the_header_has_the_numbers_of_the_result(handmade) -> None:
    found = cells(handmade())
    assert found["Dep. Variable"] == "late = yes"
    assert found["No. Observations"] == "325724"
    assert found["Df Residuals"] == "325721"
    assert found["Log-Likelihood"] == "-163456.78"
    assert found["AIC"] == "326919.57"
    assert found["Passes over the data"] == "4.06"
    assert found["Time"] == "43.2 ms, 2 threads, v3"
    assert found["Off the maximum by"] == "3.2e-11 std errors"


def test_a_sum_of_weights_that_is_not_whole_keeps_its_fraction(handmade) -> None:
    assert cells(handmade(nobs=1000.25))["No. Observations"] == "1000.25"
    assert cells(handmade(nobs=1e9))["No. Observations"] == "1000000000"


@pytest.mark.parametrize(
    ("llf", "shown"),
    [(-1391.366, "-1391.37"), (-123456789.125, "-123456789.12"), (-0.16868, "-0.16868"), (-1.5e-9, "-1.500e-09")],
)
def test_log_likelihoods_keep_two_decimals(handmade, llf: float, shown: str) -> None:
    assert cells(handmade(llf=llf))["Log-Likelihood"] == shown


def test_one_of_a_thing_is_singular(handmade) -> None:
    result = handmade(iterations=1, threads=1, dropped=1)
    assert cells(result)["Solver"] == "irls, 1 iteration"
    assert "1 thread," in cells(result)["Time"]
    assert "1 row was dropped" in str(result.summary())


def test_dropped_rows_are_counted_and_none_is_silence(handmade) -> None:
    assert "11052 rows were dropped because of missing values." in str(handmade(dropped=11052).summary())
    assert "dropped" not in str(handmade().summary())


def test_without_an_intercept_the_null_model_is_explained(handmade) -> None:
    assert "No intercept: LL-Null" in str(handmade(intercept=False, constant=False).summary())
    assert "No intercept" not in str(handmade().summary())


def test_undecided_existence_is_said(handmade) -> None:
    text = str(handmade(separation=Separation("undecided", -0.5)).summary())
    assert "could not be proved" in text
    assert "not proved" in text


def test_a_likelihood_needs_no_entry_here(handmade) -> None:
    assert handmade(family=mlefast.Poisson(), classes=None).summary().title.startswith("Poisson: ")


@pytest.mark.parametrize(
    ("alpha", "labels"), [(0.05, ("[0.025", "0.975]")), (0.1, ("[0.05", "0.95]")), (1e-9, ("[5e-10", "0.9999999995]"))]
)
def test_the_interval_is_named_by_its_quantiles(handmade, alpha: float, labels: tuple[str, str]) -> None:
    summary = handmade().summary(alpha)
    assert summary.columns[-2:] == labels
    check_table(str(summary))


# ---- the other forms


class _Cells(HTMLParser):
    """The text of every cell."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("th", "td"):
            self.found.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("th", "td")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[-1] += data


@given(names=NAMES)
@UNCHANGED
def test_html_shows_any_name_as_it_is(handmade, names) -> None:
    page = handmade(names=names).summary().as_html()
    balance, parser = _Balance(), _Cells()
    balance.feed(page)
    parser.feed(page)
    assert balance.open == []
    assert parser.found[-21::7] == [
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name) for name in names
    ]


@given(names=NAMES)
@UNCHANGED
def test_no_name_can_break_a_latex_table(handmade, names) -> None:
    text = handmade(names=names).summary().as_latex()
    body = re.findall(r"\\midrule\n(.*?)\n\\bottomrule", text, flags=re.DOTALL)[-1].split("\n")
    assert len(body) == 3
    for row in body:
        assert row.endswith(r" \\")
        assert not row.startswith(("[", "*"))  # which LaTeX would read as an argument of the \\ before
        plain = re.sub(r"\\text[a-z]+\{\}|\\[&%$#_{}]|\{[\[*]\}|\$-?[\d.]+( \\times 10\^\{-?\d+\})?\$", "", row[:-3])
        assert plain.count("&") == 6
        assert not set(plain) & set("%$#_{}~^\\")


def test_latex_numbers_are_mathematics(handmade) -> None:
    text = handmade(params=np.array([-2.0, 1.25e-5, 0.0])).summary().as_latex()
    assert "Intercept & $-2.0000$ & 0.5000 & $-4.000$ & 0.000 &" in text
    assert r"hour & $1.250 \times 10^{-5}$ & 0.0200" in text


def test_frame_follows_alpha(handmade) -> None:
    frame = handmade().summary_frame(alpha=0.1)
    assert list(frame.index) == ["Intercept", "hour", "C(carrier)[T.UA]"]
    assert list(frame.columns[-2:]) == ["[0.05", "0.95]"]
    np.testing.assert_allclose(frame["0.95]"], handmade().conf_int(0.1)[:, 1])


def test_frame_without_pandas_says_what_to_install(handmade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(mlefast.MissingPackageError, match="pip install pandas"):
        handmade().summary_frame()


def test_a_notebook_shows_html(handmade) -> None:
    result = handmade()
    assert result._repr_html_() == result.summary()._repr_html_() == result.summary().as_html()
    assert repr(result.summary()) == str(result.summary()) == result.summary().as_text()


def test_the_same_result_gives_the_same_page(handmade) -> None:
    assert str(handmade().summary()) == str(handmade().summary())
