/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the numbers come from: columns of any numeric type, stride and byte order, read where they lie, and
 * brought into a tile. A tile holds the columns of X in panels of eight: tile[panel][row][8] doubles, so that
 * eight columns of a row are one cache line and a panel is contiguous along the rows.
 */
#ifndef MLEFAST_SOURCE_H
#define MLEFAST_SOURCE_H

#include "simd.h"

#define PANEL 8
enum { PREFETCH_BYTES = 2048 }; /* how far ahead of their use rows are asked for, at least */

typedef enum { F64, F32, I64, I32, I16, I8, U64, U32, U16, U8, ELEMENT_TYPES } element_type;

typedef struct {
    const char *data;
    const char *after; /* the first byte after the last row of this column */
    int64_t stride;    /* bytes from row to row; 0 repeats one value */
    int32_t type;   /* element_type */
    int32_t swapped; /* of the other byte order */
} column;

/* How the columns of a panel lie to each other. */
typedef enum { BY_ROWS, BY_COLUMNS, ONE_BY_ONE } panel_kind;

typedef struct {
    const column *columns;
    const int32_t *kinds; /* a panel_kind for each panel */
    int64_t rows, width;  /* n, p */
    int64_t panels;
    const double *scale, *shift; /* the tile holds x * scale + shift; whole panels, zero beyond the last column */
} design;

INLINE int64_t element_size(int32_t type) {
    static const int64_t sizes[ELEMENT_TYPES] = {8, 4, 8, 4, 2, 1, 8, 4, 2, 1};
    return sizes[type];
}

#define CONVERT_COLUMN(ctype)                                                                                 \
    for (int i = 0; i < rows; ++i) {                                                                          \
        ctype value;                                                                                          \
        memcpy(&value, from + i * stride, sizeof value);                                                      \
        to[i * step] = (double)value;                                                                         \
    }                                                                                                         \
    break

static void convert_native(const char *from, int64_t stride, int32_t type, int rows, double *to, int step) {
    switch (type) {
    case F64: CONVERT_COLUMN(double);
    case F32: CONVERT_COLUMN(float);
    case I64: CONVERT_COLUMN(int64_t);
    case I32: CONVERT_COLUMN(int32_t);
    case I16: CONVERT_COLUMN(int16_t);
    case I8: CONVERT_COLUMN(int8_t);
    case U64: CONVERT_COLUMN(uint64_t);
    case U32: CONVERT_COLUMN(uint32_t);
    case U16: CONVERT_COLUMN(uint16_t);
    default: CONVERT_COLUMN(uint8_t);
    }
}

/* Rows [first, first + rows) of one column as doubles, `step` doubles apart. */
static void read_column(const column *c, int64_t first, int rows, double *to, int step) {
    const char *from = c->data + first * c->stride;
    if (c->type == F64 && !c->swapped && c->stride == 8 && step == 1) {
        memcpy(to, from, rows * sizeof(double));
        return;
    }
    if (!c->swapped) {
        convert_native(from, c->stride, c->type, rows, to, step);
        return;
    }
    int size = (int)element_size(c->type);
    for (int i = 0; i < rows; ++i) {
        char value[8];
        for (int k = 0; k < size; ++k) value[k] = from[i * c->stride + size - 1 - k];
        convert_native(value, size, c->type, 1, to + i * step, 1);
    }
}

/* What the checks of a vector ask for, from one reading. A NaN makes the sum NaN and is neither least nor greatest. */
typedef struct { double least, greatest, sum; int64_t zeros, ones, fractions; } vector_facts;

enum { FACTS_ROWS = 256 };

/* The facts of one number; NaN is neither least nor greatest. */
INLINE void add_fact(double x, vector_facts *facts) {
    const double integers = 0x1p52; /* from here on all doubles are whole; adding it rounds to a whole number */
    if (x < facts->least) facts->least = x;
    if (x > facts->greatest) facts->greatest = x;
    facts->sum += x;
    facts->zeros += x == 0.0;
    facts->ones += x == 1.0;
    facts->fractions += fabs(x) < integers && fabs(x) + integers - integers != fabs(x);
}

