/* From a network's output to labels. SPDX-License-Identifier: MIT */
#include "model/postprocess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "base/mem.h"

static float sigmoid(float v) { return (float)(1.0 / (1.0 + fm_exp(-(double)v))); }

/* n values `step` apart, in place. */
static void softmax(float *p, size_t n, size_t step) {
  float most = -INFINITY;
  for (size_t i = 0; i < n; i++) most = p[i * step] > most ? p[i * step] : most;
  if (most == -INFINITY) most = 0;
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += fm_exp((double)p[i * step] - (double)most);
  for (size_t i = 0; i < n; i++) p[i * step] = (float)(fm_exp((double)p[i * step] - (double)most) / sum);
}

/* A copy as f32 that may be written. */
static Tensor *own_f32(const Tensor *t, Err *err) {
  Tensor *out = tensor_new(TENSOR_F32, t->rank, t->dim, err);
  if (!out) return NULL;
  if (t->type == TENSOR_F32) memcpy(out->data, t->data, tensor_bytes(t));
  else
    for (size_t i = 0; i < t->n; i++) tensor_f32(out)[i] = (float)tensor_get(t, i);
  return out;
}

Tensor *post_softmax(const Tensor *t, int axis, Err *err) {
  Tensor *out = own_f32(t, err);
  if (!out || t->rank == 0 || t->n == 0) return out;
  size_t n = (size_t)t->dim[axis], step = 1;
  for (int i = axis + 1; i < t->rank; i++) step *= (size_t)t->dim[i];
  for (size_t block = 0; block < t->n; block += n * step)
    for (size_t i = 0; i < step; i++) softmax(tensor_f32(out) + block + i, n, step);
  return out;
}

Tensor *post_sigmoid(const Tensor *t, Err *err) {
  Tensor *out = own_f32(t, err);
  for (size_t i = 0; out && i < out->n; i++) tensor_f32(out)[i] = sigmoid(tensor_f32(out)[i]);
  return out;
}

size_t post_argmax(const Tensor *t) {
  size_t best = 0;
  double top = -INFINITY;
  bool any = false;
  for (size_t i = 0; i < t->n; i++) {
    double v = tensor_get(t, i);
    if (v == v && (!any || v > top)) any = true, top = v, best = i;
  }
  return best;
}

int post_topk(const Tensor *t, int k, int64_t *index) {
  int n = 0;
  for (size_t i = 0; i < t->n; i++) {
    double v = tensor_get(t, i);
    if (v != v || (n == k && v <= tensor_get(t, (size_t)index[n - 1]))) continue;
    int at = n < k ? n++ : k - 1;
    while (at > 0 && tensor_get(t, (size_t)index[at - 1]) < v) index[at] = index[at - 1], at--;
    index[at] = (int64_t)i;
  }
  return n;
}

static float at(const Grid *g, int64_t i, int j) { return g->data[(size_t)i * g->row + (size_t)j * g->column]; }

/* Best class of a candidate and its score. */
static float best_class(const DetectRule *r, int64_t i, float *scores, int *cls) {
  float top = -INFINITY;
  *cls = -1;
  if (r->label.data) {
    float id = at(&r->label, i, 0);
    *cls = id > -1 && id < 1e9f ? (int)id : -1;
    top = at(&r->score, i, 0);
    return r->activation == ACT_SIGMOID ? sigmoid(top) : top;
  }
  for (int j = 0; j < r->classes; j++) scores[j] = at(&r->score, i, j);
  if (r->activation == ACT_SOFTMAX) softmax(scores, (size_t)r->classes, 1);
  for (int j = 0; j < r->classes; j++)
    if (j != r->background && scores[j] > top) top = scores[j], *cls = j;
  if (r->activation == ACT_SIGMOID && *cls >= 0) top = sigmoid(top);
  if (r->objectness.data) {
    float o = at(&r->objectness, i, 0);
    top *= r->activation == ACT_SIGMOID ? sigmoid(o) : o;
  }
  return top;
}

/* SSD's code: centre and size from those of a prior; corners out. */
static void decode(const DetectRule *r, int64_t i, double *v) {
  const int x = r->form == BOX_YXYX ? 1 : 0, y = 1 - x;
  const double w = at(&r->prior, i, 2), h = at(&r->prior, i, 3);
  double cx = at(&r->prior, i, 0) + v[x] * r->variance[x] * w, cy = at(&r->prior, i, 1) + v[y] * r->variance[y] * h;
  double bw = w * fm_exp(v[2 + x] * r->variance[2 + x]), bh = h * fm_exp(v[2 + y] * r->variance[2 + y]);
  v[0] = cx - bw / 2, v[1] = cy - bh / 2, v[2] = cx + bw / 2, v[3] = cy + bh / 2;
}

