# SPDX-License-Identifier: BSD-3-Clause
"""Results that earlier versions wrote are read, from pickles and JSON, with every number as it was.

What goes wrong without: a class that moves to another module cannot be unpickled, and a field that is added is missing
from what was pickled before, which is noticed only when someone asks for it.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlefast import Result
from mlefast.inference import Certificate, Separation

WRITTEN = sorted((Path(__file__).parent / "golden" / "results").glob("*/*.pickle"))


def require_all_fields(record: Any) -> None:
    """Also those that were added later, in all records inside."""
    if dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            require_all_fields(getattr(record, field.name))
    elif isinstance(record, tuple):
        for part in record:
            require_all_fields(part)


def assert_holds(now: Any, then: Any, name: str) -> None:
    """What was written is there; more may have been added."""
    if isinstance(then, dict):
        for key, value in then.items():
            assert_holds(now[key], value, f"{name}.{key}")
    else:
        assert now == then, name


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_result_of_an_earlier_version(path: Path) -> None:
    assert path.stat().st_size < 10_000
    text = path.with_suffix(".json").read_text(encoding="utf-8")
    then = json.loads(text)
    del then["version"]
    for result in (pickle.loads(path.read_bytes()), Result.from_json(text)):
        require_all_fields(result)
        assert_holds(json.loads(result.to_json()), then, path.stem)
        assert not result.params.flags.writeable
        assert str(round(result.llf, 2)) in str(result.summary())
        assert len(result.tidy()["term"]) == result.params.size


def test_every_kind_was_written() -> None:
    assert {path.stem for path in WRITTEN} == {"separated", "categorical", "laplace", "formula"}


def test_a_formula_of_version_0_1_0_reads_new_tables() -> None:
    path = next(path for path in WRITTEN if path.parent.name == "0.1.0" and path.stem == "formula")
    result = pickle.loads(path.read_bytes())
    intercept, age, _, town_c = result.params
    found = result.predict({"age": [2.0, 6.0], "town": ["a", "c"], "days": [1.0, 3.0]})
    by_hand = [np.exp(intercept + age * (2.0 - 2.75)), 3 * np.exp(intercept + age * (6.0 - 2.75) + town_c)]
    np.testing.assert_allclose(found, by_hand, rtol=1e-14)  # 2.75 is the mean age of the rows that were fitted


def test_records_from_before_a_field_was_added() -> None:
    certificate, separation = Certificate.__new__(Certificate), Separation.__new__(Separation)
    vars(certificate).update(distance=0.5, decrement=1.0, gradient=2.0, worst="a", met=True, tol=1e-6)
    vars(separation).update(verdict="exists", margin=0.5)
    certificate, separation = pickle.loads(pickle.dumps((certificate, separation)))
    assert certificate == Certificate(0.5, 1.0, 2.0, "a", met=True, tol=1e-6)
    assert separation == Separation("exists", 0.5)
