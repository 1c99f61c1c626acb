/* Bending by a few points: triangles that stay flat, plates that stay smooth.
 * Both say for places of the result where they come from, as all fields do.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "base/rng.h"
#include "prim/edge.h"
#include "prim/resample.h"

/* dx, dy of each node of a grid of cols x rows cells, drawn from -1..1; the frame's edge held when asked. */
static float *draw_nodes(const Step *s, int cols, int rows, bool hold, Err *err) {
  float *d = mem_alloc((size_t)(cols + 1) * (size_t)(rows + 1), 2 * sizeof *d), *at = d;
  if (!d) return err_memory(err), NULL;
  Rng r;
  rng_init(&r, s->key);
  for (int j = 0; j <= rows; j++)
    for (int i = 0; i <= cols; i++, at += 2) {
      double u = rng_unit(&r) * 2.0 - 1.0, v = rng_unit(&r) * 2.0 - 1.0;
      bool edge = i == 0 || j == 0 || i == cols || j == rows;
      at[0] = hold && edge ? 0.0f : (float)u;
      at[1] = hold && edge ? 0.0f : (float)v;
    }
  return d;
}

/* Displacement at (u, v) of a cell, 0..1 each, cut along the diagonal from the top right to the bottom left. */
static float flat(const float *node, int across, int k, double u, double v) {
  const double a = node[k], b = node[2 + k], c = node[2 * across + k], d = node[2 * across + 2 + k];
  return (float)(u + v <= 1.0 ? a + u * (b - a) + v * (c - a) : d + (1.0 - u) * (c - d) + (1.0 - v) * (b - d));
}

static bool warp_piecewise(const Step *s, int w, int h, Warp *out, Err *err) {
  int cols = (int)num(s, "cols"), rows = (int)num(s, "rows");
  double amount = num(s, "amount"), cell_w = (double)w / cols, cell_h = (double)h / rows;
  float *node = draw_nodes(s, cols, rows, true, err);
  Field *f = node ? field_new(w + 1, h + 1, 1.0, 1.0, err) : NULL;
  for (int y = 0; f && y <= h; y++) {
    int j = (int)fmin(floor(y / cell_h), rows - 1);
    for (int x = 0; x <= w; x++) {
      int i = (int)fmin(floor(x / cell_w), cols - 1);
      const float *n = node + 2 * ((size_t)j * (size_t)(cols + 1) + (size_t)i);
      size_t at = (size_t)y * (size_t)f->cols + (size_t)x;
      f->dx[at] = (float)(flat(n, cols + 1, 0, x / cell_w - i, y / cell_h - j) * amount * cell_w);
      f->dy[at] = (float)(flat(n, cols + 1, 1, x / cell_w - i, y / cell_h - j) * amount * cell_h);
    }
  }
  mem_free(node);
  return f && push_field(s, out, f, err);
}

/* r^2 log r^2 of a squared distance. */
static double plate(double q) { return q > 0.0 ? q * fm_log(q) : 0.0; }

/* Gauss with the largest pivot; a is n x n, b is n x 2 and becomes the solution. */
static bool solve(double *a, double *b, int n) {
  for (int c = 0; c < n; c++) {
    int p = c;
    for (int r = c + 1; r < n; r++)
      if (fabs(a[r * n + c]) > fabs(a[p * n + c])) p = r;
    if (!(fabs(a[p * n + c]) > 1e-12)) return false;
    for (int k = 0; p != c && k < n; k++) {
      double t = a[c * n + k];
      a[c * n + k] = a[p * n + k];
      a[p * n + k] = t;
    }
    for (int k = 0; p != c && k < 2; k++) {
      double t = b[c * 2 + k];
      b[c * 2 + k] = b[p * 2 + k];
      b[p * 2 + k] = t;
    }
    for (int r = c + 1; r < n; r++) {
      double m = a[r * n + c] / a[c * n + c];
      for (int k = c; m != 0.0 && k < n; k++) a[r * n + k] -= m * a[c * n + k];
      for (int k = 0; k < 2; k++) b[r * 2 + k] -= m * b[c * 2 + k];
    }
  }
  for (int c = n - 1; c >= 0; c--)
    for (int k = 0; k < 2; k++) {
      for (int r = c + 1; r < n; r++) b[c * 2 + k] -= a[c * n + r] * b[r * 2 + k];
      b[c * 2 + k] /= a[c * n + c];
    }
  return true;
}

typedef struct Plate {
  int cols, rows, n; /* cells; control points */
  double w, h;       /* sides of the frame, the longer is 1 */
  double *b;         /* weights of the points, then 1, x, y; two columns */
} Plate;

