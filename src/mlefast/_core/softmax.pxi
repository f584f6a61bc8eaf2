# SPDX-License-Identifier: BSD-3-Clause
#
# Softmax over K classes, asked about the rows of a Rows. Small Hessians are summed like all else, by threads that take
# blocks of rows; of large ones there is one only, whose pairs of classes the threads share, block after block.
cdef extern from "softmax.h":
    ctypedef struct softmax_question:
        question q
        int64_t classes, width, panels
        const double *b
        const double *direction
    ctypedef struct softmax_tile:
        int64_t stride
    ctypedef struct softmax_scratch:
        double *strip
    int64_t softmax_tile_size(const softmax_question *s, int64_t rows) noexcept nogil
    int64_t softmax_scratch_size() noexcept nogil
    int64_t softmax_gradient_size(const softmax_question *s) noexcept nogil
    int64_t class_pairs(int64_t classes) noexcept nogil
    int64_t pair_stride(const softmax_question *s) noexcept nogil
    int64_t pair_size(const softmax_question *s) noexcept nogil
    int softmax_tile_rows(const softmax_question *s) noexcept nogil
    softmax_tile softmax_tile_at(const softmax_question *s, int64_t rows, double *memory) noexcept nogil
    softmax_scratch softmax_scratch_at(double *memory) noexcept nogil
    void evaluate_softmax_part(const softmax_question *s, int64_t first, int64_t rows, int64_t done,
                               const softmax_tile *all, const softmax_scratch *scratch, double *sums) noexcept nogil
    void evaluate_softmax_pair(const softmax_question *s, int64_t rows, int64_t k, int64_t l, const softmax_tile *all,
                               const softmax_scratch *scratch, double *hessian) noexcept nogil
    void evaluate_softmax_block(const softmax_question *s, int64_t first, int64_t rows, double *memory,
                                double *sums) noexcept nogil
    void scan_softmax_block(const softmax_question *s, int64_t first, int64_t rows, double *memory,
                            double *extremes) noexcept nogil
    void predict_softmax_block(const softmax_question *s, int64_t first, int64_t rows, double *memory,
                               double *probabilities) noexcept nogil
    void c_softmax_terms "softmax_terms"(int64_t classes, int rows, int64_t stride, const double *labels, double *eta,
                                         double *nll, double *d2, double *memory) noexcept nogil

cdef enum:
    SHARED_HESSIAN = 262144  # doubles from which on the threads share one Hessian: two megabytes


cdef void evaluate_softmax(const void *asked, int64_t first, int64_t rows, double *memory, double *sums) noexcept nogil:
    evaluate_softmax_block(<const softmax_question *>asked, first, rows, memory, sums)


cdef void scan_softmax(const void *asked, int64_t first, int64_t rows, double *memory, double *extremes) noexcept nogil:
    scan_softmax_block(<const softmax_question *>asked, first, rows, memory, extremes)


cdef void predict_softmax(const void *asked, int64_t first, int64_t rows, double *memory, double *to) noexcept nogil:
    predict_softmax_block(<const softmax_question *>asked, first, rows, memory, to)


cdef int64_t softmax_hessian_size(const softmax_question *s) noexcept nogil:
    return class_pairs(s.classes) * pair_size(s) if s.q.order == 2 else 0


cdef job softmax_job(const softmax_question *s, block_function evaluate) noexcept nogil:
    cdef job work
    cdef double classes = s.classes, width = s.width
    work.question = s
    work.evaluate = evaluate
    work.rows = s.q.x.rows
    work.size = HEADER + softmax_gradient_size(s) + softmax_hessian_size(s)
    work.workspace = round_up(softmax_tile_size(s, softmax_tile_rows(s)) + softmax_scratch_size())
    work.cost = 60.0 + classes * (60.0 + 4.0 * width)
    if s.direction != NULL:
        work.cost += 2.0 * classes * width
    if s.q.order == 2:
        work.cost += class_pairs(s.classes) * width * (width + 8.0)
    return work


