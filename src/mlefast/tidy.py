# SPDX-License-Identifier: BSD-3-Clause
"""The coefficients and the fit as tidy frames, with the columns of R's broom."""

from __future__ import annotations

import importlib
import math
from typing import Any, Literal

from .options import read_flag
from .result import Result

_FRAMES: tuple[Literal["pandas", "polars"], ...] = ("pandas", "polars")  # the first that is installed


def tidy(result: Result, conf_int: bool, alpha: float) -> Any:
    """A row per parameter; see `Result.tidy`."""
    interval = result.conf_int(alpha)
    numbers = {
        "estimate": result.params,
        "std.error": result.bse,
        "statistic": result.tvalues,
        "p.value": result.pvalues,
    }
    if read_flag("conf_int", conf_int):
        numbers |= {"conf.low": interval[..., 0], "conf.high": interval[..., 1]}
    columns: dict[str, list[Any]] = {"term": list(result.names)}
    if result.params.ndim > 1 and result.classes is not None:
        others = result.classes.tolist()[1:]
        levels = [label for label in others for _ in result.names]
        columns = {"y.level": levels, "term": list(result.names) * len(others)}
    return _frame(columns | {name: values.ravel().tolist() for name, values in numbers.items()})


def glance(result: Result) -> Any:
    """One row for the fit; see `Result.glance`."""
    null_parameters = (1 if result.params.ndim == 1 else len(result.params)) + len(result.family.estimated)
    row = {
        "null.deviance": result.null_deviance,
        "df.null": result.nobs - null_parameters,
        "logLik": result.llf,
        "AIC": result.aic,
        "BIC": result.bic,
        "deviance": result.deviance,
        "df.residual": result.df_resid,
        "nobs": result.nobs,
        "sigma": result.scale if result.family.scale_name == "sigma" else math.nan,
    }
    return _frame({name: [float(value)] for name, value in row.items()})


def _frame(columns: dict[str, list[Any]]) -> Any:
    """A data frame of these columns, or the columns themselves where no package for frames is installed."""
    import narwhals as nw

    for package in _FRAMES:
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        return nw.from_dict(columns, backend=package).to_native()
    return columns
