# SPDX-License-Identifier: BSD-3-Clause
"""Categorical: one of several classes, by the softmax."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast import _core
from mlefast.errors import DataError, LabelWarning

from .base import ROUNDING, Likelihood, Vector

_MOST_CLASSES = 10_000
_COUNTED = 1 << 20  # range of whole numbers up to which each gets a place in a table
_CALLER = 5  # of `fit`


@dataclass(frozen=True)
class Categorical(Likelihood):
    """y is class k with probability p_k = exp(eta_k) / sum_l exp(eta_l): multinomial logit, or softmax regression.

    Each class but the first, the reference, has a linear predictor of its own; eta_0 = 0. The negative log-likelihood
    of a row is cross-entropy::

        nll = log(sum_k exp(eta_k)) - eta_y,

    with derivatives d1_k = p_k - [k = y] and d2_kl = p_k ([k = l] - p_l). The link is canonical, so the observed and
    the expected information are the same.

    References
    ----------
    McFadden, "Conditional logit analysis of qualitative choice behavior" (1974); Agresti, *Categorical Data Analysis*
    (3rd ed., 2013), section 8.1.

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.Categorical().terms([[0.0, 0.0], [2.0, 1.0]], [0, 1])
    >>> nll.round(6).tolist(), d1.round(6).tolist()
    ([1.098612, 0.407606], [[0.333333, 0.333333], [-0.334759, 0.244728]])
    """

    name = "categorical"
    link = "logit"
    existence = "to prove"
    covariances = ("fisher", "HC0", "HC1", "HC2", "HC3", "cluster", "survey")

    def encode(
        self, y: NDArray[Any], name: str, levels: tuple[Any, ...] | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Labels as codes 0, 1, ... of the classes.

        Parameters
        ----------
        y : array of shape (n,)
            Labels: integers, booleans, strings, or any other numbers.
        name : str
            What messages call them.
        levels : tuple, optional
            The classes in their order, the reference first; those that never occur are left out. Default: the labels
            that occur, sorted.

        Returns
        -------
        codes : array of shape (n,), unsigned integers
            The place of each label among the classes.
        classes : array of shape (K,)
            The labels.

        Raises
        ------
        DataError
            If there are fewer than two or more than 10,000 classes, labels are missing, or they cannot be sorted.

        Warns
        -----
        LabelWarning
            If a declared level never occurs.
        """
        found, codes = _distinct(y, name)
        if levels is None:
            order = _sorted(found, name)
        else:
            places, there = {level: place for place, level in enumerate(levels)}, set(found)
            order = np.argsort([places[label] for label in found])
            absent = [level for level in levels if level not in there]
            if absent:
                _warn_of_absent(absent, name)
        if len(found) < 2:
            raise DataError(
                f"{name} has one value only ({found[0]}); a categorical likelihood needs two classes at least. Check "
                "the filter that made the data."
            )
        place = np.empty(len(found), dtype=np.uint8 if len(found) <= 256 else np.uint16)
        place[order] = np.arange(len(found))
        return place[codes], np.asarray(found)[order]

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """Whole numbers from 0 count as the codes of the classes; other labels are encoded.

        Parameters
        ----------
        y : array of shape (n,)
            Codes or labels.
        name : str
            What messages call them.

        Returns
        -------
        array of shape (n,)
            Codes.

        Raises
        ------
        DataError
            As `encode`.
        """
        if y.dtype.kind not in "OUST":
            least, greatest, _, _, _, fractions = _core.describe(y)
            if not fractions and least >= 0 and greatest < _MOST_CLASSES:
                return y
        return self.encode(y, name)[0]

    def mean(self, eta: Vector) -> Vector:
        """The probability of each class.

        Parameters
        ----------
        eta : array of shape (n, K - 1), float64
            Linear predictors of all classes but the first.

        Returns
        -------
        array of shape (n, K), float64
            Probabilities, the first class's first.
        """
        return _shares(_with_reference(eta))

    def mean_in_limit(self, eta: Vector, along: Vector, terms: Vector) -> Vector:
        """The probability of each class in the limit: of those that are ahead along the direction only.

        Parameters
        ----------
        eta, along, terms : arrays of shape (n, K - 1), float64
            Linear predictors, x'd of a direction d for each class, and the sums of the absolute terms of that.

        Returns
        -------
        array of shape (n, K), float64
            Probabilities, the first class's first.
        """
        steps = _with_reference(along)
        rounding = ROUNDING * 2.0 * terms.max(axis=1, keepdims=True)
        behind = steps < steps.max(axis=1, keepdims=True) - rounding
        return _shares(np.where(behind, -np.inf, _with_reference(eta)))

    def counts(self, y: NDArray[Any], weights: NDArray[Any] | None, classes: int) -> Vector:
        """The sum of the weights of each class, from their codes."""
        codes = y.astype(np.intp, copy=False)
        return np.bincount(codes, weights, minlength=classes).astype(np.float64)

    def null_loglik(self, y: NDArray[Any], weights: NDArray[Any] | None) -> float:
        """Log-likelihood of constant probabilities, sum_k n_k log(n_k / n), from codes.

        Parameters
        ----------
        y : array of shape (n,)
            Codes.
        weights : array of shape (n,) or None
            Frequency weights.

        Returns
        -------
        float
            The largest log-likelihood of a model with intercepts only.
        """
        counts = self.counts(y, weights, 2)
        counts = counts[counts > 0]
        return math.fsum(counts * np.log(counts / counts.sum()))

    def terms(self, eta: ArrayLike, y: ArrayLike, scale: float = 1.0) -> tuple[Vector, Vector, Vector]:
        """Negative log-likelihood of each row, and its derivatives with respect to the linear predictors.

        Parameters
        ----------
        eta : array-like of shape (n, K - 1)
            Linear predictors of all classes but the first.
        y : array-like of shape (n,)
            Codes 0..K - 1.
        scale : float
            Has no effect: there is no scale.

        Returns
        -------
        nll : array of shape (n,), float64
        d1 : array of shape (n, K - 1), float64
        d2 : array of shape (n, K - 1, K - 1), float64

        Raises
        ------
        DataError
            If the shapes do not fit, or a code has no class.
        """
        wide, codes = np.ascontiguousarray(eta, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
        if wide.ndim != 2 or not wide.shape[1] or codes.shape != wide.shape[:1]:
            raise DataError(
                f"eta has the shape {wide.shape} and y {codes.shape}; they must be (n, K - 1) and (n,), with a linear "
                "predictor for each of K classes but the first."
            )
        require_codes(codes, "y", wide.shape[1] + 1)
        return _core.softmax_terms(wide, codes)


def _with_reference(eta: Vector) -> Vector:
    """The linear predictors of all classes, that of the first being zero."""
    return np.pad(eta, ((0, 0), (1, 0)))


def _shares(eta: Vector) -> Vector:
    shares = np.exp(eta - eta.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def require_codes(y: NDArray[Any], name: str, classes: int) -> None:
    """DataError if a number is not among the codes 0..classes - 1."""
    least, greatest, total, _, _, fractions = _core.describe(y)
    if len(y) and not (least >= 0 and greatest < classes and not fractions and total == total):
        bad = np.flatnonzero(~((y >= 0) & (y < classes) & (y == np.floor(y))))
        raise DataError(
            f"{name} holds {y[bad[0]]} (first rows: {', '.join(map(str, bad[:5]))}); with parameters for {classes} "
            f"classes it must hold their codes 0 to {classes - 1}. Encode the labels."
        )


def _distinct(y: NDArray[Any], name: str) -> tuple[list[Any], NDArray[np.intp]]:
    """The labels that occur, and which of them each row has."""
    if y.dtype.kind not in "OUST":
        found, codes = _distinct_numbers(y)
    else:
        missing = np.flatnonzero([label is None or label != label for label in y])
        if missing.size:
            raise DataError(
                f"{name} has {missing.size} missing labels (first rows: {', '.join(map(str, missing[:5]))}). Use "
                'missing="drop" or remove these rows.'
            )
        places: dict[Any, int] = {}
        codes = np.fromiter((places.setdefault(label, len(places)) for label in y), dtype=np.intp, count=len(y))
        found = list(places)
    if len(found) > _MOST_CLASSES:
        raise DataError(
            f"{name} has {len(found)} different values, more than the {_MOST_CLASSES} classes that a categorical "
            "likelihood may have. If it is a number, choose a likelihood of numbers, such as gaussian."
        )
    return found, codes


def _distinct_numbers(y: NDArray[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    least, greatest, _, _, _, fractions = _core.describe(y)
    if fractions or greatest - least > _COUNTED:
        labels, codes = np.unique(y, return_inverse=True)
        return list(labels), codes
    index = y.astype(np.intp) - int(least)
    there = np.flatnonzero(np.bincount(index))
    place = np.zeros(int(greatest - least) + 1, dtype=np.intp)
    place[there] = np.arange(len(there))
    return list((there + int(least)).astype(y.dtype)), place[index]


def _sorted(labels: list[Any], name: str) -> NDArray[np.intp]:
    try:
        return np.array(sorted(range(len(labels)), key=labels.__getitem__), dtype=np.intp)
    except TypeError:
        raise DataError(f"{name} mixes labels of different types. Make them all strings or all numbers.") from None


def _warn_of_absent(absent: list[Any], name: str) -> None:
    shown = ", ".join(repr(str(level)) for level in absent[:5]) + (", ..." if len(absent) > 5 else "")
    warnings.warn(
        f"{name} declares {len(absent)} classes that never occur ({shown}); they are left out, since nothing can be "
        "said about them.",
        LabelWarning,
        stacklevel=_CALLER,
    )
