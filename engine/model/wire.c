/* SPDX-License-Identifier: MIT */
#include "model/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "model/child.h"
#include "model/frame.h"

static bool failed(const char *what, Err *err) { return err_set(err, ERR_IO, "%s: %s", what, strerror(errno)); }

bool wire_open(Wire *w, Err *err) {
  w->in = fcntl(0, F_DUPFD_CLOEXEC, CHILD_SHARED_FD + 1);
  w->out = fcntl(1, F_DUPFD_CLOEXEC, CHILD_SHARED_FD + 1);
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  bool ok = w->in >= 0 && w->out >= 0 && nothing >= 0 && dup2(nothing, 0) == 0 && dup2(2, 1) == 1;
  if (!ok) failed("standard input and output", err);
  if (nothing > CHILD_SHARED_FD) close(nothing);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* also in the middle of a long run */
  return ok;
}

void wire_close(Wire *w) {
  if (w->in >= 0) close(w->in);
  if (w->out >= 0) close(w->out);
  w->in = w->out = -1;
}

/* n more bytes: how many there were until the end, -1 with err. */
static ssize_t take(int fd, Buf *b, size_t n, Err *err) {
  size_t got = 0;
  if (!buf_reserve(b, n)) return err_memory(err), -1;
  while (got < n) {
    ssize_t k = read(fd, b->data + b->n, n - got);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return failed("request", err), -1;
    if (k == 0) break;
    got += (size_t)k;
    b->n += (size_t)k;
    b->data[b->n] = 0;
  }
  return (ssize_t)got;
}

static int whole(ssize_t got, size_t want, Err *err) {
  if (got < 0) return -1;
  if ((size_t)got == want) return 1;
  err_set(err, ERR_IO, "the input ends in the middle of a request");
  return -1;
}

static int take_shared(Buf *body, size_t n, Err *err) {
  if (lseek(CHILD_SHARED_FD, 0, SEEK_SET) != 0) return failed("shared memory", err), -1;
  return whole(take(CHILD_SHARED_FD, body, n, err), n, err);
}

int wire_read(Wire *w, Buf *header, Buf *body, Err *err) {
  Buf size = {0};
  FrameHead head;
  header->n = body->n = 0;
  ssize_t got = take(w->in, &size, 4, err);
  uint32_t n = got == 4 ? size.data[0] | (uint32_t)size.data[1] << 8 | (uint32_t)size.data[2] << 16 | (uint32_t)size.data[3] << 24 : 0;
  buf_clear(&size);
  if (got == 0) return 0;
  if (whole(got, 4, err) < 0) return -1;
  if (n < 2 || n > FRAME_HEADER_MAX) return err_set(err, ERR_MODEL, "a header of %lu bytes", (unsigned long)n), -1;
  if (whole(take(w->in, header, n, err), n, err) < 0 || !frame_head(header, FRAME_MAX, &head, err)) return -1;
  if (head.shared) return take_shared(body, (size_t)head.shared, err);
  return whole(take(w->in, body, (size_t)head.bytes, err), (size_t)head.bytes, err);
}

static bool put(int fd, const void *data, size_t n, Err *err) {
  while (n > 0) {
    ssize_t k = write(fd, data, n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return failed("answer", err);
    data = (const char *)data + k;
    n -= (size_t)k;
  }
  return true;
}

bool wire_write(Wire *w, const char *header, size_t n, Tensor *const *tensors, int n_tensors, Err *err) {
  Buf frame = {0};
  frame_open(&frame);
  buf_append(&frame, header, n);
  bool ok = frame_close(&frame) || err_memory(err);
  ok = ok && put(w->out, frame.data, frame.n, err);
  for (int k = 0; ok && k < n_tensors; k++) ok = put(w->out, tensors[k]->data, tensor_bytes(tensors[k]), err);
  buf_clear(&frame);
  return ok;
}
