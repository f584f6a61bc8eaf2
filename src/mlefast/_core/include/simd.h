/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Vectors of doubles (vd) and floats (vf), as wide as the instruction set this file is compiled for.
 *
 * GCC and Clang: the vector extension, so one source serves SSE2, AVX2, AVX-512 and NEON. Other compilers
 * (MSVC), or MLEFAST_PLAIN_LOOPS: a struct of lanes and plain loops, same results up to contraction.
 */
#ifndef MLEFAST_SIMD_H
#define MLEFAST_SIMD_H

#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VD_LANES 8
#elif defined(__AVX2__)
#define VD_LANES 4
#else
#define VD_LANES 2
#endif
#define VF_LANES (2 * VD_LANES)
#define VECTOR_BYTES (8 * VD_LANES)

#if defined(_MSC_VER)
#define INLINE static __forceinline
#define RESTRICT __restrict
#define ALIGNED __declspec(align(64))
#define PREFETCH(p) ((void)(p))
#define UNROLL
#else
#define INLINE static inline __attribute__((always_inline))
#define RESTRICT restrict
#define PREFETCH(p) __builtin_prefetch(p, 0, 2) /* never faults, whatever p is */
#define ALIGNED __attribute__((aligned(64)))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif
#endif

#if defined(__GNUC__) && !defined(MLEFAST_PLAIN_LOOPS)

typedef double vd __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t vi __attribute__((vector_size(VECTOR_BYTES)));
typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef float vf_half __attribute__((vector_size(VECTOR_BYTES / 2)));

INLINE vd vd_load(const double *p) { vd v; memcpy(&v, p, sizeof v); return v; }
INLINE void vd_store(double *p, vd v) { memcpy(p, &v, sizeof v); }
INLINE vd vd_set(double x) { return x - (vd){0}; }
INLINE vd vd_zero(void) { return (vd){0}; }
INLINE vd vd_add(vd a, vd b) { return a + b; }
INLINE vd vd_sub(vd a, vd b) { return a - b; }
INLINE vd vd_mul(vd a, vd b) { return a * b; }
INLINE vd vd_div(vd a, vd b) { return a / b; }
INLINE vd vd_fma(vd a, vd b, vd c) { return a * b + c; }
INLINE vi vd_bits(vd a) { vi v; memcpy(&v, &a, sizeof v); return v; }
INLINE vd vi_as_double(vi a) { vd v; memcpy(&v, &a, sizeof v); return v; }
INLINE vi vd_less(vd a, vd b) { return (vi)(a < b); }
INLINE vi vd_equal(vd a, vd b) { return (vi)(a == b); }
INLINE vd vd_mask(vi mask, vd a) { return vi_as_double(mask & vd_bits(a)); }
#if defined(__AVX512F__)
INLINE vd vd_select(vi mask, vd a, vd b) {
    return (vd)_mm512_mask_blend_pd(_mm512_movepi64_mask((__m512i)mask), (__m512d)b, (__m512d)a);
}
#elif defined(__AVX2__)
INLINE vd vd_select(vi mask, vd a, vd b) { return (vd)_mm256_blendv_pd((__m256d)b, (__m256d)a, (__m256d)mask); }
#else
INLINE vd vd_select(vi mask, vd a, vd b) { return vi_as_double((mask & vd_bits(a)) | (~mask & vd_bits(b))); }
#endif
INLINE vd vd_abs(vd a) { return vi_as_double(vd_bits(a) & INT64_MAX); }
INLINE vi vi_shift_to_exponent(vi a) { return a << 52; }
INLINE vi vi_shift_from_exponent(vi a) { return a >> 52; }
INLINE vi vi_add(vi a, vi b) { return a + b; }

INLINE vd vd_from_floats(const float *p) {
    vf_half v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vd);
}
INLINE void vd_to_floats(float *p, vd a) {
    vf_half v = __builtin_convertvector(a, vf_half);
    memcpy(p, &v, sizeof v);
}

INLINE vf vf_load(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
INLINE vf vf_set(float x) { return x - (vf){0}; }
INLINE vf vf_zero(void) { return (vf){0}; }
INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }

/* Interleave blocks of 1, 2 or 4 lanes: low takes the even blocks of a and b, high the odd ones. */
#if VD_LANES == 8
#define VD_ZIP(a, b, low, high, block)                                                                        \
    do {                                                                                                      \
        if ((block) == 1) {                                                                                   \
            low = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);                                   \
            high = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);                                  \
        } else if ((block) == 2) {                                                                            \
            low = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);                                    \
            high = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);                                 \
        } else {                                                                                              \
            low = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);                                    \
            high = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);                                 \
        }                                                                                                     \
    } while (0)
