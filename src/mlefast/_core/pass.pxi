# SPDX-License-Identifier: BSD-3-Clause
#
# The hot loop. Blocks of rows go to OpenMP threads; each block gives a flat array of sums (include/block.h); these are
# added in a binary tree over the index of the block (sums.pxi), whose shape depends on nothing but that index. So every
# number of threads gives the same bits. Two ways to share the work:
#
# - by rows: a thread takes an aligned subtree of blocks, with a Hessian of its own, and waits for nobody;
# - by columns (by_columns.pxi): all threads work on one block, first on its rows, then on parts of the Hessian, of
#   which there is one only (very wide X, or wide X with few blocks).
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
    ctypedef void (*shape_function)(int64_t, const double *, const double *, const double *, double *,
                                    int64_t) noexcept nogil
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
        int shapes
        shape_function by_shape
    ctypedef struct question:
        design x
        const column *y
        const column *weights
        const column *offset
        leaf_function leaf
        third_function third
        const double *shape
        shape_function by_shape
        int shapes
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
    int64_t shape_sums_size(const question *q) noexcept nogil
    int64_t shape_sums_at(const question *q) noexcept nogil
    int64_t sums_size(const question *q) noexcept nogil
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


include "sums.pxi"


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


cdef double cost_per_row(const question *q) noexcept nogil:
    cdef double p = q.x.width
    cdef double hessian = p * p / (2.0 if q.single else 1.0) if q.order == 2 else 0.0
    return 60.0 + 8.0 * p + hessian + (p * p if q.inverse.count > 0 else 0.0)


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
