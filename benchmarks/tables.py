# SPDX-License-Identifier: BSD-3-Clause
"""The raw numbers in Markdown: the whole report, and the two tables that the README shows between its markers.

Nothing is measured here. Run as a script, this file writes all texts again from results/raw.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clusters
import inference
import streaming
from markdown import milliseconds, table

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RAW = RESULTS / "raw.json"
README = HERE.parent / "README.md"
Row = dict[str, Any]


def per_cent(row: Row) -> str:
    """How much of the limit was reached."""
    return f"{100 * row['limit'] / row['best']:.0f} %"


def shape(row: Row) -> str:
    """Rows by columns."""
    return f"{row['rows']:,} x {row['columns']:,}"


def question(dtype: str, order: int) -> Row:
    """What the library asks the pass: float32 data get their Hessian by products of floats."""
    return {"dtype": dtype, "order": order, "single": order == 2 and dtype == "float32"}


def finder(rows: list[Row]) -> Callable[..., Row]:
    """A function that finds the row with the given properties."""
    return lambda **wanted: next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def unique(rows: list[Row], *keys: str) -> list[Row]:
    """The different values of some properties, in the order of their first appearance."""
    found = dict.fromkeys(tuple(row[key] for key in keys) for row in rows)
    return [dict(zip(keys, values, strict=True)) for values in found]


def conditions(raw: Row) -> str:
    """On what all numbers were measured."""
    facts = raw["conditions"]
    return (
        f"{facts['cpu']}, {facts['threads']} threads, instruction set {facts['instruction_set']}, mlefast "
        f"{facts['mlefast']}, NumPy {facts['numpy']}, SciPy {facts['scipy']}, Python {facts['python']}"
    )


def limits(process: Row, threads: int) -> str:
    """The measured limits of one process, in words."""
    peak = process["peak"]
    return (
        f"{process['bandwidth'][str(threads)] / 1e9:.1f} GB/s read from memory, "
        f"{peak[f'float64, {threads}'] / 1e9:.0f} GFLOP/s in double and {peak[f'float32, {threads}'] / 1e9:.0f} in "
        "single precision"
    )


def numpy_table(raw: Row) -> str:
    """Against NumPy, with conditions."""
    rows = [
        (
            row["case"],
            row["what"],
            milliseconds(row["mlefast"] / 1e3),
            milliseconds(row["numpy"] / 1e3),
            f"**{row['numpy'] / row['mlefast']:.1f}**",
            f"{row['accuracy']:.0e}",
            f"{row['passes']:.1f}" if "passes" in row else "",
            f"{row['memory']:.0f}" if "memory" in row else "",
        )
        for row in raw["numpy"]
    ]
    header = "case | question | >mlefast, ms | >NumPy, ms | >ratio | >accuracy | >passes | >memory above data, MB"
    small = raw["calls"][0]
    return (
        f"{table(header, rows)}\n\n"
        f"Medians of one run on {conditions(raw)}. Accuracy: of an evaluation the largest difference of the Hessian "
        "relative to its largest entry, of a fit the largest difference of a coefficient in standard errors, both "
        f"against the NumPy reference in float64. A call of {small['call']} takes {1e6 * small['median']:.0f} µs; "
        f"`import mlefast` takes {raw['import']:.0f} ms once numpy and scipy.linalg are imported."
    )


def machine_table(raw: Row) -> str:
    """Against the machine's limits: all threads, best instruction set, the cases of the README."""
    process, threads = raw["efficiency"][0], raw["conditions"]["threads"]
    find = finder(process["rows"])
    rows = []
    for case in unique(process["rows"], "rows", "columns"):
        cells = [
            per_cent(find(**case, **question(dtype, order), layout=layout, threads=threads))
            for layout in ("C", "Fortran")
            for dtype in ("float64", "float32")
            for order in (1, 2)
        ]
        rows.append((shape(case), *cells))
    columns = [f">{layout}{dtype}, {what}" for layout in ("", "Fortran ") for dtype in ("float64", "float32")
               for what in ("gradient", "Hessian")]  # fmt: skip
    sums = raw["summation"]
    return (
        f"{table(' | '.join(['case', *columns]), rows)}\n\n"
        "Per cent of the limit that one evaluation reaches: bytes of X / bandwidth for the gradient, the larger of "
        "that and n p² / peak for the Hessian (with it the gradient; of float32 by products in single precision). The "
        f"limits, measured in the same process: {limits(process, threads)}. The best of several times counts for "
        f"limits and evaluations alike, on {conditions(raw)}. The negative log-likelihood of {sums['rows']:,} rows "
        f"has a relative error of {sums['error']:.0e} against the exact sum of its terms (bound 1e-15 log2(n): "
        f"{sums['bound']:.1e})."
    )


