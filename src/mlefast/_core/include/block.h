/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block of rows, tile by tile: pack, eta, leaf, sums, Hessian. What comes out is one flat array of doubles that
 * is added to others of its kind:
 *   [NLL, FINITE, SUM_D1, SUM_D2, 0 ...] [X' d1: panels * 8] [X' d2: panels * 8] [Hessian: panels * 8 rows of stride]
 * The intercept is SUM_D1 in the gradient and (SUM_D2, X' d2) in the Hessian: no column of ones exists.
 */
#ifndef MLEFAST_BLOCK_H
#define MLEFAST_BLOCK_H

#include "tile.h"

enum { NLL, FINITE, SUM_D1, SUM_D2, HEADER = 8 };
enum { BLOCK_ROWS = 1024 };   /* the unit of the summation tree: never depends on n or the number of threads */
enum { HESSIAN_ROWS = 128 };  /* rows over which a register tile sums */

typedef struct {
    design x;
    const column *y, *weights, *offset; /* weights and offset may be NULL */
    leaf_function leaf;
    const double *b; /* padded with zeros to whole panels */
    double intercept;
    int order;
    int single; /* the Hessian by floats */
    int64_t stride; /* doubles in a row of the Hessian */
} question;

/* Vectors along the rows of a tile. */
typedef struct {
    double *eta, *y, *weights, *nll, *d1, *d2;
} row_vectors;
enum { ROW_VECTORS = 6 };

INLINE row_vectors row_vectors_at(double *memory, int64_t length) {
    row_vectors v = {memory, memory + length, memory + 2 * length, memory + 3 * length, memory + 4 * length,
                     memory + 5 * length};
    return v;
}

/* Rows of a tile. Tiles of up to 24 columns are one page long: the less time passes between two reads from memory, the
 * better the hardware reads ahead (measured at 1,000,000 x 20: 16 rows 11.7 ns a row for order 1, 64 rows 17.9). Wider
 * ones amortise the Hessian's registers over more rows and stay in the first- or second-level cache. */
INLINE int tile_rows(int64_t panels) {
    if (panels <= 3) return panels <= 1 ? 64 : panels == 2 ? 32 : 16;
    int rows = panels <= 8 ? HESSIAN_ROWS / 2 : HESSIAN_ROWS;
    while (rows > 16 && rows * panels * PANEL * 8 > (1 << 18)) rows /= 2;
    return rows;
}
INLINE int64_t sums_size(int64_t panels) { return HEADER + 2 * panels * PANEL; }

/* A row of weight zero counts as absent, even if what stands in it is not a number. */
static void blank_absent_rows(const row_vectors *v, double *tile, int64_t panel_stride, int64_t panels, int rows) {
    for (int i = 0; i < rows; ++i)
        if (v->weights[i] == 0.0) {
            v->eta[i] = v->y[i] = 0.0;
            for (int64_t panel = 0; panel < panels; ++panel)
                memset(tile + panel * panel_stride + i * PANEL, 0, PANEL * sizeof(double));
        }
}

/* X, y, weights and offset of rows [first, first + rows) into a tile; returns the rows rounded up to a whole number of
 * vectors, the added ones absent. */
static int load_tile(const question *q, int64_t first, int rows, double *tile, int64_t panel_stride,
                     const row_vectors *v) {
    int padded = (rows + 7) & ~7;
    pack_tile(&q->x, first, rows, tile, panel_stride);
    for (int i = 0; i < padded; ++i) v->eta[i] = q->intercept;
    if (q->offset) {
        read_column(q->offset, first, rows, v->nll, 1);
        for (int i = 0; i < rows; ++i) v->eta[i] += v->nll[i];
    }
    read_column(q->y, first, rows, v->y, 1);
    for (int i = 0; i < padded; ++i) v->weights[i] = i < rows;
    if (q->weights) read_column(q->weights, first, rows, v->weights, 1);
    if (q->weights || padded > rows) blank_absent_rows(v, tile, panel_stride, q->x.panels, padded);
    return padded;
}

/* Multiply by the weights and add up what has one value per row. */
static void add_row_sums(const row_vectors *v, int rows, int order, double *sums) {
    vd nll = vd_zero(), finite = vd_zero(), s1 = vd_zero(), s2 = vd_zero();
    const vd zero = vd_zero();
    for (int i = 0; i < rows; i += VD_LANES) {
        vd w = vd_load(v->weights + i);
        vd present = vd_mul(w, vd_load(v->nll + i));
        nll = vd_add(nll, vd_select(vd_equal(w, zero), zero, present));
        finite = vd_fma(zero, vd_load(v->eta + i), finite); /* NaN if one eta is infinite or NaN */
        if (order > 0) {
            vd d1 = vd_mul(w, vd_load(v->d1 + i)), d2 = vd_mul(w, vd_load(v->d2 + i));
            vd_store(v->d1 + i, d1);
            vd_store(v->d2 + i, d2);
            s1 = vd_add(s1, d1);
            s2 = vd_add(s2, d2);
        }
    }
    sums[NLL] += vd_sum(nll);
    sums[FINITE] += vd_sum(finite);
    sums[SUM_D1] += vd_sum(s1);
    sums[SUM_D2] += vd_sum(s2);
}

/* Everything but the Hessian for rows [first, first + rows); leaves the tile and d2 for it. */
static int evaluate_tile(const question *q, int64_t first, int rows, double *tile, int64_t panel_stride,
                         const row_vectors *v, double *sums) {
    int padded = load_tile(q, first, rows, tile, panel_stride, v);
    add_linear_predictor(tile, panel_stride, q->x.panels, padded, q->b, v->eta);
    q->leaf(padded, v->eta, v->y, v->nll, v->d1, v->d2);
    add_row_sums(v, padded, q->order, sums);
    double *xd1 = sums + HEADER, *xd2 = xd1 + q->x.panels * PANEL;
    if (q->order > 0)
        add_column_sums(tile, panel_stride, q->x.panels, padded, v->d1, v->d2, xd1, q->order > 1 ? xd2 : NULL);
    return padded;
}

static void tile_to_floats(const double *tile, int64_t panel_stride, int64_t panels, int rows, float *groups) {
    for (int64_t panel = 0; panel < panels; ++panel)
        for (int i = 0; i < rows * PANEL; i += VD_LANES)
            vd_to_floats(groups + panel * panel_stride + i, vd_load(tile + panel * panel_stride + i));
}

INLINE int64_t strip_width(int single) { return STRIP_VECTORS * (single ? VF_LANES : VD_LANES); }
INLINE int64_t strip_count(const question *q) {
    return (q->x.width + strip_width(q->single) - 1) / strip_width(q->single);
}

static void add_tile_hessian(const question *q, const double *tile, const float *groups, int64_t panel_stride,
                             int rows, const double *d2, const hessian_part *part, double *strip, double *hessian) {
    if (q->single)
        add_hessian_f32(tile, groups, panel_stride, q->x.width, rows, d2, part, (float *)strip, hessian, q->stride);
    else
        add_hessian_f64(tile, tile, panel_stride, q->x.width, rows, d2, part, strip, hessian, q->stride);
}

/* What one thread needs to evaluate blocks by itself. */
typedef struct {
    double *tile, *vectors, *strip;
    float *groups;
} workspace;

INLINE int64_t tile_panel_stride(int64_t rows) { return (rows + 1) * PANEL; } /* + 1: not a power of two apart */
INLINE int64_t strip_size(void) { return HESSIAN_ROWS * STRIP_VECTORS * VD_LANES; }

static void evaluate_block(const question *q, int64_t first, int64_t rows, const workspace *ws, double *sums) {
    int step = tile_rows(q->x.panels);
    int64_t panel_stride = tile_panel_stride(step), panels = q->x.panels;
    row_vectors v = row_vectors_at(ws->vectors, step);
    const hessian_part all = {0, strip_count(q), 0, q->x.width};
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        int padded = evaluate_tile(q, first + done, count, ws->tile, panel_stride, &v, sums);
        if (q->order < 2) continue;
        if (q->single) tile_to_floats(ws->tile, panel_stride, panels, padded, ws->groups);
        add_tile_hessian(q, ws->tile, ws->groups, panel_stride, padded, v.d2, &all, ws->strip,
                         sums + sums_size(panels));
    }
}

/* The largest gain (1 - lambda) s x'd and the least s x'd of the rows, d a direction: see inference/separation.py. */
static void scan_direction(const question *q, direction_scan scan, const double *d, double d_intercept, int64_t first,
                           int64_t rows, const workspace *ws, double *extremes) {
    int step = tile_rows(q->x.panels);
    int64_t panel_stride = tile_panel_stride(step);
    row_vectors v = row_vectors_at(ws->vectors, step);
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        int padded = load_tile(q, first + done, count, ws->tile, panel_stride, &v);
        for (int i = 0; i < padded; ++i) v.d1[i] = d_intercept;
        add_linear_predictor(ws->tile, panel_stride, q->x.panels, padded, q->b, v.eta);
        add_linear_predictor(ws->tile, panel_stride, q->x.panels, padded, d, v.d1);
        for (int i = 0; i < padded; ++i)
            if (v.weights[i] == 0.0) v.d1[i] = 0.0;
        scan(padded, v.eta, v.y, v.d1, extremes);
    }
}

#endif
