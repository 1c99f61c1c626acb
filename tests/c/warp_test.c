/* Geometry: points and pixels move together, exact maps are exact, and one
 * resampling does what several would have done, only sharper.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "prim/prim.h"
#include "prim/resample.h"

typedef struct Arg {
  const char *name;
  double v;
} Arg;

/* A step with defaults, then args up to a NULL name. */
static Step step_of(const char *prim, const Arg *args, float *list, size_t n) {
  Step s = {.prim = prim_find(prim), .list = list, .n = n};
  assert_non_null(s.prim);
  for (int i = 0; s.prim->params[i].name; i++) s.num[i] = isnan(s.prim->params[i].def) ? 0 : s.prim->params[i].def;
  for (; args && args->name; args++) {
    int k = prim_param(s.prim, args->name);
    assert_true(k >= 0);
    s.num[k] = args->v;
  }
  s.key = 0x123456789abcdefULL;
  return s;
}

#define ARGS(...) ((const Arg[]){__VA_ARGS__, {NULL, 0}})

static void fail_with(const Err *err) { fail_msg("%s", err->text); }

static void add(Warp *w, const Step *s) {
  Err err;
  Warp one;
  warp_init(&one, w->out_w, w->out_h);
  if (!s->prim->warp(s, w->out_w, w->out_h, &one, &err)) fail_with(&err);
  if (!warp_append(w, &one, &err)) fail_with(&err);
  warp_clear(&one);
}

static Image *apply(const Warp *w, const Image *im) {
  Err err;
  Image *out = warp_image(w, im, &err);
  if (!out) fail_with(&err);
  assert_int_equal(out->w, w->out_w);
  assert_int_equal(out->h, w->out_h);
  return out;
}

static Image *run1(const Image *im, Step s) {
  Warp w;
  warp_init(&w, im->w, im->h);
  add(&w, &s);
  Image *out = apply(&w, im);
  warp_clear(&w);
  return out;
}

static Image *blank(int w, int h, int c, ImageType type) {
  Err err;
  Image *im = image_new(w, h, c, type, false, &err);
  if (!im) fail_with(&err);
  memset(im->data, 0, image_bytes(im));
  return im;
}

static void put(Image *im, int x, int y, int k, double v) { /* v in 0..255 */
  if (im->type == IMAGE_U8) image_row(im, y)[x * im->c + k] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5);
  else image_row_f(im, y)[x * im->c + k] = (float)(v / 255.0);
}

static double get(const Image *im, int x, int y, int k) {
  return im->type == IMAGE_U8 ? image_row(im, y)[x * im->c + k] : (double)image_row_f(im, y)[x * im->c + k] * 255.0;
}

static uint32_t scramble(uint32_t v) {
  v = (v ^ 61u) ^ (v >> 16);
  v *= 9u;
  v ^= v >> 4;
  v *= 0x27d4eb2du;
  return v ^ (v >> 15);
}

static Image *noise(int w, int h, int c, ImageType type) {
  Image *im = blank(w, h, c, type);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      for (int k = 0; k < c; k++) put(im, x, y, k, scramble((uint32_t)((y * w + x) * c + k)) & 255);
  return im;
}

/* Smooth test picture. */
static double scene(double x, double y, int k) {
  return 127.0 + 60.0 * fm_sin(x * 0.11 + k) + 60.0 * fm_cos(y * 0.07 + x * 0.03 + k);
}

static Image *smooth(int w, int h, int c, ImageType type) {
  Image *im = blank(w, h, c, type);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      for (int k = 0; k < c; k++) put(im, x, y, k, scene(x + 0.5, y + 0.5, k));
  return im;
}

/* A round dot with soft edge on black, centre (x,y). */
static Image *dot(int w, int h, int c, ImageType type, double x, double y, double sigma) {
  Image *im = blank(w, h, c, type);
  for (int j = 0; j < h; j++)
    for (int i = 0; i < w; i++) {
      double d = ((i + 0.5 - x) * (i + 0.5 - x) + (j + 0.5 - y) * (j + 0.5 - y)) / (2 * sigma * sigma);
      for (int k = 0; k < c; k++) put(im, i, j, k, d < 40 ? 255.0 * fm_exp(-d) : 0);
    }
  return im;
}

static bool centroid(const Image *im, double out[2]) {
  double s = 0, sx = 0, sy = 0;
  for (int y = 0; y < im->h; y++)
    for (int x = 0; x < im->w; x++) {
      double v = get(im, x, y, 0);
      if (v < 8) continue;
      s += v;
      sx += v * (x + 0.5);
      sy += v * (y + 0.5);
    }
  if (s < 100) return false;
  out[0] = sx / s;
  out[1] = sy / s;
  return true;
}

