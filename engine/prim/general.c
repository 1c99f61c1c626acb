/* Any mapping: each run of output pixel centres is walked back through all
 * stages, each frame's border applied on the way, and the input is sampled once.
 * What a CONSTANT border lets through is kept as a weight per pixel: half
 * covered at the frame's very edge, nothing half a pixel outside, as a picture
 * surrounded by its fill colour would be interpolated.
 *
 * Shrinking: where the mapping shrinks everywhere, the input is first reduced
 * by the least factor; what remains locally is supersampled on a regular grid.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "prim/resample.h"

enum { FINE_MAX = 16 }; /* samples per output pixel and axis */

typedef struct Walk {
  const Stage *s;
  int n;
  double shrink_x, shrink_y; /* reduced input / input */
  double sharp[WARP_STAGES_MAX]; /* each frame's edge blends over 1 / sharp of its pixels: at least what one sample stands for */
  Sampler sampler;           /* on the reduced input */
  FieldRow *field;           /* last stage's, NULL when it is a homography */
  bool even;                 /* affine throughout: the same everywhere */
  bool straight;             /* and in one step, which straight.c can take */
  int c;
  bool lit;                  /* some constant border is not all zero */
  bool partial;              /* some weight of this run is below 1 */
  double x[RUN], y[RUN];
  float weight[RUN];
  float *fill;               /* RUN x c: what borders contribute */
  float *colour;             /* n x c: fill of each stage */
  float *sum;                /* RUN x c: supersampling */
  uint8_t *sample;           /* RUN pixels */
  uint8_t *fine;             /* samples across and down for each run of a row */
} Walk;

KERNEL static void walk_affine(const double *m, double *restrict x, double *restrict y, int n) {
  const double a = m[0], b = m[1], c = m[2], d = m[3], e = m[4], f = m[5];
  for (int i = 0; i < n; i++) {
    double px = a * x[i] + b * y[i] + c, py = d * x[i] + e * y[i] + f;
    x[i] = px;
    y[i] = py;
  }
}

/* Beyond the horizon: far outside. */
KERNEL static void walk_projective(const double *m, double *restrict x, double *restrict y, int n) {
  for (int i = 0; i < n; i++) {
    double w = m[6] * x[i] + m[7] * y[i] + m[8];
    double px = m[0] * x[i] + m[1] * y[i] + m[2], py = m[3] * x[i] + m[4] * y[i] + m[5];
    double r = 1.0 / (w > 1e-9 ? w : 1e-9);
    x[i] = w > 1e-9 ? px * r : -1e9;
    y[i] = w > 1e-9 ? py * r : -1e9;
  }
}

static void walk_field(const Field *f, double *x, double *y, int n) {
  for (int i = 0; i < n; i++) {
    double d[2];
    field_at(f, x[i], y[i], d, NULL);
    x[i] += d[0];
    y[i] += d[1];
  }
}

/* Not all at least `margin` inside 0..size? */
KERNEL static bool leaves(const double *x, int n, double size, double margin) {
  const double lo = margin, hi = size - margin;
  int out = 0;
  for (int i = 0; i < n; i++) out |= (x[i] < lo) | (x[i] > hi);
  return out != 0;
}

KERNEL static void clamp_all(double *x, int n, double size) {
  for (int i = 0; i < n; i++) {
    double v = x[i] > 0.0 ? x[i] : 0.0;
    x[i] = v < size ? v : size;
  }
}

/* Share of the picture at distance x along an axis, 1 from half a pixel (of 1 / sharp) inside on. */
static inline float covered(double x, double size, double sharp) {
  double a = x * sharp + 0.5, b = (size - x) * sharp + 0.5;
  double v = a < b ? a : b;
  v = v < 1.0 ? v : 1.0;
  return (float)(v > 0.0 ? v : 0.0);
}

KERNEL static void cover_soft(const double *x, const double *y, int n, double w, double h, double sharp, float *restrict out) {
  for (int i = 0; i < n; i++) out[i] = covered(x[i], w, sharp) * covered(y[i], h, sharp);
}

static void cover_hard(const double *x, const double *y, int n, double w, double h, float *out) {
  for (int i = 0; i < n; i++) out[i] = x[i] >= 0.0 && y[i] >= 0.0 && x[i] < w && y[i] < h ? 1.0f : 0.0f;
}

