/* SPDX-License-Identifier: MIT */
#include "labels/carry.h"

#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "prim/resample.h"

#define HORIZON 1e-4   /* smallest homogeneous weight taken, 1 at the middle of the picture */
#define THINNED 0.05   /* px */

/* Points at most `step` pixels apart. */
static bool densify(Poly *p, double step, bool closed, Err *err) {
  Poly out;
  bool ok = true;
  poly_init(&out);
  for (int k = 0; ok && k < p->rings; k++) {
    const double *xy = poly_xy(p, k);
    int n = p->ring[k].n;
    ok = poly_ring(&out, p->ring[k].hole, err);
    for (int i = 0; ok && i < n; i++) {
      const double *a = xy + 2 * i, *b = xy + 2 * ((i + 1) % n);
      double len = fm_hypot(b[0] - a[0], b[1] - a[1]);
      int parts = !closed && i == n - 1 ? 1 : (int)fmin(fmax(1.0, ceil(len / step)), 1e6);
      for (int j = 0; ok && j < parts; j++) {
        double t = (double)j / parts;
        ok = poly_point(&out, a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, err);
      }
    }
  }
  if (ok) poly_swap(p, &out);
  poly_clear(&out);
  return ok;
}

static double field_step(const Field *f) { return fmin(fmax(fmin(f->cell_w, f->cell_h) / 2.0, 1.5), 4.0); }

static bool bends(const Warp *w) {
  for (int i = 0; i < w->n; i++)
    if (w->stage[i].field) return true;
  return false;
}

/* What lies behind the horizon of a perspective never arrives. */
static bool before_horizon(const double *m, Poly *p, bool closed, bool *cut, Err *err) {
  if (mat_is_affine(m)) return true;
  Poly next;
  poly_init(&next);
  bool ok = (closed ? poly_cut : line_cut)(p, m[6], m[7], m[8] - HORIZON, &next, cut, err);
  if (ok) poly_swap(p, &next);
  poly_clear(&next);
  return ok;
}

static bool move(const Stage *s, Poly *p, bool closed, bool *cut, Err *err) {
  if (s->field ? !densify(p, field_step(s->field), closed, err) : !before_horizon(s->fore, p, closed, cut, err)) return false;
  for (int i = 0; i < p->points; i++) {
    double *q = p->xy + 2 * (size_t)i;
    if (s->field) field_invert(s->field, q[0], q[1], q);
    else mat_point(s->fore, q[0], q[1], q);
  }
  return true;
}

static bool clip(Poly *p, int w, int h, bool closed, bool *cut, Err *err) {
  return (closed ? poly_clip : line_clip)(p, 0, 0, w, h, cut, err);
}

static bool run(const Warp *w, Poly *p, bool closed, bool *cut, Err *err) {
  bool folded;
  for (int i = 0; i < w->n && p->rings; i++) {
    const Stage *s = &w->stage[i];
    if (!move(s, p, closed, cut, err)) return false;
    if (s->field && closed && !poly_clean(p, &folded, err)) return false;
    if (!clip(p, s->out_w, s->out_h, closed, cut, err)) return false;
  }
  return true;
}

bool carry_back(const Warp *w, Poly *p, Err *err) {
  if (bends(w) && !densify(p, 4.0, true, err)) return false;
  for (int i = 0; i < p->points; i++) {
    double *q = p->xy + 2 * (size_t)i;
    warp_source(w, q[0], q[1], q);
  }
  return true;
}

/* Area in the input of what is left, without what the covers hide. */
static bool left_area(const Warp *w, const Poly *p, const Poly *covers, double *area, Err *err) {
  Poly back;
  bool changed, ok;
  poly_init(&back);
  ok = poly_copy(&back, p, err) && carry_back(w, &back, err);
  if (ok && covers)
    for (int k = 0; ok && k < covers->rings; k++) {
      const double *xy = poly_xy(covers, k);
      ok = poly_ring(&back, true, err);
      for (int i = 0; ok && i < covers->ring[k].n; i++) ok = poly_point(&back, xy[2 * i], xy[2 * i + 1], err);
    }
  if (ok && covers && covers->rings) ok = poly_clean(&back, &changed, err);
  if (ok) *area = poly_area(&back);
  poly_clear(&back);
  return ok;
}

static double share(double part, double whole) {
  double s = whole > 0.0 ? part / whole : 0.0;
  return s < 0.0 ? 0.0 : s > 1.0 - 1e-9 ? 1.0 : s;
}

bool carry_poly(const Warp *w, Poly *p, const Poly *covers, double *seen, bool *cut, Err *err) {
  double whole, left = 0.0;
  bool covered = covers && covers->rings;
  *cut = false;
  *seen = 0.0;
  if (!clip(p, w->in_w, w->in_h, true, cut, err)) return false;
  whole = left = poly_area(p);
  if (!run(w, p, true, cut, err)) return false;
  if (!p->rings) return true;
  if (!*cut && !covered) left = whole;
  else if (!left_area(w, p, covered ? covers : NULL, &left, err)) return false;
  *seen = share(left, whole);
  return !bends(w) || poly_simplify(p, THINNED, true, err);
}

bool carry_lines(const Warp *w, Poly *p, double *seen, bool *cut, Err *err) {
  *cut = false;
  *seen = 0.0;
  if (!clip(p, w->in_w, w->in_h, false, cut, err)) return false;
  double whole = line_length(p);
  if (!run(w, p, false, cut, err)) return false;
  Poly back;
  poly_init(&back);
  bool ok = poly_copy(&back, p, err);
  for (int i = 0; ok && i < back.points; i++) warp_source(w, back.xy[2 * (size_t)i], back.xy[2 * (size_t)i + 1], back.xy + 2 * (size_t)i);
  if (ok) *seen = !p->rings ? 0.0 : *cut ? share(line_length(&back), whole) : 1.0;
  poly_clear(&back);
  return ok && (!bends(w) || poly_simplify(p, THINNED, false, err));
}

bool carry_outline(const Warp *w, Poly *p, Err *err) {
  bool cut;
  for (int i = 0; i < w->n; i++)
    if (!move(&w->stage[i], p, true, &cut, err)) return false;
  return true;
}

bool carry_point(const Warp *w, double x, double y, double out[2]) {
  bool in = x >= 0.0 && y >= 0.0 && x <= w->in_w && y <= w->in_h;
  out[0] = x;
  out[1] = y;
  for (int i = 0; i < w->n; i++) {
    const Stage *s = &w->stage[i];
    bool good = s->field ? field_invert(s->field, out[0], out[1], out) : mat_point(s->fore, out[0], out[1], out);
    in = in && good && out[0] >= 0.0 && out[1] >= 0.0 && out[0] <= s->out_w && out[1] <= s->out_h;
  }
  return in;
}

bool warp_mirrors(const Warp *w) {
  bool mirrored = false;
  double x = w->in_w / 2.0, y = w->in_h / 2.0;
  for (int i = 0; i < w->n; i++) { /* fields bend, they do not mirror */
    const double *m = w->stage[i].fore;
    double p[2];
    if (w->stage[i].field || !mat_point(m, x, y, p)) continue;
    double k = m[6] * x + m[7] * y + m[8];
    double a = (m[0] - p[0] * m[6]) / k, b = (m[1] - p[0] * m[7]) / k, c = (m[3] - p[1] * m[6]) / k, d = (m[4] - p[1] * m[7]) / k;
    if (a * d - b * c < 0.0) mirrored = !mirrored;
    x = w->stage[i].out_w / 2.0;
    y = w->stage[i].out_h / 2.0;
  }
  return mirrored;
}
