# SPDX-License-Identifier: BSD-3-Clause
"""How many threads a pass may use, and why."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

from . import _probe

_CGROUP_FILES = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    # GNU's OpenMP runtime hangs when a forked child starts a team and its parent had one before.
    os.register_at_fork(after_in_child=_after_fork)


def parse_quota(text: str, period: str | None = None) -> int | None:
    """CPUs that a cgroup allows, rounded up; None for no limit. `text` is cpu.max or, with `period`, the quota."""
    quota, period = text.split() if period is None else (text.strip(), period.strip())
    if quota in ("max", "-1"):
        return None
    return max(1, math.ceil(int(quota) / int(period)))


def _cgroup_cpus() -> int | None:
    unified, quota = (Path(name) for name in _CGROUP_FILES)
    try:
        if unified.exists():
            return parse_quota(unified.read_text())
        return parse_quota(quota.read_text(), quota.with_name("cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None


# Asked once, but not at import: it hardly changes under a running process, as OpenMP's own runtime supposes too, and to
# ask takes longer than a small evaluation.
@cache
def _allowed() -> tuple[int, str]:
    """How many CPUs this process may use, and what says so."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cpus()
    if quota is not None and quota < cpus:
        return quota, "the CPU quota of the container"
    return cpus, "the processors this process may use"


_asked_for = bool(os.environ.get("OMP_NUM_THREADS"))  # as OpenMP's runtime does, when it is loaded


def resolve_threads(threads: int | None) -> tuple[int, str]:
    """The number of threads for an argument (None: choose), and the reason in words."""
    version, limit = _probe.openmp()
    if not version:
        return 1, "this build has no OpenMP"
    if _forked:
        return 1, "a forked child runs on one thread, since OpenMP does not survive a fork (use spawn or forkserver)"
    if threads is not None:
        return threads, "the argument `threads`"
    count = max(1, limit)
    if _asked_for:
        return count, "OMP_NUM_THREADS"
    allowed = _allowed()
    return allowed if allowed[0] < count else (count, "the OpenMP runtime's limit")
