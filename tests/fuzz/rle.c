/* Run lengths of masks as text: read, checked, written again. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "labels/rle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  if (n < 2) return 0;
  int w = 1 + data[0] % 64, h = 1 + data[1] % 64;
  Err err = { 0 };
  Rle r = { 0 }, again = { 0 };
  if (rle_read(&r, (const char *)data + 2, n - 2, &err) && rle_check(&r, w, h, &err)) {
    char *text = malloc((size_t)r.n * 7 + 1);
    if (text) {
      size_t m = rle_write(&r, text);
      if (!rle_read(&again, text, m, &err) || again.n != r.n || (r.n && memcmp(again.count, r.count, (size_t)r.n * sizeof *r.count) != 0)) abort();
      free(text);
    }
    Image *mask = rle_decode(&r, w, h, 1, &err);
    if (!mask) abort();
    image_unref(mask);
  }
  rle_clear(&r);
  rle_clear(&again);
  return 0;
}
