/* Run lengths of masks as COCO has them: down the columns, first the zeros.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_RLE_H
#define BRINK_RLE_H

#include "image/image.h"

typedef struct Rle {
  uint32_t *count; /* owned; zeros, ones, zeros, ... */
  int n, cap;
} Rle;

void rle_clear(Rle *r);
bool rle_add(Rle *r, uint32_t count, Err *err);
/* The compressed form: differences to the count before last, 5 bits a character from '0'. ERR_USAGE names the character. */
bool rle_read(Rle *r, const char *text, size_t n, Err *err);
/* Returns bytes written; out has room for 7 per count. */
size_t rle_write(const Rle *r, char *out);
/* ERR_USAGE unless the counts fill h x w exactly. */
bool rle_check(const Rle *r, int w, int h, Err *err);
/* From pixels that are not 0 (first channel). */
bool rle_encode(Rle *r, const Image *mask, Err *err);
/* u8 mask with `value` in the ones; counts checked. */
Image *rle_decode(const Rle *r, int w, int h, uint8_t value, Err *err);

#endif