cdef int softmax_by_pairs(const softmax_question *s, int threads, const extent *where, Sums total) except -1:
    """All threads work on one block at a time and on one Hessian."""
    cdef job work = softmax_job(s, evaluate_softmax)
    cdef int64_t n = s.q.x.rows, blocks = block_count(n)
    cdef int64_t block_tiles = BLOCK_ROWS // SHARED_ROWS, pairs = class_pairs(s.classes), size = pair_size(s)
    cdef int64_t sums = HEADER + softmax_gradient_size(s), scratch_size = round_up(softmax_scratch_size())
    cdef int64_t tile_size = round_up(softmax_tile_size(s, BLOCK_ROWS))
    cdef int64_t doubles = tile_size + threads * scratch_size + block_tiles * sums + 8
    cdef double *memory = <double *>malloc(doubles * sizeof(double))
    if memory == NULL:
        raise MemoryError("not enough memory for the Hessian of %d classes" % (s.classes + 1))
    cdef double *tile_memory = aligned(memory)
    cdef double *scratches = tile_memory + tile_size
    cdef double *tile_sums = scratches + threads * scratch_size
    cdef double *hessian = total.total + sums
    cdef tree *row_tree = &total.rows
    cdef tree *hessian_tree = &total.hessians
    cdef softmax_tile tile = softmax_tile_at(s, BLOCK_ROWS, tile_memory)
    memset(tile_memory, 0, tile_size * sizeof(double))  # lanes beyond the last column are read but never written
    cdef int thread = 0
    cdef int64_t block = 0, first = 0, rows = 0, tiles = 0, t, pair, start, stop
    cdef int64_t wave = max(<int64_t>1, <int64_t>(WAVE_WORK / (BLOCK_ROWS * work.cost)))
    try:
        for start in range(0, blocks, wave):
            stop = min(start + wave, blocks)
            with nogil, parallel(num_threads=threads):
                thread = threadid()
                for block in range(start, stop):
                    first = block * BLOCK_ROWS
                    rows = min(<int64_t>BLOCK_ROWS, n - first)
                    tiles = (rows + SHARED_ROWS - 1) // SHARED_ROWS
                    for t in prange(tiles, schedule="dynamic", chunksize=1):
                        softmax_part(s, first, rows, t * SHARED_ROWS, &tile, scratches + thread * scratch_size,
                                     tile_sums + t * sums)
                    for pair in prange(pairs, schedule="dynamic", chunksize=1):
                        softmax_pair(s, pair, rows, &tile, scratches + thread * scratch_size, hessian + pair * size)
                    for t in prange(1):
                        add_later_tiles(tile_sums, tiles, sums)
                        push(row_tree, tile_sums, 0)
                        push_hessian(hessian_tree, hessian, where, block)
            if start + wave < blocks:
                PyErr_CheckSignals()
    finally:
        free(memory)
    return 0


cdef void softmax_part(const softmax_question *s, int64_t first, int64_t rows, int64_t done, const softmax_tile *tile,
                       double *scratch_memory, double *sums) noexcept nogil:
    cdef softmax_scratch scratch = softmax_scratch_at(scratch_memory)
    memset(sums, 0, (HEADER + softmax_gradient_size(s)) * sizeof(double))
    evaluate_softmax_part(s, first, rows, done, tile, &scratch, sums)


cdef void softmax_pair(const softmax_question *s, int64_t pair, int64_t rows, const softmax_tile *tile,
                       double *scratch_memory, double *hessian) noexcept nogil:
    """The matrix of one pair of classes, counted as k = 0; k = 1, l = 0, 1; and so on, from all rows of a block."""
    cdef int64_t k = 0
    cdef softmax_scratch scratch = softmax_scratch_at(scratch_memory)
    while class_pairs(k + 1) <= pair:
        k += 1
    evaluate_softmax_pair(s, rows, k, pair - class_pairs(k), tile, &scratch, hessian)


cdef void add_later_tiles(double *tile_sums, int64_t tiles, int64_t size) noexcept nogil:
    """The sums of all tiles of a block in the place of the first one's."""
    cdef int64_t t
    for t in range(1, tiles):
        add_to(tile_sums, tile_sums + t * size, size)


