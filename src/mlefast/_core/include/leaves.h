/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One leaf per likelihood: from eta and y of a tile of rows to the negative log-likelihood of each row and its
 * first and second derivative with respect to eta. A leaf knows nothing of X, weights, threads or sums.
 * `rows` is a multiple of VD_LANES; the arrays are of that length; `shape` holds the likelihood's own parameters.
 */
#ifndef MLEFAST_LEAVES_H
#define MLEFAST_LEAVES_H

#include "leaves/bernoulli.h"
#include "leaves/continuous.h"
#include "leaves/counts.h"

typedef void (*leaf_function)(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                              double *d1, double *d2);

/* Where a likelihood can run off to infinity, which decides whether a maximum exists: nowhere; for y = 0 as eta falls
 * and for y = 1 as it rises; for y = 0 as eta falls. */
typedef enum { NO_BORDER, TWO_LABELS, ZERO_COUNT } border;

/* The names by which the Python layer finds them; `tail` is what d2 / |d1| tends to on an open side, for rows where
 * both have underflown. */
static const struct {
    const char *name;
    leaf_function function;
    border border;
    double tail;
} LEAVES[] = {
    {"bernoulli_logit", leaf_bernoulli_logit, TWO_LABELS, 1.0},
    {"bernoulli_probit", leaf_bernoulli_probit, TWO_LABELS, INFINITY},
    {"bernoulli_cloglog", leaf_bernoulli_cloglog, TWO_LABELS, INFINITY},
    {"gaussian", leaf_gaussian, NO_BORDER, 0.0},
    {"laplace", leaf_laplace, NO_BORDER, 0.0},
    {"gamma_log", leaf_gamma, NO_BORDER, 0.0},
    {"student_t", leaf_student_t, NO_BORDER, 0.0},
    {"poisson_log", leaf_poisson, ZERO_COUNT, 1.0},
    {"negative_binomial_log", leaf_negative_binomial, ZERO_COUNT, 1.0},
    {"given", leaf_given, NO_BORDER, 0.0},
};
enum { LEAF_COUNT = sizeof LEAVES / sizeof LEAVES[0] };

/* The sign of the direction in which eta of a row can grow for ever without a loss: -1, 1, or 0 if there is none. */
INLINE double open_side(border kind, double y) {
    if (kind == NO_BORDER || (y != 0.0 && (kind == ZERO_COUNT || y != 1.0))) return 0.0;
    return y == 0.0 ? -1.0 : 1.0;
}

#endif
