/* Content hashes: XXH3 128 (xxhash). For identity, not for security.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_HASH_H
#define BRINK_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct Hash { uint64_t hi, lo; } Hash;

Hash hash_bytes(const void *data, size_t n);
Hash hash_mix(Hash a, Hash b);               /* order matters */
void hash_text(Hash h, char out[33]);        /* 32 hex digits and NUL */

#endif
