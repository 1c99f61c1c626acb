/* Primitives on pieces of the picture: superpixels and shuffled patches. Which
 * pieces change is drawn per piece from the key, so those chosen at a smaller
 * share are among those chosen at a larger one.
 *
 * Superpixels after SLIC (Achanta et al. 2012), at the picture's own size: k-means
 * in colour and place, each pixel comparing the 3 x 3 centres around its cell of
 * the seed grid. Colour distance is Euclidean on the first three samples. The
 * centres move on every other row, the last assignment is on all. Segments are
 * not forced to be connected: a stray piece gets a mean close to its own colour.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "prim/prim.h"

#define COMPACT 40.0f /* colour levels that weigh as much as one side of a segment; the usual 10 in Lab is about this in RGB */
enum { ROUNDS = 4, DIMS = 3 };

typedef struct Centre { float colour[DIMS], x, y; } Centre;
typedef struct Sum { double colour[DIMS], x, y, n; } Sum;

typedef struct Slic {
  const Image *in;
  int dims;         /* colour samples looked at */
  int gx, gy;       /* seed grid */
  float near;       /* weight of a squared pixel against a squared level */
  Centre *centres;  /* gx * gy, owned; the rest too */
  Sum *sums;
  float *plane;     /* DIMS rows of w: the current row's colours, 0..255 */
  float *best;      /* w: smallest distance so far */
  int32_t *label;   /* w * h */
} Slic;

static int edge(int i, int cells, int n) { return (int)((int64_t)i * n / cells); }

KERNEL static void planes_u8(const uint8_t *row, size_t c, int dims, float *restrict out, size_t w) {
  for (int k = 0; k < DIMS; k++)
    for (size_t x = 0; x < w; x++) out[(size_t)k * w + x] = k < dims ? (float)row[x * c + (size_t)k] : 0.0f;
}

KERNEL static void planes_f32(const float *row, size_t c, int dims, float *restrict out, size_t w) {
  for (int k = 0; k < DIMS; k++)
    for (size_t x = 0; x < w; x++) out[(size_t)k * w + x] = k < dims ? row[x * c + (size_t)k] * 255.0f : 0.0f;
}

/* Pixels x0 <= x < x1 of row y take the nearest of the count centres listed. */
KERNEL static void nearest(const float *plane, size_t w, const Centre *centres, const int *list, int count, float near, int y, int x0,
                           int x1, float *restrict best, int32_t *restrict label) {
  const float *r = plane, *g = plane + w, *b = plane + 2 * w;
  for (int k = 0; k < count; k++) {
    const Centre c = centres[list[k]];
    const float dy = (float)y - c.y, far = dy * dy * near;
    const int32_t id = list[k];
    for (int x = x0; x < x1; x++) {
      float dr = r[x] - c.colour[0], dg = g[x] - c.colour[1], db = b[x] - c.colour[2], dx = (float)x - c.x;
      float d = ((dr * dr + dg * dg) + (db * db + dx * dx * near)) + far;
      bool take = k == 0 || d < best[x];
      best[x] = take ? d : best[x];
      label[x] = take ? id : label[x];
    }
  }
}

static void load_row(const Slic *s, int y) {
  size_t c = (size_t)s->in->c, w = (size_t)s->in->w;
  if (s->in->type == IMAGE_U8) planes_u8(image_row(s->in, y), c, s->dims, s->plane, w);
  else planes_f32(image_row_f(s->in, y), c, s->dims, s->plane, w);
}

static void assign_row(const Slic *s, int gy, int y) {
  int w = s->in->w;
  int32_t *label = s->label + (size_t)y * (size_t)w;
  load_row(s, y);
  for (int gx = 0; gx < s->gx; gx++) {
    int list[9], count = 0;
    for (int j = gy - 1; j <= gy + 1; j++)
      for (int i = gx - 1; i <= gx + 1; i++)
        if (i >= 0 && j >= 0 && i < s->gx && j < s->gy) list[count++] = j * s->gx + i;
    nearest(s->plane, (size_t)w, s->centres, list, count, s->near, y, edge(gx, s->gx, w), edge(gx + 1, s->gx, w), s->best, label);
  }
}

static void gather_row(const Slic *s, int y) {
  int w = s->in->w;
  const int32_t *label = s->label + (size_t)y * (size_t)w;
  const float *r = s->plane, *g = r + w, *b = g + w;
  for (int x = 0; x < w; x++) {
    Sum *t = s->sums + label[x];
    t->colour[0] += (double)r[x];
    t->colour[1] += (double)g[x];
    t->colour[2] += (double)b[x];
    t->x += x;
    t->y += y;
    t->n += 1;
  }
}

