# SPDX-License-Identifier: BSD-3-Clause
"""What this installation runs on: instruction set, OpenMP, threads, versions."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass

import numpy
import scipy

from mlefast import _core

__version__ = "0.1.0"


@dataclass(frozen=True)
class Config:
    """The facts that `show_config` reports; `str()` gives lines, `as_dict()` a dictionary."""

    mlefast: str
    instruction_set: str
    instruction_set_reason: str
    available_instruction_sets: tuple[str, ...]
    openmp: str
    threads: int
    threads_reason: str
    python: str
    numpy: str
    scipy: str
    platform: str

    def as_dict(self) -> dict[str, object]:
        """The facts as a dictionary of plain values."""
        return asdict(self)

    def __str__(self) -> str:
        """One line per fact."""
        lines = [
            f"mlefast          {self.mlefast}",
            f"instruction set  {self.instruction_set} ({self.instruction_set_reason})",
            f"OpenMP           {self.openmp}",
            f"threads          {self.threads} ({self.threads_reason})",
            f"Python           {self.python}",
            f"NumPy            {self.numpy}",
            f"SciPy            {self.scipy}",
            f"platform         {self.platform}",
        ]
        return "\n".join(lines)

    __repr__ = __str__


def show_config() -> Config:
    """Report the instruction set in use and why, the OpenMP runtime, the threads and why, and versions.

    Returns
    -------
    Config
        Its `str()` is meant for people, `as_dict()` for programs.

    Examples
    --------
    >>> import mlefast
    >>> mlefast.show_config().threads >= 1
    True
    """
    version, _ = _core.openmp()
    threads, reason = _core.resolve_threads(None)
    return Config(
        mlefast=__version__,
        instruction_set=f"{_core.ISA}, {_core.ISA_MEANING}",
        instruction_set_reason=_core.ISA_REASON,
        available_instruction_sets=_core.available_isas(),
        openmp=f"specification of {version // 100}-{version % 100:02d}" if version else "not built in",
        threads=threads,
        threads_reason=reason,
        python=platform.python_version(),
        numpy=numpy.__version__,
        scipy=scipy.__version__,
        platform=platform.platform(),
    )
