/* Colour: what needs red, green and blue of a pixel together. Rows are taken
 * apart into strips of planes, worked on there as floats in sample units, and
 * put together again, so that every loop is straight and vectorises. Hue and
 * saturation are those of HSV (the field's: Albumentations, torchvision,
 * ImageNet-C); a pixel without a hue (grey) never gets one. Grey images are left
 * alone, except by matrix and the value factors, which mean something for them.
 * f32 results are clamped to 0..1. SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fmath.h"
#include "prim/point.h"

enum { STRIP = 512 };

typedef struct Strip {
  _Alignas(64) float r[STRIP], g[STRIP], b[STRIP]; /* in sample units */
} Strip;

/* --- apart and together --- */

KERNEL static void split_u8(Strip *s, const uint8_t *src, int c, int n) {
  if (c == 3) {
    for (int i = 0; i < n; i++) s->r[i] = src[3 * i], s->g[i] = src[3 * i + 1], s->b[i] = src[3 * i + 2];
  } else {
    for (int i = 0; i < n; i++) s->r[i] = src[4 * i], s->g[i] = src[4 * i + 1], s->b[i] = src[4 * i + 2];
  }
}

static void split_f32(Strip *s, const float *src, int c, int n) {
  for (int i = 0; i < n; i++, src += c) s->r[i] = src[0], s->g[i] = src[1], s->b[i] = src[2];
}

static inline uint8_t byte_of(float v) {
  float t = v + 0.5f;
  t = t < 0.0f ? 0.0f : t;
  t = t > 255.0f ? 255.0f : t;
  return (uint8_t)(int)t;
}

/* Alpha comes from src, which may be dst. */
KERNEL static void join_u8(const Strip *s, const uint8_t *src, uint8_t *dst, int c, int n) {
  if (c == 3) {
    for (int i = 0; i < n; i++)
      dst[3 * i] = byte_of(s->r[i]), dst[3 * i + 1] = byte_of(s->g[i]), dst[3 * i + 2] = byte_of(s->b[i]);
  } else {
    for (int i = 0; i < n; i++) {
      uint8_t a = src[4 * i + 3];
      dst[4 * i] = byte_of(s->r[i]), dst[4 * i + 1] = byte_of(s->g[i]), dst[4 * i + 2] = byte_of(s->b[i]), dst[4 * i + 3] = a;
    }
  }
}

static void join_f32(const Strip *s, const float *src, float *dst, int c, int n) {
  for (int i = 0; i < n; i++, src += c, dst += c) {
    for (int k = 3; k < c; k++) dst[k] = src[k];
    dst[0] = unit(s->r[i]), dst[1] = unit(s->g[i]), dst[2] = unit(s->b[i]);
  }
}

typedef void StripFn(Strip *s, int n, const float *f);

static void run(const Point *p, StripFn *work, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  const size_t pixel = (size_t)p->c * (p->type == IMAGE_U8 ? 1 : sizeof(float));
  Strip s;
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride)
    for (int x = 0; x < p->w; x += STRIP) {
      const int n = p->w - x < STRIP ? p->w - x : STRIP;
      const uint8_t *from = src + (size_t)x * pixel;
      uint8_t *to = dst + (size_t)x * pixel;
      if (p->type == IMAGE_U8) {
        split_u8(&s, from, p->c, n);
        work(&s, n, p->f);
        join_u8(&s, from, to, p->c, n);
      } else {
        split_f32(&s, (const float *)(const void *)from, p->c, n);
        work(&s, n, p->f);
        join_f32(&s, (const float *)(const void *)from, (float *)(void *)to, p->c, n);
      }
    }
}

#define STRIP_ROWS(name, work)                                                                                      \
  static void name(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0,  \
                   int y1) {                                                                                        \
    run(p, work, src, src_stride, dst, dst_stride, y0, y1);                                                         \
  }

/* --- kernels: parameters in f as the point functions below fill them --- */

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }

