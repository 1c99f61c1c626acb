/* Displacement fields. Between the nodes the displacement is a uniform cubic
 * B-spline of the node values (twice differentiable, cheap: Unser, "Splines: a
 * perfect fit", 1999), or bilinear when nodes are one pixel apart. Beyond the
 * first and last node the outermost coefficients repeat.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/resample.h"

Field *field_new(int cols, int rows, double cell_w, double cell_h, Err *err) {
  if (cols < 1 || rows < 1 || !(cell_w > 0.0) || !(cell_h > 0.0))
    return err_set(err, ERR_USAGE, "field of %d x %d nodes, %g x %g px apart: positive numbers expected", cols, rows, cell_w, cell_h), NULL;
  Field *f = mem_alloc(1, sizeof *f);
  float *d = mem_calloc((size_t)cols * (size_t)rows, 2 * sizeof *d);
  if (!f || !d) {
    mem_free(f);
    mem_free(d);
    return err_memory(err), NULL;
  }
  *f = (Field){.cols = cols, .rows = rows, .cell_w = cell_w, .cell_h = cell_h, .dx = d, .dy = d + (size_t)cols * (size_t)rows};
  atomic_init(&f->refs, 1);
  return f;
}

Field *field_ref(Field *f) {
  if (f) atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
  return f;
}

void field_unref(Field *f) {
  if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1) return;
  mem_free(f->dx); /* dy is its second half */
  mem_free(f);
}

static bool is_dense(const Field *f) { return f->cell_w == 1.0 && f->cell_h == 1.0; }

