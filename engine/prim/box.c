/* Mean over a square of 2 radius + 1 pixels by running sums, at a cost that does
 * not depend on the radius. The outermost ring counts by the fraction of it that
 * is covered. u8: column sums and row sums are exact integers, with one rounding
 * to 1/128 level between them. f32: sums in double, whose drift is below a
 * float's last place. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/filter.h"

typedef struct Box {
  int whole;           /* rings covered entirely */
  float part, inverse; /* of the next ring; 1 / (2 radius + 1) */
} Box;

KERNEL static void add_u8(uint32_t *restrict sum, const uint8_t *in, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += in[i];
}

/* The column means of one row in 1/128 level, after the window's sums have moved down to it; gone and below are the
 * partly covered rows. */
KERNEL static void column_u8(uint32_t *restrict sum, const uint8_t *come, const uint8_t *gone, const uint8_t *below, float part, float scale,
                             uint16_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    sum[i] += (uint32_t)come[i] - gone[i];
    out[i] = (uint16_t)(int)(((float)(int)sum[i] + part * (float)(gone[i] + below[i])) * scale + 0.5f);
  }
}

/* The same without a part: the same numbers. */
KERNEL static void column_whole_u8(uint32_t *restrict sum, const uint8_t *come, const uint8_t *gone, float scale, uint16_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) {
    sum[i] += (uint32_t)come[i] - gone[i];
    out[i] = (uint16_t)(int)((float)(int)sum[i] * scale + 0.5f);
  }
}

/* Sums of 2 whole + 1 pixels along a padded row that starts whole + 1 pixels before the first. The sums in
 * progress, one per channel, stay in registers where c is known. */
static inline __attribute__((always_inline)) void run_channels(const uint16_t *row, int whole, size_t c, size_t w, uint32_t *restrict sum) {
  uint32_t s[4] = {0};
  size_t window = (size_t)(2 * whole + 1) * c;
  for (size_t i = 0; i < window; i += c)
    for (size_t k = 0; k < c; k++) s[k] += row[i + k];
  for (size_t x = 0; x < w; x++, row += c, sum += c)
    for (size_t k = 0; k < c; k++) {
      s[k] += (uint32_t)row[window + k] - row[k];
      sum[k] = s[k];
    }
}

typedef int16_t Four16 __attribute__((vector_size(8)));
typedef int32_t Four32 __attribute__((vector_size(16)));

/* What comes less what goes, of four channels; samples are below 2^15. */
static inline Four32 change(const uint16_t *come, const uint16_t *gone) {
  Four16 a, b;
  memcpy(&a, come, sizeof a);
  memcpy(&b, gone, sizeof b);
  return __builtin_convertvector(a - b, Four32);
}

/* The same for three or four channels at once; of three, the fourth sum is written over by the next pixel. */
static inline __attribute__((always_inline)) void run_four(const uint16_t *row, int whole, size_t c, size_t w, uint32_t *sum) {
  static const uint16_t none[4];
  Four32 s = {0};
  size_t window = (size_t)(2 * whole + 1) * c;
  for (size_t i = 0; i < window; i += c) s += change(row + i, none);
  for (size_t x = 0; x < w; x++, row += c, sum += c) {
    s += change(row + window, row);
    memcpy(sum, &s, sizeof s);
  }
}

KERNEL static void run_u16(const uint16_t *row, int whole, int c, int w, uint32_t *sum) {
  if (c == 3) run_four(row, whole, 3, (size_t)w, sum);
  else if (c == 4) run_four(row, whole, 4, (size_t)w, sum);
  else if (c == 1) run_channels(row, whole, 1, (size_t)w, sum);
  else run_channels(row, whole, (size_t)c, (size_t)w, sum);
}

KERNEL static void finish_u8(const uint32_t *sum, const uint16_t *a, const uint16_t *b, float part, float scale, uint8_t *restrict out,
                             size_t n) {
  for (size_t i = 0; i < n; i++) {
    float v = ((float)(int)sum[i] + part * (float)(a[i] + b[i])) * scale + 0.5f;
    out[i] = (uint8_t)(int)v;
  }
}

KERNEL static void finish_whole_u8(const uint32_t *sum, float scale, uint8_t *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(int)((float)(int)sum[i] * scale + 0.5f);
}

