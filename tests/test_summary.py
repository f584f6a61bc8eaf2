# SPDX-License-Identifier: BSD-3-Clause
"""What a person reads: layout, and the numbers in it."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import numpy as np
import pytest

import mlefast


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
