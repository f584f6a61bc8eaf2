# SPDX-License-Identifier: BSD-3-Clause
"""What the user must know of a fit, as warnings."""

from __future__ import annotations

import math
import warnings

from mlefast.data import counted
from mlefast.errors import ConvergenceWarning, RankError, RankWarning, SeparationError, SeparationWarning

from .result import Result

_CALLER = 3  # of `fit`


def warn(result: Result, max_iter: int, *, on_separation: str = "warn", on_rank: str = "warn") -> None:
    """Say it once, in the name of the one who called `fit`; SeparationError or RankError if that is asked for."""
    rank, existence = _about_rank(result), _about_existence(result)
    if rank and on_rank == "raise":
        raise RankError(rank)
    if existence and on_separation == "raise":
        raise SeparationError(existence)
    if rank:
        warnings.warn(rank, RankWarning, stacklevel=_CALLER)
    if existence and on_separation != "ignore":
        warnings.warn(existence, SeparationWarning, stacklevel=_CALLER)
    certificate = result.certificate
    if result.separation.verdict == "unbounded" or certificate.met:
        return
    if certificate.gap is not None:
        warnings.warn(
            f"the optimum is not proved: other parameters may lower the loss by {certificate.gap:.2g} of it. Check the "
            "columns, the offset and the weights for extreme values.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
    elif certificate.distance <= certificate.tol:
        warnings.warn(
            f"the estimate is {certificate.distance:.2g} standard errors from the maximum, but for rounding, which may "
            f"account for {certificate.rounding:.2g}: more than was asked for ({certificate.tol:.2g}). Raise tol.",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )
    else:
        warnings.warn(
            f"not converged after {counted(result.iterations, 'iteration')}: {certificate.worst} is "
            f"{certificate.distance:.2g} standard errors from the maximum (asked for: {certificate.tol:.2g}; largest "
            f"gradient {certificate.gradient:.2g}). {_remedy(result, max_iter)}",
            ConvergenceWarning,
            stacklevel=_CALLER,
        )


def _about_rank(result: Result) -> str:
    if not result.aliased:
        return ""
    return (
        f"{len(result.aliased)} of {len(result.names)} coefficients are not determined and are NaN: "
        f"{'; '.join(str(alias) for alias in result.aliased[:3])}. Remove these columns."
    )


def _about_existence(result: Result) -> str:
    separation = result.separation
    if separation.verdict == "separated":
        where = "all rows" if separation.kind == "complete" else counted(separation.rows, "row")
        names = ", ".join(separation.columns[:5]) + (", ..." if len(separation.columns) > 5 else "")
        return (
            f"the maximum of the likelihood does not exist: {names} separate the labels in {where} "
            f"({separation.kind} separation), so their coefficients are infinite, or NaN where either sign is as good, "
            "and have no standard errors. Remove or merge these columns."
        )
    if separation.verdict == "unbounded":
        return _unbounded(separation.columns[0])
    if separation.verdict == "undecided" and result.certificate.met:
        return (
            f"whether the maximum of the likelihood exists could not be proved (margin {separation.margin:.2g}). Look "
            "for coefficients with huge standard errors: their columns may separate the labels, or hold a huge value."
        )
    return ""


def _unbounded(name: str) -> str:
    """What it means that a parameter of the likelihood runs off, and what to do."""
    told = {
        "log(alpha)": "the counts vary no more than Poisson's. Use the poisson likelihood.",
        "log(nu)": "the tails are no heavier than the normal distribution's. Use the gaussian likelihood, or give nu.",
    }
    reason = told.get(
        name,
        "the model fits y to within rounding. The coefficients are those of a perfect fit, the standard errors mean "
        "nothing; check whether a column is y itself.",
    )
    return f"the likelihood has no maximum, it grows for ever as {name} runs off: {reason}"


def _remedy(result: Result, max_iter: int) -> str:
    """What to do about a fit that has not converged."""
    distance = result.certificate.distance
    if math.isinf(distance):
        return (
            "There the model is so sure of every label that the data tell nothing any more. Start nearer to zero, or "
            "check the offset."
        )
    if result.iterations >= max_iter:
        return "Raise max_iter."
    if distance < 1e-3:
        return "Rounding lets these data come no nearer. Raise tol."
    return "The search found no way on in double precision. Check the columns and the offset for extreme values."
