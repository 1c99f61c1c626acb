/* Running a plan.
 *
 * Steps are taken in groups. A group of point steps runs over bands of rows
 * small enough to stay in the second-level cache: the first step reads the
 * source and writes the destination, the others work on the destination in
 * place, so a chain costs one image and one trip through memory. Neighbouring
 * tables are folded into one before that. A step that looks at the whole image
 * first (statistics) begins a new group. A group of warps becomes one Warp and
 * one resampling. An area step is a group of its own.
 *
 * The input is never written to: the first group makes an image of our own, and
 * later point groups reuse it in place. SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "plan/plan.h"

enum { BAND_BYTES = 96 * 1024 };

/* A group of compiled point steps. */
typedef struct Chain {
  Point *point; /* owned; cap of them */
  int n;
} Chain;

static void chain_clear(Chain *c) {
  for (int i = 0; i < c->n; i++) mem_free(c->point[i].extra);
  mem_free(c->point);
  *c = (Chain){0};
}

/* b after a, as one table in a. Values are bytes, so this is exact. */
static void fold(Point *a, const Point *b) {
  for (int ch = 0; ch < 4; ch++)
    for (int v = 0; v < 256; v++) a->lut[ch][v] = b->lut[ch][a->lut[ch][v]];
  a->rows = point_lut_rows;
}

/* Compile one step onto the chain; a step that changes nothing here (rows NULL) adds nothing. */
static bool chain_add(Chain *c, const Step *s, const Image *in, Err *err) {
  Point *p = &c->point[c->n];
  *p = (Point){.step = s, .w = in->w, .h = in->h, .c = in->c, .colours = image_colours(in), .type = in->type};
  if (!s->prim->point(s, in, p, err)) {
    mem_free(p->extra);
    return false;
  }
  if (!p->rows) {
    mem_free(p->extra);
  } else if (p->is_lut && c->n && c->point[c->n - 1].is_lut) {
    fold(&c->point[c->n - 1], p);
    mem_free(p->extra);
  } else {
    c->n++;
  }
  return true;
}

static void chain_run(const Chain *c, const Image *in, Image *out) {
  int band = in->h;
  if (c->n > 1) {
    size_t rows = BAND_BYTES / out->stride;
    band = rows < 1 ? 1 : rows > (size_t)in->h ? in->h : (int)rows;
  }
  for (int y0 = 0; y0 < in->h; y0 += band) {
    int y1 = in->h - y0 < band ? in->h : y0 + band;
    uint8_t *to = image_row(out, y0);
    for (int i = 0; i < c->n; i++) {
      const Point *p = &c->point[i];
      if (i == 0)
        p->rows(p, image_row(in, y0), in->stride, to, out->stride, y0, y1);
      else
        p->rows(p, to, out->stride, to, out->stride, y0, y1);
    }
  }
}

/* *at is ours to write when it is not the caller's image. Replaces it by the result. */
static bool run_points(const Step *s, int n, const Image *in, Image **at, Err *err) {
  Chain c = {.point = mem_alloc((size_t)n, sizeof(Point))};
  bool ok = c.point || err_memory(err);
  for (int i = 0; ok && i < n; i++) ok = chain_add(&c, &s[i], *at, err);
  if (ok && c.n) {
    Image *out = *at == in ? image_like(in, err) : *at;
    ok = out != NULL;
    if (ok) chain_run(&c, *at, out);
    if (ok && out != *at) {
      image_unref(*at);
      *at = out;
    }
  }
  chain_clear(&c);
  return ok;
}

static bool replace(Image **at, Image *out) {
  if (!out) return false;
  image_unref(*at);
  *at = out;
  return true;
}

/* The warp of one step for a w x h image, in a Warp the caller clears in any case. */
static bool step_warp(const Step *s, int w, int h, Warp *out, Err *err) {
  warp_init(out, w, h);
  return s->prim->warp(s, w, h, out, err);
}

static bool apply_warp(const Warp *w, Image **at, Err *err) {
  return warp_is_identity(w) || replace(at, warp_image(w, *at, err));
}

/* As many stages as fit go into one resampling; the rest starts another. */
static bool run_warps(const Step *s, int n, Image **at, Err *err) {
  Warp all, one;
  warp_init(&all, (*at)->w, (*at)->h);
  bool ok = true;
  for (int i = 0; ok && i < n; i++) {
    ok = step_warp(&s[i], all.out_w, all.out_h, &one, err);
    if (ok && all.n && all.n + one.n > WARP_STAGES_MAX) {
      ok = apply_warp(&all, at, err);
      warp_clear(&all);
      warp_init(&all, (*at)->w, (*at)->h);
    }
    ok = ok && warp_append(&all, &one, err);
    warp_clear(&one);
  }
  ok = ok && apply_warp(&all, at, err);
  warp_clear(&all);
  return ok;
}

/* Length of the group that starts at step i. */
static int group(const Plan *p, int i, bool fuse) {
  PrimKind kind = p->step[i].prim->kind;
  int n = 1;
  if (!fuse || kind == PRIM_AREA) return 1;
  while (i + n < p->n && p->step[i + n].prim->kind == kind && !p->step[i + n].prim->needs_stats) n++;
  return n;
}

Image *plan_run(const Plan *p, const Image *in, bool fuse, Err *err) {
  Image *at = image_ref(in);
  bool ok = true;
  for (int i = 0, n; ok && i < p->n; i += n) {
    const Step *s = &p->step[i];
    n = group(p, i, fuse);
    switch (s->prim->kind) {
    case PRIM_POINT: ok = run_points(s, n, in, &at, err); break;
    case PRIM_WARP: ok = run_warps(s, n, &at, err); break;
    case PRIM_AREA: ok = replace(&at, s->prim->apply(s, at, err)); break;
    }
  }
  if (ok) return at;
  image_unref(at);
  return NULL;
}

bool plan_warp(const Plan *p, int w, int h, Warp *out, Err *err) {
  warp_init(out, w, h);
  for (int i = 0; i < p->n; i++) {
    Warp one;
    if (p->step[i].prim->kind != PRIM_WARP) continue;
    bool ok = step_warp(&p->step[i], out->out_w, out->out_h, &one, err) && warp_append(out, &one, err);
    warp_clear(&one);
    if (!ok) return false;
  }
  return true;
}
