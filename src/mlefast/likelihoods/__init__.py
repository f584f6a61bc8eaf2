# SPDX-License-Identifier: BSD-3-Clause
"""The likelihoods: what each model is, a page each, with no loop over rows."""

from __future__ import annotations

from mlefast.errors import OptionError

from .base import ROUNDING, Likelihood, Totals, Vector, tally
from .bernoulli import Bernoulli
from .categorical import Categorical, require_codes
from .gamma import Gamma
from .gaussian import Gaussian
from .laplace import Laplace
from .negative_binomial import NegativeBinomial
from .poisson import Poisson
from .student import StudentT
from .user import UserLikelihood

_BY_NAME: dict[str, Likelihood] = {
    family.name: family()
    for family in (Bernoulli, Categorical, Gaussian, Laplace, Poisson, Gamma, NegativeBinomial, StudentT)
}


def find_likelihood(likelihood: str | Likelihood) -> Likelihood:
    """The likelihood object for a short name; objects pass through. Raises OptionError for anything else."""
    if isinstance(likelihood, str):
        if likelihood in _BY_NAME:
            return _BY_NAME[likelihood]
        import difflib  # for the hint only

        close = difflib.get_close_matches(likelihood, _BY_NAME, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise OptionError(f"likelihood={likelihood!r} is unknown; possible: {', '.join(_BY_NAME)}.{hint}")
    if isinstance(likelihood, type):
        raise OptionError(f"likelihood={likelihood.__name__} is a class. Use an object of it, {likelihood.__name__}().")
    if not isinstance(likelihood, Likelihood):
        raise OptionError(f"likelihood={likelihood!r} is no likelihood; possible: {', '.join(_BY_NAME)}.")
    return likelihood


__all__ = [
    "ROUNDING",
    "Bernoulli",
    "Categorical",
    "Gamma",
    "Gaussian",
    "Laplace",
    "Likelihood",
    "NegativeBinomial",
    "Poisson",
    "StudentT",
    "Totals",
    "UserLikelihood",
    "Vector",
    "find_likelihood",
    "require_codes",
    "tally",
]
