/* Which way pixels go. A warp's stages fall into groups: a new group starts
 * where the kind of interpolation changes, or where a frame in between holds
 * less than half the resolution of both its sides (someone asked for that
 * loss). Each group is one resampling, by the cheapest exact way:
 * copying, separable scaling, or the general walk (general.c).
 * SPDX-License-Identifier: MIT */
#include "prim/resample.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "prim/opacity.h"
#include "prim/turn.h"

float stage_fill(const Stage *s, const Image *im, int k) {
  bool is_alpha = im->alpha && k == im->c - 1;
  float v = is_alpha ? s->fill[3] : s->fill[image_colours(im) == 3 ? k : 0];
  return im->type == IMAGE_U8 ? floorf((v < 0 ? 0 : v > 255 ? 255 : v) + 0.5f) : v / 255.0f;
}

int border_index(int64_t i, int n, Border border) {
  if (i >= 0 && i < n) return (int)i;
  if (border == BORDER_CONSTANT) return -1;
  if (border == BORDER_REPLICATE) return i < 0 ? 0 : n - 1;
  int64_t period = border == BORDER_WRAP ? n : 2 * (int64_t)n;
  i %= period;
  if (i < 0) i += period;
  return (int)(i < n ? i : period - 1 - i);
}

double border_fold(double x, double n, Border border) {
  if (x >= 0.0 && x <= n) return x;
  double period = border == BORDER_WRAP ? n : 2.0 * n;
  x -= floor(x / period) * period;
  if (x > n) x = period - x;
  return x < 0.0 ? 0.0 : x > n ? n : x;
}

typedef struct Mapping { /* for each output column and row, the input index along its axis, -1: fill */
  int *x, *y;
  bool crossed;
} Mapping;

/* Input index of output position i on one axis: centre through scale and shift. */
static int map_index(double scale, double shift, int i, int n, Border border) {
  double v = floor(scale * (i + 0.5) + shift);
  if (v < -1e15) v = -1e15;
  if (v > 1e15) v = 1e15;
  return border_index((int64_t)v, n, border);
}

static bool make_mapping(const Stage *s, Mapping *m, Err *err) {
  const double *b = s->back;
  m->crossed = fabs(b[0]) < fabs(b[1]);
  m->x = mem_alloc((size_t)s->out_w + (size_t)s->out_h, sizeof *m->x);
  if (!m->x) return err_memory(err);
  m->y = m->x + s->out_w;
  /* shift by a hair so that a boundary met exactly is not decided by rounding */
  for (int i = 0; i < s->out_w; i++)
    m->x[i] = m->crossed ? map_index(b[3], b[5] + 1e-9, i, s->in_h, s->border) : map_index(b[0], b[2] + 1e-9, i, s->in_w, s->border);
  for (int i = 0; i < s->out_h; i++)
    m->y[i] = m->crossed ? map_index(b[1], b[2] + 1e-9, i, s->in_w, s->border) : map_index(b[4], b[5] + 1e-9, i, s->in_h, s->border);
  return true;
}

/* n pixels, each `step` bytes from the one before. Of three bytes four are moved where the next pixel writes over the
 * fourth; and read where the row has one more, as all but the last pixel of a row have. */
static inline __attribute__((always_inline)) void follow(const uint8_t *src, ptrdiff_t step, int n, uint8_t *dst, const size_t px, bool more) {
  int i = 0;
  if (px == 3 && more) {
    for (; i + 4 < n; i += 4, src += 4 * step, dst += 4 * px)
      for (int k = 0; k < 4; k++) memcpy(dst + k * 3, src + k * step, 4);
    for (; i + 1 < n; i++, src += step, dst += px) memcpy(dst, src, 4);
  }
  for (; i < n; i++, src += step, dst += px) memcpy(dst, src, px);
}

static void follow_px(const uint8_t *src, ptrdiff_t step, int n, uint8_t *dst, size_t px, bool more) {
  if (px == 3) follow(src, step, n, dst, 3, more);
  else if (px == 1) follow(src, step, n, dst, 1, more);
  else if (px == 4) follow(src, step, n, dst, 4, more);
  else follow(src, step, n, dst, px, more);
}

static inline __attribute__((always_inline)) void gather(const uint8_t *src, size_t step, const int *map, int n, const uint8_t *fill, uint8_t *dst, const size_t px) {
  for (int i = 0; i < n; i++, dst += px) memcpy(dst, map[i] < 0 ? fill : src + (size_t)map[i] * step, px);
}

/* src + map[i] * step for each i; fill where map is -1. */
static void gather_px(const uint8_t *src, size_t step, const int *map, int n, const uint8_t *fill, uint8_t *dst, size_t px) {
  if (px == 3) gather(src, step, map, n, fill, dst, 3);
  else if (px == 1) gather(src, step, map, n, fill, dst, 1);
  else if (px == 4) gather(src, step, map, n, fill, dst, 4);
  else gather(src, step, map, n, fill, dst, px);
}