static double point_x(const Plate *p, int i) { return i % (p->cols + 1) * p->w / p->cols; }
static double point_y(const Plate *p, int i) { return i / (p->cols + 1) * p->h / p->rows; }

static double squared(double x, double y) { return x * x + y * y; }

/* Weights so that the plate passes through the nodes' displacements. Bookstein 1989. */
static bool plate_fit(Plate *p, const float *node, Err *err) {
  int m = p->n + 3;
  double *a = mem_calloc((size_t)m * (size_t)m, sizeof *a);
  p->b = mem_calloc((size_t)m, 2 * sizeof *p->b);
  bool ok = (a && p->b) || err_memory(err);
  for (int i = 0; ok && i < p->n; i++) {
    const double line[3] = {1.0, point_x(p, i), point_y(p, i)};
    for (int j = 0; j < p->n; j++) a[i * m + j] = plate(squared(line[1] - point_x(p, j), line[2] - point_y(p, j)));
    for (int k = 0; k < 3; k++) a[i * m + p->n + k] = a[(p->n + k) * m + i] = line[k];
    for (int k = 0; k < 2; k++) p->b[2 * i + k] = (double)node[2 * i + k];
  }
  if (ok && !solve(a, p->b, m)) ok = err_set(err, ERR_USAGE, "thin_plate: the frame is too narrow for its points");
  mem_free(a);
  return ok;
}

static void plate_at(const Plate *p, double x, double y, double d[2]) {
  const double *line = p->b + 2 * p->n;
  for (int k = 0; k < 2; k++) d[k] = line[k] + line[2 + k] * x + line[4 + k] * y;
  for (int i = 0; i < p->n; i++) {
    double u = plate(squared(x - point_x(p, i), y - point_y(p, i)));
    d[0] += u * p->b[2 * i];
    d[1] += u * p->b[2 * i + 1];
  }
}

enum { PLATE_CELLS = 48 };

static Field *plate_field(const Plate *p, int w, int h, double amount, Err *err) {
  Field *f = field_new(PLATE_CELLS + 1, PLATE_CELLS + 1, (double)w / PLATE_CELLS, (double)h / PLATE_CELLS, err);
  for (int j = 0; f && j <= PLATE_CELLS; j++)
    for (int i = 0; i <= PLATE_CELLS; i++) {
      double d[2];
      plate_at(p, i * p->w / PLATE_CELLS, j * p->h / PLATE_CELLS, d);
      f->dx[j * f->cols + i] = (float)(d[0] * amount);
      f->dy[j * f->cols + i] = (float)(d[1] * amount);
    }
  if (f && !field_interpolate(f, err)) {
    field_unref(f);
    return NULL;
  }
  return f;
}

static bool warp_plate(const Step *s, int w, int h, Warp *out, Err *err) {
  int cols = (int)num(s, "cols"), rows = (int)num(s, "rows"), longer = w > h ? w : h;
  Plate p = {.cols = cols, .rows = rows, .n = (cols + 1) * (rows + 1), .w = (double)w / longer, .h = (double)h / longer};
  float *node = draw_nodes(s, cols, rows, false, err);
  Field *f = node && plate_fit(&p, node, err) ? plate_field(&p, w, h, num(s, "amount"), err) : NULL;
  mem_free(node);
  mem_free(p.b);
  return f && push_field(s, out, f, err);
}

#define WARP(name, doc, source) name, doc, source, PRIM_WARP, false
#define KEY {"key", PARAM_KEY, 0, 0, 0, "", "which displacement", NULL, false}

const Prim PRIM_BEND[] = {
    {WARP("piecewise_affine", "The crossings of a grid moved at random, triangles between them stay flat; the frame's edge held.", ""),
     {INT("cols", 1, 256, 4, "cells", "across"), INT("rows", 1, 256, 4, "cells", "down"),
      NUM("amount", 0, 0.5, NAN, "of a cell", "farthest a crossing moves along each axis"), KEY, INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     NULL, NULL, NULL, warp_piecewise},
    {WARP("thin_plate", "A grid of points moved at random, the picture bent between them like a thin plate.", "Bookstein 1989"),
     {INT("cols", 1, 8, 3, "cells", "across"), INT("rows", 1, 8, 3, "cells", "down"),
      NUM("amount", 0, 10000, NAN, "px", "farthest a point moves along each axis"), KEY, INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     NULL, NULL, NULL, warp_plate},
    {0}};
