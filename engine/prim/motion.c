/* Motion blur: the mean along a straight line through the pixel.
 *
 * The line runs along its steeper axis in steps of one pixel, `extent` of them,
 * the two ends counting by the fraction that is covered. Short lines are
 * antialiased: at each step the two pixels across it share the weight. That is
 * two taps a step, eight taps a sweep, in 16-bit sums. From LONG steps on the
 * digital line x + floor(y slope) takes over: neighbours on it differ by one
 * pixel entering and one leaving, so the cost no longer grows with the length,
 * and the rounding across, at most half a pixel, averages out over the steps.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "base/mem.h"
#include "prim/filter.h"

enum { LONG = 41, UNIT = 64, SWEEP = 8 }; /* UNIT: weight of a step; 4 steps x 64 x 255 fill 16 bits */

typedef struct Line {
  bool flat;    /* runs along x: steps are columns */
  double slope; /* pixels across per step, |slope| <= 1 */
  int whole;    /* steps to each side that count fully */
  double part;  /* weight of the next one */
} Line;

typedef struct Tap { int x, y, weight; } Tap; /* weight of UNIT */

KERNEL static void sweep_u8(const uint8_t *const p[SWEEP], const uint16_t w[SWEEP], uint32_t *restrict acc, size_t n) {
  const uint8_t *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7];
  const uint16_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7];
  for (size_t i = 0; i < n; i++) {
    uint16_t a = (uint16_t)(p0[i] * w0 + p1[i] * w1 + p2[i] * w2 + p3[i] * w3);
    uint16_t b = (uint16_t)(p4[i] * w4 + p5[i] * w5 + p6[i] * w6 + p7[i] * w7);
    acc[i] += (uint16_t)(a + b);
  }
}

KERNEL static void scale_u32(const uint32_t *acc, float scale, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(int)((float)(int)acc[i] * scale + 0.5f);
}

KERNEL static void sweep_f32(const float *c, const float *p, float w, float *restrict acc, size_t n) {
  for (size_t i = 0; i < n; i++) acc[i] += w * (p[i] - c[i]); /* differences: constants are kept to the bit */
}

static int make_taps(const Line *l, Tap *taps) {
  int n = 0;
  for (int k = -l->whole - 1; k <= l->whole + 1; k++) {
    bool end = k < -l->whole || k > l->whole;
    int unit = end ? (int)(l->part * UNIT + 0.5) : UNIT;
    double across = k * l->slope, below = floor(across);
    int far = (int)(unit * (across - below) + 0.5), at = (int)below;
    taps[n++] = l->flat ? (Tap){k, at, unit - far} : (Tap){at, k, unit - far};
    taps[n++] = l->flat ? (Tap){k, at + 1, far} : (Tap){at + 1, k, far};
  }
  while (n % SWEEP) taps[n++] = (Tap){0, 0, 0};
  return n;
}

static bool short_line(const Image *in, Image *out, const Line *l, Err *err) {
  Tap taps[2 * (LONG + 2) + SWEEP];
  int count = make_taps(l, taps), total = 0, pad = l->whole + 2;
  for (int i = 0; i < count; i++) total += taps[i].weight;
  size_t stride, n = (size_t)in->w * (size_t)in->c, px = image_sample_size(in) * (size_t)in->c;
  uint8_t *own, *data = pad_image(in, pad, pad, &stride, &own, err);
  if (!data) return false;
  uint32_t *acc = mem_alloc(n, sizeof *acc);
  for (int y = 0; acc && y < in->h; y++) {
    const uint8_t *p[SWEEP];
    uint16_t w[SWEEP];
    if (in->type == IMAGE_U8) memset(acc, 0, n * sizeof *acc);
    else memcpy(image_row(out, y), image_row(in, y), n * sizeof(float));
    for (int i = 0; i < count; i++) {
      p[i % SWEEP] = data + (size_t)reflect(y + taps[i].y, in->h) * stride + (ptrdiff_t)taps[i].x * (ptrdiff_t)px;
      w[i % SWEEP] = (uint16_t)taps[i].weight;
      if (in->type == IMAGE_F32)
        sweep_f32(image_row_f(in, y), (const float *)(const void *)p[i % SWEEP], (float)taps[i].weight / (float)total, image_row_f(out, y), n);
      else if (i % SWEEP == SWEEP - 1)
        sweep_u8(p, w, acc, n);
    }
    if (in->type == IMAGE_U8) scale_u32(acc, 1.0f / (float)total, image_row(out, y), n);
  }
  bool ok = acc || err_memory(err);
  mem_free(acc);
  mem_free(own);
  return ok;
}