/* The facts of FACTS_ROWS numbers, in vectors: every check of y, weights or offset reads them by this. */
static void add_chunk_facts(const double *chunk, vector_facts *facts) {
    const vd zero = vd_zero(), one = vd_set(1.0), integers = vd_set(0x1p52);
    vd least = vd_set(facts->least), greatest = vd_set(facts->greatest);
    vd sum = zero, zeros = zero, ones = zero, below = zero, whole = zero;
    double lanes[2][VD_LANES];
    for (int i = 0; i < FACTS_ROWS; i += VD_LANES) {
        vd x = vd_load(chunk + i), size = vd_abs(x), rounded = vd_sub(vd_add(size, integers), integers);
        vi small = vd_less(size, integers);
        least = vd_select(vd_less(x, least), x, least);
        greatest = vd_select(vd_less(greatest, x), x, greatest);
        sum = vd_add(sum, x);
        zeros = vd_add(zeros, vd_mask(vd_equal(x, zero), one));
        ones = vd_add(ones, vd_mask(vd_equal(x, one), one));
        below = vd_add(below, vd_mask(small, one));
        whole = vd_add(whole, vd_mask(small, vd_mask(vd_equal(rounded, size), one)));
    }
    vd_store(lanes[0], least);
    vd_store(lanes[1], greatest);
    for (int k = 0; k < VD_LANES; ++k) {
        if (lanes[0][k] < facts->least) facts->least = lanes[0][k];
        if (lanes[1][k] > facts->greatest) facts->greatest = lanes[1][k];
    }
    facts->sum += vd_sum(sum);
    facts->zeros += (int64_t)vd_sum(zeros), facts->ones += (int64_t)vd_sum(ones);
    facts->fractions += (int64_t)(vd_sum(below) - vd_sum(whole));
}

static void add_facts(const column *c, int64_t first, int64_t rows, vector_facts *facts) {
    double chunk[FACTS_ROWS];
    for (int64_t done = 0; done < rows; done += FACTS_ROWS) {
        int count = rows - done < FACTS_ROWS ? (int)(rows - done) : FACTS_ROWS;
        read_column(c, first + done, count, chunk, 1);
        if (count == FACTS_ROWS) add_chunk_facts(chunk, facts);
        else
            for (int i = 0; i < count; ++i) add_fact(chunk[i], facts);
    }
}

static panel_kind classify_panel(const column *c, int count) {
    int64_t size = element_size(c[0].type);
    int floats = c[0].type <= F32 && !c[0].swapped, side_by_side = 1, contiguous = c[0].stride == size;
    for (int j = 1; j < count; ++j) {
        if (c[j].type != c[0].type || c[j].swapped || c[j].stride != c[0].stride) return ONE_BY_ONE;
        side_by_side &= c[j].data == c[0].data + j * size;
    }
    if (!floats) return ONE_BY_ONE;
    if (side_by_side && count > 1) return BY_ROWS;
    return contiguous ? BY_COLUMNS : ONE_BY_ONE;
}

INLINE vd load_elements(const char *from, int is_float) {
    return is_float ? vd_from_floats((const float *)from) : vd_load((const double *)from);
}

/* The first `count` of a vector's elements, zero in the other lanes. What follows them in memory is read as well unless
 * that is `unsafe`, at the end of the user's buffer. */
INLINE vd load_some_elements(const char *from, int count, int is_float, int unsafe) {
    static const int64_t bits[2 * PANEL] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    ALIGNED char end[8 * PANEL] = {0};
    if (unsafe) {
        memcpy(end, from, count * (is_float ? 4 : 8));
        return load_elements(end, is_float);
    }
    vi mask;
    memcpy(&mask, bits + PANEL - count, sizeof mask);
    return vd_mask(mask, load_elements(from, is_float));
}

/* Where a tile and the parameters meet: rows are packed at `tile`, x'b is added to `eta`. */
typedef struct {
    const double *scale, *shift, *b;
    double *tile;
    int64_t panel_stride;
    double *eta;
} packing;

/* `count` rows (VD_LANES or fewer) of a run of columns that lie side by side, all rows at once. `ahead` points to rows
 * that follow, or is NULL: they are asked for from end to end, since memory is fastest in order. */
INLINE void pack_rows(const char *from, int64_t stride, const char *ahead, int count, int64_t width, int is_float,
                      int unsafe, const packing *to, double *RESTRICT tile, double *eta) {
    const double *scales = to->scale, *shifts = to->shift, *b = to->b;
    const int64_t size = is_float ? 4 : 8, panel_stride = to->panel_stride;
    vd sum[VD_LANES];
    UNROLL
    for (int r = 0; r < VD_LANES; ++r) sum[r] = vd_zero();
    for (; width > 0; width -= PANEL, tile += panel_stride, from += PANEL * size) {
        if (ahead)
            for (int r = 0; r < VD_LANES * size / 8; ++r, ahead += 64) PREFETCH(ahead);
        UNROLL
        for (int k = 0; k < PANEL; k += VD_LANES) {
            if (k >= width) break;
            int lanes = width - k < VD_LANES ? (int)(width - k) : VD_LANES;
            vd scale = vd_load(scales), shift = vd_load(shifts), coefficient = vd_load(b);
            UNROLL
            for (int r = 0; r < count; ++r) {
                const char *at = from + r * stride + k * size;
                vd x = lanes == VD_LANES ? load_elements(at, is_float)
                                         : load_some_elements(at, lanes, is_float, unsafe);
                x = vd_fma(x, scale, shift);
                vd_store(tile + r * PANEL + k, x);
                sum[r] = vd_fma(x, coefficient, sum[r]);
            }
            scales += VD_LANES, shifts += VD_LANES, b += VD_LANES;
        }
    }
    vd_store(eta, vd_add(vd_load(eta), vd_sum_each(sum)));
}