static bool box_u8(const Image *in, Image *out, Box b) {
  const size_t c = (size_t)in->c, n = (size_t)in->w * c, pad = ((size_t)b.whole + 1) * c;
  const float down = b.inverse * 128, across = b.inverse / 128;
  uint32_t *sum = mem_calloc(n, sizeof *sum), *line = mem_alloc(n + 4, sizeof *line);
  uint16_t *row = mem_alloc(n + 2 * pad, sizeof *row);
  bool ok = sum && line && row;
  for (int k = -b.whole - 1; ok && k < b.whole; k++) add_u8(sum, image_row(in, reflect(k, in->h)), n);
  for (int y = 0; ok && y < in->h; y++) {
    const uint8_t *come = image_row(in, reflect(y + b.whole, in->h)), *gone = image_row(in, reflect(y - b.whole - 1, in->h));
    if (b.part > 0) column_u8(sum, come, gone, image_row(in, reflect(y + b.whole + 1, in->h)), b.part, down, row + pad, n);
    else column_whole_u8(sum, come, gone, down, row + pad, n);
    pad_row((uint8_t *)(row + pad), in->w, c * 2, b.whole + 1, b.whole + 1);
    run_u16(row, b.whole, in->c, in->w, line);
    if (b.part > 0) finish_u8(line, row, row + 2 * pad, b.part, across, image_row(out, y), n);
    else finish_whole_u8(line, across, image_row(out, y), n);
  }
  mem_free(sum);
  mem_free(line);
  mem_free(row);
  return ok;
}

KERNEL static void slide_f32(double *restrict sum, const float *in, const float *out, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += (double)in[i] - (double)out[i];
}

KERNEL static void column_f32(const double *sum, const float *a, const float *b, double part, double scale, float *restrict out, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = (float)((sum[i] + part * ((double)a[i] + (double)b[i])) * scale);
}

/* As run_u16 and finish_u8, in one. */
static void line_f32(const float *row, int whole, size_t c, int w, double part, double scale, float *restrict out) {
  size_t window = (size_t)(2 * whole + 1) * c;
  for (size_t k = 0; k < c; k++) {
    double s = 0;
    for (size_t i = c + k; i < c + window; i += c) s += (double)row[i];
    for (size_t x = 0, i = k; x < (size_t)w; x++, i += c) {
      out[i] = (float)((s + part * ((double)row[i] + (double)row[i + c + window])) * scale);
      if (x + 1 < (size_t)w) s += (double)row[i + c + window] - (double)row[i + c];
    }
  }
}

static bool box_f32(const Image *in, Image *out, Box b) {
  size_t c = (size_t)in->c, n = (size_t)in->w * c, pad = ((size_t)b.whole + 1) * c;
  double scale = 1 / (2 * (double)b.whole + 1 + 2 * (double)b.part);
  double *sum = mem_calloc(n, sizeof *sum);
  float *row = mem_alloc(n + 2 * pad, sizeof *row), *zero = mem_calloc(n, sizeof *zero);
  bool ok = sum && row && zero;
  if (ok) {
    for (int k = -b.whole; k <= b.whole; k++) slide_f32(sum, image_row_f(in, reflect(k, in->h)), zero, n);
    for (int y = 0; y < in->h; y++) {
      const float *above = image_row_f(in, reflect(y - b.whole - 1, in->h)), *below = image_row_f(in, reflect(y + b.whole + 1, in->h));
      column_f32(sum, above, below, (double)b.part, scale, row + pad, n);
      pad_row((uint8_t *)(row + pad), in->w, c * sizeof *row, b.whole + 1, b.whole + 1);
      line_f32(row, b.whole, c, in->w, (double)b.part, scale, image_row_f(out, y));
      slide_f32(sum, below, image_row_f(in, reflect(y - b.whole, in->h)), n);
    }
  }
  mem_free(sum);
  mem_free(row);
  mem_free(zero);
  return ok;
}

Image *box_apply(const Step *s, const Image *in, Err *err) {
  double radius = s->num[0];
  if (radius == 0) return image_copy(in, err);
  Box b = {.whole = (int)floor(radius)};
  b.part = (float)(radius - b.whole);
  b.inverse = (float)(1 / (2 * radius + 1));
  Image *out = image_like(in, err);
  if (!out) return NULL;
  if (in->type == IMAGE_U8 ? box_u8(in, out, b) : box_f32(in, out, b)) return keep_alpha(out, in), out;
  image_unref(out);
  return err_memory(err), NULL;
}
