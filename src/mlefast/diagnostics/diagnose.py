# SPDX-License-Identifier: BSD-3-Clause
"""How well a fit describes its rows, from one pass and one look at each block of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.again import Block, FittedRows, read_at_estimate
from mlefast.errors import OptionError
from mlefast.likelihoods import Bernoulli, Laplace
from mlefast.objective import Information
from mlefast.options import is_whole
from mlefast.result import Result, doubtful_variance

from .influence import Influence, dispersion, influence_of, leverages, require_influence
from .residuals import pearson, residuals_of_classes

Vector = NDArray[np.float64]

_GROUPS = 10


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Rows in groups of about equal size by their fitted mean, least first; equal means are in one group.

    Attributes
    ----------
    counts, fitted, observed : arrays of shape (groups,), float64
        Observations, the average of their fitted means, and the average of y.
    """

    counts: Vector
    fitted: Vector
    observed: Vector

    def __str__(self) -> str:
        """A line for each group."""
        lines = [f"{'observations':>13} {'fitted':>11} {'observed':>11}"]
        lines += [f"{n:13.15g} {m:11.5g} {y:11.5g}" for n, m, y in zip(*vars(self).values(), strict=True)]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False, repr=False)
class Diagnostics:
    """How well a fit describes its rows. What the likelihood does not define is None.

    Attributes
    ----------
    deviance : float
        As in the result.
    pearson_chi2, dispersion : float or None
        The sum of squared Pearson residuals, and that divided by `df_resid`: about 1 where a variance without a scale
        is right.
    mcfadden, cox_snell, nagelkerke : float
        Pseudo R-squared; of a continuous likelihood Nagelkerke's may mean nothing.
    tjur : float or None
        For Bernoulli: how much larger the average fitted probability is where y = 1.
    auc : float or None
        For Bernoulli: area under the ROC curve, equal linear predictors counting half.
    brier : float or None
        For classes: mean squared error of the probabilities; of more than two summed over the classes.
    calibration : Calibration or None
        Deciles of the fitted mean; None for categorical.
    vif : dict of str to float
        Variance inflation factor of each column: 1 / (1 - R^2) of its regression on the others.
    influential : Influence or None
        The rows of largest Cook's distance, the largest first.
    robust_ratio : array of the shape of the parameters, or None
        Standard errors from the sandwich, divided by those of the model.
    warning : str or None
        What it means, if some of them are far from 1.
    """

    deviance: float
    pearson_chi2: float | None
    dispersion: float | None
    mcfadden: float
    cox_snell: float
    nagelkerke: float
    tjur: float | None
    auc: float | None
    brier: float | None
    calibration: Calibration | None
    vif: dict[str, float]
    influential: Influence | None
    robust_ratio: Vector | None
    warning: str | None

    def __str__(self) -> str:
        """All of it in words."""
        numbers = {
            "Deviance": self.deviance,
            "Pearson chi2": self.pearson_chi2,
            "Dispersion": self.dispersion,
            "McFadden R2": self.mcfadden,
            "Cox-Snell R2": self.cox_snell,
            "Nagelkerke R2": self.nagelkerke,
            "Tjur R2": self.tjur,
            "ROC AUC": self.auc,
            "Brier score": self.brier,
        }
        lines = [f"{name:14} {value:.6g}" for name, value in numbers.items() if value is not None]
        if self.calibration is not None:
            lines += ["", "Calibration", str(self.calibration)]
        if self.vif:
            lines += ["", "Variance inflation"]
            lines += [f"{value:11.5g}  {name}" for name, value in self.vif.items()]
        if self.influential is not None:
            found = self.influential
            lines += ["", f"{'row':>10} {'Cook':>11} {'leverage':>11} {'std. resid.':>11}"]
            for i, cook, h, r in zip(*vars(found).values(), strict=True):
                lines.append(f"{i:10d} {cook:11.5g} {h:11.5g} {r:11.5g}")
        if self.warning is not None:
            lines += ["", self.warning]
        return "\n".join(lines)


