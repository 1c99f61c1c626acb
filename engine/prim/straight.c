/* Runs of pixels whose sources lie on a straight line well inside the picture: no border, no clamping, no neighbour
 * beyond an edge, so that coordinates become offsets and weights in one loop. The bytes are those of the general walk.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "prim/lerp.h"

/* Part of the x axis where lo <= a (x + .5) + t <= hi; a whole pixel less at each end, so that neither
 * rounding nor half a pixel to either side can matter. */
static void narrow(double a, double t, double lo, double hi, double *from, double *to) {
  double x0 = (lo - t) / a - 0.5, x1 = (hi - t) / a - 0.5;
  if (lo >= hi || (fabs(a) < 1e-9 && (t < lo + 1e-3 || t > hi - 1e-3))) *to = *from;
  if (lo >= hi || fabs(a) < 1e-9) return;
  double first = (x0 < x1 ? x0 : x1) + 1.0, last = (x0 < x1 ? x1 : x0) - 1.0;
  if (first > *from) *from = ceil(first);
  if (last < *to) *to = floor(last);
}

Span straight_span(const double *m, int x, double y, int n, const double box[4]) {
  double from = x, to = x + n;
  narrow(m[0], m[1] * y + m[2], box[0], box[2], &from, &to);
  narrow(m[3], m[4] * y + m[5], box[1], box[3], &from, &to);
  if (!(from < to)) return (Span){0, 0};
  return (Span){(int)(from - x), (int)(to - x)};
}

/* Offset of each pixel's upper left neighbour and the weights, as lerp_store takes them. */
typedef struct Line {
  int top[RUN], low[RUN];
  uint32_t across[RUN], down[RUN];
  ptrdiff_t ahead; /* bytes to the source of the pixel AHEAD rows below */
} Line;

enum { AHEAD = 8 };

/* The rows below meet lines of memory that no counter in the processor foresees. */
static inline void ahead(const uint8_t *data, const Line *l, int i) {
  __builtin_prefetch((const void *)((uintptr_t)data + (uintptr_t)(l->top[i] + l->ahead)));
}

KERNEL static void line_linear(const double *m, int x, double dx, double y, int n, int stride, int px, Line *l) {
  const double a = m[0], c = m[2], d = m[3], f = m[5], by = m[1] * y, ey = m[4] * y;
  for (int i = 0; i < n; i++) {
    const double at = x + i + 0.5 + dx;
    const int u = (int)(((a * at + by + c) + 0.5) * 256.0 + 0.5) - 256, v = (int)(((d * at + ey + f) + 0.5) * 256.0 + 0.5) - 256;
    l->top[i] = (v >> 8) * stride + (u >> 8) * px;
    l->low[i] = l->top[i] + stride;
    l->across[i] = (((uint32_t)u & 255u) << 16) + 256u - ((uint32_t)u & 255u);
    l->down[i] = ((uint32_t)v & 255u) * 0x10001u;
  }
}

/* The same for four floats: coordinates as they are. */
typedef struct FloatLine {
  int top[RUN];
  float fx[RUN], fy[RUN];
} FloatLine;

KERNEL static void line_f32(const double *m, int x, double dx, double y, int n, int stride, int px, FloatLine *l) {
  const double a = m[0], c = m[2], d = m[3], f = m[5], by = m[1] * y, ey = m[4] * y;
  for (int i = 0; i < n; i++) {
    const double at = x + i + 0.5 + dx, u = (a * at + by + c) + 0.5, v = (d * at + ey + f) + 0.5;
    const int right = (int)u, low = (int)v;
    l->fx[i] = (float)(u - (double)right);
    l->fy[i] = (float)(v - (double)low);
    l->top[i] = (low - 1) * stride + (right - 1) * px;
  }
}

static void linear_f32(const Image *im, const double *m, int x, double dx, double y, int n, float *dst) {
  FloatLine l;
  line_f32(m, x, dx, y, n, (int)im->stride, 4 * (int)sizeof *dst, &l);
  for (int i = 0; i < n; i++, dst += 4) {
    const float *top = (const float *)(const void *)(im->data + l.top[i]), *low = (const float *)(const void *)(im->data + l.top[i] + im->stride);
    lerp_pixel(top, top + 4, low, low + 4, l.fx[i], l.fy[i], dst);
  }
}

KERNEL static void line_nearest(const double *m, int x, double dx, double y, int n, int stride, int px, int *top) {
  const double a = m[0], c = m[2], d = m[3], f = m[5], by = m[1] * y, ey = m[4] * y;
  for (int i = 0; i < n; i++) {
    const double at = x + i + 0.5 + dx;
    top[i] = (int)(d * at + ey + f) * stride + (int)(a * at + by + c) * px;
  }
}

