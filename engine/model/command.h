/* One run of a program: its output, the tail of its standard error, how it
 * ended. And a picture as a file that is only in memory.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_COMMAND_H
#define BRINK_COMMAND_H

#include "async/job.h"
#include "base/buf.h"
#include "model/child.h"

/* Zeroed, then filled in by the caller; job.start = command_start, .cancel = command_cancel, .clear = command_clear. */
typedef struct Command {
  Job job;
  char **argv, **env; /* NULL at the end; must outlive the job. env NULL: ours */
  const char *cwd;    /* NULL: ours */
  double timeout;     /* seconds */
  size_t limit;       /* bytes of standard output at most */
  Buf out, reason;    /* reason: of a failure, with the tail of standard error */
  ChildSet set;       /* private from here */
  Child *child;
  uv_timer_t timer;
  bool late;
} Command;

bool command_start(Job *job);
void command_cancel(Job *job);
void command_clear(Job *job);

/* Bytes under a path that other processes can open. Without a suffix nothing has to be removed, whatever happens to
 * us: the path leads through our own descriptor. With one (".png") it is a file in /dev/shm, or in TMPDIR. */
typedef struct MemoryFile {
  char path[256];
  int fd;       /* -1: none */
  bool on_disk; /* to be removed, with its folder */
} MemoryFile;

bool memory_file_open(MemoryFile *f, const void *data, size_t n, const char *suffix, Err *err);
void memory_file_close(MemoryFile *f);

#endif
