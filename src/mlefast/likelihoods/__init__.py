# SPDX-License-Identifier: BSD-3-Clause
"""The likelihoods: what each model is, a page each, with no loop over rows."""

from __future__ import annotations

import difflib

from mlefast.errors import OptionError

from .bernoulli import Bernoulli
from .protocol import Likelihood, Vector

_BY_NAME: dict[str, type[Likelihood]] = {"bernoulli": Bernoulli}


def find_likelihood(likelihood: str | Likelihood) -> Likelihood:
    """The likelihood object for a short name; objects pass through."""
    if not isinstance(likelihood, str):
        return likelihood
    if likelihood not in _BY_NAME:
        close = difflib.get_close_matches(likelihood, _BY_NAME, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise OptionError(f"likelihood={likelihood!r} is unknown; possible: {', '.join(_BY_NAME)}.{hint}")
    return _BY_NAME[likelihood]()


__all__ = ["Bernoulli", "Likelihood", "Vector", "find_likelihood"]