/* Hue in sixths of a turn, -1..5, for a pixel of maximum `high` and chroma d; a grey one gets 0. */
static inline float hue_of(float r, float g, float b, float high, float d) {
  float scale = 1.0f / (d > 0.0f ? d : 1.0f);
  float hr = (g - b) * scale, hg = (b - r) * scale + 2.0f, hb = (r - g) * scale + 4.0f;
  float h = high == g ? hg : hb;
  return high == r ? hr : h;
}

/* A channel of the pixel with maximum v, chroma d; k is hue + 5, 3, 1 for red, green, blue (Wikipedia, HSL and HSV,
 * "HSV to RGB alternative"), 0..17 here. */
static inline float channel_of(float v, float d, float k) {
  k = k >= 12.0f ? k - 12.0f : k;
  k = k >= 6.0f ? k - 6.0f : k;
  float t = least(k, 4.0f - k);
  t = most(least(t, 1.0f), 0.0f);
  return v - d * t;
}

/* f: hue shift in sixths of a turn, 0..6 */
KERNEL static void hue_strip(Strip *s, int n, const float *f) {
  const float shift = f[0] + 6.0f; /* never negative below */
  for (int i = 0; i < n; i++) {
    float r = s->r[i], g = s->g[i], b = s->b[i];
    float high = most(most(r, g), b), d = high - least(least(r, g), b);
    float h = hue_of(r, g, b, high, d) + shift;
    h = h >= 12.0f ? h - 12.0f : h;
    h = h >= 6.0f ? h - 6.0f : h;
    s->r[i] = channel_of(high, d, h + 5.0f);
    s->g[i] = channel_of(high, d, h + 3.0f);
    s->b[i] = channel_of(high, d, h + 1.0f);
  }
}
STRIP_ROWS(hue_rows, hue_strip)

/* f: hue shift, saturation factor and addend, value factor and addend (sample units), full scale */
KERNEL static void hsv_strip(Strip *s, int n, const float *f) {
  const float shift = f[0] + 6.0f, sat_by = f[1], sat_more = f[2], val_by = f[3], val_more = f[4], full = f[5];
  for (int i = 0; i < n; i++) {
    float r = s->r[i], g = s->g[i], b = s->b[i];
    float high = most(most(r, g), b), d = high - least(least(r, g), b);
    float h = hue_of(r, g, b, high, d) + shift;
    h = h >= 12.0f ? h - 12.0f : h;
    h = h >= 6.0f ? h - 6.0f : h;
    float sat = d / (high > 0.0f ? high : 1.0f) * sat_by + sat_more;
    sat = d > 0.0f ? most(least(sat, 1.0f), 0.0f) : 0.0f;
    float v = most(least(high * val_by + val_more, full), 0.0f);
    float chroma = v * sat;
    s->r[i] = channel_of(v, chroma, h + 5.0f);
    s->g[i] = channel_of(v, chroma, h + 3.0f);
    s->b[i] = channel_of(v, chroma, h + 1.0f);
  }
}
STRIP_ROWS(hsv_rows, hsv_strip)

/* f: factor of HSV saturation. Distances from the maximum scale, up to where the smallest channel is 0. */
KERNEL static void saturation_strip(Strip *s, int n, const float *f) {
  const float factor = f[0];
  for (int i = 0; i < n; i++) {
    float r = s->r[i], g = s->g[i], b = s->b[i];
    float high = most(most(r, g), b), d = high - least(least(r, g), b);
    float by = least(factor, high / (d > 0.0f ? d : 1.0f));
    s->r[i] = high - (high - r) * by;
    s->g[i] = high - (high - g) * by;
    s->b[i] = high - (high - b) * by;
  }
}
STRIP_ROWS(saturation_rows, saturation_strip)

