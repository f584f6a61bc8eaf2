# SPDX-License-Identifier: BSD-3-Clause
"""The report: one page of HTML that is whole, valid, needs nothing else, and survives hostile names."""

from __future__ import annotations

import base64
import re
import shlex
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlefast
from mlefast.cli import main
from mlefast.report import report

VOID = {"meta", "img", "br"}
HOSTILE = '<script>alert("1")</script>'
IMAGE = "data:image/svg+xml;base64,"


class Page(HTMLParser):
    """What is on a page; complains about tags that do not match, and about anything from outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.images: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.declaration = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_decl(self, decl: str) -> None:
        self.declaration = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("href", "srcset", "data", "action", "style"), name
            if name == "src":
                assert value is not None and value.startswith(IMAGE)
                self.images.append(base64.b64decode(value.removeprefix(IMAGE)).decode())

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())

    def says(self, text: str) -> bool:
        return any(text in data for parts in self.texts.values() for data in parts)


def read(text: str) -> Page:
    page = Page(text)
    assert page.declaration == "DOCTYPE html"
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?:", "".join(page.texts["style"]))
    for image in page.images:
        for element in ET.fromstring(image).iter():
            assert not element.tag.endswith("}script")
            for name, value in element.attrib.items():
                assert not name.endswith("href") or value.startswith("#"), value
                assert not re.search(r"url\((?!#)", value)
    return page


def letters(image: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(image).iter() if element.tag.endswith("}text")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(1)
    hour = rng.integers(5, 24, 400)
    frame = pd.DataFrame({"hour": hour, HOSTILE: rng.standard_normal(400), "日本 $x": rng.standard_normal(400)})
    frame["late & <b>"] = rng.random(400) < 1 / (1 + np.exp(2 - 0.1 * hour))
    frame["early"] = hour < 12
    frame.to_csv(path / "it's.csv", index=False)
    return path


def test_the_command_line_writes_the_page(folder: Path, capsys) -> None:
    out = folder / "report.html"
    arguments = [
        "fit",
        str(folder / "it's.csv"),
        f"`late & <b>` ~ hour + `{HOSTILE}` + `日本 $x`",
        "--report",
        str(out),
    ]
    assert main(arguments) == 0
    answer = capsys.readouterr()
    assert answer.err == "" and "Bernoulli" in answer.out
    page = read(out.read_text(encoding="utf-8"))
    result = mlefast.fit_formula(arguments[2], pd.read_csv(arguments[1]))
    for name in (*result.names, f"{result.params[1]:.4f}", f"{result.aic:.2f}", "late & <b>: bernoulli fit"):
        assert page.says(name), name
    for fact in (mlefast.__version__, result.isa, str(result.threads), result.solver_reason, result.formula):
        assert page.says(fact), fact
    assert page.says("proved") and page.says("standard errors") and page.says("Converged")
    assert page.texts["code"] == [shlex.join(["mlefast", *arguments])]
    assert shlex.split(page.texts["code"][0])[1:] == arguments
    coefficients, trace, calibration, residuals, leverage = page.images
    assert {HOSTILE, "hour", "日本 $x"} <= set(letters(coefficients))
    assert "passes over the data" in letters(trace)
    assert "average of late & <b> = True" in letters(calibration)
    assert "quantile residual" in letters(residuals) and "standardised residual" in letters(leverage)


def test_a_separated_fit_says_so_first(folder: Path, capsys) -> None:
    out = folder / "separated.html"
    assert main(["fit", str(folder / "it's.csv"), "early ~ hour", "--report", str(out), "--json"]) == 1
    page = read(out.read_text(encoding="utf-8"))
    assert page.texts["strong"] == ["The maximum does not exist."]
    assert page.says("The maximum does not exist") and page.says("separated")
    assert len(page.images) == 2  # infinite coefficients have no residuals
    assert mlefast.Result.from_json(capsys.readouterr().out).separation.verdict == "separated"


def test_weights_and_missing_rows_reach_the_pictures(folder: Path, capsys) -> None:
    frame = pd.read_csv(folder / "it's.csv").assign(n=[1, 2] * 200, years=1.5)
    frame.loc[3, "hour"] = np.nan
    frame.to_parquet(folder / "weighted.parquet")
    options = ["--weights", "n", "--missing", "drop", "--report", str(folder / "w.html")]
    assert main(["fit", str(folder / "weighted.parquet"), "early ~ `日本 $x`", *options]) == 0
    assert len(read((folder / "w.html").read_text(encoding="utf-8")).images) == 5
    options += ["--exposure", "years", "--likelihood", "poisson"]
    assert main(["fit", str(folder / "weighted.parquet"), "n ~ hour", *options]) == 0
    assert len(read((folder / "w.html").read_text(encoding="utf-8")).images) == 5
    assert capsys.readouterr().err == ""


def test_the_same_fit_gives_the_same_page(handmade) -> None:
    assert report(handmade(), "mlefast fit a b") == report(handmade(), "mlefast fit a b")
    assert "code" not in read(report(handmade())).tags


def test_reports_of_every_kind_of_fit() -> None:
    rng = np.random.default_rng(3)
    X, eta = rng.standard_normal((500, 2)), rng.standard_normal(500)
    line = mlefast.fit(X, eta, likelihood="laplace")
    page = read(report(line))
    assert page.says("Duality gap") and len(page.images) == 1
    classes = mlefast.fit(X, np.array(["<a>", "b", "$c"])[rng.integers(0, 3, 500)], likelihood="categorical")
    page = read(report(classes))
    assert {"b", "$c"} & set(letters(page.images[0]))
    wide = mlefast.fit(rng.standard_normal((500, 80)), eta, likelihood="gaussian")
    page = read(report(wide))
    strongest = sorted(wide.names[1:], key=lambda name: -abs(wide.tvalues[wide.names.index(name)]))
    assert set(strongest[:60]) == {text for text in letters(page.images[0]) if re.fullmatch(r"x\d+", text)}
    assert page.says("60 terms of largest |z|")
    own = mlefast.UserLikelihood(lambda e, y: ((y - e) ** 2 / 2, e - y, np.ones_like(e)), name="<own>")
    assert read(report(mlefast.fit(X, eta, likelihood=own))).says("<own>")
    with pytest.warns(mlefast.RankWarning):
        aliased = mlefast.fit(np.c_[X, X[:, 0]], eta > 0)
    page = read(report(aliased))
    assert page.says("x3 = 1 x1") and "not determined" in letters(page.images[0])


def test_a_report_that_cannot_be_written(folder: Path, capsys, monkeypatch) -> None:
    data = str(folder / "it's.csv")
    for path, message in (
        (folder / "report.pdf", "unknown kind of file for the report; possible: .html, .htm"),
        (folder / "no" / "report.html", "is not a directory"),
    ):
        assert main(["fit", data, "early ~ hour", "--report", str(path)]) == 2
        answer = capsys.readouterr()
        assert message in answer.err and answer.out == "" and not path.exists()
    monkeypatch.setattr("mlefast.plot.require_matplotlib", _missing)
    assert main(["fit", data, "early ~ hour", "--report", str(folder / "r.html")]) == 2
    assert "pip install" in capsys.readouterr().err


def _missing() -> None:
    raise mlefast.MissingPackageError('Pictures need matplotlib: pip install "mlefast[plot]".')
