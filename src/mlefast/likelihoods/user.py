# SPDX-License-Identifier: BSD-3-Clause
"""A likelihood of the user's own: a function of the linear predictor and y, in Python or compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError

from .base import Likelihood, Vector, refuse, require_numbers

_STEPS = (1e-5, 1e-4)  # of central differences, relative to eta; a derivative is right if one of them says so
_AGREE = 1e-4  # relative
_ROUNDING = 1e-14  # of what is subtracted


class UserLikelihood(Likelihood):
    """A distribution of y given eta that a function of yours defines, with all that a built-in likelihood gets.

    Parameters
    ----------
    function : callable, numba cfunc or scipy.LowLevelCallable
        The negative log-likelihood of rows with its first and second derivative with respect to eta. A Python function
        `function(eta, y, *parameters) -> (nll, d1, d2)` takes and returns float64 arrays of one length and is called
        for some ten thousand rows at a time. A compiled one has the arguments of the built-in leaves,
        `void (int64_t rows, double *eta, double *y, double *parameters, double *nll, double *d1, double *d2)`; it is
        called for each tile of rows, by several threads at once, and runs at the speed of a built-in likelihood.
    parameters : mapping of str to float, optional
        Parameters of the likelihood's own, which are estimated with the coefficients, and where to start with them.
        They may be any real numbers: for a positive one use the logarithm.
    name : str, default "user"
        What the summary calls it.
    mean : callable, optional
        E[y | eta] for an array of eta, for `predict`.
    domain : callable, optional
        True for each y of an array that the likelihood is defined for; others are refused.
    convex : bool, default False
        Whether the negative log-likelihood is known to be convex in eta, so that a maximum is the only one.

    Raises
    ------
    OptionError
        If the function cannot be called, or is compiled for other arguments.

    Notes
    -----
    Before a fit the derivatives are compared with central differences on a few rows; wrong ones are refused.

    Examples
    --------
    >>> import mlefast, numpy as np
    >>> def exponential(eta, y):
    ...     risk = y * np.exp(-eta)
    ...     return eta + risk, 1 - risk, risk
    >>> X = np.arange(6.0)
    >>> y = np.array([0.5, 1.0, 2.0, 1.0, 5.0, 4.0])
    >>> result = mlefast.fit(X, y, likelihood=mlefast.UserLikelihood(exponential, name="exponential"))
    >>> result.params.round(4).tolist() == mlefast.fit(X, y, likelihood="gamma").params.round(4).tolist()
    True
    """

    name: str  # type: ignore[misc]
    link = "identity"
    canonical = False
    existence = "local"

    def __init__(
        self,
        function: Any,
        *,
        parameters: Mapping[str, float] | None = None,
        name: str = "user",
        mean: Callable[[Vector], ArrayLike] | None = None,
        domain: Callable[[NDArray[Any]], ArrayLike] | None = None,
        convex: bool = False,
    ) -> None:
        from .native import LEAF, address_of  # which no built-in likelihood needs

        self.function = function
        self.name = name
        self.convex = convex  # type: ignore[misc]
        self._address = address_of(function)
        if self._address is None and not callable(function):
            raise OptionError(
                f"function={function!r} cannot be called. Give a function of Python or a compiled {LEAF}."
            )
        self._names = tuple(parameters or {})
        self._start = tuple(float(value) for value in (parameters or {}).values())
        self._values: tuple[float, ...] | None = None
        self._mean = mean
        self._domain = domain

    @property
    def leaf(self) -> str | int:
        """The address of a compiled function; a Python function fills in derivatives that are given."""
        return "given" if self._address is None else self._address

    def compiled(self) -> Any:
        """The leaf of a compiled function; one of Python is called through the likelihood, by objective/blocks.py."""
        return self if self.in_python else _core.Leaf(self.leaf, self.shape)

    @property
    def key(self) -> tuple[float, ...]:
        """What tells it from others of the same function, as that of `_core.Leaf`."""
        return self.shape

    @property
    def in_python(self) -> bool:
        """Whether the function is one of Python."""
        return self._address is None

    @property
    def estimated(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of the parameters, unless their values are given."""
        return self._names if self._values is None else ()

    @property
    def shape(self) -> tuple[float, ...]:  # type: ignore[override]
        """The parameters' values."""
        return self._start if self._values is None else self._values

    def at(self, values: Sequence[float]) -> UserLikelihood:
        """With these values of the parameters."""
        fixed = copy.copy(self)
        fixed._values = tuple(values)
        return fixed

    def start(self, y: Vector) -> tuple[float, ...]:
        """What the user gave."""
        return self._start

    def check(self, y: NDArray[Any], name: str) -> NDArray[Any]:
        """Numbers of the domain; DataError otherwise."""
        require_numbers(y, name, self.name)
        if self._domain is not None:
            inside = np.asarray(self._domain(y), dtype=np.bool_)
            if not inside.all():
                refuse(y, ~inside, name, f"the {self.name} likelihood is not defined for it. Leave these rows out.")
        return y

    def mean(self, eta: Vector) -> Vector:
        """What the user's function of the mean says."""
        if self._mean is None:
            raise OptionError(
                f"the mean of the {self.name} likelihood is not known. Give UserLikelihood(..., mean=...)."
            )
        return np.asarray(self._mean(eta), dtype=np.float64)

    def linear(self, mean: float) -> float:
        """Zero: nothing is known of the mean."""
        return 0.0

    def saturated(self, y: Vector) -> Vector:
        """Not known."""
        return np.full(len(y), np.nan)

    def rows(self, eta: Vector, y: Vector) -> tuple[Vector, Vector, Vector]:
        """(nll, d1, d2) of rows; DataError if the function fails or returns something else."""
        if not self.in_python:
            return _core.terms(eta, y, _core.Leaf(self.leaf, self.shape))
        try:
            found = self.function(eta, y, *self.shape)
        except Exception as error:
            raise DataError(
                f"the function of the {self.name} likelihood raised {type(error).__name__}: {error}"
            ) from error
        arrays = [np.asarray(part) for part in found] if isinstance(found, tuple | list) else []
        if len(arrays) != 3 or any(a.shape != eta.shape or a.dtype.kind not in "fiub" for a in arrays):
            shown = (
                f"{len(arrays)} of the shapes {[a.shape for a in arrays]}" if arrays else f"a {type(found).__name__}"
            )
            raise DataError(
                f"the function of the {self.name} likelihood returned {shown}; it must return three arrays of numbers "
                f"(nll, d1, d2), each of the shape of eta, here {eta.shape}."
            )
        nll, d1, d2 = (np.ascontiguousarray(a, dtype=np.float64) for a in arrays)
        return nll, d1, d2

    def require_derivatives(self, eta: Vector, y: Vector, index: NDArray[np.intp]) -> None:
        """DataError with the row and both values if a derivative is not that of central differences.

        `index` says which rows of the data these are.
        """
        nll, d1, d2 = self.rows(eta, y)
        bad = np.flatnonzero(~np.isfinite(nll + d1 + d2))
        if bad.size:
            i = bad[0]
            raise DataError(
                f"the function of the {self.name} likelihood returned nll = {nll[i]}, d1 = {d1[i]}, d2 = {d2[i]} in "
                f"row {index[i]} (eta = {eta[i]:.6g}, y = {y[i]:.6g}). It must be finite there: correct it, or give a "
                "`domain`."
            )
        for name, given, k in (("d1", d1, 0), ("d2", d2, 1)):
            slope, off = self._differences(eta, y, given, k)
            i = int(np.argmax(off))
            if off[i] > 1e-7 * (1.0 + float(np.abs(given).max())):
                of = ("nll", "d1")[k]
                raise DataError(
                    f"{name} of the {self.name} likelihood is not the derivative of {of}: in row {index[i]} (eta = "
                    f"{eta[i]:.6g}, y = {y[i]:.6g}) the function says {given[i]:.6g}, central differences of {of} say "
                    f"{slope[i]:.6g}. Correct the function."
                )

    def _differences(self, eta: Vector, y: Vector, given: Vector, k: int) -> tuple[Vector, Vector]:
        """Central differences of the k-th output nearest to what is given, and what rounding does not explain."""
        nearest, off = np.zeros(len(eta)), np.full(len(eta), np.inf)
        for step in _STEPS:
            h = step * np.maximum(1.0, np.abs(eta))
            after, before = self.rows(eta + h, y)[k], self.rows(eta - h, y)[k]
            slope = (after - before) / (2.0 * h)
            noise = _ROUNDING * (np.abs(after) + np.abs(before)) / h
            miss = np.abs(slope - given) - noise - _AGREE * (np.abs(slope) + np.abs(given))
            nearest = np.where(miss < off, slope, nearest)
            off = np.minimum(miss, off)
        return nearest, off
