/* SPDX-License-Identifier: MIT */
#include "labels/rle.h"

#include <string.h>

#include "base/mem.h"

void rle_clear(Rle *r) {
  mem_free(r->count);
  *r = (Rle){0};
}

bool rle_add(Rle *r, uint32_t count, Err *err) {
  if (r->n == r->cap) {
    if (r->cap > 1 << 28) return err_set(err, ERR_LIMIT, "rle: more than %d counts", r->cap);
    int cap = r->cap ? 2 * r->cap : 64;
    uint32_t *c = mem_realloc(r->count, (size_t)cap, sizeof *c);
    if (!c) return err_memory(err);
    r->count = c;
    r->cap = cap;
  }
  r->count[r->n++] = count;
  return true;
}

bool rle_read(Rle *r, const char *text, size_t n, Err *err) {
  r->n = 0;
  for (size_t i = 0; i < n;) {
    int64_t v = 0;
    int shift = 0, digit;
    do {
      if (i == n) return err_set(err, ERR_USAGE, "rle.counts: ends inside a number, after %zu characters", n);
      digit = (unsigned char)text[i] - 48;
      if (digit < 0 || digit > 63) return err_set(err, ERR_USAGE, "rle.counts: character %zu is outside '0'..'o'", i + 1);
      if (shift > 35) return err_set(err, ERR_USAGE, "rle.counts: the number at character %zu is too long", i + 1);
      v |= (int64_t)(digit & 31) << shift;
      shift += 5;
      i++;
    } while (digit & 32);
    if (digit & 16) v -= (int64_t)1 << shift;
    if (r->n > 2) v += r->count[r->n - 2];
    if (v < 0 || v > UINT32_MAX) return err_set(err, ERR_USAGE, "rle.counts: count %d is %lld, 0..4294967295 expected", r->n + 1, (long long)v);
    if (!rle_add(r, (uint32_t)v, err)) return false;
  }
  return true;
}

size_t rle_write(const Rle *r, char *out) {
  size_t n = 0;
  for (int i = 0; i < r->n; i++) {
    int64_t v = r->count[i];
    if (i > 2) v -= r->count[i - 2];
    bool more = true;
    while (more) {
      int digit = (int)(v & 31);
      v >>= 5; /* arithmetic: keeps the sign */
      more = digit & 16 ? v != -1 : v != 0;
      out[n++] = (char)((more ? digit | 32 : digit) + 48);
    }
  }
  return n;
}

bool rle_check(const Rle *r, int w, int h, Err *err) {
  uint64_t sum = 0;
  for (int i = 0; i < r->n; i++) sum += r->count[i];
  uint64_t want = (uint64_t)w * (uint64_t)h;
  return sum == want || err_set(err, ERR_USAGE, "rle.counts: %llu pixels, %llu expected (%d x %d)", (unsigned long long)sum,
                                (unsigned long long)want, h, w);
}

static bool pixel(const Image *m, int x, int y) {
  size_t k = (size_t)x * (size_t)m->c;
  return m->type == IMAGE_U8 ? image_row(m, y)[k] != 0 : image_row_f(m, y)[k] != 0.0f;
}

bool rle_encode(Rle *r, const Image *m, Err *err) {
  bool last = false;
  uint32_t run = 0;
  r->n = 0;
  for (int x = 0; x < m->w; x++)
    for (int y = 0; y < m->h; y++) {
      bool now = pixel(m, x, y);
      if (now != last) {
        if (!rle_add(r, run, err)) return false;
        run = 0;
        last = now;
      }
      run++;
    }
  return rle_add(r, run, err);
}

Image *rle_decode(const Rle *r, int w, int h, uint8_t value, Err *err) {
  if (!rle_check(r, w, h, err)) return NULL;
  Image *im = image_new(w, h, 1, IMAGE_U8, false, err);
  if (!im) return NULL;
  for (int y = 0; y < h; y++) memset(image_row(im, y), 0, (size_t)w);
  int x = 0, y = 0;
  for (int i = 0; i < r->n; i++)
    for (uint32_t k = r->count[i]; k;) { /* down to the foot of the column at most */
      uint32_t room = (uint32_t)(h - y), step = k < room ? k : room;
      if (i & 1)
        for (uint32_t j = 0; j < step; j++) image_row(im, y + (int)j)[x] = value;
      k -= step;
      y += (int)step;
      if (y == h) y = 0, x++;
    }
  return im;
}