def efficiency_table(raw: Row) -> str:
    """Every case of the best instruction set, on all threads and on one."""
    process, threads = raw["efficiency"][0], raw["conditions"]["threads"]
    find = finder(process["rows"])
    rows = []
    for case in unique(process["rows"], "rows", "columns", "dtype", "layout"):
        cells = []
        for order in (1, 2):
            wanted = {**case, **question(case["dtype"], order)}
            row, one = find(**wanted, threads=threads), find(**wanted, threads=1)
            cells += [milliseconds(row["median"]), milliseconds(row["best"]), milliseconds(row["limit"]),
                      f"**{per_cent(row)}**", per_cent(one)]  # fmt: skip
        rows.append((f"{shape(case)}, {case['dtype']}, {case['layout']} order", *cells))
    of_order = [">median, ms", ">best, ms", ">limit, ms", ">of limit", ">on one thread"]
    header = ["case", *(f"{name.replace('>', f'>order {order}: ')}" for order in (1, 2) for name in of_order)]
    one_thread = f" On one thread: {limits(process, 1)}." if threads > 1 else ""
    return f"{table(' | '.join(header), rows)}\n\nLimits: {limits(process, threads)}.{one_thread}"


def instruction_set_table(raw: Row) -> str:
    """The wide cases with each instruction set, each against its own limits."""
    threads, rows, texts = raw["conditions"]["threads"], [], []
    wide = unique(raw["efficiency"][-1]["rows"], "rows", "columns", "dtype")
    for case in wide:
        for process in raw["efficiency"]:
            find = finder(process["rows"])
            first, second = (
                find(**{**case, **question(case["dtype"], order)}, layout="C", threads=threads) for order in (1, 2)
            )
            rows.append((f"{shape(case)}, {case['dtype']}", process["isa"], milliseconds(first["best"]),
                         per_cent(first), milliseconds(second["best"]), f"**{per_cent(second)}**"))  # fmt: skip
    for process in raw["efficiency"]:
        texts.append(f"- {process['isa']}: {limits(process, threads)}.")
    header = "case | instruction set | >order 1, ms | >of limit | >order 2, ms | >of limit"
    return f"{table(header, rows)}\n\nLimits, each in the process of its instruction set:\n\n" + "\n".join(texts)


def single_table(raw: Row) -> str:
    """The Hessian of float64 data by products of floats, beside that by doubles."""
    found = raw["efficiency"][0]["rows"]
    find, rows = finder(found), []
    for row in found:
        if "difference" not in row:
            continue
        same = {key: row[key] for key in ("rows", "columns", "dtype", "layout", "order", "threads")}
        double = find(**same, single=False)
        rows.append((f"{shape(row)}, {row['layout']} order", milliseconds(double["best"]), milliseconds(row["best"]),
                     f"{double['best'] / row['best']:.2f}", per_cent(row), f"{row['difference']:.0e}"))  # fmt: skip
    header = "case | >double, ms | >single, ms | >ratio | >of limit | >difference"
    return (
        f"{table(header, rows)}\n\nDifference: the largest of the two Hessians, relative to the largest entry. "
        "Products and their sums over the rows of a tile are single precision, everything else is double."
    )


