/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Softmax (multinomial logit) over K classes, tile by tile: eta_k = x'b_k for k = 1..K-1, eta_0 = 0,
 *   nll = log(sum_k exp(eta_k)) - eta_y,  p_k = exp(eta_k) / sum_l exp(eta_l),
 *   d1_k = p_k - [k = y],  d2_kl = p_k ([k = l] - p_l).
 * Per row there are a few vectors of K - 1 numbers, class by class: number k of all rows of a tile, then k + 1.
 * The sums are
 *   [NLL, FINITE, 0 ...] [gradient: (K - 1) rows of panels * 8] [pairs (k, l <= k) of classes: X' diag(d2_kl) X].
 * Each pair's matrix is symmetric, so its lower triangle is enough. The intercept is a column of ones in the tile.
 */
#ifndef MLEFAST_SOFTMAX_H
#define MLEFAST_SOFTMAX_H

#include "block.h"

typedef struct {
    question q;             /* whose parameters are none: with b zero */
    int64_t classes;        /* K - 1: those that have parameters */
    int64_t width, panels;  /* of a tile: the columns of X, then perhaps one of ones */
    const double *b;        /* classes x whole panels, padded with zeros */
    const double *direction; /* of the same shape, or NULL */
} softmax_question;

/* Rows that are in the cache, and their vectors. `p` holds eta first; `along` is x'd for a direction d. */
typedef struct {
    double *tile, *p, *along, *y, *weights, *nll;
    double *winner; /* the class of the largest eta, the first of equals */
    double *rest;   /* 1 - p of the winner, which has its digits where p is 1 */
    double *reference; /* p of class 0 */
    float *groups;
    row_vectors loaded;
    int64_t panel_stride, stride;
} softmax_tile;

/* Slopes of as many classes as are summed at a time, curvatures of one pair, a strip of the Hessian: of one thread. */
typedef struct { double *slopes, *curvature, *strip; } softmax_scratch;

enum { CLASS_GROUP = VD_LANES, SLOPE_STRIDE = HESSIAN_ROWS + 8 };

INLINE int64_t class_stride(int64_t rows) { return rows + 8; } /* + 8: not a power of two apart */
INLINE int64_t softmax_tile_size(const softmax_question *s, int64_t rows) {
    int64_t x = s->panels * tile_panel_stride(rows), per_class = s->classes * class_stride(rows);
    return x + (s->direction ? 2 : 1) * per_class + ROW_VECTORS * rows + (s->q.single ? x / 2 + 8 : 0);
}
INLINE int64_t softmax_scratch_size(void) {
    return CLASS_GROUP * SLOPE_STRIDE + HESSIAN_ROWS + strip_size();
}
INLINE int64_t class_pairs(int64_t classes) { return classes * (classes + 1) / 2; }
/* Doubles in a row of a pair's matrix, whole vectors, and in the matrix. */
INLINE int64_t pair_stride(const softmax_question *s) {
    int64_t lanes = s->q.single ? VF_LANES : VD_LANES;
    return (s->width + lanes - 1) / lanes * lanes;
}
INLINE int64_t pair_size(const softmax_question *s) { return s->width * pair_stride(s); }
INLINE int64_t softmax_gradient_size(const softmax_question *s) { return s->classes * s->panels * PANEL; }

/* Rows of a tile. A large Hessian is gone through seldom, with as many rows as a block has if they fit the second-level
 * cache; else rows are used HESSIAN_ROWS at a time. */
enum { LARGE_HESSIAN = 1 << 14, LARGE_TILE_BYTES = 512 << 10 };
INLINE int softmax_tile_rows(const softmax_question *s) {
    int large = s->q.order == 2 && class_pairs(s->classes) * pair_size(s) > LARGE_HESSIAN, rows = packed_rows(&s->q.x);
    int64_t most = large ? BLOCK_ROWS : HESSIAN_ROWS, bytes = large ? LARGE_TILE_BYTES : TILE_BYTES;
    while (rows < most && 2 * rows * (s->panels * PANEL + s->classes) * 8 <= bytes) rows *= 2;
    return rows;
}

static softmax_tile softmax_tile_at(const softmax_question *s, int64_t rows, double *memory) {
    softmax_tile t;
    t.panel_stride = tile_panel_stride(rows);
    t.stride = class_stride(rows);
    t.tile = memory;
    t.p = t.tile + s->panels * t.panel_stride;
    t.along = t.p + s->classes * t.stride;
    t.loaded = row_vectors_at(s->direction ? t.along + s->classes * t.stride : t.along, rows);
    t.y = t.loaded.y, t.weights = t.loaded.weights, t.nll = t.loaded.nll;
    t.winner = t.loaded.eta, t.rest = t.loaded.d1, t.reference = t.loaded.d2; /* nothing is loaded there to be kept */
    t.groups = (float *)(t.loaded.d2 + rows);
    return t;
}

/* The same from a row on. */
static softmax_tile softmax_tile_from(const softmax_tile *t, int64_t row) {
    softmax_tile rest = *t;
    rest.tile += row * PANEL, rest.groups += row * PANEL;
    rest.p += row, rest.along += row, rest.y += row, rest.weights += row, rest.nll += row;
    rest.winner += row, rest.rest += row, rest.reference += row;
    rest.loaded = row_vectors_from(&t->loaded, row);
    return rest;
}

static softmax_scratch softmax_scratch_at(double *memory) {
    softmax_scratch scratch = {memory, memory + CLASS_GROUP * SLOPE_STRIDE,
                               memory + CLASS_GROUP * SLOPE_STRIDE + HESSIAN_ROWS};
    return scratch;
}

/* eta of `count` classes, whose parameters lie `b_stride` apart, for rows that are a multiple of eight. */
INLINE void predict_classes(int count, const double *tile, int64_t panel_stride, int64_t panels, int rows,
                            const double *b, int64_t b_stride, double *eta, int64_t stride) {
    for (int i = 0; i < rows; i += VD_LANES) {
        vd sum[3][VD_LANES];
        for (int c = 0; c < count; ++c)
            for (int r = 0; r < VD_LANES; ++r) sum[c][r] = vd_zero();
        const double *from = tile + i * PANEL;
        for (int64_t panel = 0; panel < panels; ++panel, from += panel_stride)
            for (int k = 0; k < PANEL; k += VD_LANES) {
                vd coefficients[3];
                for (int c = 0; c < count; ++c) coefficients[c] = vd_load(b + c * b_stride + panel * PANEL + k);
                for (int r = 0; r < VD_LANES; ++r) {
                    vd x = vd_load(from + r * PANEL + k);
                    for (int c = 0; c < count; ++c) sum[c][r] = vd_fma(x, coefficients[c], sum[c][r]);
                }
            }
        for (int c = 0; c < count; ++c) vd_store(eta + c * stride + i, vd_sum_each(sum[c]));
    }
}

static void predict_all_classes(const softmax_question *s, const softmax_tile *t, int rows, const double *b,
                                double *eta) {
    int64_t b_stride = s->panels * PANEL, k = 0;
    for (; k + 3 <= s->classes; k += 3)
        predict_classes(3, t->tile, t->panel_stride, s->panels, rows, b + k * b_stride, b_stride,
                        eta + k * t->stride, t->stride);
    b += k * b_stride, eta += k * t->stride;
    if (s->classes - k == 2)
        predict_classes(2, t->tile, t->panel_stride, s->panels, rows, b, b_stride, eta, t->stride);
    if (s->classes - k == 1)
        predict_classes(1, t->tile, t->panel_stride, s->panels, rows, b, b_stride, eta, t->stride);
}

/* eta to probabilities, in place, with `winner`, `rest` and nll. Everything is measured from the largest eta, whose own
 * share of the sum is left out of `rest`: so nll = (largest - eta_y) + log(1 + rest) is a sum of positive terms, and
 * 1 - p of the winner is no difference. Returns 0, or NaN if an eta is not finite. */
static double softmax_rows(int64_t classes, int rows, const softmax_tile *t) {
    const vd zero = vd_zero(), one = vd_set(1.0);
    const int64_t stride = t->stride;
    vd finite = zero;
    for (int i = 0; i < rows; i += VD_LANES) {
        vd label = vd_load(t->y + i), largest = zero, winner = zero, own = zero;
        double *eta = t->p + i;
        for (int64_t k = 0; k < classes; ++k) {
            vd x = vd_load(eta + k * stride), index = vd_set((double)(k + 1));
            vi above = vd_less(largest, x);
            largest = vd_select(above, x, largest);
            winner = vd_select(above, index, winner);
            own = vd_select(vd_equal(label, index), x, own);
            finite = vd_fma(zero, x, finite);
        }
        vd reference = vd_exp(vd_sub(zero, largest)), rest = vd_select(vd_equal(winner, zero), zero, reference);
        for (int64_t k = 0; k < classes; ++k) {
            vd share = vd_exp(vd_sub(vd_load(eta + k * stride), largest));
            vd_store(eta + k * stride, share);
            rest = vd_add(rest, vd_select(vd_equal(winner, vd_set((double)(k + 1))), zero, share));
        }
        vd inverse = vd_div(one, vd_add(one, rest));
        for (int64_t k = 0; k < classes; ++k)
            vd_store(eta + k * stride, vd_mul(vd_load(eta + k * stride), inverse));
        vd_store(t->nll + i, vd_add(vd_sub(largest, own), vd_log1p_any(rest)));
        vd_store(t->winner + i, winner);
        vd_store(t->rest + i, vd_mul(rest, inverse));
        vd_store(t->reference + i, vd_mul(reference, inverse));
    }
    return vd_sum(finite);
}

/* 1 - p of class k (1..K-1) for the rows from i on. */
INLINE vd complement(const softmax_tile *t, int i, vd index, vd p) {
    return vd_select(vd_equal(vd_load(t->winner + i), index), vd_load(t->rest + i), vd_sub(vd_set(1.0), p));
}

/* The derivative of the nll with respect to eta of class k + 1, for the rows from i on. */
INLINE vd slope_at(const softmax_tile *t, int64_t k, int i) {
    const vd index = vd_set((double)(k + 1));
    vd p = vd_load(t->p + k * t->stride + i);
    vd minus = vd_sub(vd_zero(), complement(t, i, index, p));
    return vd_select(vd_equal(vd_load(t->y + i), index), minus, p);
}

static void gradient_slopes(const softmax_tile *t, int64_t k, int rows, double *slopes) {
    for (int i = 0; i < rows; i += VD_LANES)
        vd_store(slopes + i, vd_mul(vd_load(t->weights + i), slope_at(t, k, i)));
}

/* sum_l p_l x'd_l of each row. */
static void mean_steps(const softmax_question *s, const softmax_tile *t, int rows, double *mean) {
    for (int i = 0; i < rows; i += VD_LANES) {
        vd sum = vd_zero();
        for (int64_t k = 0; k < s->classes; ++k)
            sum = vd_fma(vd_load(t->p + k * t->stride + i), vd_load(t->along + k * t->stride + i), sum);
        vd_store(mean + i, sum);
    }
}

/* The change of the slopes along the direction: w p_k (x'd_k - sum_l p_l x'd_l), with the sum in `mean`. */
static void direction_slopes(const softmax_tile *t, int64_t k, int rows, const double *mean, double *slopes) {
    for (int i = 0; i < rows; i += VD_LANES) {
        vd step = vd_sub(vd_load(t->along + k * t->stride + i), vd_load(mean + i));
        vd slope = vd_mul(vd_load(t->p + k * t->stride + i), step);
        vd_store(slopes + i, vd_mul(vd_load(t->weights + i), slope));
    }
}

/* sums[class][column] += sum_i slopes[class][i] x_i of one panel. */
INLINE void add_class_sums(int count, const double *panel, int rows, const double *slopes, double *sums,
                           int64_t sums_stride) {
    enum { VECTORS = PANEL / VD_LANES };
    vd sum[CLASS_GROUP][VECTORS];
    for (int c = 0; c < count; ++c)
        for (int k = 0; k < VECTORS; ++k) sum[c][k] = vd_zero();
    for (int i = 0; i < rows; ++i, panel += PANEL)
        for (int c = 0; c < count; ++c) {
            vd w = vd_set(slopes[c * SLOPE_STRIDE + i]);
            for (int k = 0; k < VECTORS; ++k) sum[c][k] = vd_fma(w, vd_load(panel + k * VD_LANES), sum[c][k]);
        }
    for (int c = 0; c < count; ++c)
        for (int k = 0; k < VECTORS; ++k) vd_add_to(sums + c * sums_stride + k * VD_LANES, sum[c][k]);
}

#define CLASS_CASE(n) case n: add_class_sums(n, x, rows, slopes, sums + panel * PANEL, sums_stride); break;
static void add_group_sums(const softmax_question *s, const softmax_tile *t, int count, int rows, const double *slopes,
                           double *sums) {
    int64_t sums_stride = s->panels * PANEL;
    for (int64_t panel = 0; panel < s->panels; ++panel) {
        const double *x = t->tile + panel * t->panel_stride;
        switch (count) {
            CLASS_CASE(1)
            CLASS_CASE(2)
#if VD_LANES >= 4
            CLASS_CASE(3)
            CLASS_CASE(4)
#endif
#if VD_LANES >= 8
            CLASS_CASE(5)
            CLASS_CASE(6)
            CLASS_CASE(7)
            CLASS_CASE(8)
#endif
        }
    }
}
#undef CLASS_CASE

/* The gradient, or the Hessian times the direction if there is one, of up to HESSIAN_ROWS rows. */
static void add_softmax_gradient(const softmax_question *s, const softmax_tile *t, int rows,
                                 const softmax_scratch *scratch, double *sums) {
    if (s->direction) mean_steps(s, t, rows, scratch->curvature);
    for (int64_t k = 0; k < s->classes; k += CLASS_GROUP) {
        int count = s->classes - k < CLASS_GROUP ? (int)(s->classes - k) : CLASS_GROUP;
        for (int c = 0; c < count; ++c) {
            double *slopes = scratch->slopes + c * SLOPE_STRIDE;
            if (s->direction) direction_slopes(t, k + c, rows, scratch->curvature, slopes);
            else gradient_slopes(t, k + c, rows, slopes);
        }
        add_group_sums(s, t, count, rows, scratch->slopes, sums + k * s->panels * PANEL);
    }
}

/* d2 of the classes k and l (from 0), or the product of their slopes, for the rows from i on. */
INLINE vd curvature_at(const softmax_question *s, const softmax_tile *t, int64_t k, int64_t l, int i) {
    if (s->q.summand == SCORES) {
        vd product = vd_mul(slope_at(t, k, i), slope_at(t, l, i));
        return s->q.counted ? product : vd_mul(product, vd_load(t->weights + i));
    }
    vd p = vd_load(t->p + k * t->stride + i);
    if (k == l) return vd_mul(p, complement(t, i, vd_set((double)(k + 1)), p));
    return vd_mul(vd_sub(vd_zero(), p), vd_load(t->p + l * t->stride + i));
}

/* The matrix of the classes k >= l (from 0) from up to HESSIAN_ROWS rows. */
static void add_softmax_pair(const softmax_question *s, const softmax_tile *t, int rows, int64_t k, int64_t l,
                             const softmax_scratch *scratch, double *hessian) {
    for (int i = 0; i < rows; i += VD_LANES)
        vd_store(scratch->curvature + i, vd_mul(vd_load(t->weights + i), curvature_at(s, t, k, l, i)));
    int64_t strips = (s->width + strip_width(s->q.single) - 1) / strip_width(s->q.single);
    const hessian_part all = {0, strips, 0, s->width};
    const packed_tile x = {t->tile, t->panel_stride, s->width, rows, NULL, scratch->curvature, (const char *)t->tile, 0};
    if (s->q.single) add_hessian_f32(&x, t->groups, &all, (float *)scratch->strip, NULL, NULL, hessian, pair_stride(s));
    else add_hessian_f64(&x, t->tile, &all, scratch->strip, NULL, NULL, hessian, pair_stride(s));
}

/* X, y, weights, probabilities and nll of rows [first, first + rows), and their sums NLL and FINITE. Returns the rows
 * rounded up to a whole number of vectors, the added ones absent. */
static int load_softmax_tile(const softmax_question *s, int64_t first, int rows, const softmax_tile *all,
                             double *sums) {
    int step = packed_rows(&s->q.x), padded = 0;
    const int64_t ones = s->width - 1;
    for (int done = 0; done < rows; done += step) {
        const softmax_tile t = softmax_tile_from(all, done);
        int count = rows - done < step ? rows - done : step;
        count = load_tile(&s->q, first + done, count, t.tile, t.panel_stride, &t.loaded);
        if (s->width > s->q.x.width) {
            double *column = t.tile + ones / PANEL * t.panel_stride + ones % PANEL;
            for (int i = 0; i < count; ++i) column[i * PANEL] = t.weights[i] != 0.0;
        }
        padded = done + count;
    }
    if (s->q.single) tile_to_floats(all->tile, all->panel_stride, s->panels, padded, all->groups);
    predict_all_classes(s, all, padded, s->b, all->p);
    if (s->direction) predict_all_classes(s, all, padded, s->direction, all->along);
    sums[FINITE] += softmax_rows(s->classes, padded, all);
    vd nll = vd_zero();
    for (int i = 0; i < padded; i += VD_LANES) { /* an absent row's nll is log K, so finite */
        vd weights = vd_load(all->weights + i);
        nll = vd_fma(weights, vd_load(all->nll + i), nll);
    }
    sums[NLL] += vd_sum(nll);
    return padded;
}

/* The HESSIAN_ROWS or fewer rows from `done` on of a tile whose `rows` begin at `first`: all but the Hessian. */
static void evaluate_softmax_part(const softmax_question *s, int64_t first, int64_t rows, int64_t done,
                                  const softmax_tile *all, const softmax_scratch *scratch, double *sums) {
    const softmax_tile t = softmax_tile_from(all, done);
    int count = rows - done < HESSIAN_ROWS ? (int)(rows - done) : HESSIAN_ROWS;
    int padded = load_softmax_tile(s, first + done, count, &t, sums);
    if (s->q.order > 0) add_softmax_gradient(s, &t, padded, scratch, sums + HEADER);
}

/* The matrix of the pair of classes k >= l (from 0) from all `rows` of a tile. */
static void evaluate_softmax_pair(const softmax_question *s, int64_t rows, int64_t k, int64_t l, const softmax_tile *all,
                                  const softmax_scratch *scratch, double *hessian) {
    for (int64_t done = 0; done < rows; done += HESSIAN_ROWS) {
        const softmax_tile t = softmax_tile_from(all, done);
        int count = rows - done < HESSIAN_ROWS ? (int)(rows - done) : HESSIAN_ROWS;
        add_softmax_pair(s, &t, (count + 7) & ~7, k, l, scratch, hessian);
    }
}

/* Everything of rows [first, first + rows) of a block by one thread, whose tile lies in `memory`. */
static void evaluate_softmax_block(const softmax_question *s, int64_t first, int64_t rows, double *memory,
                                   double *sums) {
    int step = softmax_tile_rows(s);
    const softmax_tile t = softmax_tile_at(s, step, memory);
    const softmax_scratch scratch = softmax_scratch_at(memory + softmax_tile_size(s, step));
    double *hessian = sums + HEADER + softmax_gradient_size(s);
    for (int64_t begin = 0; begin < rows; begin += step) {
        int64_t count = rows - begin < step ? rows - begin : step;
        for (int64_t done = 0; done < count; done += HESSIAN_ROWS)
            evaluate_softmax_part(s, first + begin, count, done, &t, &scratch, sums);
        if (s->q.order < 2 || s->width == 0) continue;
        double *pair = hessian;
        for (int64_t k = 0; k < s->classes; ++k)
            for (int64_t l = 0; l <= k; ++l, pair += pair_size(s))
                evaluate_softmax_pair(s, count, k, l, &t, &scratch, pair);
    }
}

/* What decides whether a maximum exists, for a direction d with steps t_k = x'd_k, t_0 = 0 (see
 * inference/separation.py): extremes[0] is the largest sum_l p_l t_l - t_k over the classes k other than the label,
 * extremes[1] and [2] the least and the largest t_y - t_k. */
static void scan_softmax_rows(const softmax_question *s, const softmax_tile *t, int rows, double *mean,
                              double *extremes) {
    mean_steps(s, t, rows, mean);
    for (int i = 0; i < rows; ++i) {
        if (t->weights[i] == 0.0) continue;
        int64_t label = t->y[i] > 0.0 && t->y[i] <= (double)s->classes ? (int64_t)t->y[i] : 0;
        double own = label == 0 ? 0.0 : t->along[(label - 1) * t->stride + i];
        for (int64_t k = 0; k <= s->classes; ++k) {
            if (k == label) continue;
            double step = k == 0 ? 0.0 : t->along[(k - 1) * t->stride + i];
            if (mean[i] - step > extremes[0]) extremes[0] = mean[i] - step;
            if (own - step < extremes[1]) extremes[1] = own - step;
            if (own - step > extremes[2]) extremes[2] = own - step;
        }
    }
}

static void scan_softmax_block(const softmax_question *s, int64_t first, int64_t rows, double *memory,
                               double *extremes) {
    int step = softmax_tile_rows(s);
    const softmax_tile t = softmax_tile_at(s, step, memory);
    const softmax_scratch scratch = softmax_scratch_at(memory + softmax_tile_size(s, step));
    double ignored[HEADER] = {0};
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        int padded = load_softmax_tile(s, first + done, count, &t, ignored);
        scan_softmax_rows(s, &t, padded, scratch.curvature, extremes);
    }
}

