/* Pixels around coordinates. u8 linear works on coordinates rounded to 1/256
 * pixel with integer weights, so that every CPU gives the same bytes; f32 uses
 * the coordinate as it is. Neighbours beyond an edge are the edge (or, wrapped,
 * the other side): what lies outside the frame is the caller's business.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/cpu.h"
#include "prim/lerp.h"

typedef struct Taps {
  int x0[RUN], x1[RUN]; /* columns of the two neighbours, times channels */
  int y0[RUN], y1[RUN]; /* rows */
  int fx[RUN], fy[RUN]; /* 0..255: weight of the second */
} Taps;

static inline __attribute__((always_inline)) void axis_taps(const double *x, int n, int size, bool wrap, int by, int *a, int *b, int *f) {
  const double hi = size;
  for (int i = 0; i < n; i++) {
    double v = x[i] < 0.0 ? 0.0 : x[i];
    v = v > hi ? hi : v;
    int fixed = (int)((v + 0.5) * 256.0 + 0.5) - 256; /* of x - .5 */
    int left = fixed >> 8, right = left + 1;
    f[i] = fixed & 255;
    int below = wrap ? size - 1 : 0, above = wrap ? 0 : size - 1;
    a[i] = (left < 0 ? below : left >= size ? size - 1 : left) * by;
    b[i] = (right >= size ? above : right) * by;
  }
}

KERNEL static void make_taps(const Sampler *s, const double *x, const double *y, int n, Taps *t) {
  axis_taps(x, n, s->im->w, s->wrap, s->im->c, t->x0, t->x1, t->fx);
  axis_taps(y, n, s->im->h, s->wrap, 1, t->y0, t->y1, t->fy);
}

static void linear_any_u8(const Image *im, const Taps *t, int n, uint8_t *dst) {
  const int c = im->c;
  for (int i = 0; i < n; i++, dst += c) {
    const uint8_t *r0 = image_row(im, t->y0[i]), *r1 = image_row(im, t->y1[i]);
    for (int k = 0; k < c; k++)
      dst[k] = lerp_u8(r0[t->x0[i] + k], r0[t->x1[i] + k], r1[t->x0[i] + k], r1[t->x1[i] + k], t->fx[i], t->fy[i]);
  }
}

#if defined(__SSE2__)
/* Where the four neighbours start, and their weights, ready for the vector form. */
typedef struct Corners {
  int top[RUN], low[RUN]; /* bytes from the first pixel to the left neighbours */
  int right[RUN];         /* and from those to the right ones */
  uint32_t across[RUN];   /* weight of the right one in the upper half, of the left one in the lower */
  uint32_t down[RUN];     /* weight of the lower pair, in both halves */
} Corners;

KERNEL static void make_corners(const Taps *t, int n, int stride, Corners *q) {
  for (int i = 0; i < n; i++) {
    q->top[i] = t->y0[i] * stride + t->x0[i];
    q->low[i] = t->y1[i] * stride + t->x0[i];
    q->right[i] = t->x1[i] - t->x0[i];
    q->across[i] = ((uint32_t)t->fx[i] << 16) + 256u - (uint32_t)t->fx[i];
    q->down[i] = (uint32_t)t->fy[i] * 0x10001u;
  }
}

static inline __m128i load4(const uint8_t *p) {
  int v;
  memcpy(&v, p, 4);
  return _mm_cvtsi32_si128(v);
}

/* Four bytes per neighbour, of which three may be used. */
static inline __attribute__((always_inline)) int lerp_four(const uint8_t *top, const uint8_t *low, int right, uint32_t across, uint32_t down) {
  const __m128i zero = _mm_setzero_si128();
  __m128i a = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(top), load4(top + right)), zero);
  __m128i b = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(low), load4(low + right)), zero);
  /* modulo 2^16: the sum is below it */
  __m128i v = _mm_add_epi16(_mm_slli_epi16(a, 8), _mm_mullo_epi16(_mm_sub_epi16(b, a), _mm_set1_epi32((int)down)));
  __m128i h = _mm_madd_epi16(_mm_srli_epi16(v, 1), _mm_set1_epi32((int)across));
  h = _mm_srli_epi32(_mm_add_epi32(h, _mm_set1_epi32(1 << 14)), 15);
  h = _mm_packs_epi32(h, h);
  return _mm_cvtsi128_si32(_mm_packus_epi16(h, h));
}

