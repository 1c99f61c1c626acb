/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <stdio.h>
#include <xxhash.h>

Hash hash_bytes(const void *data, size_t n) {
  XXH128_hash_t h = XXH3_128bits(data, n);
  return (Hash){h.high64, h.low64};
}

Hash hash_mix(Hash a, Hash b) {
  uint64_t words[4] = {a.hi, a.lo, b.hi, b.lo};
  return hash_bytes(words, sizeof words);
}

void hash_text(Hash h, char out[33]) {
  snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.hi, (unsigned long long)h.lo);
}
