# SPDX-License-Identifier: BSD-3-Clause
"""The mean of y for new rows, also where coefficients are infinite or not determined."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from mlefast.data import Design, counted
from mlefast.errors import RankWarning
from mlefast.inference import Alias, Separation
from mlefast.likelihoods import Likelihood

Vector = NDArray[np.float64]
_TOLERANCE = 1e-6  # relative to the sum of the absolute terms, up to which a combination holds
_CALLER = 3  # of `Result.predict`


def mean(
    family: Likelihood,
    params: Vector,
    separation: Separation,
    aliased: tuple[Alias, ...],
    names: tuple[str, ...],
    design: Design,
    offset: Vector | None,
) -> Vector:
    """E[y] for each row; `names` and the last axis of `params` are those of the coefficients, the intercept first.

    Along a separating direction d a row with x'd different from 0 goes to the limit of the likelihood's mean, another
    one has the linear predictor of the coefficients that are finite.
    """
    size, equations = len(names), params.shape[:-1]
    intercept = size > design.columns
    limit, direction = separation.limit, separation.direction
    finite = np.nan_to_num(params if limit is None else limit[..., :size])
    eta = np.zeros((design.rows, *equations))
    along, terms = np.zeros_like(eta), np.zeros_like(eta)
    relations = _relations(aliased, names)
    broken = np.zeros(design.rows, dtype=np.bool_)
    if offset is not None:
        eta += offset
    for rows, block in design.blocks():
        x = np.column_stack([np.ones(len(block)), block]) if intercept else block
        eta[rows] += x @ finite.T
        if limit is not None and direction is not None:
            along[rows] = x @ direction[..., :size].T
            terms[rows] = np.abs(x) @ np.abs(direction[..., :size]).T
        if aliased:
            off = np.abs(x @ relations.T) > _TOLERANCE * (np.abs(x) @ np.abs(relations).T)
            broken[rows] = off.any(axis=1)
    if broken.any():
        warnings.warn(
            f"in {counted(int(broken.sum()), 'row')} of X the columns do not satisfy {aliased[0]}"
            f"{', ...' if len(aliased) > 1 else ''}, as they did in the fit. The data of the fit say nothing about "
            f"such rows: {aliased[0].name} counts as without effect there. Fit without it, or with data in which the "
            "columns differ.",
            RankWarning,
            stacklevel=_CALLER,
        )
    return family.mean(eta) if limit is None else family.mean_in_limit(eta, along, terms)


def _relations(aliased: tuple[Alias, ...], names: tuple[str, ...]) -> Vector:
    """A row for each alias, whose product with x is zero where it holds."""
    relations = np.zeros((len(aliased), len(names)))
    place = {name: j for j, name in enumerate(names)}
    for relation, alias in zip(relations, aliased, strict=True):
        relation[place[alias.name]] = -1.0
        for name, coefficient in alias.combination:
            relation[place[name]] = coefficient
    return relations
