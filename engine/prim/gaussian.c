/* Gaussian blur at a cost per pixel that does not grow with sigma.
 *
 * Up to SIGMA_DIRECT: separable taps, the Gaussian sampled at whole pixels out
 * to 3.5 sigma. Above: halve (binomial 1 4 6 4 1), blur the half-size picture
 * with what is left of the variance, double (the same binomial). Variances add,
 * so the total is sigma^2 exactly; aliases and images sit where the binomial has
 * a fourfold zero. By its transfer function the response to any sinusoid is off by
 * less than 0.003; photographs come out within 0.2 level of the true sum before
 * rounding (measured, sigma 3.2 to 200). Burt & Adelson 1983 is
 * the pyramid; the exact variance bookkeeping makes it a blur.
 *
 * u8 pictures travel as uint16_t in 1/128 level: halving and doubling are chains
 * of rounded averages (exact on constants), taps are high halves of 16 x 16 bit
 * products, whose mean truncation is added back.
 *
 * Per axis sigma is at most 1.5 (n - 1): the mirrored axis has period 2 (n - 1),
 * whose first harmonic is then below 1e-4, i.e. the axis is its mean already.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "base/mem.h"
#include "prim/filter.h"
#include "prim/point.h"

#define SIGMA_DIRECT 3.2 /* measured: from here halving is faster (0.53 against 0.75 ms) and within 0.2 level of the taps */
#define SIGMA_NONE 0.17  /* the first tap would be below 1/2^17 */
enum { LEVELS = 12, REACH = 12, BATCH = 4 }; /* REACH: ceil(3.5 SIGMA_DIRECT); BATCH: tap pairs per sweep */

typedef enum Op { OP_COPY, OP_HALVE, OP_TAPS, OP_DOUBLE } Op;

typedef struct Span { int lo, hi; } Span; /* pixels lo..hi inclusive of a level */

/* Symmetric taps, pairs padded with zero weights to a multiple of BATCH. */
typedef struct Taps {
  int reach, pairs;
  uint16_t bias, w0, w[REACH]; /* of 65536; bias in 1/128 level */
  float f[REACH];
} Taps;

typedef struct Axis {
  int levels;             /* how often this axis is halved */
  Span out[LEVELS + 1];   /* what must be known of the blurred level */
  Span in[LEVELS + 1];    /* what must be known of the unblurred level */
  Taps taps;              /* at the last level; reach 0: none */
} Axis;

/* A level's samples: uint16_t or float, rows from y.lo, pixels from x.lo. */
typedef struct Plane {
  Span x, y;
  size_t stride; /* bytes */
  uint8_t *data; /* owned */
} Plane;

typedef struct Blur {
  const Image *in;
  size_t c, size, px;  /* channels; bytes per sample, per pixel of a plane */
  Axis x, y;
  uint8_t *row, *even, *odd, *done; /* scratch rows, owned; see scratch() */
  BlurSink sink;
  void *data;
} Blur;

/* Kernels. Each works on n samples of rows that do not overlap their output. */

static inline uint16_t mean2(uint16_t a, uint16_t b) { return (uint16_t)((a + b + 1) >> 1); }
static inline uint16_t high(uint16_t a, uint16_t w) { return (uint16_t)(((uint32_t)a * w) >> 16); }

KERNEL static void widen_u8(const uint8_t *a, uint16_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint16_t)(a[i] << 7);
}

KERNEL static void halve_u8(const uint8_t *const r[5], uint16_t *restrict out, size_t n) {
  const uint8_t *a = r[0], *b = r[1], *c = r[2], *d = r[3], *e = r[4];
  for (size_t i = 0; i < n; i++)
    out[i] = (uint16_t)((uint16_t)(a[i] + e[i] + 4 * (b[i] + d[i]) + 6 * c[i]) << 3);
}

KERNEL static void halve_u16(const uint16_t *const r[5], uint16_t *restrict out, size_t n) {
  const uint16_t *a = r[0], *b = r[1], *c = r[2], *d = r[3], *e = r[4];
  for (size_t i = 0; i < n; i++) out[i] = mean2(mean2(b[i], d[i]), mean2(c[i], mean2(c[i], mean2(a[i], e[i]))));
}

KERNEL static void double_even_u16(const uint16_t *const r[3], uint16_t *restrict out, size_t n) {
  const uint16_t *a = r[0], *b = r[1], *c = r[2];
  for (size_t i = 0; i < n; i++) out[i] = mean2(b[i], mean2(b[i], mean2(a[i], c[i])));
}

