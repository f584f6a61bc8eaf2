# SPDX-License-Identifier: BSD-3-Clause
"""The objective of a softmax of rows; parameters are those of class 1, then those of class 2, and so on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlefast import _core
from mlefast.data import Design

from .base import RowsObjective, Sums
from .information import Information, ProductInformation
from .leverages import without_leverage
from .protocol import Leads, Matrix, Moments, Vector
from .rows import Rows, Softmax, softmax_of
from .scores import Scores, outer_products, parts
from .standardisation import Standardisation

_LEADS = 1 << 20  # rows times classes that are looked at together
_ROWS_PER_COLUMN = 20


class SoftmaxObjective(RowsObjective):
    """Negative log-likelihood of classes, whose codes 0..classes - 1 are the y of the rows."""

    def __init__(
        self,
        rows: Rows,
        design: Design,
        y: NDArray[Any],
        classes: int,
        *,
        columns: int,
        nobs: float,
        threads: int,
        absent: NDArray[np.bool_] | None = None,
        space: Standardisation | None = None,
        weights: NDArray[Any] | None = None,
    ) -> None:
        """`columns` counts the parameters of one class; `space` is that of one class."""
        super().__init__(
            rows,
            design,
            y,
            size=(classes - 1) * columns,
            nobs=nobs,
            threads=threads,
            absent=absent,
            space=space,
            weights=weights,
        )
        self._classes = classes

    @property
    def _softmax(self) -> Softmax:
        return softmax_of(self._rows, self._classes)

    @property
    def _columns(self) -> int:
        return self.size // (self._classes - 1)

    def _by_class(self, params: Vector) -> Matrix:
        return np.ascontiguousarray(params).reshape(self._classes - 1, self._columns)

    def _evaluate(self, params: Vector, order: int, single: bool) -> Sums:
        self._count_pass(order)
        nll, gradient, hessian, finite = self._softmax.evaluate(self._by_class(params), order, self._threads, single)
        return nll, None if gradient is None else gradient.ravel(), hessian, finite, math.inf

    def scores(
        self, params: Vector, moments: Moments, information: Information, *, power: int = 0, counted: bool = True
    ) -> Matrix:
        """The sum of the outer products of the rows' scores; the leverage of a row is a matrix, see leverages.py."""
        if power > 0:
            root = information.root()
            products: Matrix = self.total(
                partial(_products_without_leverage, params=params, root=root, power=power, counted=counted)
            )
            return products
        self._count_pass(2)
        return self._softmax.scores(self._by_class(params), self._threads, counted)[0]

    def scores_without_leverage(self, params: Vector, root: Matrix, power: int, counted: bool) -> Scores:
        """One pass: the scores of rows divided by (1 - leverage)^(power / 2)."""
        by_class = root.reshape(self.equations, self._columns, -1)
        for rows, x in self.blocks():
            for index, part in parts(rows, x, root.size // self._columns):
                p = self._shares(index, part, params)[:, 1:]
                curvatures = p[:, :, np.newaxis] * (np.eye(self.equations) - p[:, np.newaxis])
                if not counted and self.weights is not None:
                    curvatures *= self.weights[index, np.newaxis, np.newaxis]
                projections = np.stack([part @ a for a in by_class], axis=1)
                slopes = without_leverage(self._slopes(index, part, params), curvatures, projections, power)
                yield index, (slopes[:, :, np.newaxis] * part[:, np.newaxis]).reshape(len(index), -1)

    def _shares(self, rows: NDArray[np.intp], x: Matrix, params: Vector) -> Matrix:
        """The probability of each class."""
        eta = np.pad(x @ self._by_class(params).T, ((0, 0), (1, 0)))
        p = np.exp(eta - eta.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def _slopes(self, rows: NDArray[np.intp], x: NDArray[np.float64], params: Vector) -> Matrix:
        d1 = self._shares(rows, x, params)
        d1[np.arange(len(rows)), self._y[rows].astype(np.intp)] -= 1.0
        return d1[:, 1:]

    def scan(self, params: Vector, direction: Vector) -> tuple[float, float, float]:
        """For the steps t_k = x'd_k, t_0 = 0, over the rows and the classes k other than the label: the largest
        sum_l p_l t_l - t_k, the least and the largest t_y - t_k; see inference/separation.py.
        """
        self._count_pass(0)
        return self._softmax.scan(self._by_class(params), self._by_class(direction), self._threads)

    def _leads(self, rows: NDArray[np.intp], x: Matrix, directions: Matrix) -> Iterator[Leads]:
        """The label's step less that of each other class; numbered by rows times classes."""
        count = max(1, _LEADS // (self._classes * directions.shape[1]))
        for first in range(0, len(rows), count):
            part = slice(first, first + count)
            others = self._rivals(rows[part], x[part])
            ids = (rows[part] * self._classes)[:, np.newaxis] + np.arange(self._classes)
            values, terms = self._compare(rows[part], x[part], directions)
            yield Leads(ids[others], values[others], terms[others])

    def _compare(self, rows: NDArray[np.intp], x: Matrix, directions: Matrix) -> tuple[Matrix, Matrix]:
        """By how much the label gets ahead of each class, and the sums of the absolute terms of that; both of shape
        (rows, classes, directions).
        """
        d = directions.reshape(self._classes - 1, self._columns, -1)
        labels = (np.arange(len(rows)), self._y[rows].astype(np.intp))
        steps, terms = (
            np.pad(np.stack([a @ part for part in b], axis=1), ((0, 0), (1, 0), (0, 0)))
            for a, b in ((x, d), (np.abs(x), np.abs(d)))
        )
        return steps[labels][:, np.newaxis] - steps, terms[labels][:, np.newaxis] + terms

    def _rivals(self, rows: NDArray[np.intp], x: Matrix) -> NDArray[np.bool_]:
        """The classes that each row's label is compared with: all the others. Of shape (rows, classes)."""
        others = np.ones((len(rows), self._classes), dtype=np.bool_)
        others[np.arange(len(rows)), self._y[rows].astype(np.intp)] = False
        return others

    def row_of(self, ids: NDArray[np.intp]) -> NDArray[np.intp]:
        """The rows that leads belong to."""
        return ids // self._classes

    def lead_vectors(self, ids: NDArray[np.intp]) -> tuple[Matrix, NDArray[np.bool_]]:
        """X in the place of the label's parameters and -x in that of the other class's."""
        rows, others = np.divmod(ids, self._classes)
        place, x = np.arange(len(ids)), self._some_rows(rows)
        vectors = np.zeros((len(ids), self._classes, self._columns))
        vectors[place, self._y[rows].astype(np.intp)] += x
        vectors[place, others] -= x
        return vectors[:, 1:].reshape(len(ids), self.size), np.zeros(len(ids), dtype=np.bool_)

    def total_lead(self) -> Vector:
        """The sum of these vectors for all rows and classes, each divided by max_j |x_j|."""
        total = np.zeros((self._classes, self._columns))
        for rows, x in self.blocks():
            shares = -self._rivals(rows, x).astype(np.float64)
            shares[np.arange(len(rows)), self._y[rows].astype(np.intp)] = -shares.sum(axis=1)
            total += (shares / np.abs(x).max(axis=1, initial=1e-300, keepdims=True)).T @ x
        return total[1:].ravel()

    def coordinates(self, params: Vector) -> ProductInformation:
        """The information as if all rows had the probabilities of one without covariates.

        Where there are no slopes yet, as at the start of a fit, it is exact but for the sampling of rows:
        (diag(p) - p p') x X'X (Kronecker's product), so that one matrix of the columns stands for all classes.
        """
        p = np.ones(self._classes)
        if self._columns > self._design.columns:
            eta = np.hstack([0.0, self._by_class(params)[:, 0]])
            p = np.exp(eta - eta.max())
        p /= p.sum()
        stride = self.stride if self.rows >= self.stride * _ROWS_PER_COLUMN * self._columns else 1
        gram = self._gram(stride)
        if not gram.kept.all():
            stride, gram = 1, self._gram(1)
        among = np.diag(p[1:]) - np.outer(p[1:], p[1:])
        return ProductInformation(Information(among), gram.times(stride))

    def _gram(self, stride: int) -> Information:
        """The information of a unit of curvature in every stride-th row."""
        self._whole.passes = self._whole.passes.plus(2, self.rows / stride / self._whole.rows)
        rows = self._rows if stride == 1 else self._rows.every(stride)
        zero = np.zeros(self._columns)
        hessian = rows.evaluate(zero, _core.Leaf("gaussian"), 2, self._threads, True)[2]
        assert hessian is not None
        return Information(hessian, most=self.rows)


def _products_without_leverage(
    part: SoftmaxObjective, params: Vector, root: Matrix, power: int, counted: bool
) -> Matrix:
    scores = part.scores_without_leverage(params, root, power, counted)
    return outer_products(scores, part.weights, part.size, counted)
