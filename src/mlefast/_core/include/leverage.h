/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The leverage of rows, d2 |A'x|^2 with A A' the inverse of the information, and what is summed with it.
 * A is cut into strips of as many of its columns as a register tile is wide, strip[row of A][column], row 0 being that
 * of the intercept. A register tile is one strip by a group of rows of X: the products live in registers only.
 */
#ifndef MLEFAST_LEVERAGE_H
#define MLEFAST_LEVERAGE_H

#include "tile.h"

enum { WHITENING_WIDTH = STRIP_VECTORS * VD_LANES };
/* 1 - leverage below which a row counts as fitted exactly whatever its y is: rounding, about the root of DBL_EPSILON. */
#define LEAST_REST 1e-8

/* What takes the place of the derivatives. */
typedef enum {
    DERIVATIVES,
    SCORES, /* d2 becomes d1^2 / (1 - leverage)^power: the sum of the scores' outer products */
    PRIOR,  /* d1 becomes d3 |A'x|^2: minus twice the gradient of Jeffreys' prior */
} summand;

/* A, and for each strip how many rows of X's columns it has until all others are zero. */
typedef struct {
    const double *strips;
    const int64_t *used;
    int64_t count, stride; /* strips, and doubles in one */
} whitening;

/* lengths[r] += the squares of one strip of A'x, for each row r of a group. */
INLINE void add_strip_squares(const double *RESTRICT strip, int64_t used, const double *RESTRICT tile,
                              int64_t panel_stride, double *lengths) {
    vd z[STRIP_VECTORS][GROUP];
    for (int v = 0; v < STRIP_VECTORS; ++v)
        for (int r = 0; r < GROUP; ++r) z[v][r] = vd_load(strip + v * VD_LANES);
    for (int64_t j = 0; j < used; ++j) {
        const double *x = tile + j / PANEL * panel_stride + j % PANEL;
        vd a[STRIP_VECTORS];
        strip += WHITENING_WIDTH;
        for (int v = 0; v < STRIP_VECTORS; ++v) a[v] = vd_load(strip + v * VD_LANES);
        for (int r = 0; r < GROUP; ++r) {
            vd value = vd_set(x[r * PANEL]);
            for (int v = 0; v < STRIP_VECTORS; ++v) z[v][r] = vd_fma(a[v], value, z[v][r]);
        }
    }
    for (int r = 0; r < GROUP; ++r) {
        vd square = vd_zero();
        for (int v = 0; v < STRIP_VECTORS; ++v) square = vd_fma(z[v][r], z[v][r], square);
        lengths[r] += vd_sum(square);
    }
}

/* |A'x|^2 of rows that are a multiple of eight. */
static void squared_lengths(const whitening *a, const double *tile, int64_t panel_stride, int rows, double *lengths) {
    for (int i = 0; i < rows; ++i) lengths[i] = 0.0;
    for (int64_t s = 0; s < a->count; ++s)
        for (int i = 0; i < rows; i += GROUP)
            add_strip_squares(a->strips + s * a->stride, a->used[s], tile + i * PANEL, panel_stride, lengths + i);
}

/* d1^2 / (1 - leverage)^power in the place of d2. A weight that counts equal rows leaves each of them its own leverage;
 * else the row is one, with the weight in its information and its score. */
static void scores_for_d2(int power, int counted, int rows, const double *weights, const double *d1, double *d2,
                          const double *lengths) {
    for (int i = 0; i < rows; ++i) {
        double share = counted ? 1.0 : weights[i], square = share * d1[i] * d1[i];
        if (power > 0) {
            double rest = 1.0 - share * d2[i] * lengths[i];
            if (weights[i] != 0.0 && !(rest > LEAST_REST)) rest = NAN;
            square /= power == 1 ? rest : rest * rest;
        }
        d2[i] = square;
    }
}

#endif