static void apply_constant(Walk *w, int k, int n) {
  const Stage *s = &w->s[k];
  const float *colour = w->colour + (size_t)k * (size_t)w->c;
  float in[RUN];
  if (!w->partial) {
    for (int i = 0; i < n; i++) w->weight[i] = 1.0f;
    if (w->lit) memset(w->fill, 0, (size_t)n * (size_t)w->c * sizeof *w->fill);
    w->partial = true;
  }
  if (s->interp == INTERP_NEAREST) cover_hard(w->x, w->y, n, s->in_w, s->in_h, in);
  else cover_soft(w->x, w->y, n, s->in_w, s->in_h, w->sharp[k], in);
  for (int i = 0; w->lit && i < n; i++) {
    float missing = w->weight[i] * (1.0f - in[i]);
    if (missing == 0.0f) continue;
    for (int j = 0; j < w->c; j++) w->fill[(size_t)i * (size_t)w->c + (size_t)j] += missing * colour[j];
  }
  for (int i = 0; i < n; i++) w->weight[i] *= in[i];
}

static void apply_border(Walk *w, int k, int n) {
  const Stage *s = &w->s[k];
  bool soft = s->border == BORDER_CONSTANT && s->interp != INTERP_NEAREST;
  double margin = soft ? 0.5 / w->sharp[k] : 0.0;
  if (!leaves(w->x, n, s->in_w, margin) && !leaves(w->y, n, s->in_h, margin)) return;
  if (s->border == BORDER_CONSTANT) apply_constant(w, k, n);
  if (s->border == BORDER_REFLECT || s->border == BORDER_WRAP)
    for (int i = 0; i < n; i++) {
      w->x[i] = border_fold(w->x[i], s->in_w, s->border);
      w->y[i] = border_fold(w->y[i], s->in_h, s->border);
    }
  clamp_all(w->x, n, s->in_w);
  clamp_all(w->y, n, s->in_h);
}

/* Sources of n output points x0 + .5 + dx, y + .5 + dy. */
static void walk_run(Walk *w, int x0, int y, int n, double dx, double dy) {
  int k = w->n - 1;
  w->partial = false;
  if (w->field && dx == 0.0 && dy == 0.0) {
    field_row_read(w->field, x0, n, w->x, w->y);
    apply_border(w, k--, n);
  } else {
    for (int i = 0; i < n; i++) {
      w->x[i] = x0 + i + 0.5 + dx;
      w->y[i] = y + 0.5 + dy;
    }
  }
  for (; k >= 0; k--) {
    const Stage *s = &w->s[k];
    if (s->field) walk_field(s->field, w->x, w->y, n);
    else if (mat_is_affine(s->back)) walk_affine(s->back, w->x, w->y, n);
    else walk_projective(s->back, w->x, w->y, n);
    apply_border(w, k, n);
  }
  if (w->shrink_x != 1.0 || w->shrink_y != 1.0)
    for (int i = 0; i < n; i++) {
      w->x[i] *= w->shrink_x;
      w->y[i] *= w->shrink_y;
    }
}

/* v * weight + what the borders give. */
static void add_fill(const Walk *w, int n, uint8_t *dst) {
  const int c = w->c;
  const bool u8 = w->sampler.im->type == IMAGE_U8;
  float *f = (float *)(void *)dst;
  for (int i = 0; i < n; i++) {
    const float weight = w->weight[i], *fill = w->fill + (size_t)i * (size_t)c;
    if (weight >= 1.0f) continue;
    for (int k = 0; k < c; k++) {
      size_t at = (size_t)i * (size_t)c + (size_t)k;
      float v = (u8 ? (float)dst[at] : f[at]) * weight + (w->lit ? fill[k] : 0.0f);
      if (u8) dst[at] = v >= 254.5f ? 255 : (uint8_t)(v + 0.5f);
      else f[at] = v;
    }
  }
}

/* One sample per pixel into dst. */
static void sample_once(Walk *w, int n, uint8_t *dst) {
  const size_t px = (size_t)w->c * image_sample_size(w->sampler.im);
  int a = 0, b = n;
  if (!w->partial) {
    sample_run(&w->sampler, w->x, w->y, n, dst);
    return;
  }
  /* nothing to read where nothing shows */
  while (a < b && w->weight[a] <= 0.0f) a++;
  while (b > a && w->weight[b - 1] <= 0.0f) b--;
  if (a) memset(dst, 0, (size_t)a * px);
  if (b < n) memset(dst + (size_t)b * px, 0, (size_t)(n - b) * px);
  sample_run(&w->sampler, w->x + a, w->y + a, b - a, dst + (size_t)a * px);
  add_fill(w, n, dst);
}

/* Pixels a <= i < b of the run at x, whatever they meet. */
static void walk_part(Walk *w, int x, int y, Span part, double dx, double dy, uint8_t *dst, size_t px) {
  if (part.a >= part.b) return;
  walk_run(w, x + part.a, y, part.b - part.a, dx, dy);
  sample_once(w, part.b - part.a, dst + (size_t)part.a * px);
}