#ifdef AVX2
/* Pixels i .. i + 3, if each has its right neighbour beside it and no read reaches past end (`last`: the greatest
 * offset of a left neighbour). False: not done. Writes 8 + 2 c bytes. */
AVX2 static inline bool lerp_quad(const uint8_t *data, int last, const Corners *q, int i, uint8_t *dst, const int c) {
  const __m128i right = _mm_loadu_si128((const __m128i *)(const void *)(q->right + i));
  const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(q->low + i));
  const __m128i odd = _mm_or_si128(_mm_xor_si128(right, _mm_set1_epi32(c)), _mm_cmpgt_epi32(low, _mm_set1_epi32(last)));
  if (!_mm_testz_si128(odd, odd)) return false;
  lerp_store(data, q->top + i, q->low + i, q->across + i, q->down + i, dst, c);
  return true;
}

/* From pixel i on as far as quads go; the run's last pixel is left to the caller. */
AVX2 static int linear_quads(const uint8_t *data, int last, const Corners *q, int i, int n, uint8_t *dst, const int c) {
  if (c == 3)
    while (i + 4 < n && lerp_quad(data, last, q, i, dst + 3 * i, 3)) i += 4;
  else
    while (i + 4 < n && lerp_quad(data, last, q, i, dst + 4 * i, 4)) i += 4;
  return i;
}

#else
static int linear_quads(const uint8_t *data, int last, const Corners *q, int i, int n, uint8_t *dst, int c) {
  return (void)data, (void)last, (void)q, (void)n, (void)dst, (void)c, i;
}
#endif

/* Reads four bytes per pixel and writes four, the last one later overwritten where a pixel has three: so the run's last
 * pixel is written apart, and neighbours too near the end of the samples go the plain way. */
static inline __attribute__((always_inline)) void linear_wide_u8(const Image *im, const Taps *t, int n, uint8_t *dst, const int c) {
  const uint8_t *data = im->data;
  const int end = (int)image_bytes(im) - 4;
  const bool quads = has_quads();
  Corners q;
  make_corners(t, n, (int)im->stride, &q);
  for (int i = 0; i < n; i++, dst += c) {
    if (quads && i % 4 == 0) {
      const int done = linear_quads(data, end - 12, &q, i, n, dst - i * c, c) - i;
      i += done, dst += done * c;
    }
    const uint8_t *top = data + q.top[i], *low = data + q.low[i];
    int right = q.right[i], v;
    if (q.low[i] + right > end || q.low[i] > end) {
      uint8_t px[4] = {0};
      for (int k = 0; k < c; k++) px[k] = lerp_u8(top[k], top[right + k], low[k], low[right + k], t->fx[i], t->fy[i]);
      memcpy(&v, px, 4);
    } else {
      v = lerp_four(top, low, right, q.across[i], q.down[i]);
    }
    memcpy(dst, &v, i < n - 1 ? 4 : (size_t)c);
  }
}

/* Offsets fit an int, and the lower row is never above the upper one. */
static bool is_wide(const Sampler *s) { return (s->im->c == 3 || s->im->c == 4) && !s->wrap && image_bytes(s->im) < INT32_MAX; }
#else
static bool is_wide(const Sampler *s) { return s->im == NULL; }
static void linear_wide_u8(const Image *im, const Taps *t, int n, uint8_t *dst, const int c) { (void)c, linear_any_u8(im, t, n, dst); }
#endif

KERNEL static void linear_u8(const Sampler *s, const Taps *t, int n, uint8_t *dst) {
  if (!is_wide(s)) linear_any_u8(s->im, t, n, dst);
  else if (s->im->c == 3) linear_wide_u8(s->im, t, n, dst, 3);
  else linear_wide_u8(s->im, t, n, dst, 4);
}

static int neighbour(int i, int n, bool wrap) {
  if (i >= 0 && i < n) return i;
  return border_index(i, n, wrap ? BORDER_WRAP : BORDER_REPLICATE);
}

typedef struct FloatTaps {
  int x0[RUN], x1[RUN], y0[RUN], y1[RUN]; /* columns times channels, rows */
  float fx[RUN], fy[RUN];
} FloatTaps;