#if defined(__x86_64__) && (defined(BRINK_CLONES) || defined(__SANITIZE_ADDRESS__))
#include <immintrin.h>

/* Place of each byte when as many whole pixels as 16 bytes hold, the last of them at the end, change places. */
static void backwards_order(size_t px, uint8_t from[16]) {
  for (size_t i = 0; i + px <= 16; i += px)
    for (size_t k = 0; k < px; k++) from[i + k] = (uint8_t)(16 - px - i + k);
}

/* Pixels turned round in a register: beyond them bytes to their left are read, and bytes to their right written that the
 * next step writes again. Returns the pixels done, from i on. */
__attribute__((target("ssse3"))) static int backwards_some(const uint8_t *src, int i, int n, uint8_t *dst, size_t px, const uint8_t *from) {
  const int count = (int)(16 / px);
  const __m128i order = _mm_loadu_si128((const __m128i *)(const void *)from);
  for (; i + count < n; i += count) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src - (size_t)i * px + px - 16));
    _mm_storeu_si128((__m128i *)(void *)(dst + (size_t)i * px), _mm_shuffle_epi8(v, order));
  }
  return i;
}

/* Twice as many, where they fill the register. */
__attribute__((target("avx2"))) static int backwards_more(const uint8_t *src, int n, uint8_t *dst, size_t px, const uint8_t *from) {
  const int count = (int)(32 / px);
  const __m256i order = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)from));
  int i = 0;
  for (; i + count <= n; i += count) {
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(src - (size_t)i * px + px - 32));
    _mm256_storeu_si256((__m256i *)(void *)(dst + (size_t)i * px), _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, order), 0x4e));
  }
  return i;
}

static int backwards_wide(const uint8_t *src, int n, uint8_t *dst, size_t px) {
  uint8_t from[16] = {0};
  if (px > 8 || !__builtin_cpu_supports("ssse3")) return 0;
  backwards_order(px, from);
  const int done = 16 % px == 0 && __builtin_cpu_supports("avx2") ? backwards_more(src, n, dst, px, from) : 0;
  return backwards_some(src, done, n, dst, px, from);
}
#else
static int backwards_wide(const uint8_t *src, int n, uint8_t *dst, size_t px) { return (void)src, (void)n, (void)dst, (void)px, 0; }
#endif

/* n pixels from src leftwards. */
static void copy_backwards(const uint8_t *src, int n, uint8_t *dst, size_t px) {
  const int i = backwards_wide(src, n, dst, px);
  follow_px(src - (size_t)i * px, -(ptrdiff_t)px, n - i, dst + (size_t)i * px, px, false);
}

/* One output row along an input row: runs of +1 are memcpy. */
static void copy_row(const uint8_t *src, const int *map, int n, const uint8_t *fill, uint8_t *dst, size_t px) {
  int i = 0;
  while (i < n) {
    int k = i + 1;
    if (map[i] < 0) {
      while (k < n && map[k] < 0) k++;
    } else {
      while (k < n && map[k] == map[k - 1] + 1) k++;
      if (k - i > 8) {
        memcpy(dst + (size_t)i * px, src + (size_t)map[i] * px, (size_t)(k - i) * px);
        i = k;
        continue;
      }
      if (k == i + 1)
        while (k < n && map[k] >= 0 && map[k] == map[k - 1] - 1) k++;
      if (k - i > 8) {
        copy_backwards(src + (size_t)map[i] * px, k - i, dst + (size_t)i * px, px);
        i = k;
        continue;
      }
      while (k < n && k < i + 64 && map[k] >= 0) k++;
    }
    gather_px(src, px, map + i, k - i, fill, dst + (size_t)i * px, px);
    i = k;
  }
}

/* 1 or -1 where every column follows the one before it by that, else 0. */
static int direction(const int *map, int n) {
  const int by = n > 1 ? map[1] - map[0] : 1;
  if (by != 1 && by != -1) return 0;
  for (int i = 0; i < n; i++)
    if (map[i] < 0 || map[i] != map[0] + i * by) return 0;
  return by;
}

static uint8_t *fill_pixel(const Stage *s, const Image *im, Err *err) {
  uint8_t *fill = mem_alloc((size_t)im->c, sizeof(float));
  if (!fill) return err_memory(err), NULL;
  for (int k = 0; k < im->c; k++) {
    float v = stage_fill(s, im, k);
    if (im->type == IMAGE_U8) fill[k] = (uint8_t)v;
    else memcpy(fill + (size_t)k * sizeof v, &v, sizeof v);
  }
  return fill;
}