static void fill_part(const Walk *w, Span part, uint8_t *dst, size_t px) {
  uint8_t *p = dst + (size_t)part.a * px;
  if (part.a >= part.b) return;
  if (!w->lit) {
    memset(p, 0, (size_t)(part.b - part.a) * px);
    return;
  }
  for (int i = part.a; i < part.b; i++, p += px)
    for (int k = 0; k < w->c; k++) {
      if (w->sampler.im->type == IMAGE_U8) p[k] = (uint8_t)w->colour[k];
      else memcpy(p + (size_t)k * sizeof *w->colour, w->colour + k, sizeof *w->colour);
    }
}

/* Input pixels from the frame to what is outside for sure: two output pixels may be missing from a span. */
#define FAR 8.0

/* An affine run falls into what is far outside, what is well inside, and a little between. */
static void run_straight(Walk *w, int x, int y, int n, double dx, double dy, uint8_t *dst, size_t px) {
  const Stage *s = w->s;
  const double far[4] = {-FAR, -FAR, s->in_w + FAR, s->in_h + FAR};
  double box[4];
  straight_box(&w->sampler, box);
  Span shown = {0, n}, in = straight_span(s->back, x, y + 0.5 + dy, n, box);
  if (s->border == BORDER_CONSTANT) shown = straight_span(s->back, x, y + 0.5 + dy, n, far);
  if (in.a >= in.b) in = (Span){shown.a, shown.a};
  fill_part(w, (Span){0, shown.a}, dst, px);
  walk_part(w, x, y, (Span){shown.a, in.a}, dx, dy, dst, px);
  if (in.a < in.b) straight_run(&w->sampler, s->back, x + in.a, dx, y + 0.5 + dy, in.b - in.a, dst + (size_t)in.a * px);
  walk_part(w, x, y, (Span){in.b, shown.b}, dx, dy, dst, px);
  fill_part(w, (Span){shown.b, n}, dst, px);
}

/* One sample for each of n pixels, dx and dy from their centres. */
static void sample_row(Walk *w, int x, int y, int n, double dx, double dy, uint8_t *dst) {
  const size_t px = (size_t)w->c * image_sample_size(w->sampler.im);
  if (w->straight) run_straight(w, x, y, n, dx, dy, dst, px);
  else walk_part(w, x, y, (Span){0, n}, dx, dy, dst, px);
}

KERNEL static void add_u8(float *restrict sum, const uint8_t *v, int n) {
  for (int k = 0; k < n; k++) sum[k] += (float)v[k];
}

KERNEL static void add_f32(float *restrict sum, const float *v, int n) {
  for (int k = 0; k < n; k++) sum[k] += v[k];
}

/* Mean of nx x ny samples per pixel. */
static void sample_fine(Walk *w, int x0, int y, int n, int nx, int ny, uint8_t *dst) {
  const int m = n * w->c;
  const bool u8 = w->sampler.im->type == IMAGE_U8;
  const float *f = (const float *)(void *)w->sample;
  memset(w->sum, 0, (size_t)m * sizeof *w->sum);
  for (int j = 0; j < ny; j++)
    for (int i = 0; i < nx; i++) {
      sample_row(w, x0, y, n, (i + 0.5) / nx - 0.5, (j + 0.5) / ny - 0.5, w->sample);
      if (u8) add_u8(w->sum, w->sample, m);
      else add_f32(w->sum, f, m);
    }
  const float scale = 1.0f / (float)(nx * ny);
  for (int k = 0; k < m; k++) {
    float v = w->sum[k] * scale;
    if (u8) dst[k] = (uint8_t)(v + 0.5f);
    else memcpy(dst + (size_t)k * sizeof v, &v, sizeof v);
  }
}

/* How far the source moves, in reduced input pixels, per output pixel to the right and down. */
static void footprint(const Walk *w, double x, double y, double across[2], double down[2]) {
  double p[4][2];
  const double at[4][2] = {{x - 0.5, y}, {x + 0.5, y}, {x, y - 0.5}, {x, y + 0.5}};
  for (int i = 0; i < 4; i++) {
    p[i][0] = at[i][0];
    p[i][1] = at[i][1];
    for (int k = w->n - 1; k >= 0; k--) stage_source(&w->s[k], p[i][0], p[i][1], p[i]);
  }
  across[0] = (p[1][0] - p[0][0]) * w->shrink_x;
  across[1] = (p[1][1] - p[0][1]) * w->shrink_y;
  down[0] = (p[3][0] - p[2][0]) * w->shrink_x;
  down[1] = (p[3][1] - p[2][1]) * w->shrink_y;
}

