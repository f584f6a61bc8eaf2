# SPDX-License-Identifier: BSD-3-Clause
"""Marginal effects: how the mean of y changes with the columns of X, with delta-method errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.data import Design, read_design, read_weights
from mlefast.errors import DataError
from mlefast.likelihoods import Categorical, Likelihood
from mlefast.options import read_flag, read_number, require_choice
from mlefast.predictors import Predictors, predictors_of, require_finite_params
from mlefast.result import Result

Vector = NDArray[np.float64]
Array = NDArray[np.float64]

METHODS = ("dydx", "eyex", "eydx", "dyex")
_ELEMENTS = 1 << 20  # of the arrays for some rows


@dataclass(frozen=True, eq=False, repr=False)
class MarginalEffects:
    """Effects on the mean of y, with delta-method errors.

    Attributes
    ----------
    names : tuple of str
        Of the columns, or for a formula of its variables and of contrasts such as "carrier: UA - AA".
    effects, bse : arrays of shape (len(names),), for categorical (len(names), K), float64
    covariance : array, a row and a column for each of the flattened effects
    classes : tuple or None
        For categorical: whose probabilities they are.
    method, at : str
        As asked for.
    """

    names: tuple[str, ...]
    effects: Vector
    covariance: Array
    classes: tuple[Any, ...] | None
    method: str
    at: str

    @property
    def bse(self) -> Vector:
        """Standard errors."""
        return np.sqrt(np.maximum(self.covariance.diagonal(), 0.0)).reshape(self.effects.shape)

    @property
    def tvalues(self) -> Vector:
        """Effects divided by their standard errors."""
        return np.asarray(self.effects / self.bse)

    @property
    def pvalues(self) -> Vector:
        """Two-sided p-values of `tvalues`, by the normal distribution."""
        from scipy.special import ndtr

        return np.asarray(2.0 * ndtr(-np.abs(self.tvalues)))

    def conf_int(self, alpha: float = 0.05) -> Array:
        """Wald intervals.

        Parameters
        ----------
        alpha : float, default 0.05
            One minus the coverage, between 0 and 1.

        Returns
        -------
        array of the shape of `effects` and a last axis of two ends
        """
        from scipy.special import ndtri

        alpha = read_number("alpha", alpha, 0.0, 1.0, "a number between 0 and 1, such as 0.05 for 95 % intervals")
        half = -float(ndtri(0.5 * alpha)) * self.bse
        return np.stack([self.effects - half, self.effects + half], axis=-1)

    def __str__(self) -> str:
        """A line for each effect."""
        labels = [
            name if label is None else f"{name} on {label}" for name in self.names for label in self.classes or (None,)
        ]
        width = max([len(self.method), *map(len, labels)])
        lines = [f"{self.method:{width}} {'effect':>11} {'std err':>11} {'z':>9} {'P>|z|':>7}"]
        columns = (self.effects, self.bse, self.tvalues, self.pvalues)
        for label, *numbers in zip(labels, *(column.ravel() for column in columns), strict=True):
            lines.append("{:{w}} {:11.5g} {:11.4g} {:9.3f} {:7.3f}".format(label, *numbers, w=width))
        return "\n".join(lines)


def marginal_effects(
    result: Result,
    X: Any,
    *,
    at: str = "overall",
    method: str = "dydx",
    discrete: bool = True,
    weights: Any = None,
    offset: Any = None,
) -> MarginalEffects:
    """Marginal effects of the columns on the mean of y: average ones, or those at the mean of the columns.

    Parameters
    ----------
    result : Result
        Of a likelihood whose mean is known; for categorical the means are the probabilities of the classes.
    X : array-like or frame of shape (n, p)
        Rows to average over, mostly those of the fit; for a formula the table. No value may be missing.
    at : {"overall", "mean"}, default "overall"
        "overall": averages over the rows. "mean": at one row that has the mean of each column (of a formula the columns
        that it makes).
    method : {"dydx", "eyex", "eydx", "dyex"}, default "dydx"
        Derivative of the mean, or with e in the place of d the relative change: "eyex" is the elasticity.
    discrete : bool, default True
        Whether the effect of a column of zeros and ones is the change from 0 to 1 instead of a derivative; not for
        "eyex" and "dyex". Categories of a formula are compared with their first level in any case.
    weights : array-like of shape (n,), optional
        How often each row counts.
    offset : array-like of shape (n,), optional
        As in `Result.predict`.

    Returns
    -------
    MarginalEffects
        For a formula with at="overall" effects are those of its variables, through all terms that they are in;
        otherwise those of the columns.

    Raises
    ------
    DataError
        If the columns do not fit the model, or values are missing.
    OptionError
        If an option has an unknown value, or the likelihood has no known mean.

    References
    ----------
    Greene, *Econometric Analysis* (8th ed., 2018), section 17.3.2; Bartus, Stata Journal 5 (2005), for average effects.

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]
    >>> found = mlefast.marginal_effects(mlefast.fit(X, y), X)
    >>> found.names, found.effects.round(4).tolist(), found.bse.round(4).tolist()
    (('x1',), [0.1816], [0.1328])
    """
    require_choice("at", at, ("overall", "mean"))
    require_choice("method", method, METHODS)
    discrete = read_flag("discrete", discrete) and method in ("dydx", "eydx")
    require_finite_params(result, "marginal_effects")
    rows = predictors_of(result, X, offset)
    count = None if weights is None else read_weights(weights, rows.design.rows).values.astype(np.float64)
    outcome = _Outcome(result.family_at_estimate, logarithm=method[0] == "e")
    relative = method[2] == "e"
    if at == "overall" and result.encoder is not None:
        found = _by_variable(rows, X, count, outcome, relative, discrete)
    else:
        zero_one = _zero_one(rows.design) if discrete else np.zeros(rows.design.columns, dtype=np.bool_)
        if at == "mean":
            rows, count = _mean_row(rows, count), None
        found = _by_column(rows, count, outcome, relative, zero_one)
    names, effects, gradients = found
    flat = gradients.reshape(effects.size, -1)
    classes = tuple(result.classes) if outcome.classes and result.classes is not None else None
    return MarginalEffects(
        names,
        effects if outcome.classes else effects[:, 0],
        flat @ rows.covariance @ flat.T,
        classes,
        method,
        at,
    )


class _Outcome:
    """The means that effects are about, or their logarithms, as functions of the linear predictors.

    With K means and L linear predictors the value has the shape (n, K), its derivatives (n, K, L) and (n, K, L, L).
    """

    def __init__(self, likelihood: Likelihood, *, logarithm: bool) -> None:
        self._likelihood = likelihood
        self._logarithm = logarithm
        self.classes = isinstance(likelihood, Categorical)

    def value(self, eta: Vector) -> Array:
        mean = self._likelihood.mean(eta)
        mean = mean if self.classes else mean[:, np.newaxis]
        return np.log(mean) if self._logarithm else mean

    def slopes(self, eta: Vector) -> tuple[Array, Array]:
        return self._of_classes(eta) if self.classes else self._of_one(eta)

    def _of_one(self, eta: Vector) -> tuple[Array, Array]:
        first, second = self._likelihood.mean_slopes(eta)
        if self._logarithm:
            mean = self._likelihood.mean(eta)
            first, second = first / mean, second / mean - (first / mean) ** 2
        return first[:, np.newaxis, np.newaxis], second[:, np.newaxis, np.newaxis, np.newaxis]

    def _of_classes(self, eta: Vector) -> tuple[Array, Array]:
        """Log p_k has the derivatives [k = l] - p_l and -p_l ([l = m] - p_m)."""
        p = self._likelihood.mean(eta)
        unit = np.eye(p.shape[1])[:, 1:]
        first = unit - p[:, np.newaxis, 1:]  # (n, K, L)
        among = np.einsum("il,ilm->ilm", p[:, 1:], first[:, 1:])
        second = np.broadcast_to(-among[:, np.newaxis], (*first.shape, first.shape[2]))
        if self._logarithm:
            return first, second
        grown = first[..., np.newaxis] * first[:, :, np.newaxis] + second
        return p[..., np.newaxis] * first, p[..., np.newaxis, np.newaxis] * grown


class _Sums:
    """Weighted sums over rows of the effects of one change, and of their gradients (K, L, p)."""

    def __init__(self, outcome: _Outcome, coefficients: Array) -> None:
        self._outcome = outcome
        self._b = np.atleast_2d(coefficients)
        means = len(self._b) + 1 if outcome.classes else 1
        self.effects = np.zeros(means)
        self.gradients = np.zeros((means, *self._b.shape))

    def add_jump(self, w: Vector, high: tuple[Array, Vector], low: tuple[Array, Vector]) -> None:
        """The value at `high` less that at `low`, each given by x and eta."""
        for sign, (x, eta) in ((1.0, high), (-1.0, low)):
            self.effects += sign * (w @ self._outcome.value(eta))
            first = self._outcome.slopes(eta)[0] * (sign * w)[:, np.newaxis, np.newaxis]
            self.gradients += np.tensordot(first, x, (0, 0))

    def add_switch(self, w: Vector, x: Array, eta: Vector, column: int) -> None:
        """The value with one in a column less that with zero."""
        steps = np.outer(x[:, column], self._b[:, column]).reshape(eta.shape)
        low = eta - steps
        high = low + self._b[:, column].reshape(eta.shape[1:])
        self.effects += w @ (self._outcome.value(high) - self._outcome.value(low))
        above, below = (self._outcome.slopes(part)[0] * w[:, np.newaxis, np.newaxis] for part in (high, low))
        rest = self.gradients[:, :, column] + above.sum(axis=0)
        self.gradients += np.tensordot(above - below, x, (0, 0))
        self.gradients[:, :, column] = rest

    def add_slope(self, w: Vector, x: Array, eta: Vector, moves: Array) -> None:
        """The derivative as x moves along the rows of `moves`."""
        first, second = self._outcome.slopes(eta)
        ahead = moves @ self._b.T
        weighted = first * w[:, np.newaxis, np.newaxis]
        self.effects += np.einsum("ikl,il->k", weighted, ahead)
        bend = np.einsum("iklm,il->ikm", second, ahead) * w[:, np.newaxis, np.newaxis]
        self.gradients += np.tensordot(bend, x, (0, 0)) + np.tensordot(weighted, moves, (0, 0))


class _Slopes:
    """The derivatives with respect to all columns at once, from sums (K, L, T) and (K, L, L, T, p).

    The derivative with respect to column j moves x by t_j in it: by 1, so that one sum (T = 1) does for all columns, or
    for relative changes by x_j.
    """

    def __init__(self, outcome: _Outcome, coefficients: Array, relative: bool) -> None:
        self._outcome = outcome
        self._b = np.atleast_2d(coefficients)
        self._relative = relative
        equations, size = self._b.shape
        means = equations + 1 if outcome.classes else 1
        self._first = np.zeros((means, equations, size if relative else 1))
        self._second = np.zeros((means, equations, equations, size if relative else 1, size))

    def add(self, w: Vector, x: Array, eta: Vector) -> None:
        first, second = self._outcome.slopes(eta)
        moves = x * w[:, np.newaxis] if self._relative else w[:, np.newaxis]
        self._first += np.tensordot(first, moves, (0, 0))
        for place in np.ndindex(second.shape[1:]):
            self._second[place] += (moves * second[(slice(None), *place)][:, np.newaxis]).T @ x

    def effect(self, column: int) -> tuple[Array, Array]:
        """That of a column and its gradient."""
        t, b = column if self._relative else 0, self._b[:, column]
        gradient = np.einsum("klmq,l->kmq", self._second[:, :, :, t], b)
        gradient[:, :, column] += self._first[:, :, t]
        return self._first[:, :, t] @ b, gradient


Found = tuple[tuple[str, ...], Array, Array]


def _by_column(
    rows: Predictors, count: Vector | None, outcome: _Outcome, relative: bool, zero_one: NDArray[np.bool_]
) -> Found:
    """The effects of each column of X."""
    result, b = rows.result, rows.coefficients
    first = int(result.intercept)
    slopes = _Slopes(outcome, b, relative)
    switches = {first + j: _Sums(outcome, b) for j in np.flatnonzero(zero_one).tolist()}
    for w, x, eta in _blocks(rows, count):
        slopes.add(w, x, eta)
        for j, total in switches.items():
            total.add_switch(w, x, eta, j)
    found = [
        (switches[j].effects, switches[j].gradients) if j in switches else slopes.effect(j)
        for j in range(first, first + rows.design.columns)
    ]
    names, effects, gradients = _collected(list(result.column_names), found)
    aliased = np.isnan(np.atleast_2d(result.params)[0, first : first + len(names)])
    effects[aliased] = gradients[aliased] = np.nan
    return names, effects, gradients


def _by_variable(
    rows: Predictors,
    table: Any,
    count: Vector | None,
    outcome: _Outcome,
    relative: bool,
    discrete: bool,
) -> Found:
    """The effects of each variable of a formula, from what the formula makes of changed tables."""
    result = rows.result
    names: list[str] = []
    totals: list[tuple[Array, Array]] = []
    assert result.encoder is not None
    for change in result.encoder.changes(table, discrete):
        total = _Sums(outcome, rows.coefficients)
        high, low = (Predictors(result, design, rows.offset) for design in (change.high, change.low))
        first = 0
        for here, (w, x1, eta1), (_, x0, eta0) in zip(
            _blocks(rows, count), _blocks(high, count), _blocks(low, count), strict=True
        ):
            if change.values is None or change.width is None:
                total.add_jump(w, (x1, eta1), (x0, eta0))
            else:
                part = slice(first, first + len(w))
                moves = (x1 - x0) / change.width[part, np.newaxis]
                moves = moves * change.values[part, np.newaxis] if relative else moves
                total.add_slope(w, here[1], here[2], moves)
            first += len(w)
        names.append(change.name)
        totals.append((total.effects, total.gradients))
    return _collected(names, totals)


def _collected(names: list[str], found: list[tuple[Array, Array]]) -> Found:
    if not names:
        raise DataError("the model has no columns, so there is no effect.")
    return tuple(names), np.array([effects for effects, _ in found]), np.array([gradients for _, gradients in found])


def _blocks(rows: Predictors, count: Vector | None) -> Iterator[tuple[Vector, Array, Vector]]:
    """Weights that sum to one, x and eta of some rows; DataError if a value is missing."""
    equations = 1 if rows.coefficients.ndim == 1 else len(rows.coefficients)
    step = max(1, _ELEMENTS // ((equations + 1) * equations**2))
    total = float(rows.design.rows) if count is None else float(count.sum())
    for where, x, eta in rows.blocks():
        w = np.full(len(x), 1.0 / total) if count is None else count[where] / total
        if not np.isfinite(eta).all():
            bad = where.start + np.flatnonzero(~np.isfinite(eta).reshape(len(x), -1).all(axis=1))
            raise DataError(
                f"X has missing or infinite values (first rows: {', '.join(map(str, bad[:5]))}), where there is no "
                "effect. Leave these rows out."
            )
        for first in range(0, len(x), step):
            part = slice(first, first + step)
            yield w[part], x[part], eta[part]


def _zero_one(design: Design) -> NDArray[np.bool_]:
    """Which columns hold zeros and ones, both of them."""
    inside = np.ones(design.columns, dtype=np.bool_)
    zero, one = np.zeros_like(inside), np.zeros_like(inside)
    for _, block in design.blocks():
        inside &= ((block == 0.0) | (block == 1.0)).all(axis=0)
        zero |= (block == 0.0).any(axis=0)
        one |= (block == 1.0).any(axis=0)
    return inside & zero & one


def _mean_row(rows: Predictors, count: Vector | None) -> Predictors:
    """One row with the mean of each column and of the offset."""
    mean, shift = np.zeros(rows.design.columns), 0.0
    total = float(rows.design.rows) if count is None else float(count.sum())
    for where, block in rows.design.blocks():
        w = np.ones(len(block)) if count is None else count[where]
        mean += w @ block
        shift += 0.0 if rows.offset is None else float(w @ rows.offset[where])
    offset = None if rows.offset is None else np.array([shift / total])
    return Predictors(rows.result, read_design(mean[np.newaxis] / total, rows.design.given_names), offset)
