/* Tone: maps of single samples, the same for every pixel. Brightness, contrast,
 * gamma, tables. Those that look at the image first (contrast about its mean,
 * autocontrast, equalize) take their numbers from colour channels only.
 * f32 results are clamped to 0..1. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/fmath.h"
#include "prim/histogram.h"
#include "prim/point.h"

/* Full scale in sample units. */
static double full(const Point *p) { return p->type == IMAGE_U8 ? 255.0 : 1.0; }

/* --- affine --- */

/* The weight of channel k's own value among r, g, b: a grey image takes the luma of what colour would get. */
static double of_channel(const Point *p, const double rgb[3], int k, double rest) {
  if (p->colours < 3) return LUMA_R * rgb[0] + LUMA_G * rgb[1] + LUMA_B * rgb[2];
  return k < 3 ? rgb[k] : rest;
}

static bool gain_offset_check(const Step *s, Err *err) {
  if (s->n == 0 || s->n == 3) return true;
  return err_set(err, ERR_USAGE, "gain_offset.channel_gain: %zu numbers, 3 expected", s->n);
}

static bool gain_offset_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  for (int k = 0; k < 4; k++) {
    double by = 1;
    if (s->n) by = of_channel(p, (double[3]){s->list[0], s->list[1], s->list[2]}, k, 1);
    p->f[k] = (float)(s->num[0] * by);
    p->f[4 + k] = (float)(s->num[1] * full(p));
  }
  return point_affine(p);
}

static bool shift_rgb_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  for (int k = 0; k < 4; k++) {
    p->f[k] = 1.0f;
    p->f[4 + k] = (float)(of_channel(p, s->num, k, 0) * full(p));
  }
  return point_affine(p);
}

static bool invert_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)s, (void)in, (void)err;
  for (int k = 0; k < 4; k++) p->f[k] = -1.0f, p->f[4 + k] = (float)full(p);
  return point_affine(p);
}

static const char *const CONTRAST_ABOUT[] = {"mean", "channel_mean", "luma_mean", "centre", NULL};

static bool contrast_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)err;
  const double gain = s->num[0];
  double mean[4], about[4];
  if (s->num[1] != 3) histogram_means(in, mean);
  for (int k = 0; k < 4; k++) {
    int n = p->colours < 4 ? p->colours : 4;
    switch ((int)s->num[1]) {
    case 0: about[k] = n == 1 ? mean[0] : n == 2 ? (mean[0] + mean[1]) / 2 : n == 3 ? (mean[0] + mean[1] + mean[2]) / 3
                                                                              : (mean[0] + mean[1] + mean[2] + mean[3]) / 4; break;
    case 1: about[k] = mean[k < n ? k : 0]; break;
    case 2: about[k] = n < 3 ? mean[0] : LUMA_R * mean[0] + LUMA_G * mean[1] + LUMA_B * mean[2]; break;
    default: about[k] = s->num[2] * full(p);
    }
    p->f[k] = (float)gain;
    p->f[4 + k] = gain == 1 ? 0.0f : (float)(about[k] * (1 - gain));
  }
  return point_affine(p);
}

/* --- curves --- */

static inline float gamma_map(const Point *p, float v) { return (float)fm_pow(v, p->f[0]); }
POINT_MAP_ROWS(gamma_rows, gamma_map)

static bool gamma_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  return s->num[0] == 1 || point_map(p, gamma_map, gamma_rows);
}

static inline float solarize_map(const Point *p, float v) { return v >= p->f[0] ? 1.0f - v : v; }
POINT_MAP_ROWS(solarize_rows, solarize_map)

static bool solarize_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  return s->num[0] > 1 || point_map(p, solarize_map, solarize_rows);
}

static inline float clamp_map(const Point *p, float v) {
  (void)p;
  return v;
}
POINT_MAP_ROWS(clamp_rows, clamp_map)