/* A run of panels whose columns lie side by side in memory. */
INLINE void pack_by_rows(const column *c, int64_t first, int rows, int64_t width, int is_float, const packing *to) {
    int64_t size = is_float ? 4 : 8, stride = c[0].stride;
    const char *from = c[0].data + first * stride;
    int64_t covered = (width + VD_LANES - 1) / VD_LANES * VD_LANES * size; /* bytes that the vectors of a row read */
    int64_t ahead = VD_LANES * stride;
    while (stride > 0 && ahead < PREFETCH_BYTES) ahead *= 2;
    for (int i = 0, count; i < rows; i += count, from += count * stride) {
        count = rows - i < VD_LANES ? rows - i : VD_LANES;
        int safe = stride > 0 && from + (count - 1) * stride + covered <= c[0].after;
        double *tile = to->tile + i * PANEL, *eta = to->eta + i;
        if (count == VD_LANES && safe)
            pack_rows(from, stride, from + ahead, VD_LANES, width, is_float, 0, to, tile, eta);
        else pack_rows(from, stride, NULL, count, width, is_float, 1, to, tile, eta);
    }
}

/* A panel of contiguous columns: squares of VD_LANES rows and columns are transposed in registers. */
INLINE void pack_by_columns(const column *c, int64_t first, int rows, int count, int is_float, const packing *to) {
    int64_t size = is_float ? 4 : 8;
    int whole = rows / VD_LANES * VD_LANES;
    for (int i = 0; i < whole; i += VD_LANES) {
        vd eta = vd_load(to->eta + i);
        for (int k = 0; k < count; k += VD_LANES) {
            vd square[VD_LANES];
            UNROLL
            for (int j = 0; j < VD_LANES; ++j) {
                square[j] = vd_zero();
                if (k + j >= count) continue;
                const char *at = c[k + j].data + (first + i) * size;
                if (i * size % 64 == 0) PREFETCH(at + rows * size); /* the same columns are read there next */
                vd x = load_elements(at, is_float);
                square[j] = vd_fma(x, vd_set(to->scale[k + j]), vd_set(to->shift[k + j]));
                eta = vd_fma(square[j], vd_set(to->b[k + j]), eta);
            }
            vd_transpose(square);
            UNROLL
            for (int j = 0; j < VD_LANES; ++j) vd_store(to->tile + (i + j) * PANEL + k, square[j]);
        }
        vd_store(to->eta + i, eta);
    }
    for (int i = whole; i < rows; ++i)
        for (int j = 0; j < count; ++j) {
            double x;
            read_column(c + j, first + i, 1, &x, 1);
            x = x * to->scale[j] + to->shift[j];
            to->tile[i * PANEL + j] = x;
            to->eta[i] += x * to->b[j];
        }
}

static void pack_one_by_one(const column *c, int64_t first, int rows, int count, const packing *to) {
    for (int j = 0; j < count; ++j) {
        double scale = to->scale[j], shift = to->shift[j], b = to->b[j], *x = to->tile + j;
        read_column(c + j, first, rows, x, PANEL);
        for (int i = 0; i < rows; ++i) {
            x[i * PANEL] = x[i * PANEL] * scale + shift;
            to->eta[i] += x[i * PANEL] * b;
        }
    }
}

/* How many panels from `panel` on can be packed in one go. */
static int64_t run_length(const design *x, int64_t panel) {
    int64_t length = 1;
    const column *c = x->columns + panel * PANEL;
    if (x->kinds[panel] != BY_ROWS) return 1;
    while (panel + length < x->panels && x->kinds[panel + length] == BY_ROWS) {
        const column *next = c + length * PANEL;
        if (next->type != c->type || next->stride != c->stride
            || next->data != c->data + length * PANEL * element_size(c->type))
            break;
        ++length;
    }
    return length;
}

/* Rows [first, first + rows) of all columns into a tile, and x'b added to eta, which has room for whole vectors. */
static void pack_tile(const design *x, int64_t first, int rows, const double *b, double *tile, int64_t panel_stride,
                      double *eta) {
    for (int64_t panel = 0, length; panel < x->panels; panel += length) {
        length = run_length(x, panel);
        const column *c = x->columns + panel * PANEL;
        int64_t begin = panel * PANEL, left = x->width - begin;
        int64_t width = left < length * PANEL ? left : length * PANEL;
        const packing to = {x->scale + begin, x->shift + begin, b + begin, tile + panel * panel_stride, panel_stride,
                            eta};
        if (x->kinds[panel] == ONE_BY_ONE) pack_one_by_one(c, first, rows, (int)width, &to);
        else if (x->kinds[panel] == BY_ROWS && c->type == F32) pack_by_rows(c, first, rows, width, 1, &to);
        else if (x->kinds[panel] == BY_ROWS) pack_by_rows(c, first, rows, width, 0, &to);
        else if (c->type == F32) pack_by_columns(c, first, rows, (int)width, 1, &to);
        else pack_by_columns(c, first, rows, (int)width, 0, &to);
    }
}

#endif
