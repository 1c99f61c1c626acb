/* Maps of the network's grid brought to the picture's pixels: class maps, masks
 * of instances. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/postprocess.h"

/* One axis of the way from picture pixels to map cells: cell before, and the share of the one after. */
typedef struct Cell { int a, b; float share; int nearest; } Cell;

static void cells(Cell *c, int n, double s, double o, int input, int map) {
  for (int i = 0; i < n; i++) {
    double x = (i + 0.5) * s + o, q = x * map / input - 0.5;
    c[i].nearest = x < 0 || x >= input ? -1 : (int)fmin(floor(x * map / input), map - 1);
    q = fmin(fmax(q, 0), map - 1);
    c[i].a = (int)q;
    c[i].b = c[i].a + 1 < map ? c[i].a + 1 : c[i].a;
    c[i].share = (float)(q - c[i].a);
  }
}

typedef struct Maps {
  const float *p;
  size_t channel, row, column;
} Maps;

static float interpolate(const Maps *m, int c, const Cell *x, const Cell *y) {
  const float *p = m->p + (size_t)c * m->channel, *q = p + (size_t)y->a * m->row, *r = p + (size_t)y->b * m->row;
  float top = q[(size_t)x->a * m->column] + (q[(size_t)x->b * m->column] - q[(size_t)x->a * m->column]) * x->share;
  float low = r[(size_t)x->a * m->column] + (r[(size_t)x->b * m->column] - r[(size_t)x->a * m->column]) * x->share;
  return top + (low - top) * y->share;
}

static uint8_t class_at(const Maps *m, int channels, const Cell *x, const Cell *y, float threshold) {
  if (x->nearest < 0 || y->nearest < 0) return 255;
  if (channels == 0) {
    float id = m->p[(size_t)y->nearest * m->row + (size_t)x->nearest * m->column];
    return id >= 0 && id <= 255 ? (uint8_t)id : 255;
  }
  if (channels == 1) return interpolate(m, 0, x, y) > threshold;
  int best = 0;
  float top = interpolate(m, 0, x, y);
  for (int c = 1; c < channels; c++) {
    float v = interpolate(m, c, x, y);
    if (v > top) top = v, best = c;
  }
  return (uint8_t)best;
}

Image *post_segment(const Tensor *given, int channels, int h, int w, bool nhwc, const PrepMap *map, float threshold, Err *err) {
  if (channels > 255) return err_set(err, ERR_UNSUPPORTED, "segment: %d classes, at most 255 fit a mask", channels), NULL;
  Tensor *t = tensor_convert(given, TENSOR_F32, err);
  Cell *x = mem_alloc((size_t)map->image_w, sizeof *x), *y = mem_alloc((size_t)map->image_h, sizeof *y);
  Image *out = NULL;
  const size_t c = channels ? (size_t)channels : 1;
  if (!x || !y) err_memory(err);
  else if (t && (out = image_new(map->image_w, map->image_h, 1, IMAGE_U8, false, err))) {
    Maps m = {tensor_f32(t), nhwc ? 1 : (size_t)h * (size_t)w, (size_t)w * (nhwc ? c : 1), nhwc ? c : 1};
    cells(x, map->image_w, map->sx, map->ox, map->w, w);
    cells(y, map->image_h, map->sy, map->oy, map->h, h);
    for (int j = 0; j < map->image_h; j++)
      for (int i = 0; i < map->image_w; i++) image_row(out, j)[i] = class_at(&m, channels, &x[i], &y[j], threshold);
  }
  mem_free(x);
  mem_free(y);
  tensor_unref(t);
  return out;
}

/* The prototypes times their coefficients, summed in order. */
static void combine(const Tensor *t, int k, size_t n, const Grid *c, int64_t i, float *sum) {
  memset(sum, 0, n * sizeof *sum);
  for (int j = 0; j < k; j++) {
    const float v = c->data[(size_t)i * c->row + (size_t)j * c->column], *p = tensor_f32(t) + (size_t)j * n;
    for (size_t a = 0; a < n; a++) sum[a] += v * p[a];
  }
}

/* First pixel whose centre is at or after v. */
static int pixel(double v, int n) {
  double at = ceil(v - 0.5);
  return at < 0 ? 0 : at > n ? n : (int)at;
}

static void fill_mask(Image *out, const Maps *m, const Cell *x, const Cell *y, const Detection *box, float threshold) {
  const int x1 = pixel(box->x1, out->w), y1 = pixel(box->y1, out->h);
  for (int j = 0; j < out->h; j++) memset(image_row(out, j), 0, (size_t)out->w);
  for (int j = pixel(box->y0, out->h); j < y1; j++)
    for (int i = pixel(box->x0, out->w); i < x1; i++)
      if (x[i].nearest >= 0 && y[j].nearest >= 0) image_row(out, j)[i] = interpolate(m, 0, &x[i], &y[j]) > threshold;
}

Image *post_mask(const Tensor *t, int k, int h, int w, const Grid *c, int64_t i, const PrepMap *map, const Detection *box, float threshold, Err *err) {
  const size_t n = (size_t)h * (size_t)w;
  Cell *x = mem_alloc((size_t)map->image_w, sizeof *x), *y = mem_alloc((size_t)map->image_h, sizeof *y);
  float *sum = mem_alloc(n, sizeof *sum);
  Image *out = NULL;
  if (!x || !y || !sum) err_memory(err);
  else if ((out = image_new(map->image_w, map->image_h, 1, IMAGE_U8, false, err))) {
    Maps m = {sum, n, (size_t)w, 1};
    combine(t, k, n, c, i, sum);
    cells(x, map->image_w, map->sx, map->ox, map->w, w);
    cells(y, map->image_h, map->sy, map->oy, map->h, h);
    fill_mask(out, &m, x, y, box, threshold);
  }
  mem_free(x);
  mem_free(y);
  mem_free(sum);
  return out;
}