/* Dots go where warp_point says. */
static void check_landmarks(const Step *steps, int n, int w, int h, ImageType type, int c, double tolerance) {
  static const double at[][2] = {{.5, .5}, {.35, .45}, {.6, .4}, {.45, .65}};
  Warp warp;
  warp_init(&warp, w, h);
  for (int i = 0; i < n; i++) add(&warp, &steps[i]);
  for (int i = 0; i < 4; i++) {
    double x = at[i][0] * w, y = at[i][1] * h, want[2], got[2], back[2];
    assert_true(warp_point(&warp, x, y, want));
    warp_source(&warp, want[0], want[1], back);
    assert_true(fabs(back[0] - x) < 2e-3 && fabs(back[1] - y) < 2e-3);
    if (want[0] < 12 || want[1] < 12 || want[0] > warp.out_w - 12 || want[1] > warp.out_h - 12) continue;
    /* small where the map bends: a dot's centroid is a mean over its area */
    Image *im = dot(w, h, c, type, x, y, tolerance < 1.0 ? 2.2 : 1.2), *out = apply(&warp, im);
    assert_true(centroid(out, got));
    if (fabs(got[0] - want[0]) > tolerance || fabs(got[1] - want[1]) > tolerance)
      fail_msg("%s (%d steps): dot %d at %.3f %.3f, point says %.3f %.3f", steps[0].prim->name, n, i, got[0], got[1], want[0], want[1]);
    image_unref(im);
    image_unref(out);
  }
  warp_clear(&warp);
}

static void dots_follow_points(void **state) {
  (void)state;
  float m[] = {0.9f, 0.2f, 3.5f, -0.15f, 1.1f, 2.25f}, corners[] = {.1f, .05f, -.05f, .1f, -.1f, -.02f, .02f, -.1f};
  float h[] = {1, .05f, 2, .02f, .95f, 1, .0004f, .0002f, 1};
  Step steps[] = {
      step_of("rotate", ARGS({"degrees", 33}), NULL, 0),      step_of("rotate_fit", ARGS({"degrees", -70}), NULL, 0),
      step_of("flip", ARGS({"axis", 0}), NULL, 0),            step_of("flip", ARGS({"axis", 1}), NULL, 0),
      step_of("transpose", NULL, NULL, 0),                    step_of("rotate90", ARGS({"k", 1}), NULL, 0),
      step_of("rotate90", ARGS({"k", -1}), NULL, 0),          step_of("rotate90", ARGS({"k", 2}), NULL, 0),
      step_of("resize", ARGS({"w", 67}, {"h", 51}), NULL, 0), step_of("resize", ARGS({"w", 231}, {"h", 190}), NULL, 0),
      step_of("crop", ARGS({"x", 7.3}, {"y", 4.6}, {"w", 90.5}, {"h", 80}), NULL, 0),
      step_of("crop", ARGS({"x", -9}, {"y", 12}, {"w", 150}, {"h", 80}), NULL, 0),
      step_of("translate", ARGS({"x", 5.25}, {"y", -3.5}), NULL, 0),
      step_of("scale", ARGS({"factor", 1.3}, {"aspect", 1.2}), NULL, 0),
      step_of("scale", ARGS({"factor", .6}), NULL, 0),        step_of("shear", ARGS({"x", 20}, {"y", -10}), NULL, 0),
      step_of("pad", ARGS({"left", 3}, {"bottom", 9}), NULL, 0), step_of("affine", NULL, m, 6),
      step_of("affine", NULL, h, 9),                          step_of("perspective", NULL, corners, 8),
  };
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    bool bends = !strcmp(steps[i].prim->name, "perspective") || (steps[i].prim->warp && steps[i].n == 9);
    double tolerance = bends ? 0.25 : 0.1; /* a dot's centroid is not projective-invariant */
    check_landmarks(&steps[i], 1, 127, 97, IMAGE_U8, 3, tolerance);
    check_landmarks(&steps[i], 1, 97, 111, IMAGE_F32, 1, tolerance);
    for (int k = 1; k < 4; k++) { /* nearest keeps to half a pixel and cannot do better than its grid */
      Step s = steps[i];
      int at = prim_param(s.prim, "interp");
      if (at < 0) continue;
      s.num[at] = k;
      check_landmarks(&s, 1, 127, 97, IMAGE_U8, k == 2 ? 4 : 2, tolerance);
    }
  }
  for (size_t i = 0; i + 1 < sizeof steps / sizeof *steps; i++) check_landmarks(&steps[i], 2, 127, 97, IMAGE_U8, 3, 0.3);
}

/* Out of two pictures of one shape: mean and largest difference, 0..255. */
static double difference(const Image *a, const Image *b, double *worst) {
  double sum = 0, most = 0;
  assert_int_equal(a->w, b->w);
  assert_int_equal(a->h, b->h);
  for (int y = 0; y < a->h; y++)
    for (int x = 0; x < a->w; x++)
      for (int k = 0; k < a->c; k++) {
        double d = fabs(get(a, x, y, k) - get(b, x, y, k));
        sum += d;
        if (d > most) most = d;
      }
  if (worst) *worst = most;
  return sum / ((double)a->w * a->h * a->c);
}

