# SPDX-License-Identifier: BSD-3-Clause
#
# The hot loop. Blocks of rows go to OpenMP threads; each block gives a flat array of sums (include/block.h); these are
# added in a binary tree over the index of the block, whose shape depends on nothing but that index. So every
# number of threads gives the same bits. Two ways to share the work:
#
# - by rows: a thread takes an aligned subtree of blocks, with a Hessian of its own, and waits for nobody;
# - by columns: all threads work on one block, first on its rows, then on parts of the Hessian, of which there is
#   one only (very wide X, or wide X with few blocks).
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cython.parallel cimport parallel, prange, threadid
from libc.stdint cimport int16_t, int32_t, int64_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import sys

import numpy as np

cdef extern from "block.h":
    ctypedef struct column:
        const char *data
        const char *after
        int64_t stride
        int32_t type
        int32_t swapped
    ctypedef struct vector_facts:
        double least, greatest, sum
        int64_t zeros, ones, fractions
    ctypedef struct design:
        const column *columns
        const int32_t *kinds
        int64_t rows, width, panels
        const double *scale
        const double *shift
    ctypedef void (*leaf_function)(int64_t, const double *, const double *, const double *, double *, double *,
                                   double *) noexcept nogil
    ctypedef void (*third_function)(int64_t, const double *, const double *, const double *, double *) noexcept nogil
    ctypedef int border
    ctypedef enum summand:
        DERIVATIVES
        SCORES
        PRIOR
    ctypedef struct whitening:
        const double *strips
        const int64_t *used
        int64_t count, stride
    ctypedef struct named_leaf:
        const char *name
        leaf_function function
        border border
        double tail
        third_function third
    ctypedef struct question:
        design x
        const column *y
        const column *weights
        const column *offset
        leaf_function leaf
        third_function third
        const double *shape
        border border
        double tail
        const double *b
        double intercept
        int order, single
        summand summand
        int power, counted
        whitening inverse
        double *leverages
        int64_t stride
    ctypedef struct row_vectors:
        double *d1
        double *d2
    ctypedef struct hessian_part:
        int64_t strip_begin, strip_end, column_begin, column_end
    ctypedef struct packed_tile:
        const double *tile
        int64_t panel_stride, width
        int rows
        const double *d1
        const double *d2
        const char *ahead
        int64_t ahead_step
    ctypedef struct workspace:
        double *tile
        double *vectors
        double *strip
        float *groups
    const named_leaf *LEAVES
    int LEAF_COUNT, PANEL, NLL, FINITE, SUM_D1, SUM_D2, REACH, HEADER, BLOCK_ROWS, HESSIAN_ROWS, ROW_VECTORS
    int VD_LANES, WHITENING_WIDTH
    int F64, F32, I64, I32, I16, I8, U64, U32, U16, U8
    void add_facts(const column *c, int64_t first, int64_t rows, vector_facts *facts) noexcept nogil
    int classify_panel(const column *c, int count) noexcept nogil
    int64_t element_size(int32_t type) noexcept nogil
    int tile_rows(const question *q) noexcept nogil
    int64_t sums_size(int64_t panels) noexcept nogil
    int64_t tile_panel_stride(int64_t rows) noexcept nogil
    int64_t strip_size() noexcept nogil
    int64_t strip_width(int single) noexcept nogil
    int64_t strip_count(const question *q) noexcept nogil
    row_vectors row_vectors_at(double *memory, int64_t length) noexcept nogil
    row_vectors row_vectors_from(const row_vectors *v, int64_t row) noexcept nogil
    int evaluate_tile(const question *q, int64_t first, int rows, double *tile, float *groups, int64_t panel_stride,
                      const row_vectors *v, double *sums) noexcept nogil
    void evaluate_block(const question *q, int64_t first, int64_t rows, const workspace *ws,
                        double *sums) noexcept nogil
    void add_tile_hessian(const question *q, const packed_tile *t, const float *groups, const hessian_part *part,
                          double *strip, double *xd1, double *hessian) noexcept nogil
    void scan_direction(const question *q, const double *d, double d_intercept, int64_t first, int64_t rows,
                        const workspace *ws, double *extremes) noexcept nogil
    void predict_rows(const question *q, int64_t first, int64_t rows, const workspace *ws, double *eta) noexcept nogil

