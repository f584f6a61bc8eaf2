# SPDX-License-Identifier: BSD-3-Clause
"""A result made by hand, whose numbers do not depend on a fit, a clock or a machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from mlefast import Bernoulli, Result
from mlefast.inference import Certificate, Separation
from mlefast.objective import Passes

HANDMADE = {
    "family": Bernoulli(),
    "names": ("Intercept", "hour", "C(carrier)[T.UA]"),
    "response": "late",
    "classes": np.array(["no", "yes"]),
    "intercept": True,
    "constant": True,
    "params": np.array([-2.0, 0.125, 0.0]),
    "covariance": np.array([[0.25, -0.01, 0.0], [-0.01, 0.0004, 0.0], [0.0, 0.0, 0.0625]]),
    "covariance_type": "fisher",
    "llf": -163456.784,
    "llnull": -163500.5,
    "deviance": 326913.568,
    "null_deviance": 327001.0,
    "scale": 1.0,
    "use_t": False,
    "nobs": 325724.0,
    "rank": 3,
    "dropped": 0,
    "converged": True,
    "certificate": Certificate(3.2e-11, 4.1e-11, 2.3e-8, "hour", met=True, tol=1e-6),
    "separation": Separation("exists", 0.98),
    "aliased": (),
    "passes": Passes(0.0, 2.0, 2.0625),
    "iterations": 3,
    "solver": "irls",
    "solver_reason": "With 3 parameters Newton needs few passes.",
    "seconds": 0.0432,
    "threads": 2,
    "isa": "v3",
}


@pytest.fixture
def handmade() -> Callable[..., Result]:
    """`handmade(llf=-1.0)` is the result above with another log-likelihood; its arrays are its own."""

    def make(**changes: object) -> Result:
        arrays = {name: value.copy() for name, value in HANDMADE.items() if isinstance(value, np.ndarray)}
        return dataclasses.replace(Result(**{**HANDMADE, **arrays}), **changes)

    return make