static void fields_carry_dots(void **state) {
  (void)state;
  float grid[2 * 4 * 3], moves[] = {0, 0, 3, 1, -4, 2, 0, 5, 0, 1, 6, -5, -3, 4, 2, 2, 0, 0, 1, -3, 2, 2, 0, 1};
  memcpy(grid, moves, sizeof grid);
  Step steps[] = {
      step_of("elastic", ARGS({"amplitude", 3}, {"sigma", 12}), NULL, 0),
      step_of("elastic", ARGS({"amplitude", .4}, {"sigma", 3}), NULL, 0), /* rougher, a dot's centroid is a mean of many places */
      step_of("displace", ARGS({"cols", 4}, {"rows", 3}), grid, 24),
      step_of("grid_distort", ARGS({"amount", .3}), NULL, 0),
      step_of("optical", ARGS({"k1", .4}), NULL, 0),
      step_of("optical", ARGS({"k1", -.25}, {"k2", .1}), NULL, 0),
      step_of("swirl", ARGS({"degrees", 60}), NULL, 0),
      step_of("pinch", ARGS({"amount", .5}), NULL, 0),
      step_of("pinch", ARGS({"amount", -.5}), NULL, 0),
  };
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    check_landmarks(&steps[i], 1, 127, 97, IMAGE_U8, 3, 1.0);
    check_landmarks(&steps[i], 1, 95, 131, IMAGE_F32, 1, 1.0);
  }
  Step both[] = {steps[0], step_of("rotate", ARGS({"degrees", 25}), NULL, 0), steps[4]};
  check_landmarks(both, 3, 127, 97, IMAGE_U8, 3, 1.0);
}

static void elastic_has_the_amplitude_it_was_given(void **state) {
  (void)state;
  Step s = step_of("elastic", ARGS({"amplitude", 5}, {"sigma", 7}), NULL, 0);
  Warp w;
  warp_init(&w, 301, 201);
  add(&w, &s);
  double sum = 0;
  for (int y = 0; y < 201; y += 2)
    for (int x = 0; x < 301; x += 2) {
      double p[2];
      warp_source(&w, x, y, p);
      sum += (p[0] - x) * (p[0] - x) + (p[1] - y) * (p[1] - y);
    }
  sum = sqrt(sum / (101.0 * 151.0) / 2.0);
  assert_true(fabs(sum - 5.0) < 0.25);
  warp_clear(&w);
}

static void displace_passes_through_its_nodes(void **state) {
  (void)state;
  float grid[24];
  for (int i = 0; i < 24; i++) grid[i] = (float)((scramble((uint32_t)i) & 15) - 8.0);
  Step s = step_of("displace", ARGS({"cols", 4}, {"rows", 3}), grid, 24);
  Warp w;
  warp_init(&w, 90, 50);
  add(&w, &s);
  for (int j = 0; j < 3; j++)
    for (int i = 0; i < 4; i++) {
      double p[2];
      warp_source(&w, i * 30.0, j * 25.0, p);
      assert_true(fabs(p[0] - i * 30.0 - grid[(j * 4 + i) * 2]) < 1e-4);
      assert_true(fabs(p[1] - j * 25.0 - grid[(j * 4 + i) * 2 + 1]) < 1e-4);
    }
  warp_clear(&w);
}

static void check_same(const Image *a, const Image *b, const char *what) {
  if (!image_equal(a, b)) fail_msg("%s: not the same bytes", what);
}

/* A list of steps gives back the picture, bit for bit, fused and one by one. */
static void check_round_trip(const Step *steps, int n, const Image *im) {
  Warp w;
  warp_init(&w, im->w, im->h);
  Image *now = image_ref(im);
  for (int i = 0; i < n; i++) {
    add(&w, &steps[i]);
    Image *next = run1(now, steps[i]);
    image_unref(now);
    now = next;
  }
  assert_true(warp_is_identity(&w));
  Image *out = apply(&w, im);
  check_same(im, out, steps[0].prim->name);
  check_same(im, now, steps[0].prim->name);
  image_unref(out);
  image_unref(now);
  warp_clear(&w);
}