KERNEL static void double_odd_u16(const uint16_t *a, const uint16_t *b, uint16_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = mean2(a[i], b[i]);
}

KERNEL static void centre_u8(const uint8_t *a, uint16_t w, uint16_t bias, uint16_t *restrict acc, size_t n) {
  for (size_t i = 0; i < n; i++) acc[i] = (uint16_t)(high((uint16_t)(a[i] << 7), w) + bias);
}

KERNEL static void centre_u16(const uint16_t *a, uint16_t w, uint16_t bias, uint16_t *restrict acc, size_t n) {
  for (size_t i = 0; i < n; i++) acc[i] = (uint16_t)(high(a[i], w) + bias);
}

KERNEL static void pairs_u8(const uint8_t *const a[BATCH], const uint8_t *const b[BATCH], const uint16_t w[BATCH],
                            uint16_t *restrict acc, size_t n) {
  const uint8_t *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
  const uint16_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
  for (size_t i = 0; i < n; i++)
    acc[i] = (uint16_t)(acc[i] + high((uint16_t)((a0[i] + b0[i]) << 7), w0) + high((uint16_t)((a1[i] + b1[i]) << 7), w1) +
                        high((uint16_t)((a2[i] + b2[i]) << 7), w2) + high((uint16_t)((a3[i] + b3[i]) << 7), w3));
}

KERNEL static void pairs_u16(const uint16_t *const a[BATCH], const uint16_t *const b[BATCH], const uint16_t w[BATCH],
                             uint16_t *restrict acc, size_t n) {
  const uint16_t *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
  const uint16_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
  for (size_t i = 0; i < n; i++)
    acc[i] = (uint16_t)(acc[i] + high((uint16_t)(a0[i] + b0[i]), w0) + high((uint16_t)(a1[i] + b1[i]), w1) +
                        high((uint16_t)(a2[i] + b2[i]), w2) + high((uint16_t)(a3[i] + b3[i]), w3));
}

/* Floats are written as the centre plus differences, so that a constant is kept to the bit. */
KERNEL static void halve_f32(const float *const r[5], float *restrict out, size_t n) {
  const float *a = r[0], *b = r[1], *c = r[2], *d = r[3], *e = r[4];
  for (size_t i = 0; i < n; i++) {
    float c2 = c[i] + c[i];
    out[i] = c[i] + (((a[i] + e[i]) - c2) + 4.0f * ((b[i] + d[i]) - c2)) * 0.0625f;
  }
}

KERNEL static void double_even_f32(const float *const r[3], float *restrict out, size_t n) {
  const float *a = r[0], *b = r[1], *c = r[2];
  for (size_t i = 0; i < n; i++) out[i] = b[i] + ((a[i] + c[i]) - (b[i] + b[i])) * 0.125f;
}

KERNEL static void double_odd_f32(const float *a, const float *b, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (a[i] + b[i]) * 0.5f;
}

KERNEL static void pairs_f32(const float *c, const float *const a[BATCH], const float *const b[BATCH], const float w[BATCH],
                             float *restrict acc, size_t n) {
  const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
  const float w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
  for (size_t i = 0; i < n; i++) {
    float c2 = c[i] + c[i];
    acc[i] += (w0 * ((a0[i] + b0[i]) - c2) + w1 * ((a1[i] + b1[i]) - c2)) + (w2 * ((a2[i] + b2[i]) - c2) + w3 * ((a3[i] + b3[i]) - c2));
  }
}

/* The same for a row of any sample type: width 1 is u8 pixels, 2 uint16_t, 4 float. */

static void row_halve(int width, const void *const r[5], void *out, size_t n) {
  if (width == 1) halve_u8((const uint8_t *const *)r, out, n);
  else if (width == 2) halve_u16((const uint16_t *const *)r, out, n);
  else halve_f32((const float *const *)r, out, n);
}

static void row_double(int width, bool odd, const void *const r[3], void *out, size_t n) {
  if (width == 2) {
    if (odd) double_odd_u16(r[1], r[2], out, n);
    else double_even_u16((const uint16_t *const *)r, out, n);
  } else {
    if (odd) double_odd_f32(r[1], r[2], out, n);
    else double_even_f32((const float *const *)r, out, n);
  }
}