def calls_table(raw: Row) -> str:
    """What a call costs."""
    rows = [(row["call"], f"{1e6 * row['median']:.0f}", f"{1e6 * row['best']:.0f}") for row in raw["calls"]]
    return table("call | >median, µs | >best, µs", rows)


def summation_table(raw: Row) -> str:
    """The error of a long sum."""
    sums = raw["summation"]
    cells = (f"{sums['rows']:,}", f"{sums['error']:.1e}", f"{sums['bound']:.1e}")
    return table(">rows | >relative error of the NLL | >1e-15 log2(n)", [cells])


def break_even_table(raw: Row) -> str:
    """Small passes on one thread and on all."""
    facts, rows = raw["break_even"], []
    for row in facts["rows"]:
        cells = []
        for order in ("order 1", "order 2"):
            one, team = row[order]
            cells += [f"{1e6 * one:.1f}", f"{1e6 * team:.1f}", f"{one / team:.2f}"]
        rows.append((f"{row['rows']:,} x {facts['columns']}", *cells))
    of_order = ("one thread, µs", "all allowed, µs", "ratio")
    header = ["case", *(f">order {order}: {name}" for order in (1, 2) for name in of_order)]
    return (
        f"{table(' | '.join(header), rows)}\n\nTo start a team of {facts['threads']} threads and to wait for it takes "
        f"{1e6 * facts['start']:.1f} µs, so it repays itself in passes that take one thread longer than about "
        f"{1e6 * facts['start'] * facts['threads'] / max(facts['threads'] - 1, 1):.0f} µs. The pass begins to use it "
        "later (`THREAD_WORK` in `_core/pass.pxi`), since a team that slept needs longer: a ratio below one would show "
        "that it does so too early."
    )


def likelihoods_table(raw: Row) -> str:
    """Whole fits of every likelihood."""
    rows, fits = [], raw["likelihoods"]["fits"]
    for row in fits:
        there = "numpy" in row
        beside = ("", "", "")
        if there:
            ratio = f"**{row['numpy'] / row['mlefast']:.1f}**"
            beside = (milliseconds(row["numpy"]), ratio, f"{row['accuracy']:.0e}")
        rows.append(
            (row["case"], milliseconds(row["mlefast"]), *beside, f"{row['passes']:.1f}", f"{row['memory']:.0f}")
        )
    header = "whole fit | >mlefast, ms | >NumPy, ms | >ratio | >accuracy | >passes | >memory above data, MB"
    bound = next(row for row in fits if "limit" in row)
    return (
        f"{table(header, rows)}\n\nMedians of one run on {conditions(raw)}; accuracy as above. With standard errors, "
        "which NumPy's normal equations (Gaussian) and interior point (Laplace, to a gap of 1e-3) do not give. The "
        f"Gaussian fit reaches {100 * bound['limit'] / bound['mlefast']:.0f} % of the machine's limit for one "
        f"evaluation with the Hessian, {milliseconds(bound['limit'])} ms in the same process."
    )


def own_table(raw: Row) -> str:
    """Likelihoods of the user's own."""
    own = raw["likelihoods"]["own"]
    rows = [
        (row["likelihood"], milliseconds(row["seconds"]), f"{100 * own[0]['seconds'] / row['seconds']:.0f} %")
        for row in own
    ]
    return table("Poisson, order 2, 1,000,000 x 20 | >median, ms | >speed of the built-in one", rows)


def solvers_table(raw: Row) -> str:
    """Passes of every solver to the same optimum."""
    rows = [
        (row["solver"], f"{row['passes']:.1f}", milliseconds(row["seconds"]), f"{row['off']:.0e}")
        for row in raw["likelihoods"]["solvers"]
    ]
    header = "Bernoulli, 100,000 x 20 | >passes | >one fit, ms | >standard errors off the maximum"
    return table(header, rows)


