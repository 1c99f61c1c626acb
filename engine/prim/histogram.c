/* Histograms have 256 bins; f32 samples are binned as the byte they round to.
 * SPDX-License-Identifier: MIT */
#include "prim/histogram.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/point.h"

/* Sums by position modulo 12, which channel counts 1, 2, 3 and 4 divide. */
KERNEL static void sum_row(const uint8_t *row, size_t n, uint64_t sum[12]) {
  while (n) {
    size_t take = n < 12 * 4096 ? n : 12 * 4096; /* 4096 * 255 fits well */
    uint32_t part[48] = {0};
    size_t i = 0;
    for (; i + 48 <= take; i += 48)
      for (size_t k = 0; k < 48; k++) part[k] += row[i + k];
    for (size_t k = 0; i + k < take; k++) part[k] += row[i + k];
    for (int k = 0; k < 48; k++) sum[k % 12] += part[k];
    row += take, n -= take;
  }
}

static void sum_row_f(const float *row, size_t n, double sum[12]) {
  size_t i = 0;
  for (; i + 12 <= n; i += 12)
    for (size_t k = 0; k < 12; k++) sum[k] += row[i + k];
  for (size_t k = 0; i + k < n; k++) sum[k] += row[i + k];
}

void histogram_means(const Image *im, double mean[4]) {
  const double pixels = (double)im->w * im->h;
  const size_t n = (size_t)im->w * (size_t)im->c;
  double sum[12] = {0};
  memset(mean, 0, 4 * sizeof *mean);
  if (im->type == IMAGE_U8) {
    uint64_t whole[12] = {0};
    for (int y = 0; y < im->h; y++) sum_row(image_row(im, y), n, whole);
    for (int k = 0; k < 12; k++) sum[k] = (double)whole[k];
  } else if (im->c <= 4) {
    for (int y = 0; y < im->h; y++) sum_row_f(image_row_f(im, y), n, sum);
  } else {
    for (int y = 0; y < im->h; y++)
      for (int x = 0; x < im->w; x++)
        for (int k = 0; k < 4; k++) mean[k] += image_row_f(im, y)[(size_t)x * (size_t)im->c + (size_t)k];
    for (int k = 0; k < 4; k++) mean[k] /= pixels;
    return;
  }
  for (int k = 0; k < 12; k++) mean[k % im->c] += sum[k];
  for (int k = 0; k < im->c; k++) mean[k] /= pixels;
}

/* --- tables with f32 interpolation --- */

static void table_rows_f32(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  const float *const table = p->extra;
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride) {
    const float *from = (const float *)(const void *)src;
    float *to = (float *)(void *)dst;
    for (int x = 0; x < p->w; x++, from += p->c, to += p->c) {
      for (int k = 0; k < p->colours; k++) {
        const float *t = table + 256 * (k < 3 ? k : 0);
        float at = unit(from[k]) * 255.0f;
        int i = at >= 254.0f ? 254 : (int)at;
        to[k] = (t[i] + (at - (float)i) * (t[i + 1] - t[i])) / 255.0f;
      }
      for (int k = p->colours; k < p->c; k++) to[k] = from[k];
    }
  }
}

bool histogram_table(Point *p, const float table[3][256], Err *err) {
  if (p->type == IMAGE_F32) {
    float *own = p->extra = mem_alloc(3 * 256, sizeof *own);
    if (!own) return err_memory(err);
    memcpy(own, table, 3 * 256 * sizeof *own);
    p->rows = table_rows_f32;
    return true;
  }
  uint8_t t[3][256];
  for (int k = 0; k < 3; k++)
    for (int v = 0; v < 256; v++) t[k][v] = sample_u8(table[k][v]);
  point_tables(p, (const uint8_t(*)[256])t);
  return true;
}

/* --- histograms --- */

typedef struct Histogram { uint64_t n[3][256]; } Histogram;

static void count_u8(const Image *im, Histogram *h, int colours) {
  for (int y = 0; y < im->h; y++) {
    const uint8_t *s = image_row(im, y);
    for (int x = 0; x < im->w; x++, s += im->c)
      for (int k = 0; k < colours; k++) h->n[k][s[k]]++;
  }
}

static void count_f32(const Image *im, Histogram *h, int colours) {
  for (int y = 0; y < im->h; y++) {
    const float *s = image_row_f(im, y);
    for (int x = 0; x < im->w; x++, s += im->c)
      for (int k = 0; k < colours; k++) h->n[k][(int)(unit(s[k]) * 255.0f + 0.5f)]++;
  }
}

/* Of up to three colour channels. together: all of them in each. */
static void count(const Image *im, Histogram *h, bool together) {
  int colours = image_colours(im) < 3 ? image_colours(im) : 3;
  memset(h, 0, sizeof *h);
  if (im->type == IMAGE_U8)
    count_u8(im, h, colours);
  else
    count_f32(im, h, colours);
  if (!together) return;
  for (int v = 0; v < 256; v++) {
    uint64_t all = h->n[0][v] + h->n[1][v] + h->n[2][v];
    for (int k = 0; k < 3; k++) h->n[k][v] = all;
  }
}

static uint64_t total(const uint64_t n[256]) {
  uint64_t t = 0;
  for (int v = 0; v < 256; v++) t += n[v];
  return t;
}

static void identity(float t[256]) {
  for (int v = 0; v < 256; v++) t[v] = (float)v;
}

/* The first and last value with more than `skip` samples at or beyond them. A flat channel stays as it is. */
static void stretch(const uint64_t n[256], double cutoff, float t[256]) {
  const uint64_t skip = (uint64_t)((double)total(n) * cutoff);
  uint64_t below = 0, above = 0;
  int lo = 0, hi = 255;
  while (lo < 255 && (below += n[lo]) <= skip) lo++;
  while (hi > 0 && (above += n[hi]) <= skip) hi--;
  identity(t);
  if (hi <= lo) return;
  for (int v = 0; v < 256; v++) t[v] = unit((float)(v - lo) / (float)(hi - lo)) * 255.0f;
}

bool histogram_stretch(Point *p, const Image *in, double cutoff, bool together, Err *err) {
  Histogram h;
  float t[3][256];
  count(in, &h, together);
  for (int k = 0; k < 3; k++) stretch(h.n[k], cutoff, t[k]);
  return histogram_table(p, (const float(*)[256])t, err);
}

/* step: samples per output level, the last occupied bin left out; start at half a step. */
static void equalize(const uint64_t n[256], float t[256]) {
  int last = 255;
  while (last > 0 && !n[last]) last--;
  const uint64_t step = (total(n) - n[last]) / 255;
  identity(t);
  if (!step) return;
  uint64_t sum = step / 2;
  for (int v = 0; v < 256; v++) {
    t[v] = sum / step > 255 ? 255.0f : (float)(sum / step);
    sum += n[v];
  }
}

bool histogram_equalize(Point *p, const Image *in, bool together, Err *err) {
  Histogram h;
  float t[3][256];
  count(in, &h, together);
  for (int k = 0; k < 3; k++) equalize(h.n[k], t[k]);
  return histogram_table(p, (const float(*)[256])t, err);
}
