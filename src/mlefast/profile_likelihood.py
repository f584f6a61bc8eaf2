# SPDX-License-Identifier: BSD-3-Clause
"""Likelihood-ratio tests and profile intervals of each parameter, with or without Firth's penalty.

A parameter of the user is a linear function c'params of those of the fit. Its profile is the largest penalised
likelihood with c'params held at a value; the penalty is always that of all parameters. An end of an interval is where
the root of twice the drop, about linear in the value, reaches a normal quantile: Newton's method on that root, whose
slope follows from the gradient at the constrained maximum, needs a few of these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .again import FittedRows, read_again
from .errors import OptionError
from .likelihoods import Laplace
from .objective import Information, Moments, RowsObjective, Vector
from .options import read_number
from .penalties import Firth
from .result import Result
from .solvers.scoring import Scored, Scoring, scoring

_TOL = 1e-8  # standard errors
_SETTLED = 1e-10  # of the quantile that is aimed at
_MOST = 60  # constrained maxima for one end
_MOST_STEPS = 1000
_STRETCH = 4.0  # how much further than before an end may be looked for


@dataclass(frozen=True, eq=False)
class Profile:
    """Tests and intervals from the profile of the likelihood.

    Attributes
    ----------
    names : tuple of str
        The parameters that were asked for; those of classes such as "b: x1".
    intervals : array of shape (len(names), 2)
        Where twice the drop of the (penalised) log-likelihood reaches the quantile of chi-squared with one degree of
        freedom. NaN for parameters that are not determined, infinite where the drop never gets so large.
    statistics : array of shape (len(names),)
        Twice the drop where the parameter is zero.
    pvalues : array of shape (len(names),)
        Of `statistics`, chi-squared with one degree of freedom.
    loglik : float
        The (penalised) log-likelihood at the estimate.
    alpha : float
        One minus the coverage.
    curves : tuple of arrays of shape (k, 2), k different for each
        Values of the parameter at which the search was, the estimate among them, and twice the drop there. Empty for
        parameters that are not determined.
    """

    names: tuple[str, ...]
    intervals: NDArray[np.float64]
    statistics: NDArray[np.float64]
    pvalues: NDArray[np.float64]
    loglik: float
    alpha: float
    curves: tuple[NDArray[np.float64], ...]

    def __str__(self) -> str:
        """A line for each parameter."""
        width = max([len("parameter"), *map(len, self.names)])
        ends = f"[{self.alpha / 2:.12g}", f"{1 - self.alpha / 2:.12g}]"
        lines = [f"{'parameter':{width}} {ends[0]:>11} {ends[1]:>11} {'chi2':>10} {'P>chi2':>8}"]
        for name, (lower, upper), chi2, p in zip(
            self.names, self.intervals, self.statistics, self.pvalues, strict=True
        ):
            lines.append(f"{name:{width}} {lower:11.4f} {upper:11.4f} {chi2:10.3f} {p:8.4f}")
        return "\n".join(lines)


def profile(
    result: Result,
    X: Any,
    y: Any,
    *,
    parameters: Sequence[str] | None = None,
    alpha: float = 0.05,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> Profile:
    """Likelihood-ratio tests and profile intervals of a fit, from its data: results hold none.

    With `penalty=Firth()` the tests and intervals are penalised ones, which hold where labels are separated and Wald's
    mean nothing.

    Parameters
    ----------
    result : Result
        A converged fit without a penalty or with Firth's, of a likelihood without shape parameters; not Laplace.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, the offset and the exposure of the
        fit are found in it if they were columns, and y and the weights are arrays.
    parameters : sequence of str, optional
        Which ones; default: all. Those of classes have names such as "b: x1".
    alpha : float, default 0.05
        One minus the coverage, between 0 and 1.

    Returns
    -------
    Profile

    Raises
    ------
    DataError
        If these are not the data of the fit, or cannot be used.
    OptionError
        If there is no profile for such a fit, or a parameter is unknown.

    References
    ----------
    Venzon and Moolgavkar, Applied Statistics 37 (1988); Heinze and Schemper, Statistics in Medicine 21 (2002), for the
    penalised likelihood, in which the information is always that of all parameters.

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]
    >>> result = mlefast.fit(X, y, penalty=mlefast.Firth())
    >>> print(mlefast.profile(result, X, y))
    parameter      [0.025      0.975]       chi2   P>chi2
    Intercept    -10.9015      1.0728      1.429   0.2320
    x1            -0.3478      6.6981      2.202   0.1378
    """
    _require_profile(result)
    alpha = read_number("alpha", alpha, 0.0, 1.0, "a number between 0 and 1, such as 0.05 for 95 % intervals")
    fitted = read_again(
        result, X, y, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    names = result.parameter_names
    wanted = _indices(names, parameters)
    curve = _Curve(fitted)
    quantile = _quantile(alpha)
    rows, curves = [], []
    for j in wanted:
        rows.append(curve.row(j, quantile))
        curves.append(curve.visited)
    table = np.array(rows).reshape(len(rows), 3)
    from scipy.special import chdtrc

    return Profile(
        names=tuple(names[j] for j in wanted),
        intervals=table[:, :2],
        statistics=table[:, 2],
        pvalues=np.asarray(chdtrc(1.0, table[:, 2])),
        loglik=-curve.top,
        alpha=alpha,
        curves=tuple(curves),
    )


def _quantile(alpha: float) -> float:
    from scipy.special import ndtri

    return -float(ndtri(0.5 * alpha))


def _require_profile(result: Result) -> None:
    if not (result.penalty is None or isinstance(result.penalty, Firth)):
        raise OptionError(f"profile: {result.penalty} is a prior of its own, whose drop is no test. Use conf_int().")
    if isinstance(result.family, Laplace) or result.family.estimated or result.family.convex is False:
        raise OptionError(f"profile: not for a {result.likelihood} fit like this one. Use conf_int().")
    if result.weight_kind == "sampling":
        raise OptionError("profile: a pseudo-likelihood of sampling weights has no profile. Use conf_int().")
    if not result.converged:
        raise OptionError(
            "profile: the fit has not converged, so there is no maximum to start from. With separated labels fit with "
            "penalty=mlefast.Firth()."
        )


def _indices(names: tuple[str, ...], parameters: Sequence[str] | None) -> list[int]:
    if parameters is None:
        return list(range(len(names)))
    asked = [parameters] if isinstance(parameters, str) else list(parameters)
    unknown = [name for name in asked if name not in names]
    if unknown:
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise OptionError(f"parameters: {unknown[0]!r} is unknown; the fit has {shown}.")
    return [names.index(name) for name in asked]


class _Unpenalised:
    """The likelihood as it is."""

    def __init__(self, inner: RowsObjective) -> None:
        self.inner = inner

    def penalty(self, information: Information) -> float:
        return 0.0

    def score(self, params: Vector, moments: Moments, information: Information) -> Vector:
        assert moments.gradient is not None
        return moments.gradient


class _Curve:
    """The profile of the likelihood about its maximum."""

    def __init__(self, fitted: FittedRows) -> None:
        model, result, objective = fitted.model, fitted.result, fitted.objective
        assert isinstance(objective, RowsObjective)
        self._objective: Scored = _Unpenalised(objective) if result.penalty is None else model.with_jeffreys(objective)
        self._aliased = np.isnan(result.params).ravel()
        self._best = self._maximise(fitted.params, None)
        self.top = self._best.total
        self._visited: list[tuple[float, float]] = []
        # row j of the map to the user's parameters
        self._map = np.array([model.coordinates.to_user(unit) for unit in np.eye(model.size)]).T

    def row(self, j: int, quantile: float) -> tuple[float, float, float]:
        """The ends of the interval and the statistic at zero."""
        self._visited = []
        if self._aliased[j]:
            return math.nan, math.nan, math.nan
        c = self._map[j]
        self._visited.append((float(c @ self._best.solution.params), 0.0))
        drop = self._at(c, 0.0, self._best.solution.params).total - self.top
        return self._end(c, -quantile), self._end(c, quantile), 2.0 * max(drop, 0.0)

    @property
    def visited(self) -> NDArray[np.float64]:
        """Values of the parameter of the last row and twice the drop there, in the order of the values."""
        return np.array(sorted(self._visited)).reshape(-1, 2)

    def _maximise(self, start: Vector, fixed: Vector | None) -> Scoring:
        return scoring(self._objective, start, tol=_TOL, max_iter=_MOST_STEPS, fixed=fixed)

    def _at(self, c: Vector, value: float, near: Vector) -> Scoring:
        """The maximum with c'params at a value."""
        along = self._best.solution.information.solve(c)
        start = near + along * ((value - float(c @ near)) / float(c @ along))
        found = self._maximise(start, c)
        self._visited.append((value, 2.0 * max(found.total - self.top, 0.0)))
        return found

    def _end(self, c: Vector, quantile: float) -> float:
        """Where the root of twice the drop, with the sign of the side, is the quantile."""
        best = self._best.solution
        estimate = float(c @ best.params)
        reach = abs(quantile) * math.sqrt(float(c @ best.information.solve(c)))
        side, goal = math.copysign(1.0, quantile), abs(quantile)
        inside, outside, near = 0.0, math.inf, best.params
        for _ in range(_MOST):
            found = self._at(c, estimate + side * reach, near)
            root = math.sqrt(max(0.0, 2.0 * (found.total - self.top)))
            if abs(root - goal) <= _SETTLED * goal:
                break
            inside, outside = (reach, outside) if root < goal else (inside, reach)
            near, before = found.solution.params, reach
            slope = side * _slope(found, c)
            reach = reach + (goal - root) * root / slope if slope > 0.0 else math.inf
            if not inside < reach < min(outside, _STRETCH * before + 1e-300):
                reach = 0.5 * (inside + outside) if outside < math.inf else _STRETCH * before
            if reach == before:
                break
        else:
            return side * math.inf
        return estimate + side * reach


def _slope(found: Scoring, c: Vector) -> float:
    """How fast the penalised NLL rises with the value of c'params: Lagrange's multiplier."""
    along = found.solution.information.solve(c)
    gradient = found.solution.moments.gradient
    assert gradient is not None
    return float(gradient @ along) / float(c @ along)
