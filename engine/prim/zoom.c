/* Zoom blur and glass: blurs whose kernel depends on the place.
 *
 * Zoom blur is the mean over copies enlarged about the centre by 1 .. 1 + amount.
 * Averaging a picture with its copy enlarged by s^(1/2), that with its copy by
 * s^(1/4), and so on, gives 2^k copies, evenly spread in log scale, for k
 * enlargements. In between, samples are floats. Bilinear; no place outside the
 * picture is ever needed. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "base/mem.h"
#include "base/rng.h"
#include "prim/filter.h"

/* Where each place of an axis of n pixels lies in the picture before it was enlarged: between at[i] and at[i] + 1. */
static void make_places(int n, double scale, int *at, float *part) {
  for (int i = 0; i < n; i++) {
    double centre = n / 2.0, p = centre + (i + 0.5 - centre) / scale - 0.5;
    int k = (int)floor(p);
    if (k < 0) k = 0;
    if (k > n - 2) k = n - 2 < 0 ? 0 : n - 2;
    double f = p - k;
    at[i] = k;
    part[i] = (float)(f < 0 ? 0 : f > 1 ? 1 : f);
  }
}

KERNEL static void mix_rows(const float *a, const float *b, float part, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = a[i] + part * (b[i] - a[i]);
}

/* out = mean of keep and the row, enlarged; one pixel past the row's end may be read. */
static inline void enlarge(const float *row, const float *keep, const int *at, const float *part, size_t c, size_t w, float *restrict out) {
  for (size_t x = 0; x < w; x++) {
    const float *p = row + (size_t)at[x] * c, f = part[x];
    for (size_t k = 0; k < c; k++) {
      size_t i = x * c + k;
      out[i] = 0.5f * (keep[i] + (p[k] + f * (p[k + c] - p[k])));
    }
  }
}

KERNEL static void enlarge_row(const float *row, const float *keep, const int *at, const float *part, size_t c, size_t w,
                               float *restrict out) {
  if (c == 3) enlarge(row, keep, at, part, 3, w, out);
  else if (c == 1) enlarge(row, keep, at, part, 1, w, out);
  else if (c == 4) enlarge(row, keep, at, part, 4, w, out);
  else enlarge(row, keep, at, part, c, w, out);
}

typedef struct Places { int *xi, *yi; float *xf, *yf; } Places;

static void zoom_once(const Image *from, Image *to, double scale, const Places *p, float *row) {
  size_t c = (size_t)from->c, n = (size_t)from->w * c;
  make_places(from->w, scale, p->xi, p->xf);
  make_places(from->h, scale, p->yi, p->yf);
  for (int y = 0; y < from->h; y++) {
    int next = p->yi[y] + 1 < from->h ? p->yi[y] + 1 : p->yi[y];
    mix_rows(image_row_f(from, p->yi[y]), image_row_f(from, next), p->yf[y], row, n);
    memcpy(row + n, row + n - c, c * sizeof *row);
    enlarge_row(row, image_row_f(from, y), p->xi, p->xf, c, (size_t)from->w, image_row_f(to, y));
  }
}

/* Samples as they are, u8 as 0..255, in float; and back. */
static void to_float(const Image *in, Image *out) {
  size_t n = (size_t)in->w * (size_t)in->c;
  for (int y = 0; y < in->h; y++) {
    float *dst = image_row_f(out, y);
    const uint8_t *src = image_row(in, y);
    if (in->type == IMAGE_F32) memcpy(dst, src, n * sizeof *dst);
    else for (size_t i = 0; i < n; i++) dst[i] = (float)src[i];
  }
}

static void from_float(const Image *in, Image *out) {
  size_t n = (size_t)in->w * (size_t)in->c;
  for (int y = 0; y < in->h; y++) {
    const float *src = image_row_f(in, y);
    uint8_t *dst = image_row(out, y);
    if (out->type == IMAGE_F32) memcpy(dst, src, n * sizeof *src);
    else for (size_t i = 0; i < n; i++) dst[i] = (uint8_t)(int)(src[i] + 0.5f);
  }
}

static void zoom_all(Image *pair[2], double amount, const Places *p, float *row) {
  double reach = amount * fm_hypot(pair[0]->w, pair[0]->h) / 2, scale = 1 + amount;
  int steps = 1;
  while (steps < 16 && reach / (1 << steps) > 0.5) steps++; /* copies half a pixel apart in the corner */
  for (int i = 0; i < steps; i++) {
    scale = sqrt(scale);
    zoom_once(pair[0], pair[1], scale, p, row);
    Image *swap = pair[0];
    pair[0] = pair[1], pair[1] = swap;
  }
}

Image *zoom_blur_apply(const Step *s, const Image *in, Err *err) {
  double amount = s->num[0];
  if (amount == 0) return image_copy(in, err);
  size_t w = (size_t)in->w, h = (size_t)in->h, c = (size_t)in->c;
  Image *out = image_like(in, err);
  Image *pair[2] = {image_new(in->w, in->h, in->c, IMAGE_F32, in->alpha, err), image_new(in->w, in->h, in->c, IMAGE_F32, in->alpha, err)};
  int *at = mem_alloc(w + h, sizeof *at);
  float *part = mem_alloc(w + h, sizeof *part), *row = mem_alloc((w + 1) * c, sizeof *row);
  bool ok = out && pair[0] && pair[1] && at && part && row;
  if (ok) {
    to_float(in, pair[0]);
    zoom_all(pair, amount, &(Places){at, at + w, part, part + w}, row);
    from_float(pair[0], out);
    keep_alpha(out, in);
  } else {
    err_memory(err);
    image_unref(out);
  }
  image_unref(pair[0]);
  image_unref(pair[1]);
  mem_free(at);
  mem_free(part);
  mem_free(row);
  return ok ? out : NULL;
}

/* Each pixel shows one nearby: its place is drawn once per pixel and stretched by the reach, so a stronger effect is the
 * same one, further out. */
Image *glass_apply(const Step *s, const Image *in, Err *err) {
  double reach = s->num[0];
  if (reach < 0.5) return image_copy(in, err);
  Image *out = image_like(in, err);
  float *draw = mem_alloc((size_t)in->w, 2 * sizeof *draw);
  if (!out || !draw) return image_unref(out), mem_free(draw), err_memory(err), NULL;
  size_t px = image_sample_size(in) * (size_t)in->c, w = (size_t)in->w;
  float far = (float)(2 * reach), half = (float)(0.5 - reach);
  for (int y = 0; y < in->h; y++) {
    uint8_t *row = image_row(out, y);
    rng_fill_uniform(s->key, (uint64_t)y * 2 * w, draw, 2 * w);
    for (size_t x = 0; x < w; x++) {
      int dx = (int)floorf(draw[2 * x] * far + half), dy = (int)floorf(draw[2 * x + 1] * far + half);
      memcpy(row + x * px, image_row(in, reflect(y + dy, in->h)) + (size_t)reflect((int)x + dx, in->w) * px, px);
    }
  }
  mem_free(draw);
  return keep_alpha(out, in), out;
}
