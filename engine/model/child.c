/* SPDX-License-Identifier: MIT */
#include "model/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { PIPE_BYTES = 1 << 20, DRAIN_BYTES = 256 << 20 };

/* The guard keeps two lists of words, groups and files, and clears both away when its input ends. Names of files are
 * ours (no blanks, no pattern characters). */
static const char guard_script[] =
    "g=' ' f=' '\n"
    "while read -r o p; do case $o in\n"
    "g) g=\"$g$p \";; G) g=\"${g%% $p *} ${g#* $p }\";;\n"
    "f) f=\"$f$p \";; F) f=\"${f%% $p *} ${f#* $p }\";;\n"
    "esac; done\n"
    "for p in $g; do kill -s KILL -- -$p; done\n"
    "for p in $f; do rm -f -- \"$p\"; rmdir -- \"${p%/*}\"; done\n";

static int guard_fd = -1;

static int guard_spawn(int input) {
  extern char **environ;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attr;
  pid_t pid;
  sigset_t none, all;
  char *argv[] = {"sh", "-c", (char *)guard_script, "brink-guard", NULL};
  sigemptyset(&none);
  sigfillset(&all);
  if (posix_spawn_file_actions_init(&files)) return -1;
  if (posix_spawnattr_init(&attr)) return posix_spawn_file_actions_destroy(&files), -1;
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setsigdefault(&attr, &all);
  posix_spawn_file_actions_adddup2(&files, input, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  int rc = posix_spawn(&pid, "/bin/sh", &files, &attr, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attr);
  return rc;
}

/* Without a guard the children still see the end of their input. */
static void guard_start(void) {
  int p[2];
  if (pipe2(p, O_CLOEXEC) != 0) return;
  int rc = guard_spawn(p[0]);
  close(p[0]);
  if (rc != 0) close(p[1]);
  else guard_fd = p[1];
}

static void guard_tell(char what, const char *word) {
  char line[4200];
  int n = snprintf(line, sizeof line, "%c %s\n", what, word);
  if (n <= 0 || (size_t)n >= sizeof line) return;
  if (guard_fd < 0) guard_start();
  if (guard_fd < 0 || write(guard_fd, line, (size_t)n) == n) return;
  close(guard_fd); /* somebody ended it */
  guard_fd = -1;
}

static void guard_group(char what, int pid) {
  char word[16];
  snprintf(word, sizeof word, "%d", pid);
  guard_tell(what, word);
}

void child_guard_file(const char *path) { guard_tell('f', path); }
void child_unguard_file(const char *path) { guard_tell('F', path); }

static void ignore_sigpipe(void) {
  struct sigaction now;
  if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
}

static void handle_closed(uv_handle_t *handle) {
  Child *c = handle->data;
  if (--c->handles == 0) mem_free(c);
}

static void close_handle(void *handle) {
  uv_handle_t *h = handle;
  if (h->data && !uv_is_closing(h)) uv_close(h, handle_closed);
}

static void close_pipes(Child *c) {
  close_handle(&c->in);
  close_handle(&c->out);
  close_handle(&c->err);
}

static void leave_set(Child *c) {
  if (!c->set) return;
  if (c->prev) c->prev->next = c->next;
  else c->set->first = c->next;
  if (c->next) c->next->prev = c->prev;
  c->set = NULL;
}

static void keep_tail(Child *c, const char *data, size_t n) {
  if (n >= CHILD_TAIL) {
    memcpy(c->tail, data + n - CHILD_TAIL, CHILD_TAIL);
    c->tail_n = CHILD_TAIL;
    return;
  }
  size_t drop = c->tail_n + n > CHILD_TAIL ? c->tail_n + n - CHILD_TAIL : 0;
  memmove(c->tail, c->tail + drop, c->tail_n - drop);
  memcpy(c->tail + c->tail_n - drop, data, n);
  c->tail_n += n - drop;
}

static void alloc(uv_handle_t *handle, size_t want, uv_buf_t *buf) {
  Child *c = handle->data;
  (void)want;
  *buf = uv_buf_init(c->buffer, sizeof c->buffer);
}

static void out_ended(Child *c) {
  if (c->ended) return;
  c->ended = true;
  if (!c->exited && c->on_end) c->on_end(c);
}

static void read_out(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  Child *c = s->data;
  if (n > 0) {
    if (c->on_read) c->on_read(c, (const uint8_t *)buf->base, (size_t)n);
  } else if (n < 0) {
    uv_read_stop(s);
    out_ended(c);
  }
}

static void read_err(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  Child *c = s->data;
  if (n > 0) keep_tail(c, buf->base, (size_t)n);
  else if (n < 0) uv_read_stop(s);
}

/* Everything in the pipe now; at most so much that an endless writer does not hold us. */
static void drain_pipe(Child *c, uv_pipe_t *pipe, bool is_out) {
  uv_os_fd_t fd;
  size_t total = 0;
  while (!c->buried && total < DRAIN_BYTES && uv_fileno((uv_handle_t *)pipe, &fd) == 0) {
    ssize_t n = read(fd, c->buffer, sizeof c->buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    total += (size_t)n;
    if (!is_out) keep_tail(c, c->buffer, (size_t)n);
    else if (c->on_read) c->on_read(c, (const uint8_t *)c->buffer, (size_t)n);
  }
}

void child_drain(Child *c) {
  drain_pipe(c, &c->err, false);
  drain_pipe(c, &c->out, true);
}

static void process_exited(uv_process_t *process, int64_t status, int signo) {
  Child *c = process->data;
  c->exited = true;
  c->status = status;
  c->signal = signo;
  kill(-c->pid, SIGKILL); /* what it left behind in its group */
  guard_group('G', c->pid);
  if (c->buried) {
    leave_set(c);
    close_handle(&c->process);
    return;
  }
  child_drain(c);
  if (!c->buried && c->on_exit) c->on_exit(c);
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* Ends of three pipes: [0] is the child's, [1] ours. */
static bool make_pipes(int fd[3][2], bool input) {
  for (int k = 0; k < 3; k++) fd[k][0] = fd[k][1] = -1;
  for (int k = 0; k < 3; k++) {
    int p[2];
    if (k == 0 && !input) {
      if ((fd[0][0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) return false;
      continue;
    }
    if (pipe2(p, O_CLOEXEC) != 0) return false;
    fd[k][0] = k == 0 ? p[0] : p[1];
    fd[k][1] = k == 0 ? p[1] : p[0];
    if (k < 2) fcntl(p[0], F_SETPIPE_SZ, PIPE_BYTES); /* refused beyond the user's quota: then it stays small */
  }
  return true;
}

static void close_pipe_fds(int fd[3][2]) {
  for (int k = 0; k < 3; k++) {
    close_fd(&fd[k][0]);
    close_fd(&fd[k][1]);
  }
}

/* The loop takes our end over. */
static int adopt(uv_loop_t *loop, Child *c, uv_pipe_t *pipe, int *fd) {
  int rc = uv_pipe_init(loop, pipe, 0);
  if (rc != 0) return rc;
  pipe->data = c;
  c->handles++;
  if ((rc = uv_pipe_open(pipe, *fd)) == 0) *fd = -1;
  return rc;
}

static int start(uv_loop_t *loop, Child *c, const ChildSpec *spec, int fd[3][2]) {
  uv_stdio_container_t io[CHILD_SHARED_FD + 1];
  for (int k = 0; k < 3; k++) io[k] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = fd[k][0]};
  io[CHILD_SHARED_FD] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = spec->shared};
  uv_process_options_t o = {.exit_cb = process_exited, .file = spec->argv[0], .args = spec->argv, .env = spec->env,
                            .cwd = spec->cwd, .flags = UV_PROCESS_DETACHED, .stdio = io};
  o.stdio_count = spec->shared >= 0 ? CHILD_SHARED_FD + 1 : 3;
  int rc = 0;
  if (spec->input) rc = adopt(loop, c, &c->in, &fd[0][1]);
  if (rc == 0) rc = adopt(loop, c, &c->out, &fd[1][1]);
  if (rc == 0) rc = adopt(loop, c, &c->err, &fd[2][1]);
  if (rc != 0) return rc;
  c->process.data = c;
  c->handles++; /* uv_spawn makes the handle live also when it fails */
  rc = uv_spawn(loop, &c->process, &o);
  if (rc != 0) return rc;
  c->pid = c->process.pid;
  guard_group('g', c->pid);
  uv_read_start((uv_stream_t *)&c->out, alloc, read_out);
  uv_read_start((uv_stream_t *)&c->err, alloc, read_err);
  return 0;
}

Child *child_spawn(uv_loop_t *loop, ChildSet *set, const ChildSpec *spec, Err *err) {
  int fd[3][2];
  Child *c = mem_calloc(1, sizeof *c);
  if (!c) return err_memory(err), NULL;
  ignore_sigpipe();
  int rc = make_pipes(fd, spec->input) ? start(loop, c, spec, fd) : uv_translate_sys_error(errno);
  close_pipe_fds(fd);
  if (rc == 0) {
    c->set = set;
    c->next = set->first;
    if (c->next) c->next->prev = c;
    set->first = c;
    return c;
  }
  err_set(err, ERR_IO, "%s: cannot start: %s", spec->argv[0], uv_strerror(rc));
  c->buried = true;
  if (c->handles == 0) return mem_free(c), NULL;
  close_pipes(c);
  close_handle(&c->process);
  return NULL;
}

static void written(uv_write_t *req, int status) {
  (void)status; /* a broken pipe shows as the end of the process */
  mem_free(req);
}

size_t child_unsent(const Child *c) { return uv_stream_get_write_queue_size((const uv_stream_t *)&c->in); }

bool child_write(Child *c, const uv_buf_t *bufs, unsigned count, Err *err) {
  uv_write_t *req = mem_alloc(1, sizeof *req);
  if (!req) return err_memory(err);
  int rc = child_unsent(c) ? UV_EBUSY : uv_write(req, (uv_stream_t *)&c->in, bufs, count, written);
  if (rc == 0) return true;
  mem_free(req);
  return err_set(err, ERR_IO, "standard input: %s", uv_strerror(rc));
}

void child_fate(const Child *c, char *out, size_t room) {
  if (!c->exited) snprintf(out, room, "still running");
  else if (c->signal) snprintf(out, room, "killed by signal %d, %s", c->signal, strsignal(c->signal));
  else snprintf(out, room, "exit code %lld", (long long)c->status);
}

void child_bury(Child *c) {
  if (c->buried) return;
  c->buried = true;
  c->on_read = NULL;
  c->on_end = c->on_exit = NULL;
  close_pipes(c);
  if (c->exited) {
    leave_set(c);
    close_handle(&c->process);
  } else {
    kill(-c->pid, SIGKILL);
  }
}

/* Has it ended? Then it is reaped here, and the loop will not hear of it. */
static bool reaped(Child *c) {
  if (c->exited) return true;
  pid_t got = waitpid(c->pid, NULL, WNOHANG);
  return got == c->pid || (got < 0 && errno == ECHILD);
}

/* Wait up to ms for all of the set; those gone leave it. */
static bool await(ChildSet *set, int ms) {
  for (int waited = 0;; waited++) {
    for (Child *c = set->first, *next; c; c = next) {
      next = c->next;
      if (!reaped(c)) continue;
      kill(-c->pid, SIGKILL);
      guard_group('G', c->pid);
      leave_set(c);
      c->exited = c->buried = true;
      close_handle(&c->process);
    }
    if (!set->first) return true;
    if (waited >= ms) return false;
    usleep(1000);
  }
}

void children_end(ChildSet *set, int grace_ms) {
  for (Child *c = set->first; c; c = c->next) {
    c->on_read = NULL;
    c->on_end = c->on_exit = NULL;
    close_pipes(c);
  }
  if (await(set, grace_ms)) return;
  for (Child *c = set->first; c; c = c->next) kill(-c->pid, SIGTERM);
  if (await(set, 200)) return;
  for (Child *c = set->first; c; c = c->next) kill(-c->pid, SIGKILL);
  if (await(set, 2000)) return;
  while (set->first) { /* in the kernel's hands: we do not wait for a broken device */
    Child *c = set->first;
    leave_set(c);
    close_handle(&c->process);
  }
}