static void there_and_back_is_bit_exact(void **state) {
  (void)state;
  Step h = step_of("flip", ARGS({"axis", 0}), NULL, 0), v = step_of("flip", ARGS({"axis", 1}), NULL, 0);
  Step q = step_of("rotate90", ARGS({"k", 1}), NULL, 0), b = step_of("rotate90", ARGS({"k", -1}), NULL, 0);
  Step t = step_of("transpose", NULL, NULL, 0), full = step_of("rotate", ARGS({"degrees", 360}), NULL, 0);
  Step pad = step_of("pad", ARGS({"left", 3}, {"top", 1}, {"right", 2}, {"bottom", 7}), NULL, 0);
  Step zero = step_of("rotate_fit", ARGS({"degrees", -720}), NULL, 0);
  static const int sizes[][2] = {{1, 1}, {1, 9}, {37, 21}, {64, 64}, {33, 130}};
  for (int i = 0; i < 5; i++)
    for (int c = 1; c <= 5; c++) {
      Image *im = noise(sizes[i][0], sizes[i][1], c, c > 4 ? IMAGE_F32 : IMAGE_U8);
      Step crop = step_of("crop", ARGS({"x", 3}, {"y", 1}, {"w", im->w}, {"h", im->h}), NULL, 0);
      check_round_trip((Step[]){h, h}, 2, im);
      check_round_trip((Step[]){v, v}, 2, im);
      check_round_trip((Step[]){t, t}, 2, im);
      check_round_trip((Step[]){q, q, q, q}, 4, im);
      check_round_trip((Step[]){q, b}, 2, im);
      check_round_trip((Step[]){t, h, q}, 3, im);
      check_round_trip((Step[]){full}, 1, im);
      check_round_trip((Step[]){zero}, 1, im);
      check_round_trip((Step[]){pad, crop}, 2, im);
      image_unref(im);
    }
}

static void quarter_turns_are_counter_clockwise(void **state) {
  (void)state;
  Image *im = noise(31, 31, 3, IMAGE_U8);
  Image *turned = run1(im, step_of("rotate90", NULL, NULL, 0)), *same = run1(im, step_of("rotate", ARGS({"degrees", 90}), NULL, 0));
  for (int y = 0; y < 31; y++)
    for (int x = 0; x < 31; x++) assert_true(get(turned, x, y, 1) == get(im, 30 - y, x, 1));
  check_same(turned, same, "rotate 90");
  image_unref(im);
  image_unref(turned);
  image_unref(same);
}

static void identity_parameters_are_the_identity(void **state) {
  (void)state;
  float unit[] = {1, 0, 0, 0, 1, 0}, corners[8] = {0}, grid[8] = {0};
  Step steps[] = {
      step_of("crop", ARGS({"w", 21}, {"h", 13}), NULL, 0), step_of("resize", ARGS({"w", 21}, {"h", 13}), NULL, 0),
      step_of("rotate90", ARGS({"k", 0}), NULL, 0),         step_of("rotate", ARGS({"degrees", 0}), NULL, 0),
      step_of("rotate_fit", ARGS({"degrees", 0}), NULL, 0), step_of("affine", NULL, unit, 6),
      step_of("translate", NULL, NULL, 0),                  step_of("scale", ARGS({"factor", 1}), NULL, 0),
      step_of("shear", NULL, NULL, 0),                      step_of("perspective", NULL, corners, 8),
      step_of("pad", NULL, NULL, 0),                        step_of("elastic", ARGS({"amplitude", 0}, {"sigma", 5}), NULL, 0),
      step_of("displace", ARGS({"cols", 2}, {"rows", 2}), grid, 8), step_of("grid_distort", ARGS({"amount", 0}), NULL, 0),
      step_of("optical", NULL, NULL, 0),                    step_of("swirl", ARGS({"degrees", 0}), NULL, 0),
      step_of("pinch", ARGS({"amount", 0}), NULL, 0),
  };
  Image *im = noise(21, 13, 3, IMAGE_U8);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) check_round_trip(&steps[i], 1, im);
  image_unref(im);
}

/* The true picture after steps: the scene evaluated 4 x 4 times per pixel at its sources, 0 where a frame ends. */
static Image *truth(const Warp *w, int c) {
  Image *out = blank(w->out_w, w->out_h, c, IMAGE_U8);
  for (int y = 0; y < out->h; y++)
    for (int x = 0; x < out->w; x++) {
      double sum[4] = {0};
      for (int i = 0; i < 16; i++) {
        double p[2] = {x + (i % 4 + .5) / 4, y + (i / 4 + .5) / 4};
        bool seen = true;
        for (int k = w->n - 1; k >= 0 && seen; k--) {
          const Stage *s = &w->stage[k];
          stage_source(s, p[0], p[1], p);
          seen = s->border == BORDER_REPLICATE || (p[0] >= 0 && p[1] >= 0 && p[0] <= s->in_w && p[1] <= s->in_h);
        }
        for (int k = 0; k < c && seen; k++) sum[k] += scene(p[0], p[1], k) / 16;
      }
      for (int k = 0; k < c; k++) put(out, x, y, k, sum[k]);
    }
  return out;
}

