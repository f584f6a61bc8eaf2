# SPDX-License-Identifier: BSD-3-Clause
"""What the leverages of rows do to their scores, where the likelihood of a row depends on several numbers.

These are the m numbers eta = Z b: the linear predictors of the classes, or a linear predictor and shape parameters. The
score of the row is Z'u with u the m derivatives of its NLL, and its curvature W is m x m. A Newton step from the
estimate without the row, by the identity of Woodbury, goes as if u were (1 - W Q)^-1 u, with Q = Z I^-1 Z': so W Q, a
matrix, is the leverage. As for a single predictor "HC3" takes that in the place of u, the one-step jackknife, and "HC2"
(1 - W Q)^-1/2 u (Mancl and DeRouen, Biometrics 57, 2001; Kauermann and Carroll, JASA 96, 2001, for groups of rows).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlefast.errors import OptionError

from .protocol import Matrix

Array = NDArray[np.float64]

LEAST_REST = 1e-8  # as in _core/include/leverage.h

FITTED_EXACTLY = (
    "HC2 and HC3 divide by 1 - leverage, and there is a row of leverage 1: it has a parameter of its own, so it is "
    "fitted exactly whatever its y. Use covariance='HC1', or leave out the row and the column that nobody else has."
)


def without_leverage(slopes: Matrix, curvatures: Array, projections: Array, power: int) -> Matrix:
    """(1 - W Q)^(-power / 2) u of rows; OptionError if a leverage is 1.

    Parameters
    ----------
    slopes : array of shape (n, m)
        u.
    curvatures : array of shape (n, m, m)
        W.
    projections : array of shape (n, m, p)
        Z A with A A' = I^-1, so that Q is their product with their transpose.
    power : {1, 2}
        1 for HC2, 2 for HC3.

    Returns
    -------
    array of shape (n, m)
        With Q = B B' and B'W B = V diag(h) V', f(W Q) u = u + W B V diag((f(h) - 1) / h) V'B'u for any function f.
    """
    values, vectors = np.linalg.eigh(projections @ projections.transpose(0, 2, 1))
    b = vectors * np.sqrt(np.maximum(values, 0.0))[:, np.newaxis]
    h, v = np.linalg.eigh(b.transpose(0, 2, 1) @ curvatures @ b)
    rest = 1.0 - h
    if not (rest > LEAST_REST).all():
        raise OptionError(FITTED_EXACTLY)
    gain = 1.0 / rest if power == 2 else 1.0 / (np.sqrt(rest) * (1.0 + np.sqrt(rest)))
    b = b @ v
    inner = gain[:, :, np.newaxis] * (b.transpose(0, 2, 1) @ slopes[:, :, np.newaxis])
    return np.asarray(slopes + (curvatures @ (b @ inner))[:, :, 0])
