# SPDX-License-Identifier: BSD-3-Clause
"""The raw numbers as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from tables import finder, question, shape, unique

GRADIENT, HESSIAN = "#8ab6d6", "#2a6f97"
Row = dict[str, Any]


def draw(raw: Row, folder: Path) -> None:
    """All pictures."""
    against_rows(raw["streams"]["fits"], folder / "streams.png")
    against_numpy(raw["numpy"], folder / "numpy.png")
    of_limit(raw, folder / "efficiency.png")


def against_numpy(rows: list[Row], path: Path) -> None:
    """Bars of the ratio to NumPy."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    for axis, what in zip(axes, ("evaluate", "fit"), strict=True):
        chosen = [row for row in rows if row["what"] == what]
        ratios = [row["numpy"] / row["mlefast"] for row in chosen]
        bars = axis.barh([row["case"] for row in chosen], ratios, color=HESSIAN)
        axis.axvline(1.0, color="black", linewidth=0.8)
        clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.bar_label(bars, [f"{ratio:.1f}x" for ratio in ratios], padding=4, bbox=clear)
        axis.set_xlim(0, 1.15 * max(ratios))
        axis.set_title("NLL + gradient + Hessian" if what == "evaluate" else "whole fit")
        axis.set_xlabel("times as fast as NumPy")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def against_rows(fits: list[Row], path: Path) -> None:
    """Seconds of fits of streams against their rows, beside a straight line through the last."""
    rows, seconds = ([row[key] for row in fits] for key in ("rows", "seconds"))
    figure, axis = plt.subplots(figsize=(5.5, 4.2), layout="constrained")
    axis.loglog(rows, seconds, "o-", color=HESSIAN, label="fit of a Parquet stream")
    line = [seconds[-1] * count / rows[-1] for count in rows]
    axis.loglog(rows, line, "--", color=GRADIENT, label="proportional to the rows")
    axis.set_xlabel("rows of 20 columns")
    axis.set_ylabel("seconds")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def of_limit(raw: Row, path: Path) -> None:
    """Bars of the per cent of the limit, all threads, best instruction set."""
    found, threads = raw["efficiency"][0]["rows"], raw["conditions"]["threads"]
    find, cases = finder(found), unique(found, "rows", "columns")
    figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), sharex=True, sharey=True, layout="constrained")
    for axis, layout, dtype in zip(
        axes.flat, ("C", "C", "Fortran", "Fortran"), ("float64", "float32", "float64", "float32"), strict=True
    ):
        for order, shift, colour in ((1, -0.2, GRADIENT), (2, 0.2, HESSIAN)):
            chosen = [find(**case, **question(dtype, order), layout=layout, threads=threads) for case in cases]
            shares = [100 * row["limit"] / row["best"] for row in chosen]
            label = "NLL + gradient" if order == 1 else "NLL + gradient + Hessian"
            places = [k + shift for k in range(len(cases))]
            bars = axis.barh(places, shares, height=0.38, color=colour, label=label)
            axis.bar_label(bars, [f" {share:.0f} %" for share in shares], fontsize=9)
        axis.set_title(f"{dtype}, {layout} order")
        axis.set_yticks(range(len(cases)), [shape(case) for case in cases])
        axis.set_xlim(0, 112)
        axis.axvline(100.0, color="black", linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].invert_yaxis()
    for axis in axes[1]:
        axis.set_xlabel("per cent of the machine's limit")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)
