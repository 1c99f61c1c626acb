/* Defocus: the mean over a disc. Each row of the disc is a span as long as the
 * disc's area in that row, its two ends counting by fractions; a span is the
 * difference of two running totals, so the cost grows with the radius, not its
 * square. The disc has radius + 1/2, so radius 0 is the pixel itself.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "base/mem.h"
#include "prim/filter.h"

typedef struct Chord {
  int whole;   /* pixels to each side that count fully; -1: not even the centre */
  float part;  /* weight of the next pixel on both sides; of the centre if whole is -1 */
} Chord;

/* Integral of sqrt(R^2 - t^2) from 0 to t. */
static double quarter(double radius, double t) {
  if (t > radius) t = radius;
  if (t < -radius) t = -radius;
  return (t * sqrt(radius * radius - t * t) + radius * radius * fm_asin(t / radius)) / 2;
}

/* Chords of rows 0..return value - 1 of the disc; *total gets the sum of all weights. */
static int make_chords(double radius, Chord *chords, double *total) {
  double r = radius + 0.5;
  int n = 0;
  *total = 0;
  for (; n - 0.5 < r; n++) {
    double wide = quarter(r, n + 0.5) - quarter(r, n - 0.5); /* half the area of this row of the disc */
    Chord *k = chords + n;
    k->whole = wide < 0.5 ? -1 : (int)floor(wide - 0.5);
    k->part = (float)(wide < 0.5 ? 2 * wide : wide - 0.5 - k->whole);
    *total += (n ? 2 : 1) * (k->whole < 0 ? (double)k->part : 2 * k->whole + 1 + 2 * (double)k->part);
  }
  return n;
}

/* Running totals of a padded row: out[i + c] = out[i] + row[i], channel by channel, wrapping around in u8. */
static inline void totals_channels(const uint8_t *row, uint32_t *restrict out, size_t c, size_t n) {
  uint32_t s[4] = {0}; /* in registers where c is known */
  for (size_t i = 0; i < n; i += c)
    for (size_t k = 0; k < c; k++) {
      out[i + k] = s[k];
      s[k] += row[i + k];
    }
  for (size_t k = 0; k < c; k++) out[n + k] = s[k];
}

static void totals_u8(const uint8_t *row, uint32_t *out, size_t c, size_t n) {
  if (c == 3) totals_channels(row, out, 3, n);
  else if (c == 1) totals_channels(row, out, 1, n);
  else totals_channels(row, out, c, n);
}

static void totals_f32(const float *row, double *restrict out, size_t c, size_t n) {
  memset(out, 0, c * sizeof *out);
  for (size_t i = 0; i < n; i++) out[i + c] = out[i] + (double)row[i];
}

/* Add the spans of the rows above and below; *l and *r are totals before the first and after the last pixel. */
KERNEL static void span_u8(const uint32_t *al, const uint32_t *ar, const uint32_t *bl, const uint32_t *br, const uint8_t *ae,
                           const uint8_t *af, const uint8_t *be, const uint8_t *bf, float part, float *restrict acc, size_t n) {
  for (size_t i = 0; i < n; i++)
    acc[i] += (float)(int)((ar[i] - al[i]) + (br[i] - bl[i])) + part * (float)(ae[i] + af[i] + be[i] + bf[i]);
}

KERNEL static void span_f32(const double *al, const double *ar, const double *bl, const double *br, const float *ae, const float *af,
                            const float *be, const float *bf, float part, double *restrict acc, size_t n) {
  for (size_t i = 0; i < n; i++)
    acc[i] += ((ar[i] - al[i]) + (br[i] - bl[i])) + (double)part * (((double)ae[i] + (double)af[i]) + ((double)be[i] + (double)bf[i]));
}

KERNEL static void finish_u8(const float *acc, float scale, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(int)(acc[i] * scale + 0.5f);
}

KERNEL static void finish_f32(const double *acc, double scale, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (float)(acc[i] * scale);
}

typedef struct Disc {
  const Image *in;
  const uint8_t *data;  /* padded */
  uint8_t *ring;        /* running totals of the rows in use */
  size_t stride, total; /* bytes of a padded row and of a row of totals */
  size_t c, n;          /* channels; samples of a row */
  int pad, rows, reach; /* reach: rows of the disc below the centre; rows: in the ring, 2 reach + 1 or all of them */
} Disc;

