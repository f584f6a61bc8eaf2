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
 *   d2 = sigma(eta) sigma(-eta).
 * Three short loops: in one long one the processor sees too few rows at a time to keep its pipelines filled. */
static void leaf_bernoulli(int rows, const double *eta, const double *y, double *nll, double *d1, double *d2) {
    enum { CHUNK = 64 };
    ALIGNED double high[CHUNK], low[CHUNK]; /* exp(-|eta|) in two terms */
    const vd zero = vd_zero(), one = vd_set(1.0);
    for (int begin = 0, count; begin < rows; begin += count) {
        count = rows - begin < CHUNK ? rows - begin : CHUNK;
        for (int i = 0; i < count; i += VD_LANES) {
            vd_pair t = vd_exp_minus(vd_abs(vd_load(eta + begin + i)));
            vd_store(high + i, t.high);
            vd_store(low + i, t.low);
        }
        for (int i = 0; i < count; i += VD_LANES) {
            vd label = vd_load(y + begin + i), other = vd_sub(one, label);
            vd_pair sigma = vd_sigmas((vd_pair){vd_load(high + i), vd_load(low + i)});
            vi positive = vd_less(zero, vd_load(eta + begin + i));
            vd mean = vd_select(positive, sigma.high, sigma.low), rest = vd_select(positive, sigma.low, sigma.high);
            vd_store(d1 + begin + i, vd_sub(vd_mul(other, mean), vd_mul(label, rest)));
            vd_store(d2 + begin + i, vd_mul(mean, rest));
        }
        for (int i = 0; i < count; i += VD_LANES) {
            vd x = vd_load(eta + begin + i), label = vd_load(y + begin + i);
            /* the share of the row's mass that the model leans against; times |x|, where 0 times inf counts as 0 */
            vd against = vd_select(vd_less(zero, x), vd_sub(one, label), label);
            vd lean = vd_select(vd_equal(against, zero), zero, vd_mul(against, vd_abs(x)));
            vd_store(nll + begin + i, vd_add(lean, vd_log1p((vd_pair){vd_load(high + i), vd_load(low + i)})));
        }
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
        vd_pair sigma = vd_sigmas(vd_exp_minus(vd_abs(towards)));
        vd kept = vd_select(vd_less(zero, towards), sigma.high, sigma.low); /* 1 - lambda */
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
