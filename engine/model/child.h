/* A child process on the loop: pipes, the tail of what it says on standard
 * error, its end. It runs in a session of its own, so that Ctrl-C reaches us
 * alone and a kill reaches everything it started. What is still there when we
 * die, however we die, is killed by the guard: a sleeping shell that holds the
 * other end of a pipe of ours. All calls on the loop thread.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_CHILD_H
#define BRINK_CHILD_H

#include <uv.h>

#include "base/err.h"

enum { CHILD_TAIL = 2048, CHILD_SHARED_FD = 3 };

typedef struct Child Child;
typedef struct ChildSet { Child *first; } ChildSet; /* those not yet buried */

typedef struct ChildSpec {
  char **argv;     /* NULL at the end */
  char **env;      /* the whole environment; NULL: ours */
  const char *cwd; /* NULL: ours */
  int shared;      /* a descriptor the child gets as CHILD_SHARED_FD; -1: none */
  bool input;      /* standard input is a pipe; else it is empty */
} ChildSpec;

struct Child {
  uv_process_t process;
  uv_pipe_t in, out, err; /* our ends */
  void *owner;            /* for the callbacks, which child_bury clears */
  void (*on_read)(Child *c, const uint8_t *data, size_t n); /* from standard output; may bury the child */
  void (*on_end)(Child *c);  /* standard output ended while the process still runs */
  void (*on_exit)(Child *c); /* it is gone, and what it wrote has been read */
  bool exited, ended;
  int64_t status;         /* exit code, when signal is 0 */
  int signal;
  char tail[CHILD_TAIL];  /* last bytes of standard error */
  size_t tail_n;
  int pid, handles;       /* private from here: handles not yet closed */
  bool buried;
  ChildSet *set;
  Child *prev, *next;
  char buffer[65536];
};

/* Ignores SIGPIPE for the process, where that was left to kill it. */
Child *child_spawn(uv_loop_t *loop, ChildSet *set, const ChildSpec *spec, Err *err);
/* The buffers must stay until nothing is unsent or the child is buried. One write at a time. */
bool child_write(Child *c, const uv_buf_t *bufs, unsigned count, Err *err);
size_t child_unsent(const Child *c); /* bytes that its pipe has not taken yet */
/* Read what is there now, without waiting. */
void child_drain(Child *c);
/* "exit code 3", "killed by SIGSEGV", "still running". */
void child_fate(const Child *c, char *out, size_t room);
/* Kill its group; the memory goes when the system has let go of it. No callback follows. */
void child_bury(Child *c);
/* The end of all in the set: end of input, then (grace_ms later) SIGTERM, then SIGKILL. Blocks until they are gone. */
void children_end(ChildSet *set, int grace_ms);

/* A file to remove if we die before child_unguard_file. */
void child_guard_file(const char *path);
void child_unguard_file(const char *path);

#endif
