/* First signal: note it and wake the loop. Second: leave at once. The handler
 * does its part on the thread that took the signals and passes on what the
 * kernel delivered elsewhere, so that what it touches belongs to one thread.
 * SPDX-License-Identifier: MIT */
#include "async/signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { COUNT = 4 };
static const int numbers[COUNT] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};

static struct {
  const void *_Atomic owner; /* NULL: not taken */
  uv_async_t *wake;
  pthread_t thread;
  void (*call)(void *data);
  void *data;
  atomic_int seen; /* the first signal */
  struct sigaction old[COUNT];
  bool taken[COUNT];
} now;

static void handler(int signo) {
  int none = 0, was = errno; /* of whatever was interrupted */
  if (!pthread_equal(pthread_self(), now.thread)) {
    pthread_kill(now.thread, signo);
  } else {
    if (!atomic_compare_exchange_strong(&now.seen, &none, signo)) _exit(128 + signo);
    uv_async_send(now.wake); /* documented as safe here */
    if (now.call) now.call(now.data);
  }
  errno = was;
}

bool signals_take(const void *owner, uv_async_t *wake) {
  const void *nobody = NULL;
  if (!atomic_compare_exchange_strong(&now.owner, &nobody, owner)) return false;
  now.wake = wake;
  now.thread = pthread_self();
  atomic_store(&now.seen, 0);
  struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigemptyset(&act.sa_mask);
  for (int k = 0; k < COUNT; k++) sigaddset(&act.sa_mask, numbers[k]);
  for (int k = 0; k < COUNT; k++) {
    sigaction(numbers[k], NULL, &now.old[k]);
    now.taken[k] = now.old[k].sa_handler != SIG_IGN; /* nohup, or a shell's background job */
    if (now.taken[k]) sigaction(numbers[k], &act, NULL);
  }
  return true;
}

bool signals_give(const void *owner) {
  if (atomic_load(&now.owner) != owner) return false;
  for (int k = 0; k < COUNT; k++)
    if (now.taken[k]) sigaction(numbers[k], &now.old[k], NULL);
  now.call = NULL;
  atomic_store(&now.seen, 0);
  atomic_store(&now.owner, NULL);
  return true;
}

void signals_notify(const void *owner, void (*call)(void *data), void *data) {
  if (atomic_load(&now.owner) != owner) return;
  now.call = NULL;
  atomic_signal_fence(memory_order_seq_cst);
  now.data = data;
  atomic_signal_fence(memory_order_seq_cst);
  now.call = call;
}

int signals_seen(const void *owner) { return atomic_load(&now.owner) == owner ? atomic_load(&now.seen) : 0; }

void signals_clear(const void *owner) {
  if (atomic_load(&now.owner) == owner) atomic_store(&now.seen, 0);
}
