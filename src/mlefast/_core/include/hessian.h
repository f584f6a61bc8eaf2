/* SPDX-License-Identifier: BSD-3-Clause
 *
 * H += X' diag(d2) X by outer products in registers. Included once per element type with
 *   REAL, VEC, LANES, NAME(x), V_LOAD, V_SET, V_ZERO, V_FMA, V_ADD_TO_DOUBLES, V_FROM_DOUBLES
 * The columns are cut twice: into strips of up to STRIP_VECTORS vectors (weighted, packed strip[row][columns])
 * and into groups of up to GROUP columns, read as broadcasts from the panels. A register tile is one strip by one
 * group; only tiles that touch the lower triangle (strip column <= group column) are computed. The last
 * group has just the columns that are left, so a width that is no multiple of anything costs no more.
 */

/* Whether one vector of a strip meets two groups at the diagonal, which keep more sums in flight together. */
#define TWO_GROUPS (2 * GROUP <= LANES && 2 * GROUP <= PANEL)

/* strip.rows x vectors by rows x columns; hessian[column][strip column]. Sums over the rows start at zero and
 * are added to the double-precision Hessian at the end, so that floats are only ever summed within a tile. On the way
 * rows to come are asked for from memory, `ahead_step` bytes at each row. */
INLINE void NAME(register_tile)(int vectors, int columns, int rows, const REAL *RESTRICT strip, int strip_width,
                                const REAL *RESTRICT group, double *RESTRICT hessian, int64_t stride,
                                const char *ahead, int64_t ahead_step) {
    VEC sum[STRIP_VECTORS][TWO_GROUPS ? 2 * GROUP : GROUP];
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
        PREFETCH(ahead);
        ahead += ahead_step;
    }
    for (int b = 0; b < columns; ++b)
        for (int v = 0; v < vectors; ++v) V_ADD_TO_DOUBLES(hessian + b * stride + v * LANES, sum[v][b]);
}

#define TILE_CASE(v, b)                                                                                       \
    case (v) * 16 + (b):                                                                                      \
        NAME(register_tile)(v, b, rows, strip, strip_width, group, hessian, stride, ahead, step);             \
        break;
#if GROUP == 8
#define TILE_CASES(v) TILE_CASE(v, 1) TILE_CASE(v, 2) TILE_CASE(v, 3) TILE_CASE(v, 4) TILE_CASE(v, 5) \
    TILE_CASE(v, 6) TILE_CASE(v, 7) TILE_CASE(v, 8)
#else
#define TILE_CASES(v) TILE_CASE(v, 1) TILE_CASE(v, 2) TILE_CASE(v, 3) TILE_CASE(v, 4)
#endif

static void NAME(any_register_tile)(int vectors, int columns, int rows, const REAL *strip, int strip_width,
                                    const REAL *group, double *hessian, int64_t stride, const char *ahead,
                                    int64_t step) {
    switch (vectors * 16 + columns) {
        TILE_CASES(1)
#if TWO_GROUPS
        TILE_CASE(1, 2 * GROUP)
#endif
        TILE_CASES(2)
#if STRIP_VECTORS >= 3
        TILE_CASES(3)
#endif
#if STRIP_VECTORS >= 4
        TILE_CASES(4)
#endif
    }
}
#undef TILE_CASE
#undef TILE_CASES

#if DIAGONAL_TILES
/* The corner of a strip at the diagonal, two groups wide: one vector by the first, two by the second, with as many sums
 * in flight as a whole register tile; one after the other they would wait for their own sums. */
static void NAME(diagonal_tile)(int rows, const REAL *RESTRICT strip, int strip_width, const REAL *RESTRICT near,
                                const REAL *RESTRICT far, double *RESTRICT hessian, int64_t stride, const char *ahead,
                                int64_t ahead_step) {
    VEC one[GROUP], two[2][GROUP];
    for (int b = 0; b < GROUP; ++b) one[b] = two[0][b] = two[1][b] = V_ZERO();
    for (int i = 0; i < rows; ++i) {
        VEC z0 = V_LOAD(strip), z1 = V_LOAD(strip + LANES);
        for (int b = 0; b < GROUP; ++b) one[b] = V_FMA(z0, V_SET(near[b]), one[b]);
        for (int b = 0; b < GROUP; ++b) {
            VEC x = V_SET(far[b]);
            two[0][b] = V_FMA(z0, x, two[0][b]);
            two[1][b] = V_FMA(z1, x, two[1][b]);
        }
        strip += strip_width;
        near += PANEL;
        far += PANEL;
        PREFETCH(ahead);
        ahead += ahead_step;
    }
    for (int b = 0; b < GROUP; ++b) {
        V_ADD_TO_DOUBLES(hessian + b * stride, one[b]);
        V_ADD_TO_DOUBLES(hessian + (GROUP + b) * stride, two[0][b]);
        V_ADD_TO_DOUBLES(hessian + (GROUP + b) * stride + LANES, two[1][b]);
    }
}
#endif

