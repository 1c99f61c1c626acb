/* Geometry: what moves pixels. Each row fills a Warp and nothing else, so masks,
 * boxes and points move with the picture.
 *
 * Angles in degrees, counter-clockwise positive as seen on the screen (y down).
 * Where the result shows what the picture does not have, `border` decides.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "base/rng.h"
#include "prim/edge.h"
#include "prim/prim.h"
#include "prim/resample.h"

static const char *const AXES[] = {"h", "v", NULL};

#define PIXELS ((double)IMAGE_SIDE_MAX)
static bool push(const Step *s, Warp *out, const double m[9], int w, int h, Err *err) {
  Edge e = edge_of(s);
  return warp_homography(out, m, w, h, e.interp, e.border, e.fill, err);
}

/* x' = a (x - cx) + b (y - cy) + cx and so on, exact where the numbers are. */
static bool push_about_centre(const Step *s, Warp *out, int w, int h, double a, double b, double c, double d, Err *err) {
  double x = w / 2.0, y = h / 2.0;
  double m[9] = {a, b, x - (a * x + b * y), c, d, y - (c * x + d * y), 0, 0, 1};
  return push(s, out, m, w, h, err);
}

/* Exact at quarter turns. */
static void turn(double degrees, double *cosine, double *sine) {
  double t = degrees - 360.0 * floor(degrees / 360.0 + 0.5), quarter = floor(t / 90.0 + 0.5);
  double r = (t - 90.0 * quarter) * (FM_PI / 180.0), c = r == 0.0 ? 1.0 : fm_cos(r), n = r == 0.0 ? 0.0 : fm_sin(r);
  switch (((int)quarter % 4 + 4) % 4) {
  case 0: *cosine = c; *sine = n; break;
  case 1: *cosine = -n; *sine = c; break;
  case 2: *cosine = -c; *sine = -n; break;
  default: *cosine = n; *sine = -c; break;
  }
}

static double tangent(double degrees) { return degrees == 0.0 ? 0.0 : fm_tan(degrees * (FM_PI / 180.0)); }

static int whole(double v) { return (int)(v < 1.0 ? 1.0 : floor(v + 0.5)); }

static bool warp_crop(const Step *s, int w, int h, Warp *out, Err *err) {
  (void)w, (void)h;
  double cw = num(s, "w"), ch = num(s, "h"), sx = whole(cw) / cw, sy = whole(ch) / ch;
  double m[9] = {sx, 0, -num(s, "x") * sx, 0, sy, -num(s, "y") * sy, 0, 0, 1};
  return push(s, out, m, whole(cw), whole(ch), err);
}

static bool warp_resize(const Step *s, int w, int h, Warp *out, Err *err) {
  int nw = (int)num(s, "w"), nh = (int)num(s, "h");
  double m[9] = {(double)nw / w, 0, 0, 0, (double)nh / h, 0, 0, 0, 1};
  return warp_homography(out, m, nw, nh, (Interp)num(s, "interp"), BORDER_REPLICATE, NULL, err);
}

static bool push_copy(Warp *out, const double m[9], int w, int h, Err *err) {
  return warp_homography(out, m, w, h, INTERP_LINEAR, BORDER_REPLICATE, NULL, err);
}

static bool warp_flip(const Step *s, int w, int h, Warp *out, Err *err) {
  bool v = num(s, "axis") != 0.0;
  double m[9] = {v ? 1 : -1, 0, v ? 0 : w, 0, v ? -1 : 1, v ? h : 0, 0, 0, 1};
  return push_copy(out, m, w, h, err);
}

static bool warp_transpose(const Step *s, int w, int h, Warp *out, Err *err) {
  (void)s;
  double m[9] = {0, 1, 0, 1, 0, 0, 0, 0, 1};
  return push_copy(out, m, h, w, err);
}

static bool warp_rotate90(const Step *s, int w, int h, Warp *out, Err *err) {
  double m[4][9] = {{1, 0, 0, 0, 1, 0, 0, 0, 1}, {0, 1, 0, -1, 0, w, 0, 0, 1}, {-1, 0, w, 0, -1, h, 0, 0, 1}, {0, -1, h, 1, 0, 0, 0, 0, 1}};
  int k = ((int)num(s, "k") % 4 + 4) % 4;
  return push_copy(out, m[k], k & 1 ? h : w, k & 1 ? w : h, err);
}

