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
#include "prim/planes.h"
#include "prim/point.h"

KERNEL static void split_f32(Floats *restrict s, const float *restrict src, int c, int n) {
  if (c == 3)
    for (int i = 0; i < n; i++) s->r[i] = src[3 * i], s->g[i] = src[3 * i + 1], s->b[i] = src[3 * i + 2];
  else
    for (int i = 0; i < n; i++, src += c) s->r[i] = src[0], s->g[i] = src[1], s->b[i] = src[2];
}

/* src may be dst. */
KERNEL static void join_f32(const Floats *restrict s, const float *src, float *dst, int c, int n) {
  if (c == 3) {
    float *restrict to = dst;
    for (int i = 0; i < n; i++) to[3 * i] = unit(s->r[i]), to[3 * i + 1] = unit(s->g[i]), to[3 * i + 2] = unit(s->b[i]);
    return;
  }
  for (int i = 0; i < n; i++, src += c, dst += c) {
    for (int k = 3; k < c; k++) dst[k] = src[k];
    dst[0] = unit(s->r[i]), dst[1] = unit(s->g[i]), dst[2] = unit(s->b[i]);
  }
}

typedef void BytesFn(Bytes *s, int n, const float *f);
typedef void FloatsFn(Floats *s, int n, const float *f);

static void run(const Point *p, BytesFn *bytes, FloatsFn *floats, const uint8_t *src, size_t src_stride, uint8_t *dst,
                size_t dst_stride, int y0, int y1) {
  const size_t pixel = (size_t)p->c * (p->type == IMAGE_U8 ? 1 : sizeof(float));
  union { Bytes bytes; Floats floats; } s;
  for (int y = y0; y < y1; y++, src += src_stride, dst += dst_stride)
    for (int x = 0; x < p->w; x += STRIP) {
      const int n = p->w - x < STRIP ? p->w - x : STRIP;
      const uint8_t *from = src + (size_t)x * pixel;
      uint8_t *to = dst + (size_t)x * pixel;
      if (p->type == IMAGE_U8) {
        planes_split(&s.bytes, from, p->c, n);
        bytes(&s.bytes, n, p->f);
        planes_join(&s.bytes, from, to, p->c, n);
      } else {
        split_f32(&s.floats, (const float *)(const void *)from, p->c, n);
        floats(&s.floats, n, p->f);
        join_f32(&s.floats, (const float *)(const void *)from, (float *)(void *)to, p->c, n);
      }
    }
}

/* NAME_pixel(Rgb, f) -> Rgb over strips of bytes and of floats. */
#define KERNELS(name)                                                                                               \
  KERNEL static void name##_bytes(Bytes *s, int n, const float *params) {                                           \
    float f[12];                                                                                                    \
    memcpy(f, params, sizeof f);                                                                                    \
    for (int i = 0; i < n; i++) {                                                                                   \
      Rgb out = name##_pixel((Rgb){s->r[i], s->g[i], s->b[i]}, f);                                                  \
      s->r[i] = byte_of(out.r), s->g[i] = byte_of(out.g), s->b[i] = byte_of(out.b);                                 \
    }                                                                                                               \
  }                                                                                                                 \
  KERNEL static void name##_floats(Floats *s, int n, const float *params) {                                         \
    float f[12];                                                                                                    \
    memcpy(f, params, sizeof f);                                                                                    \
    for (int i = 0; i < n; i++) {                                                                                   \
      Rgb out = name##_pixel((Rgb){s->r[i], s->g[i], s->b[i]}, f);                                                  \
      s->r[i] = out.r, s->g[i] = out.g, s->b[i] = out.b;                                                            \
    }                                                                                                               \
  }

/* The same, and NAME_rows from them. */
#define PIXELS(name)                                                                                                \
  KERNELS(name)                                                                                                     \
  static void name##_rows(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride,   \
                          int y0, int y1) {                                                                         \
    run(p, name##_bytes, name##_floats, src, src_stride, dst, dst_stride, y0, y1);                                  \
  }

/* --- one pixel: parameters in f as the point functions below fill them --- */

typedef struct Rgb { float r, g, b; } Rgb;

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }
static inline float highest(Rgb p) { return most(most(p.r, p.g), p.b); }
static inline float lowest(Rgb p) { return least(least(p.r, p.g), p.b); }
static inline float or_one(float v) { return v > 0.0f ? v : 1.0f; }

/* Hue in sixths of a turn, turned by f (0 <= f < 6): 0..6. A grey pixel (d == 0) gets f. */
static inline float turned_hue(Rgb p, float high, float d, float f) {
  const float scale = 1.0f / or_one(d);
  float hr = (p.g - p.b) * scale, hg = (p.b - p.r) * scale + 2.0f, hb = (p.r - p.g) * scale + 4.0f;
  float h = high == p.g ? hg : hb;
  h = (high == p.r ? hr : h) + f;
  h = h < 0.0f ? h + 6.0f : h;
  return h >= 6.0f ? h - 6.0f : h;
}

