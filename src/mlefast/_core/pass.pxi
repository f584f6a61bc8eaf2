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
from libc.stdint cimport int32_t, int64_t, uint64_t
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
    ctypedef struct design:
        const column *columns
        const int32_t *kinds
        int64_t rows, width, panels
        const double *scale
        const double *shift
    ctypedef void (*leaf_function)(int, const double *, const double *, double *, double *, double *) noexcept nogil
    ctypedef void (*direction_scan)(int, const double *, const double *, const double *, double *) noexcept nogil
    ctypedef struct question:
        design x
        const column *y
        const column *weights
        const column *offset
        leaf_function leaf
        const double *b
        double intercept
        int order, single
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
    const leaf_function *LEAVES
    const direction_scan *SCANS
    int LEAF_COUNT, PANEL, NLL, FINITE, SUM_D1, SUM_D2, HEADER, BLOCK_ROWS, HESSIAN_ROWS, ROW_VECTORS
    int VD_LANES
    int F64, F32, I64, I32, I16, I8, U64, U32, U16, U8
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
    void scan_direction(const question *q, direction_scan scan, const double *d, double d_intercept, int64_t first,
                        int64_t rows, const workspace *ws, double *extremes) noexcept nogil

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
cdef double THREAD_WORK = 5e6

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


cdef void evaluate_blocks(const question *q, int64_t begin, int64_t end, double *memory, int64_t size,
                          double *total) noexcept nogil:
    """The sums of blocks [begin, end), an aligned subtree; memory holds a workspace, a partial sum and levels."""
    cdef workspace ws = workspace_at(q, memory)
    cdef double *part = memory + workspace_size(q)
    cdef tree t
    cdef int64_t block, first, rows
    t.levels = part + size
    t.size = size
    t.occupied = 0
    for block in range(begin, end):
        first = block * BLOCK_ROWS
        rows = min(<int64_t>BLOCK_ROWS, q.x.rows - first)
        memset(part, 0, size * sizeof(double))
        evaluate_block(q, first, rows, &ws, part)
        push(&t, part, 0)
    fold(&t, total)


cdef void scan_block(const question *q, direction_scan scan, const double *d, double d_intercept, int64_t block,
                     double *memory, double *extremes) noexcept nogil:
    cdef workspace ws = workspace_at(q, memory)
    cdef int64_t first = block * BLOCK_ROWS
    scan_direction(q, scan, d, d_intercept, first, min(<int64_t>BLOCK_ROWS, q.x.rows - first), &ws, extremes)


