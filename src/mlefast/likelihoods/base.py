# SPDX-License-Identifier: BSD-3-Clause
"""What a likelihood is to the other floors: a leaf of the core, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

Vector = NDArray[np.float64]
Amount = TypeVar("Amount", float, Vector)  # of all rows, or of each

ROUNDING = 1e-9  # relative to the sum of its absolute terms, what counts as zero in x'd
_CHUNK = 1 << 16  # values of y that are looked at together


class Totals(NamedTuple):
    """What of y and the weights enters the negative log-likelihood besides the loss, summed over the rows."""

    nobs: Any  # sum of the weights
    constant: Any = 0.0  # of the terms that do not depend on eta
    saturated: Any = 0.0  # of the least losses that a row can have
    by_shape: Any = 0.0  # of what the leaf's derivatives with respect to shape parameters leave out, see `by_shape`

    def share(self, step: int) -> Totals:
        """What every step-th row has of it, about."""
        return Totals(self.nobs / step, self.constant / step, self.saturated / step)


class Likelihood:
    """A family of distributions of y given the linear predictor eta = offset + intercept + X beta.

    A leaf of the core maps eta and y of each row to its loss and the derivatives with respect to eta. The negative
    log-likelihood is the sum of the losses, but for a scale (`at_scale`) and a constant (`Totals`).
    """

    name: ClassVar[str]
    link: str
    canonical: ClassVar[bool] = True  # whether the observed information is the expected one
    quadratic: ClassVar[bool] = False  # whether the loss is quadratic in eta
    convex: ClassVar[bool] = True  # whether the loss is convex in eta
    # whether |d3| <= d2 everywhere, and d2 <= |d1| in rows with an open side
    self_concordant: bool = False
    whole: ClassVar[bool] = False  # whether y are counts, of which few are different
    scale_name: ClassVar[str | None] = None  # of a scale that is profiled out
    covariance: str = "fisher"  # the kind that suits, if the user asks for none
    heavy_tails: ClassVar[bool] = False  # whether the mean of y says nothing of where y lies
    expects: ClassVar[bool] = False  # whether d2 is linear in y, so that its expectation is d2 at the mean of y
    # whether a maximum always exists, is to be proved from the rows' open sides, or only found to be one nearby
    existence: ClassVar[Literal["always", "to prove", "local"]] = "always"
    shape: tuple[float, ...] = ()  # the numbers that the leaf needs besides
    estimated: tuple[str, ...] = ()  # names of shape parameters that are estimated with the coefficients
    logs: ClassVar[tuple[str, ...]] = ()  # names of the logarithms of `shape`, if the leaf has derivatives by them

    @property
    def covariances(self) -> tuple[str, ...]:
        """The kinds of covariance that there are."""
        return ("fisher", *("expected",) * self.expects, "HC0", "HC1", "HC2", "HC3", "cluster", "survey")

    @property
    def leaf(self) -> str | int:
        """Its name in the table of _core/include/leaves.h, or the address of a function with the same arguments."""
        raise NotImplementedError

    def compiled(self) -> Any:
        """The leaf as the core takes it."""
        return _core.Leaf(self.leaf, self.shape)

    def encode(self, y: NDArray[Any], name: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The y of a fit as numbers that the leaf reads, and the classes they stand for."""
        return self.check(y, name), None

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """The y of an evaluation, where anything goes for which the likelihood is defined; DataError otherwise."""
        return require_numbers(y, name, self.name)

    def mean(self, eta: Vector) -> Vector:
        """E[y | eta]."""
        raise NotImplementedError

    def mean_in_limit(self, eta: Vector, along: Vector, terms: Vector) -> Vector:
        """E[y | eta + t along] for t to infinity; `along` is zero up to rounding, of the size that `terms` tell."""
        return self.mean(eta + np.where(np.abs(along) <= ROUNDING * terms, 0.0, np.copysign(np.inf, along)))

    def mean_slopes(self, eta: Vector) -> tuple[Vector, Vector]:
        """The first and the second derivative of the mean with respect to eta; OptionError where they are not known."""
        raise OptionError(f"the derivatives of the mean of the {self.name} likelihood are not known.")

    def variance(self, mean: Vector) -> Vector:
        """Var[y] as a function of the mean, but for the dispersion; OptionError where it is not known."""
        raise OptionError(f"the variance of the {self.name} likelihood is not known.")

    def dispersion(self, scale: float) -> float:
        """What the variance function is multiplied by for the variance of y."""
        return 1.0

    def distribution(self, y: Vector, mean: Vector, scale: float) -> tuple[Vector, Vector]:
        """P[Y < y] and P[Y <= y]; OptionError where they are not known."""
        raise OptionError(f"the distribution function of the {self.name} likelihood is not known.")

    def linear(self, mean: float) -> float:
        """The eta of a constant mean, where a fit starts."""
        raise NotImplementedError

    def sides(self, y: NDArray[Any]) -> Vector:
        """The sign of the direction in which eta of a row can grow for ever without a loss; 0 if there is none."""
        return np.zeros(len(y))

    def constant(self, y: Vector) -> Vector:
        """The part of the negative log-likelihood of each row that does not depend on eta."""
        return np.zeros(len(y))

    def saturated(self, y: Vector) -> Vector:
        """The least loss of each row over all eta."""
        return np.zeros(len(y))

    def by_shape(self, y: Vector) -> NDArray[np.float64]:
        """What the leaf's derivatives with respect to the m `logs` leave out since it does not depend on eta.

        For each row of y the first derivatives and the second ones, of shape (m, 1 + m, n).
        """
        raise NotImplementedError

    def totals(self, y: NDArray[Any], weights: NDArray[Any] | None, nobs: float) -> Totals:
        """Sums over the rows of y with these weights."""
        constant, saturated = (
            0.0
            if getattr(type(self), name) is getattr(Likelihood, name)
            else float(total(getattr(self, name), y, weights))
            for name in ("constant", "saturated")
        )
        return Totals(nobs, constant, saturated)

    def best_scale(self, loss: float, totals: Totals) -> float:
        """The scale of largest likelihood."""
        return 1.0

    def at_scale(self, loss: Amount, totals: Totals, scale: float) -> tuple[Amount, float, float]:
        """The negative log-likelihood, and what gradient and Hessian of the loss are multiplied by for its own."""
        return loss + totals.constant, 1.0, 1.0

    def at(self, values: Sequence[float]) -> Likelihood:
        """The likelihood with these values of the shape parameters that are estimated."""
        return self

    def start(self, y: Vector) -> tuple[float, ...]:
        """Where to start with them, from a few values of y."""
        return ()

    def null_loglik(self, y: NDArray[Any], weights: NDArray[Any] | None) -> float | None:
        """Log-likelihood at the maximum of the model that has an intercept only, where a formula tells it."""
        return None

    def terms(
        self, eta: ArrayLike, y: ArrayLike, scale: float = 1.0
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Negative log-likelihood of each row, and its derivatives with respect to eta.

        Parameters
        ----------
        eta : array-like of shape (n,), float64 or float32
            Linear predictor.
        y : array-like of shape (n,)
            Response.
        scale : float, default 1.0
            Scale of the distribution, if it has one.

        Returns
        -------
        nll, d1, d2 : arrays of shape (n,)
            float32 if eta is float32, otherwise float64.

        Raises
        ------
        DataError
            If eta and y have different lengths, or y is not what the likelihood is defined for.
        """
        values = np.asarray(eta)
        wide = np.ascontiguousarray(values, dtype=np.float64).ravel()
        response = np.ascontiguousarray(self.check(np.asarray(y).ravel(), "y"), dtype=np.float64)
        if len(response) != len(wide):
            raise DataError(f"eta has {len(wide)} values and y has {len(response)}. Give one of each per row.")
        loss, d1, d2 = _core.terms(wide, response, _core.Leaf(self.leaf, self.shape))
        nll, slope, curvature = self.at_scale(loss, Totals(1.0, self.constant(response)), scale)
        kind = np.float32 if values.dtype == np.float32 else np.float64
        return nll.astype(kind, copy=False), (d1 * slope).astype(kind), (d2 * curvature).astype(kind)


def tally(y: NDArray[Any], weights: NDArray[Any] | None) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Each value of whole numbers once, weighted by how often it is there, if they are small; otherwise as they are."""
    least, greatest, _, _, _, fractions = _core.describe(y)
    if fractions or least < 0 or greatest > _CHUNK or len(y) < greatest:
        return y, weights
    counts = np.zeros(int(greatest) + 1)
    for first in range(0, len(y), _CHUNK):
        part = slice(first, first + _CHUNK)
        counts += np.bincount(
            y[part].astype(np.intp), None if weights is None else weights[part], minlength=len(counts)
        )
    there = np.flatnonzero(counts)
    return there.astype(np.float64), counts[there]


def require_numbers(y: NDArray[Any], name: str, likelihood: str) -> NDArray[Any]:
    """Y itself; DataError if it is made of labels."""
    if y.dtype.kind in "OUSTmM":
        raise DataError(
            f"{name} holds labels such as {str(y[0])!r}; the {likelihood} likelihood needs numbers. Convert it to "
            "float64, or choose a likelihood of classes."
        )
    return y


def refuse(y: NDArray[Any], outside: NDArray[np.bool_], name: str, what: str) -> NoReturn:
    """DataError with the first rows whose y lies outside; `what` says what is wanted and the remedy."""
    bad = np.flatnonzero(outside)
    raise DataError(f"{name} holds {y[bad[0]]} (first rows: {', '.join(map(str, bad[:5]))}); {what}")


def total(function: Callable[[Vector], NDArray[np.float64]], y: NDArray[Any], weights: NDArray[Any] | None) -> Any:
    """The sum over the rows of a function of y, whose last axis are the rows."""
    found: Any = 0.0
    for first in range(0, len(y), _CHUNK):
        part = slice(first, first + _CHUNK)
        terms = function(y[part].astype(np.float64, copy=False))
        found += terms.sum(axis=-1) if weights is None else terms @ weights[part]
    return found
