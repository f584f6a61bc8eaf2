# SPDX-License-Identifier: BSD-3-Clause
"""A result as JSON and back: what `Result.to_json` writes, `Result.from_json` reads and `--json` prints.

One object, in which people and other programs find the numbers under the names of the attributes, and from which the
result comes back exactly: numbers have the shortest digits that give the same double, NaN is null, and infinities are
the strings "Infinity" and "-Infinity", since JSON (RFC 8259) has no word for any of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .config import __version__
from .data import MemoryDesign
from .errors import DataError, OptionError
from .inference import Alias, Certificate, Separation
from .likelihoods import Likelihood, UserLikelihood, find_likelihood
from .objective import Passes
from .penalties import Firth, Penalty, Ridge
from .result import Result
from .solvers import Iteration
from .solvers.multistart import Optimum

FORMAT = "mlefast.Result"
FORMAT_VERSION = 1  # raise it when an older reader would go wrong; keep reading what was written before

_PLAIN = (
    "formula", "response", "intercept", "constant", "use_t", "rank", "dropped", "converged", "covariance_type",
    "iterations", "solver", "solver_reason", "threads", "isa",
)  # fmt: skip
_NUMBERS = ("llf", "llnull", "deviance", "null_deviance", "scale", "nobs", "seconds")
_PENALTIES = {penalty.name: penalty for penalty in (Ridge, Firth)}
_ROWS = ("coefficients", "covariance", "trace")  # what is written with a line for each entry


@dataclass(frozen=True)
class UnreadEncoder:
    """Stands for the encoder of a formula, which JSON does not hold: the levels of categories, knots, the offset."""

    formula: str

    def __call__(self, data: Any) -> MemoryDesign:
        """DataError with the remedy."""
        self._refuse()

    def offset(self, data: Any, offset: Any) -> Any:
        """DataError with the remedy."""
        self._refuse()

    def changes(self, data: Any, discrete: bool) -> NoReturn:
        """DataError with the remedy."""
        self._refuse()

    def groups(self, data: Any, groups: Any) -> NoReturn:
        """DataError with the remedy."""
        self._refuse()

    def terms(self) -> NoReturn:
        """DataError with the remedy."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise DataError(
            f"this result was read from JSON, which does not hold how the formula {self.formula!r} reads a table. Fit "
            "again, or keep the result with pickle, which does."
        )


