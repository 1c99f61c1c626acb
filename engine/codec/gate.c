/* Decodes under way share a quarter of the memory this process may have: more
 * wait for their turn, so that many big files at a time need no more than one
 * after the other. A single decode beyond the share runs alone.
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec/formats.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t share, held; /* bytes */
static unsigned inside;      /* decodes */

/* The number in a file of the cgroup, or `most`. "max" is no number. */
static uint64_t limit_in(const char *path, uint64_t most) {
  unsigned long long v;
  FILE *f = fopen(path, "r");
  if (!f) return most;
  bool ok = fscanf(f, "%llu", &v) == 1;
  fclose(f);
  return ok && v < most ? v : most;
}

static void find_share(void) {
  uint64_t most = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  struct rlimit r;
  most = limit_in("/sys/fs/cgroup/memory.max", most);
  most = limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", most);
  if (!getrlimit(RLIMIT_AS, &r) && r.rlim_cur != RLIM_INFINITY && r.rlim_cur < most) most = r.rlim_cur;
  share = most / 4;
}

void gate_enter(uint64_t bytes) {
  pthread_once(&once, find_share);
  pthread_mutex_lock(&lock);
  while (inside && held + bytes > share) pthread_cond_wait(&freed, &lock);
  inside++;
  held += bytes;
  pthread_mutex_unlock(&lock);
}

void gate_leave(uint64_t bytes) {
  pthread_mutex_lock(&lock);
  inside--;
  held -= bytes;
  pthread_cond_broadcast(&freed);
  pthread_mutex_unlock(&lock);
}
