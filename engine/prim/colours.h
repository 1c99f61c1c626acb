/* Colour samples of a row as floats side by side, alpha left out, and back:
 * for effects that work on strips. SPDX-License-Identifier: MIT */
#ifndef BRINK_COLOURS_H
#define BRINK_COLOURS_H

#include "image/image.h"

/* Samples first .. first + n - 1, counted without alpha, of a row of pixels with c channels of which `colours` are colour.
 * u8 as 0..255, f32 as it is. */
void colours_load(float *v, const uint8_t *row, ImageType type, int c, int colours, size_t first, size_t n);
/* Rounded and clamped for u8; alpha is not touched. */
void colours_store(uint8_t *row, const float *v, ImageType type, int c, int colours, size_t first, size_t n);

#endif
