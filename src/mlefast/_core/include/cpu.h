/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which x86-64 level (psABI) the processor and the operating system both support: 1, 3 or 4; 0 elsewhere.
 * All features of a level are asked for, and by XGETBV whether the system saves the wide registers.
 */
#ifndef MLEFAST_CPU_H
#define MLEFAST_CPU_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64)

#if defined(_MSC_VER)
#include <intrin.h>
static void cpu_query(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) { __cpuidex((int *)r, (int)leaf, (int)subleaf); }
static uint64_t cpu_saved_state(void) { return _xgetbv(0); }
#else
#include <cpuid.h>
static void cpu_query(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
}
static uint64_t cpu_saved_state(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}
#endif

static int has_bits(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

static int cpu_level(void) {
    enum { EAX, EBX, ECX, EDX };
    uint32_t highest[4], one[4], seven[4], extended[4];
    cpu_query(0, 0, highest);
    if (highest[EAX] < 7) return 1;
    cpu_query(1, 0, one);
    cpu_query(7, 0, seven);
    cpu_query(0x80000001u, 0, extended);
    /* SSE3, SSSE3, FMA, CX16, SSE4.1, SSE4.2, MOVBE, POPCNT, XSAVE, OSXSAVE, AVX, F16C */
    uint32_t ecx1 = 1u << 0 | 1u << 9 | 1u << 12 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 22 | 1u << 23 | 1u << 26
        | 1u << 27 | 1u << 28 | 1u << 29;
    if (!has_bits(one[ECX], ecx1)) return 1;
    uint64_t state = cpu_saved_state();
    if ((state & 0x6) != 0x6) return 1; /* XMM and YMM */
    /* BMI1, AVX2, BMI2; LAHF, LZCNT */
    if (!has_bits(seven[EBX], 1u << 3 | 1u << 5 | 1u << 8) || !has_bits(extended[ECX], 1u << 0 | 1u << 5)) return 1;
    if ((state & 0xe6) != 0xe6) return 3; /* opmask and ZMM */
    /* AVX-512 F, DQ, CD, BW, VL */
    return has_bits(seven[EBX], 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31) ? 4 : 3;
}

#else
static int cpu_level(void) { return 0; }
#endif

#endif
