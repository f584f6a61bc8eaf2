/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The arithmetic of a tile of rows that lies packed in the cache: eta = X b, sums of columns, the Hessian.
 */
#ifndef MLEFAST_TILE_H
#define MLEFAST_TILE_H

#include "leaves.h"
#include "source.h"

/* Register tiles: 32 vector registers hold 3 vectors x 8 columns, or 4 x 4 where vectors are short; 16 registers 3 x 4
 * (with FMA) or 2 x 4. */
#if defined(__AVX512F__)
#define STRIP_VECTORS 3
#define GROUP 8
#elif defined(__AVX2__)
#define STRIP_VECTORS 3
#define GROUP 4
#elif defined(__aarch64__)
#define STRIP_VECTORS 4
#define GROUP 4
#else
#define STRIP_VECTORS 2
#define GROUP 4
#endif
/* Strips begin where groups do and groups do not cross panels; else this divides by zero. */
enum { GROUPS_FIT = 1 / (STRIP_VECTORS * VD_LANES % GROUP == 0 && PANEL % GROUP == 0) };

/* A share of the Hessian: strips by columns, both as ranges; columns begin at a whole group. */
typedef struct {
    int64_t strip_begin, strip_end, column_begin, column_end;
} hessian_part;

/* Rows that lie packed in the cache, and the derivatives of their likelihood. */
typedef struct {
    const double *tile;
    int64_t panel_stride, width;
    int rows;
    const double *d1, *d2;
    const char *ahead; /* where in memory the rows lie that come next */
    int64_t ahead_step; /* bytes of these to ask for at each row of a register tile */
} packed_tile;

INLINE void vd_add_to(double *to, vd a) { vd_store(to, vd_add(vd_load(to), a)); }
INLINE void vf_add_to_doubles(double *to, vf a) {
    float lanes[VF_LANES];
    vf_store(lanes, a);
    vd_add_to(to, vd_from_floats(lanes));
    vd_add_to(to + VD_LANES, vd_from_floats(lanes + VD_LANES));
}

#define REAL double
#define VEC vd
#define LANES VD_LANES
#define NAME(x) x##_f64
#define V_LOAD vd_load
#define V_SET vd_set
#define V_ZERO vd_zero
#define V_FMA vd_fma
#define V_ADD_TO_DOUBLES vd_add_to
#define V_FROM_DOUBLES vd_store
#define DIAGONAL_TILES (VD_LANES == GROUP)
#include "hessian.h"
#undef REAL
#undef VEC
#undef LANES
#undef NAME
#undef V_LOAD
#undef V_SET
#undef V_ZERO
#undef V_FMA
#undef V_ADD_TO_DOUBLES
#undef V_FROM_DOUBLES
#undef DIAGONAL_TILES
#define REAL float
#define VEC vf
#define LANES VF_LANES
#define NAME(x) x##_f32
#define V_LOAD vf_load
#define V_SET vf_set
#define V_ZERO vf_zero
#define V_FMA vf_fma
#define V_ADD_TO_DOUBLES vf_add_to_doubles
#define V_FROM_DOUBLES vd_to_floats
#define DIAGONAL_TILES (VF_LANES == GROUP)
#include "hessian.h"

/* eta[i] = eta[i] + x_i' b for rows that are a multiple of eight; b is padded with zeros to whole panels. */
static void add_linear_predictor(const double *tile, int64_t panel_stride, int64_t panels, int rows, const double *b,
                                 double *eta) {
    for (int i = 0; i < rows; i += VD_LANES) {
        vd sum[VD_LANES];
        for (int r = 0; r < VD_LANES; ++r) sum[r] = vd_zero();
        const double *from = tile + i * PANEL;
        for (int64_t panel = 0; panel < panels; ++panel, from += panel_stride)
            for (int k = 0; k < PANEL; k += VD_LANES) {
                vd coefficients = vd_load(b + panel * PANEL + k);
                for (int r = 0; r < VD_LANES; ++r)
                    sum[r] = vd_fma(vd_load(from + r * PANEL + k), coefficients, sum[r]);
            }
        vd_store(eta + i, vd_add(vd_load(eta + i), vd_sum_each(sum)));
    }
}

/* sums[j] += sum_i d1_i x_ij of `count` panels. */
INLINE void add_panel_sums(int count, const double *tile, int64_t panel_stride, int rows, const double *d1,
                           double *sums) {
    enum { VECTORS = PANEL / VD_LANES };
    vd sum[2][VECTORS][2];
    for (int c = 0; c < count; ++c)
        for (int k = 0; k < VECTORS; ++k) sum[c][k][0] = sum[c][k][1] = vd_zero();
    for (int i = 0; i < rows; i += 2)
        for (int odd = 0; odd < 2; ++odd) {
            vd w = vd_set(d1[i + odd]);
            for (int c = 0; c < count; ++c)
                for (int k = 0; k < VECTORS; ++k) {
                    vd x = vd_load(tile + c * panel_stride + (i + odd) * PANEL + k * VD_LANES);
                    sum[c][k][odd] = vd_fma(w, x, sum[c][k][odd]);
                }
        }
    for (int c = 0; c < count; ++c)
        for (int k = 0; k < VECTORS; ++k)
            vd_add_to(sums + c * PANEL + k * VD_LANES, vd_add(sum[c][k][0], sum[c][k][1]));
}

static void add_column_sums(const double *tile, int64_t panel_stride, int64_t panels, int rows, const double *d1,
                            double *sums) {
    int64_t panel = 0;
    for (; panel + 2 <= panels; panel += 2)
        add_panel_sums(2, tile + panel * panel_stride, panel_stride, rows, d1, sums + panel * PANEL);
    if (panel < panels) add_panel_sums(1, tile + panel * panel_stride, panel_stride, rows, d1, sums + panel * PANEL);
}

#endif