cdef enum:
    WIDE = 64           # from here on a Hessian is worth sharing among the threads if there are few blocks,
    FEW_BLOCKS = 32     # namely fewer than these,
    VERY_WIDE = 256     # and from here on in any case
    SHARED_ROWS = 128   # rows that a thread packs at a time when all work on one block,
    SHARED_EDGE = 192   # and columns of the part of the Hessian that it adds to then, at most: these stay in its cache
    SHARED_TREE = 6     # log2 of the blocks whose Hessian is summed in place before it enters the tree
    CHUNKS = 128        # subtrees per wave at most: enough to balance the threads
    PARTIALS = 4000000  # doubles that their sums may take together: 32 MB

# Floating-point operations between two looks for Ctrl-C, and below which no thread is started.
cdef double WAVE_WORK = 5e9
cdef double THREAD_WORK = 5e5

LANES = VD_LANES
BLOCK = BLOCK_ROWS


cdef double *aligned(double *memory) noexcept nogil:
    return <double *>((<size_t>memory + 63) & ~<size_t>63)


cdef int64_t round_up(int64_t count) noexcept nogil:
    return (count + 7) & ~<int64_t>7


# Partial sums by level, like the digits of a binary counter: level k holds the sum of 2^k neighbouring blocks.
cdef struct tree:
    double *levels
    int64_t size
    uint64_t occupied


cdef void add_to(double *total, const double *part, int64_t size) noexcept nogil:
    cdef int64_t i
    for i in range(size):
        total[i] += part[i]


cdef void push(tree *t, double *part, int level) noexcept nogil:
    """Append a sum of 2^level blocks; `part` is used up."""
    while (t.occupied >> level) & 1:
        add_to(part, t.levels + level * t.size, t.size)
        t.occupied ^= (<uint64_t>1) << level
        level += 1
    memcpy(t.levels + level * t.size, part, t.size * sizeof(double))
    t.occupied |= (<uint64_t>1) << level


cdef void fold(const tree *t, double *total) noexcept nogil:
    """The sum of all levels, the small and late ones first."""
    cdef int level
    cdef bint started = False
    for level in range(64):
        if (t.occupied >> level) & 1:
            if started:
                add_to(total, t.levels + level * t.size, t.size)
            else:
                memcpy(total, t.levels + level * t.size, t.size * sizeof(double))
                started = True


cdef int64_t block_count(int64_t rows) noexcept nogil:
    return (rows + BLOCK_ROWS - 1) // BLOCK_ROWS


cdef int level_count(int64_t blocks) noexcept nogil:
    cdef int levels = 1
    while blocks > 1:
        blocks = (blocks + 1) // 2
        levels += 1
    return levels


cdef int64_t workspace_size(const question *q) noexcept nogil:
    cdef int64_t rows = tile_rows(q)
    cdef int64_t tile = q.x.panels * tile_panel_stride(rows)
    return round_up(tile + ROW_VECTORS * rows + strip_size() + (tile if q.single else 0))


cdef workspace workspace_at(const question *q, double *memory) noexcept nogil:
    cdef workspace ws
    cdef int64_t rows = tile_rows(q)
    cdef int64_t tile = q.x.panels * tile_panel_stride(rows)
    ws.tile = memory
    ws.vectors = ws.tile + tile
    ws.strip = ws.vectors + ROW_VECTORS * rows
    ws.groups = <float *>(ws.strip + strip_size())
    return ws


cdef void clear_tile(const question *q, double *memory) noexcept nogil:
    """Lanes of a tile beyond the last column are read but never written."""
    memset(memory, 0, q.x.panels * tile_panel_stride(tile_rows(q)) * sizeof(double))


# Rows that are a part of a whole, which begins a block there.
cdef struct extent:
    int64_t first, whole


