/* SPDX-License-Identifier: MIT */
#include "model/limit.h"

#include <math.h>
#include <signal.h>
#include <string.h>

static void *wait_for_it(void *arg) {
  Limit *l = arg;
  int rc = 0;
  pthread_mutex_lock(&l->lock);
  while (!l->over && rc == 0) rc = pthread_cond_timedwait(&l->done, &l->lock, &l->at);
  if (!l->over) {
    l->stopped = true;
    l->stop(l->what);
  }
  pthread_mutex_unlock(&l->lock);
  return NULL;
}

static void set_moment(Limit *l, double seconds) {
  clock_gettime(CLOCK_MONOTONIC, &l->at);
  double whole = floor(seconds);
  l->at.tv_sec += (time_t)whole;
  l->at.tv_nsec += (long)((seconds - whole) * 1e9);
  if (l->at.tv_nsec < 1000000000) return;
  l->at.tv_sec++;
  l->at.tv_nsec -= 1000000000;
}

static void let_go(Limit *l) {
  pthread_cond_destroy(&l->done);
  pthread_mutex_destroy(&l->lock);
}

/* Signals stay with the threads that expect them. */
static int start(Limit *l) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(&l->thread, NULL, wait_for_it, l);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return rc;
}

bool limit_begin(Limit *l, double seconds, Err *err) {
  pthread_condattr_t attr;
  pthread_mutex_init(&l->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&l->done, &attr);
  pthread_condattr_destroy(&attr);
  set_moment(l, seconds);
  int rc = start(l);
  if (rc == 0) return true;
  let_go(l);
  return err_set(err, ERR_IO, "no thread for a time limit: %s", strerror(rc));
}

bool limit_end(Limit *l) {
  pthread_mutex_lock(&l->lock);
  l->over = true;
  pthread_cond_signal(&l->done);
  pthread_mutex_unlock(&l->lock);
  pthread_join(l->thread, NULL);
  let_go(l);
  return l->stopped;
}
