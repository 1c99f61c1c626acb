/* Occlusion: boxes, grids and stripes of one value laid over the picture. All
 * point primitives. Edges lie anywhere between pixels: a pixel takes the part of
 * the value that is its covered area (exact for upright shapes, across the
 * slope for tilted ones), so shapes grow smoothly from nothing.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "prim/prim.h"

enum { CHUNK = 512 }; /* pixels whose coverage is worked out together */

/* Colour samples of n pixels become (1 - cover) * sample + cover * value; exact at 0 and 1. */
KERNEL static void blend_u8(uint8_t *v, const float *cover, float value, int n, int c, int colours) {
  for (int x = 0; x < n; x++, v += c)
    for (int k = 0; k < colours; k++) v[k] = (uint8_t)(int32_t)((1.0f - cover[x]) * (float)v[k] + cover[x] * value + 0.5f);
}

KERNEL static void blend_f32(float *v, const float *cover, float value, int n, int c, int colours) {
  for (int x = 0; x < n; x++, v += c)
    if (cover[x] > 0.0f)
      for (int k = 0; k < colours; k++) v[k] = (1.0f - cover[x]) * v[k] + cover[x] * value;
}

/* value on the 0..255 scale of the parameters. */
static void blend(const Point *p, uint8_t *row, int x, const float *cover, float value, int n) {
  if (p->type == IMAGE_U8)
    blend_u8(row + (size_t)x * (size_t)p->c, cover, value, n, p->c, p->colours);
  else
    blend_f32((float *)(void *)row + (size_t)x * (size_t)p->c, cover, value / 255.0f, n, p->c, p->colours);
}

static void copy_row(const Point *p, const uint8_t *src, uint8_t *dst) {
  if (src != dst) memcpy(dst, src, (size_t)p->w * (size_t)p->c * (p->type == IMAGE_U8 ? 1 : sizeof(float)));
}

/* Length of [at, at + 1) inside [from, to). */
static double overlap(double at, double from, double to) {
  double a = at > from ? at : from, b = at + 1 < to ? at + 1 : to;
  return b > a ? b - a : 0;
}

/* One box over one row that already holds the picture. */
static void box_row(const Point *p, uint8_t *row, int y, const double box[4], float value, double opacity) {
  double down = overlap(y, box[1], box[1] + box[3]) * opacity;
  double left = floor(box[0]), right = ceil(box[0] + box[2]);
  if (!(down > 0) || !(box[2] > 0)) return;
  int x0 = left > 0 ? left < p->w ? (int)left : p->w : 0, x1 = right > 0 ? right < p->w ? (int)right : p->w : 0;
  float cover[CHUNK];
  for (int x = x0; x < x1; x += CHUNK) {
    int n = x1 - x < CHUNK ? x1 - x : CHUNK;
    for (int i = 0; i < n; i++) cover[i] = (float)(overlap(x + i, box[0], box[0] + box[2]) * down);
    blend(p, row, x, cover, value, n);
  }
}

/* erase { x, y, w, h, value, opacity } */
static void erase_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  const double *a = p->step->num;
  for (int y = y0; y < y1; y++, src += ss, dst += ds) {
    copy_row(p, src, dst);
    box_row(p, dst, y, a, (float)a[4], a[5]);
  }
}
static bool erase_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)s, (void)in, (void)err;
  p->rows = erase_rows;
  return true;
}

/* erase_many { boxes = {x, y, w, h, ...}, value, opacity }: one after the other */
static void many_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  const Step *s = p->step;
  for (int y = y0; y < y1; y++, src += ss, dst += ds) {
    copy_row(p, src, dst);
    for (size_t i = 0; i + 4 <= s->n; i += 4) {
      const double box[4] = {s->list[i], s->list[i + 1], s->list[i + 2], s->list[i + 3]};
      box_row(p, dst, y, box, (float)s->num[1], s->num[2]);
    }
  }
}
static bool many_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)s, (void)in, (void)err;
  p->rows = many_rows;
  return true;
}
static bool many_check(const Step *s, Err *err) {
  if (s->n % 4) return err_set(err, ERR_USAGE, "erase_many.boxes: %zu numbers, x, y, w, h for each box expected", s->n);
  for (size_t i = 0; i < s->n; i += 4)
    if (!(s->list[i + 2] >= 0 && s->list[i + 3] >= 0))
      return err_set(err, ERR_USAGE, "erase_many.boxes: box %zu is %g x %g, sides of 0 px or more expected", i / 4 + 1,
                     (double)s->list[i + 2], (double)s->list[i + 3]);
  return true;
}

/* Length of (-inf, t) inside the bars [k * period, k * period + bar), up to a constant. */
static inline double bars(double t, double period, double bar) {
  double k = floor(t / period), rest = t - k * period;
  return k * bar + (rest < bar ? rest : bar);
}

/* Part of [t - .5, t + .5) inside the bars. */
static inline double bars_cover(double t, double period, double bar) {
  double c = bars(t + 0.5, period, bar) - bars(t - 0.5, period, bar);
  return c > 0 ? c < 1 ? c : 1 : 0;
}

