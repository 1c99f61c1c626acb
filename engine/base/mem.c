/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <malloc.h>
#include <pthread.h>
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

/* Large blocks that were given back wait for the next request of about their size. Fresh pages cost more than most
 * work done on them (0.45 ms for 512 x 512 x 3 bytes), and aligned_alloc of glibc before 2.38 cannot reuse a freed block
 * of the very size asked for. Sanitizer builds do without, to see every use after free. */
enum { KEEP_BLOCKS = 32, KEEP_LEAST = 64 << 10, KEEP_BYTES = 64 << 20 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
static void *take(size_t n, size_t align) { return (void)n, (void)align, NULL; }
static void give(void *p) { free(p); }
#else
static struct {
  pthread_mutex_t lock;
  int n;
  size_t bytes;
  struct { void *p; size_t size; } block[KEEP_BLOCKS]; /* oldest first */
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Out of the list; its address. */
static void *pull(int i) {
  void *p = kept.block[i].p;
  kept.bytes -= kept.block[i].size;
  kept.n--;
  memmove(kept.block + i, kept.block + i + 1, (size_t)(kept.n - i) * sizeof kept.block[0]);
  return p;
}

/* The latest block of n bytes to an eighth more, or NULL. */
static void *take(size_t n, size_t align) {
  void *p = NULL;
  if (n < KEEP_LEAST || n > KEEP_BYTES) return NULL;
  pthread_mutex_lock(&kept.lock);
  for (int i = kept.n - 1; i >= 0 && !p; i--)
    if (kept.block[i].size >= n && kept.block[i].size <= n + n / 8 && (uintptr_t)kept.block[i].p % align == 0) p = pull(i);
  pthread_mutex_unlock(&kept.lock);
  return p;
}

/* Keeps a large block, in place of the oldest ones where the room is used up. */
static void give(void *p) {
  const size_t size = p ? malloc_usable_size(p) : 0;
  void *old[KEEP_BLOCKS];
  int n = 0;
  if (size < KEEP_LEAST || size > KEEP_BYTES) {
    free(p);
    return;
  }
  pthread_mutex_lock(&kept.lock);
  while (kept.n == KEEP_BLOCKS || kept.bytes + size > KEEP_BYTES) old[n++] = pull(0);
  kept.block[kept.n].p = p;
  kept.block[kept.n++].size = size;
  kept.bytes += size;
  pthread_mutex_unlock(&kept.lock);
  while (n) free(old[--n]);
}
#endif

static bool too_big(size_t count, size_t size) { return size && count > (SIZE_MAX / 2) / size; }

void *mem_alloc(size_t count, size_t size) {
  if (too_big(count, size) || refuse()) return NULL;
  size_t n = count * size;
  void *p = take(n, 1);
  return p ? p : malloc(n ? n : 1);
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
  size_t n = bytes ? (bytes + 63) & ~(size_t)63 : 64;
  void *p = take(n, 64);
  return p ? p : aligned_alloc(64, n);
}

void mem_free(void *p) { give(p); }

char *mem_strdup(const char *s) {
  size_t n = strlen(s) + 1;
  char *p = mem_alloc(n, 1);
  if (p) memcpy(p, s, n);
  return p;
}