def encode(value: Any) -> Any:
    """The same in types that JSON has: NaN as null, infinities as strings, arrays as lists of lists."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None if math.isnan(value) else _infinity(value)
    if isinstance(value, np.ndarray | np.generic):
        return encode(value.tolist())
    if isinstance(value, dict):
        return {name: encode(part) for name, part in value.items()}
    return [encode(part) for part in value] if isinstance(value, list | tuple) else value


def _infinity(value: float) -> str:
    return "Infinity" if value > 0.0 else "-Infinity"


def coefficients(result: Result) -> dict[str, list[Any]]:
    """The table of coefficients, with 95 % intervals, as columns."""
    interval = result.conf_int()
    columns = {
        "coef": result.params,
        "std_err": result.bse,
        "t" if result.use_t else "z": result.tvalues,
        "p_value": result.pvalues,
        "lower": interval[..., 0],
        "upper": interval[..., 1],
    }
    names: dict[str, list[Any]] = {"name": list(result.names)}
    if result.params.ndim > 1 and result.classes is not None:
        others = result.classes.tolist()[1:]
        names = {"class": [label for label in others for _ in result.names], "name": list(result.names) * len(others)}
    return {**names, **{name: column.ravel().tolist() for name, column in columns.items()}}


def to_json(result: Result, **others: Any) -> str:
    """The text of a result, a line for each of its parts, and of others, which `from_json` passes over."""
    lines = []
    for name, value in encode(_document(result) | others).items():
        text = json.dumps(value, allow_nan=False)
        if name in _ROWS and value:
            text = "[\n" + ",\n".join(f"    {json.dumps(row, allow_nan=False)}" for row in value) + "\n  ]"
        lines.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _document(result: Result) -> dict[str, Any]:
    """All parts of a result, and what follows from them for those who only want to read."""
    table = coefficients(result)
    derived = ("aic", "bic", "prsquared", "rsquared", "llr", "llr_pvalue")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "likelihood": result.likelihood,
        "link": result.link,
        "likelihood_options": _options(result.family),
        **{name: getattr(result, name) for name in _PLAIN},
        **{name: getattr(result, name) for name in _NUMBERS},
        **{name: getattr(result, name) for name in derived},
        "nobs": _count(result.nobs),
        "df_model": _count(result.df_model),
        "df_resid": _count(result.df_resid),
        "certificate": _parts(result.certificate),
        "separation": _parts(result.separation),
        "penalty": None if result.penalty is None else _penalty(result, result.penalty),
        "shape": result.shape,
        "optima": [{"nll": best.nll, "count": best.count, "params": best.params} for best in result.optima],
        "ranges": result.ranges,
        "robust_ratio": result.robust_ratio,
        "weight_kind": result.weight_kind,
        "clusters": result.clusters,
        "fingerprint": result.fingerprint,
        "aliased": {alias.name: dict(alias.combination) for alias in result.aliased},
        "passes": float(result.passes),
        "passes_by_order": result.passes.by_order,
        "trace": tuple(state[:4] for state in result.trace),
        "classes": None if result.classes is None else _labels(result.classes),
        "classes_type": None if result.classes is None else result.classes.dtype.str,
        "names": result.names,
        "params": result.params,
        "covariance": result.covariance,
        "confidence": 0.95,
        "coefficients": [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)],
    }


def _parts(record: Any) -> dict[str, Any]:
    """The fields of a record by their names."""
    return {field.name: getattr(record, field.name) for field in fields(record) if field.init}


def _options(family: Likelihood) -> dict[str, Any]:
    if isinstance(family, UserLikelihood):
        raise OptionError(
            f"the {family.name} likelihood is a function, which JSON cannot hold. Keep the result with pickle, or its "
            "numbers with tidy() and glance()."
        )
    return _parts(family)


def _penalty(result: Result, penalty: Penalty) -> dict[str, Any]:
    return {
        "kind": str(penalty),
        "name": penalty.name,
        "options": _parts(penalty),
        "value": result.penalty_value,
        "df_effective": result.df_effective,
    }


def _count(value: float) -> float:
    """Sums of weights are mostly whole."""
    return int(value) if float(value).is_integer() else float(value)


def _labels(classes: NDArray[Any]) -> list[Any]:
    """Labels that JSON has; bytes as text."""
    values = classes.astype(np.str_) if classes.dtype.kind == "S" else classes
    labels = [label.item() if isinstance(label, np.generic) else label for label in values.tolist()]
    for label in labels:
        if not isinstance(label, bool | int | float | str):
            raise DataError(f"the class {label!r} is a {type(label).__name__}, which JSON does not have. Use pickle.")
    return labels


def from_json(text: str | bytes) -> Result:
    """The result that `to_json` wrote; DataError if the text is something else, or of a newer format."""
    try:
        document = json.loads(text)
    except (ValueError, TypeError) as error:
        raise DataError(f"this is no JSON text: {error}. Give what result.to_json() returned.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DataError("this JSON text holds no result of mlefast. Give what result.to_json() returned.")
    version = document.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise DataError(
            f"this result has format {version}, written by mlefast {document.get('version')}; mlefast {__version__} "
            f"reads formats up to {FORMAT_VERSION}. Install a newer mlefast."
        )
    try:
        return _result(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"this text was a result of mlefast, but has been changed or cut ({type(error).__name__}: {error}). Write "
            "it again with result.to_json()."
        ) from None


def _result(document: dict[str, Any]) -> Result:
    params = _array(document["params"])
    penalty, formula = document["penalty"], document["formula"]
    plain: dict[str, Any] = {name: document[name] for name in _PLAIN}
    plain |= {name: _number(document[name]) for name in _NUMBERS}
    return Result(
        **plain,
        family=type(find_likelihood(document["likelihood"]))(**document["likelihood_options"]),
        names=tuple(document["names"]),
        classes=_classes(document["classes"], document["classes_type"]),
        params=params,
        covariance=_array(document["covariance"]).reshape(params.size, params.size),
        certificate=_certificate(document["certificate"]),
        separation=_separation(document["separation"]),
        aliased=tuple(
            Alias(name, tuple((column, _number(x)) for column, x in combination.items()))
            for name, combination in document["aliased"].items()
        ),
        passes=Passes(*document["passes_by_order"]),
        trace=tuple(_iteration(row) for row in document["trace"]),
        ranges=_maybe_array(document["ranges"]),
        # not in the first texts
        robust_ratio=_maybe_array(document.get("robust_ratio")),
        weight_kind=document.get("weight_kind", "frequency"),
        clusters=tuple(document.get("clusters", ())),
        fingerprint=document.get("fingerprint"),
        optima=tuple(Optimum(_array(x["params"]), _number(x["nll"]), x["count"]) for x in document["optima"]),
        penalty=None if penalty is None else _PENALTIES[penalty["name"]](**penalty["options"]),
        penalty_value=0.0 if penalty is None else _number(penalty["value"]),
        df_effective=None if penalty is None or penalty["df_effective"] is None else _number(penalty["df_effective"]),
        encoder=None if formula is None else UnreadEncoder(formula),
    )


def _certificate(parts: dict[str, Any]) -> Certificate:
    numbers = {name: _number(parts[name]) for name in ("distance", "decrement", "gradient", "tol", "rounding")}
    return Certificate(**{**parts, **numbers})


def _separation(parts: dict[str, Any]) -> Separation:
    return Separation(
        **{
            **parts,
            "margin": _number(parts["margin"]),
            "columns": tuple(parts["columns"]),
            "direction": _maybe_array(parts["direction"]),
            "limit": _maybe_array(parts.get("limit")),
        }
    )


def _iteration(row: list[Any]) -> Iteration:
    passes, nll, step, distance = map(_number, row)
    return Iteration(passes, nll, step, distance)


def _number(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def _array(values: list[Any]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)  # which reads null and "Infinity" as `encode` meant them


def _maybe_array(values: list[Any] | None) -> NDArray[np.float64] | None:
    return None if values is None else _array(values)


def _classes(labels: list[Any] | None, kind: str | None) -> NDArray[Any] | None:
    if labels is None:
        return None
    dtype = np.dtype(kind)
    if dtype.kind != "O":
        return np.array(labels).astype(dtype)
    classes = np.empty(len(labels), dtype=dtype)
    classes[:] = labels
    return classes