static int samples_for(double reach) {
  double n = ceil(reach - 0.6); /* up to 1.6 bilinear's own support does */
  return !(n > 1.0) ? 1 : n > FINE_MAX ? FINE_MAX : (int)n;
}

/* Samples across and down for n pixels around row y, from the mean square footprint of a few places. */
static void samples_at(const Walk *w, int x, double y, int n, uint8_t fine[2]) {
  enum { PLACES = 4 };
  double sum[2] = {0.0, 0.0};
  const int places = w->even ? 1 : PLACES;
  for (int i = 0; i < places; i++) {
    double a[2], d[2];
    footprint(w, x + n * (i + 0.5) / places, y, a, d);
    sum[0] += a[0] * a[0] + a[1] * a[1];
    sum[1] += d[0] * d[0] + d[1] * d[1];
  }
  for (int i = 0; i < 2; i++) fine[i] = (uint8_t)samples_for(sqrt(sum[i] / places));
}

static bool is_affine(const Walk *w) {
  for (int k = 0; k < w->n; k++)
    if (w->s[k].field || !mat_is_affine(w->s[k].back)) return false;
  return true;
}

/* The least local reduction anywhere (smaller singular value of the Jacobian), over a grid of places. */
static double least_shrink(const Walk *w, int out_w, int out_h) {
  const int grid = w->even ? 1 : 9;
  double least = INFINITY;
  for (int j = 0; j < grid; j++)
    for (int i = 0; i < grid; i++) {
      double a[2], d[2];
      footprint(w, (i + 0.5) * out_w / grid, (j + 0.5) * out_h / grid, a, d);
      double e = a[0] * a[0] + a[1] * a[1] + d[0] * d[0] + d[1] * d[1], det = a[0] * d[1] - a[1] * d[0];
      double s = (e - sqrt(fmax(e * e - 4.0 * det * det, 0.0))) / 2.0;
      if (s < least) least = s;
    }
  return sqrt(least);
}

/* Reduce the input when the whole picture shrinks by two or more. */
static const Image *reduce(Walk *w, const Image *in, int out_w, int out_h, Err *err) {
  if (w->sampler.interp == INTERP_NEAREST) return image_ref(in);
  double k = least_shrink(w, out_w, out_h);
  if (!(k >= 2.0) || isinf(k)) return image_ref(in);
  int rw = (int)(in->w / k + 0.5), rh = (int)(in->h / k + 0.5);
  rw = rw < 1 ? 1 : rw;
  rh = rh < 1 ? 1 : rh;
  Image *small = resample_shrink(in, rw, rh, err);
  w->shrink_x = (double)rw / in->w;
  w->shrink_y = (double)rh / in->h;
  double scale = 1.0;
  for (int i = w->n - 1; i >= 0; i--) {
    scale *= stage_scale(&w->s[i]);
    w->sharp[i] = scale < 1.0 ? scale : 1.0;
  }
  return small;
}

static bool open_walk(Walk *w, const Image *in, Err *err) {
  const Stage *last = &w->s[w->n - 1];
  const size_t px = (size_t)w->c * sizeof(float);
  w->fill = mem_alloc(RUN, px);
  w->sum = mem_alloc(RUN, px);
  w->sample = mem_alloc(RUN, px);
  w->colour = mem_alloc((size_t)w->n, px);
  w->fine = mem_alloc((size_t)last->out_w / RUN + 1, 2);
  w->even = is_affine(w);
  for (int k = 0; k < w->n; k++) w->sharp[k] = 1.0;
  if (!w->fill || !w->sum || !w->sample || !w->colour || !w->fine) return err_memory(err);
  for (int k = 0; k < w->n; k++)
    for (int j = 0; j < w->c; j++) {
      float v = w->colour[(size_t)k * (size_t)w->c + (size_t)j] = stage_fill(&w->s[k], in, j);
      if (v != 0.0f) w->lit = true;
    }
  if (last->field && !(w->field = field_row_new(last->field, last->out_w, err))) return false;
  w->sampler.im = reduce(w, in, last->out_w, last->out_h, err);
  w->straight = w->sampler.im == in && w->even && w->n == 1 && straight_can(&w->sampler);
  return w->sampler.im != NULL;
}

static void close_walk(Walk *w) {
  mem_free(w->fill);
  mem_free(w->sum);
  mem_free(w->sample);
  mem_free(w->fine);
  mem_free(w->colour);
  field_row_free(w->field);
  image_unref(w->sampler.im);
}

enum { PATCH = 32 }; /* rows that share their numbers of samples */

