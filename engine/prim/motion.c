/* Motion blur: the mean along a straight line through the pixel.
 *
 * The line runs along its steeper axis in steps of one pixel, `extent` of them,
 * the two ends counting by the fraction that is covered. Short lines are
 * antialiased: at each step the two pixels across it share the weight. That is
 * two taps a step, eight taps a sweep, in 16-bit sums. From LONG steps on the
 * digital line x + floor(y slope + phase) takes over, the mean of four phases:
 * neighbours on such a line differ by one pixel entering and one leaving, so the
 * cost no longer grows with the length.
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
        sweep_f32(image_row_f(in, y), (const float *)(const void *)p[i % SWEEP], (float)taps[i].weight / (float)total,
                  image_row_f(out, y), n);
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

/* The long line, steep: rows are steps. sum[j] holds the whole steps around the current row on the digital line
 * of phase j. Over all phases the digital lines are the antialiased one; four bring it to a quarter of a weight. */
enum { PHASES = 4, MARGIN = 32 };

typedef struct Run {
  const Line *line;
  const uint8_t *data; /* padded image */
  size_t stride, px, c, n;
  int h;
  void *sum[PHASES];   /* of the row's n samples and a margin of MARGIN pixels on the side
                        * where lines come in; uint32_t for u8, double for f32; owned */
  size_t lead;         /* samples of that margin before the row: all of it or none */
  size_t stale[PHASES]; /* pixels at the outer end of the margin that have no sum any more */
} Run;

static int path(const Run *r, int phase, int y) { return (int)floor(y * r->line->slope + (phase + 0.5) / PHASES); }

/* The row at step y, as lines of this phase through the columns of row `from` see it: their column 0. */
static const void *seen(const Run *r, int phase, int y, int from) {
  return r->data + (size_t)reflect(y, r->h) * r->stride + (ptrdiff_t)(path(r, phase, y) - path(r, phase, from)) * (ptrdiff_t)r->px;
}

KERNEL static void add_u8(uint32_t *restrict sum, const uint8_t *in, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += in[i];
}

KERNEL static void add_f32(double *restrict sum, const float *in, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += (double)in[i];
}

KERNEL static void slide_u8(uint32_t *restrict sum, const uint8_t *in, const uint8_t *out, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += (uint32_t)in[i] - out[i];
}

KERNEL static void slide_f32(double *restrict sum, const float *in, const float *out, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += (double)in[i] - (double)out[i];
}

/* Mean over the phases; a and b are the steps that count partly. */
KERNEL static void mean_u8(void *const sum[PHASES], const void *const a[PHASES], const void *const b[PHASES], float part, float scale,
                           uint8_t *restrict out, size_t n) {
  const uint32_t *s0 = sum[0], *s1 = sum[1], *s2 = sum[2], *s3 = sum[3];
  const uint8_t *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
  for (size_t i = 0; i < n; i++) {
    int ends = a0[i] + a1[i] + a2[i] + a3[i] + b0[i] + b1[i] + b2[i] + b3[i];
    out[i] = (uint8_t)(int)(((float)(int)(s0[i] + s1[i] + s2[i] + s3[i]) + part * (float)ends) * scale + 0.5f);
  }
}

KERNEL static void mean_f32(void *const sum[PHASES], const void *const a[PHASES], const void *const b[PHASES], double part, double scale,
                            float *restrict out, size_t n) {
  const double *s0 = sum[0], *s1 = sum[1], *s2 = sum[2], *s3 = sum[3];
  const float *a0 = a[0], *a1 = a[1], *a2 = a[2], *a3 = a[3], *b0 = b[0], *b1 = b[1], *b2 = b[2], *b3 = b[3];
  for (size_t i = 0; i < n; i++) {
    double first = ((double)a0[i] + (double)b0[i]) + ((double)a1[i] + (double)b1[i]);
    double second = ((double)a2[i] + (double)b2[i]) + ((double)a3[i] + (double)b3[i]);
    out[i] = (float)((((s0[i] + s1[i]) + (s2[i] + s3[i])) + part * (first + second)) * scale);
  }
}