/* r[reach] is the centre row. */
static void row_taps(int width, const Taps *t, const void *const *r, void *out, size_t n) {
  const void *c = r[t->reach];
  if (width == 1) centre_u8(c, t->w0, t->bias, out, n);
  else if (width == 2) centre_u16(c, t->w0, t->bias, out, n);
  else memcpy(out, c, n * sizeof(float));
  for (int k = 0; k < t->pairs; k += BATCH) {
    const void *a[BATCH], *b[BATCH];
    for (int j = 0; j < BATCH; j++) {
      int d = k + j < t->reach ? k + j + 1 : 0;
      a[j] = r[t->reach - d];
      b[j] = r[t->reach + d];
    }
    if (width == 1) pairs_u8((const uint8_t *const *)a, (const uint8_t *const *)b, t->w + k, out, n);
    else if (width == 2) pairs_u16((const uint16_t *const *)a, (const uint16_t *const *)b, t->w + k, out, n);
    else pairs_f32(c, (const float *const *)a, (const float *const *)b, t->f + k, out, n);
  }
}

/* Move pixels of px bytes from stride `from` to stride `to`; up to 16 bytes past the last may be read and written. */
static void move_pixels(const uint8_t *src, size_t from, uint8_t *dst, size_t to, size_t px, size_t n) {
  if (px <= 8 && to == px)
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, 8);
  else if (px == 12 && to == px)
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, 16);
  else if (px == 2)
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, 2);
  else if (px == 4)
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, 4);
  else if (px == 6)
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, 6);
  else if (px == 12)
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, 12);
  else
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, px);
}

static int half(int i) { return (i - (i & 1)) / 2; } /* floor(i / 2) */

static void make_taps(Taps *t, double sigma) {
  *t = (Taps){0};
  if (sigma < SIGMA_NONE) return;
  double g[REACH + 1], sum = 1;
  int reach = (int)ceil(3.5 * sigma);
  if (reach > REACH) reach = REACH;
  for (int k = 1; k <= reach; k++) sum += 2 * (g[k] = fm_exp(-k * k / (2 * sigma * sigma)));
  long rest = 65536;
  for (int k = 1; k <= reach; k++) {
    long w = (long)(65536 * g[k] / sum + 0.5);
    if (w == 0 && g[k] < 1e-9) break;
    t->w[k - 1] = (uint16_t)w;
    t->f[k - 1] = (float)(g[k] / sum);
    t->reach = k;
    rest -= 2 * w;
  }
  t->w0 = (uint16_t)(rest > 65535 ? 65535 : rest);
  t->pairs = (t->reach + BATCH - 1) / BATCH * BATCH;
  t->bias = (uint16_t)((t->reach + 1) / 2);
}

/* Decide how often to halve, and which pixels each level needs. */
static void plan_axis(Axis *a, int n, double sigma) {
  double most = 1.5 * (n - 1), v;
  if (sigma > most) sigma = most;
  v = sigma * sigma;
  for (a->levels = 0; v >= SIGMA_DIRECT * SIGMA_DIRECT; a->levels++) v = (v - 2) / 4;
  make_taps(&a->taps, sqrt(v));
  a->out[0] = (Span){0, n - 1};
  for (int k = 1; k <= a->levels; k++) a->out[k] = (Span){half(a->out[k - 1].lo) - 1, half(a->out[k - 1].hi) + 1};
  for (int k = a->levels; k >= 0; k--)
    a->in[k] = k == a->levels ? (Span){a->out[k].lo - a->taps.reach, a->out[k].hi + a->taps.reach}
                              : (Span){2 * a->in[k + 1].lo - 2, 2 * a->in[k + 1].hi + 2};
}

static int span_count(Span s) { return s.hi - s.lo + 1; }

static bool plane_new(Plane *p, Span x, Span y, size_t px) {
  *p = (Plane){.x = x, .y = y, .stride = ((size_t)span_count(x) * px + 63) & ~(size_t)63};
  p->data = mem_aligned(p->stride * (size_t)span_count(y) + 64);
  return p->data != NULL;
}

/* Row y of the source; the picture itself mirrors, a plane has every row asked for. */
static const void *source_row(const Blur *b, const Plane *p, int y) {
  if (!p->data) return image_row(b->in, reflect(y, b->in->h));
  return p->data + (size_t)(y - p->y.lo) * p->stride;
}

