/* Convex hulls and the rectangles around them. SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "labels/poly.h"

static int by_x_then_y(const void *a, const void *b) {
  const double *p = a, *q = b;
  if (p[0] != q[0]) return p[0] < q[0] ? -1 : 1;
  return (p[1] > q[1]) - (p[1] < q[1]);
}

static double turn(const double *a, const double *b, const double *c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

static int push(double *out, int n, int keep, const double *p) {
  while (n >= keep + 2 && turn(out + 2 * (n - 2), out + 2 * (n - 1), p) <= 0.0) n--;
  out[2 * n] = p[0];
  out[2 * n + 1] = p[1];
  return n + 1;
}

int hull_points(double *xy, int n, double *out) {
  if (n < 1) return 0;
  qsort(xy, (size_t)n, 2 * sizeof *xy, by_x_then_y);
  int k = 0;
  for (int i = 0; i < n; i++) k = push(out, k, 0, xy + 2 * i);
  int lower = k - 1;
  for (int i = n - 2; i >= 0; i--) k = push(out, k, lower, xy + 2 * i);
  if (k > 1) k--; /* the last is the first again */
  if (k == 2 && out[0] == out[2] && out[1] == out[3]) k = 1;
  return k;
}

static void rect_along(const double *xy, int n, double c, double s, double rect[5]) {
  double u0 = INFINITY, u1 = -INFINITY, v0 = INFINITY, v1 = -INFINITY;
  for (int i = 0; i < n; i++) {
    double u = c * xy[2 * i] + s * xy[2 * i + 1], v = -s * xy[2 * i] + c * xy[2 * i + 1];
    u0 = fmin(u0, u), u1 = fmax(u1, u);
    v0 = fmin(v0, v), v1 = fmax(v1, v);
  }
  double u = (u0 + u1) / 2.0, v = (v0 + v1) / 2.0;
  rect[0] = c * u - s * v;
  rect[1] = s * u + c * v;
  rect[2] = u1 - u0;
  rect[3] = v1 - v0;
}

void hull_rect_at(const double *xy, int n, double degrees, double rect[5]) {
  double t = degrees - 360.0 * floor(degrees / 360.0), c, s;
  if (t == 0.0 || t == 180.0) c = t == 0.0 ? 1.0 : -1.0, s = 0.0;
  else if (t == 90.0 || t == 270.0) c = 0.0, s = t == 90.0 ? 1.0 : -1.0;
  else c = fm_cos(t * (FM_PI / 180.0)), s = fm_sin(t * (FM_PI / 180.0));
  rect_along(xy, n, c, s, rect);
  rect[4] = degrees;
}

bool hull_rect(double *xy, int n, double rect[5], Err *err) {
  if (n < 1) return err_set(err, ERR_USAGE, "rectangle: no points");
  double *hull = mem_alloc((size_t)n + 1, 2 * sizeof *hull), best = INFINITY, r[5];
  if (!hull) return err_memory(err);
  int m = hull_points(xy, n, hull);
  hull_rect_at(hull, m, 0.0, rect);
  if (m > 1)
    for (int i = 0; i < m; i++) {
      const double *a = hull + 2 * i, *b = hull + 2 * ((i + 1) % m);
      double dx = b[0] - a[0], dy = b[1] - a[1], len = fm_hypot(dx, dy);
      if (!(len > 0.0)) continue;
      rect_along(hull, m, dx / len, dy / len, r);
      if (!(r[2] * r[3] < best)) continue;
      best = r[2] * r[3];
      for (int k = 0; k < 4; k++) rect[k] = r[k];
      double angle = fm_atan2(dy, dx) * (180.0 / FM_PI);
      rect[4] = angle > 90.0 ? angle - 180.0 : angle <= -90.0 ? angle + 180.0 : angle;
    }
  mem_free(hull);
  return true;
}
