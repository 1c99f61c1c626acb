/* See features.h. All arithmetic in fixed order, so the same picture gives the
 * same features on every machine. SPDX-License-Identifier: MIT */
#include "model/features.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "base/mem.h"
#include "base/rng.h"

enum {
  LEVELS = 4,
  EDGE = 15,    /* pixels of a level's rim without corners: the rotated pattern fits inside */
  REACH = 13,   /* largest distance of a compared point */
  CENTROID = 9, /* radius of the disc that gives the orientation */
  APART = 2,    /* a corner is the strongest of 2*APART+1 squared */
  TURNS = 64,   /* rotations of the pattern kept ready */
  PAIRS = 256
};
static const int quota[LEVELS] = {80, 56, 36, 20}; /* sum FEATURES_MAX */
#define WEAKEST 4.0f /* grey levels per pixel, squared: below it there is only sensor noise */

typedef struct Plane {
  int w, h;
  float *v; /* w * h; owned */
} Plane;

static bool plane_init(Plane *p, int w, int h, Err *err) {
  *p = (Plane){.w = w, .h = h, .v = mem_alloc((size_t)w * (size_t)h, sizeof(float))};
  return p->v || err_memory(err);
}

/* One axis of a resize: output i is the weighted sum of the `most` inputs from first[i] on, all of which exist; the weight
 * of the k-th is at weight[k * to + i], 0 before and behind the ones that matter. */
typedef struct Taps {
  int most, to;
  int *first;
  float *weight;
  void *memory; /* owned: all of the above */
} Taps;

/* Input x has weight v in output i. */
static void tap(Taps *t, int i, int x, double v) { t->weight[(size_t)(x - t->first[i]) * (size_t)t->to + (size_t)i] = (float)v; }

/* Shrinking takes means over the area, enlarging goes linearly between pixels. */
static bool taps_init(Taps *t, int from, int to, Err *err) {
  const double step = (double)from / to;
  const int most = step > 1 ? (int)step + 2 : 2;
  t->most = most < from ? most : from;
  t->to = to;
  t->memory = mem_calloc((size_t)to, sizeof(int) + (size_t)t->most * sizeof(float));
  if (!t->memory) return err_memory(err);
  t->first = t->memory;
  t->weight = (float *)(void *)(t->first + to);
  for (int i = 0; i < to; i++) {
    const double a = i * step, b = a + step;
    double at = a + step / 2 - 0.5;
    at = at > 0 ? at < from - 1 ? at : from - 1 : 0;
    const int left = step > 1 ? (int)a : (int)at;
    t->first[i] = left < from - t->most ? left : from - t->most;
    if (step <= 1) {
      const float right = (float)(at - left);
      tap(t, i, left, 1.0f - right);
      if (left + 1 < from) tap(t, i, left + 1, right);
      continue;
    }
    for (int x = left; x < from && x < b && x < left + most; x++) {
      double l = x > a ? x : a, r = x + 1 < b ? x + 1 : b;
      tap(t, i, x, (r - l) / step);
    }
  }
  return true;
}

KERNEL static void luma_u8(float *restrict out, const uint8_t *restrict in, int w, int c) {
  if (c == 3)
    for (int x = 0; x < w; x++) out[x] = 0.299f * (float)in[3 * x] + 0.587f * (float)in[3 * x + 1] + 0.114f * (float)in[3 * x + 2];
  else
    for (int x = 0; x < w; x++)
      out[x] = 0.299f * (float)in[(size_t)c * (size_t)x] + 0.587f * (float)in[(size_t)c * (size_t)x + 1] + 0.114f * (float)in[(size_t)c * (size_t)x + 2];
}

/* Row y as luma in 0..255; fewer than three colours: the first channel. */
static void luma_row(const Image *im, int y, float *out) {
  const uint8_t *u = image_row(im, y);
  const float *f = image_row_f(im, y);
  size_t c = (size_t)im->c;
  bool colour = image_colours(im) >= 3;
  if (im->type == IMAGE_U8 && colour) {
    luma_u8(out, u, im->w, im->c);
    return;
  }
  for (size_t x = 0; x < (size_t)im->w; x++) {
    if (im->type == IMAGE_U8)
      out[x] = (float)u[x * c];
    else
      out[x] = 255.0f * (colour ? 0.299f * f[x * c] + 0.587f * f[x * c + 1] + 0.114f * f[x * c + 2] : f[x * c]);
  }
}

KERNEL static void add_scaled(float *restrict out, const float *restrict in, float weight, int n) {
  for (int i = 0; i < n; i++) out[i] += weight * in[i];
}

