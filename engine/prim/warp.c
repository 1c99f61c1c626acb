/* The list of stages: composing, merging, points forward and back. Merging
 * multiplies two neighbouring homographies when the frame between them cannot
 * be seen in the result; otherwise both stay, with their own borders.
 * SPDX-License-Identifier: MIT */
#include "prim/warp.h"

#include <math.h>
#include <string.h>

#include "prim/resample.h"

void mat_mul(double out[9], const double a[9], const double b[9]) {
  double m[9];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) m[i * 3 + j] = a[i * 3] * b[j] + a[i * 3 + 1] * b[3 + j] + a[i * 3 + 2] * b[6 + j];
  memcpy(out, m, sizeof m);
}

bool mat_is_affine(const double m[9]) { return m[6] == 0.0 && m[7] == 0.0 && m[8] == 1.0; }

bool mat_point(const double m[9], double x, double y, double out[2]) {
  double px = m[0] * x + m[1] * y + m[2], py = m[3] * x + m[4] * y + m[5], w = m[6] * x + m[7] * y + m[8];
  bool ok = w > 1e-9;
  if (!ok) w = 1e-9;
  out[0] = px / w;
  out[1] = py / w;
  return ok;
}

/* The affine case apart, so that flips and whole translations stay exact. */
static bool mat_invert(double out[9], const double m[9]) {
  if (mat_is_affine(m)) {
    double d = m[0] * m[4] - m[1] * m[3];
    if (d == 0.0 || !isfinite(1.0 / d)) return false;
    double a = m[4] / d, b = -m[1] / d, c = -m[3] / d, e = m[0] / d;
    double inv[9] = {a, b, -(a * m[2] + b * m[5]), c, e, -(c * m[2] + e * m[5]), 0, 0, 1};
    memcpy(out, inv, sizeof inv);
    return true;
  }
  double c0 = m[4] * m[8] - m[5] * m[7], c1 = m[5] * m[6] - m[3] * m[8], c2 = m[3] * m[7] - m[4] * m[6];
  double d = m[0] * c0 + m[1] * c1 + m[2] * c2;
  if (d == 0.0 || !isfinite(1.0 / d)) return false;
  double inv[9] = {c0, m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                   c1, m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                   c2, m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  for (int i = 0; i < 9; i++) out[i] = inv[i] / d;
  return true;
}

/* Volume of the matrix between frames scaled to 1 x 1, relative to its rows: 0 for singular, 1 for orthogonal rows. */
static double conditioning(const double m[9], int in_w, int in_h, int out_w, int out_h) {
  double n[9], rows = 1.0;
  const double in[3] = {in_w, in_h, 1}, out[3] = {out_w, out_h, 1};
  for (int i = 0; i < 3; i++) {
    double sum = 0.0;
    for (int j = 0; j < 3; j++) {
      n[i * 3 + j] = m[i * 3 + j] * in[j] / out[i];
      sum += n[i * 3 + j] * n[i * 3 + j];
    }
    rows *= sqrt(sum);
  }
  double d = n[0] * (n[4] * n[8] - n[5] * n[7]) + n[1] * (n[5] * n[6] - n[3] * n[8]) + n[2] * (n[3] * n[7] - n[4] * n[6]);
  return rows > 0.0 && isfinite(rows) ? fabs(d) / rows : 0.0;
}

void warp_init(Warp *w, int in_w, int in_h) {
  w->in_w = w->out_w = in_w;
  w->in_h = w->out_h = in_h;
  w->n = 0;
}

void warp_clear(Warp *w) {
  for (int i = 0; i < w->n; i++) field_unref(w->stage[i].field);
  w->n = 0;
}

bool warp_copy(Warp *to, const Warp *from, Err *err) {
  (void)err; /* fields are shared, so nothing can fail */
  *to = *from;
  for (int i = 0; i < to->n; i++) field_ref(to->stage[i].field);
  return true;
}

bool stage_source(const Stage *s, double x, double y, double out[2]) {
  if (!s->field) return mat_point(s->back, x, y, out);
  double d[2];
  field_at(s->field, x, y, d, NULL);
  out[0] = x + d[0];
  out[1] = y + d[1];
  return true;
}

double stage_scale(const Stage *s) {
  if (s->field) return 1.0;
  const double *m = s->fore;
  double x = s->in_w / 2.0, y = s->in_h / 2.0, w = m[6] * x + m[7] * y + m[8];
  double p[2];
  if (!mat_point(m, x, y, p)) return 1.0;
  double a = (m[0] - p[0] * m[6]) / w, b = (m[1] - p[0] * m[7]) / w;
  double c = (m[3] - p[1] * m[6]) / w, d = (m[4] - p[1] * m[7]) / w;
  return sqrt(fabs(a * d - b * c));
}

static bool close_to(double v, double want, double reach) { return fabs(v - want) * (reach + 1.0) < 1e-6; }

static bool is_unit(double v, double reach) { return close_to(v, 1.0, reach) || close_to(v, -1.0, reach); }

/* Each input axis runs along one output axis. */
static bool is_straight(const Stage *s, bool *crossed) {
  const double *m = s->back;
  if (s->field || !mat_is_affine(m)) return false;
  bool direct = close_to(m[1], 0, s->out_h) && close_to(m[3], 0, s->out_w);
  *crossed = close_to(m[0], 0, s->out_w) && close_to(m[4], 0, s->out_h);
  return direct || *crossed;
}

bool stage_is_copy(const Stage *s) {
  const double *m = s->back;
  bool crossed;
  if (!is_straight(s, &crossed)) return false;
  if (!is_unit(m[crossed ? 1 : 0], crossed ? s->out_h : s->out_w)) return false;
  if (!is_unit(m[crossed ? 3 : 4], crossed ? s->out_w : s->out_h)) return false;
  return close_to(m[2], floor(m[2] + 0.5), 0) && close_to(m[5], floor(m[5] + 0.5), 0);
}

static bool stage_is_identity(const Stage *s) {
  const double *m = s->back;
  return s->in_w == s->out_w && s->in_h == s->out_h && stage_is_copy(s) && close_to(m[0], 1, s->out_w) &&
         close_to(m[4], 1, s->out_h) && close_to(m[2], 0, 0) && close_to(m[5], 0, 0);
}

/* The middle of each corner pixel (inset .5) or each corner (0) of the output frame comes from at least `margin` inside the input. */
static bool corners_inside(const Stage *s, double inset, double margin) {
  for (int i = 0; i < 4; i++) {
    double p[2], tol = 1e-7;
    if (!mat_point(s->back, i & 1 ? s->out_w - inset : inset, i & 2 ? s->out_h - inset : inset, p)) return false;
    if (p[0] < margin - tol || p[0] > s->in_w - margin + tol) return false;
    if (p[1] < margin - tol || p[1] > s->in_h - margin + tol) return false;
  }
  return true;
}

/* The frames are the same rectangle, stretched, flipped or turned. */
static bool maps_frame_onto_frame(const Stage *s) {
  bool crossed;
  if (!is_straight(s, &crossed) || !corners_inside(s, 0.0, 0.0)) return false;
  double x = s->fore[crossed ? 1 : 0] * (crossed ? s->in_h : s->in_w);
  double y = s->fore[crossed ? 3 : 4] * (crossed ? s->in_w : s->in_h);
  return close_to(fabs(x), s->out_w, 0) && close_to(fabs(y), s->out_h, 0);
}

/* Half the resolution lost and asked back: somebody wants the loss (down-up scaling). */
static bool is_bottleneck(const Stage *a, const Stage *b) { return stage_scale(a) <= 0.5 && stage_scale(b) >= 2.0; }

/* a takes b in when the frame between them leaves no trace. */
static bool merge(Stage *a, const Stage *b) {
  if (a->field || b->field || is_bottleneck(a, b)) return false;
  bool a_copies = stage_is_copy(a), b_copies = stage_is_copy(b), onto = maps_frame_onto_frame(a);
  if (a->interp != b->interp && !a_copies && !b_copies) return false;
  bool soft = b->border == BORDER_REPLICATE || b->border == BORDER_REFLECT;
  if (!onto && !corners_inside(b, 0.5, soft ? 0.0 : 0.5)) return false;
  if (a_copies) a->interp = b->interp;
  if (onto) {
    a->border = b->border;
    memcpy(a->fill, b->fill, sizeof a->fill);
  }
  mat_mul(a->fore, b->fore, a->fore);
  mat_mul(a->back, a->back, b->back);
  a->out_w = b->out_w;
  a->out_h = b->out_h;
  return true;
}

static bool push(Warp *w, const Stage *s, Err *err) {
  if (w->n && merge(&w->stage[w->n - 1], s)) {
    if (stage_is_identity(&w->stage[w->n - 1])) w->n--;
  } else {
    if (w->n == WARP_STAGES_MAX)
      return err_set(err, ERR_LIMIT, "more than %d geometric steps that cannot be merged", WARP_STAGES_MAX);
    w->stage[w->n] = *s;
    field_ref(s->field);
    w->n++;
  }
  w->out_w = s->out_w;
  w->out_h = s->out_h;
  return true;
}

static void set_border(Stage *s, Interp interp, Border border, const float fill[4]) {
  s->interp = interp;
  s->border = border;
  for (int i = 0; i < 4; i++) s->fill[i] = fill ? fill[i] : 0.0f;
}

/* Scale so that w is positive at the middle of the input, 1 exactly for affine maps. */
static void normalise(double m[9], int in_w, int in_h) {
  double s = m[6] == 0.0 && m[7] == 0.0 ? m[8] : m[6] * in_w / 2.0 + m[7] * in_h / 2.0 + m[8];
  if (s == 0.0 || s == 1.0) return;
  for (int i = 0; i < 9; i++) m[i] /= s;
}

bool warp_homography(Warp *w, const double fore[9], int out_w, int out_h, Interp interp, Border border, const float fill[4], Err *err) {
  if (out_w < 1 || out_h < 1 || out_w > IMAGE_SIDE_MAX || out_h > IMAGE_SIDE_MAX)
    return err_set(err, ERR_LIMIT, "output of %d x %d: each must be 1..%d", out_w, out_h, IMAGE_SIDE_MAX);
  Stage s = {.in_w = w->out_w, .in_h = w->out_h, .out_w = out_w, .out_h = out_h};
  memcpy(s.fore, fore, sizeof s.fore);
  for (int i = 0; i < 9; i++)
    if (!isfinite(fore[i])) return err_set(err, ERR_USAGE, "matrix: element %d is not a number", i + 1);
  normalise(s.fore, s.in_w, s.in_h);
  if (conditioning(s.fore, s.in_w, s.in_h, out_w, out_h) < 1e-10 || !mat_invert(s.back, s.fore))
    return err_set(err, ERR_USAGE, "matrix: singular, it flattens the picture to a line");
  set_border(&s, interp, border, fill);
  if (stage_is_identity(&s)) return true;
  /* nothing outside is ever seen: the border must not soften the frame's edge either */
  if (border == BORDER_CONSTANT && corners_inside(&s, 0.0, 0.0)) s.border = BORDER_REPLICATE;
  return push(w, &s, err);
}

static bool field_is_zero(const Field *f) {
  for (size_t i = 0, n = (size_t)f->cols * (size_t)f->rows; i < n; i++)
    if (f->dx[i] != 0.0f || f->dy[i] != 0.0f) return false;
  return true;
}

bool warp_field(Warp *w, Field *f, Interp interp, Border border, const float fill[4], Err *err) {
  if (field_is_zero(f)) return true;
  Stage s = {.in_w = w->out_w, .in_h = w->out_h, .out_w = w->out_w, .out_h = w->out_h, .field = f};
  set_border(&s, interp, border, fill);
  return push(w, &s, err);
}

bool warp_append(Warp *w, const Warp *next, Err *err) {
  if (next->in_w != w->out_w || next->in_h != w->out_h)
    return err_set(err, ERR_USAGE, "warp of %d x %d appended to one that gives %d x %d", next->in_w, next->in_h, w->out_w, w->out_h);
  Warp sum;
  warp_copy(&sum, w, NULL);
  for (int i = 0; i < next->n; i++)
    if (!push(&sum, &next->stage[i], err)) {
      warp_clear(&sum);
      return false;
    }
  warp_clear(w);
  *w = sum;
  return true;
}

bool warp_is_identity(const Warp *w) {
  for (int i = 0; i < w->n; i++)
    if (!stage_is_identity(&w->stage[i])) return false;
  return true;
}

bool warp_point(const Warp *w, double x, double y, double out[2]) {
  bool ok = true;
  out[0] = x;
  out[1] = y;
  for (int i = 0; i < w->n; i++) {
    const Stage *s = &w->stage[i];
    bool good = s->field ? field_invert(s->field, out[0], out[1], out) : mat_point(s->fore, out[0], out[1], out);
    ok = ok && good;
  }
  return ok;
}

void warp_source(const Warp *w, double x, double y, double out[2]) {
  out[0] = x;
  out[1] = y;
  for (int i = w->n - 1; i >= 0; i--) stage_source(&w->stage[i], out[0], out[1], out);
}
