/* A time limit for work that can be told to stop: a thread of its own waits for
 * the moment, so that it does not matter what the others do.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_LIMIT_H
#define BRINK_LIMIT_H

#include <pthread.h>
#include <time.h>

#include "base/err.h"

typedef struct Limit {
  void (*stop)(void *); /* called once from the thread when time is up */
  void *what;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t done;
  struct timespec at;
  bool over, stopped;
} Limit;

/* Fill in stop and what (the rest zeroed). The struct must stay where it is until limit_end. */
bool limit_begin(Limit *l, double seconds, Err *err);
/* The work is done. Whether it was told to stop; nothing is called any more. */
bool limit_end(Limit *l);

#endif