static void fused_is_at_least_as_true_as_step_by_step(void **state) {
  (void)state;
  Step rotate = step_of("rotate", ARGS({"degrees", 20}), NULL, 0), crop = step_of("crop", ARGS({"x", 20}, {"y", 14}, {"w", 70}, {"h", 60}), NULL, 0);
  Step zoom = step_of("scale", ARGS({"factor", 1.4}), NULL, 0), shift = step_of("translate", ARGS({"x", 30.4}, {"y", 3.3}), NULL, 0);
  Step lens = step_of("optical", ARGS({"k1", .3}), NULL, 0), size = step_of("resize", ARGS({"w", 83}, {"h", 57}), NULL, 0);
  Step wide = step_of("crop", ARGS({"x", -20}, {"y", -14}, {"w", 170}, {"h", 130}), NULL, 0);
  const Step lists[][3] = {{crop, rotate, size}, {rotate, crop, size}, {shift, rotate, zoom}, {rotate, rotate, crop},
                           {lens, rotate, crop}, {crop, lens, shift},  {wide, rotate, size},  {size, lens, rotate}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    Warp w;
    Image *im = smooth(121, 95, 3, IMAGE_U8), *now = image_ref(im);
    warp_init(&w, im->w, im->h);
    for (int k = 0; k < 3; k++) {
      add(&w, &lists[i][k]);
      Image *next = run1(now, lists[i][k]);
      image_unref(now);
      now = next;
    }
    Image *fused = apply(&w, im), *want = truth(&w, 3);
    double one = difference(fused, want, NULL), many = difference(now, want, NULL);
    if (one > many + 0.05 || one > 2.0) fail_msg("list %zu: %.3f levels from the truth at once, %.3f step by step", i, one, many);
    image_unref(im);
    image_unref(now);
    image_unref(fused);
    image_unref(want);
    warp_clear(&w);
  }
}

static void shrinking_does_not_alias(void **state) {
  (void)state;
  float turn_shrink[] = {.05f, .03f, 20, -.03f, .05f, 60}, flat[] = {.9f, .05f, 3, -.001f, .06f, 60};
  float far_away[] = {.45f, .4f, -.45f, .4f, 0, 0, 0, 0};
  Step steps[] = {step_of("resize", ARGS({"w", 37}, {"h", 5}), NULL, 0),  step_of("resize", ARGS({"w", 31}, {"h", 29}, {"interp", INTERP_AREA}), NULL, 0),
                  step_of("scale", ARGS({"factor", .07}, {"border", BORDER_REFLECT}), NULL, 0), step_of("affine", NULL, turn_shrink, 6),
                  step_of("affine", NULL, flat, 6), step_of("resize", ARGS({"w", 1}, {"h", 1}), NULL, 0),
                  step_of("resize", ARGS({"w", 61}, {"h", 43}, {"interp", INTERP_CUBIC}), NULL, 0), step_of("perspective", NULL, far_away, 8)};
  for (int type = 0; type < 2; type++)
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
      Image *im = blank(400, 300, 3, (ImageType)type);
      for (int y = 0; y < 300; y++)
        for (int x = 0; x < 400; x++)
          for (int k = 0; k < 3; k++) put(im, x, y, k, (x + y) & 1 ? 255 : 0);
      Step s = steps[i];
      int border = prim_param(s.prim, "border");
      if (border >= 0) s.num[border] = BORDER_REFLECT;
      Image *out = run1(im, s);
      bool bends = !strcmp(s.prim->name, "perspective");
      for (int y = 0; y < (bends ? out->h / 3 : out->h); y++) /* the far part, which shrinks */
        for (int x = 0; x < out->w; x++)
          if (fabs(get(out, x, y, 0) - 127.5) > (bends ? 64 : 14)) fail_msg("step %zu: %.1f at %d %d", i, get(out, x, y, 0), x, y);
      image_unref(im);
      image_unref(out);
    }
}

static void shrinking_to_nothing_is_quick(void **state) {
  (void)state;
  static float list[] = {2e-5f, 0, 20, 0, 2e-5f, 20};
  for (int k = 0; k < 4; k++) {
    Image *im = noise(40, 40, 3, IMAGE_U8), *out = run1(im, step_of("affine", ARGS({"interp", k}, {"fill", 50}), list, 6));
    for (int y = 0; y < 40; y++)
      for (int x = 0; x < 40; x++) assert_true(get(out, x, y, 0) == 50);
    image_unref(im);
    image_unref(out);
  }
}

static void down_and_up_again_loses_detail(void **state) {
  (void)state;
  Image *im = noise(64, 64, 3, IMAGE_U8);
  Warp w;
  warp_init(&w, 64, 64);
  Step down = step_of("resize", ARGS({"w", 16}, {"h", 16}), NULL, 0), up = step_of("resize", ARGS({"w", 64}, {"h", 64}), NULL, 0);
  add(&w, &down);
  add(&w, &up);
  assert_false(warp_is_identity(&w));
  Image *fused = apply(&w, im), *small = run1(im, down), *one = run1(small, up);
  check_same(fused, one, "resize down and up");
  image_unref(im);
  image_unref(fused);
  image_unref(small);
  image_unref(one);
  warp_clear(&w);
}

