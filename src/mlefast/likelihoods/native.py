# SPDX-License-Identifier: BSD-3-Clause
"""The address of a compiled function with the arguments of a leaf: a numba cfunc or a scipy.LowLevelCallable."""

from __future__ import annotations

import ctypes
import re
from typing import Any

from mlefast.errors import OptionError

LEAF = (
    "void (int64_t rows, double *eta, double *y, double *parameters, double *nll, double *d1, double *d2), such as "
    "numba.cfunc('void(int64, CPointer(double), ... six of them)')"
)
_WHOLE = r"(int64_t|int64|long long|longlong|long|ssize_t|Py_ssize_t|c_long|c_longlong)"
_SIGNATURE = re.compile(rf"void\({_WHOLE}" + r",double\*" * 6 + r"\)")
_NUMBA = re.compile(r"\(int64" + r", float64\*" * 6 + r"\) -> none")


def address_of(function: Any) -> int | None:
    """Where the function starts; None for a function of Python. OptionError if it has other arguments than a leaf."""
    if hasattr(function, "address") and hasattr(function, "_sig"):
        _require_match(_NUMBA, str(function._sig))
        return int(function.address)
    if isinstance(function, tuple) and hasattr(function, "signature"):
        # qualifiers and names of types do not matter for the call
        signature = re.sub(r"\bconst\b|\s", "", re.sub(r"\blong long\b", "int64_t", function.signature))
        _require_match(_SIGNATURE, signature)
        return _capsule_pointer(tuple.__getitem__(function, 0))
    return None


def _require_match(pattern: re.Pattern[str], signature: str) -> None:
    if not pattern.fullmatch(signature):
        raise OptionError(f"the compiled function has the signature {signature!r}; it must be {LEAF}.")


def _capsule_pointer(capsule: Any) -> int:
    """The pointer that a capsule of Python's C interface holds."""
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))
