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
    Image *im = dot(w, h, c, type, x, y, 2.2), *out = apply(&warp, im);
    assert_true(centroid(out, got));
    if (fabs(got[0] - want[0]) > tolerance || fabs(got[1] - want[1]) > tolerance)
      fail_msg("%s: dot at %.3f %.3f, point says %.3f %.3f", steps[0].prim->name, got[0], got[1], want[0], want[1]);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dots_follow_points),
  };
  return cmocka_run_group_tests_name("warp", tests, NULL, NULL);
}