static inline __attribute__((always_inline)) void across_some(float *restrict out, const float *restrict in, const Taps *t, const int most) {
  const float *w = t->weight;
  for (int i = 0; i < t->to; i++, w++) {
    const float *v = in + t->first[i];
    float sum = 0;
    for (int k = 0; k < most; k++) sum += w[(size_t)k * (size_t)t->to] * v[k];
    out[i] = sum;
  }
}

static void across(float *restrict out, const float *restrict in, const Taps *t) {
  if (t->most == 2) across_some(out, in, t, 2);
  else if (t->most == 3) across_some(out, in, t, 3);
  else across_some(out, in, t, t->most);
}

/* out (its size set) from the picture im, or from the plane `from` where im is NULL. */
static bool resize(Plane *out, const Image *im, const Plane *from, Err *err) {
  int w = im ? im->w : from->w, h = im ? im->h : from->h;
  Taps tx = {0}, ty = {0};
  float *sum = mem_alloc((size_t)w, sizeof(float)), *line[2] = {mem_alloc((size_t)w, sizeof(float)), mem_alloc((size_t)w, sizeof(float))};
  int held[2] = {-1, -1}; /* rows that line holds */
  bool ok = ((sum && line[0] && line[1]) || err_memory(err)) && taps_init(&tx, w, out->w, err) && taps_init(&ty, h, out->h, err);
  for (int y = 0; ok && y < out->h; y++) {
    memset(sum, 0, (size_t)w * sizeof(float));
    for (int k = 0; k < ty.most; k++) {
      const float weight = ty.weight[(size_t)k * (size_t)out->h + (size_t)y];
      const int row = ty.first[y] + k;
      const float *v;
      if (weight == 0.0f) continue;
      if (im && held[row & 1] != row) {
        luma_row(im, row, line[row & 1]);
        held[row & 1] = row;
      }
      v = im ? line[row & 1] : from->v + (size_t)row * (size_t)w;
      add_scaled(sum, v, weight, w);
    }
    across(out->v + (size_t)y * (size_t)out->w, sum, &tx);
  }
  mem_free(sum);
  mem_free(line[0]);
  mem_free(line[1]);
  mem_free(tx.memory);
  mem_free(ty.memory);
  return ok;
}

/* 1 4 6 4 1 both ways; rims repeat. Rows first into `line`s would save little: planes are small. */
KERNEL static void smooth(Plane *p, float *restrict part) {
  int w = p->w, h = p->h;
  for (int y = 0; y < h; y++) {
    const float *v = p->v + (size_t)y * (size_t)w;
    const float *a = y > 1 ? v - 2 * w : p->v, *b = y > 0 ? v - w : p->v;
    const float *d = y + 1 < h ? v + w : v, *e = y + 2 < h ? v + 2 * w : d;
    float *o = part + (size_t)y * (size_t)w;
    for (int x = 0; x < w; x++) o[x] = ((a[x] + e[x]) + 4.0f * (b[x] + d[x]) + 6.0f * v[x]) * 0.0625f;
  }
  for (int y = 0; y < h; y++) {
    const float *v = part + (size_t)y * (size_t)w;
    float *o = p->v + (size_t)y * (size_t)w;
    for (int x = 2; x < w - 2; x++) o[x] = ((v[x - 2] + v[x + 2]) + 4.0f * (v[x - 1] + v[x + 1]) + 6.0f * v[x]) * 0.0625f;
  }
}

/* Corner strength det / trace of the gradient products over 5 x 5, in place of `out`; 0 on the rim. part: 3 rows' worth. */
KERNEL static void corner_rows(const Plane *p, float *restrict out, float *restrict part) {
  int w = p->w, h = p->h;
  float *restrict xx = part, *restrict yy = part + w, *restrict xy = part + 2 * w;
  memset(out, 0, (size_t)w * (size_t)h * sizeof(float));
  for (int y = EDGE; y < h - EDGE; y++) {
    memset(part, 0, (size_t)(3 * w) * sizeof(float));
    for (int k = -2; k <= 2; k++) {
      const float *v = p->v + (size_t)(y + k) * (size_t)w;
      for (int x = 1; x < w - 1; x++) {
        float gx = v[x + 1] - v[x - 1], gy = v[x + w] - v[x - w];
        xx[x] += gx * gx;
        yy[x] += gy * gy;
        xy[x] += gx * gy;
      }
    }
    float *o = out + (size_t)y * (size_t)w;
    for (int x = EDGE; x < w - EDGE; x++) {
      float a = xx[x - 2] + xx[x - 1] + xx[x] + xx[x + 1] + xx[x + 2];
      float b = yy[x - 2] + yy[x - 1] + yy[x] + yy[x + 1] + yy[x + 2];
      float c = xy[x - 2] + xy[x - 1] + xy[x] + xy[x + 1] + xy[x + 2];
      o[x] = (a * b - c * c) / (a + b + 1e-3f) * (1.0f / 25.0f);
    }
  }
}