cdef int by_rows(const question *q, int64_t size, int threads, double *total) except -1:
    """Each thread evaluates whole subtrees of blocks. Writes the sums of all rows to `total`."""
    cdef int64_t blocks = (q.x.rows + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef double work = <double>BLOCK_ROWS * cost_per_row(q)
    cdef int64_t wave = max(<int64_t>1, min(blocks, <int64_t>(WAVE_WORK / work)))
    cdef int64_t chunk_blocks = 1, chunks, chunk, start, begin
    cdef int chunk_level = 0, levels = level_count(blocks), thread = 0
    while wave // chunk_blocks > max(4 * threads, min(CHUNKS, PARTIALS // size)):
        chunk_blocks *= 2
        chunk_level += 1
    chunks = (wave + chunk_blocks - 1) // chunk_blocks
    wave = chunks * chunk_blocks
    cdef int64_t private = round_up(workspace_size(q) + (2 + chunk_level + 1) * size)
    cdef double *memory = <double *>malloc((threads * private + (chunks + levels + 1) * size + 8) * sizeof(double))
    if memory == NULL:
        raise MemoryError("not enough memory for the partial sums of the threads")
    cdef double *workspaces = aligned(memory)
    cdef double *parts = workspaces + threads * private
    cdef tree t
    t.levels = parts + chunks * size
    t.size = size
    t.occupied = 0
    # lanes beyond the last column are read but never written
    for thread in range(threads):
        memset(workspaces + thread * private, 0, workspace_size(q) * sizeof(double))
    try:
        for start in range(0, blocks, wave):
            chunks = (min(start + wave, blocks) - start + chunk_blocks - 1) // chunk_blocks
            if threads == 1:
                for chunk in range(chunks):
                    begin = start + chunk * chunk_blocks
                    evaluate_blocks(q, begin, min(begin + chunk_blocks, blocks), workspaces, size, parts + chunk * size)
            else:
                with nogil, parallel(num_threads=threads):
                    thread = threadid()
                    for chunk in prange(chunks, schedule="dynamic", chunksize=1):
                        begin = start + chunk * chunk_blocks
                        evaluate_blocks(q, begin, min(begin + chunk_blocks, blocks), workspaces + thread * private,
                                        size, parts + chunk * size)
            for chunk in range(chunks):
                push(&t, parts + chunk * size, chunk_level)
            if start + wave < blocks:
                PyErr_CheckSignals()
        fold(&t, total)
    finally:
        free(memory)
    return 0


cdef bint shares_columns(const question *q) noexcept nogil:
    """Whether the threads share one Hessian; the shape of the data decides, not the number of threads."""
    return q.order == 2 and (q.x.width >= VERY_WIDE
                             or (q.x.width >= WIDE and q.x.rows < <int64_t>FEW_BLOCKS * BLOCK_ROWS))


cdef double cost_per_row(const question *q) noexcept nogil:
    cdef double p = q.x.width
    return 60.0 + 8.0 * p + (p * p / (2.0 if q.single else 1.0) if q.order == 2 else 0.0)


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


cdef int by_columns(const question *q, int threads, double *total) except -1:
    """All threads work on one block at a time and on one Hessian. Writes the sums of all rows to `total`."""
    cdef int64_t n = q.x.rows, panels = q.x.panels, blocks = (n + BLOCK_ROWS - 1) // BLOCK_ROWS
    cdef int64_t sums = sums_size(panels), entries = panels * PANEL * q.stride
    cdef int thread = 0
    cdef int64_t block_tiles = BLOCK_ROWS // SHARED_ROWS, stride = tile_panel_stride(BLOCK_ROWS)
    cdef int64_t edge = SHARED_EDGE
    while edge > SHARED_EDGE // 4 and make_parts(q, edge, NULL) < 6 * threads:
        edge //= 2
    cdef int64_t part_count = make_parts(q, edge, NULL), part
    cdef hessian_part *parts = <hessian_part *>malloc(part_count * sizeof(hessian_part))
    cdef int64_t hessians = (blocks + (1 << SHARED_TREE) - 1) >> SHARED_TREE
    cdef int64_t tile_size = panels * stride
    cdef int64_t size = (tile_size + round_up(ROW_VECTORS * BLOCK_ROWS) + block_tiles * sums + threads * strip_size()
                         + (level_count(blocks) + 1) * sums + (level_count(hessians) * entries if hessians > 1 else 0)
                         + ((tile_size + 1) // 2 if q.single else 0) + 64)
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
    cdef double *hessian = total + sums
    cdef row_vectors v = row_vectors_at(vectors, BLOCK_ROWS)
    cdef tree row_tree, hessian_tree
    row_tree.levels = block_sums + sums
    row_tree.size = sums
    row_tree.occupied = 0
    hessian_tree.levels = row_tree.levels + level_count(blocks) * sums
    hessian_tree.size = entries
    hessian_tree.occupied = 0
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
                        push(&row_tree, block_sums, 0)
                        if hessians > 1 and ((block + 1) % (1 << SHARED_TREE) == 0 or block + 1 == blocks):
                            push(&hessian_tree, hessian, 0)
                            memset(hessian, 0, entries * sizeof(double))
            if start + wave < blocks:
                PyErr_CheckSignals()
        fold(&row_tree, total)
        if hessians > 1:
            fold(&hessian_tree, hessian)
    finally:
        free(memory)
        free(parts)
    return 0


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


# The buffer protocol's letters for the types that a column may have; long has the size of the platform.
cdef dict ELEMENT_TYPES = {
    "d": F64, "f": F32, "q": I64, "Q": U64, "i": I32, "I": U32, "h": I16, "H": U16, "b": I8, "B": U8, "?": U8,
    "l": I64 if sizeof(long) == 8 else I32, "L": U64 if sizeof(long) == 8 else U32,
}
cdef bint LITTLE = sys.byteorder == "little"


cdef class Rows:
    """Rows of data where they lie: column groups of X, y, weights and offset, held by the buffer protocol."""

    cdef Py_buffer *views
    cdef int view_count
    cdef column *columns
    cdef int32_t *kinds
    cdef double *affine
    cdef int64_t n, p
    cdef bint intercept, has_weights, has_offset
    cdef object keep

    def __cinit__(self, groups, y, weights, offset, bint intercept):
        cdef Py_ssize_t count = len(groups) + 3, j
        cdef Py_buffer *view
        cdef object group
        self.intercept = intercept
        self.views = <Py_buffer *>PyMem_Malloc(count * sizeof(Py_buffer))
        if self.views == NULL:
            raise MemoryError()
        self.has_weights = weights is not None
        self.has_offset = offset is not None
        self.p = 0
        for group in groups:
            view = self.acquire(group, 2)
            self.p += view.shape[1]
        self.columns = <column *>PyMem_Malloc((self.p + 3) * sizeof(column))
        self.kinds = <int32_t *>PyMem_Malloc((self.p // PANEL + 1) * sizeof(int32_t))
        if self.columns == NULL or self.kinds == NULL:
            raise MemoryError()
        self.n = self.acquire(y, 1).shape[0]
        if self.has_weights:
            self.acquire(weights, 1)
        if self.has_offset:
            self.acquire(offset, 1)
        self.fill_columns(len(groups))
        self.allocate_affine()
        for j in range(self.p):
            self.affine[j] = 1.0

    def __dealloc__(self):
        cdef int i
        for i in range(self.view_count):
            PyBuffer_Release(&self.views[i])
        PyMem_Free(self.views)
        PyMem_Free(self.columns)
        PyMem_Free(self.kinds)
        PyMem_Free(self.affine)

    cdef Py_buffer *acquire(self, array, int dimensions) except NULL:
        cdef Py_buffer *view = &self.views[self.view_count]
        PyObject_GetBuffer(array, view, PyBUF_STRIDES | PyBUF_FORMAT)
        self.view_count += 1
        if view.ndim != dimensions:
            raise ValueError("expected %d dimensions, got %d" % (dimensions, view.ndim))
        return view

    cdef int fill_columns(self, Py_ssize_t groups) except -1:
        cdef Py_ssize_t g, j
        cdef column *c = self.columns
        for g in range(self.view_count):
            if self.views[g].shape[0] != self.n:
                raise ValueError("column groups and vectors must have the same number of rows")
            if g < groups:
                for j in range(self.views[g].shape[1]):
                    self.fill_column(c, &self.views[g], j)
                    c += 1
            else:
                self.fill_column(c, &self.views[g], 0)
                c += 1
        for j in range(0, self.p, PANEL):
            self.kinds[j // PANEL] = classify_panel(self.columns + j, <int>min(<int64_t>PANEL, self.p - j))
        return 0

    cdef int fill_column(self, column *c, Py_buffer *view, Py_ssize_t j) except -1:
        cdef str letters = view.format.decode() if view.format != NULL else "B"
        cdef str order = letters[0] if letters[0] in "<>=@!" else "="
        cdef str letter = letters[len(letters) - 1]
        if letter not in ELEMENT_TYPES or len(letters) > 2:
            raise TypeError("cannot read elements of the type %r" % letters)
        c.type = ELEMENT_TYPES[letter]
        if element_size(c.type) != view.itemsize:
            raise TypeError("elements of the type %r have an unexpected size" % letters)
        c.swapped = (order == ">" or order == "!") if LITTLE else order == "<"
        c.stride = view.strides[0]
        c.data = <const char *>view.buf + (j * view.strides[1] if view.ndim > 1 else 0)
        c.after = c.data + (max(self.n, 1) - 1) * c.stride + view.itemsize
        if view.ndim > 1 and view.strides[1] == view.itemsize:
            c.after += (view.shape[1] - 1 - j) * view.itemsize
        return 0

    cdef int64_t affine_size(self) noexcept:
        """Doubles for scale and shift, padded to whole panels."""
        return max(<int64_t>1, 2 * ((self.p + PANEL - 1) // PANEL) * PANEL)

    cdef int allocate_affine(self) except -1:
        self.affine = <double *>PyMem_Malloc(self.affine_size() * sizeof(double))
        if self.affine == NULL:
            raise MemoryError()
        memset(self.affine, 0, self.affine_size() * sizeof(double))
        return 0

    def standardise(self, const double[::1] centre, const double[::1] scale):
        """From now on the columns are (x - centre) * scale, and so are params, gradient and Hessian.

        Scales that are powers of two round nothing.
        """
        cdef int64_t panels = (self.p + PANEL - 1) // PANEL, j
        if centre.shape[0] != self.p or scale.shape[0] != self.p:
            raise ValueError("centre and scale need one number per column")
        for j in range(self.p):
            self.affine[j] = scale[j]
            self.affine[panels * PANEL + j] = -centre[j] * scale[j]

    cdef void ask(self, question *q, int leaf, int order, bint single) noexcept:
        cdef int64_t panels = (self.p + PANEL - 1) // PANEL
        q.x.columns = self.columns
        q.x.kinds = self.kinds
        q.x.rows = self.n
        q.x.width = self.p
        q.x.panels = panels
        q.x.scale = self.affine
        q.x.shift = self.affine + panels * PANEL
        q.y = self.columns + self.p
        q.weights = self.columns + self.p + 1 if self.has_weights else NULL
        q.offset = self.columns + self.p + 1 + self.has_weights if self.has_offset else NULL
        q.leaf = LEAVES[leaf]
        q.order = order
        q.single = single
        q.stride = (self.p + 15) // 16 * 16

    cdef int team(self, const question *q, int threads) noexcept:
        """No more threads than have work that repays their start."""
        cdef double most = self.n * cost_per_row(q) / THREAD_WORK
        if most < threads:
            threads = <int>most
        if not shares_columns(q):
            threads = <int>min(<int64_t>threads, (self.n + BLOCK_ROWS - 1) // BLOCK_ROWS)
        return max(threads, 1)

    cdef double *pad_params(self, const double[::1] params, question *q, double *memory) noexcept:
        """The intercept into the question, the rest into `memory`, padded with zeros."""
        cdef int64_t j
        q.intercept = params[0] if self.intercept else 0.0
        memset(memory, 0, q.x.panels * PANEL * sizeof(double))
        for j in range(self.p):
            memory[j] = params[j + self.intercept]
        return memory

    def evaluate(self, const double[::1] params, int leaf, int order, int threads, bint single=False):
        """(nll, gradient or None, Hessian or None, whether all eta are finite) in one pass over the rows."""
        cdef question q
        if params.shape[0] != self.p + self.intercept:
            raise ValueError("params must have %d elements" % (self.p + self.intercept))
        if not 0 <= leaf < LEAF_COUNT or not 0 <= order <= 2:
            raise ValueError("no such leaf or order")
        self.ask(&q, leaf, order, single)
        cdef int64_t sums = sums_size(q.x.panels), padded = q.x.panels * PANEL
        cdef int64_t size = sums + (padded * q.stride if order == 2 else 0)
        cdef double *memory = <double *>malloc((size + padded + 16) * sizeof(double))
        if memory == NULL:
            raise MemoryError("not enough memory for the Hessian of %d columns" % self.p)
        cdef double *total = aligned(memory)
        threads = self.team(&q, threads)
        try:
            q.b = self.pad_params(params, &q, total + round_up(size))
            memset(total, 0, size * sizeof(double))
            if shares_columns(&q):
                by_columns(&q, threads, total)
            else:
                by_rows(&q, size, threads, total)
            gradient = self.gradient(total) if order > 0 else None
            hessian = self.hessian(total, &q) if order > 1 else None
            return total[NLL], gradient, hessian, total[FINITE] == 0.0
        finally:
            free(memory)

    cdef object gradient(self, const double *total):
        answer = np.empty(self.p + self.intercept)
        cdef double[::1] g = answer
        cdef int64_t j
        if self.intercept:
            g[0] = total[SUM_D1]
        for j in range(self.p):
            g[j + self.intercept] = total[HEADER + j]
        return answer

    cdef object hessian(self, const double *total, const question *q):
        """The symmetric matrix from its lower triangle, 32 x 32 entries at a time for the cache."""
        cdef int64_t p = self.p, shift = self.intercept, i, j, rows, columns
        cdef const double *xd2 = total + HEADER + q.x.panels * PANEL
        cdef const double *lower = total + sums_size(q.x.panels)
        answer = np.empty((p + shift, p + shift))
        if p + shift == 0:
            return answer
        cdef double[:, ::1] view = answer
        cdef double *h = &view[0, 0]
        cdef int64_t width = p + shift
        if shift:
            h[0] = total[SUM_D2]
            for j in range(p):
                h[j + 1] = xd2[j]
                h[(j + 1) * width] = xd2[j]
        for rows in range(0, p, 32):
            for columns in range(0, rows + 1, 32):
                for i in range(rows, min(rows + 32, p)):
                    for j in range(columns, min(columns + 32, i + 1)):
                        h[(i + shift) * width + j + shift] = lower[i * q.stride + j]
                        h[(j + shift) * width + i + shift] = lower[i * q.stride + j]
        return answer

    def scan(self, const double[::1] params, const double[::1] direction, int leaf, int threads):
        """(largest (1 - lambda) s x'd, least s x'd, largest s x'd) over the rows, for a direction d."""
        cdef question q
        if params.shape[0] != self.p + self.intercept or direction.shape[0] != params.shape[0]:
            raise ValueError("params and direction must have %d elements" % (self.p + self.intercept))
        self.ask(&q, leaf, 0, False)
        threads = self.team(&q, threads)
        cdef int64_t blocks = (self.n + BLOCK_ROWS - 1) // BLOCK_ROWS, block, start, stop, wave
        cdef int64_t private = workspace_size(&q)
        cdef int64_t padded = q.x.panels * PANEL
        cdef double *memory = <double *>malloc((threads * (private + 8) + 2 * padded + 16) * sizeof(double))
        if memory == NULL:
            raise MemoryError()
        cdef double *workspaces = aligned(memory)
        cdef double *extremes = workspaces + threads * private
        cdef double *d = extremes + threads * 8 + padded
        cdef double d_intercept
        cdef int thread = 0
        memset(memory, 0, (threads * (private + 8) + 2 * padded + 16) * sizeof(double))
        try:
            self.pad_params(direction, &q, d)
            d_intercept = q.intercept
            q.b = self.pad_params(params, &q, d - padded)
            for thread in range(threads):
                extremes[8 * thread] = extremes[8 * thread + 2] = -float("inf")
                extremes[8 * thread + 1] = float("inf")
            wave = max(<int64_t>1, <int64_t>(WAVE_WORK / (BLOCK_ROWS * cost_per_row(&q))))
            for start in range(0, blocks, wave):
                stop = min(start + wave, blocks)
                with nogil, parallel(num_threads=threads):
                    thread = threadid()
                    for block in prange(start, stop, schedule="dynamic", chunksize=8):
                        scan_block(&q, SCANS[leaf], d, d_intercept, block, workspaces + thread * private,
                                   extremes + 8 * thread)
                PyErr_CheckSignals()
            return (max([extremes[8 * i] for i in range(threads)]), min([extremes[8 * i + 1] for i in range(threads)]),
                    max([extremes[8 * i + 2] for i in range(threads)]))
        finally:
            free(memory)

    def every(self, int64_t step):
        """Rows 0, step, 2 step, ... of the same data, as a Rows of its own."""
        if step < 1:
            raise ValueError("step must be at least 1")
        cdef Rows part = Rows.__new__(Rows, (), np.zeros(0), None, None, self.intercept)
        cdef int64_t j, count = self.p + 1 + self.has_weights + self.has_offset
        PyMem_Free(part.columns)
        part.columns = <column *>PyMem_Malloc((self.p + 3) * sizeof(column))
        PyMem_Free(part.kinds)
        part.kinds = <int32_t *>PyMem_Malloc((self.p // PANEL + 1) * sizeof(int32_t))
        if part.columns == NULL or part.kinds == NULL:
            raise MemoryError()
        part.keep = self
        part.n = (self.n + step - 1) // step
        part.p = self.p
        PyMem_Free(part.affine)
        part.allocate_affine()
        memcpy(part.affine, self.affine, self.affine_size() * sizeof(double))
        part.has_weights = self.has_weights
        part.has_offset = self.has_offset
        for j in range(count):
            part.columns[j] = self.columns[j]
            part.columns[j].stride *= step
        for j in range(0, self.p, PANEL):
            part.kinds[j // PANEL] = classify_panel(part.columns + j, <int>min(<int64_t>PANEL, self.p - j))
        return part


def terms(const double[::1] eta, const double[::1] y, int leaf):
    """(nll, d1, d2) per row, as three arrays."""
    cdef int64_t n = eta.shape[0], padded = (n + 7) & ~<int64_t>7
    if y.shape[0] != n or not 0 <= leaf < LEAF_COUNT:
        raise ValueError("eta and y must have the same length")
    work = np.zeros((5, padded))
    cdef double[:, ::1] view = work
    if n > 0:
        memcpy(&view[0, 0], &eta[0], n * sizeof(double))
        memcpy(&view[1, 0], &y[0], n * sizeof(double))
        LEAVES[leaf](<int>padded, &view[0, 0], &view[1, 0], &view[2, 0], &view[3, 0], &view[4, 0])
    return work[2, :n], work[3, :n], work[4, :n]
