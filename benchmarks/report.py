# SPDX-License-Identifier: BSD-3-Clause
"""Run the benchmarks, print one table, and write it with a plot to benchmarks/results/."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import mlefast
from cases import DTYPES, SHAPES
from memory import in_child, median_import_time

HERE = Path(__file__).parent
RESULTS = HERE / "results"
Row = dict[str, Any]


def measure() -> list[Row]:
    """All timings, a row per case and question, with those of mlefast and of NumPy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmarks.json"
        command = [sys.executable, "-m", "pytest", str(HERE / "bench_numpy.py"), "-q", "-o", f"pythonpath={HERE}"]
        subprocess.run([*command, f"--benchmark-json={path}"], check=True, stdout=sys.stderr)
        runs = json.loads(path.read_text())["benchmarks"]
    rows: dict[tuple[str, str], Row] = defaultdict(dict)
    for run in runs:
        info = run["extra_info"]
        row = rows[info["what"], info["case"]]
        row.update(what=info["what"], case=info["case"])
        row[info["who"]] = 1e3 * run["stats"]["median"]
        row.update({key: info[key] for key in ("accuracy", "passes") if key in info})
    for shape in SHAPES:
        for dtype in DTYPES:
            row = rows["fit", f"{shape[0]:,} x {shape[1]:,}, {dtype}"]
            row["memory"] = in_child(*shape, dtype)
    return list(rows.values())


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = [
        "| case | question | mlefast, ms | NumPy, ms | ratio | accuracy | passes | memory above data, MB |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda row: row["what"]):
        passes = f"{row['passes']:.1f}" if "passes" in row else ""
        memory = f"{row['memory']:.0f}" if "memory" in row else ""
        lines.append(
            f"| {row['case']} | {row['what']} | {row['mlefast']:.3g} | {row['numpy']:.3g} | "
            f"**{row['numpy'] / row['mlefast']:.1f}** | {row['accuracy']:.0e} | {passes} | {memory} |"
        )
    return "\n".join(lines)


def conditions() -> str:
    """On what the numbers were measured."""
    config = mlefast.show_config()
    return (
        f"Medians of one run on {config.threads} threads, instruction set {config.instruction_set}, NumPy "
        f"{config.numpy}, SciPy {config.scipy}, Python {config.python}. Accuracy: of an evaluation the largest "
        "difference of the Hessian relative to its largest entry, of a fit the largest difference of a coefficient in "
        "standard errors, both against the NumPy reference in float64. `import mlefast` takes "
        f"{median_import_time():.0f} ms once numpy and scipy.linalg are imported."
    )


def plot(rows: list[Row], path: Path) -> None:
    """Bars of the ratio to NumPy."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for axis, what in zip(axes, ("evaluate", "fit"), strict=True):
        chosen = [row for row in rows if row["what"] == what]
        ratios = [row["numpy"] / row["mlefast"] for row in chosen]
        bars = axis.barh([row["case"] for row in chosen], ratios, color="#2a6f97")
        axis.bar_label(bars, [f" {ratio:.1f}x" for ratio in ratios])
        axis.axvline(1.0, color="black", linewidth=0.8)
        axis.set_xlim(0, 1.15 * max(ratios))
        axis.set_title("NLL + gradient + Hessian" if what == "evaluate" else "whole fit")
        axis.set_xlabel("times as fast as NumPy")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print and write."""
    rows = measure()
    text = f"{table(rows)}\n\n{conditions()}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "numpy.md").write_text(text, encoding="utf-8")
    plot(rows, RESULTS / "numpy.png")


if __name__ == "__main__":
    main()
