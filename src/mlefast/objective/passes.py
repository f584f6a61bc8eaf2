# SPDX-License-Identifier: BSD-3-Clause
"""How often the data were read."""

from __future__ import annotations

from typing import Any, Self


class Passes(float):
    """The number of full reads of the rows, a sample counting as its share; a float that knows its parts.

    Attributes
    ----------
    by_order : tuple of three floats
        Reads for eta or the NLL alone, for a gradient, and for a gradient and a Hessian.

    Examples
    --------
    >>> from mlefast.objective import Passes
    >>> passes = Passes(0.5, 1.25, 2.0)
    >>> passes, passes.by_order[2]
    (3.75 (order 0: 0.50, order 1: 1.25, order 2: 2.00), 2.0)
    """

    by_order: tuple[float, float, float]

    def __new__(cls, order0: float = 0.0, order1: float = 0.0, order2: float = 0.0) -> Self:
        """The sum of its parts."""
        passes = super().__new__(cls, order0 + order1 + order2)
        passes.by_order = (float(order0), float(order1), float(order2))
        return passes

    def plus(self, order: int, share: float = 1.0) -> Passes:
        """One more of this order, over a share of the rows."""
        parts = list(self.by_order)
        parts[order] += share
        return Passes(*parts)

    def __add__(self, other: float) -> Any:
        """The parts of both, if both have them."""
        if not isinstance(other, Passes):
            return float(self) + other
        return Passes(*(a + b for a, b in zip(self.by_order, other.by_order, strict=True)))

    def __getnewargs__(self) -> tuple[float, float, float]:  # type: ignore[override]
        """For copies and pickles."""
        return self.by_order

    def __repr__(self) -> str:
        """The sum and its parts."""
        parts = ", ".join(f"order {order}: {share:.2f}" for order, share in enumerate(self.by_order))
        return f"{float(self):.2f} ({parts})"
