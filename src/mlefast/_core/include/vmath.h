/* SPDX-License-Identifier: BSD-3-Clause
 *
 * exp, log1p and the logistic function on vectors of doubles, free of branches.
 *
 * Accuracy (largest error seen against mpmath, tests/core/test_vmath.py): below 1.6 ULP wherever the result is a normal
 * number. Two terms (high + low) carry the digits that a single double would lose between the steps, so the only
 * roundings that count are the last ones. Polynomials are summed as two interleaved halves, which wait for each other
 * half as long as one after the other.
 */
#ifndef MLEFAST_VMATH_H
#define MLEFAST_VMATH_H

#include "simd.h"

typedef struct { vd high, low; } vd_pair;

/* 2^k for integers k in [-1022, 1023] given as doubles: 1.5 * 2^52 + 1023 puts k + 1023 in the low bits. */
INLINE vd vd_power_of_two(vd k) {
    return vi_as_double(vi_shift_to_exponent(vd_bits(vd_add(k, vd_set(0x1.8p52 + 1023.0)))));
}

/* (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2. */
INLINE vd vd_exp_rest(vd r) {
    vd w = vd_mul(r, r);
    vd even = vd_set(0x1.2891a8c1d838dp-22), odd = vd_set(0x1.af38d53857513p-26);
    even = vd_fma(even, w, vd_set(0x1.a019b8ef67c6cp-16)), odd = vd_fma(odd, w, vd_set(0x1.71de0d9c145d0p-19));
    even = vd_fma(even, w, vd_set(0x1.6c16c17893833p-10)), odd = vd_fma(odd, w, vd_set(0x1.a01a01a7c8d47p-13));
    even = vd_fma(even, w, vd_set(0x1.5555555553d4fp-5)), odd = vd_fma(odd, w, vd_set(0x1.11111111109adp-7));
    even = vd_fma(even, w, vd_set(0.5)), odd = vd_fma(odd, w, vd_set(0x1.5555555555556p-3));
    return vd_fma(odd, r, even);
}

/* exp(-a) for a >= 0 as high + low, relative error of the sum below 0.4 ULP. Subnormal results are rounded once
 * (low is then meaningless and negligible to all its users); NaN stays NaN.
 * Method: a = -(k ln 2 + r), |r| <= ln(2) / 2; exp(r) = 1 + r + r^2 Q(r), Q the near-minimax polynomial of degree 9
 * (relative error 0.06 ULP of the result); Cody and Waite's two-part ln 2. */
INLINE vd_pair vd_exp_minus(vd a) {
    const vd limit = vd_set(800.0); /* exp(-800) rounds to zero; the select keeps NaN */
    a = vd_select(vd_less(limit, a), limit, a);
    /* The sum with 1.5 * 2^52 rounds to an integer and leaves it in the low bits; 1023 + 512 makes of these the
     * exponent of 2^(k + 512), a normal number also where 2^k is none. */
    const vd magic = vd_set(0x1.8p52 + 1023.0 + 512.0), down = vd_set(0x1p-512);
    vd shifted = vd_fma(a, vd_set(-0x1.71547652b82fep+0), magic);
    vd k = vd_sub(shifted, magic), power = vi_as_double(vi_shift_to_exponent(vd_bits(shifted)));
    vd r = vd_sub(vd_mul(k, vd_set(-0x1.62e42feep-1)), a); /* exact */
    r = vd_fma(k, vd_set(-0x1.a39ef35793c76p-33), r);

    vd one = vd_set(1.0);
    vd rest = vd_fma(vd_mul(r, r), vd_exp_rest(r), r);
    vd high = vd_add(one, rest);
    vd low = vd_sub(rest, vd_sub(high, one));
    return (vd_pair){vd_mul(vd_mul(high, power), down), vd_mul(vd_mul(low, power), down)};
}

/* k of 2^k <= a < 2^(k + 1), for normal a > 0: the integer k + 1023 in the last places of 2^52. */
INLINE vd vd_exponent(vd a) {
    const vd base = vd_set(0x1p52);
    vd exponent = vi_as_double(vi_add(vi_shift_from_exponent(vd_bits(a)), vd_bits(base)));
    return vd_sub(exponent, vd_set(0x1p52 + 1023.0));
}

/* exp(x), error below 1.3 ULP; 0, subnormal, infinite or NaN beyond the normal numbers. The method is
 * that of vd_exp_minus; 2^k as a product of two powers, since neither 2^1024 nor 2^-1074 is a normal number. */
