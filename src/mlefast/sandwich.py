# SPDX-License-Identifier: BSD-3-Clause
"""The covariance of an estimate: kinds, where they are defined, and how they follow from the rows.

All but "fisher" and "expected" are sandwiches H^-1 M H^-1 with H the information and M the sum of the outer products of
scores (White, Econometrica 50, 1982), with n observations and p parameters:

    HC0      of the rows
    HC1      times n / (n - p)
    HC2      each divided by 1 - h, with h the leverage of the row (MacKinnon and White, J. Econometrics 29, 1985)
    HC3      each divided by (1 - h)^2
    cluster  of G groups of rows, times G / (G - 1) (n - 1) / (n - p); for two ways of grouping those of both less that
             of their pairs, each with its own G (Cameron, Gelbach and Miller, JBES 29, 2011)
    survey   of the rows, times n / (n - 1), or of the groups, times G / (G - 1): sampling with replacement (Binder,
             International Statistical Review 51, 1983)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlefast.data import Groups
from mlefast.errors import OptionError
from mlefast.likelihoods import Likelihood
from mlefast.objective import Information, Matrix, MemoryObjective, Moments, RowsObjective, ShapeObjective, Vector

from .model import Model
from .options import WEIGHT_KINDS, require_choice

_POWERS = {"HC2": 1, "HC3": 2}


def read_covariance(likelihood: Likelihood, covariance: Any, grouped: bool, weight_kind: str) -> str:
    """The kind of covariance; OptionError if there is none like it for this likelihood, groups and weights."""
    kind = covariance
    if kind is None:
        kind = likelihood.covariance
        if "cluster" in likelihood.covariances:
            kind = "survey" if weight_kind == "sampling" else "cluster" if grouped else kind
    require_choice("covariance", kind, likelihood.covariances)
    if likelihood.estimated and kind == "expected":
        raise OptionError(
            f"covariance={kind!r} is not there for likelihoods that estimate {' and '.join(likelihood.estimated)}. "
            "Give the value, such as NegativeBinomial(alpha=0.5), or use 'fisher'."
        )
    if kind == "cluster" and not grouped:
        raise OptionError("covariance='cluster' needs to know the clusters. Give groups, a label for each row.")
    if grouped and kind not in ("cluster", "survey"):
        raise OptionError(f"groups has no meaning for covariance={kind!r}. Leave it out, or use covariance='cluster'.")
    if kind == "survey" and weight_kind != "sampling":
        raise OptionError("covariance='survey' is for sampling weights. Add weight_kind='sampling', or use 'HC1'.")
    if weight_kind == "sampling" and kind in ("fisher", "expected"):
        raise OptionError(
            f"covariance={kind!r} takes the weights for numbers of rows, and sampling weights are none. Leave it out, "
            "or use 'HC1'."
        )
    return str(kind)


def read_weight_kind(likelihood: Likelihood, weight_kind: Any) -> str:
    """What the weights mean; OptionError if they cannot mean that for this likelihood."""
    require_choice("weight_kind", weight_kind, WEIGHT_KINDS)
    if weight_kind == "precision" and not likelihood.quadratic:
        raise OptionError(
            f"weight_kind='precision' says that the variance is sigma^2 / weight, and {likelihood.name} has no sigma "
            "of its own that this could be said of; it is for the gaussian likelihood. Use 'frequency' or 'sampling'."
        )
    if weight_kind == "sampling" and ("survey" not in likelihood.covariances):
        raise OptionError(f"weight_kind='sampling' is not there for {likelihood.name}. Use 'frequency'.")
    return str(weight_kind)


def covariance_matrix(
    kind: str,
    model: Model,
    objective: RowsObjective | ShapeObjective,
    params: Vector,
    moments: Moments,
    information: Information,
) -> Matrix:
    """The covariance of the user's parameters at an estimate; zero for those that are left out of the information.

    `params`, `moments` and `information` are in the coordinates of the objective.
    """
    if kind == "expected":
        assert isinstance(objective, MemoryObjective)
        information = Information(objective.expected(params, moments)).among(information.kept)
    inverse = information.root()
    root = model.coordinates.root_to_user(inverse)
    if kind in ("fisher", "expected"):
        return np.asarray(root @ root.T)
    data, rank = model.data, information.rank
    if data.groups:
        small = 1.0 if kind == "survey" else _share(data.nobs - 1.0, data.nobs - rank)
        products = small * _of_groups(objective, params, moments, data.groups)
        return _without_negative(root @ (inverse.T @ products @ inverse) @ root.T)
    counted = data.weight_kind == "frequency"
    products = objective.scores(params, moments, information, power=_POWERS.get(kind, 0), counted=counted)
    lost = {"HC1": float(rank), "survey": 1.0}.get(kind, 0.0)
    return np.asarray(root @ (inverse.T @ products @ inverse) @ root.T * _share(data.nobs, data.nobs - lost))


def _of_groups(
    objective: RowsObjective | ShapeObjective, params: Vector, moments: Moments, ways: tuple[Groups, ...]
) -> Matrix:
    """Sums of the outer products of the groups' scores; the third of three ways is the pairs of the others."""
    total = np.zeros((objective.size, objective.size))
    for way, sign in zip(ways, (1.0, 1.0, -1.0), strict=False):
        scores = objective.clustered(params, moments, way.codes, way.count)
        total += sign * _share(way.count, way.count - 1.0) * (scores.T @ scores)
    return total


def _share(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan


def _without_negative(covariance: Matrix) -> Matrix:
    """The nearest matrix without negative eigenvalues, which two ways of grouping can make (Cameron et al., p. 241)."""
    if not np.isfinite(covariance).all():
        return covariance
    values, vectors = np.linalg.eigh(covariance)
    if values[0] >= -1e-12 * np.abs(values).max(initial=0.0):
        return covariance
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