#elif VD_LANES == 4
#define VD_ZIP(a, b, low, high, block)                                                                        \
    do {                                                                                                      \
        if ((block) == 1) {                                                                                   \
            low = __builtin_shufflevector(a, b, 0, 4, 2, 6);                                                  \
            high = __builtin_shufflevector(a, b, 1, 5, 3, 7);                                                 \
        } else {                                                                                              \
            low = __builtin_shufflevector(a, b, 0, 1, 4, 5);                                                  \
            high = __builtin_shufflevector(a, b, 2, 3, 6, 7);                                                 \
        }                                                                                                     \
    } while (0)
#else
#define VD_ZIP(a, b, low, high, block)                                                                        \
    do {                                                                                                      \
        low = __builtin_shufflevector(a, b, 0, 2);                                                            \
        high = __builtin_shufflevector(a, b, 1, 3);                                                           \
    } while (0)
#endif

#else /* plain loops */

typedef struct { double lane[VD_LANES]; } vd;
typedef struct { int64_t lane[VD_LANES]; } vi;
typedef struct { float lane[VF_LANES]; } vf;

#define EACH_LANE(count, statement) for (int k = 0; k < (count); ++k) { statement; }

INLINE vd vd_load(const double *p) { vd v; memcpy(&v, p, sizeof v); return v; }
INLINE void vd_store(double *p, vd v) { memcpy(p, &v, sizeof v); }
INLINE vd vd_set(double x) { vd v; EACH_LANE(VD_LANES, v.lane[k] = x) return v; }
INLINE vd vd_zero(void) { return vd_set(0.0); }
INLINE vd vd_add(vd a, vd b) { EACH_LANE(VD_LANES, a.lane[k] += b.lane[k]) return a; }
INLINE vd vd_sub(vd a, vd b) { EACH_LANE(VD_LANES, a.lane[k] -= b.lane[k]) return a; }
INLINE vd vd_mul(vd a, vd b) { EACH_LANE(VD_LANES, a.lane[k] *= b.lane[k]) return a; }
INLINE vd vd_div(vd a, vd b) { EACH_LANE(VD_LANES, a.lane[k] /= b.lane[k]) return a; }
INLINE vd vd_fma(vd a, vd b, vd c) { EACH_LANE(VD_LANES, c.lane[k] += a.lane[k] * b.lane[k]) return c; }
INLINE vi vd_bits(vd a) { vi v; memcpy(&v, &a, sizeof v); return v; }
INLINE vd vi_as_double(vi a) { vd v; memcpy(&v, &a, sizeof v); return v; }
INLINE vi vd_less(vd a, vd b) { vi v; EACH_LANE(VD_LANES, v.lane[k] = -(int64_t)(a.lane[k] < b.lane[k])) return v; }
INLINE vi vd_equal(vd a, vd b) { vi v; EACH_LANE(VD_LANES, v.lane[k] = -(int64_t)(a.lane[k] == b.lane[k])) return v; }
INLINE vd vd_select(vi m, vd a, vd b) { EACH_LANE(VD_LANES, a.lane[k] = m.lane[k] ? a.lane[k] : b.lane[k]) return a; }
INLINE vd vd_abs(vd a) { vi v = vd_bits(a); EACH_LANE(VD_LANES, v.lane[k] &= INT64_MAX) return vi_as_double(v); }
INLINE vd vd_mask(vi m, vd a) { EACH_LANE(VD_LANES, a.lane[k] = m.lane[k] ? a.lane[k] : 0.0) return a; }
INLINE vi vi_shift_to_exponent(vi a) { EACH_LANE(VD_LANES, a.lane[k] = (int64_t)((uint64_t)a.lane[k] << 52)) return a; }
INLINE vi vi_shift_from_exponent(vi a) { EACH_LANE(VD_LANES, a.lane[k] >>= 52) return a; }
INLINE vi vi_add(vi a, vi b) { EACH_LANE(VD_LANES, a.lane[k] += b.lane[k]) return a; }
INLINE vd vd_from_floats(const float *p) { vd v; EACH_LANE(VD_LANES, v.lane[k] = p[k]) return v; }
INLINE void vd_to_floats(float *p, vd a) { EACH_LANE(VD_LANES, p[k] = (float)a.lane[k]) }
INLINE vf vf_load(const float *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
INLINE vf vf_set(float x) { vf v; EACH_LANE(VF_LANES, v.lane[k] = x) return v; }
INLINE vf vf_zero(void) { return vf_set(0.0f); }
INLINE vf vf_fma(vf a, vf b, vf c) { EACH_LANE(VF_LANES, c.lane[k] += a.lane[k] * b.lane[k]) return c; }

INLINE void vd_zip(vd a, vd b, vd *low, vd *high, int block) {
    for (int k = 0; k < VD_LANES; ++k) {
        int source = k & ~(2 * block - 1), within = k & (block - 1), second = (k & block) != 0;
        low->lane[k] = second ? b.lane[source + within] : a.lane[source + within];
        high->lane[k] = second ? b.lane[source + block + within] : a.lane[source + block + within];
    }
}
#define VD_ZIP(a, b, low, high, block)                                                                        \
    do {                                                                                                      \
        vd zip_a = a, zip_b = b;                                                                              \
        vd_zip(zip_a, zip_b, &low, &high, block);                                                             \
    } while (0)

#endif

/* c - a b without rounding the product, which the correction of a quotient needs: by an explicit fused instruction,
 * since whether the compiler fuses an expression depends on its options. */
#if defined(__AVX512F__)
INLINE vd vd_residual(vd a, vd b, vd c) {
    __m512d p, q, r;
    memcpy(&p, &a, sizeof p), memcpy(&q, &b, sizeof q), memcpy(&r, &c, sizeof r);
    r = _mm512_fnmadd_pd(p, q, r);
    memcpy(&c, &r, sizeof c);
    return c;
}
#elif defined(__AVX2__)
INLINE vd vd_residual(vd a, vd b, vd c) {
    __m256d p, q, r;
    memcpy(&p, &a, sizeof p), memcpy(&q, &b, sizeof q), memcpy(&r, &c, sizeof r);
    r = _mm256_fnmadd_pd(p, q, r);
    memcpy(&c, &r, sizeof c);
    return c;
}
#elif defined(__aarch64__)
INLINE vd vd_residual(vd a, vd b, vd c) {
    float64x2_t p, q, r;
    memcpy(&p, &a, sizeof p), memcpy(&q, &b, sizeof q), memcpy(&r, &c, sizeof r);
    r = vfmsq_f64(r, p, q);
    memcpy(&c, &r, sizeof c);
    return c;
}
#else
/* Dekker (1971): split each factor in two halves of 26 bits, whose products are exact. */
INLINE vd vd_high_half(vd a) {
    vi bits = vd_bits(a);
    vi mask = vd_bits(vd_zero());
    for (int k = 0; k < VD_LANES; ++k) ((int64_t *)&mask)[k] = ~(((int64_t)1 << 27) - 1);
    for (int k = 0; k < VD_LANES; ++k) ((int64_t *)&bits)[k] &= ((int64_t *)&mask)[k];
    return vi_as_double(bits);
}
INLINE vd vd_residual(vd a, vd b, vd c) {
    vd a1 = vd_high_half(a), b1 = vd_high_half(b);
    vd a2 = vd_sub(a, a1), b2 = vd_sub(b, b1);
    vd rest = vd_sub(c, vd_mul(a1, b1));
    rest = vd_sub(rest, vd_mul(a1, b2));
    rest = vd_sub(rest, vd_mul(a2, b1));
    return vd_sub(rest, vd_mul(a2, b2));
}
#endif

/* The sum over the lanes, in the order of a binary tree. */
INLINE double vd_sum(vd a) {
    double lane[VD_LANES];
    vd_store(lane, a);
    for (int width = VD_LANES / 2; width > 0; width /= 2)
        for (int k = 0; k < width; ++k) lane[k] += lane[k + width];
    return lane[0];
}

/* Lane k of the answer is the sum over the lanes of rows[k]. */
INLINE vd vd_sum_each(vd rows[VD_LANES]) {
    vd low, high;
    int count = VD_LANES;
    UNROLL
    for (int block = 1; block < VD_LANES; block *= 2, count /= 2)
        UNROLL
        for (int k = 0; k < count / 2; ++k) {
            VD_ZIP(rows[2 * k], rows[2 * k + 1], low, high, block);
            rows[k] = vd_add(low, high);
        }
    return rows[0];
}

/* Transpose the square of VD_LANES x VD_LANES in place. */
INLINE void vd_transpose(vd square[VD_LANES]) {
    UNROLL
    for (int block = 1; block < VD_LANES; block *= 2)
        UNROLL
        for (int base = 0; base < VD_LANES; base += 2 * block)
            UNROLL
            for (int k = base; k < base + block; ++k) {
                vd low, high;
                VD_ZIP(square[k], square[k + block], low, high, block);
                square[k] = low;
                square[k + block] = high;
            }
}

#endif
