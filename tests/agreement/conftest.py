# SPDX-License-Identifier: BSD-3-Clause
"""The cases as fixtures."""

from __future__ import annotations

from typing import Any

import pytest

from .cases import CLASSES, Case, ClassesCase, case, classes, names


@pytest.fixture(params=names())
def glm(request: Any) -> Case:
    """Every data set with each of its likelihoods."""
    return case(request.param)


@pytest.fixture(params=CLASSES)
def choice(request: Any) -> ClassesCase:
    """Five data sets with classes."""
    return classes(request.param)