#ifdef AVX2
/* Eight grey pixels: each neighbour and the one beside it in one gathered word. */
AVX2 static inline void grey_eight(const uint8_t *data, const Line *l, int i, uint8_t *dst) {
  const __m256i spread = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
  const __m256i top = _mm256_i32gather_epi32((const int *)(const void *)data, _mm256_loadu_si256((const __m256i *)(const void *)(l->top + i)), 1);
  const __m256i low = _mm256_i32gather_epi32((const int *)(const void *)data, _mm256_loadu_si256((const __m256i *)(const void *)(l->low + i)), 1);
  __m256i v = lerp_two(_mm256_shuffle_epi8(top, spread), _mm256_shuffle_epi8(low, spread),
                       _mm256_loadu_si256((const __m256i *)(const void *)(l->across + i)), _mm256_loadu_si256((const __m256i *)(const void *)(l->down + i)));
  v = _mm256_packs_epi32(v, v);
  v = _mm256_packus_epi16(v, v);
  const int left = _mm256_extract_epi32(v, 0), right = _mm256_extract_epi32(v, 4);
  memcpy(dst + i, &left, 4);
  memcpy(dst + i + 4, &right, 4);
}

/* As many pixels as whole vectors take; what lies behind them is written over, so the caller goes on from there. */
AVX2 static int linear_wide(const uint8_t *data, const Line *l, int n, uint8_t *dst, int c) {
  int i = 0;
  if (c == 3)
    for (; i + 4 < n; i += 4) {
      ahead(data, l, i);
      lerp_store(data, l->top + i, l->low + i, l->across + i, l->down + i, dst + 3 * i, 3);
    }
  else if (c == 4)
    for (; i + 4 < n; i += 4) {
      ahead(data, l, i);
      lerp_store(data, l->top + i, l->low + i, l->across + i, l->down + i, dst + 4 * i, 4);
    }
  else if (c == 1)
    for (; i + 8 <= n; i += 8) {
      ahead(data, l, i), ahead(data, l, i + 4);
      grey_eight(data, l, i, dst);
    }
  return i;
}
#else
static int linear_wide(const uint8_t *data, const Line *l, int n, uint8_t *dst, int c) { return (void)data, (void)l, (void)n, (void)dst, (void)c, 0; }
#endif

static void linear_rest(const uint8_t *data, const Line *l, int i, int n, uint8_t *dst, int c) {
  for (; i < n; i++) {
    const uint8_t *top = data + l->top[i], *low = data + l->low[i];
    const int fx = (int)(l->across[i] >> 16), fy = (int)(l->down[i] >> 16);
    for (int k = 0; k < c; k++) dst[i * c + k] = lerp_u8(top[k], top[c + k], low[k], low[c + k], fx, fy);
  }
}

/* Reads four bytes of three, and writes them: not for the last pixel of a run. */
static void copy_nearest(const uint8_t *data, const Line *l, int n, uint8_t *dst, size_t px) {
  const int *top = l->top;
  int i = 0;
  for (int k = 0; k < n; k += 2) ahead(data, l, k);
  if (px == 3)
    for (; i + 1 < n; i++) memcpy(dst + 3 * i, data + top[i], 4);
  else if (px == 4)
    for (; i < n; i++) memcpy(dst + 4 * i, data + top[i], 4);
  else if (px == 1)
    for (; i < n; i++) dst[i] = data[top[i]];
  for (; i < n; i++) memcpy(dst + (size_t)i * px, data + top[i], px);
}

bool straight_can(const Sampler *s) {
  if (s->wrap || s->interp == INTERP_CUBIC || image_bytes(s->im) >= INT32_MAX) return false;
  return s->interp == INTERP_NEAREST || s->im->type == IMAGE_U8 || s->im->c == 4;
}

void straight_box(const Sampler *s, double box[4]) {
  const double reach = 16.0 / s->im->c + 2.0; /* 16 bytes are read from the left neighbour on */
  box[0] = box[1] = 1.0;
  box[2] = s->im->w - reach;
  box[3] = s->im->h - 1.0;
}

void straight_run(const Sampler *s, const double *m, int x, double dx, double y, int n, uint8_t *dst) {
  const Image *im = s->im;
  const int px = im->c * (int)image_sample_size(im);
  Line l;
  l.ahead = (ptrdiff_t)floor(AHEAD * m[4]) * (ptrdiff_t)im->stride + (ptrdiff_t)floor(AHEAD * m[1]) * px;
  if (s->interp == INTERP_NEAREST) {
    line_nearest(m, x, dx, y, n, (int)im->stride, px, l.top);
    copy_nearest(im->data, &l, n, dst, (size_t)px);
  } else if (im->type == IMAGE_F32) {
    linear_f32(im, m, x, dx, y, n, (float *)(void *)dst);
  } else {
    line_linear(m, x, dx, y, n, (int)im->stride, px, &l);
    linear_rest(im->data, &l, has_quads() ? linear_wide(im->data, &l, n, dst, im->c) : 0, n, dst, im->c);
  }
}
