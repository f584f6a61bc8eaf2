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
#include "leaves/shapes.h"

typedef void (*leaf_function)(int64_t rows, const double *eta, const double *y, const double *shape, double *nll,
                              double *d1, double *d2);

/* The third derivative where y does not change it, from what a leaf gives; only Jeffreys' prior needs it. */
typedef void (*third_function)(int64_t rows, const double *y, const double *d1, const double *d2, double *third);

/* Derivatives with respect to the likelihood's own parameters, see leaves/shapes.h. */
typedef void (*shape_function)(int64_t rows, const double *eta, const double *y, const double *shape, double *values,
                               int64_t stride);

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
    third_function third; /* NULL if there is none */
    int shapes;           /* parameters of its own that it has derivatives for */
    shape_function by_shape;
} LEAVES[] = {
    {"bernoulli_logit", leaf_bernoulli_logit, TWO_LABELS, 1.0, third_bernoulli_logit, 0, NULL},
    {"bernoulli_probit", leaf_bernoulli_probit, TWO_LABELS, INFINITY, NULL, 0, NULL},
    {"bernoulli_cloglog", leaf_bernoulli_cloglog, TWO_LABELS, INFINITY, NULL, 0, NULL},
    {"gaussian", leaf_gaussian, NO_BORDER, 0.0, NULL, 0, NULL},
    {"laplace", leaf_laplace, NO_BORDER, 0.0, NULL, 0, NULL},
    {"gamma_log", leaf_gamma, NO_BORDER, 0.0, NULL, 0, NULL},
    {"student_t", leaf_student_t, NO_BORDER, 0.0, NULL, 2, shape_student_t},
    {"poisson_log", leaf_poisson, ZERO_COUNT, 1.0, third_poisson, 0, NULL},
    {"negative_binomial_log", leaf_negative_binomial, ZERO_COUNT, 1.0, NULL, 1, shape_negative_binomial},
    {"given", leaf_given, NO_BORDER, 0.0, NULL, 0, NULL},
};
enum { LEAF_COUNT = sizeof LEAVES / sizeof LEAVES[0] };

/* The sign of the direction in which eta of a row can grow for ever without a loss: -1, 1, or 0 if there is none. */
INLINE double open_side(border kind, double y) {
    if (kind == NO_BORDER || (y != 0.0 && (kind == ZERO_COUNT || y != 1.0))) return 0.0;
    return y == 0.0 ? -1.0 : 1.0;
}

#endif
