/* How far apart two images are. SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "image/image.h"

static bool comparable(const Image *a, const Image *b, Err *err) {
  if (a->w == b->w && a->h == b->h && a->c == b->c && a->type == b->type && a->alpha == b->alpha) return true;
  return err_set(err, ERR_USAGE, "images differ in shape: %d x %d x %d %s%s and %d x %d x %d %s%s", a->w, a->h, a->c,
                 a->type == IMAGE_U8 ? "u8" : "f32", a->alpha ? " with alpha" : "", b->w, b->h, b->c,
                 b->type == IMAGE_U8 ? "u8" : "f32", b->alpha ? " with alpha" : "");
}

/* At most 2^24 samples: the sum stays in 32 bits. */
KERNEL static uint32_t differ_u8(const uint8_t *restrict a, const uint8_t *restrict b, size_t n) {
  uint32_t sum = 0;
  for (size_t i = 0; i < n; i++) {
    int d = a[i] - b[i];
    sum += (uint32_t)(d < 0 ? -d : d);
  }
  return sum;
}

static double distance_u8(const Image *a, const Image *b) {
  const size_t n = (size_t)a->w * (size_t)a->c;
  uint64_t sum = 0;
  for (int y = 0; y < a->h; y++) {
    const uint8_t *p = image_row(a, y), *q = image_row(b, y);
    sum += differ_u8(p, q, n); /* a row has at most 2^22 samples */
    if (a->alpha)
      for (size_t i = (size_t)a->c - 1; i < n; i += (size_t)a->c) sum -= (uint64_t)(p[i] > q[i] ? p[i] - q[i] : q[i] - p[i]);
  }
  return (double)sum / ((double)a->w * (double)a->h * image_colours(a));
}

KERNEL static void differ_f32(const float *restrict a, const float *restrict b, size_t n, double *restrict lane) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (size_t k = 0; k < 8; k++) lane[k] += fabs((double)a[i + k] - (double)b[i + k]);
  for (; i < n; i++) lane[i & 7] += fabs((double)a[i] - (double)b[i]);
}

static double distance_f32(const Image *a, const Image *b) {
  double lane[8] = {0}, sum = 0;
  for (int y = 0; y < a->h; y++) {
    const float *p = image_row_f(a, y), *q = image_row_f(b, y);
    if (!a->alpha) {
      differ_f32(p, q, (size_t)a->w * (size_t)a->c, lane);
    } else {
      for (int x = 0; x < a->w; x++)
        for (int k = 0; k < a->c - 1; k++) lane[k & 7] += fabs((double)p[x * a->c + k] - (double)q[x * a->c + k]);
    }
  }
  for (int i = 0; i < 8; i++) sum += lane[i];
  return sum * 255.0 / ((double)a->w * (double)a->h * image_colours(a));
}

bool image_distance(const Image *a, const Image *b, double *out, Err *err) {
  if (!comparable(a, b, err)) return false;
  *out = a->type == IMAGE_U8 ? distance_u8(a, b) : distance_f32(a, b);
  return true;
}

/* Sums over one 4x4 cell: exact in float for u8, at most 16 * 255^2. */
typedef struct Cell { float a, b, aa, bb, ab; } Cell;

enum { CELL = 4 };

static void cells_row(const float *a, const float *b, int w, Cell *cells) {
  for (int i = 0; i < w / CELL; i++) {
    Cell *c = &cells[i];
    for (int k = 0; k < CELL; k++) {
      float p = a[i * CELL + k], q = b[i * CELL + k];
      c->a += p;
      c->b += q;
      c->aa += p * p;
      c->bb += q * q;
      c->ab += p * q;
    }
  }
}

/* Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13, K1 = 0.01, K2 = 0.03, L = 255; population moments of n pixels. */
static double similarity(double n, double a, double b, double aa, double bb, double ab) {
  const double c1 = 6.5025, c2 = 58.5225;
  double ma = a / n, mb = b / n, va = aa / n - ma * ma, vb = bb / n - mb * mb, cov = ab / n - ma * mb;
  return ((2 * ma * mb + c1) * (2 * cov + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

/* Sum of the similarities of the windows made of two neighbouring rows of cells. */
static double windows(const Cell *top, const Cell *bottom, int n) {
  double sum = 0;
  for (int i = 0; i + 1 < n; i++) {
    const Cell *p = &top[i], *q = &top[i + 1], *r = &bottom[i], *s = &bottom[i + 1];
    sum += similarity(64, ((double)p->a + q->a) + ((double)r->a + s->a), ((double)p->b + q->b) + ((double)r->b + s->b),
                      ((double)p->aa + q->aa) + ((double)r->aa + s->aa), ((double)p->bb + q->bb) + ((double)r->bb + s->bb),
                      ((double)p->ab + q->ab) + ((double)r->ab + s->ab));
  }
  return sum;
}

/* Too small for one 8x8 window: the whole image is the window. */
static double ssim_small(const Image *a, const Image *b, float *p, float *q) {
  double sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
  for (int y = 0; y < a->h; y++) {
    image_luma_f32(a, y, p);
    image_luma_f32(b, y, q);
    for (int x = 0; x < a->w; x++) {
      double u = p[x], v = q[x];
      sa += u;
      sb += v;
      aa += u * u;
      bb += v * v;
      ab += u * v;
    }
  }
  return similarity((double)a->w * a->h, sa, sb, aa, bb, ab);
}

static double ssim_windows(const Image *a, const Image *b, float *p, float *q, Cell *top, Cell *bottom) {
  const int across = a->w / CELL, down = a->h / CELL;
  double sum = 0;
  for (int j = 0; j < down; j++) {
    for (int i = 0; i < across; i++) bottom[i] = (Cell){0};
    for (int y = j * CELL; y < (j + 1) * CELL; y++) {
      image_luma_f32(a, y, p);
      image_luma_f32(b, y, q);
      cells_row(p, q, a->w, bottom);
    }
    if (j) sum += windows(top, bottom, across);
    Cell *swap = top;
    top = bottom;
    bottom = swap;
  }
  return sum / ((double)(across - 1) * (down - 1));
}

bool image_ssim(const Image *a, const Image *b, double *out, Err *err) {
  if (!comparable(a, b, err)) return false;
  const size_t w = (size_t)a->w, across = w / CELL + 1;
  float *rows = mem_alloc(2 * w, sizeof *rows);
  Cell *cells = mem_alloc(2 * across, sizeof *cells);
  bool ok = rows && cells;
  if (!ok) err_memory(err);
  else if (a->w < 2 * CELL || a->h < 2 * CELL) *out = ssim_small(a, b, rows, rows + w);
  else *out = ssim_windows(a, b, rows, rows + w, cells, cells + across);
  mem_free(rows);
  mem_free(cells);
  return ok;
}
