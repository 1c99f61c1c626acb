/* Runs and confusion counts.
 * SPDX-License-Identifier: MIT */
#include "labels/overlap.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "labels/rle.h"

void runs_init(Runs *r, int w, int h) { *r = (Runs){.w = w, .h = h}; }

void runs_clear(Runs *r) {
  mem_free(r->at);
  r->at = NULL;
  r->n = r->cap = 0;
}

static uint64_t pixels(const Runs *r) { return (uint64_t)r->w * (uint64_t)r->h; }

/* Starts never fall. */
static bool push(Runs *r, uint64_t from, uint64_t to, Err *err) {
  if (from >= to) return true;
  if (r->n && r->at[2 * r->n - 1] == from) {
    r->at[2 * r->n - 1] = to;
    return true;
  }
  if (r->n == r->cap) {
    size_t cap = r->cap ? 2 * r->cap : 16;
    uint64_t *at = mem_realloc(r->at, cap, 2 * sizeof *at);
    if (!at) return err_memory(err);
    r->at = at, r->cap = cap;
  }
  r->at[2 * r->n] = from;
  r->at[2 * r->n + 1] = to;
  r->n++;
  return true;
}

/* One more stretch, of which `k` came before. */
static bool stretch(Runs *r, size_t k, uint64_t *at, uint64_t count, Err *err) {
  if (count > pixels(r) - *at)
    return err_set(err, ERR_DAMAGED, "count %zu reaches beyond the %" PRIu64 " pixels of %d x %d", k + 1, pixels(r), r->w, r->h);
  if (k % 2 && !push(r, *at, *at + count, err)) return false;
  *at += count;
  return true;
}

static bool covered(const Runs *r, uint64_t at, Err *err) {
  if (at == pixels(r)) return true;
  return err_set(err, ERR_DAMAGED, "counts cover %" PRIu64 " of the %" PRIu64 " pixels of %d x %d", at, pixels(r), r->w, r->h);
}

bool runs_from_counts(Runs *r, const uint64_t *count, size_t n, Err *err) {
  uint64_t at = 0;
  for (size_t k = 0; k < n; k++)
    if (!stretch(r, k, &at, count[k], err)) return false;
  return covered(r, at, err);
}

bool runs_from_text(Runs *r, const char *s, size_t n, Err *err) {
  Rle rle = {0};
  uint64_t at = 0;
  bool ok = rle_read(&rle, s, n, err);
  for (int k = 0; ok && k < rle.n; k++) ok = stretch(r, (size_t)k, &at, rle.count[k], err);
  rle_clear(&rle);
  return ok && covered(r, at, err);
}

