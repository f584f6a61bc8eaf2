# SPDX-License-Identifier: BSD-3-Clause
#
# Columns as the buffer protocol gives them; Leaf, which is a likelihood; and what is asked of vectors without any X.

# The buffer protocol's letters for the types that a column may have; long has the size of the platform.
cdef dict ELEMENT_TYPES = {
    "d": F64, "f": F32, "q": I64, "Q": U64, "i": I32, "I": U32, "h": I16, "H": U16, "b": I8, "B": U8, "?": U8,
    "l": I64 if sizeof(long) == 8 else I32, "L": U64 if sizeof(long) == 8 else U32,
}
cdef bint LITTLE = sys.byteorder == "little"


cdef int fill_column(column *c, const Py_buffer *view, Py_ssize_t j) except -1:
    """Column j of a buffer with one or two dimensions."""
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
    c.after = c.data + (max(view.shape[0], 1) - 1) * c.stride + view.itemsize
    if view.ndim > 1 and view.strides[1] == view.itemsize:
        c.after += (view.shape[1] - 1 - j) * view.itemsize
    return 0


cdef class Leaf:
    """The function of a likelihood that the pass calls per tile, and the likelihood's own parameters."""

    cdef leaf_function function
    cdef third_function third
    cdef shape_function by_shape
    cdef border border
    cdef double tail
    cdef int shapes         # of its parameters whose derivatives `Rows.evaluate` returns
    cdef double *shape
    cdef object keep

    def __cinit__(self, source, shape=(), bint by_shape=False):
        """A leaf by its name in the table of leaves.h, or by the address of a function with the same arguments.

        With `by_shape` its parameters count as parameters of the fit, each by its logarithm.
        """
        cdef int i
        self.shapes = 0
        cdef double[::1] numbers = np.array(shape, dtype=np.float64)
        if isinstance(source, str):
            for i in range(LEAF_COUNT):
                if source.encode() == LEAVES[i].name:
                    self.function = LEAVES[i].function
                    self.third = LEAVES[i].third
                    self.by_shape = LEAVES[i].by_shape
                    self.shapes = LEAVES[i].shapes if by_shape else 0
                    self.border = LEAVES[i].border
                    self.tail = LEAVES[i].tail
                    break
            else:
                raise ValueError("no leaf is called %r" % source)
        else:
            self.function = <leaf_function><uintptr_t>source
            self.third = NULL
            self.by_shape = NULL
            self.border = 0
            self.tail = 0.0
        if by_shape and self.shapes == 0:
            raise ValueError("the leaf has no derivatives with respect to its parameters")
        self.keep = source, numbers
        self.shape = &numbers[0] if numbers.shape[0] else NULL

    @property
    def key(self):
        """What tells it from others of the same source: its parameters, and whether they are parameters of the fit."""
        return tuple(np.asarray(self.keep[1])) + (self.shapes > 0,)

    def __reduce__(self):
        """A leaf of the table in another process; an address means something else there."""
        source, numbers = self.keep
        if not isinstance(source, str):
            raise TypeError("a compiled function has its address in one process only; use one of Python")
        return Leaf, (source, tuple(np.asarray(numbers)), self.shapes > 0)


def terms(const double[::1] eta, const double[::1] y, Leaf leaf not None):
    """(nll, d1, d2) per row, as three arrays."""
    cdef int64_t n = eta.shape[0], padded = (n + 7) & ~<int64_t>7
    if y.shape[0] != n:
        raise ValueError("eta and y must have the same length")
    work = np.zeros((5, padded))
    cdef double[:, ::1] view = work
    if n > 0:
        memcpy(&view[0, 0], &eta[0], n * sizeof(double))
        memcpy(&view[1, 0], &y[0], n * sizeof(double))
        leaf.function(padded, &view[0, 0], &view[1, 0], leaf.shape, &view[2, 0], &view[3, 0], &view[4, 0])
    return work[2, :n], work[3, :n], work[4, :n]


def shape_terms(const double[::1] eta, const double[::1] y, Leaf leaf not None):
    """Derivatives with respect to the logarithms t of m parameters, of shape (m, 2 + m, n).

    For each t_j and row those of the NLL with respect to t_j, to t_j and eta, and to t_j and each t.
    """
    cdef int64_t n = eta.shape[0], padded = (n + 7) & ~<int64_t>7
    if y.shape[0] != n:
        raise ValueError("eta and y must have the same length")
    vectors, values = np.zeros((2, padded)), np.zeros((leaf.shapes, 2 + leaf.shapes, padded))
    cdef double[:, ::1] rows = vectors
    cdef double[:, :, ::1] view = values
    if n > 0:
        memcpy(&rows[0, 0], &eta[0], n * sizeof(double))
        memcpy(&rows[1, 0], &y[0], n * sizeof(double))
        leaf.by_shape(padded, &rows[0, 0], &rows[1, 0], leaf.shape, &view[0, 0, 0], padded)
    return values[:, :, :n]


def describe(vector):
    """(least, greatest, sum, zeros, ones, fractions) of a vector of any readable type, the last three counted.

    A NaN makes the sum NaN; of nothing but NaN the least is inf and the greatest -inf.
    """
    cdef Py_buffer view
    cdef column c
    cdef vector_facts facts
    PyObject_GetBuffer(vector, &view, PyBUF_STRIDES | PyBUF_FORMAT)
    try:
        if view.ndim != 1:
            raise ValueError("expected one dimension, got %d" % view.ndim)
        fill_column(&c, &view, 0)
        facts.least, facts.greatest, facts.sum = float("inf"), -float("inf"), 0.0
        facts.zeros = facts.ones = facts.fractions = 0
        with nogil:
            add_facts(&c, 0, view.shape[0], &facts)
    finally:
        PyBuffer_Release(&view)
    return facts.least, facts.greatest, facts.sum, facts.zeros, facts.ones, facts.fractions
