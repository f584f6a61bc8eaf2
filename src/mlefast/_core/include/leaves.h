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

/* Where a likelihood can run off to infinity, which decides whether a maximum exists: nowhere; for y = 0 as eta falls and
 * for y = 1 as it rises; for y = 0 as eta falls. */
typedef enum { NO_BORDER, TWO_LABELS, ZERO_COUNT } border;

/* The names by which the Python layer finds them. */
static const struct {
    const char *name;
    leaf_function function;
    border border;
} LEAVES[] = {
    {"bernoulli_logit", leaf_bernoulli_logit, TWO_LABELS},
    {"bernoulli_probit", leaf_bernoulli_probit, TWO_LABELS},
    {"bernoulli_cloglog", leaf_bernoulli_cloglog, TWO_LABELS},
    {"gaussian", leaf_gaussian, NO_BORDER},
    {"laplace", leaf_laplace, NO_BORDER},
    {"gamma_log", leaf_gamma, NO_BORDER},
    {"student_t", leaf_student_t, NO_BORDER},
    {"poisson_log", leaf_poisson, ZERO_COUNT},
    {"negative_binomial_log", leaf_negative_binomial, ZERO_COUNT},
    {"given", leaf_given, NO_BORDER},
};
enum { LEAF_COUNT = sizeof LEAVES / sizeof LEAVES[0] };

/* The sign of the direction in which eta of a row can grow for ever without a loss: -1, 1, or 0 if there is none. */
INLINE double open_side(border kind, double y) {
    if (kind == NO_BORDER || (y != 0.0 && (kind == ZERO_COUNT || y != 1.0))) return 0.0;
    return y == 0.0 ? -1.0 : 1.0;
}

#endif
