/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One leaf per likelihood: from eta and y of a tile of rows to the negative log-likelihood of each row and its
 * first and second derivative with respect to eta. A leaf knows nothing of X, weights, threads or sums.
 * `rows` is a multiple of VD_LANES; the arrays are of that length.
 */
#ifndef MLEFAST_LEAVES_H
#define MLEFAST_LEAVES_H

#include "vmath.h"

typedef void (*leaf_function)(int rows, const double *eta, const double *y, double *nll, double *d1, double *d2);

/* Bernoulli, logit link. nll = y softplus(-eta) + (1 - y) softplus(eta), all terms positive, so no digits are
 * lost however sure the model is; y may be a fraction.
 *   softplus(x) = max(x, 0) + log1p(exp(-|x|)),  d1 = (1 - y) sigma(eta) - y sigma(-eta),
 *   d2 = sigma(eta) sigma(-eta). */
static void leaf_bernoulli(int rows, const double *eta, const double *y, double *nll, double *d1, double *d2) {
    const vd zero = vd_zero(), one = vd_set(1.0);
    for (int i = 0; i < rows; i += VD_LANES) {
        vd x = vd_load(eta + i), label = vd_load(y + i), other = vd_sub(one, label);
        vd a = vd_abs(x);
        logistic_parts parts = vd_logistic(a);
        vi positive = vd_less(zero, x);
        /* the share of the row's mass that the model leans against; times a, where 0 times inf counts as 0 */
        vd against = vd_select(positive, other, label);
        vd lean = vd_select(vd_equal(against, zero), zero, vd_mul(against, a));
        vd mean = vd_select(positive, parts.sigma_plus, parts.sigma_minus);
        vd rest = vd_select(positive, parts.sigma_minus, parts.sigma_plus);
        vd_store(nll + i, vd_add(lean, parts.log1p_exp));
        vd_store(d1 + i, vd_sub(vd_mul(other, mean), vd_mul(label, rest)));
        vd_store(d2 + i, vd_mul(parts.sigma_plus, parts.sigma_minus));
    }
}

/* extremes[0] = max of (1 - lambda) s delta, extremes[1] = min of s delta, extremes[2] = max of s delta, with
 * s = 2 y - 1, lambda = |y - mean| and delta = x'd: the numbers that decide whether a maximum exists. */
typedef void (*direction_scan)(int rows, const double *eta, const double *y, const double *delta, double *extremes);

static void scan_bernoulli(int rows, const double *eta, const double *y, const double *delta, double *extremes) {
    const vd zero = vd_zero(), one = vd_set(1.0), two = vd_set(2.0);
    vd gain = vd_set(extremes[0]), least = vd_set(extremes[1]), most = vd_set(extremes[2]);
    for (int i = 0; i < rows; i += VD_LANES) {
        vd s = vd_sub(vd_mul(two, vd_load(y + i)), one);
        vd towards = vd_mul(s, vd_load(eta + i)), step = vd_mul(s, vd_load(delta + i));
        logistic_parts parts = vd_logistic(vd_abs(towards));
        vd kept = vd_select(vd_less(zero, towards), parts.sigma_plus, parts.sigma_minus); /* 1 - lambda */
        vd this_gain = vd_mul(kept, step);
        gain = vd_select(vd_less(gain, this_gain), this_gain, gain);
        least = vd_select(vd_less(step, least), step, least);
        most = vd_select(vd_less(most, step), step, most);
    }
    double lanes[VD_LANES];
    vd_store(lanes, gain);
    for (int k = 0; k < VD_LANES; ++k) if (lanes[k] > extremes[0]) extremes[0] = lanes[k];
    vd_store(lanes, least);
    for (int k = 0; k < VD_LANES; ++k) if (lanes[k] < extremes[1]) extremes[1] = lanes[k];
    vd_store(lanes, most);
    for (int k = 0; k < VD_LANES; ++k) if (lanes[k] > extremes[2]) extremes[2] = lanes[k];
}

/* The index of a leaf in this table is the number by which the Python layer names it. */
static const leaf_function LEAVES[] = {leaf_bernoulli};
static const direction_scan SCANS[] = {scan_bernoulli};
enum { LEAF_COUNT = sizeof LEAVES / sizeof LEAVES[0] };

#endif
