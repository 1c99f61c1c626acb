/* Worker processes that answer requests over pipes: PROTOCOL.md.
 *
 * One request at a time per worker; those that wait stand in one queue. A
 * worker is started when a request needs it. One that dies, hangs, or says
 * something that is no frame loses its request (the caller may ask again) and
 * is replaced, later each time it goes wrong in a row. When `restarts` starts in
 * a row fail, the pool is down and answers at once. All on the loop thread.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_PROCESS_H
#define BRINK_PROCESS_H

#include "async/job.h"
#include "base/buf.h"
#include "image/image.h"
#include "model/tensor.h"

enum { WORKER_PROTOCOL = 1, WORKER_SHARED_FROM = 1 << 20 };

typedef struct Workers Workers;

typedef struct WorkersSpec {
  char **argv, **env; /* NULL at the end; copied by the caller's lifetime: they must outlive the pool. env NULL: ours */
  const char *cwd;    /* NULL: ours */
  const char *name;   /* how reasons name the worker; NULL: argv[0] */
  int count;          /* workers at most, >= 1 */
  double timeout, start_timeout; /* seconds */
  int restarts;       /* failed starts in a row until the pool is down, >= 1 */
} WorkersSpec;

typedef struct WorkersStats { int alive, busy, started, failed; } WorkersStats;

/* One request. The struct is the caller's (zeroed): fill in `images`, or `fields` and `tensors`, or nothing to wait for a
 * worker's hello, the answer then; hand `job` on with ask_start as its start. */
typedef struct Ask {
  Job job;
  Workers *pool;
  const Image **images; /* references, all of one shape and type */
  int count;
  const char *fields;   /* of another request's header, JSON without braces; the caller keeps it */
  Tensor **tensors;     /* references: its data */
  int n_tensors;
  bool fresh;           /* a second try: goes first, to a worker that has not answered anything yet */
  Buf header, body;     /* the answer: JSON text, bytes after it */
  Buf reason;           /* of a failure, with the tail of standard error */
  bool down;            /* the pool is down: asking again is no use */
  struct Ask *next;     /* private: in the queue */
  struct Slot *slot;    /* private: who answers */
} Ask;

Workers *workers_new(Loop *loop, const WorkersSpec *spec, Err *err);
/* Requests under way fail. Blocks until the workers are gone; a worker has grace_ms to leave by itself. */
void workers_close(Workers *w, int grace_ms);
void workers_stats(const Workers *w, WorkersStats *out);
bool ask_start(Job *job);
void ask_cancel(Job *job);
void ask_clear(Job *job); /* releases what it holds, the images too */

#endif
