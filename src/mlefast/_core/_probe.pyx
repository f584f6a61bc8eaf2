# SPDX-License-Identifier: BSD-3-Clause
"""What the processor and the OpenMP runtime can do; compiled without instruction-set flags."""
from .openmp cimport openmp_max_threads, openmp_version

cdef extern from "cpu.h":
    int cpu_level() noexcept nogil


def level():
    """The x86-64 level of this machine: 4, 3, 1, or 0 on another architecture."""
    return cpu_level()


def openmp():
    """(version of the OpenMP specification as a date, or 0 without it; threads it would start now)."""
    return openmp_version(), openmp_max_threads()
