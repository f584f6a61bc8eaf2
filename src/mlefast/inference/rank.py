# SPDX-License-Identifier: BSD-3-Clause
"""Columns that are linear combinations of others: which ones, and of what; whether a constant is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlefast.objective import Information, Objective, Vector


@dataclass(frozen=True)
class Alias:
    """A parameter that is not determined: its column is the sum of coefficient times column over `combination`."""

    name: str
    combination: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        """The combination as an equation, such as "c = 2 a + 1 b"."""
        terms = " + ".join(f"{coefficient:.6g} {name}" for name, coefficient in self.combination)
        return f"{self.name} = {terms or '0'}".replace("+ -", "- ")


def find_aliases(
    information: Information, to_user: Callable[[Vector], Vector], names: tuple[str, ...]
) -> tuple[Alias, ...]:
    """An Alias for each column that the factorisation left out, in the user's units.

    Of several linear predictors with the same columns the first one's names are enough.
    """
    aliases = []
    for j, vector in information.null_vectors():
        if j >= len(names):
            break
        combination = to_user(vector[: len(names)])
        combination = combination / -combination[j]
        size = np.abs(combination).max()
        terms = [(names[k], float(c)) for k, c in enumerate(combination) if k != j and abs(c) > 1e-9 * size]
        aliases.append(Alias(names[j], tuple(terms)))
    return tuple(aliases)


def spans_constant(objective: Objective) -> bool:
    """Whether the intercept of an objective, whose rows have the same information at 0, is a combination of columns."""
    hessian = objective.moments(np.zeros(objective.size), 2).hessian
    assert hessian is not None
    constant, cross = hessian[0, 0], hessian[0, 1:]
    rest = constant - cross @ Information(hessian[1:, 1:]).solve(cross)
    return bool(rest <= 1e-10 * constant)
