/* Polygons to masks and back. A pixel is in when its centre is; the way back
 * follows the pixels' edges, so its area is the count. Pixels that only touch at
 * a corner are apart. SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "labels/poly.h"

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sides that reach the centre line of a row, found by rows: first[y] heads a list. */
typedef struct Sweep {
  int *first, *next, *active;
  double *x;
} Sweep;

static bool sweep_new(Sweep *s, int points, int h) {
  *s = (Sweep){0};
  s->first = mem_alloc((size_t)h, sizeof *s->first);
  s->next = mem_alloc((size_t)points + 1, sizeof *s->next);
  s->active = mem_alloc((size_t)points + 1, sizeof *s->active);
  s->x = mem_alloc((size_t)points + 1, sizeof *s->x);
  return s->first && s->next && s->active && s->x;
}

static void sweep_free(Sweep *s) {
  mem_free(s->first);
  mem_free(s->next);
  mem_free(s->active);
  mem_free(s->x);
}

/* End points of side i (of all points); `last` is the point after each ring's last. */
static const double *second(const Poly *p, const int *after, int i) { return p->xy + 2 * (size_t)after[i]; }

static int row_from(double y) { return (int)fmax(0.0, ceil(fmin(y, 1e9) - 0.5)); } /* first row whose centre is at y or below */

static void list_sides(const Poly *p, const int *after, Sweep *s, int h) {
  for (int y = 0; y < h; y++) s->first[y] = -1;
  for (int i = p->points - 1; i >= 0; i--) {
    double a = p->xy[2 * (size_t)i + 1], b = second(p, after, i)[1];
    if (a == b) continue;
    int y = row_from(fmin(a, b));
    if (y >= h || y + 0.5 >= fmax(a, b)) continue;
    s->next[i] = s->first[y];
    s->first[y] = i;
  }
}

static void fill_row(uint8_t *row, int w, const double *x, int n, uint8_t value) {
  for (int i = 0; i + 1 < n; i += 2) {
    double a = fmax(0.0, ceil(x[i] - 0.5)), b = fmin(w, ceil(x[i + 1] - 0.5));
    if (b > a) memset(row + (size_t)a, value, (size_t)(b - a));
  }
}

static void fill(const Poly *p, const int *after, Sweep *s, Image *im, uint8_t value) {
  int n = 0;
  for (int y = 0; y < im->h; y++) {
    double c = y + 0.5;
    int m = 0, k = 0;
    for (int i = s->first[y]; i >= 0; i = s->next[i]) s->active[n++] = i;
    for (int i = 0; i < n; i++) {
      const double *a = p->xy + 2 * (size_t)s->active[i], *b = second(p, after, s->active[i]);
      if (fmax(a[1], b[1]) <= c) continue;
      s->active[k++] = s->active[i];
      s->x[m++] = a[0] + (b[0] - a[0]) * ((c - a[1]) / (b[1] - a[1]));
    }
    n = k;
    qsort(s->x, (size_t)m, sizeof *s->x, by_value);
    fill_row(image_row(im, y), im->w, s->x, m, value);
  }
}

Image *poly_mask(const Poly *p, int w, int h, uint8_t value, Err *err) {
  Image *im = image_new(w, h, 1, IMAGE_U8, false, err);
  Sweep s;
  if (!im) return NULL;
  for (int y = 0; y < h; y++) memset(image_row(im, y), 0, (size_t)w);
  int *after = mem_alloc((size_t)p->points + 1, sizeof *after);
  if (sweep_new(&s, p->points, h) && after) {
    for (int k = 0; k < p->rings; k++)
      for (int i = 0, n = p->ring[k].n; i < n; i++) after[p->ring[k].at + i] = p->ring[k].at + (i + 1) % n;
    list_sides(p, after, &s, h);
    fill(p, after, &s, im, value);
  } else {
    image_unref(im);
    im = NULL;
    err_memory(err);
  }
  sweep_free(&s);
  mem_free(after);
  return im;
}

static bool is_set(const Image *m, int x, int y) {
  if (x < 0 || y < 0 || x >= m->w || y >= m->h) return false;
  return m->type == IMAGE_U8 ? image_row(m, y)[(size_t)x * (size_t)m->c] != 0 : image_row_f(m, y)[(size_t)x * (size_t)m->c] != 0.0f;
}

/* Corners of pixels; a side is one pixel long, the set pixel on its right hand as it goes: 0 right, 1 down, 2 left, 3 up. */
static const int DX[4] = {1, 0, -1, 0}, DY[4] = {0, 1, 0, -1};

static bool is_side(const Image *m, int x, int y, int d) {
  static const int in[4][2] = {{0, 0}, {-1, 0}, {-1, -1}, {0, -1}}, out[4][2] = {{0, -1}, {0, 0}, {-1, 0}, {-1, -1}};
  return is_set(m, x + in[d][0], y + in[d][1]) && !is_set(m, x + out[d][0], y + out[d][1]);
}

/* One ring from a side that goes right at (x, y); marks such sides in seen. Turning right first keeps corners apart. */
static bool trace(const Image *m, int x, int y, uint8_t *seen, Poly *out, Err *err) {
  int x0 = x, y0 = y, d = 0;
  if (!poly_ring(out, false, err)) return false;
  do {
    if (!poly_point(out, x, y, err)) return false;
    do { /* straight on */
      if (d == 0) seen[(size_t)y * (size_t)m->w + (size_t)x] = 1;
      x += DX[d];
      y += DY[d];
      if (is_side(m, x, y, (d + 1) & 3)) { d = (d + 1) & 3; break; }
      if (is_side(m, x, y, d)) continue;
      d = (d + 3) & 3;
      break;
    } while (true);
  } while (x != x0 || y != y0 || d != 0);
  /* clockwise on the screen is an outline, the other way a hole */
  out->ring[out->rings - 1].hole = ring_area(poly_xy(out, out->rings - 1), out->ring[out->rings - 1].n) < 0.0;
  return true;
}

bool mask_poly(const Image *m, Poly *out, Err *err) {
  uint8_t *seen = mem_calloc((size_t)m->w * (size_t)m->h, 1);
  bool ok = seen || err_memory(err);
  poly_reset(out);
  for (int y = 0; ok && y < m->h; y++)
    for (int x = 0; ok && x < m->w; x++)
      if (is_side(m, x, y, 0) && !seen[(size_t)y * (size_t)m->w + (size_t)x] && !is_side(m, x - 1, y, 0)) ok = trace(m, x, y, seen, out, err);
  mem_free(seen);
  return ok;
}

uint64_t mask_bounds(const Image *m, int box[4]) {
  uint64_t count = 0;
  int b[4] = {m->w, m->h, 0, 0};
  for (int y = 0; y < m->h; y++) {
    int x0 = m->w, x1 = 0;
    for (int x = 0; x < m->w; x++)
      if (is_set(m, x, y)) {
        count++;
        if (x < x0) x0 = x;
        x1 = x + 1;
      }
    if (!x1) continue;
    if (x0 < b[0]) b[0] = x0;
    if (x1 > b[2]) b[2] = x1;
    if (y < b[1]) b[1] = y;
    b[3] = y + 1;
  }
  if (count) memcpy(box, b, sizeof b);
  return count;
}