static bool clamp_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)s, (void)in, (void)err;
  if (p->type == IMAGE_F32) p->rows = clamp_rows;
  return true;
}

/* The upper bits of the byte the sample rounds to. */
static inline float posterize_map(const Point *p, float v) {
  int byte = (int)(v * 255.0f + 0.5f), drop = (int)p->f[0];
  return (float)(byte >> drop << drop) / 255.0f;
}
POINT_MAP_ROWS(posterize_rows, posterize_map)

static bool posterize_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)(8 - s->num[0]);
  return s->num[0] == 8 || point_map(p, posterize_map, posterize_rows);
}

static inline float quantize_map(const Point *p, float v) { return (float)(int)(v * p->f[0] + 0.5f) / p->f[0]; }
POINT_MAP_ROWS(quantize_rows, quantize_map)

static bool quantize_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)(s->num[0] - 1);
  return s->num[0] == 256 || point_map(p, quantize_map, quantize_rows);
}

/* The logistic curve through (0,0) and (1,1): f[1] and f[2] are its own values there. */
static inline double logistic(double gain, double centre, double v) { return 1 / (1 + fm_exp(gain * (centre - v))); }
static inline float sigmoid_map(const Point *p, float v) {
  return unit((float)((logistic(p->f[0], p->f[1], v) - p->f[2]) / (p->f[3] - p->f[2])));
}
POINT_MAP_ROWS(sigmoid_rows, sigmoid_map)

static bool sigmoid_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in, (void)err;
  p->f[0] = (float)s->num[0];
  p->f[1] = (float)s->num[1];
  p->f[2] = (float)logistic(p->f[0], p->f[1], 0);
  p->f[3] = (float)logistic(p->f[0], p->f[1], 1);
  return point_map(p, sigmoid_map, sigmoid_rows);
}

/* --- tables --- */

static bool lut_check(const Step *s, Err *err) {
  if (s->n == 256 || s->n == 768) return true;
  return err_set(err, ERR_USAGE, "lut.values: %zu numbers, 256 (all channels) or 768 (red, green, blue) expected", s->n);
}

static bool lut_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  float t[3][256];
  for (int v = 0; v < 256; v++) {
    float rgb[3];
    for (int k = 0; k < 3; k++) rgb[k] = s->list[(s->n == 768 ? 256 * k : 0) + v];
    float grey = s->n == 768 ? LUMA_R * rgb[0] + LUMA_G * rgb[1] + LUMA_B * rgb[2] : rgb[0];
    for (int k = 0; k < 3; k++) t[k][v] = p->colours < 3 ? grey : rgb[k];
  }
  return histogram_table(p, (const float(*)[256])t, err);
}

static bool autocontrast_point(const Step *s, const Image *in, Point *p, Err *err) {
  return histogram_stretch(p, in, s->num[0] / 100, s->num[1] != 0, err);
}

static bool equalize_point(const Step *s, const Image *in, Point *p, Err *err) {
  return histogram_equalize(p, in, s->num[0] != 0, err);
}