static void tiny_pictures_survive_everything(void **state) {
  (void)state;
  float m[] = {0.9f, 0.2f, .5f, -0.15f, 1.1f, .25f}, corners[] = {.1f, .05f, -.05f, .1f, -.1f, -.02f, .02f, -.1f}, grid[8] = {1, 1, -1, 2, 3, 0, 0, 1};
  Step steps[] = {
      step_of("crop", ARGS({"x", -1.5}, {"w", 3.2}, {"h", 2}), NULL, 0), step_of("resize", ARGS({"w", 5}, {"h", 3}), NULL, 0),
      step_of("resize", ARGS({"w", 1}, {"h", 1}), NULL, 0), step_of("rotate", ARGS({"degrees", 33}), NULL, 0),
      step_of("rotate_fit", ARGS({"degrees", 33}), NULL, 0), step_of("affine", NULL, m, 6), step_of("translate", ARGS({"x", .5}), NULL, 0),
      step_of("scale", ARGS({"factor", 40}), NULL, 0), step_of("scale", ARGS({"factor", .01}), NULL, 0),
      step_of("shear", ARGS({"x", 40}), NULL, 0), step_of("perspective", NULL, corners, 8), step_of("pad", ARGS({"left", 2}), NULL, 0),
      step_of("elastic", ARGS({"amplitude", 2}, {"sigma", 5}), NULL, 0), step_of("displace", ARGS({"cols", 2}, {"rows", 2}), grid, 8),
      step_of("grid_distort", ARGS({"amount", 1}), NULL, 0), step_of("optical", ARGS({"k1", 2}), NULL, 0),
      step_of("swirl", ARGS({"degrees", 720}), NULL, 0), step_of("pinch", ARGS({"amount", -1}), NULL, 0),
  };
  static const int sizes[][2] = {{1, 1}, {1, 13}, {13, 1}, {2, 2}, {64, 1}};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    for (int k = 0; k < 5; k++)
      for (int mode = 0; mode < 16; mode++) { /* 4 borders x 4 interpolations */
        Step s = steps[i];
        int border = prim_param(s.prim, "border"), interp = prim_param(s.prim, "interp");
        if (border >= 0) s.num[border] = mode / 4;
        if (interp >= 0) s.num[interp] = mode % 4;
        Image *im = noise(sizes[k][0], sizes[k][1], 1 + mode % 4, mode & 1 ? IMAGE_F32 : IMAGE_U8), *out = run1(im, s);
        for (int x = 0; x < out->w * out->c; x++)
          if (out->type == IMAGE_F32) assert_true(fabsf(image_row_f(out, 0)[x]) < 4.0f); /* cubic overshoots, nothing runs away */
        image_unref(im);
        image_unref(out);
      }
}

static void flat_stays_flat_inside_and_replicated(void **state) {
  (void)state;
  Image *im = blank(50, 40, 3, IMAGE_U8);
  for (int v = 1; v < 256; v += 127) {
    for (int y = 0; y < 40; y++) memset(image_row(im, y), v, 150);
    for (int mode = 0; mode < 12; mode++) {
      static const Interp kinds[] = {INTERP_LINEAR, INTERP_CUBIC, INTERP_AREA};
      Interp k = kinds[mode % 3];
      Border b = (Border)(1 + mode / 4);
      Step steps[] = {step_of("rotate", ARGS({"degrees", 33}, {"interp", k}, {"border", b}), NULL, 0),
                      step_of("scale", ARGS({"factor", .2}, {"interp", k}, {"border", b}), NULL, 0),
                      step_of("resize", ARGS({"w", 171}, {"h", 11}, {"interp", k}), NULL, 0),
                      step_of("elastic", ARGS({"amplitude", 9}, {"sigma", 4}, {"interp", k}, {"border", b}), NULL, 0)};
      for (int i = 0; i < 4; i++) {
        Image *out = run1(im, steps[i]);
        for (int y = 0; y < out->h; y++)
          for (int x = 0; x < out->w * 3; x++)
            if (image_row(out, y)[x] != v) fail_msg("%s mode %d: %d became %d", steps[i].prim->name, mode, v, image_row(out, y)[x]);
        image_unref(out);
      }
    }
  }
  image_unref(im);
}

static void constant_border_blends_at_the_edge(void **state) {
  (void)state;
  for (int type = 0; type < 2; type++) {
    Image *im = blank(9, 7, 3, (ImageType)type);
    for (int y = 0; y < 7; y++)
      for (int x = 0; x < 27; x++) put(im, x / 3, y, x % 3, 200);
    const Arg fill[] = {{"x", 2.5}, {"fill", 100}, {"fill_green", 40}, {"fill_blue", 0}, {NULL, 0}};
    Image *out = run1(im, step_of("translate", fill, NULL, 0));
    static const double want[3][4] = {{100, 100, 150, 200}, {40, 40, 120, 200}, {0, 0, 100, 200}};
    for (int k = 0; k < 3; k++)
      for (int x = 0; x < 4; x++) assert_true(fabs(get(out, x, 3, k) - want[k][x]) <= 0.51);
    image_unref(out);
    /* the same numbers by the general way: a whisker of a turn */
    float m[] = {1, 1e-7f, 2.5f, 0, 1, 0};
    Step s = step_of("affine", ARGS({"fill", 100}, {"fill_green", 40}, {"fill_blue", 0}), m, 6);
    out = run1(im, s);
    for (int k = 0; k < 3; k++)
      for (int x = 0; x < 4; x++) assert_true(fabs(get(out, x, 3, k) - want[k][x]) <= 1.51); /* rounded twice */
    image_unref(out);
    image_unref(im);
  }
}

