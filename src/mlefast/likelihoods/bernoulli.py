# SPDX-License-Identifier: BSD-3-Clause
"""Bernoulli: a yes or a no."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

from .base import Likelihood, Totals, Vector

_LINKS = ("logit", "probit", "cloglog")


@dataclass(frozen=True)
class Bernoulli(Likelihood):
    """y is 1 with probability mu, otherwise 0; by the logit link mu = sigma(eta) = 1 / (1 + exp(-eta)).

    The negative log-likelihood of a row is binary cross-entropy, -y log(mu) - (1 - y) log(1 - mu). With the logit
    link::

        nll = y softplus(-eta) + (1 - y) softplus(eta),   softplus(x) = log(1 + exp(x)),

    with derivatives d1 = mu - y and d2 = mu (1 - mu) with respect to eta. That link is canonical, so the observed
    and the expected information are the same; with the others the information is the observed one.

    Parameters
    ----------
    link : {"logit", "probit", "cloglog"}, default "logit"
        mu is sigma(eta), the normal distribution function of eta, or 1 - exp(-exp(eta)).

    Raises
    ------
    OptionError
        If the link has another name.

    References
    ----------
    McCullagh and Nelder, *Generalized Linear Models* (2nd ed., 1989), section 4.4.

    Examples
    --------
    >>> import mlefast
    >>> nll, d1, d2 = mlefast.Bernoulli().terms([0.0, 2.0], [1.0, 0.0])
    >>> nll.round(6).tolist()
    [0.693147, 2.126928]
    """

    link: str = "logit"

    name = "bernoulli"
    expects = True
    existence = "to prove"

    def __post_init__(self) -> None:
        """OptionError if the link is unknown."""
        if self.link not in _LINKS:
            raise OptionError(f"link={self.link!r} is unknown; possible: {', '.join(_LINKS)}.")

    @property
    def leaf(self) -> str:
        """The leaf of the link."""
        return f"bernoulli_{self.link}"

    @property
    def canonical(self) -> bool:  # type: ignore[override]
        """Of the logit link only."""
        return self.link == "logit"

    @property
    def self_concordant(self) -> bool:  # type: ignore[override]
        """With the logit link: d3 = d2 (1 - 2 mu), and d2 is |d1| times the probability of the other label."""
        return self.link == "logit"

    def encode(self, y: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Two labels as 0 and 1, in their sorted order: 0/1, booleans, two strings or any two numbers.

        Parameters
        ----------
        y : array of shape (n,)
            Labels.
        name : str
            What messages call them.

        Returns
        -------
        codes : array of shape (n,)
            The same array where the labels are 0 and 1 already, otherwise booleans.
        classes : array of shape (2,)
            The label of 0 and that of 1.

        Raises
        ------
        DataError
            If there are not exactly two labels.
        """
        if y.dtype.kind in "OUST":
            return self._encode_objects(y, name)
        _, _, _, zeros, ones, _ = _core.describe(y)
        if zeros and ones and zeros + ones == len(y):
            return y, np.array([0, 1], dtype=y.dtype)
        low, high = y.min(), y.max()
        if low == high:
            raise DataError(
                f"{name} has one value only ({y[0]}); a Bernoulli likelihood needs two. Check the filter that made "
                "the data."
            )
        odd = np.flatnonzero((y != low) & (y != high))
        if odd.size:
            raise DataError(
                f"{name} is not two-valued: besides {low} and {high} it holds {y[odd[0]]} (first rows: "
                f"{_rows(odd)}). A Bernoulli likelihood needs two labels, such as 0 and 1."
            )
        return y == high, np.array([low, high])

    @staticmethod
    def _encode_objects(y: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        missing = np.flatnonzero([label is None or label != label for label in y])
        if missing.size:
            raise DataError(
                f'{name} has {missing.size} missing labels (first rows: {_rows(missing)}). Use missing="drop" '
                "or remove these rows."
            )
        try:
            labels = np.unique(y)
        except TypeError:
            raise DataError(f"{name} mixes labels of different types. Make them all strings or all numbers.") from None
        if labels.size != 2:
            shown = ", ".join(repr(str(label)) for label in labels[:5])
            raise DataError(
                f"{name} is not two-valued: it holds {labels.size} labels ({shown}{', ...' if labels.size > 5 else ''}"
                "). A Bernoulli likelihood needs exactly two."
            )
        return y == labels[1], labels

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """Labels or fractions: anything in [0, 1], or two labels.

        Parameters
        ----------
        y : array of shape (n,)
            Labels, or numbers in [0, 1].
        name : str
            What messages call them.

        Returns
        -------
        array of shape (n,)
            Numbers in [0, 1].

        Raises
        ------
        DataError
            If a number lies outside [0, 1].
        """
        if y.dtype.kind in "OUST":
            return self.encode(y, name)[0]
        least, greatest, *_ = _core.describe(y)
        if least < 0 or greatest > 1:
            outside = np.flatnonzero((y < 0) | (y > 1))
            raise DataError(
                f"{name} holds {y[outside[0]]} (first rows: {_rows(outside)}); the Bernoulli likelihood is defined "
                "for y from 0 to 1. Encode the labels as 0 and 1."
            )
        return y

    def mean(self, eta: Vector) -> Vector:
        """The probability of the second class.

        Parameters
        ----------
        eta : array of shape (n,), float64
            Linear predictor.

        Returns
        -------
        array of shape (n,), float64
            Probabilities.
        """
        if self.link == "cloglog":
            with np.errstate(over="ignore"):
                return np.asarray(-np.expm1(-np.exp(eta)))
        from scipy.special import expit, ndtr

        return np.asarray(expit(eta) if self.link == "logit" else ndtr(eta))

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """The first and the second derivative of the probability with respect to eta.

        Parameters
        ----------
        eta : array of shape (n,), float64
            Linear predictor.

        Returns
        -------
        two arrays of shape (n,), float64
        """
        if self.link == "logit":
            mean, rest = self.mean(eta), self.mean(-eta)
            return mean * rest, mean * rest * (rest - mean)
        if self.link == "probit":
            density = np.exp(-0.5 * eta * eta) / math.sqrt(2.0 * math.pi)
            return density, -eta * density
        with np.errstate(over="ignore"):
            risk = np.exp(eta)
            slope = np.exp(eta - risk)
            return slope, np.where(slope > 0.0, slope * (1.0 - risk), 0.0)

    def variance(self, mean: Vector) -> Vector:
        """Mu (1 - mu)."""
        return mean * (1.0 - mean)

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """0 and 1 - mu for y = 0, 1 - mu and 1 for y = 1."""
        one = y == 1.0
        return np.where(one, 1.0 - mean, 0.0), np.where(one, 1.0, 1.0 - mean)

    def linear(self, mean: float) -> float:
        """The eta of a constant probability."""
        if self.link == "logit":
            return math.log(mean / (1.0 - mean))
        if self.link == "cloglog":
            return math.log(-math.log1p(-mean))
        from scipy.special import ndtri

        return float(ndtri(mean))

    def sides(self, y: NDArray[Any]) -> Vector:
        """The sign of the direction in which eta of a row can grow for ever without a loss: 1 for y = 1, -1 for y = 0.

        Parameters
        ----------
        y : array of shape (n,)
            Labels in [0, 1].

        Returns
        -------
        array of shape (n,), float64
            Signs; 0 for fractions, which lose in both directions.
        """
        return np.where(y == 1, 1.0, np.where(y == 0, -1.0, 0.0))

    def totals(self, y: NDArray[Any], weights: NDArray[Any] | None, nobs: float) -> Totals:
        """No constant, and labels that can be fitted exactly.

        Parameters
        ----------
        y : array of shape (n,)
            Labels.
        weights : array of shape (n,) or None
            Frequency weights.
        nobs : float
            Their sum.

        Returns
        -------
        Totals
        """
        return Totals(nobs)

    def null_loglik(self, y: NDArray[Any], weights: NDArray[Any] | None) -> float:
        """Log-likelihood of a constant probability, sum(w) (m log m + (1 - m) log(1 - m)) with m the mean of y.

        Parameters
        ----------
        y : array of shape (n,)
            Zeros and ones.
        weights : array of shape (n,) or None
            Frequency weights.

        Returns
        -------
        float
            The largest log-likelihood of a model with an intercept only.
        """
        if weights is None:
            total, ones = float(len(y)), float(_core.describe(y)[2])
        else:
            total, ones = float(np.sum(weights, dtype=np.float64)), float(np.dot(y.astype(np.float64), weights))
        return sum(count * math.log(count / total) for count in (ones, total - ones) if count > 0)


def _rows(index: NDArray[Any]) -> str:
    return ", ".join(str(i) for i in index[:5])