const Prim PRIM_TONE[] = {
    {.name = "lut", .kind = PRIM_POINT, .point = lut_point, .check = lut_check, .source = "",
     .doc = "Map each sample by a table; f32 interpolates between its entries.",
     .params = {{"values", PARAM_LIST, 0, 255, 0, "of 255", "256 outputs for inputs 0..255, or 768: red, green, blue", NULL, false}}},
    {.name = "gain_offset", .kind = PRIM_POINT, .point = gain_offset_point, .check = gain_offset_check, .source = "",
     .doc = "Multiply samples by gain and add offset.",
     .params = {{"gain", PARAM_NUM, -64, 64, 1, "", "factor of every sample", NULL, false},
                {"offset", PARAM_NUM, -4, 4, 0, "of full scale", "added after the factor", NULL, false},
                {"channel_gain", PARAM_LIST, -64, 64, 0, "", "further factors of red, green, blue", NULL, true}}},
    {.name = "shift_rgb", .kind = PRIM_POINT, .point = shift_rgb_point, .source = "",
     .doc = "Add a constant to each colour channel; a grey image gets their luma.",
     .params = {{"r", PARAM_NUM, -1, 1, 0, "of full scale", "added to red", NULL, false},
                {"g", PARAM_NUM, -1, 1, 0, "of full scale", "added to green", NULL, false},
                {"b", PARAM_NUM, -1, 1, 0, "of full scale", "added to blue", NULL, false}}},
    {.name = "contrast", .kind = PRIM_POINT, .needs_stats = true, .point = contrast_point, .source = "",
     .doc = "Scale distances from a centre, by default the image's own mean, so that brightness stays.",
     .params = {{"gain", PARAM_NUM, 0, 64, 1, "", "1 keeps, 0 flattens", NULL, false},
                {"about", PARAM_ENUM, 0, 3, 0, "", "what stays put: the mean of all colour samples, each channel's own, that of luma, or `centre`",
                 CONTRAST_ABOUT, false},
                {"centre", PARAM_NUM, 0, 1, 0.5, "of full scale", "used when about is \"centre\"", NULL, false}}},
    {.name = "gamma", .kind = PRIM_POINT, .point = gamma_point, .source = "",
     .doc = "Raise samples (as 0..1) to a power.",
     .params = {{"gamma", PARAM_NUM, 0.01, 100, 1, "", "above 1 darkens", NULL, false}}},
    {.name = "sigmoid", .kind = PRIM_POINT, .point = sigmoid_point, .source = "",
     .doc = "S-shaped contrast: the logistic curve, scaled to keep black and white.",
     .params = {{"gain", PARAM_NUM, 0.01, 64, 5, "", "steepness", NULL, false},
                {"centre", PARAM_NUM, 0, 1, 0.5, "of full scale", "where it is steepest", NULL, false}}},
    {.name = "solarize", .kind = PRIM_POINT, .point = solarize_point, .source = "",
     .doc = "Invert the samples at or above a threshold.",
     .params = {{"threshold", PARAM_NUM, 0, 1.01, 0.5, "of full scale", "above 1 nothing changes", NULL, false}}},
    {.name = "clamp", .kind = PRIM_POINT, .point = clamp_point, .source = "",
     .doc = "Cut f32 samples to 0..1, as u8 is by nature.", .params = {{0}}},
    {.name = "posterize", .kind = PRIM_POINT, .point = posterize_point, .source = "",
     .doc = "Keep the upper bits of each sample.",
     .params = {{"bits", PARAM_INT, 1, 8, 4, "bits", "8 keeps all", NULL, false}}},
    {.name = "quantize", .kind = PRIM_POINT, .point = quantize_point, .source = "",
     .doc = "Round samples to equally spaced levels, black and white among them.",
     .params = {{"levels", PARAM_INT, 2, 256, 16, "levels", "256 keeps all", NULL, false}}},
    {.name = "invert", .kind = PRIM_POINT, .point = invert_point, .source = "", .doc = "The negative.", .params = {{0}}},
    {.name = "autocontrast", .kind = PRIM_POINT, .needs_stats = true, .point = autocontrast_point, .source = "",
     .doc = "Stretch to the full range: each channel by itself, or all alike.",
     .params = {{"cutoff", PARAM_NUM, 0, 49, 0, "percent", "samples that may saturate at each end", NULL, false},
                {"together", PARAM_BOOL, 0, 1, 0, "", "one stretch for all channels: hues stay", NULL, false}}},
    {.name = "equalize", .kind = PRIM_POINT, .needs_stats = true, .point = equalize_point, .source = "",
     .doc = "Flatten the histogram: each channel by itself, or all by one table.",
     .params = {{"together", PARAM_BOOL, 0, 1, 0, "", "one table for all channels", NULL, false}}},
    {0}};
