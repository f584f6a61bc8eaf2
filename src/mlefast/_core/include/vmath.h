/* SPDX-License-Identifier: BSD-3-Clause
 *
 * exp, log1p, the logistic function and softplus on vectors of doubles, free of branches.
 *
 * Accuracy (largest error seen against mpmath, tests/core/test_vmath.py): below 1 ULP wherever the result is a
 * normal number. Two terms (high + low) carry the digits that a single double would lose between the steps,
 * so the only roundings that count are the last ones.
 */
#ifndef MLEFAST_VMATH_H
#define MLEFAST_VMATH_H

#include "simd.h"

typedef struct { vd high, low; } vd_pair;

/* 2^k for integers k in [-1022, 1023] given as doubles: 1.5 * 2^52 + 1023 puts k + 1023 in the low bits. */
INLINE vd vd_power_of_two(vd k) {
    vd shifted = vd_add(k, vd_set(0x1.8p52 + 1023.0));
    return vi_as_double(vi_shift_to_exponent(vd_bits(shifted)));
}

/* exp(-a) for a >= 0 as high + low, relative error of the sum below 0.2 ULP. Subnormal results are rounded
 * once (low is then meaningless and negligible to all its users); NaN stays NaN.
 * Method: a = -(k ln 2 + r), |r| <= ln(2) / 2; exp(r) = 1 + r + r^2 Q(r), Q the near-minimax polynomial of
 * degree 9 (relative error 0.06 ULP of the result); Cody and Waite's two-part ln 2. */
INLINE vd_pair vd_exp_minus(vd a) {
    const vd limit = vd_set(800.0); /* exp(-800) rounds to zero; the select keeps NaN */
    a = vd_select(vd_less(limit, a), limit, a);
    const vd shift = vd_set(0x1.8p52);
    vd k = vd_sub(vd_fma(a, vd_set(-0x1.71547652b82fep+0), shift), shift);
    vd r0 = vd_sub(vd_sub(vd_zero(), a), vd_mul(k, vd_set(0x1.62e42feep-1))); /* exact */
    vd r1 = vd_mul(k, vd_set(0x1.a39ef35793c76p-33));
    vd r = vd_sub(r0, r1);
    vd r_low = vd_sub(vd_sub(r0, r), r1);

    vd q = vd_set(0x1.af38d53857513p-26);
    q = vd_fma(q, r, vd_set(0x1.2891a8c1d838dp-22));
    q = vd_fma(q, r, vd_set(0x1.71de0d9c145d0p-19));
    q = vd_fma(q, r, vd_set(0x1.a019b8ef67c6cp-16));
    q = vd_fma(q, r, vd_set(0x1.a01a01a7c8d47p-13));
    q = vd_fma(q, r, vd_set(0x1.6c16c17893833p-10));
    q = vd_fma(q, r, vd_set(0x1.11111111109adp-7));
    q = vd_fma(q, r, vd_set(0x1.5555555553d4fp-5));
    q = vd_fma(q, r, vd_set(0x1.5555555555556p-3));
    q = vd_fma(q, r, vd_set(0.5));

    vd one = vd_set(1.0);
    vd first = vd_add(one, r);
    vd rest = vd_sub(r, vd_sub(first, one));
    rest = vd_add(rest, vd_fma(vd_mul(r, r), q, r_low));
    vd high = vd_add(first, rest);
    vd low = vd_sub(rest, vd_sub(high, first));

    /* two factors, each a normal power of two, so that a subnormal result is rounded only once */
    const vd floor = vd_set(-1000.0);
    vd k1 = vd_select(vd_less(k, floor), floor, k);
    vd scale1 = vd_power_of_two(k1), scale2 = vd_power_of_two(vd_sub(k, k1));
    vd_pair result = {vd_mul(vd_mul(high, scale1), scale2), vd_mul(vd_mul(low, scale1), scale2)};
    return result;
}

/* What a Bernoulli row needs of a = |eta|, each to within 1 ULP. */
typedef struct {
    vd log1p_exp;  /* log(1 + exp(-a)) = softplus(-a) */
    vd sigma_plus; /* 1 / (1 + exp(-a)) = sigma(a) */
    vd sigma_minus; /* exp(-a) / (1 + exp(-a)) = sigma(-a) */
} logistic_parts;

INLINE logistic_parts vd_logistic(vd a) {
    logistic_parts parts;
    vd_pair t = vd_exp_minus(a);
    vd one = vd_set(1.0), two = vd_set(2.0);
    /* 1 + exp(-a) = s + s_low and 2 + exp(-a) = d + d_low */
    vd s = vd_add(one, t.high), d = vd_add(two, t.high);
    vd s_low = vd_add(vd_sub(t.high, vd_sub(s, one)), t.low);
    vd d_low = vd_add(vd_sub(t.high, vd_sub(d, two)), t.low);
    vd inverse = vd_div(one, vd_mul(s, d)); /* the only division; what it rounds is corrected below */
    vd inverse_s = vd_mul(inverse, d), inverse_d = vd_mul(inverse, s);

    vd rest = vd_sub(vd_residual(inverse_s, s, one), vd_mul(inverse_s, s_low));
    parts.sigma_plus = vd_fma(rest, inverse_s, inverse_s);

    vd q = vd_mul(t.high, inverse_s);
    rest = vd_add(vd_residual(q, s, t.high), vd_sub(t.low, vd_mul(q, s_low)));
    parts.sigma_minus = vd_fma(rest, inverse_s, q);

    /* log(1 + t) = 2 atanh(z), z = t / (2 + t) <= 1/3; 2 atanh(z) = 2 z + z z^2 P(z^2), P of degree 9 */
    vd z = vd_mul(t.high, inverse_d);
    rest = vd_add(vd_residual(z, d, t.high), vd_sub(t.low, vd_mul(z, d_low)));
    vd z_low = vd_mul(rest, inverse_d);
    vd w = vd_mul(z, z);
    vd p = vd_set(0x1.4b0a26c5f2aefp-3);
    p = vd_fma(p, w, vd_set(0x1.687a6e7c95176p-4));
    p = vd_fma(p, w, vd_set(0x1.eb905e8575054p-4));
    p = vd_fma(p, w, vd_set(0x1.10ac75dc602b1p-3));
    p = vd_fma(p, w, vd_set(0x1.3b18b294bebf9p-3));
    p = vd_fma(p, w, vd_set(0x1.745cf0b0e03bdp-3));
    p = vd_fma(p, w, vd_set(0x1.c71c727143318p-3));
    p = vd_fma(p, w, vd_set(0x1.24924923d44c6p-2));
    p = vd_fma(p, w, vd_set(0x1.999999999a3ddp-2));
    p = vd_fma(p, w, vd_set(0x1.5555555555555p-1));
    parts.log1p_exp = vd_fma(two, z, vd_fma(vd_mul(z, w), p, vd_mul(two, z_low)));
    return parts;
}

#endif