cdef bint is_last(int64_t rows, const extent *where) noexcept nogil:
    return where.first + rows == where.whole


# What is summed over the blocks: the sums of rows [first, first + rows) are added to `sums`, `size` doubles that are
# zero before; `memory` has room for `workspace` doubles, which are zero before the first block of a thread.
ctypedef void (*block_function)(const void *question, int64_t first, int64_t rows, double *memory,
                                double *sums) noexcept nogil
cdef struct job:
    const void *question
    block_function evaluate
    int64_t rows, size, workspace
    double cost         # floating-point operations per row


cdef void evaluate_question(const void *asked, int64_t first, int64_t rows, double *memory,
                            double *sums) noexcept nogil:
    cdef const question *q = <const question *>asked
    cdef workspace ws = workspace_at(q, memory)
    evaluate_block(q, first, rows, &ws, sums)


cdef job question_job(const question *q, int64_t size) noexcept nogil:
    cdef job work
    work.question = q
    work.evaluate = evaluate_question
    work.rows = q.x.rows
    work.size = size
    work.workspace = workspace_size(q)
    work.cost = cost_per_row(q)
    return work


cdef void evaluate_blocks(const job *work, int64_t begin, int64_t end, double *memory, double *total) noexcept nogil:
    """The sums of blocks [begin, end), an aligned subtree; memory holds a workspace, a partial sum and levels."""
    cdef double *part = memory + work.workspace
    cdef tree t
    cdef int64_t block, first, rows
    t.levels = part + work.size
    t.size = work.size
    t.occupied = 0
    for block in range(begin, end):
        first = block * BLOCK_ROWS
        rows = min(<int64_t>BLOCK_ROWS, work.rows - first)
        memset(part, 0, work.size * sizeof(double))
        work.evaluate(work.question, first, rows, memory, part)
        push(&t, part, 0)
    fold(&t, total)


cdef void scan_block(const question *q, const double *d, double d_intercept, int64_t block, double *memory,
                     double *extremes) noexcept nogil:
    cdef workspace ws = workspace_at(q, memory)
    cdef int64_t first = block * BLOCK_ROWS
    scan_direction(q, d, d_intercept, first, min(<int64_t>BLOCK_ROWS, q.x.rows - first), &ws, extremes)


cdef void predict_block(const question *q, int64_t block, double *memory, double *eta) noexcept nogil:
    cdef workspace ws = workspace_at(q, memory)
    cdef int64_t first = block * BLOCK_ROWS
    predict_rows(q, first, min(<int64_t>BLOCK_ROWS, q.x.rows - first), &ws, eta + first)


cdef class Sums:
    """The sums over rows that come one part after the other, as far as they have been read."""

    cdef double *memory
    cdef double *total      # room for the sums of all rows, and the Hessian that is summed in place, if there is one
    cdef tree rows          # of the blocks so far,
    cdef tree hessians      # and of the Hessians that were summed in place
    cdef int64_t size, shared

    def __dealloc__(self):
        free(self.memory)

    cdef int64_t in_rows(self) noexcept:
        """Doubles that the tree of blocks sums up: all but a Hessian that is summed in place."""
        return self.size - self.shared

    cdef double *finish(self) noexcept:
        """The sums of all rows."""
        fold(&self.rows, self.total)
        if self.hessians.occupied:
            fold(&self.hessians, self.total + self.in_rows())
        return self.total


cdef Sums start_sums(int64_t size, int64_t shared, int64_t rows):
    """Room for `size` sums over so many rows, the last `shared` of which are a Hessian that is summed in place."""
    cdef Sums sums = Sums.__new__(Sums)
    cdef int64_t blocks = block_count(rows), hessians = (blocks + (1 << SHARED_TREE) - 1) >> SHARED_TREE
    cdef int64_t doubles = level_count(blocks) * (size - shared)
    if hessians > 1:
        doubles += level_count(hessians) * shared
    sums.memory = <double *>malloc((round_up(size) + doubles + 8) * sizeof(double))
    if sums.memory == NULL:
        raise MemoryError("not enough memory for %d sums over the rows" % size)
    sums.size = size
    sums.shared = shared
    sums.total = aligned(sums.memory)
    memset(sums.total, 0, size * sizeof(double))
    sums.rows.levels = sums.total + round_up(size)
    sums.rows.size = size - shared
    sums.rows.occupied = 0
    sums.hessians.levels = sums.rows.levels + level_count(blocks) * (size - shared)
    sums.hessians.size = shared
    sums.hessians.occupied = 0
    return sums


