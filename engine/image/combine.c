/* Arithmetic on whole images, for scripts. SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cpu.h"
#include "image/image.h"

static const char *type_name(const Image *im) { return im->type == IMAGE_U8 ? "u8" : "f32"; }

static bool check_pair(const Image *a, const Image *b, bool one_for_all, Err *err) {
  bool shape = a->w == b->w && a->h == b->h && a->type == b->type;
  if (shape && ((a->c == b->c && a->alpha == b->alpha) || (one_for_all && b->c == 1))) return true;
  return err_set(err, ERR_USAGE, "images differ in shape: %d x %d x %d %s and %d x %d x %d %s", a->w, a->h, a->c, type_name(a),
                 b->w, b->h, b->c, type_name(b));
}

static inline uint8_t clamp_u8(int v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

static inline uint8_t op_u8(int p, int q, ImageOp op) {
  return op == IMAGE_ADD ? clamp_u8(p + q) : op == IMAGE_SUB ? clamp_u8(p - q) : (uint8_t)((p * q + 127) / 255);
}

static inline float op_f32(float p, float q, ImageOp op) {
  return op == IMAGE_ADD ? p + q : op == IMAGE_SUB ? p - q : p * q;
}

Image *image_combine(const Image *a, const Image *b, ImageOp op, Err *err) {
  if (!check_pair(a, b, true, err)) return NULL;
  Image *out = image_copy(a, err);
  if (!out) return NULL;
  const int c = a->c, colours = image_colours(a), step = b->c == c ? 1 : 0;
  for (int y = 0; y < a->h; y++)
    for (int x = 0; x < a->w; x++)
      for (int k = 0; k < colours; k++) {
        size_t i = (size_t)x * (size_t)c + (size_t)k, j = (size_t)x * (size_t)b->c + (size_t)(k * step);
        if (a->type == IMAGE_U8) image_row(out, y)[i] = op_u8(image_row(a, y)[i], image_row(b, y)[j], op);
        else image_row_f(out, y)[i] = op_f32(image_row_f(a, y)[i], image_row_f(b, y)[j], op);
      }
  return out;
}

static uint8_t round_u8(double v) { return !(v > 0) ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5); }

Image *image_scale(const Image *a, double mul, double add, Err *err) {
  Image *out = image_copy(a, err);
  uint8_t lut[256];
  if (!out) return NULL;
  for (int i = 0; i < 256; i++) lut[i] = round_u8(i * mul + add);
  const float m = (float)mul, s = (float)add;
  const int c = a->c, colours = image_colours(a);
  for (int y = 0; y < a->h; y++) {
    uint8_t *d = image_row(out, y);
    float *f = image_row_f(out, y);
    for (int x = 0; x < a->w; x++)
      for (int k = 0; k < colours; k++) {
        size_t i = (size_t)x * (size_t)c + (size_t)k;
        if (a->type == IMAGE_U8) d[i] = lut[d[i]];
        else f[i] = f[i] * m + s;
      }
  }
  return out;
}

Image *image_blend(const Image *a, const Image *b, double weight, const Image *mask, Err *err) {
  if (!check_pair(a, b, false, err)) return NULL;
  if (!(weight >= 0 && weight <= 1)) return err_set(err, ERR_USAGE, "weight: %g is outside 0..1", weight), NULL;
  if (mask && (mask->w != a->w || mask->h != a->h || mask->c != 1))
    return err_set(err, ERR_USAGE, "mask: %d x %d x %d, expected %d x %d x 1", mask->w, mask->h, mask->c, a->w, a->h), NULL;
  Image *out = image_like(a, err);
  if (!out) return NULL;
  for (int y = 0; y < a->h; y++)
    for (int x = 0; x < a->w; x++) {
      float t = (float)weight;
      if (mask) t *= mask->type == IMAGE_U8 ? (float)image_row(mask, y)[x] / 255.0f : image_row_f(mask, y)[x];
      for (int k = 0; k < a->c; k++) {
        size_t i = (size_t)x * (size_t)a->c + (size_t)k;
        if (a->type == IMAGE_F32) {
          float p = image_row_f(a, y)[i];
          image_row_f(out, y)[i] = p + (image_row_f(b, y)[i] - p) * t;
        } else {
          float p = image_row(a, y)[i];
          image_row(out, y)[i] = round_u8((double)(p + ((float)image_row(b, y)[i] - p) * t));
        }
      }
    }
  return out;
}

/* One pixel of b over one of out; t = b's opacity. */
static void cover(Image *out, int x, int y, const Image *b, int bx, int by, bool blend) {
  const size_t i = (size_t)x * (size_t)out->c, j = (size_t)bx * (size_t)b->c;
  for (int k = 0; k < out->c; k++) {
    if (out->type == IMAGE_F32) {
      float *d = image_row_f(out, y) + i;
      const float *s = image_row_f(b, by) + j;
      d[k] = blend ? d[k] + (s[k] - d[k]) * s[b->c - 1] : s[k];
    } else {
      uint8_t *d = image_row(out, y) + i;
      const uint8_t *s = image_row(b, by) + j;
      int t = s[b->c - 1];
      d[k] = blend ? (uint8_t)((d[k] * (255 - t) + s[k] * t + 127) / 255) : s[k];
    }
  }
}

Image *image_paste(const Image *a, const Image *b, int x, int y, Err *err) {
  bool blend = b->alpha && !a->alpha && b->c == a->c + 1;
  if (a->type != b->type || !(blend || (a->c == b->c && a->alpha == b->alpha)))
    return err_set(err, ERR_USAGE, "cannot paste %d channels %s onto %d channels %s", b->c, type_name(b), a->c, type_name(a)), NULL;
  Image *out = image_copy(a, err);
  if (!out) return NULL;
  int x0 = x > 0 ? x : 0, y0 = y > 0 ? y : 0;
  int x1 = x > a->w - b->w ? a->w : x + b->w, y1 = y > a->h - b->h ? a->h : y + b->h;
  for (int py = y0; py < y1; py++)
    for (int px = x0; px < x1; px++) cover(out, px, py, b, px - x, py - y, blend);
  return out;
}