static inline __attribute__((always_inline)) void axis_taps_f32(const double *x, int n, int size, bool wrap, int by, int *a, int *b, float *f) {
  for (int i = 0; i < n; i++) {
    double v = x[i] + 0.5; /* from the pixel left of the frame, so that truncation is floor */
    int left = (int)v - 1, right = left + 1;
    f[i] = (float)(v - (double)right);
    int below = wrap ? size - 1 : 0, above = wrap ? 0 : size - 1;
    a[i] = (left < 0 ? below : left) * by;
    b[i] = (right >= size ? above : right) * by;
  }
}

KERNEL static void make_taps_f32(const Sampler *s, const double *x, const double *y, int n, FloatTaps *t) {
  axis_taps_f32(x, n, s->im->w, s->wrap, s->im->c, t->x0, t->x1, t->fx);
  axis_taps_f32(y, n, s->im->h, s->wrap, 1, t->y0, t->y1, t->fy);
}

static inline __attribute__((always_inline)) void lerp_f32(const Image *im, const FloatTaps *t, int n, float *dst, const int c) {
  for (int i = 0; i < n; i++, dst += c) {
    const float *r0 = image_row_f(im, t->y0[i]), *r1 = image_row_f(im, t->y1[i]);
    const int x0 = t->x0[i], x1 = t->x1[i];
    const float fx = t->fx[i], fy = t->fy[i];
    for (int k = 0; k < c; k++) {
      float a = r0[x0 + k] + (r1[x0 + k] - r0[x0 + k]) * fy, b = r0[x1 + k] + (r1[x1 + k] - r0[x1 + k]) * fy;
      dst[k] = a + (b - a) * fx;
    }
  }
}

static void lerp_four_f32(const Image *im, const FloatTaps *t, int n, float *dst) {
  for (int i = 0; i < n; i++, dst += 4) {
    const float *r0 = image_row_f(im, t->y0[i]), *r1 = image_row_f(im, t->y1[i]);
    lerp_pixel(r0 + t->x0[i], r0 + t->x1[i], r1 + t->x0[i], r1 + t->x1[i], t->fx[i], t->fy[i], dst);
  }
}

KERNEL static void linear_f32(const Image *im, const FloatTaps *t, int n, float *dst) {
  if (im->c == 3) lerp_f32(im, t, n, dst, 3);
  else if (im->c == 4) lerp_four_f32(im, t, n, dst);
  else if (im->c == 1) lerp_f32(im, t, n, dst, 1);
  else lerp_f32(im, t, n, dst, im->c);
}

/* Catmull-Rom: Keys' cubic with a = -1/2. */
static void cubic_weights(float u, float w[4]) {
  w[0] = ((-0.5f * u + 1.0f) * u - 0.5f) * u;
  w[1] = (1.5f * u - 2.5f) * u * u + 1.0f;
  w[2] = ((-1.5f * u + 2.0f) * u + 0.5f) * u;
  w[3] = (0.5f * u - 0.5f) * u * u;
}

typedef struct Cubic {
  int row[4];
  size_t col[4];
  float wx[4], wy[4];
} Cubic;

static void cubic_taps(const Sampler *s, double x, double y, Cubic *t) {
  double bx = floor(x - 0.5), by = floor(y - 0.5);
  cubic_weights((float)(x - 0.5 - bx), t->wx);
  cubic_weights((float)(y - 0.5 - by), t->wy);
  for (int k = 0; k < 4; k++) {
    t->row[k] = neighbour((int)by - 1 + k, s->im->h, s->wrap);
    t->col[k] = (size_t)neighbour((int)bx - 1 + k, s->im->w, s->wrap) * (size_t)s->im->c;
  }
}

/* u8: coordinates rounded to 1/256 pixel, rows in 14-bit integers, then their sum in f32: exact before the last step. */
typedef struct CubicRun {
  int col[4][RUN]; /* columns times channels */
  int row[4][RUN];
  int16_t wx[RUN][4];
  float wy[4][RUN]; /* over 2^14 */
} CubicRun;

static inline __attribute__((always_inline)) void cubic_axis(const double *x, int n, int size, bool wrap, int by, int at[4][RUN], int *frac) {
  for (int i = 0; i < n; i++) {
    int fixed = (int)((x[i] + 0.5) * 256.0 + 0.5) - 256, first = (fixed >> 8) - 1;
    frac[i] = fixed & 255;
    for (int k = 0; k < 4; k++) {
      /* up to two outside: more than one period of a tiny frame */
      int j = first + k, low = !wrap ? 0 : j + size < 0 ? j + 2 * size : j + size, high = !wrap ? size - 1 : j - size >= size ? j - 2 * size : j - size;
      at[k][i] = (j < 0 ? low : j >= size ? high : j) * by;
    }
  }
}

