/* SPDX-License-Identifier: BSD-3-Clause
 *
 * H += X' diag(d2) X by outer products in registers. Included once per element type with
 *   REAL, VEC, LANES, NAME(x), V_LOAD, V_STORE, V_SET, V_ZERO, V_FMA
 * The columns are cut twice: into strips of up to STRIP_VECTORS vectors (weighted, packed strip[row][columns])
 * and into groups of up to GROUP columns, read as broadcasts from the panels. A register tile is one strip by one
 * group; only tiles that touch the lower triangle (strip column <= group column) are computed. The last
 * group has just the columns that are left, so a width that is no multiple of anything costs no more.
 */

/* strip.rows x vectors by rows x columns; hessian[column][strip column]. Sums over the rows start at zero and
 * are added to the double-precision Hessian at the end, so that floats are only ever summed within a tile. */
INLINE void NAME(register_tile)(int vectors, int columns, int rows, const REAL *RESTRICT strip, int strip_width,
                                const REAL *RESTRICT group, double *RESTRICT hessian, int64_t stride) {
    VEC sum[STRIP_VECTORS][GROUP];
    for (int v = 0; v < vectors; ++v)
        for (int b = 0; b < columns; ++b) sum[v][b] = V_ZERO();
    for (int i = 0; i < rows; ++i) {
        VEC z[STRIP_VECTORS];
        for (int v = 0; v < vectors; ++v) z[v] = V_LOAD(strip + v * LANES);
        for (int b = 0; b < columns; ++b) {
            VEC x = V_SET(group[b]);
            for (int v = 0; v < vectors; ++v) sum[v][b] = V_FMA(z[v], x, sum[v][b]);
        }
        strip += strip_width;
        group += PANEL;
    }
    for (int b = 0; b < columns; ++b)
        for (int v = 0; v < vectors; ++v) V_ADD_TO_DOUBLES(hessian + b * stride + v * LANES, sum[v][b]);
}

#define TILE_CASE(v, b)                                                                                       \
    case (v) * 16 + (b): NAME(register_tile)(v, b, rows, strip, strip_width, group, hessian, stride); break;
#if GROUP == 8
#define TILE_CASES(v) TILE_CASE(v, 1) TILE_CASE(v, 2) TILE_CASE(v, 3) TILE_CASE(v, 4) TILE_CASE(v, 5) \
    TILE_CASE(v, 6) TILE_CASE(v, 7) TILE_CASE(v, 8)
#else
#define TILE_CASES(v) TILE_CASE(v, 1) TILE_CASE(v, 2) TILE_CASE(v, 3) TILE_CASE(v, 4)
#endif

static void NAME(any_register_tile)(int vectors, int columns, int rows, const REAL *strip, int strip_width,
                                    const REAL *group, double *hessian, int64_t stride) {
    switch (vectors * 16 + columns) {
        TILE_CASES(1)
        TILE_CASES(2)
#if STRIP_VECTORS == 3
        TILE_CASES(3)
#endif
    }
}
#undef TILE_CASE
#undef TILE_CASES

/* The weighted columns [first, first + vectors * LANES) of a tile, interleaved for the register tile. */
static void NAME(pack_strip)(const double *tile, int64_t panel_stride, int64_t panels, int64_t first, int vectors,
                             int rows, const double *d2, REAL *strip) {
    for (int v = 0; v < vectors * LANES; v += VD_LANES) {
        int64_t panel = (first + v) / PANEL;
        const double *from = tile + panel * panel_stride + (first + v) % PANEL;
        for (int i = 0; i < rows; ++i) {
            vd z = panel < panels ? vd_mul(vd_load(from + i * PANEL), vd_set(d2[i])) : vd_zero();
            V_FROM_DOUBLES(strip + i * vectors * LANES + v, z);
        }
    }
}

/* One part of the Hessian from `rows` rows of a tile. `groups` holds the panels in this precision (the tile itself
 * for doubles). `hessian` has `stride` doubles to a row, a multiple of the widest vector. */
static void NAME(add_hessian)(const double *tile, const REAL *groups, int64_t panel_stride, int64_t width, int rows,
                              const double *d2, const hessian_part *part, REAL *strip, double *hessian,
                              int64_t stride) {
    int64_t panels = (width + PANEL - 1) / PANEL;
    for (int64_t s = part->strip_begin; s < part->strip_end; ++s) {
        int64_t first = s * STRIP_VECTORS * LANES;
        int64_t left = (width - first + LANES - 1) / LANES;
        int vectors = left < STRIP_VECTORS ? (int)left : STRIP_VECTORS;
        int64_t column = part->column_begin > first ? part->column_begin : first;
        NAME(pack_strip)(tile, panel_stride, panels, first, vectors, rows, d2, strip);
        for (; column < part->column_end; column += GROUP) {
            int64_t columns = part->column_end - column < GROUP ? part->column_end - column : GROUP;
            int64_t touched = (column + columns - 1 - first) / LANES + 1;
            NAME(any_register_tile)(touched < vectors ? (int)touched : vectors, (int)columns, rows, strip,
                                    vectors * LANES, groups + column / PANEL * panel_stride + column % PANEL,
                                    hessian + column * stride + first, stride);
        }
    }
}
