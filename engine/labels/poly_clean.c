/* Clean outlines from what people draw: bow ties, parts on top of each other,
 * holes that stick out. Where nothing crosses, nothing is touched. Otherwise
 * all sides are split where they meet, each piece is asked what lies on its two
 * sides, and the pieces between inside and outside are linked into rings.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "labels/poly.h"

#define GRID 65536.0 /* meeting points are rounded to 1 / GRID px */
#define ASIDE 1e-4   /* px: how far beside a piece we look, well beyond the rounding */
#define FAR 1e7      /* px */

typedef struct Side {
  double a[2], b[2]; /* a is the lexically smaller end */
} Side;

static int compare(const double *p, const double *q) {
  if (p[0] != q[0]) return p[0] < q[0] ? -1 : 1;
  return (p[1] > q[1]) - (p[1] < q[1]);
}

static int by_ends(const void *x, const void *y) {
  const Side *s = x, *t = y;
  int c = compare(s->a, t->a);
  return c ? c : compare(s->b, t->b);
}

static Side side(const double *p, const double *q) {
  bool keep = compare(p, q) <= 0;
  const double *a = keep ? p : q, *b = keep ? q : p;
  return (Side){{a[0], a[1]}, {b[0], b[1]}};
}

static double turn(const double *a, const double *b, const double *c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/* All sides longer than nothing, sorted by their left ends; NULL: ERR_MEMORY. */
static Side *sides_of(const Poly *p, int *count, Err *err) {
  Side *s = mem_alloc((size_t)p->points + 1, sizeof *s);
  int n = 0;
  if (!s) return err_memory(err), NULL;
  for (int k = 0; k < p->rings; k++) {
    const double *xy = poly_xy(p, k);
    int m = p->ring[k].n;
    for (int i = 0; i < m; i++) {
      const double *a = xy + 2 * i, *b = xy + 2 * (i + 1 == m ? 0 : i + 1);
      if (a[0] != b[0] || a[1] != b[1]) s[n++] = side(a, b);
    }
  }
  qsort(s, (size_t)n, sizeof *s, by_ends);
  *count = n;
  return s;
}

static bool apart(const Side *s, const Side *t) {
  return fmax(s->a[1], s->b[1]) < fmin(t->a[1], t->b[1]) || fmin(s->a[1], s->b[1]) > fmax(t->a[1], t->b[1]);
}

static bool crosses(const Side *s, const Side *t) {
  double a = turn(s->a, s->b, t->a), b = turn(s->a, s->b, t->b), c = turn(t->a, t->b, s->a), d = turn(t->a, t->b, s->b);
  return ((a > 0 && b < 0) || (a < 0 && b > 0)) && ((c > 0 && d < 0) || (c < 0 && d > 0));
}

static bool any_crossing(const Side *s, int n) {
  for (int i = 0; i < n; i++)
    for (int j = i + 1; j < n && s[j].a[0] <= s[i].b[0]; j++)
      if (!apart(&s[i], &s[j]) && crosses(&s[i], &s[j])) return true;
  return false;
}

static int by_top(const void *x, const void *y) {
  const Side *s = x, *t = y;
  double a = fmin(s->a[1], s->b[1]), b = fmin(t->a[1], t->b[1]);
  return (a > b) - (a < b);
}

static int by_value(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static double x_at(const Side *s, double y) { return s->a[0] + (s->b[0] - s->a[0]) * ((y - s->a[1]) / (s->b[1] - s->a[1])); }

/* Area between the 1st and 2nd, 3rd and 4th ... of the active sides in the slab y0..y1, which holds no end of a side. */
static double slab(const Side *s, const int *active, int n, double y0, double y1, double *x) {
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    double v = x_at(&s[active[i]], (y0 + y1) / 2.0);
    int j = i;
    for (; j > 0 && x[j - 1] > v; j--) x[j] = x[j - 1];
    x[j] = v;
  }
  for (int i = 0; i + 1 < n; i += 2) sum += (x[i + 1] - x[i]) * (y1 - y0);
  return sum;
}

/* Area that an odd number of rings encloses, for sides that cross at their ends at most. Re-sorts s. */
static bool odd_area(Side *s, int n, double *area, Err *err) {
  double *y = mem_alloc((size_t)n + 1, 3 * sizeof *y), *x = y + 2 * ((size_t)n + 1);
  int *active = mem_alloc((size_t)n + 1, sizeof *active), m = 0, next = 0;
  bool ok = (y && active) || err_memory(err);
  *area = 0.0;
  for (int i = 0; ok && i < n; i++) y[2 * i] = s[i].a[1], y[2 * i + 1] = s[i].b[1];
  if (ok) {
    qsort(y, 2 * (size_t)n, sizeof *y, by_value);
    qsort(s, (size_t)n, sizeof *s, by_top);
  }
  for (int k = 0; ok && k + 1 < 2 * n; k++) {
    if (y[k] == y[k + 1]) continue;
    int kept = 0;
    for (; next < n && fmin(s[next].a[1], s[next].b[1]) <= y[k]; next++)
      if (s[next].a[1] != s[next].b[1]) active[m++] = next;
    for (int i = 0; i < m; i++)
      if (fmax(s[active[i]].a[1], s[active[i]].b[1]) > y[k]) active[kept++] = active[i];
    m = kept;
    *area += slab(s, active, m, y[k], y[k + 1], x);
  }
  mem_free(y);
  mem_free(active);
  return ok;
}

/* --- splitting: pieces are sides that meet only at their ends --- */

typedef struct Cuts {
  double *at; /* x, y, number of the side, position along it */
  int n, cap;
} Cuts;

static bool add_cut(Cuts *c, const Side *s, int i, double x, double y, Err *err) {
  const double p[2] = {x, y};
  if (!compare(p, s[i].a) || !compare(p, s[i].b)) return true;
  if (c->n == c->cap) {
    int cap = c->cap ? 2 * c->cap : 64;
    if (cap > 64 * POLY_REPAIR_MAX) return err_set(err, ERR_USAGE, "polygon: crosses itself too often to be sorted out");
    double *at = mem_realloc(c->at, (size_t)cap, 4 * sizeof *at);
    if (!at) return err_memory(err);
    c->at = at;
    c->cap = cap;
  }
  double dx = s[i].b[0] - s[i].a[0], dy = s[i].b[1] - s[i].a[1];
  double *q = c->at + 4 * (size_t)c->n++;
  q[0] = x, q[1] = y, q[2] = i;
  q[3] = (x - s[i].a[0]) * dx + (y - s[i].a[1]) * dy;
  return true;
}

static bool on(const Side *s, const double *p) {
  double dx = s->b[0] - s->a[0], dy = s->b[1] - s->a[1], len = fm_hypot(dx, dy);
  double along = ((p[0] - s->a[0]) * dx + (p[1] - s->a[1]) * dy) / len;
  return fabs(turn(s->a, s->b, p)) / len < 0.5 / GRID && along > 0.0 && along < len;
}

static bool meet(Cuts *c, const Side *s, int i, int j, Err *err) {
  const Side *p = &s[i], *q = &s[j];
  const double *end[2] = {p->a, p->b}, *other[2] = {q->a, q->b};
  bool touch = false;
  for (int k = 0; k < 2; k++) {
    if (on(q, end[k]) && (touch = true) && !add_cut(c, s, j, end[k][0], end[k][1], err)) return false;
    if (on(p, other[k]) && (touch = true) && !add_cut(c, s, i, other[k][0], other[k][1], err)) return false;
  }
  if (touch || !crosses(p, q)) return true;
  double d = turn(q->a, q->b, p->a), e = turn(q->a, q->b, p->b), t = d / (d - e);
  double x = floor((p->a[0] + (p->b[0] - p->a[0]) * t) * GRID + 0.5) / GRID;
  double y = floor((p->a[1] + (p->b[1] - p->a[1]) * t) * GRID + 0.5) / GRID;
  return add_cut(c, s, i, x, y, err) && add_cut(c, s, j, x, y, err);
}

static int by_side(const void *x, const void *y) {
  const double *a = x, *b = y;
  if (a[2] != b[2]) return a[2] < b[2] ? -1 : 1;
  return (a[3] > b[3]) - (a[3] < b[3]);
}

static int unique(Side *s, int n) {
  int m = 0;
  qsort(s, (size_t)n, sizeof *s, by_ends);
  for (int i = 0; i < n; i++)
    if (compare(s[i].a, s[i].b) && (!m || by_ends(&s[m - 1], &s[i]))) s[m++] = s[i];
  return m;
}

/* The pieces, each once; NULL with *err. */
static Side *pieces_of(const Side *s, int n, int *count, Err *err) {
  Cuts c = {0};
  Side *out = NULL;
  for (int i = 0; i < n; i++)
    for (int j = i + 1; j < n && s[j].a[0] <= s[i].b[0]; j++)
      if (!apart(&s[i], &s[j]) && !meet(&c, s, i, j, err)) goto done;
  if (c.n) qsort(c.at, (size_t)c.n, 4 * sizeof *c.at, by_side);
  if (!(out = mem_alloc((size_t)n + (size_t)c.n + 1, sizeof *out))) {
    err_memory(err);
    goto done;
  }
  int m = 0, k = 0;
  for (int i = 0; i < n; i++) {
    const double *from = s[i].a;
    for (; k < c.n && c.at[4 * (size_t)k + 2] == i; k++) {
      out[m++] = side(from, c.at + 4 * (size_t)k);
      from = c.at + 4 * (size_t)k;
    }
    out[m++] = side(from, s[i].b);
  }
  *count = unique(out, m);
done:
  mem_free(c.at);
  return out;
}

/* --- linking --- */

/* More parts than holes: an island in a hole is in, so is a hole in one part that another covers. */
static bool inside(const Poly *p, double x, double y) {
  int depth = 0;
  for (int k = 0; k < p->rings; k++)
    if (ring_contains(poly_xy(p, k), p->ring[k].n, x, y)) depth += p->ring[k].hole ? -1 : 1;
  return depth > 0;
}

/* Keep the pieces between inside and outside, directed so that the inside is on the left of a to b (y down: turn < 0). */
static int keep_borders(const Poly *p, Side *s, int n) {
  int m = 0;
  for (int i = 0; i < n; i++) {
    double dx = s[i].b[0] - s[i].a[0], dy = s[i].b[1] - s[i].a[1], len = fm_hypot(dx, dy);
    double x = (s[i].a[0] + s[i].b[0]) / 2.0, y = (s[i].a[1] + s[i].b[1]) / 2.0, ox = dy / len * ASIDE, oy = -dx / len * ASIDE;
    bool left = inside(p, x + ox, y + oy), right = inside(p, x - ox, y - oy);
    if (left == right) continue;
    Side t = s[i];
    if (right) {
      memcpy(t.a, s[i].b, sizeof t.a);
      memcpy(t.b, s[i].a, sizeof t.b);
    }
    s[m++] = t;
  }
  qsort(s, (size_t)m, sizeof *s, by_ends);
  return m;
}

/* First piece that starts at p. */
static int starting_at(const Side *s, int n, const double *p) {
  int lo = 0, hi = n;
  while (lo < hi) {
    int mid = (lo + hi) / 2;
    if (compare(s[mid].a, p) < 0) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/* Of the unused pieces that leave the end of `from`, the one that turns furthest to the left; -1: none. */
static int next_piece(const Side *s, int n, const bool *used, int from) {
  const double *p = s[from].a, *q = s[from].b;
  int best = -1;
  double most = -INFINITY;
  for (int i = starting_at(s, n, q); i < n && !compare(s[i].a, q); i++) {
    if (used[i]) continue;
    double ux = q[0] - p[0], uy = q[1] - p[1], vx = s[i].b[0] - q[0], vy = s[i].b[1] - q[1];
    double angle = fm_atan2(-(ux * vy - uy * vx), ux * vx + uy * vy);
    if (angle > most) most = angle, best = i;
  }
  return best;
}

static bool link(const Side *s, int n, Poly *out, Err *err) {
  bool *used = mem_calloc((size_t)n + 1, sizeof *used), ok = used || err_memory(err);
  for (int start = 0; ok && start < n; start++) {
    if (used[start]) continue;
    int i = start;
    ok = poly_ring(out, false, err);
    while (ok && i >= 0) {
      used[i] = true;
      ok = poly_point(out, s[i].a[0], s[i].a[1], err);
      if (!compare(s[i].b, s[start].a)) break;
      i = next_piece(s, n, used, i);
    }
    if (ok && i < 0) { /* rounding left a piece that leads nowhere: not a ring */
      out->points = out->ring[out->rings - 1].at;
      out->rings--;
    } else if (ok) {
      poly_drop_small(out, 3);
    }
  }
  mem_free(used);
  return ok && poly_nest(out, err);
}

static bool check_points(const Poly *p, Err *err) {
  for (int i = 0; i < 2 * p->points; i++)
    if (!(fabs(p->xy[i]) <= FAR))
      return err_set(err, ERR_USAGE, "polygon: coordinate %d is %g, a number within %.0f px expected", i + 1, p->xy[i], FAR);
  return true;
}

/* Rings of fewer than three points or without area enclose nothing. */
static bool drop_flat(Poly *p, Err *err) {
  Poly out;
  bool ok = true;
  poly_init(&out);
  for (int k = 0; ok && k < p->rings; k++) {
    const double *xy = poly_xy(p, k);
    double around = 0.0;
    int m = p->ring[k].n;
    for (int i = 0, j = m - 1; i < m; j = i++) around += fabs(xy[2 * i] - xy[2 * j]) + fabs(xy[2 * i + 1] - xy[2 * j + 1]);
    ok = poly_ring(&out, p->ring[k].hole, err);
    for (int i = 0; ok && m > 2 && around > 0.0 && i < m; i++) ok = poly_point(&out, xy[2 * i], xy[2 * i + 1], err);
    if (ok && out.ring[out.rings - 1].n < 3) out.rings--;
  }
  if (ok) poly_swap(p, &out);
  poly_clear(&out);
  return ok;
}

/* Do the rings nest as their kinds say: parts in nothing or in a hole, holes in a part? */
static bool nests(const Poly *p, Poly *scratch, bool *yes, Err *err) {
  *yes = true;
  if (p->rings == 1) {
    *yes = !p->ring[0].hole;
    return true;
  }
  if (!poly_copy(scratch, p, err) || !poly_nest(scratch, err)) return false;
  for (int k = 0; k < p->rings; k++) *yes = *yes && scratch->ring[k].hole == p->ring[k].hole;
  return true;
}

static bool rebuild(Poly *p, const Side *s, int n, Poly *out, Err *err) {
  if (p->points > POLY_REPAIR_MAX)
    return err_set(err, ERR_USAGE, "polygon: crosses itself and has %d points, at most %d can be sorted out", p->points, POLY_REPAIR_MAX);
  int m = 0;
  Side *piece = pieces_of(s, n, &m, err);
  if (!piece) return false;
  m = keep_borders(p, piece, m);
  poly_reset(out);
  bool ok = link(piece, m, out, err);
  if (ok) poly_swap(p, out);
  mem_free(piece);
  return ok;
}

/* Nothing crosses, and what the rings add up to is what they enclose (they may meet in points and along sides). */
static bool is_good(const Poly *p, Side *s, int n, bool *good, Err *err) {
  double odd;
  if (*good && any_crossing(s, n)) *good = false;
  if (!*good) return true;
  if (!odd_area(s, n, &odd, err)) return false;
  *good = fabs(odd - poly_area(p)) <= 1e-7 * (1.0 + odd);
  qsort(s, (size_t)n, sizeof *s, by_ends);
  return true;
}

bool poly_clean(Poly *p, bool *changed, Err *err) {
  int n = 0, before = p->rings;
  bool good = false, ok;
  *changed = false;
  if (!check_points(p, err) || !drop_flat(p, err)) return false;
  *changed = p->rings != before;
  if (!p->rings) return true;
  Poly other;
  poly_init(&other);
  Side *s = sides_of(p, &n, err);
  ok = s && nests(p, &other, &good, err) && is_good(p, s, n, &good, err);
  if (ok && !good) {
    *changed = true;
    ok = rebuild(p, s, n, &other, err);
  }
  mem_free(s);
  poly_clear(&other);
  return ok;
}
