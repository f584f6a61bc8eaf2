# SPDX-License-Identifier: BSD-3-Clause
#
# Sums over blocks of rows, in a binary tree over the index of the block; also of rows that come one part after the
# other, so that the last part gives the bits of all rows at once.


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


# Rows that are a part of a whole, which begins a block there.
cdef struct extent:
    int64_t first, whole


cdef bint is_last(int64_t rows, const extent *where) noexcept nogil:
    return where.first + rows == where.whole


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
