# SPDX-License-Identifier: BSD-3-Clause
# OpenMP's calls, with stand-ins for compilers that lack it: everything then runs on one thread.
cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    static int openmp_version(void) { return _OPENMP; }
    static int openmp_max_threads(void) { return omp_get_max_threads(); }
    #else
    static int openmp_version(void) { return 0; }
    static int openmp_max_threads(void) { return 1; }
    #endif
    """
    int openmp_version() noexcept nogil
    int openmp_max_threads() noexcept nogil