enum { TILE = 64 }; /* side of the square in which both rows and columns stay in the first cache */

/* Memory between two offsets, into the cache. */
static inline void call_for(const uint8_t *row, size_t a, size_t b) {
  const size_t last = (a < b ? b : a) | 63;
  for (size_t at = (a < b ? a : b); at <= last; at += 64) __builtin_prefetch(row + at);
}

/* Rows become columns: output rows y0 <= y < y1, columns x0 <= x < x1, at most TILE each way. */
static void copy_tile(const Image *in, const Mapping *m, const uint8_t *fill, Image *out, int way, int y0, int y1, int x0, int x1) {
  const size_t px = (size_t)in->c * image_sample_size(in);
  for (int y = y0; y < y1; y++) {
    const int next = x0 + TILE + y - y0; /* column of the next square whose source is called for */
    if (next < out->w && m->x[next] >= 0 && m->y[y0] >= 0)
      call_for(image_row(in, m->x[next]), (size_t)m->y[y0] * px, (size_t)(m->y[y1 - 1] < 0 ? m->y[y0] : m->y[y1 - 1]) * px);
    uint8_t *dst = image_row(out, y) + (size_t)x0 * px;
    const uint8_t *column = in->data + (m->y[y] < 0 ? 0 : (size_t)m->y[y] * px);
    if (m->y[y] < 0) gather_px(fill, 0, m->x + x0, x1 - x0, fill, dst, px);
    else if (way) follow_px(column + (size_t)m->x[x0] * in->stride, way * (ptrdiff_t)in->stride, x1 - x0, dst, px, m->y[y] + 1 < in->w);
    else gather_px(column, in->stride, m->x + x0, x1 - x0, fill, dst, px);
  }
}

enum { SQUARE = 16 };

/* SQUARE x SQUARE pixels of one or four bytes, where source rows follow each other by `way` and columns by `down`. */
static void turn_square(const Image *in, const Mapping *m, Image *out, int way, int down, int y, int x, size_t px) {
  const ptrdiff_t from = way * (ptrdiff_t)in->stride, to = down * (ptrdiff_t)out->stride;
  const int left = down > 0 ? y : y + SQUARE - 1; /* output row of the leftmost source column */
  const uint8_t *src = image_row(in, m->x[x]) + (size_t)m->y[left] * px;
  uint8_t *dst = image_row(out, left) + (size_t)x * px;
  if (px == 1) turn_bytes(src, from, dst, to);
  else
    for (int i = 0; i < SQUARE; i += 4)
      for (int j = 0; j < SQUARE; j += 4) turn_words(src + i * from + 4 * j, from, dst + j * to + 4 * i, to);
}

/* The same as copy_tile where nothing but a quarter turn happens: what whole squares take. */
static void turn_tile(const Image *in, const Mapping *m, Image *out, int way, int down, int y0, int y1, int x0, int x1) {
  const size_t px = (size_t)in->c * image_sample_size(in);
  const int y2 = y1 - (y1 - y0) % SQUARE, x2 = x1 - (x1 - x0) % SQUARE;
  for (int y = y0; y < y2; y += SQUARE)
    for (int x = x0; x < x2; x += SQUARE) turn_square(in, m, out, way, down, y, x, px);
  if (x2 < x1) copy_tile(in, m, NULL, out, way, y0, y1, x2, x1);
  if (y2 < y1 && x0 < x2) copy_tile(in, m, NULL, out, way, y2, y1, x0, x2);
}

static void copy_crossed(const Image *in, const Mapping *m, const uint8_t *fill, Image *out) {
  const size_t px = (size_t)in->c * image_sample_size(in);
  const int way = direction(m->x, out->w), down = direction(m->y, out->h);
  const bool turns = way && down && (px == 1 || px == 4);
  for (int y0 = 0; y0 < out->h; y0 += TILE)
    for (int x0 = 0; x0 < out->w; x0 += TILE) {
      const int y1 = y0 + TILE < out->h ? y0 + TILE : out->h, x1 = x0 + TILE < out->w ? x0 + TILE : out->w;
      if (turns) turn_tile(in, m, out, way, down, y0, y1, x0, x1);
      else copy_tile(in, m, fill, out, way, y0, y1, x0, x1);
    }
}

static void copy_pixels(const Image *in, const Mapping *m, const uint8_t *fill, Image *out) {
  const size_t px = (size_t)in->c * image_sample_size(in);
  if (m->crossed) {
    copy_crossed(in, m, fill, out);
  } else {
    const int way = direction(m->x, out->w);
    for (int y = 0; y < out->h; y++) {
      uint8_t *dst = image_row(out, y);
      if (m->y[y] < 0) {
        gather_px(fill, 0, m->x, out->w, fill, dst, px);
        continue;
      }
      const uint8_t *src = image_row(in, m->y[y]), *first = src + (size_t)m->x[0] * px;
      if (way > 0) memcpy(dst, first, (size_t)out->w * px);
      else if (way < 0) copy_backwards(first, out->w, dst, px);
      else copy_row(src, m->x, out->w, fill, dst, px);
    }
  }
}

