# SPDX-License-Identifier: BSD-3-Clause
"""Whether the maximum of the likelihood exists.

Let s_i = 2 y_i - 1, lambda_i = |y_i - mu_i| and d = -H^-1 g the Newton step at any parameters, H of full rank. If
max_i (1 - lambda_i) s_i x_i'd < 1, the weights lambda_i (1 - (1 - lambda_i) s_i x_i'd) are positive and make
sum_i a_i s_i x_i = g - H H^-1 g = 0, so by Stiemke's lemma no direction separates and the maximum exists (Albert and
Anderson, Biometrika 1984, theorem 1). This needs g and H of the same parameters: a step from an information matrix of
a point nearby leaves a remainder in place of the 0, and proves nothing.

If s_i x_i'd >= 0 for all rows and > 0 for one, d separates: along it the likelihood grows for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlefast.objective import Objective, Precision, Standardisation, Vector

_MARGIN = 1e-6  # separated data reach 1 exactly, up to rounding
_ROUNDING = {"double": float(np.finfo(np.float64).eps), "mixed": float(np.finfo(np.float32).eps)}
_MOVED = 1e-3  # relative to the largest part of a direction, what the report names


@dataclass(frozen=True, slots=True)
class Separation:
    """Whether the maximum exists, and how that is known.

    Attributes
    ----------
    verdict : str
        "exists" (proved), "local" (a maximum, proved by the curvature there, of a likelihood that may have several),
        "separated" (a direction is known along which the likelihood grows for ever), "unbounded" (a scale or shape
        parameter runs off, as sigma does for data without errors) or "undecided".
    margin : float
        1 - max_i (1 - lambda_i) s_i x_i'd: positive proves existence. NaN where no proof from the rows is needed.
    columns : tuple of str
        The parameters that the separating direction moves, the strongest first, or the one that runs off.
    direction : array of the parameters' shape, or None
        The separating direction in their units.
    """

    verdict: str
    margin: float
    columns: tuple[str, ...] = ()
    direction: Vector | None = None


def judge_existence(
    objective: Objective,
    params: Vector,
    step: Vector,
    condition: float,
    precision: Precision,
    space: Standardisation,
    names: tuple[str, ...],
) -> Separation:
    """The verdict from the Newton step at `params`, made of the gradient and the information there.

    `condition` and `precision` are those of the information, from which follows how much of the step is rounding; the
    condition is infinite if the information lacks columns, since the step then proves nothing.
    """
    gain, least, most = objective.scan(params, step)
    margin = 1.0 - gain
    rounding = _ROUNDING[precision] * max(abs(least), abs(most)) + _ROUNDING["double"]  # of H and of g
    if margin > max(_MARGIN, 1e3 * condition * rounding):
        return Separation("exists", margin)
    direction = objective.separating(step)
    if direction is None:
        return Separation("undecided", margin)
    return Separation("separated", margin, _moved(direction, space, names), space.to_user(direction))


def _moved(direction: Vector, space: Standardisation, names: tuple[str, ...]) -> tuple[str, ...]:
    """The parameters that a direction moves, the strongest first.

    Columns are compared in the coordinates of the fit, where they have the same spread. The intercept has to move in
    the user's as well: in either alone it only makes up for where the columns have their zero.
    """
    moves = np.abs(direction)
    if space.intercept:
        first = slice(None, None, len(moves) // space.equations)
        moves[first] = np.minimum(moves[first], np.abs(space.to_user(direction)[first]))
    return tuple(names[j] for j in np.argsort(-moves) if moves[j] > _MOVED * moves.max())
