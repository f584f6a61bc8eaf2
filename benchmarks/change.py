# SPDX-License-Identifier: BSD-3-Clause
"""`make bench-change`: what a change does to speed. Two builds take turns in one run, and their ratios are judged.

`change.py BASE HEAD` takes two Pythons, each with its own build of mlefast installed. Exit status 1: some case became
slower than `LIMIT`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

import mlefast
from calls import times
from cases import make

HERE = Path(__file__).parent
ROUNDS = 9
LIMIT = 1.15


def measure() -> dict[str, float]:
    """Seconds of each case with the mlefast of this process: the least of some runs, which others disturb least."""
    small, tall, wide = (make(*shape, "float64") for shape in [(100, 5), (300_000, 20), (30_000, 200)])
    single = make(300_000, 20, "float32")
    ten = make(1_000, 10, "float64")

    def evaluate(data: tuple[np.ndarray, np.ndarray], order: int, runs: int) -> float:
        params = np.full(data[0].shape[1] + 1, 0.01)
        return times(lambda: mlefast.evaluate(*data, params, order=order, threads=1), runs)["best"]

    def fit(data: tuple[np.ndarray, np.ndarray], likelihood: str, runs: int) -> float:
        return times(lambda: mlefast.fit(*data, likelihood=likelihood, threads=1), runs)["best"]

    return {
        "evaluate 100 x 5, order 2": evaluate(small, 2, 2_000),
        "evaluate 300,000 x 20, order 1": evaluate(tall, 1, 10),
        "evaluate 300,000 x 20, order 2": evaluate(tall, 2, 10),
        "evaluate 300,000 x 20, float32, order 2": evaluate(single, 2, 10),
        "evaluate 30,000 x 200, order 2": evaluate(wide, 2, 5),
        "fit 1,000 x 10": fit(ten, "bernoulli", 300),
        "fit 300,000 x 20": fit(tall, "bernoulli", 5),
        "fit 300,000 x 20, Poisson": fit(tall, "poisson", 5),
    }


def child(python: str) -> dict[str, float]:
    """The times that the mlefast of another Python takes."""
    done = subprocess.run([python, str(HERE / "change.py")], check=True, capture_output=True, text=True)
    return {str(name): float(seconds) for name, seconds in json.loads(done.stdout).items()}


def compare(base: str, head: str) -> dict[str, list[float]]:
    """Per case the ratios of head to base, one for each round; who begins changes from round to round."""
    ratios: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        order = (base, head) if number % 2 else (head, base)
        found = {python: child(python) for python in order}
        for name, seconds in found[head].items():
            ratios.setdefault(name, []).append(seconds / found[base][name])
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
    return ratios


def main() -> None:
    """Print a table in Markdown; fail if the median of a case's ratios is above the limit."""
    ratios = compare(*sys.argv[1:3])
    print("| case | head / base | least | most |\n| --- | ---: | ---: | ---: |")
    slower = []
    for name, found in ratios.items():
        middle = statistics.median(found)
        print(f"| {name} | {middle:.2f} | {min(found):.2f} | {max(found):.2f} |")
        slower += [name] if middle > LIMIT else []
    if slower:
        print(f"\nSlower by more than {LIMIT - 1:.0%}: {'; '.join(slower)}.")
        raise SystemExit(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main()
    else:
        print(json.dumps(measure()))
