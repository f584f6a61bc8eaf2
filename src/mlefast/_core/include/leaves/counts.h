/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counts, log link: mu = exp(eta). Terms that do not depend on eta, such as log(y!), are added by the Python layer.
 */
#ifndef MLEFAST_LEAVES_COUNTS_H
#define MLEFAST_LEAVES_COUNTS_H

#include <math.h>

#include "../vmath.h"

/* Above it mu - y eta would lose the digits that count to cancellation, so nll is measured from its least value there. */
#define LARGE_COUNT 1024.0

/* mu - y - y (eta - log y) = y (exp(delta) - 1 - delta) with delta = eta - log y. */
static double poisson_excess(double eta, double y) {
    double delta = eta - log(y);
    return delta < 700.0 ? y * (expm1(delta) - delta) : INFINITY;
}

/* Poisson. d1 = mu - y, d2 = mu; nll = mu - y eta, less its least value y - y log(y) where y > LARGE_COUNT. */
static void leaf_poisson(int64_t rows, const double *eta, const double *y, const double *shape, double *nll, double *d1,
                         double *d2) {
    (void)shape;
    const vd zero = vd_zero();
    ALIGNED double most[VD_LANES];
    vd greatest = zero;
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd x = vd_load(eta + i), count = vd_load(y + i), mean = vd_exp(x);
        vd hits = vd_select(vd_equal(count, zero), zero, vd_mul(count, x)); /* 0 times -inf counts as 0 */
        vd_store(nll + i, vd_sub(mean, hits));
        vd_store(d1 + i, vd_sub(mean, count));
        vd_store(d2 + i, mean);
        greatest = vd_select(vd_less(greatest, count), count, greatest);
    }
    vd_store(most, greatest);
    int large = 0;
    for (int i = 0; i < VD_LANES; ++i) large |= most[i] > LARGE_COUNT;
    if (!large) return;
    for (int64_t i = 0; i < rows; ++i)
        if (y[i] > LARGE_COUNT && eta[i] == eta[i]) nll[i] = poisson_excess(eta[i], y[i]);
}

/* d3 = mu, like all the later ones. */
static void third_poisson(int64_t rows, const double *y, const double *d1, const double *d2, double *third) {
    (void)y;
    (void)d1;
    for (int64_t i = 0; i < rows; ++i) third[i] = d2[i];
}

/* Negative binomial with variance mu + alpha mu^2, alpha = shape[0]. With a = alpha mu: d1 = (mu - y) / (1 + a),
 * d2 = mu (1 + alpha y) / (1 + a)^2, nll = (y + 1/alpha) log(1 + a) - y log(a), where log(1 + a) - log(a) is
 * log(1 + 1/a) without cancellation; the rest depends on y and alpha only. */
static void leaf_negative_binomial(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                                   double *d1, double *d2) {
    const double alpha = shape[0], log_alpha = log(alpha);
    for (int64_t i = 0; i < rows; ++i) {
        double log_a = eta[i] + log_alpha, a = exp(log_a), p = 1.0 / (1.0 + a), share = a < INFINITY ? a * p : 1.0;
        double log1p_a = a < INFINITY ? log1p(a) : log_a;
        double miss = a > 1.0 ? log1p(exp(-log_a)) : log1p_a - log_a;
        nll[i] = log1p_a / alpha + (y[i] > 0.0 ? y[i] * miss : 0.0);
        d1[i] = share / alpha - y[i] * p;
        d2[i] = (1.0 / alpha + y[i]) * share * p;
    }
}

#endif
