# SPDX-License-Identifier: BSD-3-Clause
"""Jeffreys' prior: -log det I(params) / 2 added to an objective whose Hessian is the information I.

Its gradient is a sum over the rows (Firth, Biometrika 80, 1993). With A A' = I^-1 and z_i = A'x_i, a row with the
weight w_i and the third derivative c_i of its NLL with respect to eta adds -w_i c_i |z_i|^2 x_i / 2; for the logit link
that is -h_i (1/2 - mu_i) x_i with the leverage h_i. For classes with probabilities p, where e is the unit vector of the
label and 0 for the reference, the third derivatives are the cumulants of e: class k adds -w_i p_k (t_k - sum_l p_l t_l)
x_i / 2 with t_l = |sum_a (e_l - p)_a A_a'x_i|^2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .base import RowsObjective
from .information import Information
from .memory import MemoryObjective
from .protocol import Matrix, Moments, Vector

_ELEMENTS = 1 << 20  # of the arrays for some rows


class JeffreysObjective:
    """An objective of rows with Jeffreys' prior, for Fisher's scoring."""

    def __init__(self, inner: RowsObjective, volume: Vector) -> None:
        """`volume` holds the logarithms of the scales of the parameters' coordinates."""
        self.inner = inner
        self._volume = volume
        self.size = inner.size

    @property
    def curvature(self) -> Vector:
        """What the prior says about columns that the data do not tell apart: nothing."""
        return np.zeros(self.size)

    @property
    def free(self) -> NDArray[np.bool_]:
        """None of the parameters: far out the determinant vanishes in every direction, and the penalty has no bound.

        For classes d'I d is at most a constant over |params|^2 for d along the parameters, since the variance of eta
        under its own softmax is bounded, and the other eigenvalues are bounded by that of X'X (Kosmidis and Firth,
        Biometrika 108, 2021, for two classes). For counts the same holds while mu is bounded, and where it is not, the
        NLL grows faster than the logarithm of the determinant.
        """
        return np.zeros(self.size, dtype=np.bool_)

    def penalty(self, information: Information) -> float:
        """-log det I / 2 in the user's units, of the columns that are kept."""
        return float(self._volume[information.kept].sum()) - 0.5 * information.log_determinant

    def score(self, params: Vector, moments: Moments, information: Information) -> Vector:
        """One pass: the gradient with that of the prior."""
        assert moments.gradient is not None
        if isinstance(self.inner, MemoryObjective):
            slopes = self.inner.prior_slopes(params, information)
        else:
            whitening = information.root()
            slopes = np.zeros(self.size)
            for rows, x in self._parts():
                slopes += self._of_classes(rows, x, params, whitening)
        return moments.gradient - 0.5 * np.where(information.kept, slopes, 0.0)

    def _parts(self) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        count = max(1, _ELEMENTS // (self.size * self.inner.equations))
        for rows, x in self.inner.blocks():
            for first in range(0, len(rows), count):
                part = slice(first, first + count)
                yield rows[part], x[part]

    def _weighted(self, rows: NDArray[np.intp], terms: Vector) -> Vector:
        return terms if self.inner.weights is None else terms * self.inner.weights[rows]

    def _of_classes(self, rows: NDArray[np.intp], x: NDArray[np.float64], params: Vector, whitening: Matrix) -> Vector:
        equations = self.inner.equations
        eta = np.pad(x @ params.reshape(equations, -1).T, ((0, 0), (1, 0)))
        p = np.exp(eta - eta.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        by_class = np.einsum("ij,ajk->aik", x, whitening.reshape(equations, x.shape[1], -1), optimize=True)
        reference = -np.einsum("ia,aik->ik", p[:, 1:], by_class)
        lengths = np.column_stack(
            [np.square(reference).sum(axis=1), *(np.square(z + reference).sum(axis=1) for z in by_class)]
        )
        lean = p * (lengths - (p * lengths).sum(axis=1, keepdims=True))
        return np.asarray(np.vstack([self._weighted(rows, terms) @ x for terms in lean.T[1:]])).ravel()