static void crop_then_rotate_shows_the_crop_only(void **state) {
  (void)state;
  Image *im = blank(60, 60, 1, IMAGE_U8);
  for (int y = 0; y < 60; y++) memset(image_row(im, y), 255, 60);
  Step crop = step_of("crop", ARGS({"x", 20}, {"y", 20}, {"w", 20}, {"h", 20}), NULL, 0), rotate = step_of("rotate", ARGS({"degrees", 45}), NULL, 0);
  Warp w;
  warp_init(&w, 60, 60);
  add(&w, &crop);
  add(&w, &rotate);
  Image *out = apply(&w, im);
  assert_true(get(out, 0, 0, 0) == 0 && get(out, 19, 0, 0) == 0 && get(out, 10, 10, 0) == 255);
  image_unref(out);
  warp_clear(&w);
  warp_init(&w, 60, 60);
  add(&w, &rotate);
  add(&w, &crop);
  assert_int_equal(w.n, 1); /* the rotated frame covers the crop: one homography */
  out = apply(&w, im);
  assert_true(get(out, 0, 0, 0) == 255 && get(out, 19, 19, 0) == 255);
  image_unref(out);
  image_unref(im);
  warp_clear(&w);
}

static void what_cannot_be_seen_does_not_bleed(void **state) {
  (void)state;
  Err err;
  Image *im = image_new(40, 40, 4, IMAGE_U8, true, &err);
  assert_non_null(im);
  for (int y = 0; y < 40; y++)
    for (int x = 0; x < 40; x++) { /* opaque grey disc on transparent red */
      bool in = (x - 20) * (x - 20) + (y - 20) * (y - 20) < 100;
      const uint8_t px[2][4] = {{255, 0, 0, 0}, {90, 90, 90, 255}};
      memcpy(image_row(im, y) + x * 4, px[in], 4);
    }
  Step steps[] = {step_of("rotate", ARGS({"degrees", 30}), NULL, 0), step_of("resize", ARGS({"w", 23}, {"h", 90}), NULL, 0),
                  step_of("elastic", ARGS({"amplitude", 2}, {"sigma", 6}), NULL, 0)};
  for (int i = 0; i < 3; i++) {
    Image *out = run1(im, steps[i]);
    for (int y = 0; y < out->h; y++)
      for (int x = 0; x < out->w; x++)
        if (get(out, x, y, 3) > 0) assert_true(fabs(get(out, x, y, 0) - 90) < 2 && fabs(get(out, x, y, 1) - 90) < 2);
    image_unref(out);
  }
  image_unref(im);
}

static void masks_keep_their_labels(void **state) {
  (void)state;
  Image *mask = blank(61, 47, 1, IMAGE_U8);
  for (int y = 0; y < 47; y++)
    for (int x = 0; x < 61; x++) image_row(mask, y)[x] = (uint8_t)(x < 30 ? 3 : 200);
  Step steps[] = {step_of("rotate", ARGS({"degrees", 30}), NULL, 0), step_of("scale", ARGS({"factor", .3}), NULL, 0),
                  step_of("elastic", ARGS({"amplitude", 4}, {"sigma", 6}, {"border", BORDER_CONSTANT}), NULL, 0)};
  for (int i = 0; i < 3; i++) {
    Err err;
    Warp w;
    warp_init(&w, 61, 47);
    add(&w, &steps[i]);
    Image *out = warp_mask(&w, mask, 7, &err);
    assert_non_null(out);
    bool outside = false;
    for (int y = 0; y < 47; y++)
      for (int x = 0; x < 61; x++) {
        double p[2];
        int v = image_row(out, y)[x];
        warp_source(&w, x + .5, y + .5, p);
        bool in = p[0] >= 0 && p[1] >= 0 && p[0] < 61 && p[1] < 47;
        bool near_a_line = fabs(p[0] - 30) < 1e-3 || fabs(p[0]) < 1e-3 || fabs(p[1]) < 1e-3 || fabs(p[0] - 61) < 1e-3 || fabs(p[1] - 47) < 1e-3;
        if (!near_a_line) assert_int_equal(v, !in ? 7 : p[0] < 30 ? 3 : 200);
        outside = outside || v == 7;
      }
    assert_true(outside);
    image_unref(out);
    warp_clear(&w);
  }
  image_unref(mask);
}