INLINE vd vd_exp(vd x) {
    const vd most = vd_set(720.0), least = vd_set(-760.0), magic = vd_set(0x1.8p52), one = vd_set(1.0);
    x = vd_select(vd_less(most, x), most, x);
    x = vd_select(vd_less(x, least), least, x);
    vd k = vd_sub(vd_fma(x, vd_set(0x1.71547652b82fep+0), magic), magic);
    vd r = vd_fma(k, vd_set(-0x1.a39ef35793c76p-33), vd_sub(x, vd_mul(k, vd_set(0x1.62e42feep-1))));
    vd rest = vd_fma(vd_mul(r, r), vd_exp_rest(r), r);
    vd half = vd_sub(vd_fma(k, vd_set(0.5), magic), magic);
    return vd_mul(vd_mul(vd_add(one, rest), vd_power_of_two(half)), vd_power_of_two(vd_sub(k, half)));
}

/* For t = exp(-a), a >= 0: high = 1 / (1 + t) = sigma(a) and low = t / (1 + t) = sigma(-a). */
INLINE vd_pair vd_sigmas(vd_pair t) {
    const vd one = vd_set(1.0);
    vd s = vd_add(one, t.high); /* 1 + t = s + s_low */
    vd s_low = vd_add(vd_sub(t.high, vd_sub(s, one)), t.low);
    vd inverse = vd_div(one, s);
    vd plus = vd_sub(inverse, vd_mul(vd_mul(inverse, inverse), s_low));
    vd minus = vd_mul(t.high, inverse); /* what it rounds is corrected */
    vd rest = vd_add(vd_residual(minus, s, t.high), vd_sub(t.low, vd_mul(minus, s_low)));
    return (vd_pair){plus, vd_fma(rest, inverse, minus)};
}

/* P(w) of degree 9 for w in [0, 1/9], with 2 atanh(z) = 2 z + z z^2 P(z^2). */
INLINE vd vd_atanh_rest(vd w) {
    vd v = vd_mul(w, w);
    vd even = vd_set(0x1.687a6e7c95176p-4), odd = vd_set(0x1.4b0a26c5f2aefp-3);
    even = vd_fma(even, v, vd_set(0x1.10ac75dc602b1p-3)), odd = vd_fma(odd, v, vd_set(0x1.eb905e8575054p-4));
    even = vd_fma(even, v, vd_set(0x1.745cf0b0e03bdp-3)), odd = vd_fma(odd, v, vd_set(0x1.3b18b294bebf9p-3));
    even = vd_fma(even, v, vd_set(0x1.24924923d44c6p-2)), odd = vd_fma(odd, v, vd_set(0x1.c71c727143318p-3));
    even = vd_fma(even, v, vd_set(0x1.5555555555555p-1)), odd = vd_fma(odd, v, vd_set(0x1.999999999a3ddp-2));
    return vd_fma(odd, w, even);
}

/* log(1 + t) for t in [0, 1]: 2 atanh(z) with z = t / (2 + t) <= 1/3. */
INLINE vd vd_log1p(vd_pair t) {
    const vd two = vd_set(2.0);
    vd d = vd_add(two, t.high); /* 2 + t = d + d_low */
    vd d_low = vd_add(vd_sub(t.high, vd_sub(d, two)), t.low);
    vd z = vd_div(t.high, d);
    /* 1 / d within 2 %, which is enough for a correction */
    vd z_low = vd_mul(vd_sub(t.low, vd_mul(z, d_low)), vd_fma(t.high, vd_set(-0.165), vd_set(0.498)));
    vd w = vd_mul(z, z);
    return vd_fma(two, z, vd_fma(vd_mul(z, w), vd_atanh_rest(w), vd_mul(two, z_low)));
}

/* log(1 + r) for r >= 0: 1 + r = 2^k (1 + t), error below 2 ULP. Up to r = 1 t is r itself, which keeps its digits. */
INLINE vd vd_log1p_any(vd r) {
    const vd one = vd_set(1.0), zero = vd_zero();
    vd total = vd_add(one, r), k = vd_exponent(total);
    vd t = vd_sub(vd_mul(total, vd_power_of_two(vd_sub(zero, k))), one); /* exact */
    t = vd_select(vd_equal(k, zero), r, t);
    return vd_fma(k, vd_set(0x1.62e42fefa39efp-1), vd_log1p((vd_pair){t, zero}));
}

#endif