cdef Sums continue_sums(Sums before, int64_t size, int64_t shared, const extent *where):
    """The sums of the rows before a part, which it adds to."""
    if before is None:
        if where.first > 0:
            raise ValueError("rows from %d on need the sums of those before them" % where.first)
        return start_sums(size, shared, where.whole)
    if before.size != size or before.shared != shared:
        raise ValueError("the rows before were asked another question")
    return before


cdef int by_rows(const job *work, int threads, const extent *where, Sums sums) except -1:
    """Each thread evaluates whole subtrees of blocks."""
    cdef int64_t size = work.size, blocks = block_count(work.rows), first = where.first // BLOCK_ROWS
    cdef int64_t wave = max(<int64_t>1, min(blocks, <int64_t>(WAVE_WORK / (BLOCK_ROWS * work.cost))))
    cdef int64_t chunk_blocks = 1, chunks, chunk, start, begin
    # a subtree must be one of the whole: what begins or ends within it does not hold it
    cdef int64_t edges = first if is_last(work.rows, where) else first | blocks
    cdef int chunk_level = 0, thread = 0
    while wave // chunk_blocks > max(4 * threads, min(CHUNKS, PARTIALS // size)) and not edges & chunk_blocks:
        chunk_blocks *= 2
        chunk_level += 1
    chunks = (wave + chunk_blocks - 1) // chunk_blocks
    wave = chunks * chunk_blocks
    cdef int64_t private = round_up(work.workspace + (2 + chunk_level + 1) * size)
    cdef double *memory = <double *>malloc((threads * private + chunks * size + 8) * sizeof(double))
    if memory == NULL:
        raise MemoryError("not enough memory for the partial sums of the threads")
    cdef double *workspaces = aligned(memory)
    cdef double *parts = workspaces + threads * private
    for thread in range(threads):
        memset(workspaces + thread * private, 0, work.workspace * sizeof(double))
    try:
        for start in range(0, blocks, wave):
            chunks = (min(start + wave, blocks) - start + chunk_blocks - 1) // chunk_blocks
            if threads == 1:
                with nogil:
                    for chunk in range(chunks):
                        begin = start + chunk * chunk_blocks
                        evaluate_blocks(work, begin, min(begin + chunk_blocks, blocks), workspaces,
                                        parts + chunk * size)
            else:
                with nogil, parallel(num_threads=threads):
                    thread = threadid()
                    for chunk in prange(chunks, schedule="dynamic", chunksize=1):
                        begin = start + chunk * chunk_blocks
                        evaluate_blocks(work, begin, min(begin + chunk_blocks, blocks), workspaces + thread * private,
                                        parts + chunk * size)
            for chunk in range(chunks):
                push(&sums.rows, parts + chunk * size, chunk_level)
            if start + wave < blocks:
                PyErr_CheckSignals()
    finally:
        free(memory)
    return 0


cdef bint shares_columns(const question *q, int64_t whole) noexcept nogil:
    """Whether the threads share one Hessian; the shape of the whole data decides, not the number of threads."""
    return q.order == 2 and (q.x.width >= VERY_WIDE
                             or (q.x.width >= WIDE and whole < <int64_t>FEW_BLOCKS * BLOCK_ROWS))


cdef double cost_per_row(const question *q) noexcept nogil:
    cdef double p = q.x.width
    cdef double hessian = p * p / (2.0 if q.single else 1.0) if q.order == 2 else 0.0
    return 60.0 + 8.0 * p + hessian + (p * p if q.inverse.count > 0 else 0.0)


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
    cdef int64_t sums = sums_size(panels)
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