static void swap(double *a, double *b) {
  double t = *a;
  *a = *b;
  *b = t;
}

/* The four numbers of a box as left, top, right, bottom. */
static void unfold(const DetectRule *r, int64_t i, double *v) {
  if (r->prior.data) {
    decode(r, i, v);
    return;
  }
  switch (r->form) {
    case BOX_YXYX: swap(&v[0], &v[1]), swap(&v[2], &v[3]); break;
    case BOX_XYWH: v[2] += v[0], v[3] += v[1]; break;
    case BOX_CXCYWH: v[0] -= v[2] / 2, v[1] -= v[3] / 2, v[2] += v[0], v[3] += v[1]; break;
    default: break;
  }
}

/* Corners in picture pixels; false when they are no numbers or there is nothing of the box in the frame. */
static bool corners(const DetectRule *r, int64_t i, Detection *d) {
  double v[4];
  for (int k = 0; k < 4; k++) v[k] = at(&r->box, i, k);
  if (!isfinite(v[0]) || !isfinite(v[1]) || !isfinite(v[2]) || !isfinite(v[3])) return false;
  unfold(r, i, v);
  if (!isfinite(v[0]) || !isfinite(v[1]) || !isfinite(v[2]) || !isfinite(v[3])) return false;
  double kx = r->relative ? r->map.w : 1, ky = r->relative ? r->map.h : 1;
  d->x0 = (v[0] * kx - r->map.ox) / r->map.sx;
  d->y0 = (v[1] * ky - r->map.oy) / r->map.sy;
  d->x1 = (v[2] * kx - r->map.ox) / r->map.sx;
  d->y1 = (v[3] * ky - r->map.oy) / r->map.sy;
  if (r->clip) {
    d->x0 = fmin(fmax(d->x0, 0), r->map.image_w), d->x1 = fmin(fmax(d->x1, 0), r->map.image_w);
    d->y0 = fmin(fmax(d->y0, 0), r->map.image_h), d->y1 = fmin(fmax(d->y1, 0), r->map.image_h);
  }
  return d->x1 > d->x0 && d->y1 > d->y0;
}

static int by_score(const void *a, const void *b) {
  const Detection *p = a, *q = b;
  if (p->score != q->score) return p->score > q->score ? -1 : 1;
  return p->from < q->from ? -1 : p->from > q->from;
}

static double shared(const Detection *a, const Detection *b) {
  double w = fmin(a->x1, b->x1) - fmax(a->x0, b->x0), h = fmin(a->y1, b->y1) - fmax(a->y0, b->y0);
  if (w <= 0 || h <= 0) return 0;
  double both = w * h;
  return both / ((a->x1 - a->x0) * (a->y1 - a->y0) + (b->x1 - b->x0) * (b->y1 - b->y0) - both);
}

/* Greedy, best first; in place. */
static int suppress(const DetectRule *r, Detection *d, int n) {
  int kept = 0;
  for (int i = 0; i < n && kept < r->most; i++) {
    bool keep = true;
    for (int j = 0; r->overlap < 1 && keep && j < kept; j++)
      if ((r->agnostic || d[j].cls == d[i].cls) && shared(&d[j], &d[i]) > r->overlap) keep = false;
    if (keep) d[kept++] = d[i];
  }
  return kept;
}

enum { CANDIDATES_MAX = 30000 }; /* NMS is quadratic; the best of so many are looked at */

bool post_detect(const DetectRule *r, Detection **out, int *n, Err *err) {
  Detection *list = mem_alloc((size_t)r->n + 1, sizeof *list);
  float *scores = mem_alloc((size_t)r->classes + 1, sizeof *scores);
  int count = 0;
  if (!list || !scores) {
    mem_free(list);
    mem_free(scores);
    return err_memory(err);
  }
  for (int64_t i = 0; i < r->n; i++) {
    Detection d = {.from = i};
    d.score = best_class(r, i, scores, &d.cls);
    if (d.cls >= 0 && d.score >= r->least && isfinite(d.score) && corners(r, i, &d)) list[count++] = d;
  }
  qsort(list, (size_t)count, sizeof *list, by_score);
  *n = suppress(r, list, count > CANDIDATES_MAX ? CANDIDATES_MAX : count);
  *out = list;
  mem_free(scores);
  return true;
}
