/* Work off the Lua thread. A job runs `work` on the pool and is then handed
 * back to the loop's owner through loop_next, on the thread that runs Lua.
 * No callback ever runs Lua. SPDX-License-Identifier: MIT */
#ifndef BRINK_JOB_H
#define BRINK_JOB_H

#include <uv.h>

#include "base/err.h"

typedef struct Loop Loop;
typedef struct Job Job;

struct Job {
  void (*work)(Job *job); /* on a pool thread; touches only the job and what it references */
  Err err;                /* filled by work when it failed */
  bool failed;
  /* Jobs that are not computed but waited for (timer, process, server) set these instead of work; both run on the
   * loop thread. start begins the waiting (false: err is filled), and whoever sees the end calls job_finish. cancel,
   * which may be NULL, hurries a started job to its job_finish. */
  bool (*start)(Job *job);
  void (*cancel)(Job *job);
  void (*clear)(Job *job); /* releases what the struct owns; called by the owner of the memory, see bind_job */
  Loop *loop;              /* set while under way */
  /* private to loop.c */
  uv_work_t req;
  Job *next_done;
  Job *prev, *next;       /* among those under way */
  bool queued;            /* on the pool or waiting to be fetched by loop_next */
  bool done;              /* waiting to be fetched */
};

/* threads: pool size, 1..1024, 0 = cores. The pool is the process's and starts with the first job: the size asked for
 * by the loop that submits it holds. */
Loop *loop_new(int threads, Err *err);
void loop_free(Loop *loop);       /* waits for running jobs */
uv_loop_t *loop_uv(Loop *loop);   /* for timers, pipes, processes */
int loop_threads(const Loop *loop);
void loop_want_threads(Loop *loop, int threads); /* no effect once the pool runs */

bool job_submit(Loop *loop, Job *job, Err *err);
/* Mark finished a job that was not run by the pool (timer, process, server): call on the loop thread. */
void job_finish(Loop *loop, Job *job);
/* Register a job that something other than the pool will finish, so that loop_next waits for it. */
void job_begin(Loop *loop, Job *job);
/* The next finished job, in completion order; blocks until there is one. NULL: nothing is under way,
 * or the process was interrupted (SIGINT, SIGTERM): loop_interrupted tells. */
Job *loop_next(Loop *loop);
/* The same whether interrupted or not: NULL only when nothing is under way. */
Job *loop_drain(Loop *loop);
/* Block until this one job is finished and fetch it. An interruption cancels it first. */
void loop_wait(Loop *loop, Job *job);
/* Ask everything under way to end: jobs not yet started on the pool never are, running ones run to their end,
 * waiting ones are cancelled. All are still handed out, those cut short as failed with ERR_CANCELLED. */
void loop_cancel(Loop *loop);
bool loop_interrupted(const Loop *loop);
int loop_pending(const Loop *loop);

/* Take over SIGINT, SIGTERM, SIGHUP and SIGXCPU (where they are not ignored), or give them back. The first signal
 * interrupts: blocked calls above return, on_signal runs inside the handler. The second ends the process at once with
 * 128 + signal. One loop at a time; the calling thread becomes the one that handles them. Returns whether anything changed. */
bool loop_signals(Loop *loop, bool on);
void loop_on_signal(Loop *loop, void (*on_signal)(void *data), void *data);
int loop_signal(const Loop *loop); /* the signal that interrupted, 0: none */
void loop_clear(Loop *loop);       /* forget the interruption: a REPL goes on */

#endif
