/* Other sample types and channel counts. SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cpu.h"
#include "image/image.h"

KERNEL static void luma3_u8(const uint8_t *restrict s, uint8_t *restrict d, int w, int c) {
  if (c == 3)
    for (int x = 0; x < w; x++) d[x] = (uint8_t)((299u * s[3 * x] + 587u * s[3 * x + 1] + 114u * s[3 * x + 2] + 500u) / 1000u);
  else
    for (int x = 0; x < w; x++) d[x] = (uint8_t)((299u * s[4 * x] + 587u * s[4 * x + 1] + 114u * s[4 * x + 2] + 500u) / 1000u);
}

KERNEL static void luma3_f32(const float *restrict s, float *restrict d, int w, int c) {
  for (int x = 0; x < w; x++) d[x] = (0.299f * s[c * x] + 0.587f * s[c * x + 1]) + 0.114f * s[c * x + 2];
}

static float mean_f32(const float *s, int n) {
  float sum = 0;
  for (int k = 0; k < n; k++) sum += s[k];
  return sum / (float)n;
}

/* Luma of a f32 row in its own scale. */
static void luma_row(const Image *im, int y, float *out) {
  const float *s = image_row_f(im, y);
  const int n = image_colours(im);
  if (n == 3)
    luma3_f32(s, out, im->w, im->c);
  else
    for (int x = 0; x < im->w; x++) out[x] = n == 1 ? s[x * im->c] : mean_f32(s + x * im->c, n);
}

void image_luma_u8(const Image *im, int y, uint8_t *out) {
  const int n = image_colours(im), c = im->c;
  if (im->type == IMAGE_F32) {
    const float *s = image_row_f(im, y);
    for (int x = 0; x < im->w; x++, s += c)
      out[x] = image_u8_of(n == 3 ? (0.299f * s[0] + 0.587f * s[1]) + 0.114f * s[2] : n == 1 ? s[0] : mean_f32(s, n));
    return;
  }
  const uint8_t *s = image_row(im, y);
  if (n == 3) {
    luma3_u8(s, out, im->w, c);
  } else if (c == 1) {
    memcpy(out, s, (size_t)im->w);
  } else {
    for (int x = 0; x < im->w; x++, s += c) {
      unsigned sum = 0;
      for (int k = 0; k < n; k++) sum += s[k];
      out[x] = (uint8_t)((sum + (unsigned)n / 2) / (unsigned)n);
    }
  }
}

void image_luma_f32(const Image *im, int y, float *out) {
  if (im->type == IMAGE_F32) {
    luma_row(im, y, out);
    for (int x = 0; x < im->w; x++) out[x] *= 255.0f;
    return;
  }
  /* the bytes go into the last quarter of the floats: each is read before its place is written */
  uint8_t *bytes = (uint8_t *)out + 3 * (size_t)im->w;
  image_luma_u8(im, y, bytes);
  for (int x = 0; x < im->w; x++) {
    float v = bytes[x];
    memcpy(out + x, &v, sizeof v);
  }
}

KERNEL static void to_f32(const uint8_t *restrict s, float *restrict d, size_t n) {
  for (size_t i = 0; i < n; i++) d[i] = (float)s[i] / 255.0f;
}

KERNEL static void to_u8(const float *restrict s, uint8_t *restrict d, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float v = s[i] * 255.0f;
    v = v > 0.0f ? v : 0.0f; /* NaN too */
    v = v < 255.0f ? v : 255.0f;
    d[i] = (uint8_t)(int)(v + 0.5f);
  }
}

static Image *convert_type(const Image *im, ImageType type, Err *err) {
  if (im->type == type) return image_ref(im);
  Image *out = image_new(im->w, im->h, im->c, type, im->alpha, err);
  if (!out) return NULL;
  const size_t n = (size_t)im->w * (size_t)im->c;
  for (int y = 0; y < im->h; y++)
    if (type == IMAGE_F32) to_f32(image_row(im, y), image_row_f(out, y), n);
    else to_u8(image_row_f(im, y), image_row(out, y), n);
  return out;
}

