/* The orientation in an EXIF block is one of eight, whatever the bytes. SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "codec/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = malloc(n ? n : 1); /* of its exact size, so that a byte too far shows */
  if (!copy) return 0;
  memcpy(copy, data, n);
  int o = exif_orientation(copy, n);
  if (o < 1 || o > 8) abort();
  free(copy);
  return 0;
}
