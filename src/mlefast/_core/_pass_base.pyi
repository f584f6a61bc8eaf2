# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES: int
BLOCK: int
REPLICATES: int

class Leaf:
    def __init__(self, source: str | int, shape: Sequence[float] = (), by_shape: bool = False) -> None: ...
    @property
    def key(self) -> tuple[float, ...]: ...

class Sums: ...

class Rows:
    def __init__(
        self,
        groups: Sequence[NDArray[Any]],
        y: NDArray[Any],
        weights: NDArray[Any] | None,
        offset: NDArray[Any] | None,
        intercept: bool,
        first: int = 0,
        whole: int | None = None,
    ) -> None: ...
    def standardise(self, centre: NDArray[np.float64], scale: NDArray[np.float64]) -> None: ...
    def evaluate(
        self,
        params: NDArray[np.float64],
        leaf: Leaf,
        order: int,
        threads: int,
        single: bool = False,
        before: Any = None,
    ) -> tuple[float, NDArray[np.float64] | None, NDArray[np.float64] | None, bool, float]: ...
    def scores(
        self,
        params: NDArray[np.float64],
        leaf: Leaf,
        threads: int,
        inverse: NDArray[np.float64] | None = None,
        power: int = 0,
        counted: bool = True,
        before: Any = None,
    ) -> tuple[NDArray[np.float64], bool]: ...
    def leverages(
        self, params: NDArray[np.float64], leaf: Leaf, threads: int, inverse: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...
    def prior_slopes(
        self, params: NDArray[np.float64], leaf: Leaf, threads: int, inverse: NDArray[np.float64], before: Any = None
    ) -> NDArray[np.float64]: ...
    def scan(
        self, params: NDArray[np.float64], direction: NDArray[np.float64], leaf: Leaf, threads: int
    ) -> tuple[float, float, float]: ...
    def linear_predictor(self, params: NDArray[np.float64], threads: int) -> NDArray[np.float64]: ...
    def every(self, step: int) -> Rows: ...

class Softmax:
    def __init__(self, rows: Rows, classes: int) -> None: ...
    def evaluate(
        self, params: NDArray[np.float64], order: int, threads: int, single: bool = False, before: Any = None
    ) -> tuple[float, NDArray[np.float64] | None, NDArray[np.float64] | None, bool]: ...
    def scores(
        self, params: NDArray[np.float64], threads: int, counted: bool = True, before: Any = None
    ) -> tuple[NDArray[np.float64], bool]: ...
    def times(
        self, params: NDArray[np.float64], direction: NDArray[np.float64], threads: int
    ) -> tuple[NDArray[np.float64], bool]: ...
    def scan(
        self, params: NDArray[np.float64], direction: NDArray[np.float64], threads: int
    ) -> tuple[float, float, float]: ...
    def probabilities(self, params: NDArray[np.float64], threads: int) -> NDArray[np.float64]: ...

def terms(
    eta: NDArray[np.float64], y: NDArray[np.float64], leaf: Leaf
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
def shape_terms(eta: NDArray[np.float64], y: NDArray[np.float64], leaf: Leaf) -> NDArray[np.float64]: ...
def describe(vector: NDArray[Any]) -> tuple[float, float, float, int, int, int]: ...
def softmax_terms(
    eta: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
def draw(keys: NDArray[np.int64], seed: int, chunks: int) -> NDArray[np.int16]: ...
def resample(
    scores: NDArray[np.float64],
    keys: NDArray[np.int64],
    seed: int,
    sums: NDArray[np.float64],
    threads: int,
) -> None: ...