def report(raw: Row) -> str:
    """Everything."""
    sections = [
        ("Against NumPy", f"{numpy_table(raw)}\n\n![Times as fast as NumPy](numpy.png)"),
        ("Against the machine's limits", f"{machine_table(raw)}\n\n![Per cent of the limit](efficiency.png)"),
        ("Every likelihood", likelihoods_table(raw)),
        ("Own likelihoods", own_table(raw)),
        ("Solvers", solvers_table(raw)),
        ("Inference", inference.inference_table(raw["inference"])),
        ("Streams", f"{streaming.stream_table(raw['streams'])}\n\n![Seconds against rows](streams.png)"),
        ("Clusters", clusters.cluster_table(raw["clusters"])),
        ("Every case", efficiency_table(raw)),
        ("Instruction sets", instruction_set_table(raw)),
        ("The Hessian of float64 data by products of floats", single_table(raw)),
        ("Calls", calls_table(raw)),
        ("Sums", summation_table(raw)),
        ("When a second thread pays", break_even_table(raw)),
    ]
    parts = [f"## {title}\n\n{text}" for title, text in sections]
    return "\n\n".join([f"# Benchmarks\n\nWritten by `make bench` on {conditions(raw)}.", *parts]) + "\n"


def replace_block(text: str, name: str, block: str) -> str:
    """The text with what stands between `<!-- benchmark: name -->` and the next `<!-- end -->` replaced."""
    pattern = rf"(<!-- benchmark: {re.escape(name)} -->\n).*?(<!-- end -->)"
    changed, count = re.subn(pattern, lambda found: f"{found[1]}{block}{found[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the marker <!-- benchmark: {name} --> occurs {count} times; it must occur once")
    return changed


def texts(raw: Row) -> dict[str, str]:
    """What is written to results/, by name; the README has all but the report as blocks."""
    return {
        "report": report(raw),
        "numpy": numpy_table(raw) + "\n",
        "machine": machine_table(raw) + "\n",
        "likelihoods": likelihoods_table(raw) + "\n",
    }


def peers_table(raw: Row) -> str:
    """Beside other libraries."""
    rows, least = [], {}
    for row in raw["peers"]:
        if row["peer"] == "mlefast":
            least[row["case"]] = row["seconds"]
    for row in raw["peers"]:
        name = row["case"].replace("_", " ")
        if "seconds" not in row:
            rows.append((name, row["peer"], "failed" if "error" in row else f"> {1e3 * raw['patience']:,.0f}", "", ""))
            continue
        ratio = row["seconds"] / least[row["case"]]
        rows.append((name, row["peer"], milliseconds(row["seconds"]), f"**{ratio:.1f}**", f"{row['off']:.0e}"))
    told = ", ".join(f"{peer} {version}" for peer, version in raw["versions"].items() if peer != "mlefast")
    return (
        f"{table('case | library | >one fit, ms | >times mlefast | >difference', rows)}\n\n"
        "1,000,000 x 20 where no size is named; K = 5 has 200,000 rows and K = 20 has 100,000. Difference: the largest "
        "of a coefficient to mlefast's, in standard errors. scikit-learn gives no standard errors; all others do. Each "
        f"fit in a process of its own, after a small one that imports and compiles; {conditions(raw)}; {told}."
    )


def publish_peers() -> str:
    """Write the table of peers from its raw numbers; returns it."""
    text = peers_table(json.loads((RESULTS / "peers.json").read_text(encoding="utf-8"))) + "\n"
    (RESULTS / "peers.md").write_text(text, encoding="utf-8")
    README.write_text(replace_block(README.read_text(encoding="utf-8"), "peers", text), encoding="utf-8")
    return text


def publish() -> str:
    """Write all texts from the raw numbers; returns the report."""
    written = texts(json.loads(RAW.read_text(encoding="utf-8")))
    readme = README.read_text(encoding="utf-8")
    for name, text in written.items():
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    for name in ("numpy", "machine", "likelihoods"):
        readme = replace_block(readme, name, written[name])
    README.write_text(readme, encoding="utf-8")
    return written["report"]


if __name__ == "__main__":
    publish()
    publish_peers()
