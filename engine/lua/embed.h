/* The Lua side as text inside the binary. SPDX-License-Identifier: MIT */
#ifndef BRINK_EMBED_H
#define BRINK_EMBED_H

#include <stddef.h>

typedef struct Embedded {
  const char *module; /* "brink.search.grid"; NULL ends the table */
  const char *chunk;  /* "@brink/search/grid.lua", for tracebacks */
  const char *text;
  size_t n;           /* bytes of text */
} Embedded;

extern const Embedded EMBEDDED[];

#endif
