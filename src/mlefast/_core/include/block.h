/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A block of rows, tile by tile: pack, eta, leaf, sums, Hessian. What comes out is one flat array of doubles that
 * is added to others of its kind:
 *   [NLL, FINITE, SUM_D1, SUM_D2, REACH, 0 ...] [X' d1: panels * 8] [X' d2: panels * 8] [Hessian: panels * 8 rows of stride]
 * The intercept is SUM_D1 in the gradient and (SUM_D2, X' d2) in the Hessian: no column of ones exists. Before the Hessian
 * there are, for each shape parameter t_j that is asked for,
 *   [l_j, l_j_eta, l_j0, l_j1, ...] [X' l_j_eta: panels * 8], see leaves/shapes.h.
 */
#ifndef MLEFAST_BLOCK_H
#define MLEFAST_BLOCK_H

#include "leverage.h"

enum { NLL, FINITE, SUM_D1, SUM_D2, REACH, HEADER = 8 };
/* REACH is the sum of 1 / d2 (weighted): by Cauchy and Schwarz (x_i'v)^2 <= v'H v / d2_i, so a step of one standard error
 * moves no linear predictor by more than its root. */
enum { BLOCK_ROWS = 1024 };   /* the unit of the summation tree: never depends on n or the number of threads */
/* Rows that are packed at a time. Of rows that lie side by side few, since the sooner memory is read again, the less it
 * waits; of columns many, since each begins at another place. */
enum { PACKED_ROWS = 16, PACKED_COLUMN_ROWS = 128 };
/* A tile has as many rows as fit the second-level cache, up to 128. */
enum { HESSIAN_ROWS = 128, TILE_BYTES = 208 << 10 };

typedef struct {
    design x;
    const column *y, *weights, *offset; /* weights and offset may be NULL */
    leaf_function leaf;
    third_function third;
    const double *shape; /* the likelihood's own parameters */
    shape_function by_shape;
    int shapes; /* of these parameters whose derivatives are asked for: all or none */
    border border;
    double tail;
    const double *b; /* padded with zeros to whole panels */
    double intercept;
    int order;
    int single;  /* the Hessian by floats */
    summand summand;
    int power;         /* of 1 / (1 - leverage) in the scores' outer products: 0, 1 or 2 */
    int counted;       /* weights count equal rows; else a row is one, and its score has the weight */
    whitening inverse; /* no strips if no leverages are asked for */
    double *leverages; /* of all rows, w d2 |A'x|^2, or NULL */
    int64_t stride; /* doubles in a row of the Hessian */
} question;

/* Vectors along the rows of a tile. */
typedef struct {
    double *eta, *y, *weights, *nll, *d1, *d2;
} row_vectors;
enum { ROW_VECTORS = 6 };

INLINE row_vectors row_vectors_from(const row_vectors *v, int64_t row) {
    row_vectors rest = {v->eta + row, v->y + row, v->weights + row, v->nll + row, v->d1 + row, v->d2 + row};
    return rest;
}

INLINE row_vectors row_vectors_at(double *memory, int64_t length) {
    row_vectors v = {memory, memory + length, memory + 2 * length, memory + 3 * length, memory + 4 * length,
                     memory + 5 * length};
    return v;
}

INLINE int packed_rows(const design *x) {
    for (int64_t panel = 0; panel < x->panels; ++panel)
        if (x->kinds[panel] != BY_ROWS) return PACKED_COLUMN_ROWS;
    return PACKED_ROWS;
}
/* Rows of a tile. The Hessian wants many, so that its registers are emptied seldom; without one, few stay in the
 * first-level cache. */
INLINE int tile_rows(const question *q) {
    int rows = packed_rows(&q->x);
    while (q->order == 2 && rows < HESSIAN_ROWS && 2 * rows * q->x.panels * PANEL * 8 <= TILE_BYTES) rows *= 2;
    return rows;
}
INLINE int64_t shape_sums_size(const question *q) { return HEADER + q->x.panels * PANEL; }
INLINE int64_t shape_sums_at(const question *q) { return HEADER + 2 * q->x.panels * PANEL; }
/* All sums but the Hessian, which follows them. */
INLINE int64_t sums_size(const question *q) { return shape_sums_at(q) + q->shapes * shape_sums_size(q); }

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
    for (int i = 0; i < padded; ++i) v->eta[i] = q->intercept;
    pack_tile(&q->x, first, rows, q->b, tile, panel_stride, v->eta);
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
    vd nll = vd_zero(), finite = vd_zero(), s1 = vd_zero(), s2 = vd_zero(), reach = vd_zero();
    const vd zero = vd_zero(), one = vd_set(1.0);
    for (int i = 0; i < rows; i += VD_LANES) {
        vd w = vd_load(v->weights + i);
        vi absent = vd_equal(w, zero);
        vd present = vd_mul(w, vd_load(v->nll + i));
        nll = vd_add(nll, vd_select(absent, zero, present));
        finite = vd_fma(zero, vd_load(v->eta + i), finite); /* NaN if one eta is infinite or NaN */
        if (order > 0) {
            vd d1 = vd_mul(w, vd_load(v->d1 + i)), d2 = vd_mul(w, vd_load(v->d2 + i));
            vd_store(v->d1 + i, d1);
            vd_store(v->d2 + i, d2);
            s1 = vd_add(s1, d1);
            s2 = vd_add(s2, d2);
            reach = vd_add(reach, vd_select(absent, zero, vd_div(one, d2)));
        }
    }
    sums[NLL] += vd_sum(nll);
    sums[FINITE] += vd_sum(finite);
    sums[SUM_D1] += vd_sum(s1);
    sums[SUM_D2] += vd_sum(s2);
    sums[REACH] += vd_sum(reach);
}

/* Multiply the derivatives with respect to the shape parameters by the weights, and add them up. */
static void add_shape_sums(const question *q, const double *tile, int64_t panel_stride, const row_vectors *v, int rows,
                           double *sums) {
    ALIGNED double values[SHAPE_VALUES * PACKED_COLUMN_ROWS];
    double *value = values;
    q->by_shape(rows, v->eta, v->y, q->shape, values, PACKED_COLUMN_ROWS);
    for (int j = 0; j < q->shapes; ++j, sums += shape_sums_size(q)) {
        const double *cross = value + PACKED_COLUMN_ROWS;
        for (int k = 0; k < 2 + q->shapes; ++k, value += PACKED_COLUMN_ROWS) {
            vd sum = vd_zero();
            for (int i = 0; i < rows; i += VD_LANES) {
                vd weighted = vd_mul(vd_load(v->weights + i), vd_load(value + i));
                vd_store(value + i, weighted);
                sum = vd_add(sum, weighted);
            }
            sums[k] += vd_sum(sum);
        }
        if (q->order == 2) add_column_sums(tile, panel_stride, q->x.panels, rows, cross, sums + HEADER);
    }
}

/* A tile as floats, for the Hessian by floats. */
static void tile_to_floats(const double *tile, int64_t panel_stride, int64_t panels, int rows, float *groups) {
    for (int64_t panel = 0; panel < panels; ++panel)
        for (int i = 0; i < rows * PANEL; i += VD_LANES)
            vd_to_floats(groups + panel * panel_stride + i, vd_load(tile + panel * panel_stride + i));
}

/* Leverages of rows from `first` on, and the summands that are asked for in the place of d1 or d2. */
static void change_derivatives(const question *q, int64_t first, int rows, int padded, const double *tile,
                               int64_t panel_stride, const row_vectors *v) {
    double lengths[PACKED_COLUMN_ROWS], third[PACKED_COLUMN_ROWS];
    if (q->inverse.count > 0) squared_lengths(&q->inverse, tile, panel_stride, padded, lengths);
    if (q->leverages)
        for (int i = 0; i < rows; ++i) q->leverages[first + i] = v->weights[i] * v->d2[i] * lengths[i];
    if (q->summand == SCORES) scores_for_d2(q->power, q->counted, padded, v->weights, v->d1, v->d2, lengths);
    if (q->summand == PRIOR) {
        q->third(padded, v->y, v->d1, v->d2, third);
        for (int i = 0; i < padded; ++i) v->d1[i] = third[i] * lengths[i];
    }
}

/* Everything but the Hessian for the rows of a tile; leaves X, d1 and d2 for it, and the sums X'd1 and X'd2 if there is
 * one. Returns the rows rounded up to a whole number of vectors. */
static int evaluate_tile(const question *q, int64_t first, int rows, double *tile, float *groups, int64_t panel_stride,
                         const row_vectors *all, double *sums) {
    int step = packed_rows(&q->x), padded = 0;
    for (int done = 0; done < rows; done += step) {
        const row_vectors v = row_vectors_from(all, done);
        double *part = tile + done * PANEL;
        int count = rows - done < step ? rows - done : step;
        count = load_tile(q, first + done, count, part, panel_stride, &v);
        q->leaf(count, v.eta, v.y, q->shape, v.nll, v.d1, v.d2);
        if (q->summand != DERIVATIVES || q->leverages)
            change_derivatives(q, first + done, rows - done < step ? rows - done : step, count, part, panel_stride, &v);
        add_row_sums(&v, count, q->order, sums);
        if (q->shapes > 0) add_shape_sums(q, part, panel_stride, &v, count, sums + shape_sums_at(q));
        if (q->order == 1) add_column_sums(part, panel_stride, q->x.panels, count, v.d1, sums + HEADER);
        if (q->order == 2 && q->single) tile_to_floats(part, panel_stride, q->x.panels, count, groups + done * PANEL);
        padded = done + count;
    }
    return padded;
}

INLINE int64_t strip_width(int single) { return STRIP_VECTORS * (single ? VF_LANES : VD_LANES); }
INLINE int64_t strip_count(const question *q) {
    return (q->x.width + strip_width(q->single) - 1) / strip_width(q->single);
}

/* A part of the Hessian, and X'd1 and X'd2 of the strips whose diagonal is in it: `xd1` is followed by X'd2. */
static void add_tile_hessian(const question *q, const packed_tile *t, const float *groups, const hessian_part *part,
                             double *strip, double *xd1, double *hessian) {
    double *xd2 = xd1 + q->x.panels * PANEL;
    if (q->single) add_hessian_f32(t, groups, part, (float *)strip, xd1, xd2, hessian, q->stride);
    else add_hessian_f64(t, t->tile, part, strip, xd1, xd2, hessian, q->stride);
}

/* Bytes of the following rows to ask for at each row of a register tile, so that all have been asked for when the
 * Hessian is done; 0 where rows do not follow each other in memory. */
static int64_t prefetch_step(const question *q) {
    const column *c = q->x.columns;
    int64_t row = q->x.width * element_size(c->type), tiles = 0;
    if (q->x.width == 0 || q->x.kinds[0] != BY_ROWS || c->stride < row || c->stride > 2 * row) return 0;
    for (int64_t first = 0; first < q->x.width; first += strip_width(q->single))
        tiles += (q->x.width - first + GROUP - 1) / GROUP - (q->x.width - first >= 2 * GROUP); /* two are one there */
    return (c->stride + tiles - 1) / tiles;
}

/* What one thread needs to evaluate blocks by itself. */
typedef struct {
    double *tile, *vectors, *strip;
    float *groups;
} workspace;

INLINE int64_t tile_panel_stride(int64_t rows) { return (rows + 1) * PANEL; } /* + 1: not a power of two apart */
INLINE int64_t strip_size(void) { return HESSIAN_ROWS * STRIP_VECTORS * VD_LANES; }

static void evaluate_block(const question *q, int64_t first, int64_t rows, const workspace *ws, double *sums) {
    int step = tile_rows(q);
    int64_t panel_stride = tile_panel_stride(step), ahead_step = prefetch_step(q);
    const row_vectors v = row_vectors_at(ws->vectors, step);
    const hessian_part all = {0, strip_count(q), 0, q->x.width};
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        int padded = evaluate_tile(q, first + done, count, ws->tile, ws->groups, panel_stride, &v, sums);
        if (q->order < 2 || q->x.width == 0) continue;
        const char *ahead = q->x.columns->data + (first + done + count) * q->x.columns->stride;
        const packed_tile t = {ws->tile, panel_stride, q->x.width, padded, v.d1, v.d2, ahead, ahead_step};
        add_tile_hessian(q, &t, ws->groups, &all, ws->strip, sums + HEADER, sums + sums_size(q));
    }
}