KERNEL static void make_cubic(const Sampler *s, const double *x, const double *y, int n, CubicRun *q) {
  int fx[RUN], fy[RUN];
  cubic_axis(x, n, s->im->w, s->wrap, s->im->c, q->col, fx);
  cubic_axis(y, n, s->im->h, s->wrap, 1, q->row, fy);
  for (int i = 0; i < n; i++) {
    float wx[4], wy[4];
    cubic_weights((float)fx[i] / 256.0f, wx);
    cubic_weights((float)fy[i] / 256.0f, wy);
    int a = (int)(wx[0] * 16384.0f - 0.5f), c = (int)(wx[2] * 16384.0f + 0.5f), d = (int)(wx[3] * 16384.0f - 0.5f);
    q->wx[i][0] = (int16_t)a;
    q->wx[i][1] = (int16_t)(16384 - a - c - d);
    q->wx[i][2] = (int16_t)c;
    q->wx[i][3] = (int16_t)d;
    for (int k = 0; k < 4; k++) q->wy[k][i] = wy[k] / 16384.0f;
  }
}

static inline __attribute__((always_inline)) void cubic_pixel(const Image *im, const CubicRun *q, int i, int c, uint8_t *dst) {
  float sum[4] = {0.5f, 0.5f, 0.5f, 0.5f};
  const int16_t *w = q->wx[i];
  for (int j = 0; j < 4; j++) {
    const uint8_t *r = image_row(im, q->row[j][i]);
    for (int k = 0; k < c; k++) {
      int v = (r[q->col[0][i] + k] * w[0] + r[q->col[1][i] + k] * w[1]) + (r[q->col[2][i] + k] * w[2] + r[q->col[3][i] + k] * w[3]);
      sum[k] += (float)v * q->wy[j][i];
    }
  }
  for (int k = 0; k < c; k++) dst[k] = sum[k] <= 0.0f ? 0 : sum[k] >= 255.0f ? 255 : (uint8_t)sum[k];
}

#if defined(__SSE2__)
/* The same for three or four channels at once. */
static inline __attribute__((always_inline)) int cubic_four(const Image *im, const CubicRun *q, int i) {
  const __m128i zero = _mm_setzero_si128();
  int64_t w;
  memcpy(&w, q->wx[i], 8);
  const __m128i left = _mm_set1_epi32((int)w), right = _mm_set1_epi32((int)(w >> 32));
  __m128 sum = _mm_set1_ps(0.5f);
  for (int j = 0; j < 4; j++) {
    const uint8_t *r = image_row(im, q->row[j][i]);
    __m128i a = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(r + q->col[0][i]), load4(r + q->col[1][i])), zero);
    __m128i b = _mm_unpacklo_epi8(_mm_unpacklo_epi8(load4(r + q->col[2][i]), load4(r + q->col[3][i])), zero);
    __m128i v = _mm_add_epi32(_mm_madd_epi16(a, left), _mm_madd_epi16(b, right));
    sum = _mm_add_ps(sum, _mm_mul_ps(_mm_cvtepi32_ps(v), _mm_set1_ps(q->wy[j][i])));
  }
  __m128i v = _mm_cvttps_epi32(_mm_max_ps(_mm_min_ps(sum, _mm_set1_ps(255.0f)), _mm_setzero_ps()));
  v = _mm_packs_epi32(v, v);
  return _mm_cvtsi128_si32(_mm_packus_epi16(v, v));
}
#endif