/* `count` vectors of doubles of a strip from its column `first` on: the weighted columns, interleaved for the register
 * tiles, and with `sums` also x'd1 and x'd2, from the same loads. */
INLINE void NAME(pack_vectors)(int count, int sums, const packed_tile *t, int64_t first, REAL *strip, int strip_width,
                               double *xd1, double *xd2) {
    vd s1[STRIP_VECTORS], s2[STRIP_VECTORS];
    const double *from[STRIP_VECTORS];
    for (int v = 0; v < count; ++v) {
        int64_t column = first + v * VD_LANES;
        from[v] = t->tile + column / PANEL * t->panel_stride + column % PANEL;
        s1[v] = s2[v] = vd_zero();
    }
    for (int i = 0; i < t->rows; ++i) {
        vd w1 = vd_set(sums ? t->d1[i] : 0.0), w2 = vd_set(t->d2[i]);
        for (int v = 0; v < count; ++v) {
            vd x = vd_load(from[v] + i * PANEL), z = vd_mul(x, w2);
            V_FROM_DOUBLES(strip + i * strip_width + v * VD_LANES, z);
            if (!sums) continue;
            s1[v] = vd_fma(x, w1, s1[v]);
            s2[v] = vd_add(s2[v], z);
        }
    }
    for (int v = 0; sums && v < count; ++v) {
        vd_add_to(xd1 + first + v * VD_LANES, s1[v]);
        vd_add_to(xd2 + first + v * VD_LANES, s2[v]);
    }
}

static void NAME(pack_strip)(const packed_tile *t, int64_t first, int strip_width, double *xd1, double *xd2,
                             REAL *strip) {
    int64_t end = first + strip_width;
    if (end > t->width) end = t->width;
    for (; first < end; first += STRIP_VECTORS * VD_LANES, strip += STRIP_VECTORS * VD_LANES) {
        int64_t left = (end - first + VD_LANES - 1) / VD_LANES;
        int count = left < STRIP_VECTORS ? (int)left : STRIP_VECTORS;
#define STRIP_CASE(n)                                                                                         \
    if (count == n && xd1) NAME(pack_vectors)(n, 1, t, first, strip, strip_width, xd1, xd2);                   \
    if (count == n && !xd1) NAME(pack_vectors)(n, 0, t, first, strip, strip_width, xd1, xd2);
        STRIP_CASE(1)
        STRIP_CASE(2)
#if STRIP_VECTORS >= 3
        STRIP_CASE(3)
#endif
#if STRIP_VECTORS >= 4
        STRIP_CASE(4)
#endif
#undef STRIP_CASE
    }
}

/* One part of the Hessian from the rows of a tile, with the sums x'd1 and x'd2 of the strips whose diagonal it holds.
 * `groups` has the panels in this precision (the tile itself for doubles). `hessian` has `stride` doubles to a row, a
 * multiple of the widest vector. */
static void NAME(add_hessian)(const packed_tile *t, const REAL *groups, const hessian_part *part, REAL *strip,
                              double *xd1, double *xd2, double *hessian, int64_t stride) {
    const char *ahead = t->ahead;
    for (int64_t s = part->strip_begin; s < part->strip_end; ++s) {
        int64_t first = s * STRIP_VECTORS * LANES;
        int64_t left = (t->width - first + LANES - 1) / LANES;
        int vectors = left < STRIP_VECTORS ? (int)left : STRIP_VECTORS, strip_width = vectors * LANES;
        int64_t column = part->column_begin > first ? part->column_begin : first;
        if (column >= part->column_end) continue;
        int diagonal = column == first;
        NAME(pack_strip)(t, first, strip_width, diagonal ? xd1 : NULL, xd2, strip);
#define GROUP_AT(j) (groups + (j) / PANEL * t->panel_stride + (j) % PANEL)
#if DIAGONAL_TILES
        if (diagonal && vectors > 1 && part->column_end - column >= 2 * GROUP) {
            NAME(diagonal_tile)(t->rows, strip, strip_width, GROUP_AT(column), GROUP_AT(column + GROUP),
                                hessian + column * stride + first, stride, ahead, t->ahead_step);
            ahead += t->rows * t->ahead_step;
            column += 2 * GROUP;
        }
#endif
        for (int64_t columns; column < part->column_end; column += columns) {
            int64_t room = TWO_GROUPS && column == first ? 2 * GROUP : GROUP;
            columns = part->column_end - column < room ? part->column_end - column : room;
            if (columns > GROUP && columns < room) columns = GROUP;
            int64_t touched = (column + columns - 1 - first) / LANES + 1;
            NAME(any_register_tile)(touched < vectors ? (int)touched : vectors, (int)columns, t->rows, strip,
                                    strip_width, GROUP_AT(column), hessian + column * stride + first, stride, ahead,
                                    t->ahead_step);
            ahead += t->rows * t->ahead_step;
        }
#undef GROUP_AT
    }
}
#undef TWO_GROUPS