/* Probabilities of all K classes of rows [first, first + rows): K numbers to a row. */
static void predict_softmax_block(const softmax_question *s, int64_t first, int64_t rows, double *memory,
                                  double *probabilities) {
    int step = softmax_tile_rows(s);
    const softmax_tile t = softmax_tile_at(s, step, memory);
    double ignored[HEADER] = {0};
    for (int64_t done = 0; done < rows; done += step) {
        int count = rows - done < step ? (int)(rows - done) : step;
        load_softmax_tile(s, first + done, count, &t, ignored);
        for (int i = 0; i < count; ++i) {
            double *row = probabilities + (done + i) * (s->classes + 1);
            row[0] = t.reference[i];
            for (int64_t k = 0; k < s->classes; ++k) row[k + 1] = t.p[k * t.stride + i];
        }
    }
}

/* nll, d1 and d2 of up to `stride` - 8 rows with given eta (K - 1 numbers to a row, which are overwritten with d1); `memory`
 * has room for classes + 6 vectors of `stride` numbers. */
static void softmax_terms(int64_t classes, int rows, int64_t stride, const double *labels, double *eta, double *nll,
                          double *d2, double *memory) {
    int padded = (rows + 7) & ~7;
    double *y = memory + classes * stride;
    const softmax_tile t = {.p = memory, .stride = stride, .y = y, .nll = y + stride, .winner = y + 2 * stride,
                            .rest = y + 3 * stride, .reference = y + 4 * stride};
    memset(memory, 0, (classes + 6) * stride * sizeof(double));
    memcpy(y, labels, rows * sizeof(double));
    for (int i = 0; i < rows; ++i)
        for (int64_t k = 0; k < classes; ++k) t.p[k * stride + i] = eta[i * classes + k];
    softmax_rows(classes, padded, &t);
    memcpy(nll, t.nll, rows * sizeof(double));
    for (int i = 0; i < rows; ++i)
        for (int64_t k = 0; k < classes; ++k, d2 += classes) {
            double p = t.p[k * stride + i], other = t.winner[i] == (double)(k + 1) ? t.rest[i] : 1.0 - p;
            eta[i * classes + k] = y[i] == (double)(k + 1) ? -other : p;
            for (int64_t l = 0; l < classes; ++l) d2[l] = l == k ? p * other : -p * t.p[l * stride + i];
        }
}

#endif
