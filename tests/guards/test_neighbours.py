# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn, glum and numba in the same process, each with threads of its own, before and after mlefast.

What went wrong elsewhere: two OpenMP runtimes in one process (GNU's of one wheel, LLVM's or Intel's of another) abort,
unless KMP_DUPLICATE_LIB_OK hides it, or hang; a library that calls omp_set_num_threads sets the number for all that
share the runtime; one that is linked with -ffast-math turns subnormal numbers off for all.
"""

from __future__ import annotations

import os
import subprocess
import sys

NEIGHBOURS = """
import sys
import numpy as np

rng = np.random.default_rng(0)
X, y = rng.standard_normal((50_000, 8)), rng.random(50_000) < 0.3

def scikit_learn():
    from sklearn.ensemble import HistGradientBoostingClassifier
    return HistGradientBoostingClassifier(max_iter=5, early_stopping=False).fit(X, y).predict_proba(X[:10]).tobytes()

def glum():
    from glum import GeneralizedLinearRegressor
    return GeneralizedLinearRegressor(family="binomial", alpha=0).fit(X, y).coef_.round(6).tobytes()

def numba():
    import numba
    @numba.njit(parallel=True)
    def squares(x):
        out = np.empty(x.size)
        for i in numba.prange(x.size):
            out[i] = x.flat[i] ** 2
        return out
    return squares(X).tobytes()

def mlefast():
    global package
    import mlefast as package
    result = package.fit(X, y, threads=2)
    return result.params.tobytes() + result.covariance.tobytes()

def limits():
    from threadpoolctl import threadpool_info
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}

USERS = {"scikit-learn": scikit_learn, "glum": glum, "numba": numba, "mlefast": mlefast}
first = {name: USERS[name]() for name in sys.argv[1:]}
before = limits()
package.fit(X, y, threads=1)
assert limits() == before
assert float(np.float64(5e-324) * 1.0) > 0.0
assert {name: USERS[name]() for name in reversed(sys.argv[1:])} == first
print(first["mlefast"].hex())
"""


def bits(*order: str, **environment: str) -> str:
    """Those of a fit, after everyone in this order has been imported and has computed, and then again."""
    done = subprocess.run(
        [sys.executable, "-c", NEIGHBOURS, *order],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


OTHERS = ("scikit-learn", "glum", *(["numba"] if sys.version_info < (3, 14) else []))


def test_everyone_keeps_numbers_and_limits_whoever_comes_first() -> None:
    alone = bits("mlefast")
    assert bits("mlefast", *OTHERS, NUMBA_THREADING_LAYER="omp") == alone
    assert bits(*OTHERS, "mlefast", NUMBA_THREADING_LAYER="workqueue") == alone
