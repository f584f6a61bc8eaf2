# SPDX-License-Identifier: BSD-3-Clause
"""docs/coming-from.md: what its tables call equal is equal, and what they call different differs.

statsmodels is called; references.json has what the other programs printed for the same expressions.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

import mlefast

from .references import PATH, PYTHON, Row, after, data, evaluate, rows

REFERENCES = json.loads(PATH.read_text(encoding="utf-8"))
OURS = data() | {name: getattr(mlefast, name) for name in mlefast.__all__}


def statsmodels_fit(call: str) -> Any:
    names = vars(sm) | {"links": sm.families.links} | data()
    if re.match("Logit|Probit|MNLogit|Poisson|NegativeBinomial", call):
        call = call.replace(".fit(", ".fit(disp=False, ")
    return evaluate(call, names)


def found_by(program: str, row: Row) -> dict[str, Any]:
    if program != "statsmodels":
        return REFERENCES[program][row.call]
    fit = statsmodels_fit(row.call)
    return {said.theirs: evaluate(said.theirs, {"it": fit}) for said in row.said}


def differ(a: Any, b: Any, near: float) -> bool:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return a.shape != b.shape or not np.allclose(a, b, rtol=near, atol=0)


@pytest.mark.parametrize("program", ["statsmodels", *PYTHON, "R"])
def test_what_is_said_of_two_fits(program: str) -> None:
    for row in rows(program):
        fit = evaluate(row.ours, dict(OURS))
        ours = OURS | {"it": fit, "ours": fit}
        theirs = found_by(program, row)
        for said in row.said:
            found, where = theirs[said.theirs], f"{row.call}: {said.theirs}"
            if said.ours is not None:
                wanted = np.ravel(evaluate(said.ours, ours))
                np.testing.assert_allclose(np.ravel(found), wanted, rtol=said.near, err_msg=where)
            if not said.same and hasattr(fit, said.theirs[1:].split("[")[0]):
                assert differ(found, evaluate(said.theirs, ours), said.near), where


def test_stata_names_calls_that_there_are() -> None:
    for row in rows("Stata"):
        assert evaluate(row.ours, dict(OURS)).converged, row.call


def test_after_the_fit() -> None:
    names = data()
    result, smaller = mlefast.fit(names["X"], names["label"]), mlefast.fit(names["X"][:, 0], names["label"])
    ours = OURS | {"result": result, "smaller": smaller}
    m = statsmodels_fit("Logit(label, C).fit()")
    theirs = names | {"m": m, "small": statsmodels_fit("Logit(label, C[:, :2]).fit()")}
    found = [(call, answer, np.asarray(evaluate(call, theirs))) for call, answer in after(1)]
    found += [(call, answer, np.array(REFERENCES["R"]["after"][call])) for call, answer in after(2)]
    for call, answer, numbers in found:
        wanted = evaluate(answer, ours)
        if isinstance(wanted, mlefast.Prediction):
            wanted = np.column_stack([wanted.lower, wanted.upper])
        # confint interpolates profiles
        near = 1e-3 if "profile" in answer else 1e-6
        np.testing.assert_allclose(numbers.ravel(), np.ravel(wanted)[: numbers.size], rtol=near, err_msg=call)