Image *resample_copy(const Stage *s, const Image *in, Err *err) {
  Mapping m = {0};
  Image *out = NULL;
  uint8_t *fill = fill_pixel(s, in, err);
  if (fill && make_mapping(s, &m, err)) out = image_new(s->out_w, s->out_h, in->c, in->type, in->alpha, err);
  if (out) copy_pixels(in, &m, fill, out);
  mem_free(m.x);
  mem_free(fill);
  return out;
}

static bool is_axis_aligned(const Stage *s) {
  const double *m = s->back;
  return !s->field && mat_is_affine(m) && fabs(m[1]) * s->out_h < 1e-6 && fabs(m[3]) * s->out_w < 1e-6;
}

/* The taps of separable scaling cannot fold, so the frame must not be left where folding shows. */
static bool is_separable(const Stage *s) {
  if (!is_axis_aligned(s)) return false;
  if (s->border == BORDER_CONSTANT || s->border == BORDER_REPLICATE) return true;
  for (int i = 0; i < 2; i++) {
    double p[2];
    stage_source(s, i ? s->out_w : 0.0, i ? s->out_h : 0.0, p);
    if (p[0] < -1e-6 || p[1] < -1e-6 || p[0] > s->in_w + 1e-6 || p[1] > s->in_h + 1e-6) return false;
  }
  return s->border == BORDER_REFLECT;
}

static Image *resample_group(const Stage *s, int n, const Image *in, Err *err) {
  if (n == 1 && (stage_is_copy(s) || (s->interp == INTERP_NEAREST && is_axis_aligned(s)))) return resample_copy(s, in, err);
  if (n == 1 && is_separable(s)) return resample_axes(s, in, err);
  return resample_general(s, n, in, err);
}

/* Length of the group that starts at stage i. */
static int group_length(const Warp *w, int i) {
  int interp = -1, k = i;
  double scale = 1.0; /* of the frame reached, relative to the group's input */
  for (; k < w->n; k++) {
    const Stage *s = &w->stage[k];
    bool copies = stage_is_copy(s);
    if (!copies && interp >= 0 && interp != (int)s->interp) break;
    if (k > i && scale <= 0.5 && stage_scale(s) >= 2.0) break;
    if (!copies) interp = (int)s->interp;
    scale *= stage_scale(s);
  }
  return k - i;
}

static Image *resample_all(const Warp *w, const Image *in, Err *err) {
  Image *now = image_ref(in);
  for (int i = 0, n; now && i < w->n; i += n) {
    Stage group[WARP_STAGES_MAX];
    n = group_length(w, i);
    memcpy(group, w->stage + i, (size_t)n * sizeof *group);
    for (int k = 0; k < n; k++) /* copies take the interpolation of the others */
      if (!stage_is_copy(&group[k]))
        for (int j = 0; j < n; j++) group[j].interp = group[k].interp;
    Image *next = resample_group(group, n, now, err);
    image_unref(now);
    now = next;
  }
  return now;
}

/* Straight samples may be mixed where every weight is the same for colour and opacity: all opaque, or nothing mixed. */
static bool mixes_alpha(const Warp *w, const Image *in) {
  bool mixes = false, clear_fill = false;
  for (int i = 0; i < w->n; i++) {
    mixes = mixes || (w->stage[i].interp != INTERP_NEAREST && !stage_is_copy(&w->stage[i]));
    clear_fill = clear_fill || (w->stage[i].border == BORDER_CONSTANT && w->stage[i].fill[3] != 255.0f);
  }
  return mixes && (clear_fill || !opacity_full(in));
}

Image *warp_image(const Warp *w, const Image *in, Err *err) {
  if (in->w != w->in_w || in->h != w->in_h)
    return err_set(err, ERR_USAGE, "image of %d x %d through a warp made for %d x %d", in->w, in->h, w->in_w, w->in_h), NULL;
  if (!in->alpha || !mixes_alpha(w, in)) return resample_all(w, in, err);
  Warp own = *w; /* borrowed fields */
  for (int i = 0; i < own.n; i++)
    for (int k = 0; k < 3; k++) own.stage[i].fill[k] *= own.stage[i].fill[3] / 255.0f;
  Image *flat = opacity_multiply(in, err), *moved = flat ? resample_all(&own, flat, err) : NULL;
  Image *out = moved ? opacity_divide(moved, in->type, err) : NULL;
  image_unref(flat);
  image_unref(moved);
  return out;
}
