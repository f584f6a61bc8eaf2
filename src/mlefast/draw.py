# SPDX-License-Identifier: BSD-3-Clause
"""Pictures from plain arrays: each function draws into Axes of matplotlib that it is given.

Names are drawn as they are: matplotlib would take text between two dollars for a formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

# Okabe and Ito, "Color Universal Design" (2008): told apart by all kinds of eyes
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_GREY = "0.45"
_LEAST = 1e-17  # a distance that a logarithmic axis still shows
_DODGE = 0.7  # of the distance between rows, for the classes of a row
_NORMAL = 1.959963984540054  # 0.975 quantile of the normal distribution
_GROUPS = 20
_NAMED = 5  # rows of a scatter that get their number
_MOST_POINTS = 100_000
_VECTORS = 2000  # points that a vector graphic may hold


def coefficients(
    ax: Any,
    names: Sequence[str],
    estimates: NDArray[np.float64],
    intervals: NDArray[np.float64],
    classes: Sequence[str] = (),
) -> None:
    """Estimates of shape (terms,) or (classes, terms) with intervals, a row per term, from the top."""
    table, ends = np.atleast_2d(estimates), intervals.reshape(-1, len(names), 2)
    at = np.arange(len(names), dtype=np.float64)
    ax.axvline(0.0, color=_GREY, linewidth=0.8)
    handles = []
    for k, (row, (lower, upper)) in enumerate(zip(table, ends.transpose(0, 2, 1), strict=True)):
        shift = _DODGE * ((k + 0.5) / len(table) - 0.5)
        colour = COLOURS[k % len(COLOURS)]
        known = np.isfinite(row)
        within = known & np.isfinite(lower) & np.isfinite(upper)
        ax.hlines(at[within] + shift, lower[within], upper[within], color=colour, linewidth=1.6)
        ax.plot(row[known & ~within], at[known & ~within] + shift, "o", color=colour, markerfacecolor="white")
        handles += ax.plot(row[within], at[within] + shift, "o", color=colour, markersize=5)
        for j in np.flatnonzero(~known):
            _out_of_reach(ax, row[j], at[j] + shift, colour)
    ax.set_yticks(at, labels=names, parse_math=False)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.margins(x=0.2 if np.isinf(table).any() else 0.08)  # room for what stands at the edges
    _tidy(ax)
    if classes:
        _legend(ax, handles, classes)


def _out_of_reach(ax: Any, value: float, height: float, colour: str) -> None:
    """What stands for a coefficient that is infinite, at the edge, or not determined."""
    across = ax.get_yaxis_transform()
    if math.isnan(value):
        ax.text(0.5, height, "not determined", transform=across, color=_GREY, style="italic", ha="center", va="center")
        return
    edge, marker, side, name = (1.0, ">", "right", "∞ ") if value > 0 else (0.0, "<", "left", " −∞")
    ax.plot([edge], [height], marker, color=colour, transform=across, clip_on=False, markersize=7)
    place = edge - 0.02 if value > 0 else edge + 0.02
    ax.text(place, height, name, transform=across, color=colour, ha=side, va="center")


def trace(ax: Any, passes: Vector, distances: Vector, end: tuple[float, float], tol: float) -> None:
    """Distances to the maximum in standard errors by passes over the data; `end` is the estimate's."""
    known = np.isfinite(distances)
    ax.axhline(tol, color=_GREY, linewidth=0.8, linestyle="--")
    ax.plot(passes[known], np.maximum(distances[known], _LEAST), "o-", color=COLOURS[0], label="bound after a pass")
    if math.isfinite(end[1]):
        ax.plot(end[0], max(end[1], _LEAST), "D", color=COLOURS[1], label="the estimate, by its certificate")
    ax.set_yscale("log")
    ax.set_xlim(left=0.0)
    ax.set_xlabel("passes over the data")
    ax.set_ylabel("distance to the maximum (standard errors)")
    ax.annotate(f"asked for: {tol:.2g}", (0.0, tol), (4, 3), textcoords="offset points", color=_GREY, fontsize="small")
    ax.legend(frameon=False, fontsize="small")
    _tidy(ax)


def profile(ax: Any, curve: NDArray[np.float64], interval: tuple[float, float], quantile: float, error: float) -> None:
    """Twice the drop of the log-likelihood by the value of a parameter, beside Wald's parabola.

    `curve` has values and drops, 0 at the estimate; between them the root of the drop is interpolated, which is about
    linear. `quantile` is that of chi-squared, where the interval ends, and `error` the standard error.
    """
    from scipy.interpolate import PchipInterpolator

    values, drops = _apart(curve).T
    estimate = float(values[np.argmin(drops)])
    left, right = _window(estimate, interval, math.sqrt(quantile) * error)
    root = PchipInterpolator(values, np.copysign(np.sqrt(drops), values - estimate))
    x = np.linspace(max(left, values[0]), min(right, values[-1]), 401)
    wald = np.linspace(left, right, 401)
    ax.plot(wald, ((wald - estimate) / error) ** 2, "--", color=_GREY, linewidth=1.0, label="Wald's parabola")
    ax.plot(x, root(x) ** 2, color=COLOURS[0], label="profile")
    seen = (values >= left) & (values <= right)
    ax.plot(values[seen], drops[seen], "o", color=COLOURS[0], markersize=4)
    ax.axhline(quantile, color=COLOURS[1], linewidth=0.8)
    for value in interval:
        if math.isfinite(value):
            ax.vlines(value, 0.0, quantile, color=COLOURS[1], linewidth=0.8, linestyle=":")
    ax.set_xlim(left, right)
    ax.set_ylim(0.0, 2.2 * quantile)
    ax.legend(frameon=False, fontsize="small", loc="upper center")
    _tidy(ax)