/* Sums from scratch of entries first..first+n-1 of sum[] around row y. */
static void fresh(const Run *r, bool u8, int phase, int y, size_t first, size_t n) {
  uint32_t *s = (uint32_t *)r->sum[phase] + (u8 ? first : 0);
  double *d = (double *)r->sum[phase] + (u8 ? 0 : first);
  ptrdiff_t at = (ptrdiff_t)first - (ptrdiff_t)r->lead;
  if (u8) memset(s, 0, n * sizeof *s);
  else memset(d, 0, n * sizeof *d);
  for (int k = -r->line->whole; k <= r->line->whole; k++) {
    const void *row = seen(r, phase, y + k, y);
    if (u8) add_u8(s, (const uint8_t *)row + at, n);
    else add_f32(d, (const float *)row + at, n);
  }
}

/* From row y to y + 1: where the line steps across, so do the sums, and the margin gives a pixel away. */
static void advance(Run *r, bool u8, int phase, int y) {
  int whole = r->line->whole, shift = path(r, phase, y + 1) - path(r, phase, y);
  size_t size = u8 ? sizeof(uint32_t) : sizeof(double), all = r->n + MARGIN * r->c, moved = (all - r->c) * size;
  uint8_t *sum = r->sum[phase];
  if (shift > 0) memmove(sum + r->c * size, sum, moved);
  if (shift < 0) memmove(sum, sum + r->c * size, moved);
  const void *in = seen(r, phase, y + 1 + whole, y + 1), *out = seen(r, phase, y - whole, y + 1);
  if (u8) slide_u8(r->sum[phase], (const uint8_t *)in - r->lead, (const uint8_t *)out - r->lead, all);
  else slide_f32(r->sum[phase], (const float *)in - r->lead, (const float *)out - r->lead, all);
  if (!shift || ++r->stale[phase] <= MARGIN) return;
  size_t n = r->stale[phase] * r->c;
  fresh(r, u8, phase, y + 1, shift > 0 ? 0 : all - n, n);
  r->stale[phase] = 0;
}

static void run(Run *r, Image *out) {
  const Line *l = r->line;
  bool u8 = out->type == IMAGE_U8;
  double scale = 1 / (PHASES * (2 * l->whole + 1 + 2 * l->part));
  for (int j = 0; j < PHASES; j++) fresh(r, u8, j, 0, 0, r->n + MARGIN * r->c);
  for (int y = 0; y < r->h; y++) {
    const void *a[PHASES], *b[PHASES];
    void *sum[PHASES];
    for (int j = 0; j < PHASES; j++) {
      sum[j] = (uint8_t *)r->sum[j] + r->lead * (u8 ? sizeof(uint32_t) : sizeof(double));
      a[j] = seen(r, j, y - l->whole - 1, y);
      b[j] = seen(r, j, y + l->whole + 1, y);
    }
    if (u8) mean_u8(sum, a, b, (float)l->part, (float)scale, image_row(out, y), r->n);
    else mean_f32(sum, a, b, l->part, scale, image_row_f(out, y), r->n);
    for (int j = 0; j < PHASES; j++) advance(r, u8, j, y);
  }
}

static bool steep_line(const Image *in, Image *out, const Line *l, Err *err) {
  size_t c = (size_t)in->c, n = c * (size_t)in->w;
  Run r = {.line = l, .px = image_sample_size(in) * c, .c = c, .n = n, .h = in->h, .lead = l->slope > 0 ? MARGIN * c : 0};
  int pad = (int)ceil((l->whole + 2) * fabs(l->slope)) + 2 + MARGIN;
  uint8_t *own;
  r.data = pad_image(in, pad, pad, &r.stride, &own, err);
  if (!r.data) return false;
  bool ok = true;
  for (int j = 0; j < PHASES; j++) ok = (r.sum[j] = mem_alloc(n + MARGIN * c, sizeof(double))) && ok;
  if (ok) run(&r, out);
  else err_memory(err);
  for (int j = 0; j < PHASES; j++) mem_free(r.sum[j]);
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
  if (fabs(l.slope) < 1e-9) l.slope = 0; /* what is left of cos 90 degrees */
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