/* Assign every step-th row; move the centres to the means if asked. */
static void round_of(const Slic *s, int step, bool move) {
  int n = s->gx * s->gy, h = s->in->h;
  if (move) memset(s->sums, 0, (size_t)n * sizeof *s->sums);
  for (int gy = 0; gy < s->gy; gy++)
    for (int y = edge(gy, s->gy, h); y < edge(gy + 1, s->gy, h); y++) {
      if (y % step) continue;
      assign_row(s, gy, y);
      if (move) gather_row(s, y);
    }
  for (int i = 0; move && i < n; i++) {
    const Sum *t = s->sums + i;
    if (t->n == 0) continue; /* an empty one stays where it is */
    Centre *c = s->centres + i;
    for (int k = 0; k < DIMS; k++) c->colour[k] = (float)(t->colour[k] / t->n);
    c->x = (float)(t->x / t->n);
    c->y = (float)(t->y / t->n);
  }
}

/* A centre in the middle of each cell, with the colour found there. */
static void seed(const Slic *s) {
  size_t w = (size_t)s->in->w;
  for (int j = 0; j < s->gy; j++) {
    int y = (edge(j, s->gy, s->in->h) + edge(j + 1, s->gy, s->in->h)) / 2;
    load_row(s, y);
    for (int i = 0; i < s->gx; i++) {
      int x = (edge(i, s->gx, s->in->w) + edge(i + 1, s->gx, s->in->w)) / 2;
      Centre *c = s->centres + j * s->gx + i;
      for (int k = 0; k < DIMS; k++) c->colour[k] = s->plane[(size_t)k * w + (size_t)x];
      c->x = (float)x, c->y = (float)y;
    }
  }
}

/* Paint the chosen segments with their means; sum and count have one entry per segment (and channel). */
static void paint(const Slic *s, Image *out, const float *draw, double replace, double *sum, uint32_t *count) {
  size_t c = (size_t)s->in->c, colours = (size_t)image_colours(s->in), w = (size_t)s->in->w;
  bool u8 = out->type == IMAGE_U8;
  for (int pass = 0; pass < 2; pass++)
    for (int y = 0; y < s->in->h; y++) {
      const int32_t *label = s->label + (size_t)y * w;
      uint8_t *row = image_row(out, y);
      float *row_f = image_row_f(out, y);
      for (size_t x = 0; x < w; x++) {
        size_t i = (size_t)label[x];
        if ((double)draw[i] >= replace) continue;
        count[i] += pass == 0;
        for (size_t k = 0; k < colours; k++) {
          double *t = sum + i * colours + k;
          if (pass == 0) *t += u8 ? (double)row[x * c + k] : (double)row_f[x * c + k];
          else if (u8) row[x * c + k] = (uint8_t)(*t / count[i] + 0.5);
          else row_f[x * c + k] = (float)(*t / count[i]);
        }
      }
    }
}

static bool slic_run(Slic *s, Image *out, const Step *step) {
  size_t w = (size_t)s->in->w, h = (size_t)s->in->h, n = (size_t)s->gx * (size_t)s->gy;
  float *draw = mem_alloc(n, sizeof *draw);
  double *sum = mem_calloc(n * (size_t)image_colours(s->in), sizeof *sum);
  uint32_t *count = mem_calloc(n, sizeof *count);
  s->centres = mem_alloc(n, sizeof *s->centres);
  s->sums = mem_alloc(n, sizeof *s->sums);
  s->plane = mem_alloc(w, DIMS * sizeof *s->plane);
  s->best = mem_alloc(w, sizeof *s->best);
  s->label = mem_alloc(w * h, sizeof *s->label);
  bool ok = draw && sum && count && s->centres && s->sums && s->plane && s->best && s->label;
  if (ok) {
    seed(s);
    for (int i = 0; i < ROUNDS; i++) round_of(s, s->in->h >= 4 * s->gy ? 2 : 1, true);
    round_of(s, 1, false);
    rng_fill_uniform(step->key, 0, draw, n);
    paint(s, out, draw, step->num[1], sum, count);
  }
  void *own[] = {draw, sum, count, s->centres, s->sums, s->plane, s->best, s->label};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) mem_free(own[i]);
  return ok;
}

static Image *superpixels_apply(const Step *step, const Image *in, Err *err) {
  double size = step->num[0], replace = step->num[1];
  Image *out = image_copy(in, err);
  if (!out || size <= 1 || replace == 0) return out;
  Slic s = {.in = in, .dims = image_colours(in) < DIMS ? image_colours(in) : DIMS};
  s.gx = (int)floor(in->w / size + 0.5), s.gy = (int)floor(in->h / size + 0.5);
  if (s.gx < 1) s.gx = 1;
  if (s.gy < 1) s.gy = 1;
  s.near = (float)(COMPACT * COMPACT / (size * size));
  if (slic_run(&s, out, step)) return out;
  image_unref(out);
  return err_memory(err), NULL;
}

