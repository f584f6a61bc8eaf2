# SPDX-License-Identifier: BSD-3-Clause
"""Quantile regression by an interior point: Frisch-Newton with Mehrotra's predictor and corrector.

The dual of min sum_i w_i rho_tau(r_i) is: maximise sum_i w_i y_i a_i over 0 <= a_i <= 1 with
sum_i w_i (a_i - 1 + tau) x_i = c. Each a_i says which side of the hyperplane a row is on: 1 above, 0 below. With slacks
s = 1 - a and multipliers z of a >= 0 and u of a <= 1, u - z = r and the central path is z a = u s = mu. A step is a
weighted least-squares fit with the weights 1 / (z / a + u / s) (Portnoy and Koenker, Statistical Science 12, 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlefast.objective import Information, PiecewiseLinear, Vector

_SHORTEN = 0.9995  # of the way to the border
_STUCK = 1e-3  # of a step, or of the gap asked for without a balance: there is no minimum, or rounding hides it
_MOST_STEPS = 80


@dataclass(frozen=True, slots=True)
class InteriorPoint:
    """Parameters, dual values, the weight of each row in the last step (large where r = 0), and whether it converged."""

    params: Vector
    dual: Vector
    stiffness: Vector
    steps: int
    converged: bool


def interior_point(
    objective: PiecewiseLinear, params: Vector, fixed: Vector, *, width: float, tol: float
) -> InteriorPoint:
    """Minimise from `params` until the duality gap is `tol` of the objective.

    `fixed` is sum_i w_i psi_i x_i of rows that are not in `objective` and whose slopes psi_i stand: c is minus that.
    `width` is the size of the residuals that may still change their sign, from which the path starts.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # where there is no minimum, numbers run off
        return _follow_path(objective, params, fixed, width, tol)


def _follow_path(
    objective: PiecewiseLinear, params: Vector, fixed: Vector, width: float, tol: float
) -> InteriorPoint:
    tau, weights = objective.quantile, objective.weights
    r = objective.residuals(params)
    a, s, z, u = _on_central_path(r, 0.25 * width)
    total = float(objective.rows if weights is None else np.sum(weights))
    size = np.abs(r) + width
    scale = _sum(weights, size)
    primal = dual = 1.0
    for step in range(_MOST_STEPS):
        stiffness = 1.0 / (z / a + u / s)
        gap = _sum(weights, z * a + u * s)
        missing = -fixed - objective.cross(a - (1.0 - tau))
        information = Information(objective.gram(stiffness), most=objective.rows)
        infeasible = float(np.abs(missing).max())
        if gap <= tol * scale and infeasible <= tol * total:
            return InteriorPoint(params, a, stiffness, step, True)
        if not np.isfinite(gap) or gap < _STUCK * tol * scale or max(primal, dual) < _STUCK:
            break

        def direction(xi: Vector | float) -> tuple[Vector, Vector]:
            wanted = stiffness * (r - xi)
            db = information.solve(objective.cross(wanted) - missing)
            return db, wanted - stiffness * objective.along(db)

        db, da = direction(0.0)
        dz, du = -z - z / a * da, -u + u / s * da
        primal, dual = _reach((a, da), (s, -da)), _reach((z, dz), (u, du))
        ahead = _sum(weights, (a + primal * da) * (z + dual * dz) + (s - primal * da) * (u + dual * du))
        mu = gap / (2.0 * total) * (max(ahead, 0.0) / gap) ** 3
        over, under = mu + da * du, mu - da * dz  # the second-order terms of u s and z a
        db, da = direction(over / s - under / a)
        dz, du = under / a - z - z / a * da, over / s - u + u / s * da
        primal, dual = _reach((a, da), (s, -da)), _reach((z, dz), (u, du))
        a += primal * da
        s -= primal * da
        z += dual * dz
        u += dual * du
        params = params + dual * db
        r = u - z
    return InteriorPoint(params, a, stiffness, step, False)


def _on_central_path(r: Vector, mu: float) -> tuple[Vector, Vector, Vector, Vector]:
    """(a, s, z, u) with u - z = r and z a = u s = mu, without cancellation."""
    length = np.sqrt(4.0 * mu * mu + r * r) + 2.0 * mu
    larger = 0.5 + np.abs(r) / (2.0 * length)
    smaller = mu / (length * larger)
    above = r > 0.0
    a, s = np.where(above, larger, smaller), np.where(above, smaller, larger)
    return a, s, mu / a, mu / s


def _reach(*pairs: tuple[Vector, Vector]) -> float:
    """The longest step, at most 1, that keeps all values positive."""
    steepest = max(float(np.max(-change / value)) for value, change in pairs)
    return min(1.0, _SHORTEN / steepest) if steepest > 0.0 else 1.0


def _sum(weights: Vector | None, values: Vector) -> float:
    return float(np.sum(values if weights is None else values * weights))