/* Combine source rows into b->row for row y of the result; returns it pointing at pixel src->x.lo. */
static const uint8_t *down(const Blur *b, const Plane *src, Op op, int y, Span x) {
  const void *r[2 * REACH + 1] = {0};
  bool picture = !src->data;
  int width = picture ? (int)image_sample_size(b->in) : (int)b->size;
  Span have = picture ? (Span){0, b->in->w - 1} : src->x;
  uint8_t *out = b->row + (size_t)(have.lo - x.lo) * b->px;
  size_t n = (size_t)span_count(have) * b->c;
  if (op == OP_HALVE) {
    for (int k = 0; k < 5; k++) r[k] = source_row(b, src, 2 * y - 2 + k);
    row_halve(width, r, out, n);
  } else if (op == OP_DOUBLE) {
    for (int k = 0; k < 3; k++) r[k] = source_row(b, src, half(y) - 1 + k);
    row_double(width, y & 1, r, out, n);
  } else if (op == OP_TAPS && b->y.taps.reach) {
    int reach = b->y.taps.reach;
    for (int k = -reach; k <= reach; k++) r[k + reach] = source_row(b, src, y + k);
    row_taps(width, &b->y.taps, r, out, n);
  } else if (width == 1) {
    widen_u8(source_row(b, src, y), (uint16_t *)(void *)out, n);
  } else if (picture) {
    memcpy(out, source_row(b, src, y), n * b->size);
  } else {
    return source_row(b, src, y);
  }
  if (picture) pad_row(out, b->in->w, b->px, have.lo - x.lo, x.hi - have.hi);
  return b->row;
}

/* Combine pixels of a row that starts at pixel from.lo into pixels to; returns where they are. */
static const uint8_t *across(const Blur *b, const uint8_t *row, Op op, Span from, Span to) {
  const void *r[2 * REACH + 1] = {0};
  size_t n = (size_t)span_count(to), px = b->px;
  int width = (int)b->size;
  if (op == OP_HALVE) {
    const uint8_t *at = row + (size_t)(2 * to.lo - 2 - from.lo) * px;
    move_pixels(at, 2 * px, b->even, px, px, n + 2);
    move_pixels(at + px, 2 * px, b->odd, px, px, n + 1);
    r[0] = b->even, r[1] = b->odd, r[2] = b->even + px, r[3] = b->odd + px, r[4] = b->even + 2 * px;
    row_halve(width, r, b->done, n * b->c);
    return b->done;
  }
  if (op == OP_DOUBLE) {
    int first = half(to.lo);
    n = (size_t)(half(to.hi) - first) + 1;
    for (int k = 0; k < 3; k++) r[k] = row + (size_t)(first - 1 + k - from.lo) * px;
    row_double(width, false, r, b->even, n * b->c);
    row_double(width, true, r, b->odd, n * b->c);
    move_pixels(b->even, px, b->done, 2 * px, px, n);
    move_pixels(b->odd, px, b->done + px, 2 * px, px, n);
    return b->done + (size_t)(to.lo - 2 * first) * px;
  }
  if (op == OP_TAPS && b->x.taps.reach) {
    int reach = b->x.taps.reach;
    for (int k = -reach; k <= reach; k++) r[k + reach] = row + (size_t)(to.lo + k - from.lo) * px;
    row_taps(width, &b->x.taps, r, b->done, n * b->c);
    return b->done;
  }
  return row + (size_t)(to.lo - from.lo) * px;
}

/* One stage: every row of the result from *src (no data: the picture), which is released, into *src or, last, the sink. */
static bool stage(const Blur *b, Plane *src, Op opx, Op opy, Span from, Span x, Span y, bool last) {
  Plane dst = {0};
  if (!last && !plane_new(&dst, x, y, b->px)) return false;
  for (int i = y.lo; i <= y.hi; i++) {
    const uint8_t *row = across(b, down(b, src, opy, i, from), opx, from, x);
    if (last) b->sink(b->data, i, row);
    else memcpy(dst.data + (size_t)(i - y.lo) * dst.stride, row, (size_t)span_count(x) * b->px);
  }
  mem_free(src->data);
  *src = dst;
  return true;
}