/* The pixel of hue h, maximum v and chroma d. Each channel is v less d times a trapezoid of the hue
 * (Wikipedia, "HSL and HSV", HSV to RGB alternative). */
static inline Rgb from_hue(float h, float v, float d) {
  /* distance from the channel's own hue, 0..3; red's is 0 and 6 */
  float r = h > 3.0f ? 6.0f - h : h;
  float g = h > 2.0f ? h - 2.0f : 2.0f - h, b = h > 4.0f ? h - 4.0f : 4.0f - h;
  g = g > 3.0f ? 6.0f - g : g;
  b = b > 3.0f ? 6.0f - b : b;
  r = most(least(r - 1.0f, 1.0f), 0.0f);
  g = most(least(g - 1.0f, 1.0f), 0.0f);
  b = most(least(b - 1.0f, 1.0f), 0.0f);
  return (Rgb){v - d * r, v - d * g, v - d * b};
}

/* f: hue shift in sixths of a turn, 0..6 */
static inline Rgb hue_pixel(Rgb p, const float *f) {
  const float high = highest(p), d = high - lowest(p);
  return from_hue(turned_hue(p, high, d, f[0]), high, d);
}
PIXELS(hue)

/* f: hue shift, saturation factor and addend, value factor and addend (sample units), full scale */
static inline Rgb hsv_pixel(Rgb p, const float *f) {
  const float high = highest(p), d = high - lowest(p);
  float sat = d / or_one(high) * f[1] + f[2];
  sat = d > 0.0f ? most(least(sat, 1.0f), 0.0f) : 0.0f;
  const float v = most(least(high * f[3] + f[4], f[5]), 0.0f);
  return from_hue(turned_hue(p, high, d, f[0]), v, v * sat);
}
PIXELS(hsv)

/* f: factor of HSV saturation. Distances from the maximum scale, up to where the smallest channel is 0. */
static inline Rgb saturation_pixel(Rgb p, const float *f) {
  const float high = highest(p), d = high - lowest(p);
  const float by = least(f[0], high / or_one(d));
  return (Rgb){high - (high - p.r) * by, high - (high - p.g) * by, high - (high - p.b) * by};
}
PIXELS(saturation)

/* f: factor and addend of HSV value, full scale. Channels keep their proportions; black takes the addend as grey. */
static inline Rgb value_pixel(Rgb p, const float *f) {
  const float high = highest(p);
  const float v = most(least(high * f[0] + f[1], f[2]), 0.0f);
  const float by = v / or_one(high), add = high > 0.0f ? 0.0f : v;
  return (Rgb){p.r * by + add, p.g * by + add, p.b * by + add};
}
PIXELS(value)

/* f: three rows of four. Bytes take the integers of planes.c where they fit. */
static inline Rgb matrix_pixel(Rgb p, const float *f) {
  return (Rgb){p.r * f[0] + p.g * f[1] + p.b * f[2] + f[3], p.r * f[4] + p.g * f[5] + p.b * f[6] + f[7],
               p.r * f[8] + p.g * f[9] + p.b * f[10] + f[11]};
}
KERNELS(matrix)

static void weigh_bytes(Bytes *s, int n, const float *f) {
  if (!planes_weigh(s, n, f)) matrix_bytes(s, n, f);
}

static void weigh_rows(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  run(p, weigh_bytes, matrix_floats, src, src_stride, dst, dst_stride, y0, y1);
}

/* f: own weight and luma's weight */
static inline Rgb blend_pixel(Rgb p, const float *f) {
  const float luma = (p.r * LUMA_R + p.g * LUMA_G + p.b * LUMA_B) * f[1];
  return (Rgb){luma + p.r * f[0], luma + p.g * f[0], luma + p.b * f[0]};
}
PIXELS(blend)

static void grey_rows(const Point *p, const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, int y0, int y1) {
  run(p, planes_grey, blend_floats, src, src_stride, dst, dst_stride, y0, y1);
}

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
  if (coloured(p) && own != 1) p->rows = own == 0 ? grey_rows : blend_rows;
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
  p->rows = weigh_rows;
  return true;
}

static const char *const ORDERS[] = {"rgb", "rbg", "grb", "gbr", "brg", "bgr", NULL};

static bool shuffle_point(const Step *s, const Image *in, Point *p, Err *err) {
  (void)in;
  const char *order = ORDERS[(int)s->num[0]];
  for (int i = 0; i < 3; i++) p->f[4 * i + (order[i] == 'r' ? 0 : order[i] == 'g' ? 1 : 2)] = 1.0f;
  if (coloured(p) && s->num[0] != 0) p->rows = weigh_rows;
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
