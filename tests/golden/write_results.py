# SPDX-License-Identifier: BSD-3-Clause
"""Results that later versions must read, as pickles and JSON: `python tests/golden/write_results.py` before a release.

It writes the folder of the version that is installed. Folders of earlier versions are never written again.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import mlefast

FOLDER = Path(__file__).parent / "results" / mlefast.__version__
X = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
TABLE = {
    "cost": [1.0, 4.0, 2.0, 8.0, 3.0, 9.0, 7.0, 12.0, 9.0, 16.0],
    "age": X,
    "town": ["a", "b", "a", "b", "c", "c", "a", "b", "c", "a"],
    "days": [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0],
}


def results() -> dict[str, mlefast.Result]:
    """One of each kind: without a maximum, of several classes, a linear programme, a formula."""
    return {
        "separated": mlefast.fit(X, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1], names=["dose"]),
        "categorical": mlefast.fit(X, list("abacbacbca"), likelihood="categorical"),
        "laplace": mlefast.fit(X, TABLE["cost"], likelihood=mlefast.Laplace(0.75)),
        "formula": mlefast.fit_formula(
            "cost ~ center(age) + C(town)", TABLE, likelihood="poisson", exposure="days", penalty=mlefast.Ridge(0.5)
        ),
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlefast.SeparationWarning)
        found = results()
    for name, result in found.items():
        (FOLDER / f"{name}.pickle").write_bytes(pickle.dumps(result, protocol=4))
        (FOLDER / f"{name}.json").write_text(result.to_json() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