cdef class Softmax:
    """The softmax of the rows of a Rows, whose y holds the codes 0..classes - 1 of the classes.

    `params` have a row for each class but the first, the reference: the intercept, if there is one, and a number per
    column. The offset does not count.
    """

    cdef Rows rows
    cdef int64_t classes, size

    def __cinit__(self, Rows rows not None, int64_t classes):
        if classes < 2:
            raise ValueError("a softmax needs two classes at least")
        self.rows = rows
        self.classes = classes - 1
        self.size = rows.p + rows.intercept

    cdef int require(self, const double[:, ::1] params) except -1:
        if params.shape[0] != self.classes or params.shape[1] != self.size:
            raise ValueError("expected the shape (%d, %d)" % (self.classes, self.size))
        return 0

    cdef void ask(self, softmax_question *s, int order, bint single) noexcept:
        self.rows.ask(&s.q, GIVEN, order, single)
        s.q.offset = NULL
        s.q.intercept = 0.0
        s.classes = self.classes
        s.width = self.size
        s.panels = (self.size + PANEL - 1) // PANEL
        s.direction = NULL

    cdef int64_t padded_size(self) noexcept:
        return self.classes * ((self.size + PANEL - 1) // PANEL) * PANEL

    cdef double *pad(self, const double[:, ::1] params, double *memory) noexcept:
        """The parameters in the order of a tile, whose column of ones comes last, padded to whole panels."""
        cdef int64_t k, j, stride = (self.size + PANEL - 1) // PANEL * PANEL
        memset(memory, 0, self.padded_size() * sizeof(double))
        for k in range(self.classes):
            for j in range(self.rows.p):
                memory[k * stride + j] = params[k, j + self.rows.intercept]
            if self.rows.intercept:
                memory[k * stride + self.rows.p] = params[k, 0]
        return memory

    cdef int team(self, const job *work, int threads, bint by_pairs) noexcept:
        """No more threads than have work that repays their start."""
        cdef double most = work.rows * work.cost / THREAD_WORK
        if most < threads:
            threads = <int>most
        if not by_pairs:
            threads = <int>min(<int64_t>threads, (work.rows + BLOCK_ROWS - 1) // BLOCK_ROWS)
        return max(threads, 1)

    def evaluate(self, const double[:, ::1] params, int order, int threads, bint single=False, Sums before=None):
        """(nll, gradient like params or None, Hessian or None, whether all is finite) in one pass over the rows.

        The Hessian's rows and columns are those of the flattened params.
        """
        if not 0 <= order <= 2:
            raise ValueError("no such order")
        return self.differentiate(params, None, order, threads, single, DERIVATIVES, True, before)

    def scores(self, const double[:, ::1] params, int threads, bint counted=True, Sums before=None):
        """(the sum of the outer products of the rows' scores, whether all is finite) in one pass over the rows.

        A row's score has its weight squared unless weights count rows.
        """
        answer = self.differentiate(params, None, 2, threads, False, SCORES, counted, before)
        return answer if isinstance(answer, Sums) else answer[2:]

    def times(self, const double[:, ::1] params, const double[:, ::1] direction, int threads):
        """(Hessian times the direction, in its shape, whether all is finite) in one pass, without the Hessian."""
        self.require(direction)
        _, product, _, finite = self.differentiate(params, direction, 1, threads, False, DERIVATIVES, True, None)
        return product, finite

    cdef object differentiate(self, const double[:, ::1] params, const double[:, ::1] direction, int order,
                              int threads, bint single, summand summand, bint counted, Sums before):
        cdef softmax_question s
        self.require(params)
        self.ask(&s, order, single)
        s.q.summand = summand
        s.q.counted = counted
        placed = np.empty(3 * self.padded_size() + 1)
        cdef double[::1] memory = placed
        self.place(&s, params, direction, &memory[0])
        cdef job work = softmax_job(&s, evaluate_softmax)
        cdef int64_t shared = softmax_hessian_size(&s)
        cdef bint by_pairs = shared > SHARED_HESSIAN
        cdef Sums sums = continue_sums(before, work.size, shared if by_pairs else 0, &self.rows.where)
        threads = self.team(&work, threads, by_pairs)
        if by_pairs:
            softmax_by_pairs(&s, threads, &self.rows.where, sums)
        else:
            by_rows(&work, threads, &self.rows.where, sums)
        if not is_last(self.rows.n, &self.rows.where):
            return sums
        cdef double *total = sums.finish()
        gradient = self.gradient(&s, total) if order > 0 else None
        hessian = self.hessian(&s, total) if order > 1 else None
        return total[NLL], gradient, hessian, total[FINITE] == 0.0 and is_finite(total, work.size)

    cdef void place(self, softmax_question *s, const double[:, ::1] params, const double[:, ::1] direction,
                    double *memory) noexcept:
        """The parameters of the question into memory: none for the rows, then params, then the direction."""
        cdef int64_t padded = self.padded_size()
        memset(memory, 0, padded * sizeof(double))
        s.q.b = memory
        s.b = self.pad(params, memory + padded)
        if direction is not None:
            s.direction = self.pad(direction, memory + 2 * padded)

    cdef int64_t place_of(self, int64_t j) noexcept:
        """Where parameter j of a class lies in the tile."""
        return j if not self.rows.intercept else (j - 1 if j > 0 else self.rows.p)

    cdef object gradient(self, const softmax_question *s, const double *total):
        answer = np.empty((self.classes, self.size))
        cdef double[:, ::1] g = answer
        cdef int64_t k, j
        for k in range(self.classes):
            for j in range(self.size):
                g[k, j] = total[HEADER + k * s.panels * PANEL + self.place_of(j)]
        return answer

    cdef object hessian(self, const softmax_question *s, const double *total):
        """The symmetric matrix from the lower triangles of its blocks, each of which is symmetric."""
        cdef int64_t k, other, i, j, a, b, m = self.size, stride = pair_stride(s)
        cdef const double *pair = total + HEADER + softmax_gradient_size(s)
        cdef double value
        answer = np.empty((self.classes * m, self.classes * m))
        cdef double[:, ::1] h = answer
        for k in range(self.classes):
            for other in range(k + 1):
                for i in range(m):
                    a = self.place_of(i)
                    for j in range(m):
                        b = self.place_of(j)
                        value = pair[max(a, b) * stride + min(a, b)]
                        h[k * m + i, other * m + j] = value
                        h[other * m + j, k * m + i] = value
                pair += pair_size(s)
        return answer

    def scan(self, const double[:, ::1] params, const double[:, ::1] direction, int threads):
        """For the steps t_k = x'd_k of a direction d, t_0 = 0, over the rows and the classes k other than the label:
        (largest sum_l p_l t_l - t_k, least t_y - t_k, largest t_y - t_k).
        """
        cdef softmax_question s
        cdef job work
        cdef int thread
        self.require(params)
        self.require(direction)
        self.ask(&s, 0, False)
        placed = np.empty(3 * self.padded_size() + 1)
        cdef double[::1] memory = placed
        self.place(&s, params, direction, &memory[0])
        extremes = np.tile([-np.inf, np.inf, -np.inf, 0, 0, 0, 0, 0], (threads, 1))
        cdef double[:, ::1] out = extremes
        work = softmax_job(&s, scan_softmax)
        self.sweep(&work, threads, &out[0, 0], out.shape[1], 0)
        return float(extremes[:, 0].max()), float(extremes[:, 1].min()), float(extremes[:, 2].max())

    def probabilities(self, const double[:, ::1] params, int threads):
        """The probability of each class, n x classes; rows of weight zero count as zero."""
        cdef softmax_question s
        cdef job work
        self.require(params)
        self.ask(&s, 0, False)
        placed = np.empty(2 * self.padded_size() + 1)
        cdef double[::1] memory = placed
        self.place(&s, params, None, &memory[0])
        answer = np.empty((self.rows.n, self.classes + 1))
        cdef double[:, ::1] p = answer
        if self.rows.n > 0:
            work = softmax_job(&s, predict_softmax)
            self.sweep(&work, threads, &p[0, 0], 0, self.classes + 1)
        return answer

    cdef int sweep(self, const job *work, int threads, double *out, int64_t per_thread, int64_t per_row) except -1:
        """Call `work.evaluate` for all blocks; it writes to the place of its thread and of its first row."""
        cdef int64_t blocks = (work.rows + BLOCK_ROWS - 1) // BLOCK_ROWS, block, start, stop
        cdef int64_t wave = max(<int64_t>1, <int64_t>(WAVE_WORK / (BLOCK_ROWS * work.cost)))
        cdef int thread = 0
        threads = self.team(work, threads, False)
        cdef double *memory = <double *>malloc((threads * work.workspace + 8) * sizeof(double))
        if memory == NULL:
            raise MemoryError()
        cdef double *workspaces = aligned(memory)
        memset(workspaces, 0, threads * work.workspace * sizeof(double))
        try:
            for start in range(0, blocks, wave):
                stop = min(start + wave, blocks)
                with nogil, parallel(num_threads=threads):
                    thread = threadid()
                    for block in prange(start, stop, schedule="dynamic", chunksize=8):
                        work.evaluate(work.question, block * BLOCK_ROWS,
                                      min(<int64_t>BLOCK_ROWS, work.rows - block * BLOCK_ROWS),
                                      workspaces + thread * work.workspace,
                                      out + thread * per_thread + block * BLOCK_ROWS * per_row)
                PyErr_CheckSignals()
        finally:
            free(memory)
        return 0


cdef bint is_finite(const double *numbers, int64_t count) noexcept:
    """0 times anything else is NaN."""
    cdef double sum = 0.0
    cdef int64_t i
    for i in range(count):
        sum += 0.0 * numbers[i]
    return sum == 0.0


cdef Leaf GIVEN = Leaf("given")


def softmax_terms(const double[:, ::1] eta, const double[::1] y):
    """(nll, d1, d2) per row: shapes (n,), (n, classes - 1) and (n, classes - 1, classes - 1), for eta of d1's shape."""
    cdef int64_t n = eta.shape[0], classes = eta.shape[1], done = 0
    cdef int count
    if y.shape[0] != n:
        raise ValueError("eta and y must have the same length")
    nll, d1, d2 = np.empty(n), np.array(eta), np.empty((n, classes, classes))
    cdef double[::1] first = nll, memory = np.empty((classes + 6) * 16)
    cdef double[:, ::1] second = d1
    cdef double[:, :, ::1] third = d2
    if classes == 0:
        raise ValueError("a softmax needs two classes at least")
    while done < n:
        count = <int>min(<int64_t>8, n - done)
        c_softmax_terms(classes, count, 16, &y[done], &second[done, 0], &first[done], &third[done, 0, 0], &memory[0])
        done += count
    return nll, d1, d2
