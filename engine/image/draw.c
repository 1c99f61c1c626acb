/* SPDX-License-Identifier: MIT */
#include "image/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/mem.h"

enum { SUB = 8 }; /* sub-scanlines per pixel row */

typedef struct Cross {
  double x;
  int wind; /* +1 downward edge, -1 upward */
} Cross;

static int by_x(const void *a, const void *b) {
  double x = ((const Cross *)a)->x, y = ((const Cross *)b)->x;
  return (x > y) - (x < y);
}

/* Where the rings cross the horizontal at y. Returns how many. */
static int crossings(const double *xy, const int *part, int n_parts, double y, Cross *out) {
  int n = 0;
  for (int k = 0; k < n_parts; xy += 2 * part[k++])
    for (int i = 0; i < part[k]; i++) {
      const double *a = xy + 2 * i, *b = xy + 2 * ((i + 1) % part[k]);
      if ((a[1] <= y) == (b[1] <= y)) continue;
      out[n++] = (Cross){a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1])), a[1] < b[1] ? 1 : -1};
    }
  qsort(out, (size_t)n, sizeof *out, by_x);
  return n;
}

/* Add the stretch x0..x1 to the coverage of a row of w pixels. */
static void add_span(float *cover, int w, double x0, double x1) {
  x0 = fmax(x0, 0), x1 = fmin(x1, w);
  if (!(x1 > x0)) return;
  int a = (int)x0, b = (int)x1;
  if (a == b) {
    cover[a] += (float)((x1 - x0) / SUB);
    return;
  }
  cover[a] += (float)((a + 1 - x0) / SUB);
  for (int x = a + 1; x < b; x++) cover[x] += 1.0f / SUB;
  if (b < w) cover[b] += (float)((x1 - b) / SUB);
}

static void blend_row(Image *im, int y, const float *cover, Colour colour) {
  int colours = image_colours(im);
  for (int x = 0; x < im->w; x++) {
    float a = cover[x] * colour.opacity;
    if (a <= 0) continue;
    if (a > 1) a = 1;
    for (int k = 0; k < im->c; k++) {
      float v = k < colours ? colour.v[k < 4 ? k : 3] : 255;
      if (im->type == IMAGE_U8) {
        uint8_t *p = image_row(im, y) + x * im->c + k;
        *p = (uint8_t)((float)*p + ((v - (float)*p) * a) + 0.5f);
      } else {
        float *p = image_row_f(im, y) + x * im->c + k;
        *p += (v / 255 - *p) * a;
      }
    }
  }
}

static void fill_row(float *cover, int w, const Cross *c, int n, FillRule rule) {
  int wind = 0;
  for (int i = 0; i + 1 < n; i++) {
    wind += c[i].wind;
    if (rule == FILL_EVENODD ? i % 2 == 0 : wind != 0) add_span(cover, w, c[i].x, c[i + 1].x);
  }
}

bool draw_fill(Image *im, const double *xy, const int *part, int n_parts, FillRule rule, Colour colour, Err *err) {
  int total = 0;
  double top = INFINITY, bottom = -INFINITY;
  for (int k = 0; k < n_parts; k++) total += part[k];
  for (int i = 0; i < total; i++) {
    if (!isfinite(xy[2 * i]) || !isfinite(xy[2 * i + 1])) return err_set(err, ERR_USAGE, "draw: point %d is not finite", i + 1);
    top = fmin(top, xy[2 * i + 1]), bottom = fmax(bottom, xy[2 * i + 1]);
  }
  int y0 = (int)fmax(0, floor(top)), y1 = (int)fmin(im->h, ceil(bottom));
  if (y0 >= y1) return true;
  Cross *cross = mem_alloc((size_t)total, sizeof *cross);
  float *cover = mem_alloc((size_t)im->w, sizeof *cover);
  bool ok = cross && cover;
  for (int y = y0; ok && y < y1; y++) {
    memset(cover, 0, (size_t)im->w * sizeof *cover);
    for (int s = 0; s < SUB; s++) {
      int n = crossings(xy, part, n_parts, y + (s + 0.5) / SUB, cross);
      fill_row(cover, im->w, cross, n, rule);
    }
    blend_row(im, y, cover, colour);
  }
  mem_free(cross);
  mem_free(cover);
  return ok ? true : err_memory(err);
}

enum { ROUND = 16 }; /* corners of a round joint */

static double *ring(double *at, double x, double y, double r) {
  for (int i = 0; i < ROUND; i++) {
    *at++ = x + r * fm_cos(2 * FM_PI * i / ROUND);
    *at++ = y + r * fm_sin(2 * FM_PI * i / ROUND);
  }
  return at;
}

/* The outline of one stretch: a rectangle, turned so that all parts wind alike. */
static double *bar(double *at, const double *a, const double *b, double r) {
  double dx = b[0] - a[0], dy = b[1] - a[1], n = fm_hypot(dx, dy);
  double ox = n > 0 ? -dy / n * r : 0, oy = n > 0 ? dx / n * r : r;
  const double p[8] = {a[0] - ox, a[1] - oy, b[0] - ox, b[1] - oy, b[0] + ox, b[1] + oy, a[0] + ox, a[1] + oy};
  memcpy(at, p, sizeof p);
  return at + 8;
}

bool draw_line(Image *im, const double *xy, int n, bool closed, double width, Colour colour, Err *err) {
  int bars = closed && n > 2 ? n : n - 1;
  if (n < 1) return true;
  double *all = mem_alloc((size_t)(n * ROUND + (bars > 0 ? bars : 0) * 4) * 2, sizeof *all), *at = all;
  int *part = mem_alloc((size_t)(2 * n + 1), sizeof *part), k = 0;
  bool ok = all && part;
  if (ok) {
    for (int i = 0; i < n; i++) at = ring(at, xy[2 * i], xy[2 * i + 1], width / 2), part[k++] = ROUND;
    for (int i = 0; i < bars; i++) at = bar(at, xy + 2 * i, xy + 2 * ((i + 1) % n), width / 2), part[k++] = 4;
    ok = draw_fill(im, all, part, k, FILL_NONZERO, colour, err);
  } else {
    err_memory(err);
  }
  mem_free(all);
  mem_free(part);
  return ok;
}

bool draw_disc(Image *im, double x, double y, double radius, Colour colour, Err *err) {
  double xy[2 * 64];
  int n = 64;
  for (int i = 0; i < n; i++) {
    xy[2 * i] = x + radius * fm_cos(2 * FM_PI * i / n);
    xy[2 * i + 1] = y + radius * fm_sin(2 * FM_PI * i / n);
  }
  return draw_fill(im, xy, &n, 1, FILL_NONZERO, colour, err);
}