typedef struct Pattern {
  double period, bar, x, y, cos, sin, opacity;
  bool crossed; /* bars both ways: squares */
} Pattern;

KERNEL static void pattern_cover(float *cover, const Pattern *t, int x, int y, int n) {
  double dy = y + 0.5 - t->y;
  for (int i = 0; i < n; i++) {
    double dx = x + i + 0.5 - t->x;
    double c = bars_cover(dx * t->cos + dy * t->sin, t->period, t->bar) * t->opacity;
    if (t->crossed) c *= bars_cover(dy * t->cos - dx * t->sin, t->period, t->bar);
    cover[i] = (float)c;
  }
}

static void pattern_rows(const Point *p, const Pattern *t, float value, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds,
                         int y0, int y1) {
  float cover[CHUNK];
  for (int y = y0; y < y1; y++, src += ss, dst += ds) {
    copy_row(p, src, dst);
    if (!(t->bar > 0) || !(t->opacity > 0)) continue;
    for (int x = 0; x < p->w; x += CHUNK) {
      int n = p->w - x < CHUNK ? p->w - x : CHUNK;
      pattern_cover(cover, t, x, y, n);
      blend(p, dst, x, cover, value, n);
    }
  }
}

static Pattern pattern(const double *a) {
  double angle = a[4] * (FM_PI / 180);
  return (Pattern){.period = a[0], .bar = a[0] * a[1], .x = a[2], .y = a[3], .cos = fm_cos(angle), .sin = fm_sin(angle), .opacity = a[6]};
}

/* grid_mask and stripes { unit, ratio, x, y, angle, value, opacity } */
static void grid_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  Pattern t = pattern(p->step->num);
  t.crossed = true;
  pattern_rows(p, &t, (float)p->step->num[5], src, ss, dst, ds, y0, y1);
}
static bool grid_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)s, (void)in, (void)err;
  p->rows = grid_rows;
  return true;
}
static void stripe_rows(const Point *p, const uint8_t *src, size_t ss, uint8_t *dst, size_t ds, int y0, int y1) {
  Pattern t = pattern(p->step->num);
  pattern_rows(p, &t, (float)p->step->num[5], src, ss, dst, ds, y0, y1);
}
static bool stripe_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)s, (void)in, (void)err;
  p->rows = stripe_rows;
  return true;
}

#define SIDE 1048576.0
#define VALUE {.name = "value", .type = PARAM_NUM, .lo = 0, .hi = 255, .def = 0, .unit = "0..255", .doc = "what covers the pixels, in every colour channel"}
#define OPACITY {.name = "opacity", .type = PARAM_NUM, .lo = 0, .hi = 1, .def = 1, .unit = "", .doc = "0 is see-through, 1 solid"}
#define NUMBER(n, from, to, start, u, text) {.name = n, .type = PARAM_NUM, .lo = from, .hi = to, .def = start, .unit = u, .doc = text}

const Prim PRIM_OCCLUDE[] = {
    {.name = "erase", .doc = "cover a box", .source = "Zhong et al. 2017", .kind = PRIM_POINT, .point = erase_point,
     .params = {NUMBER("x", -SIDE, SIDE, NAN, "px", "left edge"), NUMBER("y", -SIDE, SIDE, NAN, "px", "top edge"),
                NUMBER("w", 0, SIDE, NAN, "px", "width"), NUMBER("h", 0, SIDE, NAN, "px", "height"), VALUE, OPACITY}},
    {.name = "erase_many", .doc = "cover boxes", .source = "DeVries & Taylor 2017", .kind = PRIM_POINT, .point = many_point, .check = many_check,
     .params = {{.name = "boxes", .type = PARAM_LIST, .lo = -SIDE, .hi = SIDE, .unit = "px", .doc = "x, y, w, h of each box", .optional = true},
                VALUE, OPACITY}},
    {.name = "grid_mask", .doc = "cover a grid of squares", .source = "Chen et al. 2020", .kind = PRIM_POINT, .point = grid_point,
     .params = {NUMBER("unit", 1, SIDE, NAN, "px", "from square to square"),
                NUMBER("ratio", 0, 1, NAN, "of unit", "side of a square"),
                NUMBER("x", -SIDE, SIDE, 0, "px", "a square's corner"), NUMBER("y", -SIDE, SIDE, 0, "px", "a square's corner"),
                NUMBER("angle", -360, 360, 0, "degrees", "tilt, clockwise"), VALUE, OPACITY}},
    {.name = "stripes", .doc = "cover stripes, upright at angle 0", .source = "", .kind = PRIM_POINT, .point = stripe_point,
     .params = {NUMBER("unit", 1, SIDE, NAN, "px", "from stripe to stripe"),
                NUMBER("ratio", 0, 1, NAN, "of unit", "width of a stripe"),
                NUMBER("x", -SIDE, SIDE, 0, "px", "a point on a stripe's left edge"), NUMBER("y", -SIDE, SIDE, 0, "px", "a point on a stripe's left edge"),
                NUMBER("angle", -360, 360, 0, "degrees", "tilt, clockwise"), VALUE, OPACITY}},
    {0}};