static void flattening_matrices_are_refused(void **state) {
  (void)state;
  static const double bad[][9] = {{1, 2, 0, 2, 4, 0, 0, 0, 1}, {0, 0, 0, 0, 1, 0, 0, 0, 1}, {1, 0, 0, 0, 1, 0, 0, 0, 0}, {1, 0, NAN, 0, 1, 0, 0, 0, 1}, {0}};
  for (int i = 0; i < 5; i++) {
    Err err;
    Warp w;
    warp_init(&w, 20, 10);
    assert_false(warp_homography(&w, bad[i], 20, 10, INTERP_LINEAR, BORDER_CONSTANT, NULL, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(w.n, 0);
  }
  Err err;
  Warp w, one;
  Step s = step_of("shear", ARGS({"x", 45}, {"y", 45}), NULL, 0);
  warp_init(&one, 20, 10);
  assert_false(s.prim->warp(&s, 20, 10, &one, &err));
  warp_init(&w, 20, 20);
  s = step_of("rotate", ARGS({"degrees", 10}), NULL, 0);
  for (int i = 0; i < WARP_STAGES_MAX; i++) add(&w, &s);
  warp_init(&one, 20, 20);
  assert_true(s.prim->warp(&s, 20, 20, &one, &err));
  assert_false(warp_append(&w, &one, &err));
  assert_int_equal(err.code, ERR_LIMIT);
  assert_int_equal(w.n, WARP_STAGES_MAX);
  warp_clear(&w);
}

static void folding_is_reported(void **state) {
  (void)state;
  Step s = step_of("elastic", ARGS({"amplitude", 40}, {"sigma", 4}), NULL, 0);
  Warp w;
  int lost = 0;
  warp_init(&w, 100, 100);
  add(&w, &s);
  for (int i = 0; i < 100; i++) {
    double p[2];
    if (!warp_point(&w, 10 + i % 10 * 8, 10 + i / 10 * 8, p)) lost++;
    assert_true(isfinite(p[0]) && isfinite(p[1]));
  }
  assert_true(lost > 0);
  warp_clear(&w);
}

/* Fails the k-th allocation for k = 1, 2, ... until nothing is left to fail. */
static void running_out_of_memory_leaks_nothing(void **state) {
  (void)state;
  float grid[8] = {1, 1, -1, 2, 3, 0, 0, 1};
  Step steps[] = {step_of("rotate", ARGS({"degrees", 33}), NULL, 0), step_of("resize", ARGS({"w", 9}, {"h", 50}), NULL, 0),
                  step_of("scale", ARGS({"factor", .1}), NULL, 0), step_of("elastic", ARGS({"amplitude", 2}, {"sigma", 5}), NULL, 0),
                  step_of("displace", ARGS({"cols", 2}, {"rows", 2}), grid, 8), step_of("flip", NULL, NULL, 0),
                  step_of("resize", ARGS({"w", 90}, {"h", 9}, {"interp", INTERP_CUBIC}), NULL, 0)};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    for (int c = 3; c <= 4; c++) {
      Image *im = noise(40, 30, c, IMAGE_U8);
      im->alpha = c == 4;
      bool done = false;
      for (uint64_t k = 1; !done && k < 100; k++) {
        Err err = {0};
        Warp w;
        Image *out = NULL;
        warp_init(&w, 40, 30);
        mem_fail_at(k, false);
        if (steps[i].prim->warp(&steps[i], 40, 30, &w, &err)) out = warp_image(&w, im, &err);
        done = mem_count() < k;
        mem_fail_at(0, false);
        assert_true(done ? out != NULL : out == NULL && err.code == ERR_MEMORY);
        image_unref(out);
        warp_clear(&w);
      }
      assert_true(done);
      image_unref(im);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dots_follow_points),
      cmocka_unit_test(fields_carry_dots),
      cmocka_unit_test(elastic_has_the_amplitude_it_was_given),
      cmocka_unit_test(displace_passes_through_its_nodes),
      cmocka_unit_test(there_and_back_is_bit_exact),
      cmocka_unit_test(quarter_turns_are_counter_clockwise),
      cmocka_unit_test(identity_parameters_are_the_identity),
      cmocka_unit_test(fused_is_at_least_as_true_as_step_by_step),
      cmocka_unit_test(shrinking_does_not_alias),
      cmocka_unit_test(shrinking_to_nothing_is_quick),
      cmocka_unit_test(down_and_up_again_loses_detail),
      cmocka_unit_test(tiny_pictures_survive_everything),
      cmocka_unit_test(flat_stays_flat_inside_and_replicated),
      cmocka_unit_test(constant_border_blends_at_the_edge),
      cmocka_unit_test(crop_then_rotate_shows_the_crop_only),
      cmocka_unit_test(what_cannot_be_seen_does_not_bleed),
      cmocka_unit_test(masks_keep_their_labels),
      cmocka_unit_test(flattening_matrices_are_refused),
      cmocka_unit_test(folding_is_reported),
      cmocka_unit_test(running_out_of_memory_leaks_nothing),
  };
  return cmocka_run_group_tests_name("warp", tests, NULL, NULL);
}
