/* Keyed random streams laid out for pixel rows: element e of row y under a key
 * is a function of (key, lane, y, e) alone, whatever bands or threads ask.
 *
 * The numbers are Philox 4x32-10 blocks exactly as rng_block gives them, for
 * counter lo = 16 * group + i, hi = y | lane << 32; a group is 16 blocks side by
 * side (so that the loop vectorises), stored word 0 of all, then word 1, ...
 * Words: 64 to a group. Halves: the same 64 words as 128 16-bit numbers, low
 * half first. Lanes separate independent uses under one key.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_STREAM_H
#define BRINK_STREAM_H

#include <stdint.h>

enum { STREAM_STRIP = 1536, STREAM_ROOM = STREAM_STRIP + 128 }; /* elements asked for at most; words a buffer holds */

typedef union StreamBuf {
  uint32_t word[STREAM_ROOM];
  uint16_t half[2 * STREAM_ROOM];
} StreamBuf;

/* Elements first .. first + n - 1 of the row; n <= STREAM_STRIP. The result points into buf. */
const uint32_t *stream_words(StreamBuf *buf, uint64_t key, uint32_t lane, int y, int first, int n);
const uint16_t *stream_halves(StreamBuf *buf, uint64_t key, uint32_t lane, int y, int first, int n);

/* Uniform in [0,1), multiples of 2^-24, from words. */
void stream_unit(float *out, uint64_t key, uint32_t lane, int y, int first, int n);
/* Uniform in (-1,1), odd multiples of 2^-16, from halves: symmetric, never 0. */
void stream_signed(float *out, uint64_t key, uint32_t lane, int y, int first, int n);
/* Normal(0,1) from halves: the quantile at the middle of 65,536 equally likely bins, from a table of
 * 16-bit steps. Symmetric, deviation 1 within 1e-6, |z| <= 4.33 (true mass beyond: 1.5e-5), distribution function
 * within 2^-15 of the true one. */
void stream_normal(float *out, uint64_t key, uint32_t lane, int y, int first, int n);
/* The value stream_normal gives for a half. */
float stream_quantile(uint16_t half);

#endif