def _apart(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without points so near the one before that the difference of their drops is rounding."""
    apart = np.diff(curve[:, 0], prepend=-np.inf) > 1e-6 * np.ptp(curve[:, 0])
    kept: NDArray[np.float64] = curve[apart | (curve[:, 1] == 0.0)]
    return kept


def _window(estimate: float, interval: tuple[float, float], half: float) -> tuple[float, float]:
    """The values to show: a little beyond the interval, and of an infinite one as much as the other side has."""
    widths = [abs(end - estimate) for end in interval]
    finite = [width for width in widths if math.isfinite(width)] or [2.0 * half]
    left, right = (1.35 * (width if math.isfinite(width) else 2.0 * max(finite)) for width in widths)
    return estimate - left, estimate + right


def calibration(ax: Any, fitted: Vector, observed: Vector, errors: Vector | None) -> None:
    """Averages of y by averages of the fitted means of groups of rows, with 95 % intervals where errors are known."""
    ends = [float(min(fitted.min(), observed.min())), float(max(fitted.max(), observed.max()))]
    ax.plot(ends, ends, color=_GREY, linewidth=0.8)
    bars = None if errors is None else _NORMAL * errors
    ax.errorbar(fitted, observed, bars, fmt="o", color=COLOURS[0], markersize=5, linewidth=1.2)
    _tidy(ax)


def residuals(ax: Any, fitted: Vector, values: Vector) -> None:
    """Residuals that should be standard normal, by fitted means, with averages of groups of equal size."""
    order = np.argsort(fitted, kind="stable")
    x, y = fitted[order], values[order]
    ax.axhline(0.0, color=_GREY, linewidth=0.8)
    for height in (-_NORMAL, _NORMAL):
        ax.axhline(height, color=_GREY, linewidth=0.8, linestyle=":")
    _scatter(ax, x[:: _stride(x)], y[:: _stride(x)], 6.0)
    groups = [part for part in np.array_split(np.arange(len(x)), min(_GROUPS, max(1, len(x) // 10))) if part.size]
    middles = [(float(x[part].mean()), float(y[part].mean())) for part in groups]
    ax.plot(*zip(*middles, strict=True), "o-", color=COLOURS[1], markersize=4, linewidth=1.2)
    _tidy(ax)


def leverage(ax: Any, rows: NDArray[np.intp], leverages: Vector, values: Vector, cooks: Vector) -> None:
    """Standardised residuals by leverages; areas grow with Cook's distances, of which the largest have their row."""
    most = np.argsort(-cooks, kind="stable")[:_NAMED]
    some = np.union1d(np.arange(0, len(rows), _stride(rows)), most)
    ax.axhline(0.0, color=_GREY, linewidth=0.8)
    usual = 2.0 * float(leverages.mean())
    ax.axvline(usual, color=_GREY, linewidth=0.8, linestyle="--")
    _scatter(ax, leverages[some], values[some], 6.0 + 120.0 * cooks[some] / max(float(cooks.max()), 1e-300))
    for i in most:
        ax.annotate(f"{rows[i]}", (leverages[i], values[i]), (6, 4), textcoords="offset points", fontsize="small")
    ax.annotate(
        "twice the average", (usual, 0.0), (3, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
        color=_GREY, fontsize="small",
    )  # fmt: skip
    ax.set_xlim(left=0.0)
    _tidy(ax)


def _scatter(ax: Any, x: Vector, y: Vector, size: Any) -> None:
    """Points with less ink where there are many; as an image inside the picture if a file would grow large."""
    ink = min(0.8, max(0.05, 30.0 / math.sqrt(len(x))))
    ax.scatter(x, y, size, color=COLOURS[0], alpha=ink, linewidths=0.0, rasterized=len(x) > _VECTORS)


def _stride(values: NDArray[Any]) -> int:
    """Every how many points one is drawn."""
    return -(-len(values) // _MOST_POINTS)


def _legend(ax: Any, handles: list[Any], labels: Sequence[str]) -> None:
    """A legend beside the axes whose labels are set afterwards: matplotlib skips those that begin with _."""
    legend = ax.legend(
        handles, [" "] * len(handles), frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set_parse_math(False)
        text.set_text(label)


def _tidy(ax: Any) -> None:
    ax.spines[["top", "right"]].set_visible(False)
