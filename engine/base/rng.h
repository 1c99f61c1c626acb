/* Randomness as a function: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011). No state is shared
 * and nothing depends on order: a number is f(key, counter).
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_RNG_H
#define BRINK_RNG_H

#include <stddef.h>
#include <stdint.h>

/* The 64-bit key of a stream. From (seed, sample identity, step, draw) by mixing. */
uint64_t rng_key(uint64_t seed, uint64_t sample, uint64_t step, uint64_t draw);

/* Four words for counter (lo, hi) under key. */
void rng_block(uint64_t key, uint64_t lo, uint64_t hi, uint32_t out[4]);

/* A reader that walks one stream: convenience over rng_block. */
typedef struct Rng {
  uint64_t key, at; /* next block */
  uint32_t word[4];
  int left;         /* unread words in word[] */
} Rng;

void rng_init(Rng *r, uint64_t key);
uint32_t rng_u32(Rng *r);
double rng_unit(Rng *r);                           /* [0,1), 53 bits */
double rng_normal(Rng *r);                         /* mean 0, deviation 1; own inverse CDF, no libm */
uint64_t rng_below(Rng *r, uint64_t n);            /* 0..n-1 without bias; n >= 1 */

/* Fill n floats, element k depending on (key, first + k) only. */
void rng_fill_uniform(uint64_t key, uint64_t first, float *out, size_t n); /* [0,1) , 24 bits */
void rng_fill_normal(uint64_t key, uint64_t first, float *out, size_t n);  /* N(0,1) */

#endif
