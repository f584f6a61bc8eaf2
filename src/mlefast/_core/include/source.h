/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the numbers come from: columns of any numeric type, stride and byte order, read where they lie, and
 * brought into a tile. A tile holds the columns of X in panels of eight: tile[panel][row][8] doubles, so that
 * eight columns of a row are one cache line and a panel is contiguous along the rows.
 */
#ifndef MLEFAST_SOURCE_H
#define MLEFAST_SOURCE_H

#include "simd.h"

enum { PANEL = 8 };

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
    const double *centre, *scale; /* padded to 8 panels; the tile holds (x - centre) * scale; NULL: x as it is */
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

INLINE vd load_element_vector(const char *from, int is_float) {
    return is_float ? vd_from_floats((const float *)from) : vd_load((const double *)from);
}

/* The lanes of a panel that hold one of `count` columns: all bits set there, none elsewhere. */
INLINE vi panel_mask(int count, int k) {
    static const int64_t bits[2 * PANEL] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    vi mask;
    memcpy(&mask, bits + PANEL - count + k, sizeof mask);
    return mask;
}

/* Panels whose columns lie side by side in memory: copy the eight values of each row. Rows that are followed by
 * others may be read beyond their end; what is read there is masked out. */
INLINE void pack_by_rows(const column *c, int64_t first, int rows, int count, int is_float, int affine,
                         const double *centre, const double *scale, double *to) {
    int64_t size = is_float ? 4 : 8, stride = c[0].stride;
    const char *from = c[0].data + first * stride;
    int i = 0;
    int64_t whole = rows;
    if (count < PANEL) { /* rows after which at least PANEL elements are the array's own */
        int64_t beyond = stride > 0 ? (c[0].after - from) - PANEL * size : -1;
        whole = beyond < 0 ? 0 : beyond / stride + 1;
        if (whole > rows) whole = rows;
    }
    for (; i < whole; ++i, from += stride, to += PANEL)
        for (int k = 0; k < PANEL; k += VD_LANES) {
            vd x = load_element_vector(from + k * size, is_float);
            if (affine) x = vd_mul(vd_sub(x, vd_load(centre + k)), vd_load(scale + k));
            vd_store(to + k, count < PANEL ? vd_mask(panel_mask(count, k), x) : x);
        }
    for (; i < rows; ++i, from += stride, to += PANEL)
        for (int k = 0; k < PANEL; ++k) {
            double x = 0.0;
            if (k < count) x = is_float ? (double)((const float *)from)[k] : ((const double *)from)[k];
            to[k] = affine && k < count ? (x - centre[k]) * scale[k] : x;
        }
}

/* Panels of contiguous columns: squares of VD_LANES rows and columns are transposed in registers. */
INLINE void pack_by_columns(const column *c, int64_t first, int rows, int count, int is_float, int affine,
                            const double *centre, const double *scale, double *to) {
    int64_t size = is_float ? 4 : 8;
    for (int k = 0; k < PANEL; k += VD_LANES) {
        int i = 0;
        for (; i + VD_LANES <= rows; i += VD_LANES) {
            vd square[VD_LANES];
            UNROLL
            for (int j = 0; j < VD_LANES; ++j) {
                if (k + j < count) {
                    vd x = load_element_vector(c[k + j].data + (first + i) * size, is_float);
                    if (affine) x = vd_mul(vd_sub(x, vd_set(centre[k + j])), vd_set(scale[k + j]));
                    square[j] = x;
                } else {
                    square[j] = vd_zero();
                }
            }
            vd_transpose(square);
            UNROLL
            for (int j = 0; j < VD_LANES; ++j) vd_store(to + (i + j) * PANEL + k, square[j]);
        }
        for (; i < rows; ++i)
            for (int j = k; j < k + VD_LANES; ++j) {
                double x = 0.0;
                if (j < count) {
                    read_column(c + j, first + i, 1, &x, 1);
                    if (affine) x = (x - centre[j]) * scale[j];
                }
                to[i * PANEL + j] = x;
            }
    }
}

INLINE void pack_one_by_one(const column *c, int64_t first, int rows, int count, int affine, const double *centre,
                            const double *scale, double *to) {
    for (int j = 0; j < PANEL; ++j) {
        if (j < count) read_column(c + j, first, rows, to + j, PANEL);
        for (int i = 0; i < rows; ++i) {
            double x = j < count ? to[i * PANEL + j] : 0.0;
            to[i * PANEL + j] = affine && j < count ? (x - centre[j]) * scale[j] : x;
        }
    }
}

#define PACK_CASES(function)                                                                                  \
    if (is_float && affine) function(c, first, rows, count, 1, 1, centre, scale, to);                         \
    else if (is_float) function(c, first, rows, count, 1, 0, centre, scale, to);                              \
    else if (affine) function(c, first, rows, count, 0, 1, centre, scale, to);                                \
    else function(c, first, rows, count, 0, 0, centre, scale, to)

/* Ask for rows [first, first + rows) ahead of their use, a cache line at a time. The hardware's own prefetchers
 * give up at the strides of a tile. */
static void prefetch_rows(const design *x, int64_t first, int rows) {
    if (first + rows > x->rows) return;
    for (int64_t panel = 0; panel < x->panels; ++panel) {
        const column *c = x->columns + panel * PANEL;
        int64_t left = x->width - panel * PANEL, size = element_size(c[0].type);
        int count = left < PANEL ? (int)left : PANEL;
        if (x->kinds[panel] == BY_ROWS) {
            const char *from = c[0].data + first * c[0].stride;
            if (size == 4 && panel % 2) continue; /* two panels of floats to a line */
            for (int i = 0; i < rows; ++i) PREFETCH(from + i * c[0].stride);
        } else if (x->kinds[panel] == BY_COLUMNS) {
            for (int j = 0; j < count; ++j)
                for (int64_t byte = 0; byte < rows * size; byte += 64) PREFETCH(c[j].data + first * size + byte);
        }
    }
}

/* One panel of rows [first, first + rows); columns beyond the last are zero. */
static void pack_panel(const design *x, int64_t panel, int64_t first, int rows, double *to) {
    const column *c = x->columns + panel * PANEL;
    int64_t left = x->width - panel * PANEL;
    int count = left < PANEL ? (int)left : PANEL;
    int is_float = c[0].type == F32, affine = x->centre != NULL;
    const double *centre = affine ? x->centre + panel * PANEL : NULL;
    const double *scale = affine ? x->scale + panel * PANEL : NULL;
    if (x->kinds[panel] == BY_ROWS) {
        if (count == PANEL) {
            const int count = PANEL; /* a constant for the compiler */
            PACK_CASES(pack_by_rows);
        } else {
            PACK_CASES(pack_by_rows);
        }
    } else if (x->kinds[panel] == BY_COLUMNS) {
        PACK_CASES(pack_by_columns);
    } else {
        pack_one_by_one(c, first, rows, count, affine, centre, scale, to);
    }
}

#endif
