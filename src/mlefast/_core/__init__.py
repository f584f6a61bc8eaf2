# SPDX-License-Identifier: BSD-3-Clause
"""The compiled core: buffers in, numbers out.

The pass exists once per instruction set. The best one that the processor and the operating system support is
chosen here, at import; `MLEFAST_ISA=base|v3|v4` overrides the choice.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import _probe
from .threads import resolve_threads

_LEVELS = {"base": 0, "v3": 3, "v4": 4}
_MEANING = {
    "base": "the baseline of the architecture",
    "v3": "x86-64-v3 (AVX2, FMA)",
    "v4": "x86-64-v4 (AVX-512)",
}


def available_isas() -> tuple[str, ...]:
    """Instruction sets that are built and that this machine can run, the best first."""
    level = _probe.level()
    return tuple(
        isa
        for isa, needed in sorted(_LEVELS.items(), key=lambda item: -item[1])
        if needed <= level and importlib.util.find_spec(f"{__name__}._pass_{isa}") is not None
    )


def _refuse(message: str) -> NoReturn:
    """ImportError; where the command line starts, its one line, since nothing of its own runs before this import."""
    program = Path(sys.argv[0]).stem if getattr(sys, "argv", None) else ""
    if program == "mlefast" or (program == "-m" and any(word.endswith("mlefast") for word in sys.orig_argv)):
        print(f"mlefast: error: {message}", file=sys.stderr)
        raise SystemExit(2)
    raise ImportError(message)


def _choose() -> tuple[str, str]:
    available = available_isas()
    wanted = os.environ.get("MLEFAST_ISA", "")
    if not wanted:
        return available[0], f"the best of {', '.join(available)} on this machine"
    if wanted not in _LEVELS:
        known = ", ".join(_LEVELS)
        _refuse(f"MLEFAST_ISA={wanted!r} is not an instruction set of mlefast; use one of {known} or unset it.")
    if wanted not in available:
        _refuse(
            f"MLEFAST_ISA={wanted!r} asks for {_MEANING[wanted]}, which this processor, system or build lacks; "
            f"available here: {', '.join(available)}. Unset MLEFAST_ISA to get the best one."
        )
    return wanted, "MLEFAST_ISA asks for it"


ISA, ISA_REASON = _choose()
ISA_MEANING = _MEANING[ISA]
openmp = _probe.openmp
if TYPE_CHECKING:
    from ._pass_base import (
        BLOCK,
        REPLICATES,
        Leaf,
        Rows,
        Softmax,
        describe,
        draw,
        resample,
        shape_terms,
        softmax_terms,
        terms,
    )
else:
    _pass = importlib.import_module(f"{__name__}._pass_{ISA}")
    BLOCK, Leaf, Rows, Softmax = _pass.BLOCK, _pass.Leaf, _pass.Rows, _pass.Softmax
    describe, shape_terms, softmax_terms, terms = _pass.describe, _pass.shape_terms, _pass.softmax_terms, _pass.terms
    REPLICATES, draw, resample = _pass.REPLICATES, _pass.draw, _pass.resample

__all__ = [
    "BLOCK",
    "ISA",
    "ISA_MEANING",
    "ISA_REASON",
    "REPLICATES",
    "Leaf",
    "Rows",
    "Softmax",
    "available_isas",
    "describe",
    "draw",
    "openmp",
    "resample",
    "resolve_threads",
    "shape_terms",
    "softmax_terms",
    "terms",
]
