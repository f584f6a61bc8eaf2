# SPDX-License-Identifier: BSD-3-Clause
#
# What Python sees of the pass: Rows holds the user's buffers and answers questions about them.


cdef class Rows:
    """Rows of data where they lie: column groups of X, y, weights and offset, held by the buffer protocol.

    They may be a part of `whole` rows, those from `first` on. Parts but the last have whole blocks, and what is summed
    over the rows is asked of one part after the other: `before` is what the part before returned, and is used up; the
    last part returns the answer, to the bit that of all rows at once.
    """

    cdef Py_buffer *views
    cdef int view_count
    cdef column *columns
    cdef int32_t *kinds
    cdef double *affine
    cdef int64_t n, p
    cdef extent where
    cdef bint intercept, has_weights, has_offset
    cdef object keep

    def __cinit__(self, groups, y, weights, offset, bint intercept, int64_t first=0, whole=None):
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
        self.where.first = first
        self.where.whole = self.n if whole is None else whole
        if first % BLOCK_ROWS or (self.n % BLOCK_ROWS and not is_last(self.n, &self.where)):
            raise ValueError("parts must have whole blocks of %d rows" % BLOCK_ROWS)
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
                    fill_column(c, &self.views[g], j)
                    c += 1
            else:
                fill_column(c, &self.views[g], 0)
                c += 1
        for j in range(0, self.p, PANEL):
            self.kinds[j // PANEL] = classify_panel(self.columns + j, <int>min(<int64_t>PANEL, self.p - j))
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

    cdef void ask(self, question *q, Leaf leaf, int order, bint single) noexcept:
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
        q.leaf = leaf.function
        q.third = leaf.third
        q.shape = leaf.shape
        q.by_shape = leaf.by_shape
        q.shapes = 0
        q.border = leaf.border
        q.tail = leaf.tail
        q.order = order
        q.single = single
        q.summand = DERIVATIVES
        q.power = 0
        q.counted = True
        memset(&q.inverse, 0, sizeof(whitening))
        q.leverages = NULL
        q.stride = (self.p + 15) // 16 * 16

    cdef int team(self, const question *q, int threads) noexcept:
        """No more threads than have work that repays their start."""
        cdef double most = self.n * cost_per_row(q) / THREAD_WORK
        if most < threads:
            threads = <int>most
        if not shares_columns(q, self.where.whole):
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

    def evaluate(self, const double[::1] params, Leaf leaf not None, int order, int threads, bint single=False,
                 Sums before=None):
        """(nll, gradient or None, Hessian or None, whether all is finite, reach) in one pass over the rows.

        The reach is the sum of 1 / (w d2), from order 1 on. Gradient and Hessian of a leaf whose parameters count too
        have these after the coefficients.
        """
        cdef question q
        if not 0 <= order <= 2:
            raise ValueError("no such order")
        self.ask(&q, leaf, order, single)
        if order > 0:
            q.shapes = leaf.shapes
        return self.answer(&q, params, threads, before)

    def scores(self, const double[::1] params, Leaf leaf not None, int threads, inverse=None, int power=0,
               bint counted=True, Sums before=None):
        """(the sum of the outer products of the rows' scores, whether all is finite) in one pass.

        X' diag(w d1^2 / (1 - h)^power) X with h = d2 |A'x|^2 where weights count rows; else X' diag(w^2 d1^2 /
        (1 - w h)^power) X. `inverse` is the matrix A, with a row per parameter, which power 0 does not need.
        """
        cdef question q
        if not 0 <= power <= 2 or (power > 0 and inverse is None):
            raise ValueError("no such power, or no inverse for it")
        self.ask(&q, leaf, 2, False)
        q.summand = SCORES
        q.power = power
        q.counted = counted
        kept = self.whiten(&q, inverse) if power > 0 else None
        answer = self.answer(&q, params, threads, before)
        return answer if isinstance(answer, Sums) else (answer[2], answer[3])

    def leverages(self, const double[::1] params, Leaf leaf not None, int threads, inverse not None):
        """w d2 |A'x|^2 of every row; absent rows have 0."""
        cdef question q
        leverages = np.zeros(self.n)
        cdef double[::1] view = leverages
        self.ask(&q, leaf, 1, False)
        kept = self.whiten(&q, inverse)
        if self.n > 0:
            q.leverages = &view[0]
            self.add(&q, params, threads, start_sums(self.sums(&q), 0, self.n))
        return leverages

    def prior_slopes(self, const double[::1] params, Leaf leaf not None, int threads, inverse not None,
                     Sums before=None):
        """The sum of w d3 |A'x|^2 x in one pass: minus twice the gradient of -log det I / 2, where A A' = I^-1."""
        cdef question q
        if leaf.third == NULL:
            raise ValueError("the leaf has no third derivative")
        self.ask(&q, leaf, 1, False)
        q.summand = PRIOR
        kept = self.whiten(&q, inverse)
        answer = self.answer(&q, params, threads, before)
        return answer if isinstance(answer, Sums) else answer[1]

    cdef object whiten(self, question *q, inverse):
        """The matrix A into the question, as strips; returns who owns them."""
        cdef int64_t size = self.p + self.intercept, width = WHITENING_WIDTH
        if len(inverse) != size or inverse.ndim != 2:
            raise ValueError("the inverse must have %d rows and two dimensions" % size)
        cdef int64_t rank = inverse.shape[1], strips = max(<int64_t>1, (rank + width - 1) // width), s, j
        matrix = np.zeros((self.p + 1, strips * width))
        matrix[1 - self.intercept:, :rank] = inverse
        memory = np.empty(strips * (self.p + 1) * width + 8)
        lengths = np.zeros(strips, dtype=np.int64)
        cdef double[::1] numbers = memory
        cdef int64_t[::1] used = lengths
        cdef double *place = aligned(&numbers[0])
        cdef double[:, ::1] a = matrix
        for s in range(strips):
            for j in range(self.p + 1):
                memcpy(place + (s * (self.p + 1) + j) * width, &a[j, s * width], width * sizeof(double))
            rows = np.flatnonzero(matrix[1:, s * width:(s + 1) * width].any(axis=1))
            used[s] = rows[rows.size - 1] + 1 if rows.size else 0
        q.inverse.strips = place
        q.inverse.used = &used[0]
        q.inverse.count = strips
        q.inverse.stride = (self.p + 1) * width
        return memory, lengths

    cdef int64_t sums(self, const question *q) noexcept:
        """How many sums over the rows there are."""
        return sums_size(q) + (q.x.panels * PANEL * q.stride if q.order == 2 else 0)

    cdef object answer(self, question *q, const double[::1] params, int threads, Sums before):
        """The answer from these rows and those before them, or the sums so far if others follow."""
        cdef int64_t size = self.sums(q), shared = 0
        if shares_columns(q, self.where.whole):
            shared = size - sums_size(q)
        cdef Sums sums = continue_sums(before, size, shared, &self.where)
        self.add(q, params, threads, sums)
        if not is_last(self.n, &self.where):
            return sums
        cdef double *total = sums.finish()
        gradient = self.gradient(total, q) if q.order > 0 else None
        hessian = self.hessian(total, q) if q.order > 1 else None
        return total[NLL], gradient, hessian, self.finite(total, q), total[REACH]

    cdef int add(self, question *q, const double[::1] params, int threads, Sums sums) except -1:
        """Add the sums of these rows to those before them."""
        cdef job work
        if params.shape[0] != self.p + self.intercept:
            raise ValueError("params must have %d elements" % (self.p + self.intercept))
        cdef double *memory = <double *>malloc((q.x.panels * PANEL + 8) * sizeof(double))
        if memory == NULL:
            raise MemoryError()
        threads = self.team(q, threads)
        try:
            q.b = self.pad_params(params, q, aligned(memory))
            if sums.shared > 0:
                by_columns(q, threads, &self.where, sums)
            else:
                work = question_job(q, sums.size)
                by_rows(&work, threads, &self.where, sums)
        finally:
            free(memory)
        return 0

    cdef bint finite(self, const double *total, const question *q) noexcept:
        """Whether every eta and every number of the answer is finite: 0 times anything else is NaN."""
        cdef const double *lower = total + sums_size(q)
        cdef double sum = total[FINITE] + 0.0 * total[NLL] + 0.0 * total[SUM_D1] + 0.0 * total[SUM_D2]
        cdef int64_t i, j
        if q.order > 0:
            for j in range(self.p):
                sum += 0.0 * total[HEADER + j]
        for j in range(shape_sums_at(q), sums_size(q)):
            sum += 0.0 * total[j]
        if q.order > 1:
            for i in range(self.p):
                for j in range(i + 1):
                    sum += 0.0 * lower[i * q.stride + j]
        return sum == 0.0

    cdef object gradient(self, const double *total, const question *q):
        cdef int64_t size = self.p + self.intercept, j
        answer = np.empty(size + q.shapes)
        cdef double[::1] g = answer
        if self.intercept:
            g[0] = total[SUM_D1]
        for j in range(self.p):
            g[j + self.intercept] = total[HEADER + j]
        for j in range(q.shapes):
            g[size + j] = total[shape_sums_at(q) + j * shape_sums_size(q)]
        return answer

    cdef object hessian(self, const double *total, const question *q):
        """The symmetric matrix from its lower triangle, 32 x 32 entries at a time for the cache."""
        cdef int64_t p = self.p, shift = self.intercept, i, j, rows, columns
        cdef const double *xd2 = total + HEADER + q.x.panels * PANEL
        cdef const double *lower = total + sums_size(q)
        cdef int64_t width = p + shift + q.shapes
        answer = np.empty((width, width))
        if width == 0:
            return answer
        cdef double[:, ::1] view = answer
        cdef double *h = &view[0, 0]
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
        for i in range(q.shapes):
            self.shape_row(total + shape_sums_at(q) + i * shape_sums_size(q), h, width, width - q.shapes + i)
        return answer

    cdef void shape_row(self, const double *sums, double *h, int64_t width, int64_t row) noexcept:
        """The row and the column of a shape parameter in the Hessian, from its sums."""
        cdef int64_t j, size = self.p + self.intercept
        if self.intercept:
            h[row * width] = h[row] = sums[1]
        for j in range(self.p):
            h[row * width + j + self.intercept] = h[(j + self.intercept) * width + row] = sums[HEADER + j]
        for j in range(size, width):
            h[row * width + j] = sums[2 + j - size]

    def scan(self, const double[::1] params, const double[::1] direction, Leaf leaf not None, int threads):
        """(largest -d2 x'd / d1, least and largest step towards the open side) over the rows, for a direction d."""
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
        try:
            self.pad_params(direction, &q, d)
            d_intercept = q.intercept
            q.b = self.pad_params(params, &q, d - padded)
            for thread in range(threads):
                clear_tile(&q, workspaces + thread * private)
                extremes[8 * thread] = extremes[8 * thread + 2] = -float("inf")
                extremes[8 * thread + 1] = float("inf")
            wave = self.wave(&q)
            for start in range(0, blocks, wave):
                stop = min(start + wave, blocks)
                with nogil, parallel(num_threads=threads):
                    thread = threadid()
                    for block in prange(start, stop, schedule="dynamic", chunksize=8):
                        scan_block(&q, d, d_intercept, block, workspaces + thread * private, extremes + 8 * thread)
                PyErr_CheckSignals()
            return (max([extremes[8 * i] for i in range(threads)]), min([extremes[8 * i + 1] for i in range(threads)]),
                    max([extremes[8 * i + 2] for i in range(threads)]))
        finally:
            free(memory)

    def linear_predictor(self, const double[::1] params, int threads):
        """eta of every row, offset included; rows of weight zero have 0."""
        cdef question q
        if params.shape[0] != self.p + self.intercept:
            raise ValueError("params must have %d elements" % (self.p + self.intercept))
        self.ask(&q, Leaf("given"), 0, False)
        threads = self.team(&q, threads)
        answer = np.empty(self.n)
        cdef double[::1] eta = answer
        cdef int64_t blocks = (self.n + BLOCK_ROWS - 1) // BLOCK_ROWS, block, start, stop, wave = self.wave(&q)
        cdef int64_t private = workspace_size(&q)
        cdef double *memory = <double *>malloc((threads * private + q.x.panels * PANEL + 8) * sizeof(double))
        if memory == NULL:
            raise MemoryError()
        cdef double *workspaces = aligned(memory)
        cdef int thread = 0
        try:
            q.b = self.pad_params(params, &q, workspaces + threads * private)
            for thread in range(threads):
                clear_tile(&q, workspaces + thread * private)
            for start in range(0, blocks, wave):
                stop = min(start + wave, blocks)
                with nogil, parallel(num_threads=threads):
                    thread = threadid()
                    for block in prange(start, stop, schedule="dynamic", chunksize=8):
                        predict_block(&q, block, workspaces + thread * private, &eta[0])
                PyErr_CheckSignals()
        finally:
            free(memory)
        return answer

    cdef int64_t wave(self, const question *q) noexcept:
        """Blocks between two looks for Ctrl-C."""
        return max(<int64_t>1, <int64_t>(WAVE_WORK / (BLOCK_ROWS * cost_per_row(q))))

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
        part.where.first = 0
        part.where.whole = part.n
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
