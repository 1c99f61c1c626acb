/* Cutting polygons along a straight line, exactly. The sides of all rings that
 * cross the line come apart into chains; along the line the inside lies between
 * the first and second crossing, the third and fourth and so on, and these
 * stretches join the chains again. So a comb loses its teeth one by one, each a
 * part of its own, and a hole that reaches the edge becomes a notch.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "labels/poly.h"

typedef struct Line {
  double a, b, c;
} Line;

static double side_of(const Line *l, const double *p) { return l->a * p[0] + l->b * p[1] + l->c; }

/* Where the side from p to q meets the line; on it to the bit when it is upright or level. */
static void meet(const Line *l, const double *p, const double *q, double out[2]) {
  double d = side_of(l, p), e = side_of(l, q), t = d / (d - e);
  out[0] = l->b == 0.0 ? -l->c / l->a : p[0] + (q[0] - p[0]) * t;
  out[1] = l->a == 0.0 ? -l->c / l->b : p[1] + (q[1] - p[1]) * t;
}

/* A run of points of one ring inside the half-plane, with the crossings before and after it. */
typedef struct Chain {
  int ring, first, n;      /* points first .. first + n - 1, around the ring */
  double enter[2], leave[2];
  bool used;
} Chain;

typedef struct Crossing {
  double t; /* along the line */
  int chain, end; /* end 0: where it enters */
} Crossing;

static int along(const void *x, const void *y) {
  const Crossing *a = x, *b = y;
  if (a->t != b->t) return a->t < b->t ? -1 : 1;
  if (a->chain != b->chain) return a->chain < b->chain ? -1 : 1;
  return a->end - b->end;
}

/* The chains of ring k, appended at chain[n]; returns the new count. Room for n / 2 + 1 more is needed. */
static int find_chains(const Poly *in, int k, const Line *l, Chain *chain, int n) {
  const double *xy = poly_xy(in, k);
  int m = in->ring[k].n;
  for (int i = 0; i < m; i++) {
    int before = i ? i - 1 : m - 1, run = 1;
    if (side_of(l, xy + 2 * i) < 0.0 || side_of(l, xy + 2 * before) >= 0.0) continue;
    while (side_of(l, xy + 2 * ((i + run) % m)) >= 0.0) run++;
    Chain *c = &chain[n++];
    *c = (Chain){.ring = k, .first = i, .n = run};
    meet(l, xy + 2 * before, xy + 2 * i, c->enter);
    meet(l, xy + 2 * ((i + run - 1) % m), xy + 2 * ((i + run) % m), c->leave);
  }
  return n;
}

static bool emit(const Poly *in, const Chain *c, bool forward, Poly *out, Err *err) {
  const double *xy = poly_xy(in, c->ring), *from = forward ? c->enter : c->leave, *to = forward ? c->leave : c->enter;
  int m = in->ring[c->ring].n;
  if (!poly_point(out, from[0], from[1], err)) return false;
  for (int i = 0; i < c->n; i++) {
    const double *p = xy + 2 * ((c->first + (forward ? i : c->n - 1 - i)) % m);
    if (!poly_point(out, p[0], p[1], err)) return false;
  }
  return poly_point(out, to[0], to[1], err);
}

/* Follow chains and stretches of the line until the ring closes. */
static bool join(const Poly *in, Chain *chain, int n, Crossing *cross, int *place, Poly *out, Err *err) {
  for (int i = 0; i < n; i++)
    for (int e = 0; e < 2; e++) cross[2 * i + e].chain = i, cross[2 * i + e].end = e;
  qsort(cross, 2 * (size_t)n, sizeof *cross, along);
  for (int i = 0; i < 2 * n; i++) place[2 * cross[i].chain + cross[i].end] = i;
  for (int start = 0; start < n; start++) {
    if (chain[start].used) continue;
    if (!poly_ring(out, false, err)) return false;
    int c = start, end = 0;
    do {
      chain[c].used = true;
      if (!emit(in, &chain[c], end == 0, out, err)) return false;
      const Crossing *next = &cross[place[2 * c + !end] ^ 1];
      c = next->chain, end = next->end;
    } while (!chain[c].used);
    poly_drop_small(out, 3);
  }
  return true;
}