/* f: factor and addend of HSV value, full scale. Channels keep their proportions; black takes the addend as grey. */
KERNEL static void value_strip(Strip *s, int n, const float *f) {
  const float factor = f[0], more = f[1], full = f[2];
  for (int i = 0; i < n; i++) {
    float r = s->r[i], g = s->g[i], b = s->b[i];
    float high = most(most(r, g), b);
    float v = most(least(high * factor + more, full), 0.0f);
    float by = v / (high > 0.0f ? high : 1.0f), add = high > 0.0f ? 0.0f : v;
    s->r[i] = r * by + add;
    s->g[i] = g * by + add;
    s->b[i] = b * by + add;
  }
}
STRIP_ROWS(value_rows, value_strip)

/* f: three rows of four */
KERNEL static void matrix_strip(Strip *s, int n, const float *f) {
  const float m0 = f[0], m1 = f[1], m2 = f[2], m3 = f[3], m4 = f[4], m5 = f[5], m6 = f[6], m7 = f[7], m8 = f[8], m9 = f[9],
              m10 = f[10], m11 = f[11];
  for (int i = 0; i < n; i++) {
    float r = s->r[i], g = s->g[i], b = s->b[i];
    s->r[i] = r * m0 + g * m1 + b * m2 + m3;
    s->g[i] = r * m4 + g * m5 + b * m6 + m7;
    s->b[i] = r * m8 + g * m9 + b * m10 + m11;
  }
}
STRIP_ROWS(matrix_rows, matrix_strip)

/* f: luma weight and own weight: colour channels blend with luma. */
KERNEL static void blend_strip(Strip *s, int n, const float *f) {
  const float own = f[0], grey = f[1];
  for (int i = 0; i < n; i++) {
    float r = s->r[i], g = s->g[i], b = s->b[i];
    float luma = (r * LUMA_R + g * LUMA_G + b * LUMA_B) * grey;
    s->r[i] = luma + r * own;
    s->g[i] = luma + g * own;
    s->b[i] = luma + b * own;
  }
}
STRIP_ROWS(blend_rows, blend_strip)

/* --- what a step means for an image --- */

static float full(const Point *p) { return p->type == IMAGE_U8 ? 255.0f : 1.0f; }

static bool coloured(const Point *p) { return p->colours == 3; }

/* Neither grey nor red, green, blue: nobody can say what hue is there. */
static bool refuse_spectral(const Step *s, const Point *p, Err *err) {
  if (p->colours <= 3) return true;
  return err_set(err, ERR_USAGE, "%s: an image of %d colour channels, 1 or 3 expected", s->prim->name, p->colours);
}

/* Degrees as sixths of a turn, 0 <= x < 6. */
static float sixths(double degrees) {
  double turn = degrees / 360;
  float v = (float)((turn - floor(turn)) * 6);
  return v >= 6.0f ? 0.0f : v;
}

static bool grey_affine(Point *p, double gain, double offset) {
  for (int k = 0; k < 4; k++) p->f[k] = (float)gain, p->f[4 + k] = (float)offset;
  return point_affine(p);
}

static bool hue_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  p->f[0] = sixths(s->num[0]);
  if (coloured(p) && p->f[0] != 0.0f) p->rows = hue_rows;
  return refuse_spectral(s, p, err);
}

static bool hsv_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  const double *a = s->num;
  if (!refuse_spectral(s, p, err)) return false;
  if (!coloured(p)) return grey_affine(p, a[3], a[4] * full(p));
  p->f[0] = sixths(a[0]);
  for (int i = 1; i < 4; i++) p->f[i] = (float)a[i];
  p->f[4] = (float)(a[4] * full(p));
  p->f[5] = full(p);
  if (p->f[0] != 0.0f || a[1] != 1 || a[2] != 0 || a[3] != 1 || a[4] != 0) p->rows = hsv_rows;
  return true;
}

static const char *const SATURATION_MODEL[] = {"hsv", "luma", NULL};

