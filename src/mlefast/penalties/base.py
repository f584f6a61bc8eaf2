# SPDX-License-Identifier: BSD-3-Clause
"""What a penalty is to the other floors, and which fits can have one."""

from __future__ import annotations

from typing import Any, ClassVar

from mlefast.errors import OptionError
from mlefast.likelihoods import Laplace, Likelihood


class Penalty:
    """A function of the coefficients that is added to the negative log-likelihood."""

    name: ClassVar[str]
    example: ClassVar[str]  # of an object
    errors: ClassVar[str]  # what the standard errors are, in a word or two
    meaning: ClassVar[str]  # the same in a sentence

    def require(self, likelihood: Likelihood) -> None:
        """OptionError if the penalty is not defined for the likelihood."""
        if isinstance(likelihood, Laplace):
            raise OptionError(
                f"penalty={self!r}: the laplace likelihood is solved as a linear programme, which takes no penalty. "
                "Leave it out, or use student_t, whose tails are heavy too."
            )


def read_penalty(penalty: Any, likelihood: Likelihood, covariance: str) -> Penalty | None:
    """The penalty of a fit; OptionError if there is no such fit."""
    if penalty is None:
        return None
    if isinstance(penalty, type) and issubclass(penalty, Penalty):
        raise OptionError(f"penalty={penalty.__name__} is a class. Use an object of it, such as {penalty.example}.")
    if not isinstance(penalty, Penalty):
        raise OptionError(f"penalty={penalty!r} is no penalty; possible: mlefast.Ridge(alpha=1.0), mlefast.Firth().")
    penalty.require(likelihood)
    if covariance != "fisher":
        raise OptionError(
            f"covariance={covariance!r} is not there with a penalty, whose standard errors come from the information. "
            "Use covariance='fisher'."
        )
    return penalty