static bool warp_rotate(const Step *s, int w, int h, Warp *out, Err *err) {
  double c, n;
  turn(num(s, "degrees"), &c, &n);
  return push_about_centre(s, out, w, h, c, n, -n, c, err);
}

static bool warp_rotate_fit(const Step *s, int w, int h, Warp *out, Err *err) {
  double c, n;
  turn(num(s, "degrees"), &c, &n);
  double bw = w * fabs(c) + h * fabs(n), bh = w * fabs(n) + h * fabs(c);
  double k = fmin(w / bw, h / bh);
  return push_about_centre(s, out, w, h, k * c, k * n, -k * n, k * c, err);
}

static bool check_affine(const Step *s, Err *err) {
  return s->n == 6 || s->n == 9 || err_set(err, ERR_USAGE, "affine.matrix: %zu numbers, 6 or 9 expected", s->n);
}

static bool warp_affine(const Step *s, int w, int h, Warp *out, Err *err) {
  double m[9] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
  for (size_t i = 0; i < s->n; i++) m[i] = (double)s->list[i];
  return push(s, out, m, w, h, err);
}

static bool warp_translate(const Step *s, int w, int h, Warp *out, Err *err) {
  double m[9] = {1, 0, num(s, "x"), 0, 1, num(s, "y"), 0, 0, 1};
  return push(s, out, m, w, h, err);
}

static bool warp_scale(const Step *s, int w, int h, Warp *out, Err *err) {
  double k = num(s, "factor"), a = sqrt(num(s, "aspect"));
  return push_about_centre(s, out, w, h, k * a, 0, 0, k / a, err);
}

static bool warp_shear(const Step *s, int w, int h, Warp *out, Err *err) {
  return push_about_centre(s, out, w, h, 1, tangent(num(s, "x")), tangent(num(s, "y")), 1, err);
}

static bool warp_pad(const Step *s, int w, int h, Warp *out, Err *err) {
  double left = num(s, "left"), top = num(s, "top");
  double m[9] = {1, 0, left, 0, 1, top, 0, 0, 1}, nw = w + left + num(s, "right"), nh = h + top + num(s, "bottom");
  if (nw > PIXELS || nh > PIXELS) return err_set(err, ERR_LIMIT, "pad: %.0f x %.0f is larger than %.0f px", nw, nh, PIXELS);
  return push(s, out, m, (int)nw, (int)nh, err);
}

