# SPDX-License-Identifier: BSD-3-Clause
"""How far the estimate is from the exact maximum, in standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlefast.objective import Vector


@dataclass(frozen=True)
class Certificate:
    """The distance of an estimate to the exact maximum, from the gradient g and the information H at it.

    Attributes
    ----------
    distance : float
        ``max_j |H^-1 g|_j / se_j``: to second order, how many standard errors the worst coefficient is off.
    decrement : float
        The Newton decrement sqrt(g' H^-1 g), an upper bound of the distance.
    gradient : float
        ``max_j |g_j|``, in units of the log-likelihood per unit of the parameter.
    worst : str
        The name of the parameter that is off most.
    met : bool
        Whether the distance is at most `tol`, whatever rounding has done to it.
    tol : float
        What was asked for, in standard errors.
    gap : float or None
        Where the fit is a linear programme, the relative duality gap: other parameters can lower the loss by this
        share of it at most. `met` then says whether that is rounding, at most 1e-12, and `distance` is 0 if so.
    rounding : float
        How many standard errors the distance may be wrong by, because the gradient is a sum of rounded numbers: a bound
        from their sizes, which errors rarely come near. It takes the rows to be as the model expects, with squared
        scores that average the information.
    """

    distance: float
    decrement: float
    gradient: float
    worst: str
    met: bool
    tol: float
    gap: float | None = None
    rounding: float = 0.0


def certify(
    step: Vector,
    standard_errors: Vector,
    gradient: Vector,
    decrement: float,
    names: tuple[str, ...],
    tol: float,
    rounding: Vector,
) -> Certificate:
    """The certificate for a Newton step that was not taken, all in the same coordinates.

    `rounding` bounds the error of the step. A step without a standard error to measure it by is infinitely long.
    """
    measured = standard_errors > 0.0
    off = np.where(step == 0.0, 0.0, np.inf)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        np.divide(np.abs(step), standard_errors, out=off, where=measured)
        wrong = float(np.maximum.reduce((rounding / standard_errors)[measured], initial=0.0))
    worst = int(off.argmax()) if off.size else 0
    distance = float(off[worst]) if off.size else 0.0
    return Certificate(
        distance=distance,
        decrement=decrement,
        gradient=float(np.abs(gradient).max()) if gradient.size else 0.0,
        worst=names[worst] if names else "",
        met=distance + wrong <= tol,
        tol=tol,
        rounding=wrong,
    )