/* Copy a ring that is wholly inside; returns whether it was inside or outside as a whole (handled) in *whole. */
static bool take_whole(const Poly *in, int k, const Line *l, Poly *out, bool *whole, bool *cut, Err *err) {
  const double *xy = poly_xy(in, k);
  int m = in->ring[k].n, inside = 0;
  for (int i = 0; i < m; i++) inside += side_of(l, xy + 2 * i) >= 0.0;
  *whole = inside == 0 || inside == m;
  if (inside < m) *cut = true;
  if (inside < m || !m) return true;
  if (!poly_ring(out, in->ring[k].hole, err)) return false;
  for (int i = 0; i < m; i++)
    if (!poly_point(out, xy[2 * i], xy[2 * i + 1], err)) return false;
  return true;
}

bool poly_cut(const Poly *in, double a, double b, double c, Poly *out, bool *cut, Err *err) {
  const Line l = {a, b, c};
  int n = 0;
  size_t room = (size_t)in->points / 2 + (size_t)in->rings + 1;
  Chain *chain = mem_alloc(room, sizeof *chain);
  Crossing *cross = mem_alloc(room, 2 * sizeof *cross);
  int *place = mem_alloc(room, 2 * sizeof *place);
  bool ok = (chain && cross && place) || err_memory(err), whole;
  poly_reset(out);
  for (int k = 0; ok && k < in->rings; k++) {
    ok = take_whole(in, k, &l, out, &whole, cut, err);
    if (ok && !whole) n = find_chains(in, k, &l, chain, n);
  }
  if (ok && n) {
    for (int i = 0; i < n; i++) {
      cross[2 * i].t = -b * chain[i].enter[0] + a * chain[i].enter[1];
      cross[2 * i + 1].t = -b * chain[i].leave[0] + a * chain[i].leave[1];
    }
    ok = join(in, chain, n, cross, place, out, err);
    ok = ok && poly_nest(out, err);
  }
  mem_free(chain);
  mem_free(cross);
  mem_free(place);
  return ok;
}

bool line_cut(const Poly *in, double a, double b, double c, Poly *out, bool *cut, Err *err) {
  const Line l = {a, b, c};
  poly_reset(out);
  for (int k = 0; k < in->rings; k++) {
    const double *xy = poly_xy(in, k);
    bool open = false;
    for (int i = 0; i < in->ring[k].n; i++) {
      const double *p = xy + 2 * i;
      bool now = side_of(&l, p) >= 0.0, was = i > 0 && side_of(&l, p - 2) >= 0.0;
      double at[2];
      if (!now) *cut = true;
      if (i > 0 && now != was) {
        meet(&l, p - 2, p, at);
        if (now && !poly_ring(out, false, err)) return false;
        open = true;
        if (!poly_point(out, at[0], at[1], err)) return false;
        if (!now) poly_drop_small(out, 2), open = false;
      }
      if (now && !open) {
        if (!poly_ring(out, false, err)) return false;
        open = true;
      }
      if (now && !poly_point(out, p[0], p[1], err)) return false;
    }
    if (open) poly_drop_small(out, 2);
  }
  return true;
}

typedef bool Cutter(const Poly *in, double a, double b, double c, Poly *out, bool *cut, Err *err);

static bool clip(Poly *p, double x0, double y0, double x1, double y1, Cutter *cutter, bool *cut, Err *err) {
  const double sides[4][3] = {{1, 0, -x0}, {-1, 0, x1}, {0, 1, -y0}, {0, -1, y1}};
  double box[4];
  if (!poly_bounds(p, box)) return true;
  if (box[0] >= x0 && box[1] >= y0 && box[2] <= x1 && box[3] <= y1) return true;
  Poly next;
  poly_init(&next);
  bool ok = true;
  for (int i = 0; ok && i < 4; i++) {
    ok = cutter(p, sides[i][0], sides[i][1], sides[i][2], &next, cut, err);
    if (ok) poly_swap(p, &next);
  }
  poly_clear(&next);
  return ok;
}

bool poly_clip(Poly *p, double x0, double y0, double x1, double y1, bool *cut, Err *err) {
  return clip(p, x0, y0, x1, y1, poly_cut, cut, err);
}

bool line_clip(Poly *p, double x0, double y0, double x1, double y1, bool *cut, Err *err) {
  return clip(p, x0, y0, x1, y1, line_cut, cut, err);
}

double line_length(const Poly *p) {
  double sum = 0.0;
  for (int k = 0; k < p->rings; k++) {
    const double *xy = poly_xy(p, k);
    for (int i = 1; i < p->ring[k].n; i++) sum += fm_hypot(xy[2 * i] - xy[2 * i - 2], xy[2 * i + 1] - xy[2 * i - 1]);
  }
  return sum;
}
