/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bernoulli: y in [0, 1] (labels are 0 and 1; a fraction is a share of each), with three links.
 */
#ifndef MLEFAST_LEAVES_BERNOULLI_H
#define MLEFAST_LEAVES_BERNOULLI_H

#include <math.h>

#include "../vmath.h"

/* Bernoulli, logit link. nll = y softplus(-eta) + (1 - y) softplus(eta), all terms positive, so no digits are
 * lost however sure the model is; y may be a fraction.
 *   softplus(x) = max(x, 0) + log1p(exp(-|x|)),  d1 = (1 - y) sigma(eta) - y sigma(-eta),
 *   d2 = sigma(eta) sigma(-eta).
 * Three short loops: in one long one the processor sees too few rows at a time to keep its pipelines filled. */
static void leaf_bernoulli_logit(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                                 double *d1, double *d2) {
    (void)shape;
    enum { CHUNK = 64 };
    ALIGNED double high[CHUNK], low[CHUNK]; /* exp(-|eta|) in two terms */
    const vd zero = vd_zero(), one = vd_set(1.0);
    for (int64_t begin = 0, count; begin < rows; begin += count) {
        count = rows - begin < CHUNK ? rows - begin : CHUNK;
        for (int64_t i = 0; i < count; i += VD_LANES) {
            vd_pair t = vd_exp_minus(vd_abs(vd_load(eta + begin + i)));
            vd_store(high + i, t.high);
            vd_store(low + i, t.low);
        }
        for (int64_t i = 0; i < count; i += VD_LANES) {
            vd label = vd_load(y + begin + i), other = vd_sub(one, label);
            vd_pair sigma = vd_sigmas((vd_pair){vd_load(high + i), vd_load(low + i)});
            vi positive = vd_less(zero, vd_load(eta + begin + i));
            vd mean = vd_select(positive, sigma.high, sigma.low), rest = vd_select(positive, sigma.low, sigma.high);
            vd_store(d1 + begin + i, vd_sub(vd_mul(other, mean), vd_mul(label, rest)));
            vd_store(d2 + begin + i, vd_mul(mean, rest));
        }
        for (int64_t i = 0; i < count; i += VD_LANES) {
            vd x = vd_load(eta + begin + i), label = vd_load(y + begin + i);
            /* the share of the row's mass that the model leans against; times |x|, where 0 times inf counts as 0 */
            vd against = vd_select(vd_less(zero, x), vd_sub(one, label), label);
            vd lean = vd_select(vd_equal(against, zero), zero, vd_mul(against, vd_abs(x)));
            vd_store(nll + begin + i, vd_add(lean, vd_log1p((vd_pair){vd_load(high + i), vd_load(low + i)})));
        }
    }
}

/* d3 = mu (1 - mu) (1 - 2 mu), as mu = d1 + y. */
static void third_bernoulli_logit(int64_t rows, const double *y, const double *d1, const double *d2, double *third) {
    for (int64_t i = 0; i < rows; ++i) third[i] = d2[i] * (1.0 - 2.0 * (d1[i] + y[i]));
}

/* What a row with one label gives; a fraction y takes y of a one and 1 - y of a zero. */
typedef struct { double nll, d1, d2; } label_terms;

INLINE void mix_labels(double y, label_terms zero, label_terms one, double *nll, double *d1, double *d2) {
    /* the label that has no share may have an infinite term */
    *nll = (y < 1.0 ? (1.0 - y) * zero.nll : 0.0) + (y > 0.0 ? y * one.nll : 0.0);
    *d1 = (y < 1.0 ? (1.0 - y) * zero.d1 : 0.0) + (y > 0.0 ? y * one.d1 : 0.0);
    *d2 = (y < 1.0 ? (1.0 - y) * zero.d2 : 0.0) + (y > 0.0 ? y * one.d2 : 0.0);
}

/* -log Phi(x) and its derivatives -m and m (x + m), with m = phi(x) / Phi(x) the inverse Mills ratio. Below -5 from the
 * continued fraction Phi(-z) = phi(z) / (z + 1 / (z + 2 / (z + ...))), as phi and Phi both underflow there; then
 * x + m = f = 1 / (z + 2 / (z + ...)) has no cancellation. */
INLINE label_terms probit_terms(double x) {
    const double root_half = 0.70710678118654752440, half_log_two_pi = 0.91893853320467274178;
    if (x > -5.0) {
        double below = 0.5 * erfc(-x * root_half), m = exp(-0.5 * x * x - half_log_two_pi) / below;
        double nll = x > 0.0 ? -log1p(-0.5 * erfc(x * root_half)) : -log(below);
        return (label_terms){nll, -m, m * (x + m)};
    }
    double z = -x, f = 0.0;
    for (int k = 60; k >= 1; --k) f = k / (z + f);
    double m = z + f;
    return (label_terms){0.5 * z * z + half_log_two_pi + log(m), -m, m * f};
}

/* Probit link: mu = Phi(eta). */
static void leaf_bernoulli_probit(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                                  double *d1, double *d2) {
    (void)shape;
    for (int64_t i = 0; i < rows; ++i) {
        label_terms one = probit_terms(eta[i]), zero = probit_terms(-eta[i]);
        zero.d1 = -zero.d1;
        mix_labels(y[i], zero, one, nll + i, d1 + i, d2 + i);
    }
}

/* Complementary log-log link: mu = 1 - exp(-exp(eta)). With u = exp(eta), y = 0 gives nll = u; y = 1 gives
 * nll = -log(1 - exp(-u)), d1 = -r, d2 = r (r + u - 1) with r = u / (exp(u) - 1). */
static void leaf_bernoulli_cloglog(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                                   double *d1, double *d2) {
    (void)shape;
    for (int64_t i = 0; i < rows; ++i) {
        double u = exp(eta[i]), rest = expm1(u), r = u < 1e-290 ? 1.0 : rest < INFINITY ? u / rest : 0.0;
        /* r + u - 1 cancels for small u, where it is u / 2 + u^2 / 12 + O(u^4) */
        double slope = u < 1e-3 ? u / 2.0 + u * u / 12.0 : r + u - 1.0;
        label_terms zero = {u, u, u}, one = {u < 1e-290 ? -eta[i] : -log(-expm1(-u)), -r, r > 0.0 ? r * slope : 0.0};
        mix_labels(y[i], zero, one, nll + i, d1 + i, d2 + i);
    }
}

#endif
