# SPDX-License-Identifier: BSD-3-Clause
"""Whether the maximum of the likelihood exists.

Let s_i = 2 y_i - 1, lambda_i = |y_i - mu_i| and d = -H^-1 g the Newton step at any parameters, H of full rank. If
max_i (1 - lambda_i) s_i x_i'd < 1, the weights lambda_i (1 - (1 - lambda_i) s_i x_i'd) are positive and make
sum_i a_i s_i x_i = g - H H^-1 g = 0, so by Stiemke's lemma no direction separates and the maximum exists (Albert and
Anderson, Biometrika 1984, theorem 1). This needs g and H of the same parameters: a step from an information matrix of
a point nearby leaves a remainder in place of the 0, and proves nothing.

If s_i x_i'd >= 0 for all rows and > 0 for one, d separates: along it the likelihood grows for ever. Whether there is
one is told by a linear programme, if the step proves nothing; see recession.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlefast.objective import Objective, Precision, Vector

_MARGIN = 1e-6  # separated data reach 1 exactly, up to rounding
_ROUNDING = {"double": float(np.finfo(np.float64).eps), "mixed": float(np.finfo(np.float32).eps)}


@dataclass(frozen=True)
class Separation:
    """Whether the maximum exists, and how that is known.

    Where it does not, the likelihood has a supremum, which it comes near along directions d with s_i x_i'd >= 0 in all
    rows. Rows with s_i x_i'd > 0 for some such d are fitted perfectly in the limit; the others, for which all these
    directions stand still, determine what is not moved by any of them: its limit is the estimate of maximum likelihood
    from these rows (Geyer, Electronic Journal of Statistics 3, 2009). A coefficient that all the directions move one
    way is infinite with that sign. One that they may move either way has no limit: for the likelihood it may as well
    stay.

    Attributes
    ----------
    verdict : str
        "exists" (proved), "local" (a maximum, proved by the curvature there, of a likelihood that may have several),
        "separated" (a direction is known along which the likelihood grows for ever), "unbounded" (a scale or shape
        parameter runs off, as sigma does for data without errors) or "undecided".
    margin : float
        1 - max_i (1 - lambda_i) s_i x_i'd: positive proves existence. NaN where no proof from the rows is needed;
        where it is not positive a linear programme has decided.
    columns : tuple of str
        The parameters that the separating directions move, the strongest first, or the one that runs off.
    direction : array of the parameters' shape, or None
        A separating direction in their units, along which every row gets ahead that can.
    kind : str
        "complete" (every row is fitted perfectly in the limit), "quasi" (some are not) or "" if nothing separates.
    rows : int
        How many rows the direction separates strictly; for classes: from one of the other classes at least.
    limit : array of the parameters' shape, or None
        Finite parameters that fit the other rows as the limit does; 0 where no row is left to tell.
    """

    verdict: str
    margin: float
    columns: tuple[str, ...] = ()
    direction: Vector | None = None
    kind: str = ""
    rows: int = 0
    limit: Vector | None = None


def judge_existence(
    objective: Objective, params: Vector, step: Vector, condition: float, precision: Precision, least_curvature: float
) -> Separation:
    """The verdict from the Newton step at `params`, made of the gradient and the information there.

    `condition`, `precision` and the least curvature along a coordinate are those of the information, from which follows
    how much of the step is rounding; the condition is infinite if the information lacks columns, since the step then
    proves nothing. Of labels the terms of g are at most one each, and those of H vanish where lambda_i is nearly 1:
    rows of both labels that are fitted badly, as huge offsets make them, hide in g what the others say.
    """
    gain, least, most = objective.scan(params, step)
    margin = 1.0 - gain
    of_gradient = _ROUNDING["double"] * max(1.0, objective.nobs / max(least_curvature, 1e-300))
    rounding = _ROUNDING[precision] * max(abs(least), abs(most)) + of_gradient
    proved = margin > max(_MARGIN, 1e3 * condition * rounding)
    return Separation("exists" if proved else "undecided", margin)
