/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_least64_t asked;     /* allocations since armed */
static atomic_uint_least64_t fail_at;   /* 0: off */
static atomic_bool fail_sticky;

void mem_fail_at(uint64_t k, bool sticky) {
  atomic_store(&asked, 0);
  atomic_store(&fail_sticky, sticky);
  atomic_store(&fail_at, k);
}

uint64_t mem_count(void) { return atomic_load(&asked); }

/* Armed from the environment so that a whole program can be swept. */
__attribute__((constructor)) static void arm(void) {
  const char *s = getenv("BRINK_FAIL_ALLOC");
  if (s && *s) {
    char *end;
    unsigned long long k = strtoull(s, &end, 10);
    mem_fail_at(k, *end == '+');
  }
}

static bool refuse(void) {
  uint64_t n = atomic_fetch_add(&asked, 1) + 1, k = atomic_load(&fail_at);
  return k && (n == k || (n > k && atomic_load(&fail_sticky)));
}

static bool too_big(size_t count, size_t size) { return size && count > (SIZE_MAX / 2) / size; }

void *mem_alloc(size_t count, size_t size) {
  if (too_big(count, size) || refuse()) return NULL;
  size_t n = count * size;
  return malloc(n ? n : 1);
}

void *mem_calloc(size_t count, size_t size) {
  if (too_big(count, size) || refuse()) return NULL;
  return count && size ? calloc(count, size) : calloc(1, 1);
}

void *mem_realloc(void *old, size_t count, size_t size) {
  if (too_big(count, size) || refuse()) return NULL;
  size_t n = count * size;
  return realloc(old, n ? n : 1);
}

void *mem_aligned(size_t bytes) {
  if (bytes > SIZE_MAX / 2 || refuse()) return NULL;
  return aligned_alloc(64, bytes ? (bytes + 63) & ~(size_t)63 : 64);
}

void mem_free(void *p) { free(p); }

char *mem_strdup(const char *s) {
  size_t n = strlen(s) + 1;
  char *p = mem_alloc(n, 1);
  if (p) memcpy(p, s, n);
  return p;
}
