# SPDX-License-Identifier: BSD-3-Clause
#
# The pass that shares one Hessian among the threads: all work on one block at a time, first on its rows, then on parts
# of the Hessian.


cdef bint shares_columns(const question *q, int64_t whole) noexcept nogil:
    """Whether the threads share one Hessian; the shape of the whole data decides, not the number of threads."""
    return q.order == 2 and (q.x.width >= VERY_WIDE
                             or (q.x.width >= WIDE and whole < <int64_t>FEW_BLOCKS * BLOCK_ROWS))


cdef void evaluate_part(const question *q, int64_t rows, const double *tile, const float *groups,
                        const row_vectors *v, const hessian_part *part, double *strip, double *xd1,
                        double *hessian) noexcept nogil:
    """One part of the Hessian from all rows of a block."""
    cdef int64_t done = 0
    cdef packed_tile t
    t.panel_stride = tile_panel_stride(BLOCK_ROWS)
    t.width = q.x.width
    t.ahead = <const char *>tile
    t.ahead_step = 0
    while done < rows:
        t.tile = tile + done * PANEL
        t.rows = <int>min(<int64_t>HESSIAN_ROWS, rows - done)
        t.d1 = v.d1 + done
        t.d2 = v.d2 + done
        add_tile_hessian(q, &t, groups + done * PANEL, part, strip, xd1, hessian)
        done += HESSIAN_ROWS


cdef int64_t make_parts(const question *q, int64_t edge, hessian_part *parts) noexcept nogil:
    """Cut the lower triangle into squares of `edge` columns, a whole number of strips; counts only if parts is NULL."""
    cdef int64_t width = q.x.width, strips = edge // strip_width(q.single), begin, end, strip, square, count = 0
    for square in range((width + edge - 1) // edge):
        begin = square * edge
        end = min(begin + edge, width)
        strip = 0
        while strip * strip_width(q.single) < end:
            if parts != NULL:
                parts[count].strip_begin = strip
                parts[count].strip_end = min(strip + strips, strip_count(q))
                parts[count].column_begin = begin
                parts[count].column_end = end
            count += 1
            strip += strips
    return count


cdef int by_columns(const question *q, int threads, const extent *where, Sums total) except -1:
    """All threads work on one block at a time and on one Hessian."""
    cdef int64_t n = q.x.rows, panels = q.x.panels, blocks = block_count(n)
    cdef int64_t sums = sums_size(q)
    cdef int thread = 0
    cdef int64_t block_tiles = BLOCK_ROWS // SHARED_ROWS, stride = tile_panel_stride(BLOCK_ROWS)
    cdef int64_t edge = SHARED_EDGE
    while edge > SHARED_EDGE // 4 and make_parts(q, edge, NULL) < 6 * threads:
        edge //= 2
    cdef int64_t part_count = make_parts(q, edge, NULL), part
    cdef hessian_part *parts = <hessian_part *>malloc(part_count * sizeof(hessian_part))
    cdef int64_t tile_size = panels * stride
    cdef int64_t size = (tile_size + round_up(ROW_VECTORS * BLOCK_ROWS) + block_tiles * sums + threads * strip_size()
                         + sums + ((tile_size + 1) // 2 if q.single else 0) + 64)
    cdef double *memory = <double *>malloc(size * sizeof(double))
    if memory == NULL or parts == NULL:
        free(parts)
        free(memory)
        raise MemoryError("not enough memory for the Hessian of %d columns" % q.x.width)
    make_parts(q, edge, parts)
    memset(memory, 0, size * sizeof(double))  # lanes beyond the last column are read but never written
    cdef double *tile = aligned(memory)
    cdef float *groups = <float *>(tile + tile_size)
    cdef double *vectors = tile + tile_size + ((tile_size + 1) // 2 if q.single else 0)
    vectors = aligned(vectors)
    cdef double *tile_sums = vectors + ROW_VECTORS * BLOCK_ROWS
    cdef double *strips = aligned(tile_sums + block_tiles * sums)
    cdef double *block_sums = strips + threads * strip_size()
    cdef double *hessian = total.total + sums
    cdef tree *row_tree = &total.rows
    cdef tree *hessian_tree = &total.hessians
    cdef row_vectors v = row_vectors_at(vectors, BLOCK_ROWS)
    cdef int64_t block = 0, first = 0, rows = 0, padded_rows = 0, tiles = 0, t, wave, start, stop
    cdef double work = <double>BLOCK_ROWS * cost_per_row(q)
    wave = max(<int64_t>1, <int64_t>(WAVE_WORK / work))
    try:
        for start in range(0, blocks, wave):
            stop = min(start + wave, blocks)
            with nogil, parallel(num_threads=threads):
                thread = threadid()
                for block in range(start, stop):
                    first = block * BLOCK_ROWS
                    rows = min(<int64_t>BLOCK_ROWS, n - first)
                    padded_rows = round_up(rows)
                    tiles = (rows + SHARED_ROWS - 1) // SHARED_ROWS
                    for t in prange(tiles, schedule="dynamic", chunksize=1):
                        memset(tile_sums + t * sums, 0, sums * sizeof(double))
                        evaluate_tile_at(q, first, t * SHARED_ROWS,
                                         <int>min(<int64_t>SHARED_ROWS, rows - t * SHARED_ROWS), tile, groups, stride,
                                         &v, tile_sums + t * sums)
                    for t in prange(1):
                        add_tile_sums(tile_sums, tiles, sums, block_sums)
                    for part in prange(part_count, schedule="dynamic", chunksize=1):
                        evaluate_part(q, padded_rows, tile, groups, &v, parts + part, strips + thread * strip_size(),
                                      block_sums + HEADER, hessian)
                    for t in prange(1):
                        push(row_tree, block_sums, 0)
                        push_hessian(hessian_tree, hessian, where, block)
            if start + wave < blocks:
                PyErr_CheckSignals()
    finally:
        free(memory)
        free(parts)
    return 0


cdef void push_hessian(tree *hessians, double *hessian, const extent *where, int64_t block) noexcept nogil:
    """After a block: the Hessian that was summed in place, if it is complete and not the only one, into its tree."""
    cdef int64_t done = where.first // BLOCK_ROWS + block + 1, blocks = block_count(where.whole)
    if blocks > (1 << SHARED_TREE) and (done % (1 << SHARED_TREE) == 0 or done == blocks):
        push(hessians, hessian, 0)
        memset(hessian, 0, hessians.size * sizeof(double))


cdef void evaluate_tile_at(const question *q, int64_t block_first, int64_t done, int rows, double *tile, float *groups,
                           int64_t stride, const row_vectors *all, double *sums) noexcept nogil:
    """A tile within the rows of a block that is packed as a whole."""
    cdef row_vectors v = row_vectors_from(all, done)
    evaluate_tile(q, block_first + done, rows, tile + done * PANEL, groups + done * PANEL, stride, &v, sums)


cdef void add_tile_sums(const double *tile_sums, int64_t tiles, int64_t sums, double *block_sums) noexcept nogil:
    cdef int64_t i
    memset(block_sums, 0, sums * sizeof(double))
    for i in range(tiles):
        add_to(block_sums, tile_sums + i * sums, sums)
