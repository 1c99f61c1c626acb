/* The loop over libuv's work queue. Everything but `work` happens on the
 * thread that calls loop_next; a job is in exactly one of: idle, under way (in
 * the list `under`), done (in the queue `done`). `queued` covers the last two.
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "async/job.h"
#include "async/signals.h"
#include "base/mem.h"

struct Loop {
  uv_loop_t uv;
  uv_async_t wake; /* sent by the signal handler; also keeps uv_run blocking */
  int threads;     /* asked for, 0 = cores */
  int pending;     /* under way, or done and not fetched */
  Job *under;
  Job *done, **done_end;
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static int pool_threads; /* of the running pool; 0: not started */

static int cores(void) {
  int n = (int)uv_available_parallelism();
  return n < 1 ? 1 : n > 1024 ? 1024 : n;
}

static void woken(uv_async_t *wake) { (void)wake; }

Loop *loop_new(int threads, Err *err) {
  Loop *l = mem_calloc(1, sizeof *l);
  if (!l) return err_memory(err), NULL;
  l->threads = threads;
  l->done_end = &l->done;
  int rc = uv_loop_init(&l->uv);
  if (rc == 0) {
    rc = uv_async_init(&l->uv, &l->wake, woken);
    if (rc == 0) return l;
    uv_loop_close(&l->uv);
  }
  err_set(err, rc == UV_ENOMEM ? ERR_MEMORY : ERR_IO, "event loop: %s", uv_strerror(rc));
  mem_free(l);
  return NULL;
}

static void close_left(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void loop_free(Loop *l) {
  if (!l) return;
  loop_signals(l, false);
  loop_cancel(l);
  while (loop_drain(l)) {}
  uv_walk(&l->uv, close_left, NULL);
  while (uv_run(&l->uv, UV_RUN_DEFAULT)) {} /* job_finish may have told it to stop */
  uv_loop_close(&l->uv);
  mem_free(l);
}

uv_loop_t *loop_uv(Loop *l) { return &l->uv; }
void loop_want_threads(Loop *l, int threads) { l->threads = threads; }
int loop_pending(const Loop *l) { return l->pending; }

int loop_threads(const Loop *l) {
  pthread_mutex_lock(&pool_lock);
  int n = pool_threads;
  pthread_mutex_unlock(&pool_lock);
  return n ? n : l->threads ? l->threads : cores();
}

static void enlist(Loop *l, Job *job) {
  job->loop = l;
  job->queued = true;
  job->done = false;
  job->prev = NULL;
  job->next = l->under;
  if (l->under) l->under->prev = job;
  l->under = job;
  l->pending++;
}

void job_begin(Loop *l, Job *job) { enlist(l, job); }

void job_finish(Loop *l, Job *job) {
  if (job->prev) job->prev->next = job->next;
  else l->under = job->next;
  if (job->next) job->next->prev = job->prev;
  job->done = true;
  job->next_done = NULL;
  *l->done_end = job;
  l->done_end = &job->next_done;
  uv_stop(&l->uv); /* from a timer's callback uv_run would go on to wait for events */
}

static void run_work(uv_work_t *req) {
  Job *job = req->data;
  job->work(job);
}

static void after_work(uv_work_t *req, int status) {
  Job *job = req->data;
  if (status == UV_ECANCELED) job->failed = !err_set(&job->err, ERR_CANCELLED, "interrupted");
  job_finish(job->loop, job);
}

/* libuv reads the pool's size from the environment when its first work is queued; children must not see our value. */
static int queue_first(Loop *l, Job *job) {
  const char *name = "UV_THREADPOOL_SIZE", *was = getenv(name);
  char *old = was ? mem_strdup(was) : NULL, text[16];
  int n = l->threads ? l->threads : cores();
  snprintf(text, sizeof text, "%d", n);
  if ((was && !old) || setenv(name, text, 1) != 0) return mem_free(old), UV_ENOMEM;
  int rc = uv_queue_work(&l->uv, &job->req, run_work, after_work);
  if (old) setenv(name, old, 1);
  else unsetenv(name);
  mem_free(old);
  if (rc == 0) pool_threads = n;
  return rc;
}

bool job_submit(Loop *l, Job *job, Err *err) {
  job->req.data = job;
  job->loop = l;
  pthread_mutex_lock(&pool_lock);
  bool first = pool_threads == 0;
  int rc = first ? queue_first(l, job) : 0;
  pthread_mutex_unlock(&pool_lock);
  if (!first) rc = uv_queue_work(&l->uv, &job->req, run_work, after_work);
  if (rc != 0) return err_set(err, rc == UV_ENOMEM ? ERR_MEMORY : ERR_IO, "work queue: %s", uv_strerror(rc));
  enlist(l, job);
  return true;
}

static Job *pop(Loop *l) {
  Job *job = l->done;
  l->done = job->next_done;
  if (!l->done) l->done_end = &l->done;
  job->queued = job->done = false;
  l->pending--;
  return job;
}

Job *loop_drain(Loop *l) {
  while (!l->done) {
    if (!l->under) return NULL;
    uv_run(&l->uv, UV_RUN_ONCE);
  }
  return pop(l);
}

Job *loop_next(Loop *l) {
  while (!loop_interrupted(l)) {
    if (l->done) return pop(l);
    if (!l->under) return NULL;
    uv_run(&l->uv, UV_RUN_ONCE);
  }
  return NULL;
}

static void cancel(Job *job) {
  if (job->start) {
    if (job->cancel) job->cancel(job);
  } else {
    uv_cancel((uv_req_t *)&job->req); /* refused when it runs already: then it runs to its end */
  }
}

void loop_cancel(Loop *l) {
  for (Job *job = l->under, *next; job; job = next) {
    next = job->next;
    cancel(job);
  }
}

void loop_wait(Loop *l, Job *job) {
  bool cancelled = false;
  if (!job->queued) return;
  while (!job->done) {
    if (!cancelled && loop_interrupted(l)) {
      cancelled = true;
      cancel(job);
      continue;
    }
    uv_run(&l->uv, UV_RUN_ONCE);
  }
  Job **at = &l->done;
  while (*at != job) at = &(*at)->next_done;
  *at = job->next_done;
  if (l->done_end == &job->next_done) l->done_end = at;
  job->queued = job->done = false;
  l->pending--;
}

bool loop_interrupted(const Loop *l) { return loop_signal(l) != 0; }

bool loop_signals(Loop *l, bool on) { return on ? signals_take(l, &l->wake) : signals_give(l); }
void loop_on_signal(Loop *l, void (*on_signal)(void *data), void *data) { signals_notify(l, on_signal, data); }
int loop_signal(const Loop *l) { return signals_seen(l); }
void loop_clear(Loop *l) { signals_clear(l); }