/* What decides whether a maximum exists, for a direction d with steps delta = x'd (see inference/separation.py):
 * extremes[0] is the largest -d2 delta / d1 of the rows that have an open side, extremes[1] and [2] the least and the
 * largest step towards it; a row without an open side counts as a step back whatever its sign. */
static void scan_rows(const question *q, int rows, const row_vectors *v, const double *delta, double *extremes) {
    for (int i = 0; i < rows; ++i) {
        if (v->weights[i] == 0.0) continue;
        double side = open_side(q->border, v->y[i]), step = side == 0.0 ? -fabs(delta[i]) : side * delta[i];
        if (step < extremes[1]) extremes[1] = step;
        if (step > extremes[2]) extremes[2] = step;
        if (side == 0.0) continue;
        double slope = fabs(v->d1[i]), ratio = slope > 0.0 ? v->d2[i] / slope : q->tail;
        double gain = step != 0.0 ? ratio * step : 0.0;
        if (gain > extremes[0]) extremes[0] = gain;
    }
}

static void scan_direction(const question *q, const double *d, double d_intercept, int64_t first, int64_t rows,
                           const workspace *ws, double *extremes) {
    int step = tile_rows(q);
    int64_t panel_stride = tile_panel_stride(step);
    const row_vectors v = row_vectors_at(ws->vectors, step);
    double delta[PACKED_COLUMN_ROWS];
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        int padded = load_tile(q, first + done, count, ws->tile, panel_stride, &v);
        for (int i = 0; i < padded; ++i) delta[i] = d_intercept;
        add_linear_predictor(ws->tile, panel_stride, q->x.panels, padded, d, delta);
        q->leaf(padded, v.eta, v.y, q->shape, v.nll, v.d1, v.d2);
        scan_rows(q, padded, &v, delta, extremes);
    }
}

/* eta of rows [first, first + rows). */
static void predict_rows(const question *q, int64_t first, int64_t rows, const workspace *ws, double *eta) {
    int step = tile_rows(q);
    const row_vectors v = row_vectors_at(ws->vectors, step);
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        load_tile(q, first + done, count, ws->tile, tile_panel_stride(step), &v);
        memcpy(eta + done, v.eta, count * sizeof(double));
    }
}

#endif