static int clamp_index(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* First of four nodes around t (in cells), with weights and, when asked, their derivatives per cell. */
static int spline_weights(double t, bool dense, double w[4], double dw[4]) {
  double i = floor(t), u = t - i, v = 1.0 - u;
  if (dense) {
    const double lin[4] = {0, v, u, 0}, slope[4] = {0, -1, 1, 0};
    memcpy(w, lin, sizeof lin);
    if (dw) memcpy(dw, slope, sizeof slope);
  } else {
    w[0] = v * v * v / 6.0;
    w[1] = (4.0 - 6.0 * u * u + 3.0 * u * u * u) / 6.0;
    w[2] = (4.0 - 6.0 * v * v + 3.0 * v * v * v) / 6.0;
    w[3] = u * u * u / 6.0;
    if (dw) {
      dw[0] = -0.5 * v * v;
      dw[1] = -2.0 * u + 1.5 * u * u;
      dw[2] = 2.0 * v - 1.5 * v * v;
      dw[3] = 0.5 * u * u;
    }
  }
  return (int)i - 1;
}

static double in_range(double t, int n) { return !(t > -2.0) ? -2.0 : t > n + 1.0 ? n + 1.0 : t; }

/* The four nodes around a point along one axis, ends repeated. */
static void nodes_around(int first, int n, size_t by, size_t at[4]) {
  for (int k = 0; k < 4; k++) at[k] = (size_t)clamp_index(first + k, n) * by;
}

/* Displacement alone: most callers want no more, and its derivatives are two thirds of the work. */
static void displacement(const Field *f, double x, double y, double d[2]) {
  double wx[4], wy[4];
  size_t col[4], row[4];
  const bool dense = is_dense(f);
  nodes_around(spline_weights(in_range(x / f->cell_w, f->cols), dense, wx, NULL), f->cols, 1, col);
  nodes_around(spline_weights(in_range(y / f->cell_h, f->rows), dense, wy, NULL), f->rows, (size_t)f->cols, row);
  double dx = 0.0, dy = 0.0;
  for (int j = 0; j < 4; j++)
    for (int i = 0; i < 4; i++) {
      const double a = wx[i] * wy[j];
      dx += a * f->dx[row[j] + col[i]];
      dy += a * f->dy[row[j] + col[i]];
    }
  d[0] = dx, d[1] = dy;
}

void field_at(const Field *f, double x, double y, double d[2], double jac[4]) {
  double wx[4], wy[4], dwx[4], dwy[4], g[4] = {0, 0, 0, 0};
  size_t col[4], row[4];
  const bool dense = is_dense(f);
  displacement(f, x, y, d);
  if (!jac) return;
  nodes_around(spline_weights(in_range(x / f->cell_w, f->cols), dense, wx, dwx), f->cols, 1, col);
  nodes_around(spline_weights(in_range(y / f->cell_h, f->rows), dense, wy, dwy), f->rows, (size_t)f->cols, row);
  for (int j = 0; j < 4; j++)
    for (int i = 0; i < 4; i++) {
      const size_t k = row[j] + col[i];
      const double ax = dwx[i] * wy[j] / f->cell_w, ay = wx[i] * dwy[j] / f->cell_h;
      g[0] += ax * f->dx[k];
      g[1] += ay * f->dx[k];
      g[2] += ax * f->dy[k];
      g[3] += ay * f->dy[k];
    }
  memcpy(jac, g, sizeof g);
}

static double miss(const Field *f, const double q[2], double x, double y, double r[2], double jac[4]) {
  double d[2];
  field_at(f, q[0], q[1], d, jac);
  r[0] = x - q[0] - d[0];
  r[1] = y - q[1] - d[1];
  return r[0] * r[0] + r[1] * r[1];
}

/* Newton with halving; where the map folds, the plain iteration q += residual takes over. */
bool field_invert(const Field *f, double x, double y, double out[2]) {
  double q[2] = {x, y}, r[2], jac[4], best = miss(f, q, x, y, r, jac);
  for (int k = 0; k < 60 && best > 1e-14; k++) {
    double a = 1.0 + jac[0], b = jac[1], c = jac[2], e = 1.0 + jac[3], det = a * e - b * c;
    double step[2] = {r[0], r[1]};
    if (det > 1e-3) {
      step[0] = (e * r[0] - b * r[1]) / det;
      step[1] = (a * r[1] - c * r[0]) / det;
    }
    double t = 1.0, next = 0.0, qn[2], rn[2], jn[4];
    for (int h = 0; h < 12; h++, t *= 0.5) {
      qn[0] = q[0] + t * step[0];
      qn[1] = q[1] + t * step[1];
      next = miss(f, qn, x, y, rn, jn);
      if (next < best) break;
    }
    if (!(next < best)) break;
    best = next;
    memcpy(q, qn, sizeof q);
    memcpy(r, rn, sizeof r);
    memcpy(jac, jn, sizeof jac);
  }
  out[0] = q[0];
  out[1] = q[1];
  return best < 1e-6; /* squared: 1e-3 px */
}

/* Thomas' algorithm on (c[i-1] + 4 c[i] + c[i+1]) / 6 = v[i], ends repeated; tmp has room for n. */
static void spline_solve(float *v, size_t step, int n, double *tmp) {
  if (n == 1) return;
  double beta = 5.0, last = 6.0 * v[0] / beta;
  v[0] = (float)last;
  for (int i = 1; i < n; i++) {
    tmp[i] = 1.0 / beta;
    beta = (i == n - 1 ? 5.0 : 4.0) - tmp[i];
    last = (6.0 * v[(size_t)i * step] - last) / beta;
    v[(size_t)i * step] = (float)last;
  }
  for (int i = n - 2; i >= 0; i--) {
    last = v[(size_t)i * step] - tmp[i + 1] * last;
    v[(size_t)i * step] = (float)last;
  }
}

bool field_interpolate(Field *f, Err *err) {
  if (is_dense(f)) return true;
  double *tmp = mem_alloc((size_t)(f->cols > f->rows ? f->cols : f->rows), sizeof *tmp);
  if (!tmp) return err_memory(err);
  for (int a = 0; a < 2; a++) {
    float *v = a ? f->dy : f->dx;
    for (int j = 0; j < f->rows; j++) spline_solve(v + (size_t)j * (size_t)f->cols, 1, f->cols, tmp);
    for (int i = 0; i < f->cols; i++) spline_solve(v + i, (size_t)f->cols, f->rows, tmp);
  }
  mem_free(tmp);
  return true;
}

/* Output centres are a regular grid: columns' weights once, rows' combination once per row. */
struct FieldRow {
  const Field *f;
  double y;     /* of the centres */
  int *first;   /* per column: index into line of the first of four coefficients */
  float *wx;    /* four per column */
  float *line;  /* dx and dy alternating, cols + 6, ends repeated */
};

enum { PAD = 3 };

FieldRow *field_row_new(const Field *f, int w, Err *err) {
  FieldRow *r = mem_calloc(1, sizeof *r);
  if (!r) return err_memory(err), NULL;
  r->f = f;
  r->first = mem_alloc((size_t)w, sizeof *r->first);
  r->wx = mem_alloc((size_t)w, 4 * sizeof *r->wx);
  r->line = mem_alloc((size_t)f->cols + 2 * PAD, 2 * sizeof *r->line);
  if (!r->first || !r->wx || !r->line) {
    field_row_free(r);
    return err_memory(err), NULL;
  }
  for (int x = 0; x < w; x++) {
    double wt[4];
    int i = spline_weights(in_range((x + 0.5) / f->cell_w, f->cols), is_dense(f), wt, NULL) + PAD;
    r->first[x] = i > f->cols + 2 * PAD - 4 ? f->cols + 2 * PAD - 4 : i;
    for (int k = 0; k < 4; k++) r->wx[x * 4 + k] = (float)wt[k];
  }
  return r;
}

void field_row_free(FieldRow *r) {
  if (!r) return;
  mem_free(r->first);
  mem_free(r->wx);
  mem_free(r->line);
  mem_free(r);
}

KERNEL static void mix_rows(const float *const row[4], const float w[4], float *out, int n) {
  for (int i = 0; i < n; i++) out[2 * i] = row[0][i] * w[0] + row[1][i] * w[1] + row[2][i] * w[2] + row[3][i] * w[3];
}

void field_row_set(FieldRow *r, int y) {
  const Field *f = r->f;
  double wt[4];
  r->y = y + 0.5;
  int j0 = spline_weights(in_range(r->y / f->cell_h, f->rows), is_dense(f), wt, NULL);
  const float w[4] = {(float)wt[0], (float)wt[1], (float)wt[2], (float)wt[3]};
  for (int a = 0; a < 2; a++) {
    const float *row[4];
    for (int k = 0; k < 4; k++) row[k] = (a ? f->dy : f->dx) + (size_t)clamp_index(j0 + k, f->rows) * (size_t)f->cols;
    mix_rows(row, w, r->line + 2 * PAD + a, f->cols);
  }
  float *line = r->line, *end = line + 2 * (PAD + f->cols);
  for (int i = 0; i < 2 * PAD; i += 2) {
    memcpy(line + i, line + 2 * PAD, 2 * sizeof *line);
    memcpy(end + i, end - 2, 2 * sizeof *line);
  }
}

void field_row_read(const FieldRow *r, int x0, int n, double *x, double *y) {
  for (int i = 0; i < n; i++) {
    const float *c = r->line + 2 * r->first[x0 + i], *w = r->wx + 4 * (x0 + i);
    float dx = w[0] * c[0] + w[1] * c[2] + w[2] * c[4] + w[3] * c[6];
    float dy = w[0] * c[1] + w[1] * c[3] + w[2] * c[5] + w[3] * c[7];
    x[i] = x0 + i + 0.5 + (double)dx;
    y[i] = r->y + (double)dy;
  }
}
