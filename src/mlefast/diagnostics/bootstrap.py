# SPDX-License-Identifier: BSD-3-Clause
"""A bootstrap from one read of the rows: replicates of one Newton step, with the rows' scores weighted at random.

Drawing n rows with replacement gives each row a weight that is about Poisson's with mean 1, and independent weights of
that kind do as well. The weights come from a counter (see _core/include/counter.h), so that no row is drawn in advance
and nothing depends on blocks or threads; the replicates b - H^-1 sum_i (w_i - 1) g_i are one product of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.again import Block, FittedRows, read_at_estimate
from mlefast.data.missing import first_rows, missing_values
from mlefast.data.vectors import read_labels
from mlefast.errors import DataError, MlefastError, MlefastWarning, OptionError, warnings_as
from mlefast.fit import fit
from mlefast.likelihoods import Laplace
from mlefast.objective import Information
from mlefast.options import is_whole, read_flag, read_number, resolve_threads
from mlefast.result import Result

Vector = NDArray[np.float64]

_MOST_REPLICATES = 10**6
_FOURS = 4  # rows that the core takes at a time
_LEAST = 0.5  # share of the refits that must succeed


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """Replicates of an estimate.

    Attributes
    ----------
    names : tuple of str
        Of the parameters; those of classes such as "b: x1".
    estimate : array of shape (p,)
        The estimate of the fit.
    replicates : array of shape (B, p)
        A row for each replicate; NaN for parameters that are not determined.
    groups : int or None
        How many groups of rows were drawn together.
    failed : int
        Refits that had no maximum, which are left out.
    """

    names: tuple[str, ...]
    estimate: Vector
    replicates: NDArray[np.float64]
    groups: int | None
    failed: int = 0

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance of the replicates, of shape (p, p)."""
        return np.cov(self.replicates, rowvar=False).reshape(len(self.names), len(self.names))

    @property
    def bse(self) -> Vector:
        """Their standard deviations: standard errors of the estimate."""
        return np.asarray(self.replicates.std(axis=0, ddof=1))

    def conf_int(self, alpha: float = 0.05) -> NDArray[np.float64]:
        """Percentile intervals.

        Parameters
        ----------
        alpha : float, default 0.05
            One minus the coverage, between 0 and 1.

        Returns
        -------
        array of shape (p, 2)
            The alpha / 2 and 1 - alpha / 2 quantiles of the replicates.
        """
        alpha = read_number("alpha", alpha, 0.0, 1.0, "a number between 0 and 1, such as 0.05 for 95 % intervals")
        return np.quantile(self.replicates, [alpha / 2.0, 1.0 - alpha / 2.0], axis=0).T

    def __str__(self) -> str:
        """A line for each parameter."""
        width = max([len("parameter"), *map(len, self.names)])
        lines = [f"{'parameter':{width}} {'coef':>11} {'std err':>11} {'[0.025':>11} {'0.975]':>11}"]
        for name, coef, error, ends in zip(self.names, self.estimate, self.bse, self.conf_int(), strict=True):
            lines.append(f"{name:{width}} {coef:11.4f} {error:11.4f} {ends[0]:11.4f} {ends[1]:11.4f}")
        return "\n".join(lines)


