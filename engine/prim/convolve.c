/* Convolution with any small kernel, and the fixed ones of the field: sharpen and
 * emboss, each a mix of the identity and a 3 x 3 kernel. Sums run in float, tap
 * by tap in the kernel's reading order, so bytes do not depend on the machine.
 * The kernel is not turned round: its first number weighs the upper left
 * neighbour, as every library of the field does it. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/filter.h"
#include "prim/point.h"

enum { TAPS = 9 }; /* taps per sweep: the common 3 x 3 in one */

KERNEL static void widen(const uint8_t *in, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (float)in[i];
}

KERNEL static void sweep(const float *const p[TAPS], const float w[TAPS], float *restrict acc, size_t n) {
  const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7], *p8 = p[8];
  const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7], w8 = w[8];
  for (size_t i = 0; i < n; i++) {
    float v = (((acc[i] + w0 * p0[i]) + w1 * p1[i]) + w2 * p2[i]) + w3 * p3[i];
    acc[i] = ((((v + w4 * p4[i]) + w5 * p5[i]) + w6 * p6[i]) + w7 * p7[i]) + w8 * p8[i];
  }
}

/* A sweep that is the only one, into bytes. */
KERNEL static void sweep_u8(const float *const p[TAPS], const float w[TAPS], float start, uint8_t *restrict out, size_t n) {
  const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7], *p8 = p[8];
  const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7], w8 = w[8];
  for (size_t i = 0; i < n; i++) {
    float v = (((start + w0 * p0[i]) + w1 * p1[i]) + w2 * p2[i]) + w3 * p3[i];
    out[i] = byte_of(((((v + w4 * p4[i]) + w5 * p5[i]) + w6 * p6[i]) + w7 * p7[i]) + w8 * p8[i]);
  }
}

KERNEL static void finish_u8(const float *acc, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = byte_of(acc[i]);
}

/* Sums that may not fit an int. */
static void finish_large(const float *acc, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = byte_of(acc[i] < 0 ? 0 : acc[i] > 255 ? 255 : acc[i]);
}

static void fill(float *acc, float v, size_t n) {
  for (size_t i = 0; i < n; i++) acc[i] = v;
}

typedef struct Kernel {
  const float *k; /* kw * kh, row by row */
  int kw, kh;
  float scale, offset; /* offset in sample units */
} Kernel;

/* The rows of the window as floats live in a ring of kh rows. */
typedef struct Ring {
  float *own;
  size_t wide; /* floats per row */
  int rows;
  int *held;   /* the picture row (unreflected) in each slot; owned */
} Ring;

static const float *ring_row(Ring *r, const Image *in, const Kernel *k, int y) {
  size_t c = (size_t)in->c;
  int left = k->kw / 2, slot = ((y % r->rows) + r->rows) % r->rows, from = reflect(y, in->h);
  float *row = r->own + (size_t)slot * r->wide + (size_t)left * c;
  if (r->held[slot] != y) {
    if (in->type == IMAGE_U8) widen(image_row(in, from), row, (size_t)in->w * c);
    else memcpy(row, image_row(in, from), image_row_bytes(in));
    pad_row((uint8_t *)row, in->w, c * sizeof(float), left, k->kw - 1 - left);
    r->held[slot] = y;
  }
  return row - (size_t)left * c;
}

/* The next taps of row y from *i on, `any` with weight 0 where there are fewer than a sweep takes. False: none are left. */
static bool next_taps(Ring *r, const Image *in, const Kernel *k, int y, int *i, const float *p[TAPS], float w[TAPS]) {
  const float *any = ring_row(r, in, k, y);
  int used = 0;
  for (; used < TAPS && *i < k->kw * k->kh; ++*i) {
    if (k->k[*i] == 0) continue;
    p[used] = ring_row(r, in, k, y - k->kh / 2 + *i / k->kw) + (size_t)(*i % k->kw) * (size_t)in->c;
    w[used++] = k->k[*i] * k->scale;
  }
  for (int j = used; j < TAPS; j++) p[j] = any, w[j] = 0;
  return used > 0;
}

static void convolve_row(Ring *r, const Image *in, const Kernel *k, int y, float *acc) {
  const float *p[TAPS];
  float w[TAPS];
  const size_t n = (size_t)in->w * (size_t)in->c;
  fill(acc, k->offset, n);
  for (int i = 0; next_taps(r, in, k, y, &i, p, w);) sweep(p, w, acc, n);
}

