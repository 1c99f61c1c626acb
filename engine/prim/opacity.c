/* See opacity.h. Each number is the same correctly rounded product or quotient whatever the width of the loop; four
 * channels have a form of their own, a pixel being a vector. SPDX-License-Identifier: MIT */
#include "prim/opacity.h"

#include <string.h>

#include "base/cpu.h"

typedef float Pixel __attribute__((vector_size(16))); /* red, green, blue, opacity */

enum { PART = 64 }; /* pixels handled together */

static inline Pixel get(const float *p) {
  Pixel v;
  memcpy(&v, p, sizeof v);
  return v;
}

static inline void put(float *p, Pixel v) { memcpy(p, &v, sizeof v); }

KERNEL static bool full_four(const uint8_t *p, int n) {
  uint8_t all = 255;
  for (int x = 0; x < n; x++) all &= p[4 * x + 3];
  return all == 255;
}

bool opacity_full(const Image *im) {
  const size_t c = (size_t)im->c;
  for (int y = 0; y < im->h; y++) {
    const uint8_t *p = image_row(im, y) + c - 1;
    const float *f = image_row_f(im, y) + c - 1;
    if (im->type == IMAGE_U8 && c == 4) {
      if (!full_four(image_row(im, y), im->w)) return false;
      continue;
    }
    for (size_t x = 0; x < (size_t)im->w; x++)
      if (im->type == IMAGE_U8 ? p[x * c] != 255 : f[x * c] != 1.0f) return false;
  }
  return true;
}

KERNEL static bool full_four_f32(const float *p, int n) {
  int all = 1;
  for (int x = 0; x < n; x++) all &= p[4 * x + 3] == 1.0f;
  return all;
}

KERNEL static void to_unit(const uint8_t *p, float *restrict q, int n) {
  for (int i = 0; i < n; i++) q[i] = p[i] / 255.0f;
}

KERNEL static void to_bytes(const float *restrict f, uint8_t *restrict p, int n) {
  for (int i = 0; i < n; i++) {
    float v = f[i] > 0.0f ? f[i] : 0.0f;
    v = v < 1.0f ? v : 1.0f;
    p[i] = (uint8_t)(int)(v * 255.0f + 0.5f);
  }
}

/* q may be f. */
static void multiply_row(const float *f, float *q, int n, int c) {
  if (c == 4) {
    for (int x = 0; x < n; x++, f += 4, q += 4) put(q, get(f) * (Pixel){f[3], f[3], f[3], 1.0f});
    return;
  }
  for (int x = 0; x < n; x++, f += c, q += c) {
    for (int k = 0; k < c - 1; k++) q[k] = f[k] * f[c - 1];
    q[c - 1] = f[c - 1];
  }
}

static void divide_row(const float *f, float *restrict q, int n, int c) {
  for (int x = 0; x < n; x++, f += c, q += c) {
    const float a = f[c - 1], inverse = a > 1e-6f ? 1.0f / a : 0.0f;
    if (c == 4) {
      put(q, get(f) * (Pixel){inverse, inverse, inverse, 1.0f});
      continue;
    }
    for (int k = 0; k < c - 1; k++) q[k] = f[k] * inverse;
    q[c - 1] = a;
  }
}

Image *opacity_multiply(const Image *in, Err *err) {
  Image *out = image_new(in->w, in->h, in->c, IMAGE_F32, true, err);
  for (int y = 0; out && y < in->h; y++) {
    float *q = image_row_f(out, y);
    if (in->type == IMAGE_U8) to_unit(image_row(in, y), q, in->w * in->c);
    if (in->type == IMAGE_U8 && in->c == 4 && full_four(image_row(in, y), in->w)) continue; /* times one */
    multiply_row(in->type == IMAGE_U8 ? q : image_row_f(in, y), q, in->w, in->c);
  }
  return out;
}

static void divide_bytes(const float *f, uint8_t *p, int n, int c) {
  float part[4 * PART];
  for (int x = 0; x < n; x += PART, f += PART * c, p += PART * c) {
    const int m = n - x < PART ? n - x : PART;
    const bool full = c == 4 && full_four_f32(f, m);
    if (!full) divide_row(f, part, m, c);
    to_bytes(full ? f : part, p, m * c);
  }
}

Image *opacity_divide(const Image *in, ImageType type, Err *err) {
  Image *out = image_new(in->w, in->h, in->c, type, true, err);
  for (int y = 0; out && y < in->h; y++) {
    const float *f = image_row_f(in, y);
    if (type == IMAGE_U8) divide_bytes(f, image_row(out, y), in->w, in->c);
    else divide_row(f, image_row_f(out, y), in->w, in->c);
  }
  return out;
}
