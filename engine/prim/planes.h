/* Strips of pixels as planes of bytes or floats, for colour.c.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_PLANES_H
#define BRINK_PLANES_H

#include <stdbool.h>
#include <stdint.h>

enum { STRIP = 512 };

/* 32: the frames that a sanitizer keeps for itself are aligned no better. */
typedef struct Bytes {
  _Alignas(32) uint8_t r[STRIP], g[STRIP], b[STRIP];
} Bytes;

typedef struct Floats {
  _Alignas(32) float r[STRIP], g[STRIP], b[STRIP];
} Floats;

/* n <= STRIP pixels of c = 3 or 4 channels, the fourth left out; and back, the fourth from src, which may be dst. */
void planes_split(Bytes *s, const uint8_t *src, int c, int n);
void planes_join(const Bytes *s, const uint8_t *src, uint8_t *dst, int c, int n);

/* Every plane becomes Rec. 601 luma, rounded; grey stays as it is to the bit. f is not used. */
void planes_grey(Bytes *s, int n, const float *f);

/* Three rows of weights of r, g, b and a constant in levels, within 0.07 level of the sum and exact for weights 0 and 1.
 * False, and nothing done: the weights are too large for it. */
bool planes_weigh(Bytes *s, int n, const float *f);

#endif
