# SPDX-License-Identifier: BSD-3-Clause
"""Whether the maximum of the likelihood exists.

Let s_i = 2 y_i - 1, lambda_i = |y_i - mu_i| and d = -H^-1 g the Newton step at any parameters, H of full rank. If
max_i (1 - lambda_i) s_i x_i'd < 1, the weights lambda_i (1 - (1 - lambda_i) s_i x_i'd) are positive and make
sum_i a_i s_i x_i = g - H H^-1 g = 0, so by Stiemke's lemma no direction separates and the maximum exists (Albert and
Anderson, Biometrika 1984, theorem 1). If s_i x_i'd >= 0 for all rows and > 0 for one, d separates: along it the
likelihood grows for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlefast.objective import Objective, Vector, separates

_MARGIN = 1e-6  # separated data reach 1 exactly, up to rounding
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Separation:
    """Whether the maximum exists, and how that is known.

    Attributes
    ----------
    verdict : str
        "exists" (proved), "separated" (a direction is known along which the likelihood grows for ever) or "undecided".
    margin : float
        1 - max_i (1 - lambda_i) s_i x_i'd: positive proves existence.
    columns : tuple of str
        The parameters that the separating direction moves, the strongest first.
    direction : array of shape (p,) or None
        The separating direction in units of the parameters.
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
    to_user: Callable[[Vector], Vector],
    names: tuple[str, ...],
) -> Separation:
    """One pass: the verdict from the Newton step at `params`.

    `condition` is that of the information, on which the rounding of the step depends; `to_user` maps the direction to
    the user's units.
    """
    gain, least, most = objective.scan(params, step)
    margin = 1.0 - gain
    if margin > max(_MARGIN, 1e3 * _EPSILON * condition):
        return Separation("exists", margin)
    if separates(least, most):
        order = np.argsort(-np.abs(step))
        moved = [j for j in order if abs(step[j]) > 1e-3 * abs(step[order[0]])]
        direction = to_user(step)
        return Separation("separated", margin, tuple(names[j] for j in moved), direction)
    return Separation("undecided", margin)
