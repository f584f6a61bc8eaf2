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

from mlefast.objective import Information, PiecewiseLinear, Vector, total

_SHORTEN = 0.9995  # of the way to the border
_STUCK = 1e-3  # of a step, or of the gap asked for without a balance: there is no minimum, or rounding hides it
_MOST_STEPS = 80


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InteriorPoint:
    """The end of the path; `stiffness` is the weight of each row in the last step, large where r = 0."""

    params: Vector
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
        path = _Path(objective, params, fixed, width)
        for step in range(_MOST_STEPS):
            if path.near(tol) or path.lost(tol) or step == _MOST_STEPS - 1:
                break
            path.advance()
        return InteriorPoint(path.params, path.stiffness, step, path.near(tol))


class _Path:
    """A point near the central path, and the way to the next."""

    def __init__(self, objective: PiecewiseLinear, params: Vector, fixed: Vector, width: float) -> None:
        self._objective = objective
        self._fixed = fixed
        self.params = params
        self._r = objective.residuals(params)
        self._a, self._s, self._z, self._u = _on_central_path(self._r, 0.25 * width)
        self._total = total(objective.weights, np.ones(objective.rows))
        self._scale = total(objective.weights, np.abs(self._r) + width)
        self._shortest = 1.0
        self._look()

    def _look(self) -> None:
        """What is known of the point: the gap, what is missing to a balance, and the next step's least squares."""
        objective, a, s, z, u = self._objective, self._a, self._s, self._z, self._u
        self.stiffness = 1.0 / (z / a + u / s)
        self._gap = total(objective.weights, z * a + u * s)
        self._missing = -self._fixed - objective.cross(a - (1.0 - objective.quantile))

    def near(self, tol: float) -> bool:
        """Whether the gap is small and the rows balance."""
        return self._gap <= tol * self._scale and float(np.abs(self._missing).max()) <= tol * self._total

    def lost(self, tol: float) -> bool:
        """Whether the path leads nowhere: numbers run off, or the gap closes and the rows do not balance."""
        return not np.isfinite(self._gap) or self._gap < _STUCK * tol * self._scale or self._shortest < _STUCK

    def advance(self) -> None:
        """A step of the predictor, to see how far it leads, and one with the second order of it."""
        a, s, z, u, weights = self._a, self._s, self._z, self._u, self._objective.weights
        information = Information(self._objective.gram(self.stiffness), most=self._objective.rows)
        _, da = self._direction(information, self._r)
        dz, du = -z - z / a * da, -u + u / s * da
        primal, dual = _reach((a, da), (s, -da)), _reach((z, dz), (u, du))
        ahead = total(weights, (a + primal * da) * (z + dual * dz) + (s - primal * da) * (u + dual * du))
        mu = self._gap / (2.0 * self._total) * (max(ahead, 0.0) / self._gap) ** 3
        over, under = mu + da * du, mu - da * dz
        db, da = self._direction(information, self._r - (over / s - under / a))
        dz, du = under / a - z - z / a * da, over / s - u + u / s * da
        primal, dual = _reach((a, da), (s, -da)), _reach((z, dz), (u, du))
        a += primal * da
        s -= primal * da
        z += dual * dz
        u += dual * du
        self.params = self.params + dual * db
        self._r = u - z
        self._shortest = max(primal, dual)
        self._look()

    def _direction(self, information: Information, wanted: Vector) -> tuple[Vector, Vector]:
        """The changes of the parameters and of a: least squares for the change of the residuals that is wanted."""
        forces = self.stiffness * wanted
        db = information.solve(self._objective.cross(forces) - self._missing)
        return db, forces - self.stiffness * self._objective.along(db)


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
