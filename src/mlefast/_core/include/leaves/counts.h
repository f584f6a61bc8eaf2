/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counts, log link: mu = exp(eta). Terms that do not depend on eta, such as log(y!), are added by the Python layer.
 */
#ifndef MLEFAST_LEAVES_COUNTS_H
#define MLEFAST_LEAVES_COUNTS_H

#include <math.h>

#include "../vmath.h"

/* Poisson. nll = mu - y eta, d1 = mu - y, d2 = mu. */
static void leaf_poisson(int64_t rows, const double *eta, const double *y, const double *shape, double *nll, double *d1,
                         double *d2) {
    (void)shape;
    const vd zero = vd_zero();
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd x = vd_load(eta + i), count = vd_load(y + i), mean = vd_exp(x);
        vd hits = vd_select(vd_equal(count, zero), zero, vd_mul(count, x)); /* 0 times -inf counts as 0 */
        vd_store(nll + i, vd_sub(mean, hits));
        vd_store(d1 + i, vd_sub(mean, count));
        vd_store(d2 + i, mean);
    }
}

/* Negative binomial with variance mu + alpha mu^2, alpha = shape[0]. nll = (y + 1/alpha) log(1 + alpha mu) - y eta (the
 * rest depends on y and alpha only), d1 = (mu - y) / (1 + alpha mu), d2 = mu (1 + alpha y) / (1 + alpha mu)^2. */
static void leaf_negative_binomial(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                                   double *d1, double *d2) {
    const double alpha = shape[0];
    for (int64_t i = 0; i < rows; ++i) {
        double am = alpha * exp(eta[i]), p = 1.0 / (1.0 + am), share = am < INFINITY ? am * p : 1.0;
        double log1p_am = am < INFINITY ? log1p(am) : eta[i] + log(alpha);
        nll[i] = (y[i] + 1.0 / alpha) * log1p_am - (y[i] > 0.0 ? y[i] * eta[i] : 0.0);
        d1[i] = share / alpha - y[i] * p;
        d2[i] = (1.0 / alpha + y[i]) * share * p;
    }
}

#endif
