/* Fewer points, nearly the same outline. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "labels/poly.h"

static double far_squared(const double *p, const double *a, const double *b) {
  double dx = b[0] - a[0], dy = b[1] - a[1], len = dx * dx + dy * dy, px = p[0] - a[0], py = p[1] - a[1];
  double t = len > 0.0 ? (px * dx + py * dy) / len : 0.0;
  t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
  px -= t * dx;
  py -= t * dy;
  return px * px + py * py;
}

/* Marks in keep what stays strictly between first and last (indices count around the ring). */
static void thin(const double *xy, int n, int first, int last, double limit, bool *keep, int *stack) {
  int depth = 0;
  stack[depth++] = first, stack[depth++] = last;
  while (depth) {
    int b = stack[--depth], a = stack[--depth], best = -1;
    double most = limit;
    for (int i = a + 1; i < b; i++) {
      double d = far_squared(xy + 2 * (i % n), xy + 2 * (a % n), xy + 2 * (b % n));
      if (d > most) most = d, best = i;
    }
    if (best < 0) continue;
    keep[best % n] = true;
    stack[depth++] = a, stack[depth++] = best;
    stack[depth++] = best, stack[depth++] = b;
  }
}

/* The point farthest from point 0. */
static int opposite(const double *xy, int n) {
  int best = 0;
  double most = -1.0;
  for (int i = 1; i < n; i++) {
    double dx = xy[2 * i] - xy[0], dy = xy[2 * i + 1] - xy[1];
    if (dx * dx + dy * dy > most) most = dx * dx + dy * dy, best = i;
  }
  return best;
}

bool poly_simplify(Poly *p, double tolerance, bool closed, Err *err) {
  bool *keep = mem_alloc((size_t)p->points + 1, sizeof *keep);
  int *stack = mem_alloc((size_t)p->points + 4, 4 * sizeof *stack);
  Poly out;
  bool ok = (keep && stack) || err_memory(err);
  poly_init(&out);
  for (int k = 0; ok && k < p->rings; k++) {
    const double *xy = poly_xy(p, k);
    int n = p->ring[k].n, mid = closed ? opposite(xy, n) : n - 1;
    memset(keep, 0, (size_t)n * sizeof *keep);
    keep[0] = keep[mid] = true;
    thin(xy, n, 0, mid, tolerance * tolerance, keep, stack);
    if (closed) thin(xy, n, mid, n, tolerance * tolerance, keep, stack);
    ok = poly_ring(&out, p->ring[k].hole, err);
    for (int i = 0; ok && i < n; i++)
      if (keep[i]) ok = poly_point(&out, xy[2 * i], xy[2 * i + 1], err);
    if (ok) poly_drop_small(&out, closed ? 3 : 2);
  }
  if (ok) poly_swap(p, &out);
  poly_clear(&out);
  mem_free(keep);
  mem_free(stack);
  return ok;
}