def diagnose(
    result: Result,
    X: Any,
    y: Any,
    *,
    top: int = 10,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> Diagnostics:
    """Goodness of fit, calibration, collinearity and influential rows of a fit.

    Parameters
    ----------
    result : Result
        Not of Laplace.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.
    top : int, default 10
        How many influential rows to name.

    Returns
    -------
    Diagnostics
        `str()` gives the text. Three numbers per row are kept until the deciles and the ROC curve are known.

    Raises
    ------
    DataError
        If these are not the data of the fit.
    OptionError
        If the likelihood is Laplace, or `top` is no whole number.

    References
    ----------
    Hosmer, Lemeshow and Sturdivant, *Applied Logistic Regression* (3rd ed., 2013), chapter 5; Nagelkerke, Biometrika 78
    (1991); Tjur, The American Statistician 63 (2009); Hanley and McNeil, Radiology 143 (1982), for the area; Brier,
    Monthly Weather Review 78 (1950).

    Examples
    --------
    >>> import mlefast
    >>> X, y = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1]
    >>> found = mlefast.diagnose(mlefast.fit(X, y), X, y)
    >>> round(found.auc, 4), round(found.brier, 4), round(found.tjur, 4)
    (0.8889, 0.1468, 0.445)
    """
    if isinstance(result.family, Laplace):
        raise OptionError("diagnose: not for the laplace likelihood, whose residuals have no assumed spread.")
    if not is_whole(top) or top < 0:
        raise OptionError(f"top={top!r} must be a whole number from 0.")
    rows = read_at_estimate(
        result, X, y, order=2, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    look = _LookAtClasses(rows) if result.params.ndim > 1 else _Look(rows, int(top))
    for block in rows.blocks():
        look.add(block)
    ratio = _robust_ratio(rows)
    cox_snell = -math.expm1(2.0 * (result.llnull - result.llf) / result.nobs)
    return Diagnostics(
        deviance=result.deviance,
        mcfadden=result.prsquared,
        cox_snell=cox_snell,
        nagelkerke=cox_snell / -math.expm1(2.0 * result.llnull / result.nobs) if result.llnull else math.nan,
        vif=_inflation(rows),
        robust_ratio=ratio,
        warning=None if ratio is None else doubtful_variance(rows.model.names, ratio),
        **look.found(),
    )


class _Look:
    """What blocks of rows with one linear predictor add up to."""

    def __init__(self, rows: FittedRows, top: int) -> None:
        self._rows = rows
        self._labels = isinstance(rows.likelihood, Bernoulli)
        self._eta: list[Vector] = []
        self._y: list[Vector] = []
        self._weights: list[Vector] = []
        self._chi2: float | None = 0.0
        self._whitening: NDArray[np.float64] | None = None
        try:
            require_influence(rows.result)
            self._whitening = rows.information.whiten_matrix() if top else None
        except OptionError:
            pass
        self._top = top
        self._worst = np.zeros((4, 0))  # row, distance but for the dispersion, leverage, residual

    def add(self, block: Block) -> None:
        self._eta.append(block.eta)
        self._y.append(block.y)
        self._weights.append(block.weights)
        try:
            residual = pearson(self._rows, block, self._rows.likelihood.mean(block.eta))
        except OptionError:
            self._chi2 = self._whitening = None
            return
        assert self._chi2 is not None
        self._chi2 += float(block.weights @ residual**2)
        if self._whitening is not None:
            self._keep_worst(block, leverages(self._rows, block, self._whitening), residual)

    def _keep_worst(self, block: Block, h: Vector, residual: Vector) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = residual**2 * h / (1.0 - h) ** 2
        candidates = np.hstack([self._worst, [block.index, distance, h, residual]])
        order = np.argsort(-candidates[1], kind="stable")[: self._top]
        self._worst = candidates[:, order]

    def found(self) -> dict[str, Any]:
        result = self._rows.result
        eta, y, weights = map(np.concatenate, (self._eta, self._y, self._weights))
        try:
            mean = self._rows.likelihood.mean(eta)
        except OptionError:  # a function of the user's without a mean
            mean = None
        labels = self._labels
        nobs, chi2 = result.nobs, self._chi2
        influential = None
        if self._whitening is not None and chi2 is not None:
            index, _, h, residual = self._worst
            phi = dispersion(self._rows, chi2)
            influential = influence_of(index.astype(np.intp), h, residual, phi, result.rank)
        return {
            "pearson_chi2": chi2,
            "dispersion": None if chi2 is None or not result.df_resid > 0 else chi2 / result.df_resid,
            "tjur": _tjur(mean, y, weights) if labels and mean is not None else None,
            "auc": _auc(eta, y, weights) if labels else None,
            "brier": float(weights @ (y - mean) ** 2) / nobs if labels and mean is not None else None,
            "calibration": None if mean is None else _calibration(mean, y, weights),
            "influential": influential,
        }


class _LookAtClasses:
    """The same for classes, of which less is defined."""

    def __init__(self, rows: FittedRows) -> None:
        self._rows = rows
        self._chi2 = self._brier = 0.0

    def add(self, block: Block) -> None:
        p = self._rows.likelihood.mean(block.eta)
        error = residuals_of_classes(block, p, "response")
        squares = error**2
        self._brier += float(block.weights @ squares.sum(axis=1))
        self._chi2 += float(block.weights @ np.divide(squares, p, out=squares.copy(), where=squares > 0.0).sum(axis=1))

    def found(self) -> dict[str, Any]:
        result = self._rows.result
        freedom = result.nobs * self._rows.model.equations - result.rank
        return {
            "pearson_chi2": self._chi2,
            "dispersion": self._chi2 / freedom if freedom > 0 else None,
            "tjur": None,
            "auc": None,
            "brier": self._brier / result.nobs,
            "calibration": None,
            "influential": None,
        }


def _tjur(mean: Vector, y: Vector, weights: Vector) -> float:
    ones, zeros = weights * y, weights * (1.0 - y)
    return float(ones @ mean / ones.sum() - zeros @ mean / zeros.sum())


def _auc(eta: Vector, y: Vector, weights: Vector) -> float:
    """The share of the pairs of a one and a zero in which the one has the larger eta, ties counting half."""
    order = np.argsort(eta)
    eta, ones, zeros = eta[order], (weights * y)[order], (weights * (1.0 - y))[order]
    starts = np.flatnonzero(np.r_[True, eta[1:] > eta[:-1]])
    ones, zeros = np.add.reduceat(ones, starts), np.add.reduceat(zeros, starts)
    below = np.cumsum(zeros) - zeros
    return float(ones @ (below + 0.5 * zeros) / (ones.sum() * zeros.sum()))


def _calibration(mean: Vector, y: Vector, weights: Vector) -> Calibration:
    shares = np.arange(1, _GROUPS) / _GROUPS
    cuts = np.unique(np.quantile(mean, shares, weights=weights, method="inverted_cdf"))
    groups = np.searchsorted(cuts, mean, side="left")
    counts, fitted, observed = (
        np.bincount(groups, terms, minlength=len(cuts) + 1).astype(np.float64)
        for terms in (weights, weights * mean, weights * y)
    )
    there = counts > 0.0
    counts, fitted, observed = counts[there], fitted[there], observed[there]
    return Calibration(counts, fitted / counts, observed / counts)


def _inflation(rows: FittedRows) -> dict[str, float]:
    """From the inverse of the information that is the same in all rows; infinite for columns that are aliased."""
    model, first = rows.model, int(rows.result.intercept)
    equal = model.equally_informed(rows.result.intercept)
    gram = equal.moments(np.zeros(equal.size), 2).hessian
    assert gram is not None
    information = Information(gram)
    inverse = information.inverse().diagonal()[first:]
    squares = gram.diagonal()[first:] - (gram[0, 1:] ** 2 / gram[0, 0] if first else 0.0)
    factors = np.where(information.kept[first:], inverse * squares, math.inf)
    return dict(zip(rows.result.column_names, factors.tolist(), strict=True))


def _robust_ratio(rows: FittedRows) -> Vector | None:
    """Standard errors of the sandwich, divided by those of the model; None where there is no sandwich."""
    result = rows.result
    if result.robust_ratio is not None:
        return result.robust_ratio
    if result.penalty is not None or result.family.estimated or result.covariance_type != "fisher":
        return None
    assert rows.moments.hessian is not None
    information = Information(rows.moments.hessian, convex=rows.objective.convex)
    root = information.root()
    meat = root.T @ rows.objective.scores(rows.params, rows.moments, information) @ root
    outward = rows.model.coordinates.root_to_user(root)
    variances = ((outward @ meat) * outward).sum(axis=1)
    return np.asarray(np.sqrt(variances).reshape(result.params.shape) / result.bse)
