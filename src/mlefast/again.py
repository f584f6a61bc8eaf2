# SPDX-License-Identifier: BSD-3-Clause
"""The rows of a fit, read again: results hold no data, so what needs them takes them once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.errors import DataError, OptionError
from mlefast.likelihoods import Likelihood, UserLikelihood
from mlefast.objective import Information, Moments, RowsObjective, ShapeObjective, Vector

from .model import Model, specify
from .observations import observe
from .options import resolve_threads
from .predictors import read_columns, require_finite_params
from .result import Result

_SAME = 1e-9  # relative difference of log-likelihoods that rounding can make


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Block:
    """Some rows: their numbers, x in the coordinates of the fit with ones for the intercept, eta, y and weights."""

    index: NDArray[np.intp]
    x: NDArray[np.float64]
    eta: Vector
    y: Vector
    weights: Vector


class FittedRows:
    """The data of a fit with its estimate, in the coordinates of the fit; absent rows are left out."""

    def __init__(self, result: Result, model: Model, order: int, extra: int = 0) -> None:
        """One pass, of this order; DataError if these are not the data of the fit and `extra` columns after them."""
        self.result = result
        self.model = model
        self.objective: RowsObjective | ShapeObjective = model.objective()
        self.params: Vector = self._start(extra)
        self.moments: Moments = self.objective.moments(self.params, order)
        here = -self.moments.nll
        if not abs(here - result.llf) <= _SAME * max(1.0, abs(result.llf)):
            raise DataError(
                f"these are not the data of the fit: its log-likelihood is {result.llf:.10g}, that of these rows "
                f"{here:.10g}. Give X, y, weights and offset as they were."
            )

    def _start(self, extra: int) -> Vector:
        """The estimate, with zero for what is not determined and for the extra columns."""
        model = self.model
        params = np.nan_to_num(self.result.params)[..., : len(model.columns) - extra]
        if params.size + extra * model.equations != model.size:
            raise DataError(
                f"these are not the data of the fit: they make {model.size - extra * model.equations} parameters, the "
                f"fit has {params.size}. Give X and y as they were."
            )
        last = params.shape[-1] - model.estimated  # of the coefficients
        zeros = np.zeros((*params.shape[:-1], extra))
        wider = np.concatenate([params[..., :last], zeros, params[..., last:]], axis=-1)
        return model.coordinates.from_user(wider.ravel())

    @property
    def likelihood(self) -> Likelihood:
        """With the estimates of its shape parameters."""
        return self.model.likelihood

    @property
    def rows(self) -> int:
        """Number of rows, absent ones too."""
        return self.model.data.design.rows

    @cached_property
    def information(self) -> Information:
        """The observed information of the loss, without its scale; after a pass of order 2."""
        assert self.moments.hessian is not None and isinstance(self.objective, RowsObjective)
        return Information(self.moments.hessian / self.objective.unit(self.moments), convex=self.objective.convex)

    def blocks(self) -> Iterator[Block]:
        """The rows, some at a time. Equal rows have the same eta to the last bit."""
        data = self.model.data
        assert isinstance(self.objective, RowsObjective)
        params = self.params.reshape(self.objective.equations, -1)
        for index, x in self.objective.blocks():
            eta = np.column_stack([(x * b).sum(axis=1) for b in params])
            eta = eta if self.result.params.ndim > 1 else eta[:, 0]
            if data.offset is not None:
                eta = eta + data.offset[index]
            weights = np.ones(len(index)) if data.weights is None else data.weights[index].astype(np.float64)
            yield Block(index, x, eta, data.y[index].astype(np.float64), weights)

    def terms(self, block: Block) -> tuple[Vector, Vector, Vector]:
        """The loss of each row and its derivatives with respect to eta; for classes the NLL."""
        if self.result.params.ndim > 1:
            return self.likelihood.terms(block.eta, block.y)
        if isinstance(self.likelihood, UserLikelihood):
            return self.likelihood.rows(block.eta, block.y)
        return _core.terms(block.eta, block.y, self.likelihood.compiled())


def read_again(
    result: Result,
    X: Any,
    y: Any,
    *,
    order: int = 0,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    groups: Any = None,
    threads: int | None = None,
) -> FittedRows:
    """The rows of a fit, after a pass of this order over them; DataError if they are not those of the fit."""
    return _read(result, result.family, X, y, order, threads, weights, offset, exposure, missing, groups)


def read_at_estimate(
    result: Result,
    X: Any,
    y: Any,
    *,
    order: int = 0,
    weights: Any = None,
    offset: Any = None,
    exposure: Any = None,
    missing: str = "raise",
    threads: int | None = None,
) -> FittedRows:
    """The same with the shape parameters known, for what looks at rows; OptionError if coefficients are infinite."""
    require_finite_params(result, "residuals and what follows from them")
    return _read(result, result.family_at_estimate, X, y, order, threads, weights, offset, exposure, missing, None)


def _read(
    result: Result,
    likelihood: Likelihood,
    X: Any,
    y: Any,
    order: int,
    threads: int | None,
    weights: Any,
    offset: Any,
    exposure: Any,
    missing: str,
    groups: Any,
) -> FittedRows:
    design, offset = read_columns(result, X, offset)
    data = observe(
        design,
        y,
        likelihood,
        weights=weights,
        weight_kind=result.weight_kind,
        offset=offset,
        exposure=exposure,
        missing=missing,
        groups=groups if result.encoder is None else result.encoder.groups(X, groups),
    )
    return FittedRows(result, specify(data, likelihood, result.intercept, resolve_threads(threads)), order)


def require_single(rows: FittedRows, what: str) -> None:
    """OptionError if the fit has several linear predictors or has not a smooth loss."""
    if rows.result.params.ndim > 1 or rows.likelihood.name == "laplace":
        raise OptionError(f"{what}: not for the {rows.likelihood.name} likelihood.")