/* A row of bytes: in one sweep where the kernel is small. */
static void convolve_row_u8(Ring *r, const Image *in, const Kernel *k, int y, float *acc, bool large, uint8_t *out) {
  const float *p[TAPS];
  float w[TAPS];
  const size_t n = (size_t)in->w * (size_t)in->c;
  int i = 0;
  if (!large && k->kw * k->kh <= TAPS) {
    next_taps(r, in, k, y, &i, p, w);
    sweep_u8(p, w, k->offset, out, n);
    return;
  }
  convolve_row(r, in, k, y, acc);
  (large ? finish_large : finish_u8)(acc, out, n);
}

/* Can a sum of bytes leave the range of an int? */
static bool is_large(const Kernel *k) {
  double most = fabs((double)k->offset);
  for (int i = 0; i < k->kw * k->kh; i++) most += 255 * fabs((double)k->k[i] * (double)k->scale);
  return !(most < 1e9);
}

static Image *convolve(const Image *in, const Kernel *k, Err *err) {
  const bool large = is_large(k);
  size_t c = (size_t)in->c, n = (size_t)in->w * c;
  Ring r = {.wide = ((size_t)in->w + (size_t)k->kw) * c, .rows = k->kh};
  Image *out = image_like(in, err);
  if (!out) return NULL;
  r.own = mem_alloc((size_t)r.rows, r.wide * sizeof *r.own);
  r.held = mem_alloc((size_t)r.rows, sizeof *r.held);
  float *acc = mem_alloc(n, sizeof *acc);
  bool ok = r.own && r.held && acc;
  for (int i = 0; ok && i < r.rows; i++) r.held[i] = INT32_MIN;
  for (int y = 0; ok && y < in->h; y++) {
    for (int j = 0; j < k->kh; j++) ring_row(&r, in, k, y - k->kh / 2 + j);
    if (in->type == IMAGE_U8) convolve_row_u8(&r, in, k, y, acc, large, image_row(out, y));
    else convolve_row(&r, in, k, y, image_row_f(out, y));
  }
  mem_free(r.own);
  mem_free(r.held);
  mem_free(acc);
  if (ok) return keep_alpha(out, in), out;
  image_unref(out);
  return err_memory(err), NULL;
}

bool convolve_check(const Step *s, Err *err) {
  size_t want = (size_t)s->num[1] * (size_t)s->num[2];
  if (s->n == want) return true;
  return err_set(err, ERR_USAGE, "convolve.kernel: %zu numbers, width x height is %zu", s->n, want);
}

Image *convolve_apply(const Step *s, const Image *in, Err *err) {
  Kernel k = {s->list, (int)s->num[1], (int)s->num[2], (float)s->num[3], (float)s->num[4]};
  if (in->type == IMAGE_U8) k.offset *= 255;
  return convolve(in, &k, err);
}

/* x + alpha (9 x - sum of the 3 x 3) + alpha (lightness - 1) x */
KERNEL static void sharpen_u8(const uint8_t *a, const uint8_t *b, const uint8_t *d, size_t c, float gain, float alpha,
                              uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int sum = a[i] + a[i + c] + a[i + 2 * c] + b[i] + b[i + c] + b[i + 2 * c] + d[i] + d[i + c] + d[i + 2 * c];
    int x = b[i + c];
    out[i] = byte_of((float)x * gain + alpha * (float)(9 * x - sum));
  }
}

Image *sharpen_apply(const Step *s, const Image *in, Err *err) {
  double alpha = s->num[0], lightness = s->num[1];
  if (alpha == 0) return image_copy(in, err);
  if (in->type == IMAGE_F32) {
    float a = (float)alpha, k[9] = {-a, -a, -a, -a, (float)(1 - alpha + alpha * (8 + lightness)), -a, -a, -a, -a};
    return convolve(in, &(Kernel){k, 3, 3, 1, 0}, err);
  }
  size_t stride, c = (size_t)in->c;
  uint8_t *own, *data = pad_image(in, 1, 1, &stride, &own, err);
  if (!data) return NULL;
  Image *out = image_like(in, err);
  for (int y = 0; out && y < in->h; y++) {
    const uint8_t *a = data + (size_t)reflect(y - 1, in->h) * stride - c, *b = data + (size_t)y * stride - c;
    const uint8_t *d = data + (size_t)reflect(y + 1, in->h) * stride - c;
    sharpen_u8(a, b, d, c, (float)(1 + alpha * (lightness - 1)), (float)alpha, image_row(out, y), (size_t)in->w * c);
  }
  mem_free(own);
  if (out) keep_alpha(out, in);
  return out;
}

Image *emboss_apply(const Step *s, const Image *in, Err *err) {
  float a = (float)s->num[0], t = (float)s->num[1];
  if (a == 0) return image_copy(in, err);
  float k[9] = {a * (-1 - t), a * -t, 0, a * -t, 1, a * t, 0, a * t, a * (1 + t)};
  return convolve(in, &(Kernel){k, 3, 3, 1, 0}, err);
}
