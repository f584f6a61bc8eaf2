/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the machine can do at most: reads from memory, and multiplications with addition in registers. limits.py
 * compiles this when the benchmarks run, loads it and looks at the clock.
 */
#include <stdint.h>
#include <string.h>

/* So that no compiler leaves out what nobody would look at, or what it could know before. */
static volatile double sink, factor = 0.5, term = 1.0;

/* Read `bytes` (a multiple of 1,024 for each thread) once; every thread a part of its own, in order, asked for
 * `ahead` bytes before its use. */
void read_memory(const char *memory, int64_t bytes, int64_t ahead, int threads) {
    typedef int64_t vector __attribute__((vector_size(16)));
    int64_t total = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : total) schedule(static)
    for (int part = 0; part < threads; ++part) {
        const char *from = memory + bytes / threads * part, *end = from + bytes / threads;
        vector sum[4] = {{0}};
        for (; from + 64 <= end; from += 64) {
            __builtin_prefetch(from + ahead, 0, 2); /* never faults */
            for (int k = 0; k < 4; ++k) {
                vector x;
                memcpy(&x, from + 16 * k, sizeof x);
                sum[k] += x;
            }
        }
        for (int k = 0; k < 4; ++k) total += sum[k][0] + sum[k][1];
    }
    sink = (double)total;
}

/* Start and end a team that has nothing to do. */
void start_threads(int threads) {
    int64_t count = 0;
#pragma omp parallel num_threads(threads) reduction(+ : count)
    count += 1;
    sink = (double)count;
}

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* s = s * a + b for SUMS vectors s, which do not wait for each other: more of them than the processor has in flight, no
 * more than it has registers (unrolled, since what is indexed lies in memory). Returns the operations done. */
#define PEAK(NAME, TARGET, REAL, BYTES, SUMS)                                                                 \
    TARGET static double NAME##_by_one(int64_t rounds) {                                                      \
        typedef REAL vector __attribute__((vector_size(BYTES)));                                              \
        vector s[SUMS], a = (REAL)factor - (vector){0}, b = (REAL)term - (vector){0};                         \
        UNROLL for (int k = 0; k < SUMS; ++k) s[k] = a * (REAL)k;                                             \
        for (int64_t i = 0; i < rounds; ++i) {                                                                \
            UNROLL for (int k = 0; k < SUMS; ++k) s[k] = s[k] * a + b;                                        \
        }                                                                                                     \
        UNROLL for (int k = 1; k < SUMS; ++k) s[0] += s[k];                                                   \
        return (double)s[0][0];                                                                               \
    }                                                                                                         \
    double NAME(int64_t rounds, int threads) {                                                                \
        double total = 0.0;                                                                                   \
        _Pragma("omp parallel num_threads(threads) reduction(+ : total)")                                     \
        total += NAME##_by_one(rounds);                                                                       \
        sink = total;                                                                                         \
        return 2.0 * SUMS * (BYTES / sizeof(REAL)) * (double)rounds * threads;                                \
    }

#if defined(__x86_64__)
PEAK(peak_base_float64, , double, 16, 14)
PEAK(peak_base_float32, , float, 16, 14)
PEAK(peak_v3_float64, __attribute__((target("avx2,fma"))), double, 32, 12)
PEAK(peak_v3_float32, __attribute__((target("avx2,fma"))), float, 32, 12)
PEAK(peak_v4_float64, __attribute__((target("avx512f"))), double, 64, 24)
PEAK(peak_v4_float32, __attribute__((target("avx512f"))), float, 64, 24)
#else
PEAK(peak_base_float64, , double, 16, 24)
PEAK(peak_base_float32, , float, 16, 24)
#endif
