# SPDX-License-Identifier: BSD-3-Clause
#
# Sums of rows with random weights, for a bootstrap that reads the rows once (include/counter.h). Threads share the
# replicates, not the rows, so each sum is made by one thread in the order of the rows.
cdef extern from "counter.h":
    int CHUNK
    int ROWS_AT_A_TIME
    void draw_weights(uint64_t seed, uint64_t key, int64_t chunk, int16_t *weights) noexcept nogil
    void add_replicates(const double *scores, const int64_t *keys, int64_t rows, int64_t columns, uint64_t seed,
                        int64_t chunk, double *sums) noexcept nogil

REPLICATES = CHUNK
cdef double REPLICATE_COST = 5.0  # of one weight, as floating-point operations


def draw(const int64_t[::1] keys, uint64_t seed, int64_t chunks):
    """The weights of rows in the first `chunks` chunks of replicates, of shape (rows, chunks REPLICATES)."""
    answer = np.empty((keys.shape[0], chunks * CHUNK), dtype=np.int16)
    cdef int16_t[:, ::1] weights = answer
    cdef int64_t i, chunk
    for i in range(keys.shape[0]):
        for chunk in range(chunks):
            draw_weights(seed, <uint64_t>keys[i], chunk, &weights[i, chunk * CHUNK])
    return answer


def resample(const double[:, ::1] scores, const int64_t[::1] keys, uint64_t seed, double[:, :, ::1] sums, int threads):
    """Add the sums of the scores (rows, columns), weighted at random, to `sums` (chunks, columns, REPLICATES).

    Rows must come in fours: those of no score fill up. A row's weights depend on its key and the seed only.
    """
    cdef int64_t rows = scores.shape[0], columns = scores.shape[1], chunks = sums.shape[0], chunk
    if rows % ROWS_AT_A_TIME or keys.shape[0] != rows or sums.shape[1] != columns or sums.shape[2] != CHUNK:
        raise ValueError("scores, keys and sums do not fit together")
    if rows == 0 or columns == 0:
        return
    cdef double work = <double>rows * chunks * CHUNK * (REPLICATE_COST + 2.0 * columns)
    threads = max(1, <int>min(<double>min(<int64_t>threads, chunks), work / THREAD_WORK))
    with nogil, parallel(num_threads=threads):
        for chunk in prange(chunks, schedule="dynamic", chunksize=1):
            add_replicates(&scores[0, 0], &keys[0], rows, columns, seed, chunk, &sums[chunk, 0, 0])
    PyErr_CheckSignals()