typedef struct Corner {
  float strength;
  int x, y;
} Corner;

/* Strongest first; ties by place, so that the order is always the same. */
static int by_strength(const void *a, const void *b) {
  const Corner *p = a, *q = b;
  if (p->strength != q->strength) return p->strength < q->strength ? 1 : -1;
  return p->y != q->y ? p->y - q->y : p->x - q->x;
}

static bool strongest_around(const float *o, int w) {
  float v = *o;
  for (int dy = -APART; dy <= APART; dy++)
    for (int dx = -APART; dx <= APART; dx++) {
      float other = o[dy * w + dx];
      if (other > v || (other == v && (dy < 0 || (dy == 0 && dx < 0)))) return false;
    }
  return true;
}

/* Which of n places are worth a look: strong enough, and no weaker than those beside them. */
KERNEL static void candidates(const float *o, uint8_t *restrict is, int n) {
  for (int x = 0; x < n; x++) is[x] = (o[x] > WEAKEST) & !(o[x] < o[x - 1]) & !(o[x] < o[x + 1]);
}

/* At most `room` corners into out, strongest first. */
static bool corners(const Plane *p, const float *strength, Corner *out, int room, int *count, Err *err) {
  const int w = p->w, wide = w - 2 * EDGE;
  int n = 0, cap = 0;
  Corner *all = NULL;
  uint8_t is[FEATURES_SIDE];
  for (int y = EDGE; y < p->h - EDGE; y++) {
    const float *o = strength + (size_t)y * (size_t)w;
    candidates(o + EDGE, is, wide);
    for (const uint8_t *at = is; (at = memchr(at, 1, (size_t)(is + wide - at))) != NULL; at++) {
      const int x = EDGE + (int)(at - is);
      if (!strongest_around(o + x, w)) continue;
      if (n == cap) {
        cap = cap ? 2 * cap : 1024;
        Corner *more = mem_realloc(all, (size_t)cap, sizeof *all);
        if (!more) {
          mem_free(all);
          return err_memory(err);
        }
        all = more;
      }
      all[n++] = (Corner){o[x], x, y};
    }
  }
  if (n) qsort(all, (size_t)n, sizeof *all, by_strength);
  *count = n < room ? n : room;
  for (int i = 0; i < *count; i++) out[i] = all[i];
  mem_free(all);
  return true;
}

/* Compared points for every rotation: x, y of the first and of the second, each by itself. */
static struct {
  pthread_once_t once;
  int8_t point[TURNS][4][PAIRS];
} pattern = {.once = PTHREAD_ONCE_INIT};

/* Normal around the middle, deviation a fifth of the patch as in BRIEF (Calonder et al. 2010, G II), within REACH. */
static void pattern_draw(Rng *r, double out[2]) {
  do {
    out[0] = rng_normal(r) * 5.4;
    out[1] = rng_normal(r) * 5.4;
  } while (out[0] * out[0] + out[1] * out[1] > REACH * REACH);
}

static void pattern_build(void) {
  Rng r;
  rng_init(&r, rng_key(2010, 256, REACH, 0));
  for (int i = 0; i < PAIRS; i++) {
    double a[2], b[2];
    pattern_draw(&r, a);
    do pattern_draw(&r, b);
    while ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) < 9);
    for (int t = 0; t < TURNS; t++) {
      double c = fm_cos(t * (2 * FM_PI / TURNS)), s = fm_sin(t * (2 * FM_PI / TURNS));
      const double v[4] = {a[0] * c - a[1] * s, a[0] * s + a[1] * c, b[0] * c - b[1] * s, b[0] * s + b[1] * c};
      for (int k = 0; k < 4; k++) pattern.point[t][k][i] = (int8_t)floor(v[k] + 0.5);
    }
  }
}

enum { TOGETHER = 8 }; /* corners whose sums go side by side: one alone waits for each addition */

/* Directions of the centres of brightness around TOGETHER corners, 0..255. */
static void orientations(const Plane *p, const Corner *corner, uint8_t *angle) {
  float mx[TOGETHER] = {0}, my[TOGETHER] = {0};
  const float *at[TOGETHER];
  for (int i = 0; i < TOGETHER; i++) at[i] = p->v + (size_t)corner[i].y * (size_t)p->w + corner[i].x;
  for (int dy = -CENTROID; dy <= CENTROID; dy++) {
    const int reach = (int)sqrt((double)(CENTROID * CENTROID - dy * dy));
    float row[TOGETHER] = {0};
    for (int dx = -reach; dx <= reach; dx++)
      for (int i = 0; i < TOGETHER; i++) {
        const float v = at[i][dy * p->w + dx];
        row[i] += v;
        mx[i] += (float)dx * v;
      }
    for (int i = 0; i < TOGETHER; i++) my[i] += (float)dy * row[i];
  }
  for (int i = 0; i < TOGETHER; i++) {
    double turn = fm_atan2(my[i], mx[i]) * (128 / FM_PI);
    angle[i] = (uint8_t)((int)floor(turn + 0.5) & 255);
  }
}