/* The long line, steep: rows are steps. sum[] holds whole steps around the current row; u8 sums are exact in
 * double as well, but integers are twice as fast. */
typedef struct Run {
  const Line *line;
  const uint8_t *data; /* padded image */
  size_t stride, px, c;
  int w, h;
} Run;

static int path(const Run *r, int y) { return (int)floor(y * r->line->slope); }

/* The row at step y, seen from the path that passes column 0 in row `from`. */
static const uint8_t *seen(const Run *r, int y, int from) {
  return r->data + (size_t)reflect(y, r->h) * r->stride + (ptrdiff_t)(path(r, y) - path(r, from)) * (ptrdiff_t)r->px;
}

KERNEL static void slide_u8(uint32_t *restrict sum, const uint8_t *in, const uint8_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += (uint32_t)in[i] - out[i];
}

KERNEL static void mean_u8(const uint32_t *sum, const uint8_t *a, const uint8_t *b, float part, float scale, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(int)(((float)(int)sum[i] + part * (float)(a[i] + b[i])) * scale + 0.5f);
}

KERNEL static void slide_f32(double *restrict sum, const float *in, const float *out, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += (double)in[i] - (double)out[i];
}

KERNEL static void mean_f32(const double *sum, const float *a, const float *b, double part, double scale, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (float)((sum[i] + part * ((double)a[i] + (double)b[i])) * scale);
}

/* Sums from scratch of samples first..first+n-1 around row y. */
static void fresh_u8(const Run *r, int y, uint32_t *sum, size_t first, size_t n) {
  memset(sum + first, 0, n * sizeof *sum);
  for (int k = -r->line->whole; k <= r->line->whole; k++) {
    const uint8_t *p = seen(r, y + k, y) + first;
    for (size_t i = 0; i < n; i++) sum[first + i] += p[i];
  }
}

static void fresh_f32(const Run *r, int y, double *sum, size_t first, size_t n) {
  memset(sum + first, 0, n * sizeof *sum);
  for (int k = -r->line->whole; k <= r->line->whole; k++) {
    const float *p = (const float *)(const void *)seen(r, y + k, y) + first;
    for (size_t i = 0; i < n; i++) sum[first + i] += (double)p[i];
  }
}

static void run_u8(const Run *r, uint32_t *sum, Image *out) {
  const Line *l = r->line;
  size_t c = r->c, n = (size_t)r->w * c;
  float scale = (float)(1 / (2 * l->whole + 1 + 2 * l->part));
  fresh_u8(r, 0, sum, 0, n);
  for (int y = 0; y < r->h; y++) {
    mean_u8(sum, seen(r, y - l->whole - 1, y), seen(r, y + l->whole + 1, y), (float)l->part, scale, image_row(out, y), n);
    int shift = path(r, y + 1) - path(r, y);
    if (shift > 0) memmove(sum + c, sum, (n - c) * sizeof *sum);
    if (shift < 0) memmove(sum, sum + c, (n - c) * sizeof *sum);
    slide_u8(sum, seen(r, y + 1 + l->whole, y + 1), seen(r, y - l->whole, y + 1), n);
    if (shift) fresh_u8(r, y + 1, sum, shift > 0 ? 0 : n - c, c);
  }
}

