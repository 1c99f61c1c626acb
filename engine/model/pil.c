/* Pillow's resampling (src/libImaging/Resample.c, Geometry.c), written anew:
 * rows first, then columns, each u8 result rounded on its way; weights with 22
 * fractional bits. Same bytes as Pillow 9 and 10.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "model/preprocess.h"

enum { BITS = 32 - 8 - 2 };

typedef int32_t Four __attribute__((vector_size(16)));

typedef struct Taps {
  int n, k;      /* positions, most taps of one */
  int *first, *count;
  double *w;     /* n x k */
  int32_t *fixed; /* the same times 2^BITS */
} Taps;

static double triangle(double x) { return fabs(x) < 1.0 ? 1.0 - fabs(x) : 0.0; }

static double cubic(double x) { /* a = -0.5 */
  const double a = -0.5;
  x = fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

static void taps_clear(Taps *t) {
  mem_free(t->first);
  mem_free(t->count);
  mem_free(t->w);
  mem_free(t->fixed);
}

static void fill(Taps *t, int i, double centre, double wide, double reach, int size, PrepInterp interp) {
  int lo = (int)fmax(centre - reach + 0.5, 0), hi = (int)fmin(centre + reach + 0.5, size);
  double *w = t->w + (size_t)i * (size_t)t->k, sum = 0;
  int32_t *f = t->fixed + (size_t)i * (size_t)t->k;
  if (interp == PREP_NEAREST) {
    lo = (int)fmin(floor(centre), size - 1);
    hi = lo + 1;
  }
  for (int x = lo; x < hi; x++) {
    double d = (x - centre + 0.5) * (1.0 / wide);
    w[x - lo] = interp == PREP_NEAREST ? 1.0 : interp == PREP_BILINEAR ? triangle(d) : cubic(d);
    sum += w[x - lo];
  }
  for (int x = 0; x < hi - lo; x++) {
    if (sum != 0.0) w[x] /= sum;
    double v = w[x] * (1 << BITS);
    f[x] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
  }
  t->first[i] = lo;
  t->count[i] = hi - lo;
}

/* Positions from .. from + n - 1 of `to` positions over `size` samples. */
static bool taps_init(Taps *t, int size, int to, int from, int n, PrepInterp interp, bool antialias, Err *err) {
  double scale = (double)size / to, wide = antialias && scale > 1.0 ? scale : 1.0;
  double reach = (interp == PREP_BICUBIC ? 2.0 : 1.0) * wide;
  *t = (Taps){.n = n, .k = (int)ceil(reach) * 2 + 1};
  t->first = mem_alloc((size_t)n, sizeof *t->first);
  t->count = mem_alloc((size_t)n, sizeof *t->count);
  t->w = mem_calloc((size_t)n * (size_t)t->k, sizeof *t->w);
  t->fixed = mem_calloc((size_t)n * (size_t)t->k, sizeof *t->fixed);
  if (!t->first || !t->count || !t->w || !t->fixed) return taps_clear(t), err_memory(err);
  double at = scale * 0.5; /* NEAREST adds up, as Pillow does: it matters where a position meets an edge */
  for (int i = 0; i < from; i++) at += scale;
  for (int i = 0; i < n; i++, at += scale) fill(t, i, interp == PREP_NEAREST ? at : (from + i + 0.5) * scale, wide, reach, size, interp);
  return true;
}

static inline uint8_t clip(int32_t v) {
  v >>= BITS;
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* One row of pixels with up to four channels: four sums at a time. `wide` is the row with each pixel in four numbers. */
KERNEL static void across_u8(const Taps *t, const uint8_t *src, int c, Four *wide, uint8_t *dst) {
  const int from = t->first[0], to = t->first[t->n - 1] + t->count[t->n - 1];
  src += (size_t)from * (size_t)c;
  for (int x = from; x < to; x++, src += c)
    wide[x] = (Four){src[0], src[c > 1 ? 1 : 0], src[c > 2 ? 2 : 0], src[c > 3 ? 3 : 0]};
  for (int i = 0; i < t->n; i++, dst += c) {
    const int32_t *f = t->fixed + (size_t)i * (size_t)t->k;
    const Four *p = wide + t->first[i];
    Four sum = {1 << (BITS - 1), 1 << (BITS - 1), 1 << (BITS - 1), 1 << (BITS - 1)};
    for (int k = 0; k < t->count[i]; k++) sum += p[k] * f[k];
    for (int j = 0; j < c; j++) dst[j] = clip(sum[j]);
  }
}

static void across_f32(const Taps *t, const float *src, int c, float *dst) {
  for (int i = 0; i < t->n; i++)
    for (int j = 0; j < c; j++) {
      const double *w = t->w + (size_t)i * (size_t)t->k;
      const float *p = src + (size_t)t->first[i] * (size_t)c + j;
      double sum = 0;
      for (int k = 0; k < t->count[i]; k++) sum += (double)p[(size_t)k * (size_t)c] * w[k];
      *dst++ = (float)sum;
    }
}

KERNEL static void down_u8(const uint8_t *src, size_t stride, const int32_t *f, int count, int n, int32_t *restrict sum, uint8_t *dst) {
  for (int i = 0; i < n; i++) sum[i] = 1 << (BITS - 1);
  for (int k = 0; k < count; k++) {
    const uint8_t *row = src + (size_t)k * stride;
    const int32_t v = f[k];
    for (int i = 0; i < n; i++) sum[i] += row[i] * v;
  }
  for (int i = 0; i < n; i++) dst[i] = clip(sum[i]);
}

static void down_f32(const Image *mid, int first, const double *w, int count, int n, float *dst) {
  for (int i = 0; i < n; i++) {
    double sum = 0;
    for (int k = 0; k < count; k++) sum += (double)image_row_f(mid, first + k)[i] * w[k];
    dst[i] = (float)sum;
  }
}

/* Rows y0 .. y0 + mid->h - 1 of the picture, scaled across. Unscaled rows are copied, as Pillow does. */
static bool across(const Image *im, const Taps *t, int y0, int x, bool same, Image *mid, Err *err) {
  Four *wide = mem_aligned((size_t)im->w * sizeof *wide);
  if (!wide) return err_memory(err);
  for (int y = 0; y < mid->h; y++) {
    const uint8_t *src = image_row(im, y0 + y);
    if (same) memcpy(image_row(mid, y), src + (size_t)x * (size_t)im->c * image_sample_size(im), image_row_bytes(mid));
    else if (im->type == IMAGE_U8) across_u8(t, src, im->c, wide, image_row(mid, y));
    else across_f32(t, image_row_f(im, y0 + y), im->c, image_row_f(mid, y));
  }
  mem_free(wide);
  return true;
}

static bool down(const Image *mid, const Taps *t, int y0, bool same, Image *out, Err *err) {
  const int n = out->w * out->c;
  int32_t *sum = mem_alloc((size_t)n, sizeof *sum);
  if (!sum) return err_memory(err);
  for (int y = 0; y < out->h; y++) {
    const size_t at = (size_t)y * (size_t)t->k;
    const int first = t->first[y] - y0;
    if (same) memcpy(image_row(out, y), image_row(mid, y), image_row_bytes(out));
    else if (mid->type == IMAGE_U8) down_u8(image_row(mid, first), mid->stride, t->fixed + at, t->count[y], n, sum, image_row(out, y));
    else down_f32(mid, first, t->w + at, t->count[y], n, image_row_f(out, y));
  }
  mem_free(sum);
  return true;
}

Image *pil_resize(const Image *im, int w, int h, int x, int y, int cw, int ch, PrepInterp interp, bool antialias, Err *err) {
  Taps tx, ty;
  Image *mid = NULL, *out = NULL;
  if (im->type == IMAGE_U8 && im->c > 4) return err_set(err, ERR_USAGE, "resize: %d channels, at most 4 expected", im->c), NULL;
  if (!taps_init(&tx, im->w, w, x, cw, interp, antialias, err)) return NULL;
  if (!taps_init(&ty, im->h, h, y, ch, interp, antialias, err)) return taps_clear(&tx), NULL;
  const bool same_x = w == im->w, same_y = h == im->h;
  int y0 = same_y ? y : ty.first[0], y1 = same_y ? y + ch : ty.first[ch - 1] + ty.count[ch - 1];
  if ((mid = image_new(cw, y1 - y0, im->c, im->type, false, err)) && (out = image_new(cw, ch, im->c, im->type, false, err))) {
    if (!across(im, &tx, y0, x, same_x, mid, err) || !down(mid, &ty, y0, same_y, out, err)) {
      image_unref(out);
      out = NULL;
    }
  }
  image_unref(mid);
  taps_clear(&tx);
  taps_clear(&ty);
  return out;
}
