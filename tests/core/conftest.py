# SPDX-License-Identifier: BSD-3-Clause
"""Every test of the core runs on each instruction set that this machine has."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from mlefast import _core


@pytest.fixture(params=_core.available_isas())
def core(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"mlefast._core._pass_{request.param}")