bool runs_from_image(Runs *r, const Image *im, Err *err) {
  r->w = im->w, r->h = im->h;
  for (int x = 0; x < im->w; x++) {
    uint64_t from = 0;
    bool in = false;
    for (int y = 0; y < im->h; y++) {
      bool set = im->type == IMAGE_U8 ? image_row(im, y)[x * im->c] != 0 : image_row_f(im, y)[x * im->c] != 0;
      uint64_t at = (uint64_t)x * (uint64_t)im->h + (uint64_t)y;
      if (set && !in) from = at;
      if (!set && in && !push(r, from, at, err)) return false;
      in = set;
    }
    if (in && !push(r, from, (uint64_t)(x + 1) * (uint64_t)im->h, err)) return false;
  }
  return true;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Where the ring crosses the vertical line at cx: sorted y, returns how many. */
static size_t crossings(const RingView *ring, double cx, double *y) {
  size_t n = 0;
  for (size_t k = 0; k < ring->n; k++) {
    const double *a = ring->xy + 2 * k, *b = ring->xy + 2 * ((k + 1) % ring->n);
    if ((a[0] <= cx) != (b[0] <= cx)) y[n++] = a[1] + (cx - a[0]) * (b[1] - a[1]) / (b[0] - a[0]);
  }
  qsort(y, n, sizeof *y, by_value);
  return n;
}

/* First row whose centre is at or below y. */
static int row_of(double y, int h) {
  double r = ceil(y - 0.5);
  return r < 0 ? 0 : r > h ? h : (int)r;
}

static void fill_column(const RingView *ring, double cx, int h, double *y, uint8_t *column) {
  size_t n = crossings(ring, cx, y);
  for (size_t k = 0; k + 1 < n; k += 2)
    for (int row = row_of(y[k], h), end = row_of(y[k + 1], h); row < end; row++) column[row] = !ring->hole;
}

static bool push_column(Runs *r, int x, const uint8_t *column, Err *err) {
  uint64_t base = (uint64_t)x * (uint64_t)r->h;
  for (int y = 0; y < r->h;) {
    int from = y;
    while (y < r->h && column[y] == column[from]) y++;
    if (column[from] && !push(r, base + (uint64_t)from, base + (uint64_t)y, err)) return false;
  }
  return true;
}

bool runs_from_rings(Runs *r, const RingView *ring, size_t n, Err *err) {
  size_t most = 1;
  for (size_t k = 0; k < n; k++) most = ring[k].n > most ? ring[k].n : most;
  double *y = mem_alloc(most, sizeof *y);
  uint8_t *column = mem_alloc((size_t)r->h, 1);
  bool ok = y && column ? true : err_memory(err);
  for (int x = 0; ok && x < r->w; x++) {
    memset(column, 0, (size_t)r->h);
    for (size_t k = 0; k < n; k++)
      if (!ring[k].hole) fill_column(ring + k, x + 0.5, r->h, y, column);
    for (size_t k = 0; k < n; k++)
      if (ring[k].hole) fill_column(ring + k, x + 0.5, r->h, y, column);
    ok = push_column(r, x, column, err);
  }
  mem_free(column);
  mem_free(y);
  return ok;
}

uint64_t runs_area(const Runs *r) {
  uint64_t sum = 0;
  for (size_t k = 0; k < r->n; k++) sum += r->at[2 * k + 1] - r->at[2 * k];
  return sum;
}

uint64_t runs_shared(const Runs *a, const Runs *b) {
  uint64_t sum = 0;
  for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
    uint64_t from = a->at[2 * i] > b->at[2 * j] ? a->at[2 * i] : b->at[2 * j];
    uint64_t ea = a->at[2 * i + 1], eb = b->at[2 * j + 1], to = ea < eb ? ea : eb;
    if (to > from) sum += to - from;
    if (ea < eb) i++;
    else j++;
  }
  return sum;
}

bool runs_bounds(const Runs *r, int box[4]) {
  if (!r->n) return false;
  uint64_t h = (uint64_t)r->h;
  int y0 = r->h, y1 = 0;
  for (size_t k = 0; k < r->n; k++) {
    uint64_t from = r->at[2 * k], to = r->at[2 * k + 1] - 1;
    bool over = from / h != to / h; /* reaches into the next column: all rows may be met */
    int top = over ? 0 : (int)(from % h), bottom = over ? r->h : (int)(to % h) + 1;
    y0 = top < y0 ? top : y0;
    y1 = bottom > y1 ? bottom : y1;
  }
  box[0] = (int)(r->at[0] / h);
  box[1] = y0;
  box[2] = (int)((r->at[2 * r->n - 1] - 1) / h) + 1;
  box[3] = y1;
  return true;
}

/* The class number of a sample, or -1. */
static int class_at(const Image *im, int x, int y) {
  if (im->type == IMAGE_U8) return image_row(im, y)[x * im->c];
  float v = image_row_f(im, y)[x * im->c];
  return v >= 0 && v <= 65535 && v == floorf(v) ? (int)v : -1;
}

bool confusion_count(Confusion *c, const Image *truth, const Image *predicted, int blank, Err *err) {
  if (truth->w != predicted->w || truth->h != predicted->h)
    return err_set(err, ERR_USAGE, "a mask of %d x %d for a picture of %d x %d", predicted->w, predicted->h, truth->w, truth->h);
  c->classes = truth->type == IMAGE_U8 && predicted->type == IMAGE_U8 ? 256 : 65536;
  if (!(c->both = mem_calloc((size_t)c->classes, 3 * sizeof *c->both))) return err_memory(err);
  c->truth = c->both + c->classes;
  c->predicted = c->truth + c->classes;
  for (int y = 0; y < truth->h; y++)
    for (int x = 0; x < truth->w; x++) {
      int a = class_at(truth, x, y), b = class_at(predicted, x, y);
      if (a < 0 || b < 0)
        return err_set(err, ERR_USAGE, "the %s's pixel (%d, %d) is no class number, a whole one in 0..65535", a < 0 ? "label" : "prediction", x, y);
      if (a == blank) continue;
      c->truth[a]++;
      c->predicted[b]++;
      if (a == b) c->both[a]++;
    }
  return true;
}

void confusion_clear(Confusion *c) {
  mem_free(c->both);
  *c = (Confusion){0};
}