static bool run(const Blur *b) {
  const Axis *x = &b->x, *y = &b->y;
  int levels = x->levels > y->levels ? x->levels : y->levels;
  Plane p = {0};
  Span from = x->in[0];
  for (int k = 1; k <= levels; k++) {
    int kx = k < x->levels ? k : x->levels, ky = k < y->levels ? k : y->levels;
    if (!stage(b, &p, k <= x->levels ? OP_HALVE : OP_COPY, k <= y->levels ? OP_HALVE : OP_COPY, from, x->in[kx], y->in[ky], false))
      goto fail;
    from = x->in[kx];
  }
  if (!stage(b, &p, OP_TAPS, OP_TAPS, from, x->out[x->levels], y->out[y->levels], levels == 0)) goto fail;
  for (int k = levels - 1; k >= 0; k--) {
    int kx = k < x->levels ? k : x->levels, ky = k < y->levels ? k : y->levels;
    if (!stage(b, &p, k < x->levels ? OP_DOUBLE : OP_COPY, k < y->levels ? OP_DOUBLE : OP_COPY, p.x, x->out[kx], y->out[ky], k == 0))
      goto fail;
  }
  return true;
fail:
  mem_free(p.data);
  return false;
}

bool gaussian_rows(const Image *in, double sigma, BlurSink sink, void *data, Err *err) {
  Blur b = {.in = in, .c = (size_t)in->c, .size = in->type == IMAGE_U8 ? 2 : 4, .sink = sink, .data = data};
  b.px = b.c * b.size;
  plan_axis(&b.x, in->w, sigma);
  plan_axis(&b.y, in->h, sigma);
  size_t bytes = (((size_t)span_count(b.x.in[0]) + 4) * b.px + 64 + 63) & ~(size_t)63;
  uint8_t *own = mem_aligned(4 * bytes);
  if (!own) return err_memory(err);
  b.row = own, b.even = own + bytes, b.odd = own + 2 * bytes, b.done = own + 3 * bytes;
  bool ok = run(&b);
  mem_free(own);
  return ok || err_memory(err);
}

/* Sinks. */

typedef struct Target { Image *out; const Image *in; float amount; float threshold; } Target;

KERNEL static void round_row(const uint16_t *row, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint8_t)((row[i] + 64) >> 7);
}

static void sink_image(void *data, int y, const void *row) {
  const Target *t = data;
  size_t n = (size_t)t->out->w * (size_t)t->out->c;
  if (t->out->type == IMAGE_U8) round_row(row, image_row(t->out, y), n);
  else memcpy(image_row(t->out, y), row, n * sizeof(float));
}

static Image *finish(Image *out, const Image *in, bool ok) {
  if (ok) return keep_alpha(out, in), out;
  image_unref(out);
  return NULL;
}

Image *gaussian_apply(const Step *s, const Image *in, Err *err) {
  double sigma = s->num[0];
  if (sigma < SIGMA_NONE) return image_copy(in, err);
  Target t = {.out = image_like(in, err)};
  if (!t.out) return NULL;
  return finish(t.out, in, gaussian_rows(in, sigma, sink_image, &t, err));
}

/* x + amount * what of (x - blur) exceeds the threshold, both in 1/128 level. */
KERNEL static void unsharp_u8(const uint8_t *x, const uint16_t *blur, float amount, float threshold, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float d = (float)(x[i] * 128 - blur[i]), e = fabsf(d) - threshold;
    out[i] = byte_of((float)x[i] + amount * copysignf(e > 0 ? e : 0, d));
  }
}

KERNEL static void unsharp_f32(const float *x, const float *blur, float amount, float threshold, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float d = x[i] - blur[i], e = fabsf(d) - threshold;
    out[i] = x[i] + amount * copysignf(e > 0 ? e : 0, d);
  }
}

static void sink_unsharp(void *data, int y, const void *row) {
  const Target *t = data;
  size_t n = (size_t)t->out->w * (size_t)t->out->c;
  if (t->out->type == IMAGE_U8) unsharp_u8(image_row(t->in, y), row, t->amount / 128, t->threshold, image_row(t->out, y), n);
  else unsharp_f32(image_row_f(t->in, y), row, t->amount, t->threshold, image_row_f(t->out, y), n);
}

/* u8: a difference within the blur's own error, 1/8 level, is no difference. f32 values are clamped by whoever needs it. */
Image *unsharp_apply(const Step *s, const Image *in, Err *err) {
  double amount = s->num[0], sigma = s->num[1], threshold = s->num[2];
  if (amount == 0 || sigma < SIGMA_NONE) return image_copy(in, err);
  Target t = {.out = image_like(in, err), .in = in, .amount = (float)amount, .threshold = (float)threshold};
  if (!t.out) return NULL;
  if (in->type == IMAGE_U8) t.threshold = (float)(threshold < 1.0 / 2040 ? 16 : threshold * 255 * 128);
  return finish(t.out, in, gaussian_rows(in, sigma, sink_unsharp, &t, err));
}