/* One byte for each comparison of a turn. */
KERNEL static void compare_pairs(const float *v, int w, const int8_t (*pair)[PAIRS], uint8_t *restrict less) {
  for (int i = 0; i < PAIRS; i++) less[i] = v[pair[1][i] * w + pair[0][i]] < v[pair[3][i] * w + pair[2][i]];
}

static void describe(const Plane *p, int x, int y, Feature *f) {
  uint8_t less[PAIRS];
  compare_pairs(p->v + (size_t)y * (size_t)p->w + x, p->w, (const int8_t(*)[PAIRS])pattern.point[((f->angle + 2) >> 2) & (TURNS - 1)], less);
  for (int k = 0; k < 4; k++) {
    uint64_t bits = 0;
    for (int i = 0; i < 64; i++) bits |= (uint64_t)less[64 * k + i] << i;
    f->bits[k] = bits;
  }
}

/* Features at n corners, of which there is room for a whole number of TOGETHER. */
static void describe_all(const Plane *p, int level, float scale, Corner *corner, int n, Features *out) {
  uint8_t angle[TOGETHER];
  for (int i = n; i % TOGETHER; i++) corner[i] = corner[n - 1];
  for (int i = 0; i < n; i++) {
    if (i % TOGETHER == 0) orientations(p, corner + i, angle);
    Feature *f = out->at + out->n++;
    const int x = corner[i].x, y = corner[i].y;
    *f = (Feature){.x = ((float)x + 0.5f) * scale, .y = ((float)y + 0.5f) * scale, .level = (uint8_t)level, .angle = angle[i % TOGETHER]};
    describe(p, x, y, f);
  }
}

/* Features of one level, whose pixels are `scale` pixels of the base; p is smoothed on the way. */
static bool level_features(Plane *p, int level, float scale, Features *out, Err *err) {
  size_t size = (size_t)p->w * (size_t)p->h;
  Corner corner[FEATURES_MAX];
  int n = 0;
  float *strength = mem_alloc(size, sizeof(float)), *part = mem_alloc(3 * (size_t)p->w, sizeof(float));
  bool ok = (strength && part) || err_memory(err);
  if (ok) {
    smooth(p, strength);
    corner_rows(p, strength, part);
    ok = corners(p, strength, corner, quota[level], &n, err);
  }
  if (ok) describe_all(p, level, scale, corner, n, out);
  mem_free(strength);
  mem_free(part);
  return ok;
}

static bool extract(const Image *im, Features *out, Err *err) {
  int side = im->w > im->h ? im->w : im->h;
  double shrink = (double)side / FEATURES_SIDE, scale = 1;
  Plane now = {0}, next = {0};
  int w = (int)floor(im->w / shrink + 0.5), h = (int)floor(im->h / shrink + 0.5);
  bool ok = w <= 2 * EDGE || h <= 2 * EDGE || (plane_init(&now, w, h, err) && resize(&now, im, NULL, err));
  for (int level = 0; ok && level < LEVELS && w > 2 * EDGE && h > 2 * EDGE; level++, scale *= 1.5) {
    ok = level_features(&now, level, (float)scale, out, err);
    w = (int)(w / 1.5), h = (int)(h / 1.5);
    if (!ok || level + 1 == LEVELS || w <= 2 * EDGE || h <= 2 * EDGE) continue;
    ok = plane_init(&next, w, h, err) && resize(&next, NULL, &now, err);
    mem_free(now.v);
    now = next;
    next.v = NULL;
  }
  mem_free(now.v);
  mem_free(next.v);
  return ok;
}

Features *features_new(const Image *im, Err *err) {
  pthread_once(&pattern.once, pattern_build);
  Features *f = mem_calloc(1, sizeof *f);
  if (!f) return err_memory(err), NULL;
  atomic_init(&f->refs, 1);
  f->at = mem_alloc(FEATURES_MAX, sizeof *f->at);
  if (f->at ? extract(im, f, err) : err_memory(err)) {
    Feature *fit = f->n ? mem_realloc(f->at, (size_t)f->n, sizeof *f->at) : NULL;
    if (fit) f->at = fit;
    return f;
  }
  features_unref(f);
  return NULL;
}

Features *features_ref(const Features *f) {
  Features *own = (Features *)f; /* the count is not part of the value */
  if (own) atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
  return own;
}

void features_unref(const Features *f) {
  Features *own = (Features *)f;
  if (!own || atomic_fetch_sub_explicit(&own->refs, 1, memory_order_acq_rel) != 1) return;
  mem_free(own->at);
  mem_free(own);
}