static void blend_with_luma(Point *p, double own) {
  p->f[0] = (float)own;
  p->f[1] = (float)(1 - own);
  if (coloured(p) && own != 1) p->rows = blend_rows;
}

static bool saturation_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  if (s->num[1] == 1) {
    blend_with_luma(p, s->num[0]);
  } else {
    p->f[0] = (float)s->num[0];
    if (coloured(p) && s->num[0] != 1) p->rows = saturation_rows;
  }
  return refuse_spectral(s, p, err);
}

static bool grayscale_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  blend_with_luma(p, 1 - s->num[0]);
  return refuse_spectral(s, p, err);
}

static bool value_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  const double more = s->num[1] * full(p);
  if (!refuse_spectral(s, p, err)) return false;
  if (!coloured(p)) return grey_affine(p, s->num[0], more);
  p->f[0] = (float)s->num[0], p->f[1] = (float)more, p->f[2] = full(p);
  if (s->num[0] != 1 || s->num[1] != 0) p->rows = value_rows;
  return true;
}

static bool matrix_check(const Step *s, Err *err) {
  return s->n == 12 || err_set(err, ERR_USAGE, "matrix.values: %zu numbers, 12 expected", s->n);
}

/* Grey v is (v, v, v), and what comes out counts by its luma. */
static bool matrix_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  static const float identity[12] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
  const float *m = s->list, luma[3] = {LUMA_R, LUMA_G, LUMA_B};
  if (!refuse_spectral(s, p, err)) return false;
  if (!memcmp(m, identity, sizeof identity)) return true;
  if (!coloured(p)) {
    double gain = 0, offset = 0;
    for (int i = 0; i < 3; i++) {
      gain += luma[i] * ((double)m[4 * i] + m[4 * i + 1] + m[4 * i + 2]);
      offset += luma[i] * (double)m[4 * i + 3];
    }
    return grey_affine(p, gain, offset * full(p));
  }
  for (int i = 0; i < 12; i++) p->f[i] = i % 4 == 3 ? m[i] * full(p) : m[i];
  p->rows = matrix_rows;
  return true;
}

static const char *const ORDERS[] = {"rgb", "rbg", "grb", "gbr", "brg", "bgr", NULL};

static bool shuffle_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  const char *order = ORDERS[(int)s->num[0]];
  for (int i = 0; i < 3; i++) p->f[4 * i + (order[i] == 'r' ? 0 : order[i] == 'g' ? 1 : 2)] = 1.0f;
  if (coloured(p) && s->num[0] != 0) p->rows = matrix_rows;
  return refuse_spectral(s, p, err);
}

/* Linear sRGB of a black body, green 1. Chromaticity: Kim, Kang, Lee and Kang, "Design of advanced color temperature
 * control system for HDTV applications", 2002 (the cubic splines of the Planckian locus). */
static void black_body(double kelvin, double rgb[3]) {
  const double t = 1000 / kelvin;
  double x = kelvin < 4000 ? ((-0.2661239 * t - 0.2343589) * t + 0.8776956) * t + 0.179910
                           : ((-3.0258469 * t + 2.1070379) * t + 0.2226347) * t + 0.240390;
  double y = kelvin < 2222   ? ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
             : kelvin < 4000 ? ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
                             : ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483;
  double X = x / y, Z = (1 - x - y) / y;
  rgb[0] = 3.2404542 * X - 1.5371385 - 0.4985314 * Z;
  rgb[1] = -0.9692660 * X + 1.8760108 + 0.0415560 * Z;
  rgb[2] = 0.0556434 * X - 0.2040259 + 1.0572252 * Z;
  for (int i = 0; i < 3; i++) rgb[i] = rgb[i] < 1e-6 ? 1e-6 : rgb[i];
}

