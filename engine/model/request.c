/* SPDX-License-Identifier: MIT */
#include "model/request.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/frame.h"

int request_memory(void) {
  int fd = memfd_create("brink frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd >= 0) fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK); /* a worker cannot take away what we write to */
  return fd;
}

typedef bool (*Put)(void *to, const void *data, size_t n);

typedef struct Memory { int fd; size_t at; } Memory;

static bool put_buf(void *to, const void *data, size_t n) { return buf_append(to, data, n); }

static bool put_memory(void *to, const void *data, size_t n) {
  Memory *m = to;
  while (n > 0) {
    ssize_t put = pwrite(m->fd, data, n, (off_t)m->at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    data = (const char *)data + put;
    m->at += (size_t)put;
    n -= (size_t)put;
  }
  return true;
}

static bool put_image(const Image *im, Put put, void *to) {
  size_t row = image_row_bytes(im);
  bool dense = row == im->stride;
  for (int y = 0; y < (dense ? 1 : im->h); y++)
    if (!put(to, image_row(im, y), dense ? row * (size_t)im->h : row)) return false;
  return true;
}

/* Pixels, rows without padding; or tensors one after the other. */
static bool put_data(const Ask *a, Put put, void *to) {
  for (int k = 0; k < a->count; k++)
    if (!put_image(a->images[k], put, to)) return false;
  for (int k = 0; k < a->n_tensors; k++)
    if (a->tensors[k]->n && !put(to, a->tensors[k]->data, tensor_bytes(a->tensors[k]))) return false;
  return true;
}

static size_t size_of(const Ask *a) {
  size_t n = 0;
  for (int k = 0; k < a->n_tensors; k++) n += tensor_bytes(a->tensors[k]);
  if (a->count) n += image_row_bytes(a->images[0]) * (size_t)a->images[0]->h * (size_t)a->count;
  return n;
}

/* The header's fields that say what is asked, each with a comma behind it. */
static void put_fields(const Ask *a, Buf *out) {
  if (a->fields) {
    buf_printf(out, "%s,", a->fields);
    return;
  }
  const Image *im = a->images[0];
  buf_printf(out, "\"op\":\"predict\",\"shape\":[%d,%d,%d,%d],\"dtype\":\"%s\",", a->count, im->h, im->w, im->c, im->type == IMAGE_U8 ? "u8" : "f32");
}

bool request_write(const Ask *a, int64_t id, int memory, Buf *out, Err *err) {
  size_t bytes = size_of(a);
  if (bytes > FRAME_MAX) return err_set(err, ERR_LIMIT, "%zu bytes of data in one request, at most %d expected: a smaller batch", bytes, (int)FRAME_MAX);
  bool shared = memory >= 0 && bytes >= WORKER_SHARED_FROM && put_data(a, put_memory, &(Memory){memory, 0});
  frame_open(out);
  buf_printf(out, "{\"id\":%lld,", (long long)id);
  put_fields(a, out);
  buf_printf(out, "\"bytes\":%zu", shared ? 0 : bytes);
  if (shared) buf_printf(out, ",\"shared\":%zu", bytes);
  buf_putc(out, '}');
  return (frame_close(out) && (shared || put_data(a, put_buf, out))) || err_memory(err);
}