/* Patches. The grid starts at the corner; cells cut off by the right and lower border change places only with cells
 * of the same shape, so every pixel stays in the picture exactly once. The chosen cells of a shape, in an order drawn
 * from the key, hand their content round in a ring. */
typedef struct Cell { uint32_t draw, order; int x, y, w, h; } Cell;

static int by_order(const void *a, const void *b) {
  const Cell *p = a, *q = b;
  if (p->order != q->order) return p->order < q->order ? -1 : 1;
  if (p->y != q->y) return p->y < q->y ? -1 : 1;
  return (p->x > q->x) - (p->x < q->x);
}

static void move_cell(const Image *in, Image *out, const Cell *from, const Cell *to) {
  size_t size = image_sample_size(in), px = size * (size_t)in->c;
  for (int y = 0; y < to->h; y++)
    memcpy(image_row(out, to->y + y) + (size_t)to->x * px, image_row(in, from->y + y) + (size_t)from->x * px, (size_t)to->w * px);
}

/* All cells of this shape whose draw is below the share. */
static void ring(const Image *in, Image *out, const Cell *cells, size_t n, double share, int w, int h) {
  const Cell *first = NULL, *last = NULL;
  for (size_t i = 0; i < n; i++) {
    const Cell *k = cells + i;
    if (k->w != w || k->h != h || k->draw * 0x1p-32 >= share) continue;
    if (last) move_cell(in, out, last, k);
    else first = k;
    last = k;
  }
  if (last && last != first) move_cell(in, out, last, first);
}

/* Opacity stays where it was. */
static void restore_alpha(const Image *in, Image *out) {
  size_t size = image_sample_size(in), px = size * (size_t)in->c;
  for (int y = 0; in->alpha && y < in->h; y++)
    for (int x = 0; x < in->w; x++) {
      size_t at = ((size_t)x + 1) * px - size;
      memcpy(image_row(out, y) + at, image_row(in, y) + at, size);
    }
}

static Image *patch_shuffle_apply(const Step *s, const Image *in, Err *err) {
  double share = s->num[1];
  int side = s->num[0] < 1 ? 1 : (int)floor(s->num[0] + 0.5), nx = (in->w - 1) / side + 1, ny = (in->h - 1) / side + 1;
  size_t n = (size_t)nx * (size_t)ny;
  Image *out = image_copy(in, err);
  if (!out || share == 0) return out;
  Cell *cells = mem_alloc(n, sizeof *cells);
  if (!cells) return image_unref(out), err_memory(err), NULL;
  for (size_t i = 0; i < n; i++) {
    uint32_t word[4];
    rng_block(s->key, i, 0, word);
    int x = (int)(i % (size_t)nx) * side, y = (int)(i / (size_t)nx) * side;
    cells[i] = (Cell){word[0], word[1], x, y, in->w - x < side ? in->w - x : side, in->h - y < side ? in->h - y : side};
  }
  qsort(cells, n, sizeof *cells, by_order);
  int rest_w = in->w - (nx - 1) * side, rest_h = in->h - (ny - 1) * side;
  ring(in, out, cells, n, share, side, side);
  if (rest_w != side) ring(in, out, cells, n, share, rest_w, side);
  if (rest_h != side) ring(in, out, cells, n, share, side, rest_h);
  mem_free(cells);
  restore_alpha(in, out);
  return out;
}

#define NUM(name, lo, hi, def, unit, doc) {name, PARAM_NUM, lo, hi, def, unit, doc, NULL, false}

const Prim PRIM_SEGMENT[] = {
    {.name = "superpixels",
     .doc = "segments of similar colour, those drawn painted with their mean",
     .source = "Achanta et al. 2012 (SLIC)",
     .kind = PRIM_AREA,
     .params = {NUM("size", 0, 1 << 20, NAN, "px", "side of a segment, so width x height / size^2 of them; up to 1 changes nothing"),
                NUM("replace", 0, 1, 1, "of the segments", "share painted"),
                {.name = "key", .type = PARAM_KEY, .unit = "", .doc = "which segments", .optional = true}},
     .apply = superpixels_apply},
    {.name = "patch_shuffle",
     .doc = "square patches change places; labels are not moved with them",
     .kind = PRIM_AREA,
     .params = {NUM("size", 0, 1 << 20, NAN, "px", "side of a patch, rounded, at least 1"),
                NUM("share", 0, 1, 1, "of the patches", "that move"),
                {.name = "key", .type = PARAM_KEY, .unit = "", .doc = "which patches go where"}},
     .apply = patch_shuffle_apply},
    {0}};
