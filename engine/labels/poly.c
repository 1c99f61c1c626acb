/* Polygons: memory, measures, nesting. SPDX-License-Identifier: MIT */
#include "labels/poly.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

enum { POINTS_MAX = 1 << 26 };

void poly_init(Poly *p) { *p = (Poly){0}; }

void poly_clear(Poly *p) {
  mem_free(p->xy);
  mem_free(p->ring);
  poly_init(p);
}

void poly_reset(Poly *p) { p->rings = p->points = 0; }

void poly_swap(Poly *a, Poly *b) {
  Poly t = *a;
  *a = *b;
  *b = t;
}

bool poly_ring(Poly *p, bool hole, Err *err) {
  if (p->rings == p->ring_cap) {
    int cap = p->ring_cap ? p->ring_cap * 2 : 4;
    Ring *r = mem_realloc(p->ring, (size_t)cap, sizeof *r);
    if (!r) return err_memory(err);
    p->ring = r;
    p->ring_cap = cap;
  }
  p->ring[p->rings++] = (Ring){.at = p->points, .n = 0, .hole = hole};
  return true;
}

bool poly_point(Poly *p, double x, double y, Err *err) {
  if (p->points == p->point_cap) {
    int cap = p->point_cap ? p->point_cap * 2 : 16;
    if (cap > POINTS_MAX) return err_set(err, ERR_LIMIT, "polygon: more than %d points", POINTS_MAX);
    double *xy = mem_realloc(p->xy, (size_t)cap, 2 * sizeof *xy);
    if (!xy) return err_memory(err);
    p->xy = xy;
    p->point_cap = cap;
  }
  p->xy[2 * (size_t)p->points] = x;
  p->xy[2 * (size_t)p->points + 1] = y;
  p->points++;
  p->ring[p->rings - 1].n++;
  return true;
}

bool poly_copy(Poly *to, const Poly *from, Err *err) {
  poly_reset(to);
  for (int k = 0; k < from->rings; k++) {
    const double *xy = poly_xy(from, k);
    if (!poly_ring(to, from->ring[k].hole, err)) return false;
    for (int i = 0; i < from->ring[k].n; i++)
      if (!poly_point(to, xy[2 * i], xy[2 * i + 1], err)) return false;
  }
  return true;
}

double ring_area(const double *xy, int n) {
  double sum = 0.0;
  for (int i = 0; i < n; i++) { /* about the first point, so that far rings keep their digits */
    int j = i + 1 == n ? 0 : i + 1;
    sum += (xy[2 * i] - xy[0]) * (xy[2 * j + 1] - xy[1]) - (xy[2 * j] - xy[0]) * (xy[2 * i + 1] - xy[1]);
  }
  return sum / 2.0;
}

void poly_drop_small(Poly *p, int n) {
  const Ring *r = &p->ring[p->rings - 1];
  if (r->n >= n && (n < 3 || fabs(ring_area(poly_xy(p, p->rings - 1), r->n)) > 1e-9)) return;
  p->points = r->at;
  p->rings--;
}

bool ring_contains(const double *xy, int n, double x, double y) {
  bool in = false;
  for (int i = 0, j = n - 1; i < n; j = i++) {
    const double *a = xy + 2 * i, *b = xy + 2 * j;
    if ((a[1] > y) != (b[1] > y) && x < a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1]))) in = !in;
  }
  return in;
}

double poly_area(const Poly *p) {
  double sum = 0.0;
  for (int k = 0; k < p->rings; k++) {
    double a = fabs(ring_area(poly_xy(p, k), p->ring[k].n));
    sum += p->ring[k].hole ? -a : a;
  }
  return sum;
}

bool poly_bounds(const Poly *p, double box[4]) {
  double b[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int i = 0; i < p->points; i++) {
    const double *q = p->xy + 2 * (size_t)i;
    b[0] = fmin(b[0], q[0]), b[1] = fmin(b[1], q[1]);
    b[2] = fmax(b[2], q[0]), b[3] = fmax(b[3], q[1]);
  }
  if (!p->points) return false;
  memcpy(box, b, sizeof b);
  return true;
}

/* A point inside the ring: half way between the first two crossings of a height no vertex lies on. */
static void inner_point(const double *xy, int n, double out[2]) {
  double best = 0.0, y = xy[1];
  for (int i = 0; i < n; i++) { /* the tallest side gives a height well off its ends */
    int j = i + 1 == n ? 0 : i + 1;
    double d = fabs(xy[2 * j + 1] - xy[2 * i + 1]);
    if (d > best) best = d, y = xy[2 * i + 1] + (xy[2 * j + 1] - xy[2 * i + 1]) * 0.4871;
  }
  double x0 = INFINITY, x1 = INFINITY;
  for (int i = 0, j = n - 1; i < n; j = i++) {
    const double *a = xy + 2 * i, *b = xy + 2 * j;
    if ((a[1] > y) == (b[1] > y)) continue;
    double x = a[0] + (b[0] - a[0]) * ((y - a[1]) / (b[1] - a[1]));
    if (x < x0) x1 = x0, x0 = x;
    else if (x < x1) x1 = x;
  }
  out[0] = (x0 + x1) / 2.0;
  out[1] = y;
}

typedef struct Extent {
  double area, x0, y0, x1, y1;
} Extent;

static Extent extent_of(const double *xy, int n) {
  Extent e = {fabs(ring_area(xy, n)), INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int i = 0; i < n; i++) {
    e.x0 = fmin(e.x0, xy[2 * i]), e.x1 = fmax(e.x1, xy[2 * i]);
    e.y0 = fmin(e.y0, xy[2 * i + 1]), e.y1 = fmax(e.y1, xy[2 * i + 1]);
  }
  return e;
}

bool poly_nest(Poly *p, Err *err) {
  Extent *e = mem_alloc((size_t)p->rings + 1, sizeof *e);
  if (!e) return err_memory(err);
  for (int k = 0; k < p->rings; k++) e[k] = extent_of(poly_xy(p, k), p->ring[k].n);
  for (int k = 0; k < p->rings; k++) {
    double at[2];
    int depth = 0;
    inner_point(poly_xy(p, k), p->ring[k].n, at);
    for (int j = 0; j < p->rings; j++) {
      const Extent *o = &e[j];
      if (!(at[0] >= o->x0 && at[0] <= o->x1 && at[1] >= o->y0 && at[1] <= o->y1)) continue;
      if (j == k || o->area < e[k].area || (o->area == e[k].area && j > k)) continue;
      depth += ring_contains(poly_xy(p, j), p->ring[j].n, at[0], at[1]);
    }
    p->ring[k].hole = depth & 1;
  }
  mem_free(e);
  return true;
}
