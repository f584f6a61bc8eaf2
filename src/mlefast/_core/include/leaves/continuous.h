/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Real y. Scales that are profiled out, and terms that do not depend on eta, are the Python layer's.
 */
#ifndef MLEFAST_LEAVES_CONTINUOUS_H
#define MLEFAST_LEAVES_CONTINUOUS_H

#include <math.h>

#include "../vmath.h"

/* Gaussian with sigma = 1: nll = (y - eta)^2 / 2, d1 = eta - y, d2 = 1. */
static void leaf_gaussian(int64_t rows, const double *eta, const double *y, const double *shape, double *nll, double *d1,
                          double *d2) {
    (void)shape;
    const vd half = vd_set(0.5), one = vd_set(1.0);
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd residual = vd_sub(vd_load(eta + i), vd_load(y + i));
        vd_store(nll + i, vd_mul(vd_mul(half, residual), residual));
        vd_store(d1 + i, residual);
        vd_store(d2 + i, one);
    }
}

/* Asymmetric Laplace with b = 1, whose maximum is a regression of the quantile tau = shape[0] (1/2: Laplace):
 * nll = 2 (tau - [r < 0]) r with r = y - eta, so that tau = 1/2 gives |r|; d1 = -2 (tau - [r < 0]), 0 at r = 0; d2 is the
 * expected information, 4 tau (1 - tau). */
static void leaf_laplace(int64_t rows, const double *eta, const double *y, const double *shape, double *nll, double *d1,
                         double *d2) {
    const vd zero = vd_zero(), up = vd_set(2.0 * shape[0]), down = vd_set(2.0 * shape[0] - 2.0);
    const vd information = vd_set(4.0 * shape[0] * (1.0 - shape[0]));
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd r = vd_sub(vd_load(y + i), vd_load(eta + i));
        vd slope = vd_select(vd_less(r, zero), down, up);
        vd_store(nll + i, vd_mul(slope, r));
        vd_store(d1 + i, vd_select(vd_equal(r, zero), zero, vd_sub(zero, slope)));
        vd_store(d2 + i, information);
    }
}

/* Gamma, log link, with its shape 1: nll = y exp(-eta) + eta, d1 = 1 - y exp(-eta), d2 = y exp(-eta). */
static void leaf_gamma(int64_t rows, const double *eta, const double *y, const double *shape, double *nll, double *d1,
                       double *d2) {
    (void)shape;
    const vd zero = vd_zero(), one = vd_set(1.0);
    for (int64_t i = 0; i < rows; i += VD_LANES) {
        vd x = vd_load(eta + i), ratio = vd_mul(vd_load(y + i), vd_exp(vd_sub(zero, x)));
        vd_store(nll + i, vd_add(ratio, x));
        vd_store(d1 + i, vd_sub(one, ratio));
        vd_store(d2 + i, ratio);
    }
}

/* Student t with scale s = shape[0] and nu = shape[1] degrees of freedom: with z = (eta - y) / s and q = z^2 / nu,
 * nll = (nu + 1) / 2 log(1 + q) + log(s) (the rest depends on nu only), d1 = (nu + 1) z / (s nu (1 + q)),
 * d2 = (nu + 1) (1 - q) / (s^2 nu (1 + q)^2), negative in the tails. */
static void leaf_student_t(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                           double *d1, double *d2) {
    const double s = shape[0], nu = shape[1], log_s = log(s), factor = (nu + 1.0) / nu;
    for (int64_t i = 0; i < rows; ++i) {
        double z = (eta[i] - y[i]) / s, q = z * z / nu, inverse = 1.0 / (1.0 + q);
        nll[i] = 0.5 * (nu + 1.0) * log1p(q) + log_s;
        d1[i] = factor * z * inverse / s;
        d2[i] = factor * (1.0 - q) * inverse * inverse / (s * s);
    }
}

/* The derivatives as they stand: d1 in the place of y, d2 in that of eta, which is the offset when all parameters are 0.
 * So X'd1 and X' diag(d2) X of any weights come from the same pass. */
static void leaf_given(int64_t rows, const double *eta, const double *y, const double *shape, double *nll, double *d1,
                       double *d2) {
    (void)shape;
    for (int64_t i = 0; i < rows; ++i) nll[i] = 0.0, d1[i] = y[i], d2[i] = eta[i];
}

#endif