/* Colours of one row, in_n to out_n of them, c_in and c_out apart. */
static void spread_u8(const uint8_t *s, int c_in, uint8_t *d, int c_out, int w, int in_n, int out_n) {
  for (int x = 0; x < w; x++, s += c_in, d += c_out)
    for (int k = 0; k < out_n; k++) d[k] = s[in_n == 1 ? 0 : k];
}

static void spread_f32(const float *s, int c_in, float *d, int c_out, int w, int in_n, int out_n) {
  for (int x = 0; x < w; x++, s += c_in, d += c_out)
    for (int k = 0; k < out_n; k++) d[k] = s[in_n == 1 ? 0 : k];
}

static void channels_row_u8(const Image *im, Image *out, int y, uint8_t *luma) {
  const int in_n = image_colours(im), out_n = image_colours(out), w = im->w;
  const uint8_t *s = image_row(im, y);
  uint8_t *d = image_row(out, y);
  if (in_n == 3 && out_n == 1) {
    luma3_u8(s, out->c == 1 ? d : luma, w, im->c);
    if (out->c > 1) spread_u8(luma, 1, d, out->c, w, 1, 1);
  } else {
    spread_u8(s, im->c, d, out->c, w, in_n, out_n);
  }
  if (out->alpha)
    for (int x = 0; x < w; x++) d[x * out->c + out_n] = im->alpha ? s[x * im->c + in_n] : 255;
}

static void channels_row_f32(const Image *im, Image *out, int y) {
  const int in_n = image_colours(im), out_n = image_colours(out), w = im->w;
  const float *s = image_row_f(im, y);
  float *d = image_row_f(out, y);
  if (in_n == 3 && out_n == 1)
    for (int x = 0; x < w; x++) d[x * out->c] = (0.299f * s[x * im->c] + 0.587f * s[x * im->c + 1]) + 0.114f * s[x * im->c + 2];
  else
    spread_f32(s, im->c, d, out->c, w, in_n, out_n);
  if (out->alpha)
    for (int x = 0; x < w; x++) d[x * out->c + out_n] = im->alpha ? s[x * im->c + in_n] : 1.0f;
}

static Image *convert_channels(const Image *im, int c, bool alpha, Err *err) {
  int in_n = image_colours(im), out_n = c - (alpha ? 1 : 0);
  if (im->c == c && im->alpha == alpha) return image_ref(im);
  if (out_n < 1 || (in_n != out_n && !(in_n == 3 && out_n == 1) && in_n != 1))
    return err_set(err, ERR_USAGE, "cannot convert %d colour channels to %d", in_n, out_n), NULL;
  Image *out = image_new(im->w, im->h, c, im->type, alpha, err), *luma = NULL;
  if (out && im->type == IMAGE_U8 && in_n == 3 && out_n == 1 && alpha) {
    luma = image_new(im->w, 1, 1, IMAGE_U8, false, err);
    if (!luma) {
      image_unref(out);
      return NULL;
    }
  }
  for (int y = 0; out && y < im->h; y++)
    if (im->type == IMAGE_U8) channels_row_u8(im, out, y, luma ? luma->data : NULL);
    else channels_row_f32(im, out, y);
  image_unref(luma);
  return out;
}

Image *image_convert(const Image *im, ImageType type, int c, bool alpha, Err *err) {
  /* channels are mixed in f32 where either side is: rounding to u8 comes once, at the end */
  const bool widen = type == IMAGE_F32;
  Image *half = widen ? convert_type(im, type, err) : convert_channels(im, c, alpha, err);
  if (!half) return NULL;
  Image *out = widen ? convert_channels(half, c, alpha, err) : convert_type(half, type, err);
  image_unref(half);
  return out;
}