static void run_f32(const Run *r, double *sum, Image *out) {
  const Line *l = r->line;
  size_t c = r->c, n = (size_t)r->w * c;
  double scale = 1 / (2 * l->whole + 1 + 2 * l->part);
  fresh_f32(r, 0, sum, 0, n);
  for (int y = 0; y < r->h; y++) {
    mean_f32(sum, (const float *)(const void *)seen(r, y - l->whole - 1, y), (const float *)(const void *)seen(r, y + l->whole + 1, y), l->part,
             scale, image_row_f(out, y), n);
    int shift = path(r, y + 1) - path(r, y);
    if (shift > 0) memmove(sum + c, sum, (n - c) * sizeof *sum);
    if (shift < 0) memmove(sum, sum + c, (n - c) * sizeof *sum);
    slide_f32(sum, (const float *)(const void *)seen(r, y + 1 + l->whole, y + 1), (const float *)(const void *)seen(r, y - l->whole, y + 1), n);
    if (shift) fresh_f32(r, y + 1, sum, shift > 0 ? 0 : n - c, c);
  }
}

static bool steep_line(const Image *in, Image *out, const Line *l, Err *err) {
  Run r = {.line = l, .px = image_sample_size(in) * (size_t)in->c, .c = (size_t)in->c, .w = in->w, .h = in->h};
  int pad = (int)ceil((l->whole + 2) * fabs(l->slope)) + 2;
  uint8_t *own;
  r.data = pad_image(in, pad, pad, &r.stride, &own, err);
  if (!r.data) return false;
  void *sum = mem_alloc((size_t)in->w * r.c, in->type == IMAGE_U8 ? sizeof(uint32_t) : sizeof(double));
  if (sum && in->type == IMAGE_U8) run_u8(&r, sum, out);
  else if (sum) run_f32(&r, sum, out);
  bool ok = sum || err_memory(err);
  mem_free(sum);
  mem_free(own);
  return ok;
}

/* out(y, x) = in(x, y), in tiles that fit the first cache. */
static void transpose(const Image *in, Image *out) {
  enum { TILE = 32 };
  size_t px = image_sample_size(in) * (size_t)in->c;
  for (int y0 = 0; y0 < in->h; y0 += TILE)
    for (int x0 = 0; x0 < in->w; x0 += TILE)
      for (int x = x0; x < x0 + TILE && x < in->w; x++) {
        const uint8_t *src = image_row(in, y0) + (size_t)x * px;
        uint8_t *dst = image_row(out, x) + (size_t)y0 * px;
        int end = in->h - y0 < TILE ? in->h - y0 : TILE;
        if (px == 3) for (int i = 0; i < end; i++, src += in->stride, dst += 3) memcpy(dst, src, 3);
        else if (px == 1) for (int i = 0; i < end; i++, src += in->stride) *dst++ = *src;
        else if (px == 4) for (int i = 0; i < end; i++, src += in->stride, dst += 4) memcpy(dst, src, 4);
        else for (int i = 0; i < end; i++, src += in->stride, dst += px) memcpy(dst, src, px);
      }
}

static bool long_line(const Image *in, Image *out, const Line *l, Err *err) {
  if (!l->flat) return steep_line(in, out, l, err);
  Image *turned = image_new(in->h, in->w, in->c, in->type, in->alpha, err);
  Image *blurred = turned ? image_like(turned, err) : NULL;
  bool ok = blurred != NULL;
  if (ok) {
    transpose(in, turned);
    ok = steep_line(turned, blurred, l, err);
  }
  if (ok) transpose(blurred, out);
  image_unref(turned);
  image_unref(blurred);
  return ok;
}

Image *motion_apply(const Step *s, const Image *in, Err *err) {
  double length = s->num[0], a = s->num[1] * (FM_PI / 180), dx = fm_cos(a), dy = fm_sin(a);
  Line l = {.flat = fabs(dx) >= fabs(dy)};
  l.slope = l.flat ? dy / dx : dx / dy;
  double half = (length * (l.flat ? fabs(dx) : fabs(dy)) - 1) / 2;
  if (half <= 0) return image_copy(in, err);
  l.whole = (int)floor(half);
  l.part = half - l.whole;
  Image *out = image_like(in, err);
  if (!out) return NULL;
  if (2 * half + 1 < LONG ? short_line(in, out, &l, err) : long_line(in, out, &l, err)) return keep_alpha(out, in), out;
  image_unref(out);
  return NULL;
}
