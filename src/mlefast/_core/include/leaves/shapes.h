/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Derivatives with respect to the logarithms t_j of a likelihood's own parameters, written so that no digits cancel but
 * those of eta. What depends on y and the parameters only is left to the Python layer (likelihoods/factorials.py): for
 * the rest is at its extreme, where it and its slope vanish, at mu = y or z^2 = 1.
 *
 * For m parameters `values` has m (2 + m) rows of `stride` doubles: for each j those of dl/dt_j, d2l/dt_j deta and
 * d2l/dt_j dt_k for each k.
 */
#ifndef MLEFAST_LEAVES_SHAPES_H
#define MLEFAST_LEAVES_SHAPES_H

#include <math.h>

#include "../vmath.h"

enum { MOST_SHAPES = 2, SHAPE_VALUES = MOST_SHAPES * (2 + MOST_SHAPES) };

/* What both likelihoods are made of, for a, b >= 0: with 1 + u = (1 + a) / (1 + b) */
typedef struct {
    vd rest;  /* p = 1 / (1 + a) */
    vd ratio; /* v = u / (1 + u) = (a - b) p */
    vd gap;   /* g(u) = log(1 + u) - u / (1 + u) >= 0 */
    vd bend;  /* g(u) - v^2 / (1 + b), from which the second derivative with respect to t follows */
} gap_terms;

/* With s = u / (2 + u) is g = s^2 (2 / (1 + s) + s P(s^2)), see vd_atanh_rest, and this has no cancellation. Far from
 * u = 0 neither have log(1 + u) - v and log(1 + u) - v (q + a p), where q = 1 / (1 + b) and the logarithm is
 * log(1 + |a - b| / (1 + min(a, b))) or minus it. */
INLINE gap_terms gap_of(vd a, vd b) {
    const vd zero = vd_zero(), one = vd_set(1.0);
    vd p = vd_div(one, vd_add(one, a)), q = vd_div(one, vd_add(one, b)), d = vd_sub(a, b), v = vd_mul(d, p);
    vi below = vd_less(d, zero);
    vd m = vd_mul(vd_abs(d), vd_select(below, p, q)), length = vd_log1p_any(m);
    vd signed_length = vd_select(below, vd_sub(zero, length), length);
    vd sum = vd_add(vd_add(one, a), vd_add(one, b)), s = vd_div(d, sum), w = vd_mul(s, s);
    vd near = vd_mul(w, vd_fma(s, vd_atanh_rest(w), vd_mul(sum, p)));
    vi is_near = vd_less(m, one);
    vd gap = vd_select(is_near, near, vd_sub(signed_length, v));
    vd bend = vd_select(is_near, vd_sub(near, vd_mul(vd_mul(v, v), q)),
                        vd_sub(signed_length, vd_mul(v, vd_fma(a, p, q))));
    return (gap_terms){p, v, gap, bend};
}

/* Negative binomial, t = log(alpha), with a = alpha mu, b = alpha y and v = alpha d1:
 * l_t = -g / alpha, l_t_eta = -v a p / alpha, l_tt = (g - v^2 / (1 + b)) / alpha. */
static void shape_negative_binomial(int64_t rows, const double *eta, const double *y, const double *shape,
                                    double *values, int64_t stride) {
    const vd alpha = vd_set(shape[0]), r = vd_set(1.0 / shape[0]), minus = vd_set(-1.0 / shape[0]);
    const vd shift = vd_set(log(shape[0])), most = vd_set(700.0); /* exp of it is no infinity */
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd x = vd_add(vd_load(eta + i), shift), top = vd_select(vd_less(most, x), most, x), a = vd_exp(top);
        gap_terms t = gap_of(a, vd_mul(alpha, vd_load(y + i)));
        vd beyond = vd_sub(x, top); /* what log(1 + a) has of it */
        vd_store(values + i, vd_mul(minus, vd_add(t.gap, beyond)));
        vd_store(values + stride + i, vd_mul(minus, vd_mul(t.ratio, vd_mul(a, t.rest))));
        vd_store(values + 2 * stride + i, vd_mul(r, vd_add(t.bend, beyond)));
    }
}

/* Student t, t_0 = log(s) and t_1 = log(nu), with a = z^2 / nu and b = 1 / nu:
 * l_0 = -nu v, l_0_eta = -2 (1 + b) z p^2 / s, l_00 = 2 (1 + b) z^2 p^2, l_01 = -z^2 p v,
 * l_1 = nu g / 2, l_1_eta = z p v / s, l_11 = nu (g - v^2 / (1 + b)) / 2. */
static void shape_student_t(int64_t rows, const double *eta, const double *y, const double *shape, double *values,
                            int64_t stride) {
    const vd s = vd_set(shape[0]), nu = vd_set(shape[1]), half = vd_set(0.5 * shape[1]);
    const vd b = vd_set(1.0 / shape[1]), factor = vd_set(2.0 + 2.0 / shape[1]), zero = vd_zero();
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd z = vd_div(vd_sub(vd_load(eta + i), vd_load(y + i)), s);
        gap_terms t = gap_of(vd_div(vd_mul(z, z), nu), b);
        vd zp = vd_mul(z, t.rest), bent = vd_mul(factor, vd_mul(zp, t.rest)), moved = vd_mul(zp, t.ratio);
        vd mixed = vd_sub(zero, vd_mul(z, moved));
        vd_store(values + i, vd_sub(zero, vd_mul(nu, t.ratio)));
        vd_store(values + stride + i, vd_div(vd_sub(zero, bent), s));
        vd_store(values + 2 * stride + i, vd_mul(bent, z));
        vd_store(values + 3 * stride + i, mixed);
        vd_store(values + 4 * stride + i, vd_mul(half, t.gap));
        vd_store(values + 5 * stride + i, vd_div(moved, s));
        vd_store(values + 6 * stride + i, mixed);
        vd_store(values + 7 * stride + i, vd_mul(half, t.bend));
    }
}

#endif
