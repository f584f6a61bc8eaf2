# SPDX-License-Identifier: BSD-3-Clause
"""Tests of whether a model is the right one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast.again import Block, FittedRows, read_at_estimate, require_single
from mlefast.errors import MlefastWarning, OptionError, warnings_as
from mlefast.fit import fit
from mlefast.inference.wald import HypothesisTest, chi_squared
from mlefast.likelihoods import Poisson
from mlefast.options import require_choice
from mlefast.result import Result

Vector = NDArray[np.float64]

_TOL = 1e-9  # standard errors, of the second fit
_MOST_COLUMNS = 5000  # of the regression of an information matrix test
_DEPENDENT = 1e-10  # relative: a singular value of its columns, of length one, that is rounding


def information_matrix_test(
    result: Result,
    X: Any,
    y: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> HypothesisTest:
    """White's information matrix test: whether the Hessian is the sum of the scores' outer products, as it must be.

    The statistic is n R^2 (uncentred) of the regression of 1 on the scores and the differences (d1^2 - d2) x_j x_k, as
    Chesher and Lancaster form it. In small samples it rejects too often. The regression is an orthogonal one, block
    after block: products of columns are close to dependent, and their normal equations would lose the digits.

    Parameters
    ----------
    result : Result
        Of Bernoulli, Poisson, negative binomial with alpha given, or Gaussian; without a penalty.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.

    Returns
    -------
    HypothesisTest
        With as many degrees of freedom as differences are linearly independent.

    Raises
    ------
    DataError
        If these are not the data of the fit.
    OptionError
        If the test is not there for the fit, or it has too many columns.

    References
    ----------
    White, Econometrica 50 (1982); Chesher, Economics Letters 13 (1983); Lancaster, Econometrica 52 (1984).

    Examples
    --------
    >>> import mlefast, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((500, 1))
    >>> y = rng.poisson(np.exp(X[:, 0]))
    >>> print(mlefast.information_matrix_test(mlefast.fit(X, y, likelihood="poisson"), X, y))
    Information matrix test: chi2(3) = 3.6777, p = 0.2984
    """
    _require_unpenalised(result, "information_matrix_test")
    rows = read_at_estimate(
        result, X, y, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    require_single(rows, "information_matrix_test")
    scaled = rows.likelihood.scale_name is not None
    if result.family.estimated or (scaled and not rows.likelihood.quadratic):
        raise OptionError(
            f"information_matrix_test: not for {result.likelihood} fits like this one, whose scale or shape is "
            "estimated."
        )
    size = len(rows.params)
    nuisance, pairs = size + scaled, size * (size + 1) // 2
    if nuisance + pairs > _MOST_COLUMNS:
        raise OptionError(
            f"information_matrix_test: {size} parameters make {pairs} differences, and {_MOST_COLUMNS} are possible. "
            "Test a smaller model."
        )
    triangle = np.zeros((0, nuisance + pairs + 1))
    for block in rows.blocks():
        for part in _parts(block, nuisance + pairs):
            z = np.column_stack([_indicators(rows, part, scaled), np.ones(len(part.index))])
            weighted = np.sqrt(part.weights)[:, np.newaxis] * z
            triangle = np.asarray(np.linalg.qr(np.vstack([triangle, weighted]), mode="r"))
    norms = np.sqrt((triangle**2).sum(axis=0))
    columns = triangle[:, :-1] / np.where(norms > 0.0, norms, 1.0)[:-1]
    left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    rank = np.count_nonzero(sizes > _DEPENDENT * sizes[0])
    statistic = float(np.square(left[:, :rank].T @ triangle[:, -1]).sum())
    gained = rank - np.linalg.matrix_rank(columns[:, :nuisance], rtol=_DEPENDENT)
    return chi_squared(statistic, int(gained), "Information matrix test")


def _parts(block: Block, columns: int) -> list[Block]:
    """A block cut so that each part times the columns stays small, but for as many rows as columns."""
    count = max(columns, (1 << 20) // columns)
    cuts = [slice(first, first + count) for first in range(0, len(block.index), count)]
    return [Block(block.index[c], block.x[c], block.eta[c], block.y[c], block.weights[c]) for c in cuts]


def _indicators(rows: FittedRows, block: Block, scaled: bool) -> NDArray[np.float64]:
    """The scores, that of the scale if there is one, and the differences."""
    _, d1, d2 = rows.terms(block)
    if scaled:
        d1, d2 = d1 / rows.moments.scale**2, d2 / rows.moments.scale**2
    i, j = np.triu_indices(block.x.shape[1])
    excess = d1 * d1 - d2
    parts = [block.x * d1[:, np.newaxis], block.x[:, i] * block.x[:, j] * excess[:, np.newaxis]]
    if scaled:
        parts.insert(1, excess[:, np.newaxis])
    return np.hstack(parts)


def dispersion_test(
    result: Result,
    X: Any,
    y: Any,
    *,
    alternative: str = "nb2",
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> HypothesisTest:
    """Cameron and Trivedi's regression-based test of whether counts vary as Poisson's do.

    It regresses ((y - mu)^2 - y) / mu on mu ("nb2": the variance may be mu + alpha mu^2) or on 1 ("nb1": (1 + alpha)
    mu). The statistic is the square of the t statistic of alpha; its sign, that of the excess, is in `name`.

    Parameters
    ----------
    result : Result
        Of Poisson.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.
    alternative : {"nb2", "nb1"}, default "nb2"
        How the variance may depend on the mean.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    DataError
        If these are not the data of the fit.
    OptionError
        If the likelihood is another one.

    References
    ----------
    Cameron and Trivedi, Journal of Econometrics 46 (1990).

    Examples
    --------
    >>> import mlefast, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((500, 1))
    >>> y = rng.negative_binomial(1, 1 / (1 + np.exp(X[:, 0])))
    >>> print(mlefast.dispersion_test(mlefast.fit(X, y, likelihood="poisson"), X, y))
    Dispersion test (more than Poisson's): chi2(1) = 77.2644, p = 1.495e-18
    """
    require_choice("alternative", alternative, ("nb2", "nb1"))
    if not isinstance(result.family, Poisson):
        raise OptionError(f"dispersion_test: for the poisson likelihood, not for {result.likelihood}.")
    rows = read_at_estimate(
        result, X, y, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    cross = squares = total = count = 0.0
    for block in rows.blocks():
        mean, w = rows.likelihood.mean(block.eta), block.weights
        response = ((block.y - mean) ** 2 - block.y) / mean
        regressor = mean if alternative == "nb2" else np.ones_like(mean)
        cross += float(w @ (regressor * response))
        squares += float(w @ regressor**2)
        total += float(w @ response**2)
        count += float(w.sum())
    alpha = cross / squares
    variance = (total - alpha * cross) / (count - 1.0) / squares
    what = "more" if alpha > 0.0 else "less"
    return chi_squared(alpha * alpha / variance, 1, f"Dispersion test ({what} than Poisson's)")


def link_test(
    result: Result,
    X: Any,
    y: Any,
    *,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> HypothesisTest:
    """Pregibon's link test: whether the square of the linear predictor explains anything beside it.

    If it does, the link is wrong, or columns lack powers or products. A second fit has the linear predictor and its
    square as its columns; the statistic is the square of the latter's z (for Gaussian t) statistic.

    Parameters
    ----------
    result : Result
        Of a likelihood with one linear predictor, without a penalty; not Laplace.
    X, y, weights, offset, exposure, missing, threads
        As in the call of `fit` that made the result. For a formula X is the table, and y and the weights are arrays.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    DataError
        If these are not the data of the fit.
    OptionError
        If the test is not there for the fit.

    References
    ----------
    Pregibon, Applied Statistics 29 (1980).

    Examples
    --------
    >>> import mlefast, numpy as np
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((500, 1))
    >>> y = rng.poisson(np.exp(X[:, 0]))
    >>> print(mlefast.link_test(mlefast.fit(X, y, likelihood="poisson"), X, y))
    Link test: chi2(1) = 0.4841, p = 0.4866
    """
    _require_unpenalised(result, "link_test")
    rows = read_at_estimate(
        result, X, y, weights=weights, offset=offset, exposure=exposure, missing=missing, threads=threads
    )
    require_single(rows, "link_test")
    data = rows.model.data
    columns = np.zeros((rows.rows, 2))
    for block in rows.blocks():
        columns[block.index] = np.column_stack([block.eta, block.eta**2])
    with warnings_as("ignore", MlefastWarning):
        start = None
        for _ in range(2):  # a fit takes the Hessian where its last step began; the second begins at the maximum
            again = fit(
                columns,
                data.y,
                likelihood=result.family,
                weights=data.weights,
                start=start,
                tol=_TOL,
                threads=threads,
            )
            start = np.nan_to_num(again.params)
    statistic = float(again.tvalues[2])
    return chi_squared(statistic * statistic, 1, "Link test")


def _require_unpenalised(result: Result, what: str) -> None:
    if result.penalty is not None:
        raise OptionError(f"{what}: a penalised estimate is none of maximum likelihood. Fit without the penalty.")
