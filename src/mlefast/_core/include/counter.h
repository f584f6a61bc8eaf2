/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random weights of rows that are functions of (seed, key of the row, replicate) and of nothing else, so that they do not
 * depend on blocks or threads: Philox4x32 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011), whose counter is (place of the replicate, 0, key) and whose key is the seed. And the sums
 * that a bootstrap makes of them.
 *
 * The eight halves of a counter's four words are as many weights. A chunk of 128 replicates takes 16 counters at a time,
 * one per lane; replicate r of a chunk is half (r / 16) % 2 of word r / 32 of lane r % 16.
 */
#ifndef MLEFAST_COUNTER_H
#define MLEFAST_COUNTER_H

#include <stdint.h>

enum { COUNTERS = 16, WORDS = 4, CHUNK = COUNTERS * WORDS * 2, ROWS_AT_A_TIME = 4, MOST_WEIGHT = 8 };

/* A half is a whole number from -32,768. The weight is the number of these that it exceeds: of the 65,536 values 24,107
 * stand for 0, then 24,113, 12,055, 4,017, 1,004, 201, 33, 5 and 1, near to Poisson's distribution with mean 1, and with
 * mean and variance exactly 1. */
static const int16_t EXCEEDED[MOST_WEIGHT] = {-8662, 15451, 27506, 31523, 32527, 32728, 32761, 32766};

#define PHILOX_ROUND                                                                                                   \
    {                                                                                                                  \
        uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;                                       \
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;                                                                            \
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;                                                                            \
        c1 = (uint32_t)b;                                                                                              \
        c3 = (uint32_t)a;                                                                                              \
        k0 += 0x9E3779B9u;                                                                                             \
        k1 += 0xBB67AE85u;                                                                                             \
    }

/* The words of the counters (first + lane, 0, key), word by word. */
static void philox(uint64_t seed, uint64_t key, uint32_t first, uint32_t *words) {
    for (uint32_t lane = 0; lane < COUNTERS; ++lane) {
        uint32_t c0 = first + lane, c1 = 0, c2 = (uint32_t)key, c3 = (uint32_t)(key >> 32);
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND
        PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND PHILOX_ROUND
        words[lane] = c0;
        words[COUNTERS + lane] = c1;
        words[2 * COUNTERS + lane] = c2;
        words[3 * COUNTERS + lane] = c3;
    }
}

/* The weights of a row in a chunk of replicates. */
static void draw_weights(uint64_t seed, uint64_t key, int64_t chunk, int16_t *weights) {
    uint32_t words[WORDS * COUNTERS];
    int16_t halves[CHUNK];
    philox(seed, key, (uint32_t)chunk * COUNTERS, words);
    for (int word = 0; word < WORDS; ++word)
        for (int lane = 0; lane < COUNTERS; ++lane) {
            halves[2 * COUNTERS * word + lane] = (int16_t)(uint16_t)words[COUNTERS * word + lane];
            halves[2 * COUNTERS * word + COUNTERS + lane] = (int16_t)(uint16_t)(words[COUNTERS * word + lane] >> 16);
        }
    for (int r = 0; r < CHUNK; ++r) {
        int16_t weight = 0;
        for (int k = 0; k < MOST_WEIGHT; ++k) weight = (int16_t)(weight + (halves[r] > EXCEEDED[k]));
        weights[r] = weight;
    }
}

/* sums[j][r] += scores[i][j] weights[i][r] over four rows, for two columns. */
static void add_two(const double *scores, int64_t stride, double (*weights)[CHUNK], double *sums) {
    double a0 = scores[0], a1 = scores[stride], a2 = scores[2 * stride], a3 = scores[3 * stride];
    double b0 = scores[1], b1 = scores[stride + 1], b2 = scores[2 * stride + 1], b3 = scores[3 * stride + 1];
    for (int r = 0; r < CHUNK; ++r) {
        double w0 = weights[0][r], w1 = weights[1][r], w2 = weights[2][r], w3 = weights[3][r];
        sums[r] += (a0 * w0 + a1 * w1) + (a2 * w2 + a3 * w3);
        sums[CHUNK + r] += (b0 * w0 + b1 * w1) + (b2 * w2 + b3 * w3);
    }
}

static void add_one(const double *scores, int64_t stride, double (*weights)[CHUNK], double *sums) {
    double a0 = scores[0], a1 = scores[stride], a2 = scores[2 * stride], a3 = scores[3 * stride];
    for (int r = 0; r < CHUNK; ++r)
        sums[r] += (a0 * weights[0][r] + a1 * weights[1][r]) + (a2 * weights[2][r] + a3 * weights[3][r]);
}

/* Add the weighted scores of rows to the sums of one chunk, which has CHUNK of them for each column. The number of rows
 * is a multiple of four. */
static void add_replicates(const double *scores, const int64_t *keys, int64_t rows, int64_t columns, uint64_t seed,
                           int64_t chunk, double *sums) {
    int16_t drawn[CHUNK];
    double weights[ROWS_AT_A_TIME][CHUNK];
    for (int64_t i = 0; i < rows; i += ROWS_AT_A_TIME) {
        const double *part = scores + i * columns;
        for (int k = 0; k < ROWS_AT_A_TIME; ++k) {
            draw_weights(seed, (uint64_t)keys[i + k], chunk, drawn);
            for (int r = 0; r < CHUNK; ++r) weights[k][r] = drawn[r];
        }
        int64_t j = 0;
        for (; j + 1 < columns; j += 2) add_two(part + j, columns, weights, sums + j * CHUNK);
        if (j < columns) add_one(part + j, columns, weights, sums + j * CHUNK);
    }
}

#endif