#if defined(__SSE2__)
/* One channel whose four columns lie side by side: two rows at once. */
static inline __attribute__((always_inline)) uint8_t cubic_grey(const Image *im, const CubicRun *q, int i) {
  const __m128i zero = _mm_setzero_si128();
  const uint8_t *first = im->data + q->col[0][i];
  int64_t w;
  int v[4];
  memcpy(&w, q->wx[i], 8);
  const __m128i weights = _mm_set1_epi64x(w);
  __m128i rows[2];
  for (int j = 0; j < 2; j++) {
    const __m128i upper = load4(first + (size_t)q->row[2 * j][i] * im->stride), lower = load4(first + (size_t)q->row[2 * j + 1][i] * im->stride);
    rows[j] = _mm_madd_epi16(_mm_unpacklo_epi8(_mm_unpacklo_epi32(upper, lower), zero), weights);
  }
  const __m128 a = _mm_castsi128_ps(rows[0]), b = _mm_castsi128_ps(rows[1]);
  const __m128i even = _mm_castps_si128(_mm_shuffle_ps(a, b, 0x88)), odd = _mm_castps_si128(_mm_shuffle_ps(a, b, 0xdd));
  _mm_storeu_si128((__m128i *)(void *)v, _mm_add_epi32(even, odd));
  float sum = 0.5f;
  for (int j = 0; j < 4; j++) sum += (float)v[j] * q->wy[j][i];
  return sum <= 0.0f ? 0 : sum >= 255.0f ? 255 : (uint8_t)sum;
}
#endif

KERNEL static void cubic_u8(const Image *im, const CubicRun *q, int n, uint8_t *dst) {
  const int c = im->c;
#if defined(__SSE2__)
  /* four bytes are read per neighbour: the last row goes the plain way */
  for (int i = 0; i < n && c >= 3; i++) {
    uint8_t *p = dst + i * c;
    if (q->row[0][i] == im->h - 1 || q->row[1][i] == im->h - 1 || q->row[2][i] == im->h - 1 || q->row[3][i] == im->h - 1) {
      cubic_pixel(im, q, i, c, p);
    } else {
      int v = cubic_four(im, q, i);
      memcpy(p, &v, (size_t)c);
    }
  }
  for (int i = 0; i < n && c == 1; i++) {
    if (q->col[3][i] - q->col[0][i] == 3) dst[i] = cubic_grey(im, q, i);
    else cubic_pixel(im, q, i, 1, dst + i);
  }
  if (c != 2) return;
#endif
  for (int i = 0; i < n; i++) cubic_pixel(im, q, i, c, dst + i * c);
}

static void cubic_f32(const Sampler *s, const double *x, const double *y, int n, float *dst) {
  const int c = s->im->c;
  for (int i = 0; i < n; i++, dst += c) {
    Cubic t;
    cubic_taps(s, x[i], y[i], &t);
    for (int k = 0; k < c; k++) dst[k] = 0.0f;
    for (int j = 0; j < 4; j++) {
      const float *r = image_row_f(s->im, t.row[j]);
      for (int k = 0; k < c; k++)
        dst[k] += t.wy[j] * (r[t.col[0] + k] * t.wx[0] + r[t.col[1] + k] * t.wx[1] + r[t.col[2] + k] * t.wx[2] + r[t.col[3] + k] * t.wx[3]);
    }
  }
}

static void nearest(const Image *im, const double *x, const double *y, int n, uint8_t *dst) {
  const size_t px = (size_t)im->c * image_sample_size(im);
  for (int i = 0; i < n; i++, dst += px) {
    int col = neighbour((int)x[i], im->w, false), row = neighbour((int)y[i], im->h, false);
    const uint8_t *p = image_row(im, row) + (size_t)col * px;
    if (px == 3) {
      memcpy(dst, p, 3);
    } else if (px == 1) {
      *dst = *p;
    } else if (px == 4) {
      memcpy(dst, p, 4);
    } else {
      memcpy(dst, p, px);
    }
  }
}

void sample_run(const Sampler *s, const double *x, const double *y, int n, uint8_t *dst) {
  const Image *im = s->im;
  if (n <= 0) return;
  if (s->interp == INTERP_NEAREST) {
    nearest(im, x, y, n, dst);
  } else if (s->interp == INTERP_CUBIC && im->type == IMAGE_U8) {
    CubicRun q;
    make_cubic(s, x, y, n, &q);
    cubic_u8(im, &q, n, dst);
  } else if (s->interp == INTERP_CUBIC) {
    cubic_f32(s, x, y, n, (float *)(void *)dst);
  } else if (im->type == IMAGE_U8) {
    Taps t;
    make_taps(s, x, y, n, &t);
    linear_u8(s, &t, n, dst);
  } else {
    FloatTaps t;
    make_taps_f32(s, x, y, n, &t);
    linear_f32(im, &t, n, (float *)(void *)dst);
  }
}
