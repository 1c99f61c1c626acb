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
  /* private to job.c */
  uv_work_t req;
  Loop *loop;
  Job *next_done;
  bool queued;            /* on the pool or waiting to be fetched by loop_next */
};

/* threads: pool size, 1..1024, 0 = cores. The pool is the process's: the first loop decides. */
Loop *loop_new(int threads, Err *err);
void loop_free(Loop *loop);       /* waits for running jobs */
uv_loop_t *loop_uv(Loop *loop);   /* for timers, pipes, processes */
int loop_threads(const Loop *loop);

bool job_submit(Loop *loop, Job *job, Err *err);
/* Mark finished a job that was not run by the pool (timer, process, server): call on the loop thread. */
void job_finish(Loop *loop, Job *job);
/* Register a job that something other than the pool will finish, so that loop_next waits for it. */
void job_begin(Loop *loop, Job *job);
/* The next finished job, in completion order; blocks until there is one. NULL: nothing is under way,
 * or the process was interrupted (SIGINT, SIGTERM): loop_interrupted tells. */
Job *loop_next(Loop *loop);
bool loop_interrupted(const Loop *loop);
int loop_pending(const Loop *loop);

#endif
