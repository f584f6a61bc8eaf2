# SPDX-License-Identifier: BSD-3-Clause
"""Linear hypotheses about parameters, R params = r, as matrices or as text such as "a = b = 0"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mlefast.errors import OptionError
from mlefast.objective import Matrix, Vector

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class Hypothesis(NamedTuple):
    """R, of shape (q, p), and r, of shape (q,)."""

    matrix: Matrix
    values: Vector


def read_hypothesis(asked: Any, names: Sequence[str]) -> Hypothesis:
    """A hypothesis from a matrix, a pair of a matrix and values, text, or a list of names and texts.

    OptionError says what cannot be read.
    """
    if isinstance(asked, str):
        asked = [asked]
    if isinstance(asked, list | tuple) and len(asked) and all(isinstance(part, str) for part in asked):
        return _stack([row for part in asked for row in _equations(part, names)])
    matrix, values = asked if isinstance(asked, tuple) and len(asked) == 2 else (asked, None)
    try:
        rows = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
        right = np.zeros(len(rows)) if values is None else np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise OptionError(
            f"the hypothesis {asked!r} is no matrix of numbers, and no text such as 'x1 = x2 = 0'."
        ) from None
    if rows.ndim != 2 or rows.shape[1] != len(names) or right.shape != (len(rows),):
        raise OptionError(
            f"the hypothesis has a matrix of shape {rows.shape} and values of shape {right.shape}; it needs a column "
            f"for each of the {len(names)} parameters and a value for each row."
        )
    return Hypothesis(rows, right)


def _stack(rows: list[Vector]) -> Hypothesis:
    table = np.array(rows)
    return Hypothesis(table[:, :-1], -table[:, -1])


def _equations(text: str, names: Sequence[str]) -> list[Vector]:
    """Each equation of a text as coefficients and a constant that sum to zero; equations are separated by commas."""
    if text in names:
        return [_Reader(text, names).whole()]
    rows = []
    reader = _Reader(text, names)
    while True:
        sides = [reader.sum()]
        while reader.takes("="):
            sides.append(reader.sum())
        if len(sides) == 1:
            sides.append(np.zeros(len(names) + 1))
        rows += [side - sides[-1] for side in sides[:-1]]
        if not reader.takes(","):
            break
    reader.require_end()
    for row in rows:
        if not row[:-1].any():
            raise OptionError(f"the hypothesis {text!r} has an equation without parameters.")
    return rows


class _Reader:
    """Reads sums of numbers times names from left to right, each as p coefficients and a constant."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text = text
        self._names = sorted(((name, j) for j, name in enumerate(names)), key=lambda pair: -len(pair[0]))
        self._size = len(names) + 1
        self._at = 0

    def takes(self, sign: str) -> bool:
        """Whether the sign comes next; it is read if so."""
        self._skip()
        there = self._text.startswith(sign, self._at)
        self._at += len(sign) * there
        return there

    def whole(self) -> Vector:
        """The text as one name."""
        return self._unit(next(j for name, j in self._names if name == self._text))

    def sum(self) -> Vector:
        """Products, added and subtracted."""
        total = -self._product() if self.takes("-") else self._product()
        while True:
            if self.takes("+"):
                total = total + self._product()
            elif self.takes("-"):
                total = total - self._product()
            else:
                return total

    def require_end(self) -> None:
        """OptionError if something is left."""
        self._skip()
        if self._at < len(self._text):
            self._refuse()

    def _product(self) -> Vector:
        product = self._factor()
        while True:
            times = self.takes("*")
            if not times and not self.takes("/"):
                return product
            factor = self._factor()
            if times and not product[:-1].any():
                product, factor = factor, product
            if factor[:-1].any() or (not times and factor[-1] == 0.0):
                raise OptionError(f"the hypothesis {self._text!r} is not linear in the parameters.")
            product = product * factor[-1] if times else product / factor[-1]

    def _factor(self) -> Vector:
        if self.takes("("):
            inner = self.sum()
            if not self.takes(")"):
                self._refuse()
            return inner
        self._skip()
        for name, j in self._names:
            quoted = f"`{name}`"
            if self._text.startswith(quoted, self._at):
                self._at += len(quoted)
                return self._unit(j)
            end = self._at + len(name)
            if self._text.startswith(name, self._at) and not (name[-1].isalnum() and self._continues(end)):
                self._at = end
                return self._unit(j)
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            self._refuse()
        assert number is not None
        self._at = number.end()
        return self._unit(self._size - 1) * float(number[0])

    def _continues(self, place: int) -> bool:
        """Whether a word goes on here."""
        return place < len(self._text) and (self._text[place].isalnum() or self._text[place] in "_[(.")

    def _unit(self, place: int) -> Vector:
        unit = np.zeros(self._size)
        unit[place] = 1.0
        return unit

    def _skip(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _refuse(self) -> None:
        names = ", ".join(name for name, _ in sorted(self._names, key=lambda pair: pair[1])[:8])
        raise OptionError(
            f"the hypothesis {self._text!r} cannot be read from {self._text[self._at :] or 'its end'!r} on. Write sums "
            f"of numbers times names, such as 'x1 - 2*x2 = 0', with the names {names}"
            f"{', ...' if len(self._names) > 8 else ''}; those with odd signs also in `backquotes`."
        )
