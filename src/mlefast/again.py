# SPDX-License-Identifier: BSD-3-Clause
"""The rows of a fit, read again: results hold no data, so what needs them takes them once more."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import DataError
from .model import Model, specify
from .objective import Moments, RowsObjective, ShapeObjective, Vector
from .observations import observe
from .options import resolve_threads
from .result import Result

_SAME = 1e-9  # relative difference of log-likelihoods that rounding can make


class FittedRows:
    """The data of a fit with its estimate, in the coordinates of the fit."""

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
        params, model = np.nan_to_num(self.result.params), self.model
        if params.size + extra * model.equations != model.size:
            raise DataError(
                f"these are not the data of the fit: they make {model.size - extra * model.equations} parameters, the "
                f"fit has {params.size}. Give X and y as they were."
            )
        last = params.shape[-1] - model.estimated  # of the coefficients
        zeros = np.zeros((*params.shape[:-1], extra))
        wider = np.concatenate([params[..., :last], zeros, params[..., last:]], axis=-1)
        return model.coordinates.from_user(wider.ravel())


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
    data = observe(
        X if result.encoder is None else result.encoder(X),
        y,
        result.family,
        weights=weights,
        weight_kind=result.weight_kind,
        offset=offset if result.encoder is None else result.encoder.offset(X, offset),
        exposure=exposure,
        missing=missing,
        groups=groups if result.encoder is None else result.encoder.groups(X, groups),
    )
    return FittedRows(result, specify(data, result.family, result.intercept, resolve_threads(threads)), order)