/* Every row within reach of y is among rows consecutive ones, so a slot by remainder is unique. */
static void *totals(const Disc *d, int y) { return d->ring + (size_t)(y % d->rows) * d->total; }

static void load_totals(const Disc *d, int y) {
  size_t n = ((size_t)d->in->w + 2 * (size_t)d->pad) * d->c;
  const uint8_t *row = d->data + (size_t)y * d->stride - (size_t)d->pad * d->c * image_sample_size(d->in);
  if (d->in->type == IMAGE_U8) totals_u8(row, totals(d, y), d->c, n);
  else totals_f32((const float *)(const void *)row, totals(d, y), d->c, n);
}

static void add_chord(const Disc *d, const Chord *k, int above, int below, bool centre, void *acc) {
  size_t left = (size_t)(d->pad - (k->whole > 0 ? k->whole : 0)) * d->c, right = (size_t)(d->pad + k->whole + 1) * d->c;
  ptrdiff_t edge = (ptrdiff_t)(k->whole + 1) * (ptrdiff_t)d->c;
  float part = k->part;
  /* The middle row is alone and a lone pixel has both ends at the same place: each would count twice. */
  if (k->whole < 0) part /= 2, right = left;
  if (d->in->type == IMAGE_U8) {
    const uint32_t *a = totals(d, above), *b = totals(d, below);
    const uint8_t *p = d->data + (size_t)above * d->stride, *q = d->data + (size_t)below * d->stride;
    if (centre) b = a, span_u8(a + left, a + right, b, b, p - edge, p + edge, q - edge, q + edge, part / 2, acc, d->n);
    else span_u8(a + left, a + right, b + left, b + right, p - edge, p + edge, q - edge, q + edge, part, acc, d->n);
  } else {
    const double *a = totals(d, above), *b = totals(d, below);
    const float *p = (const float *)(const void *)(d->data + (size_t)above * d->stride);
    const float *q = (const float *)(const void *)(d->data + (size_t)below * d->stride);
    if (centre) b = a, span_f32(a + left, a + right, b, b, p - edge, p + edge, q - edge, q + edge, part / 2, acc, d->n);
    else span_f32(a + left, a + right, b + left, b + right, p - edge, p + edge, q - edge, q + edge, part, acc, d->n);
  }
}

static void run(Disc *d, const Chord *chords, double total, void *acc, Image *out) {
  int h = d->in->h, next = 0;
  bool u8 = d->in->type == IMAGE_U8;
  for (int y = 0; y < h; y++) {
    for (int need = y + d->reach; next < h && next <= need; next++) load_totals(d, next);
    memset(acc, 0, d->n * (u8 ? sizeof(float) : sizeof(double)));
    for (int k = 0; k <= d->reach; k++) add_chord(d, chords + k, reflect(y - k, h), reflect(y + k, h), k == 0, acc);
    if (u8) finish_u8(acc, (float)(1 / total), image_row(out, y), d->n);
    else finish_f32(acc, 1 / total, image_row_f(out, y), d->n);
  }
}

Image *defocus_apply(const Step *s, const Image *in, Err *err) {
  double radius = s->num[0], total = 1;
  if (radius == 0) return image_copy(in, err);
  Disc d = {.in = in, .c = (size_t)in->c, .n = (size_t)in->w * (size_t)in->c, .pad = (int)radius + 3};
  size_t wide = ((size_t)in->w + 2 * (size_t)d.pad + 1) * d.c;
  d.total = (wide * (in->type == IMAGE_U8 ? 4 : 8) + 63) & ~(size_t)63;
  Chord *chords = mem_alloc((size_t)radius + 4, sizeof *chords);
  Image *out = image_like(in, err);
  uint8_t *own = NULL;
  void *acc = mem_alloc(d.n, sizeof(double));
  if (chords && out && acc) {
    d.reach = make_chords(radius, chords, &total) - 1;
    d.rows = 2 * d.reach + 1 < in->h ? 2 * d.reach + 1 : in->h;
    d.data = pad_image(in, d.pad, d.pad, &d.stride, &own, err);
    d.ring = mem_aligned(d.total * (size_t)d.rows);
  }
  bool ok = d.data && d.ring;
  if (ok) run(&d, chords, total, acc, out);
  else err_memory(err);
  mem_free(chords);
  mem_free(acc);
  mem_free(own);
  mem_free(d.ring);
  if (ok) return keep_alpha(out, in), out;
  image_unref(out);
  return NULL;
}