/* Corners of the unit square, clockwise from the top left, moved by the list. */
static void moved_corners(const Step *s, double x[4], double y[4]) {
  static const double at[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
  for (int i = 0; i < 4; i++) {
    x[i] = at[i][0] + (double)s->list[2 * i];
    y[i] = at[i][1] + (double)s->list[2 * i + 1];
  }
}

static bool check_perspective(const Step *s, Err *err) {
  if (s->n != 8) return err_set(err, ERR_USAGE, "perspective.corners: %zu numbers, 8 expected", s->n);
  double x[4], y[4];
  moved_corners(s, x, y);
  for (int i = 0; i < 4; i++) {
    int j = (i + 1) % 4, k = (i + 2) % 4;
    if ((x[j] - x[i]) * (y[k] - y[j]) - (y[j] - y[i]) * (x[k] - x[j]) < 1e-3)
      return err_set(err, ERR_USAGE, "perspective.corners: corner %d makes the outline fold, a convex one is expected", j + 1);
  }
  return true;
}

/* Unit square to quadrilateral: Heckbert 1989, section 2.2.3. */
static bool warp_perspective(const Step *s, int w, int h, Warp *out, Err *err) {
  double x[4], y[4];
  moved_corners(s, x, y);
  double dx1 = x[1] - x[2], dx2 = x[3] - x[2], sx = x[0] - x[1] + x[2] - x[3];
  double dy1 = y[1] - y[2], dy2 = y[3] - y[2], sy = y[0] - y[1] + y[2] - y[3];
  double det = dx1 * dy2 - dx2 * dy1, g = (sx * dy2 - dx2 * sy) / det, k = (dx1 * sy - sx * dy1) / det;
  double m[9] = {x[1] - x[0] + g * x[1], x[3] - x[0] + k * x[3], x[0], y[1] - y[0] + g * y[1], y[3] - y[0] + k * y[3], y[0], g, k, 1};
  /* from and to pixels */
  const double scale_in[9] = {1.0 / w, 0, 0, 0, 1.0 / h, 0, 0, 0, 1}, scale_out[9] = {w, 0, 0, 0, h, 0, 0, 0, 1};
  mat_mul(m, m, scale_in);
  mat_mul(m, scale_out, m);
  return push(s, out, m, w, h, err);
}

/* Gaussian along one axis of a grid, cut at three deviations, edges repeated; out is another array. */
static void smooth_axis(const float *in, float *out, int n, size_t step, int lines, size_t line_step, const double *w, int reach) {
  for (int l = 0; l < lines; l++)
    for (int i = 0; i < n; i++) {
      double sum = 0.0;
      for (int k = -reach; k <= reach; k++) {
        int j = i + k < 0 ? 0 : i + k >= n ? n - 1 : i + k;
        sum += w[k < 0 ? -k : k] * (double)in[(size_t)l * line_step + (size_t)j * step];
      }
      out[(size_t)l * line_step + (size_t)i * step] = (float)sum;
    }
}

/* Independent normal numbers, then smoothed (sigma in cells) on a margin wide enough that the frame does not see its edge. */
enum { CELLS_PER_SIGMA = 2, REACH = 3 * CELLS_PER_SIGMA };

static bool random_field(Field *f, uint64_t key, double sigma, Err *err) {
  int cols = f->cols + 2 * REACH, rows = f->rows + 2 * REACH;
  size_t n = (size_t)cols * (size_t)rows;
  float *a = mem_alloc(n, 2 * sizeof *a), *b = a + n;
  if (!a) return err_memory(err);
  double w[REACH + 1];
  for (int k = 0; k <= REACH; k++) w[k] = fm_exp(-0.5 * k * k / (sigma * sigma));
  for (int axis = 0; axis < 2; axis++) {
    float *d = axis ? f->dy : f->dx;
    rng_fill_normal(key, (uint64_t)axis << 40, a, n);
    smooth_axis(a, b, cols, 1, rows, (size_t)cols, w, REACH);
    smooth_axis(b, a, rows, (size_t)cols, cols, 1, w, REACH);
    for (int j = 0; j < f->rows; j++)
      memcpy(d + (size_t)j * (size_t)f->cols, a + (size_t)(j + REACH) * (size_t)cols + REACH, (size_t)f->cols * sizeof *d);
  }
  mem_free(a);
  return true;
}

/* Mean square displacement per axis at the nodes inside the frame: the spline there is (1 4 1) / 6 of the coefficients. */
static double field_power(const Field *f, int w, int h) {
  const bool dense = f->cell_w == 1.0;
  double sum = 0.0, n = 0.0;
  for (int j = 0; j < f->rows && j * f->cell_h <= h; j++)
    for (int i = 0; i < f->cols && i * f->cell_w <= w; i++, n += 1.0) {
      double d[2] = {0.0, 0.0};
      for (int b = -1; b <= 1; b++)
        for (int a = -1; a <= 1; a++) {
          double k = dense ? !a && !b : (a ? 1.0 : 4.0) * (b ? 1.0 : 4.0) / 36.0;
          int x = i + a < 0 ? 0 : i + a >= f->cols ? f->cols - 1 : i + a, y = j + b < 0 ? 0 : j + b >= f->rows ? f->rows - 1 : j + b;
          size_t at = (size_t)y * (size_t)f->cols + (size_t)x;
          d[0] += k * (double)f->dx[at];
          d[1] += k * (double)f->dy[at];
        }
      sum += d[0] * d[0] + d[1] * d[1];
    }
  return sum / (2.0 * n);
}

static bool warp_elastic(const Step *s, int w, int h, Warp *out, Err *err) {
  double amplitude = num(s, "amplitude"), sigma = num(s, "sigma"), cell = fmax(sigma / CELLS_PER_SIGMA, 1.0);
  if (amplitude == 0.0) return true;
  Field *f = field_new((int)ceil(w / cell) + 2, (int)ceil(h / cell) + 2, cell, cell, err);
  if (!f) return false;
  if (!random_field(f, s->key, sigma / cell, err)) {
    field_unref(f);
    return false;
  }
  float k = (float)(amplitude / sqrt(fmax(field_power(f, w, h), 1e-30)));
  for (size_t i = 0; i < (size_t)f->cols * (size_t)f->rows; i++) {
    f->dx[i] *= k;
    f->dy[i] *= k;
  }
  return push_field(s, out, f, err);
}

static bool check_displace(const Step *s, Err *err) {
  double want = 2.0 * num(s, "cols") * num(s, "rows");
  return (double)s->n == want || err_set(err, ERR_USAGE, "displace.grid: %zu numbers, %.0f expected (2 x cols x rows)", s->n, want);
}

static bool warp_displace(const Step *s, int w, int h, Warp *out, Err *err) {
  int cols = (int)num(s, "cols"), rows = (int)num(s, "rows");
  Field *f = field_new(cols, rows, (double)w / (cols - 1), (double)h / (rows - 1), err);
  if (!f) return false;
  for (size_t i = 0; i < s->n / 2; i++) {
    f->dx[i] = s->list[2 * i];
    f->dy[i] = s->list[2 * i + 1];
  }
  if (field_interpolate(f, err)) return push_field(s, out, f, err);
  field_unref(f);
  return false;
}

static bool warp_grid_distort(const Step *s, int w, int h, Warp *out, Err *err) {
  int cols = (int)num(s, "cols"), rows = (int)num(s, "rows");
  Field *f = field_new(cols + 1, rows + 1, (double)w / cols, (double)h / rows, err);
  if (!f) return false;
  Rng r;
  rng_init(&r, s->key);
  for (int j = 0; j <= rows; j++)
    for (int i = 0; i <= cols; i++) {
      double u = rng_unit(&r) * 2.0 - 1.0, v = rng_unit(&r) * 2.0 - 1.0, amount = num(s, "amount");
      if (i == 0 || j == 0 || i == cols || j == rows) continue;
      f->dx[j * f->cols + i] = (float)(u * amount * f->cell_w);
      f->dy[j * f->cols + i] = (float)(v * amount * f->cell_h);
    }
  if (field_interpolate(f, err)) return push_field(s, out, f, err);
  field_unref(f);
  return false;
}

/* source = centre + turn(angle) * stretch * (output - centre), both by distance from the centre in half short sides (or corners). */
typedef void Radial(const Step *s, double r, double *stretch, double *degrees);

enum { RADIAL_CELLS = 64 };

static bool push_radial(const Step *s, int w, int h, double unit, Radial *law, Warp *out, Err *err) {
  double cell_w = (double)w / RADIAL_CELLS, cell_h = (double)h / RADIAL_CELLS, cx = w / 2.0, cy = h / 2.0;
  Field *f = field_new(RADIAL_CELLS + 1, RADIAL_CELLS + 1, cell_w, cell_h, err);
  if (!f) return false;
  for (int j = 0; j < f->rows; j++)
    for (int i = 0; i < f->cols; i++) {
      double x = i * cell_w - cx, y = j * cell_h - cy, k = 1.0, degrees = 0.0, c, n;
      law(s, fm_hypot(x, y) / unit, &k, &degrees);
      turn(degrees, &c, &n);
      f->dx[j * f->cols + i] = (float)(k * (c * x - n * y) - x);
      f->dy[j * f->cols + i] = (float)(k * (n * x + c * y) - y);
    }
  if (field_interpolate(f, err)) return push_field(s, out, f, err);
  field_unref(f);
  return false;
}

static void lens_law(const Step *s, double r, double *stretch, double *degrees) {
  (void)degrees;
  *stretch = 1.0 + num(s, "k1") * r * r + num(s, "k2") * r * r * r * r;
}

/* The source radius must grow with the radius, or the picture folds over itself. */
static bool check_optical(const Step *s, Err *err) {
  double k1 = num(s, "k1"), k2 = num(s, "k2");
  for (int i = 1; i <= 64; i++) {
    double q = i / 64.0 * i / 64.0;
    if (1.0 + 3.0 * k1 * q + 5.0 * k2 * q * q <= 0.0)
      return err_set(err, ERR_USAGE, "optical: k1 %g with k2 %g folds the picture, 1 + 3 k1 r^2 + 5 k2 r^4 > 0 expected", k1, k2);
  }
  return true;
}

static bool warp_optical(const Step *s, int w, int h, Warp *out, Err *err) {
  return push_radial(s, w, h, fm_hypot(w, h) / 2.0, lens_law, out, err);
}

/* 1 in the middle, 0 from the radius on, smooth at both. */
static double bell(const Step *s, double r) {
  double t = r / num(s, "radius"), u = 1.0 - t * t;
  return t >= 1.0 ? 0.0 : u * u;
}

/* Where the picture turns counter-clockwise its sources turn clockwise: y is down, so a positive angle here. */
static void swirl_law(const Step *s, double r, double *stretch, double *degrees) {
  (void)stretch;
  *degrees = num(s, "degrees") * bell(s, r);
}

static void pinch_law(const Step *s, double r, double *stretch, double *degrees) {
  (void)degrees;
  double a = num(s, "amount");
  /* r (1 + k bell(r)) grows with r for -1 < k < 1.25: no fold */
  *stretch = 1.0 + (a > 0.0 ? 1.2 : 0.9) * a * bell(s, r);
}

static double half_side(int w, int h) { return (w < h ? w : h) / 2.0; }

static bool warp_swirl(const Step *s, int w, int h, Warp *out, Err *err) {
  return push_radial(s, w, h, half_side(w, h), swirl_law, out, err);
}

static bool warp_pinch(const Step *s, int w, int h, Warp *out, Err *err) {
  return push_radial(s, w, h, half_side(w, h), pinch_law, out, err);
}

#define WARP(name, doc, source) name, doc, source, PRIM_WARP, false

const Prim PRIM_GEOMETRY[] = {
    {WARP("crop", "The part x, y, w, h of the picture; parts outside it are border.", ""),
     {NUM("x", -PIXELS, PIXELS, 0, "px", "left edge; a fraction resamples"), NUM("y", -PIXELS, PIXELS, 0, "px", "top edge"),
      NUM("w", 1, PIXELS, NAN, "px", "width; the result is rounded to whole pixels"), NUM("h", 1, PIXELS, NAN, "px", "height"),
      INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_crop},
    {WARP("resize", "To w x h pixels; shrinking is pre-filtered, so nothing aliases.", ""),
     {INT("w", 1, PIXELS, NAN, "px", "width"), INT("h", 1, PIXELS, NAN, "px", "height"), INTERP_ROW},
     NULL, NULL, NULL, warp_resize},
    {WARP("flip", "Mirror left and right (h) or top and bottom (v).", ""),
     {{"axis", PARAM_ENUM, 0, 1, 0, "", "h: left and right change places; v: top and bottom", AXES, false}},
     NULL, NULL, NULL, warp_flip},
    {WARP("transpose", "Mirror about the main diagonal: rows become columns.", ""), {{0}}, NULL, NULL, NULL, warp_transpose},
    {WARP("rotate90", "Quarter turns, counter-clockwise.", ""),
     {INT("k", -3, 3, 1, "quarter turns", "counter-clockwise; negative: clockwise")},
     NULL, NULL, NULL, warp_rotate90},
    {WARP("rotate", "Turn about the centre, same canvas: corners leave it.", ""),
     {NUM("degrees", -1e4, 1e4, NAN, "degrees", "counter-clockwise"), INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_rotate},
    {WARP("rotate_fit", "Turn about the centre and shrink, both axes alike, until the whole picture fits the same canvas.", ""),
     {NUM("degrees", -1e4, 1e4, NAN, "degrees", "counter-clockwise"), INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_rotate_fit},
    {WARP("affine", "Any affine map or homography, given forward (input to output).", ""),
     {{"matrix", PARAM_LIST, -1e9, 1e9, 0, "px", "row-major, 6 numbers (affine) or 9", NULL, false}, INTERP_ROW,
      BORDER_ROWS(BORDER_CONSTANT)},
     check_affine, NULL, NULL, warp_affine},
    {WARP("translate", "Shift.", ""),
     {NUM("x", -PIXELS, PIXELS, 0, "px", "to the right"), NUM("y", -PIXELS, PIXELS, 0, "px", "down"), INTERP_ROW,
      BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_translate},
    {WARP("scale", "Zoom about the centre, same canvas.", ""),
     {NUM("factor", 0.001, 1000, NAN, "times", "above 1 enlarges"),
      NUM("aspect", 0.01, 100, 1, "times", "extra width over height, area kept"), INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_scale},
    {WARP("shear", "Slant about the centre.", ""),
     {NUM("x", -85, 85, 0, "degrees", "vertical lines lean by this; down goes right"),
      NUM("y", -85, 85, 0, "degrees", "horizontal lines lean by this; right goes down"), INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_shear},
    {WARP("perspective", "The four corners moved, straight lines kept straight.", ""),
     {{"corners", PARAM_LIST, -10, 10, 0, "of width and height", "dx, dy of top left, top right, bottom right, bottom left", NULL, false},
      INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     check_perspective, NULL, NULL, warp_perspective},
    {WARP("pad", "A margin around the picture.", ""),
     {INT("left", 0, PIXELS, 0, "px", "columns added"), INT("top", 0, PIXELS, 0, "px", "rows added"),
      INT("right", 0, PIXELS, 0, "px", "columns added"), INT("bottom", 0, PIXELS, 0, "px", "rows added"), BORDER_ROWS(BORDER_CONSTANT)},
     NULL, NULL, NULL, warp_pad},
    {WARP("elastic", "A smooth random displacement, as of a picture on rubber.", "Simard, Steinkraus & Platt 2003"),
     {NUM("amplitude", 0, 10000, NAN, "px", "rms displacement along each axis"),
      NUM("sigma", 0.5, 10000, NAN, "px", "smoothness: deviation of the Gaussian that correlates the displacement"),
      {"key", PARAM_KEY, 0, 0, 0, "", "which displacement", NULL, false}, INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     NULL, NULL, NULL, warp_elastic},
    {WARP("displace", "Displacements given on a grid over the frame, smooth between and through the nodes.", ""),
     {{"grid", PARAM_LIST, -PIXELS, PIXELS, 0, "px", "dx, dy of each node, row by row: source = output + displacement", NULL, false},
      INT("cols", 2, 65536, NAN, "nodes", "from the left edge to the right edge"),
      INT("rows", 2, 65536, NAN, "nodes", "from the top edge to the bottom edge"), INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     check_displace, NULL, NULL, warp_displace},
    {WARP("grid_distort", "The crossings of a grid moved at random, the frame's edge held.", ""),
     {INT("cols", 1, 1000, 5, "cells", "across"), INT("rows", 1, 1000, 5, "cells", "down"),
      NUM("amount", 0, 1, NAN, "of a cell", "farthest a crossing moves along each axis"),
      {"key", PARAM_KEY, 0, 0, 0, "", "which displacement", NULL, false}, INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     NULL, NULL, NULL, warp_grid_distort},
    {WARP("optical", "Lens distortion: source radius = r (1 + k1 r^2 + k2 r^4), r = 1 at the corners.", "Brown 1966"),
     {NUM("k1", -1, 4, 0, "", "positive: barrel, negative: pincushion"), NUM("k2", -1, 4, 0, "", "the same, felt towards the corners"),
      INTERP_ROW, BORDER_ROWS(BORDER_CONSTANT)},
     check_optical, NULL, NULL, warp_optical},
    {WARP("swirl", "Turned about the centre, most in the middle, not at all beyond the radius.", ""),
     {NUM("degrees", -3600, 3600, NAN, "degrees", "counter-clockwise turn of the centre"),
      NUM("radius", 0.01, 10, 1, "of half the short side", "where it ends"), INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     NULL, NULL, NULL, warp_swirl},
    {WARP("pinch", "The middle drawn together or bulged out, nothing beyond the radius.", ""),
     {NUM("amount", -1, 1, NAN, "", "positive draws together, negative bulges"),
      NUM("radius", 0.01, 10, 1, "of half the short side", "where it ends"), INTERP_ROW, BORDER_ROWS(BORDER_REFLECT)},
     NULL, NULL, NULL, warp_pinch},
    {0}};
