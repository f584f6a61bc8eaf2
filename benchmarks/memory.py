# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of a fit above its data, and the cost of the import, each in processes of their own (Linux)."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def _status(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise KeyError(field)


def peak_of_fit(rows: int, columns: int, dtype: str) -> float:
    """Megabytes that a fit takes at most, above what the process held before it."""
    import mlefast
    from cases import make

    x, y = make(500, 3, dtype)
    mlefast.fit(x, y, solver="lbfgs")  # import what a fit imports
    x, y = make(rows, columns, dtype)
    return peak_above(lambda: mlefast.fit(x, y))


def peak_above(call: Callable[[], object]) -> float:
    """Megabytes that a call takes at most, above what the process held before it."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = _status("VmRSS:")
    call()
    return (_status("VmHWM:") - before) / 1e6


def import_time() -> float:
    """Milliseconds that `import mlefast` takes once numpy and scipy.linalg are there."""
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401

    began = time.perf_counter()
    import mlefast  # noqa: F401

    return 1e3 * (time.perf_counter() - began)


def in_child(*arguments: object) -> float:
    """Run one of the measurements in a fresh process."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def median_import_time(runs: int = 11) -> float:
    """The median of fresh processes."""
    return statistics.median(in_child() for _ in range(runs))


if __name__ == "__main__":
    print(peak_of_fit(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]) if sys.argv[1:] else import_time())
