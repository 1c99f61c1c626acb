/* SPDX-License-Identifier: MIT */
#include "model/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void timer_closed(uv_handle_t *handle) {
  Job *job = handle->data;
  job_finish(job->loop, job);
}

/* The last step: the timer's memory is the job's, so the job is over when it is closed. */
static void over(Command *c) {
  if (c->child) child_bury(c->child);
  c->child = NULL;
  uv_close((uv_handle_t *)&c->timer, timer_closed);
}

static void fail(Command *c, ErrCode code, const char *what) {
  buf_printf(&c->reason, "%s: %s", c->argv[0], what);
  Child *child = c->child;
  if (child) {
    child->on_read = NULL;
    child_drain(child);
    size_t n = child->tail_n;
    while (n && strchr("\n ", child->tail[n - 1])) n--;
    if (n) buf_puts(&c->reason, "; standard error ends:\n");
    for (size_t i = 0; i < n; i++) {
      unsigned char b = (unsigned char)child->tail[i];
      buf_putc(&c->reason, b == '\n' || b == '\t' || (b >= 32 && b != 127) ? (char)b : ' ');
    }
  }
  c->job.failed = !err_set(&c->job.err, code, "%.400s", c->reason.data ? (const char *)c->reason.data : what);
  over(c);
}

static void on_read(Child *child, const uint8_t *data, size_t n) {
  Command *c = child->owner;
  char text[96];
  if (c->out.n + n <= c->limit && buf_append(&c->out, data, n)) return;
  snprintf(text, sizeof text, "more than %zu bytes on standard output", c->limit);
  fail(c, ERR_MODEL, text);
}

static void on_exit_(Child *child) {
  Command *c = child->owner;
  char fate[96];
  child_fate(child, fate, sizeof fate);
  if (child->status || child->signal) fail(c, ERR_MODEL, fate);
  else over(c);
}

static void on_timer(uv_timer_t *timer) {
  Command *c = timer->data;
  char text[96];
  if (!c->late) { /* we may have been busy while it ended: see first what the loop has for us */
    c->late = true;
    uv_timer_start(timer, on_timer, 10, 0);
    return;
  }
  snprintf(text, sizeof text, "not done within %.6g s", c->timeout);
  fail(c, ERR_MODEL, text);
}

bool command_start(Job *job) {
  Command *c = (Command *)job;
  ChildSpec spec = {c->argv, c->env, c->cwd, -1, false};
  c->child = child_spawn(loop_uv(job->loop), &c->set, &spec, &job->err);
  if (!c->child) return false;
  c->child->owner = c;
  c->child->on_read = on_read;
  c->child->on_exit = on_exit_;
  uv_timer_init(loop_uv(job->loop), &c->timer);
  c->timer.data = c;
  uv_update_time(loop_uv(job->loop));
  uv_timer_start(&c->timer, on_timer, (uint64_t)(c->timeout * 1e3), 0);
  return true;
}

void command_cancel(Job *job) {
  Command *c = (Command *)job;
  if (!c->child) return;
  c->job.failed = !err_set(&job->err, ERR_CANCELLED, "interrupted");
  over(c);
}

void command_clear(Job *job) {
  Command *c = (Command *)job;
  children_end(&c->set, 0);
  buf_clear(&c->out);
  buf_clear(&c->reason);
}

static bool write_all(int fd, const void *data, size_t n) {
  while (n > 0) {
    ssize_t put = write(fd, data, n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    data = (const char *)data + put;
    n -= (size_t)put;
  }
  return true;
}

static bool anonymous(MemoryFile *f, Err *err) {
  f->fd = memfd_create("brink picture", MFD_CLOEXEC);
  if (f->fd < 0) return err_errno(err, "memory file", "make");
  snprintf(f->path, sizeof f->path, "/proc/%ld/fd/%d", (long)getpid(), f->fd);
  return true;
}

static bool named(MemoryFile *f, const char *suffix, Err *err) {
  const char *tmp = getenv("TMPDIR");
  const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : tmp && !strpbrk(tmp, " \t\n") ? tmp : "/tmp";
  int n = snprintf(f->path, sizeof f->path, "%s/brink-XXXXXX", dir);
  if (n < 0 || (size_t)n + strlen(suffix) + 16 > sizeof f->path) return err_set(err, ERR_LIMIT, "%.100s: the path is too long", dir);
  if (!mkdtemp(f->path)) return err_errno(err, f->path, "make");
  snprintf(f->path + n, sizeof f->path - (size_t)n, "/image%s", suffix);
  f->on_disk = true;
  child_guard_file(f->path);
  f->fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return f->fd >= 0 || err_errno(err, f->path, "make");
}

bool memory_file_open(MemoryFile *f, const void *data, size_t n, const char *suffix, Err *err) {
  *f = (MemoryFile){.fd = -1};
  bool ok = suffix ? named(f, suffix, err) : anonymous(f, err);
  if (ok && !write_all(f->fd, data, n)) ok = err_errno(err, f->path, "write");
  if (!ok) {
    memory_file_close(f);
  } else if (suffix) { /* closed: some programs refuse a file that is open for writing */
    close(f->fd);
    f->fd = -1;
  }
  return ok;
}

void memory_file_close(MemoryFile *f) {
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
  if (!f->on_disk) return;
  char dir[sizeof f->path];
  snprintf(dir, sizeof dir, "%s", f->path);
  *strrchr(dir, '/') = 0;
  unlink(f->path);
  rmdir(dir);
  child_unguard_file(f->path);
  f->on_disk = false;
}