def bootstrap(
    result: Result,
    X: Any,
    y: Any,
    *,
    replicates: int = 1000,
    seed: int = 0,
    groups: Any = None,
    exact: bool = False,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> Bootstrap:
    """Bootstrap replicates of the estimate of a fit, from one read of its rows.

    Each replicate gives each row an independent weight, Poisson with mean 1 but for 16 bits of resolution, whose mean
    and variance are exactly 1, and takes one Newton step from the estimate. So the covariance of many replicates is
    that of the sandwich, `covariance="HC0"`, or with `groups` the clustered one.

    Parameters
    ----------
    result : Result
        A fit without a penalty and without estimated shape parameters; not Laplace.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.
        A row with a frequency weight w counts as w rows drawn independently, to the second moment.
    replicates : int, default 1000
        B. They take about 40 (p + 1) B bytes, whatever the number of rows.
    seed : int, default 0
        Of the weights. They depend on the seed, the number of the row and that of the replicate only: the same on every
        machine.
    groups : array-like of shape (n,), optional
        Labels of groups of rows that are drawn together.
    exact : bool, default False
        Whether to fit again for each replicate instead of one step: for small data, where one step is not near. Each
        row, or group, is then weighted by its frequency times the drawn weight.

    Returns
    -------
    Bootstrap

    Raises
    ------
    DataError
        If these are not the data of the fit, or with `exact` most refits have no maximum.
    OptionError
        If there is no such bootstrap for the fit, or an option has an unknown value.

    References
    ----------
    Hanley and MacGibbon, Computer Methods and Programs in Biomedicine 83 (2006), for Poisson weights; Kline and Santos,
    Journal of Econometric Methods 1 (2012), for the bootstrap of scores; Salmon, Moraes, Dror and Shaw, "Parallel
    random numbers: as easy as 1, 2, 3", SC 2011, for the counter.

    Examples
    --------
    >>> import mlefast, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((400, 1))
    >>> y = rng.poisson(np.exp(X[:, 0]))
    >>> result = mlefast.fit(X, y, likelihood="poisson", covariance="HC0")
    >>> found = mlefast.bootstrap(result, X, y, replicates=2000)
    >>> bool(np.all(np.abs(found.bse / result.bse - 1) < 0.1))
    True
    """
    _require_bootstrap(result)
    if not is_whole(replicates) or not 2 <= replicates <= _MOST_REPLICATES:
        raise OptionError(f"replicates={replicates!r} must be a whole number from 2 to {_MOST_REPLICATES}.")
    if not is_whole(seed) or not 0 <= seed < 2**64:
        raise OptionError(f"seed={seed!r} must be a whole number from 0 to 2^64 - 1.")
    exact, team = read_flag("exact", exact), resolve_threads(threads)
    rows = read_at_estimate(
        result, X, y, order=2, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=team
    )
    keys, count = _keys(groups, rows.rows)
    if exact:
        found = _refits(rows, keys, int(replicates), int(seed), team)
        kept = np.asarray(np.isfinite(found).any(axis=1))
        failed = int(np.count_nonzero(~kept))
        if len(found) - failed < max(2.0, _LEAST * len(found)):
            raise DataError(
                f"{failed} of {len(found)} refits have no maximum: the rows are too few. Use exact=False, or a penalty."
            )
        return Bootstrap(rows.model.names, result.params.ravel(), found[kept], count, failed)
    steps = _steps(rows, keys, int(replicates), int(seed), team, clustered=groups is not None)
    return Bootstrap(rows.model.names, result.params.ravel(), result.params.ravel() + steps, count)


def _require_bootstrap(result: Result) -> None:
    if isinstance(result.family, Laplace):
        raise OptionError('bootstrap: the laplace likelihood has one of its own, fit(..., covariance="bootstrap").')
    if result.penalty is not None or result.family.estimated:
        raise OptionError(
            "bootstrap: not for fits with a penalty or with estimated shape parameters. Give their values, such as "
            "NegativeBinomial(alpha=0.5)."
        )


def _keys(groups: Any, rows: int) -> tuple[NDArray[np.int64], int | None]:
    """What rows are drawn by: their number, or the place of their group among the sorted ones."""
    if groups is None:
        return np.arange(rows, dtype=np.int64), None
    labels = read_labels(groups, rows)
    missing = np.flatnonzero(missing_values(labels))
    if missing.size:
        raise DataError(
            f"groups has {missing.size} missing labels ({first_rows(missing)}). Give each row a group of its own, or "
            "leave these rows out."
        )
    try:
        found, codes = np.unique(labels, return_inverse=True)
    except TypeError:
        raise DataError("groups mixes labels of different types. Make them all strings or all numbers.") from None
    if len(found) < 2:
        raise DataError("groups has one value only, so there is nothing to draw. Leave it out, or check it.")
    return codes.astype(np.int64), len(found)


def _steps(
    rows: FittedRows, keys: NDArray[np.int64], replicates: int, seed: int, threads: int, *, clustered: bool
) -> NDArray[np.float64]:
    """-H^-1 sum_i (w_i - 1) g_i in the user's coordinates, of shape (B, p)."""
    width, size = _core.REPLICATES, len(rows.params)
    chunks = -(-replicates // width)
    sums, plain = np.zeros((chunks, size, width)), np.zeros(size)
    for block in rows.blocks():
        scores = _scores(rows, block, clustered)
        plain += scores.sum(axis=0)
        spare = -len(scores) % _FOURS
        part = np.zeros((chunks, size, width))
        _core.resample(np.pad(scores, ((0, spare), (0, 0))), np.pad(keys[block.index], (0, spare)), seed, part, threads)
        sums += part
    sums -= plain[:, np.newaxis]
    flat = sums.transpose(0, 2, 1).reshape(chunks * width, size)[:replicates]
    information = _information(rows)
    steps = -flat @ information.inverse()
    answer: NDArray[np.float64] = steps @ np.array([rows.model.coordinates.to_user(unit) for unit in np.eye(size)])
    answer[:, np.isnan(rows.result.params).ravel()] = np.nan
    return answer


def _information(rows: FittedRows) -> Information:
    """Of the columns whose coefficients are determined."""
    return rows.information.among(~np.isnan(rows.result.params).ravel())


def _scores(rows: FittedRows, block: Block, clustered: bool) -> NDArray[np.float64]:
    """Gradients of the rows' loss; w rows in one have sqrt(w) times the spread of one, and in a group w times."""
    slopes = rows.terms(block)[1].reshape(len(block.index), -1)
    slopes = slopes * (block.weights if clustered else np.sqrt(block.weights))[:, np.newaxis]
    return np.hstack([block.x * slope[:, np.newaxis] for slope in slopes.T])


def _refits(rows: FittedRows, keys: NDArray[np.int64], replicates: int, seed: int, threads: int) -> NDArray[np.float64]:
    """The estimates of fits to weighted rows; NaN where there is no maximum."""
    data, result = rows.model.data, rows.result
    drawn = _core.draw(keys, seed, -(-replicates // _core.REPLICATES))
    frequencies = np.ones(rows.rows) if data.weights is None else data.weights.astype(np.float64)
    answer = np.full((replicates, len(rows.params)), np.nan)
    classes = len(rows.model.data.classes) if result.params.ndim > 1 and rows.model.data.classes is not None else 0
    for b in range(replicates):
        present = (frequencies > 0.0) & (drawn[:, b] > 0)
        if classes and len(np.unique(data.y[present])) < classes:
            continue
        try:
            with warnings_as("ignore", MlefastWarning):
                found = fit(
                    data.design,
                    data.y,
                    likelihood=rows.likelihood,
                    intercept=result.intercept,
                    weights=frequencies * drawn[:, b],
                    offset=data.offset,
                    threads=threads,
                )
        except MlefastError:
            continue
        if found.converged and found.rank == result.rank:
            answer[b] = found.params.ravel()
    return answer