/* Samples per pixel for each run of the rows y .. y + PATCH - 1. */
static void plan_patch(Walk *w, const Image *out, int y) {
  for (int x = 0, k = 0; x < out->w; x += RUN, k += 2) {
    w->fine[k] = w->fine[k + 1] = 1;
    if (w->sampler.interp != INTERP_NEAREST) samples_at(w, x, y + PATCH / 2, out->w - x < RUN ? out->w - x : RUN, w->fine + k);
  }
}

static void run_pixels(Walk *w, Image *out, int x, int y) {
  int n = out->w - x < RUN ? out->w - x : RUN;
  const uint8_t *fine = w->fine + 2 * (x / RUN);
  const size_t px = (size_t)out->c * image_sample_size(out);
  uint8_t *dst = image_row(out, y) + (size_t)x * px;
  if (fine[0] * fine[1] > 1) sample_fine(w, x, y, n, fine[0], fine[1], dst);
  else sample_row(w, x, y, n, 0.0, 0.0, dst);
}

/* Rows y0 <= y < y1. Tile by tile, so that the part of the input in use stays in the first cache; a field goes row by row. */
static void run_patch(Walk *w, Image *out, int y0, int y1) {
  if (y0 == 0 || !w->even) plan_patch(w, out, y0);
  if (w->field) {
    for (int y = y0; y < y1; y++) {
      field_row_set(w->field, y);
      for (int x = 0; x < out->w; x += RUN) run_pixels(w, out, x, y);
    }
  } else {
    for (int x = 0; x < out->w; x += RUN)
      for (int y = y0; y < y1; y++) run_pixels(w, out, x, y);
  }
}

Image *resample_general(const Stage *s, int n, const Image *in, Err *err) {
  Walk w = {.s = s, .n = n, .shrink_x = 1.0, .shrink_y = 1.0, .c = in->c};
  Image *out = NULL;
  w.sampler = (Sampler){.interp = s[0].interp, .wrap = s[0].border == BORDER_WRAP};
  if (open_walk(&w, in, err)) out = image_new(s[n - 1].out_w, s[n - 1].out_h, in->c, in->type, in->alpha, err);
  if (out)
    for (int y = 0; y < out->h; y += PATCH) run_patch(&w, out, y, y + PATCH < out->h ? y + PATCH : out->h);
  close_walk(&w);
  return out;
}

static void mask_run(Walk *w, const uint8_t *outside, int n, uint8_t *dst) {
  const size_t px = (size_t)w->c * image_sample_size(w->sampler.im);
  sample_run(&w->sampler, w->x, w->y, n, dst);
  for (int i = 0; w->partial && i < n; i++)
    if (w->weight[i] < 1.0f) memcpy(dst + (size_t)i * px, outside, px);
}

Image *warp_mask(const Warp *warp, const Image *mask, float outside, Err *err) {
  if (mask->w != warp->in_w || mask->h != warp->in_h)
    return err_set(err, ERR_USAGE, "mask of %d x %d through a warp made for %d x %d", mask->w, mask->h, warp->in_w, warp->in_h), NULL;
  if (!warp->n) return image_ref(mask);
  Stage s[WARP_STAGES_MAX];
  memcpy(s, warp->stage, (size_t)warp->n * sizeof *s);
  for (int k = 0; k < warp->n; k++) s[k].interp = INTERP_NEAREST;
  Walk w = {.s = s, .n = warp->n, .shrink_x = 1.0, .shrink_y = 1.0, .c = mask->c};
  Image *out = NULL;
  uint8_t *fill = mem_alloc((size_t)mask->c, sizeof(float));
  for (int k = 0; fill && k < mask->c; k++) {
    if (mask->type == IMAGE_U8) fill[k] = (uint8_t)(outside < 0.0f ? 0.0f : outside > 255.0f ? 255.0f : outside);
    else memcpy(fill + (size_t)k * sizeof outside, &outside, sizeof outside);
  }
  if (!fill) err_memory(err);
  else if (open_walk(&w, mask, err)) out = image_new(warp->out_w, warp->out_h, mask->c, mask->type, mask->alpha, err);
  for (int y = 0; out && y < out->h; y++) {
    if (w.field) field_row_set(w.field, y);
    for (int x = 0; x < out->w; x += RUN) {
      int n = out->w - x < RUN ? out->w - x : RUN;
      walk_run(&w, x, y, n, 0.0, 0.0);
      mask_run(&w, fill, n, image_row(out, y) + (size_t)x * (size_t)out->c * image_sample_size(out));
    }
  }
  close_walk(&w);
  mem_free(fill);
  return out;
}
