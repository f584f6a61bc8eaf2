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

/* A run of panels whose columns lie side by side in memory: the rows are read from end to end, since memory is fastest
 * in order. Rows that are followed by others may be read beyond their end; what is read there is masked out. */
INLINE void pack_by_rows(const column *c, int64_t first, int rows, int64_t width, int is_float, int affine,
                         const double *centre, const double *scale, double *to, int64_t panel_stride) {
    int64_t size = is_float ? 4 : 8, stride = c[0].stride, whole = width / PANEL * PANEL;
    int tail = (int)(width - whole);
    const char *from = c[0].data + first * stride;
    for (int i = 0; i < rows; ++i, from += stride, to += PANEL) {
        double *row = to;
        int64_t j = 0;
        for (; j < whole; j += PANEL, row += panel_stride)
            for (int k = 0; k < PANEL; k += VD_LANES) {
                vd x = load_element_vector(from + (j + k) * size, is_float);
                if (affine) x = vd_mul(vd_sub(x, vd_load(centre + j + k)), vd_load(scale + j + k));
                vd_store(row + k, x);
            }
        if (!tail) continue;
        if (stride > 0 && from + (whole + PANEL) * size <= c[0].after) {
            for (int k = 0; k < PANEL; k += VD_LANES) {
                vd x = load_element_vector(from + (j + k) * size, is_float);
                if (affine) x = vd_mul(vd_sub(x, vd_load(centre + j + k)), vd_load(scale + j + k));
                vd_store(row + k, vd_mask(panel_mask(tail, k), x));
            }
        } else {
            for (int k = 0; k < PANEL; ++k) {
                double x = 0.0;
                if (k < tail) x = is_float ? (double)((const float *)from)[j + k] : ((const double *)from)[j + k];
                row[k] = affine && k < tail ? (x - centre[j + k]) * scale[j + k] : x;
            }
        }
    }
}

/* Panels of contiguous columns: squares of VD_LANES rows and columns are transposed in registers. */
INLINE void pack_by_columns(const column *c, int64_t first, int rows, int count, int is_float, int affine,
                            const double *centre, const double *scale, double *to, int64_t panel_stride) {
    (void)panel_stride; /* a panel at a time */
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

/* The loops once for each type and for raw or standardised columns, so that they branch on neither. */
#define PACK_CASES(function, ...)                                                                             \
    if (is_float && affine) function(__VA_ARGS__, 1, 1, centre, scale, to, panel_stride);                     \
    else if (is_float) function(__VA_ARGS__, 1, 0, centre, scale, to, panel_stride);                          \
    else if (affine) function(__VA_ARGS__, 0, 1, centre, scale, to, panel_stride);                            \
    else function(__VA_ARGS__, 0, 0, centre, scale, to, panel_stride)

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

/* Rows [first, first + rows) of all columns into a tile; columns beyond the last are zero. */
static void pack_tile(const design *x, int64_t first, int rows, double *tile, int64_t panel_stride) {
    for (int64_t panel = 0, length; panel < x->panels; panel += length) {
        length = run_length(x, panel);
        const column *c = x->columns + panel * PANEL;
        int64_t left = x->width - panel * PANEL, width = left < length * PANEL ? left : length * PANEL;
        int is_float = c[0].type == F32, affine = x->centre != NULL;
        const double *centre = affine ? x->centre + panel * PANEL : NULL;
        const double *scale = affine ? x->scale + panel * PANEL : NULL;
        double *to = tile + panel * panel_stride;
        if (x->kinds[panel] == BY_ROWS) {
            PACK_CASES(pack_by_rows, c, first, rows, width);
        } else if (x->kinds[panel] == BY_COLUMNS) {
            PACK_CASES(pack_by_columns, c, first, rows, (int)width);
        } else {
            pack_one_by_one(c, first, rows, (int)width, affine, centre, scale, to);
        }
    }
}

#endif