/* Gains against 6500 K, for encoded samples (exponent 1/2.2), scaled so that white keeps its luma. */
static bool temperature_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  double light[3], neutral[3], gain[3];
  if (!refuse_spectral(s, p, err)) return false;
  if (s->num[0] == 6500 || !coloured(p)) return true;
  black_body(s->num[0], light);
  black_body(6500, neutral);
  for (int i = 0; i < 3; i++) gain[i] = fm_pow(light[i] / neutral[i], 1 / 2.2);
  const double luma = LUMA_R * gain[0] + LUMA_G * gain[1] + LUMA_B * gain[2];
  for (int i = 0; i < 3; i++) p->f[i] = (float)(gain[i] / luma), p->f[4 + i] = 0.0f;
  return point_affine(p);
}

const Prim PRIM_COLOUR[] = {
    {.name = "hue", .kind = PRIM_POINT, .point = hue_point, .source = "",
     .doc = "Turn the hue (HSV); value, saturation and grey pixels stay.",
     .params = {{"degrees", PARAM_NUM, -360, 360, 0, "degrees", "red to green is 120; 0 and 360 keep everything", NULL, false}}},
    {.name = "saturation", .kind = PRIM_POINT, .point = saturation_point, .source = "",
     .doc = "Multiply the saturation.",
     .params = {{"factor", PARAM_NUM, 0, 64, 1, "", "1 keeps, 0 is grey", NULL, false},
                {"model", PARAM_ENUM, 0, 1, 0, "", "hsv: hue and value stay; luma: distances from Rec. 601 luma scale (PIL Color)",
                 SATURATION_MODEL, false}}},
    {.name = "value", .kind = PRIM_POINT, .point = value_point, .source = "",
     .doc = "Multiply the HSV value and add to it; hue and saturation stay.",
     .params = {{"factor", PARAM_NUM, 0, 64, 1, "", "1 keeps", NULL, false},
                {"offset", PARAM_NUM, -1, 1, 0, "of full scale", "added after the factor", NULL, false}}},
    {.name = "hsv", .kind = PRIM_POINT, .point = hsv_point, .source = "",
     .doc = "Hue, saturation and value in one pass.",
     .params = {{"hue", PARAM_NUM, -360, 360, 0, "degrees", "added to the hue", NULL, false},
                {"saturation", PARAM_NUM, 0, 64, 1, "", "factor of the saturation", NULL, false},
                {"saturation_offset", PARAM_NUM, -1, 1, 0, "of full scale", "added after the factor, except to grey pixels", NULL, false},
                {"value", PARAM_NUM, 0, 64, 1, "", "factor of the value", NULL, false},
                {"value_offset", PARAM_NUM, -1, 1, 0, "of full scale", "added after the factor", NULL, false}}},
    {.name = "grayscale", .kind = PRIM_POINT, .point = grayscale_point, .source = "",
     .doc = "Blend each pixel with its Rec. 601 luma; the channel count stays.",
     .params = {{"amount", PARAM_NUM, 0, 1, 1, "", "1 is grey", NULL, false}}},
    {.name = "matrix", .kind = PRIM_POINT, .point = matrix_point, .check = matrix_check, .source = "",
     .doc = "Colour matrix: each new channel is a weighted sum of red, green, blue and a constant of full scale.",
     .params = {{"values", PARAM_LIST, -64, 64, 0, "", "12 numbers: rows for red, green, blue; columns red, green, blue, constant", NULL, false}}},
    {.name = "channel_shuffle", .kind = PRIM_POINT, .point = shuffle_point, .source = "",
     .doc = "Reorder red, green and blue.",
     .params = {{"order", PARAM_ENUM, 0, 5, 5, "", "which old channels become red, green, blue", ORDERS, false}}},
    {.name = "temperature", .kind = PRIM_POINT, .point = temperature_point,
     .source = "Kim et al. 2002, Design of advanced color temperature control system for HDTV applications",
     .doc = "Light of a black body instead of 6500 K; white keeps its luma.",
     .params = {{"kelvin", PARAM_NUM, 1667, 25000, 6500, "K", "below 6500 is warmer", NULL, false}}},
    {0}};
