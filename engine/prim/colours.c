/* See colours.h. SPDX-License-Identifier: MIT */
#include "prim/colours.h"

#include <string.h>

#include "base/cpu.h"

KERNEL static void load_u8(float *restrict v, const uint8_t *restrict src, size_t n) {
  for (size_t i = 0; i < n; i++) v[i] = (float)src[i];
}

KERNEL static void store_u8(uint8_t *restrict dst, const float *restrict v, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float x = v[i] > 0.0f ? v[i] : 0.0f;
    x = x < 255.0f ? x : 255.0f;
    dst[i] = (uint8_t)(int32_t)(x + 0.5f);
  }
}

/* Three colours of pixels with four channels: the common case with alpha. */
KERNEL static void load_rgba(float *restrict v, const uint8_t *restrict src, size_t pixels) {
  for (size_t x = 0; x < pixels; x++)
    for (int k = 0; k < 3; k++) v[3 * x + (size_t)k] = (float)src[4 * x + (size_t)k];
}

KERNEL static void store_rgba(uint8_t *restrict dst, const float *restrict v, size_t pixels) {
  for (size_t x = 0; x < pixels; x++)
    for (int k = 0; k < 3; k++) {
      float s = v[3 * x + (size_t)k] > 0.0f ? v[3 * x + (size_t)k] : 0.0f;
      s = s < 255.0f ? s : 255.0f;
      dst[4 * x + (size_t)k] = (uint8_t)(int32_t)(s + 0.5f);
    }
}

static bool is_rgba(ImageType type, int c, int colours, size_t first, size_t n) {
  return type == IMAGE_U8 && c == 4 && colours == 3 && first % 3 == 0 && n % 3 == 0;
}

void colours_load(float *v, const uint8_t *row, ImageType type, int c, int colours, size_t first, size_t n) {
  if (c == colours) {
    if (type == IMAGE_U8)
      load_u8(v, row + first, n);
    else
      memcpy(v, row + first * sizeof(float), n * sizeof(float));
    return;
  }
  if (is_rgba(type, c, colours, first, n)) {
    load_rgba(v, row + first / 3 * 4, n / 3);
    return;
  }
  size_t at = first / (size_t)colours * (size_t)c;
  int ch = (int)(first % (size_t)colours);
  const float *f = (const float *)(const void *)row;
  for (size_t i = 0; i < n; i++) {
    v[i] = type == IMAGE_U8 ? (float)row[at + (size_t)ch] : f[at + (size_t)ch];
    if (++ch == colours) ch = 0, at += (size_t)c;
  }
}

void colours_store(uint8_t *row, const float *v, ImageType type, int c, int colours, size_t first, size_t n) {
  if (c == colours) {
    if (type == IMAGE_U8)
      store_u8(row + first, v, n);
    else
      memcpy(row + first * sizeof(float), v, n * sizeof(float));
    return;
  }
  if (is_rgba(type, c, colours, first, n)) {
    store_rgba(row + first / 3 * 4, v, n / 3);
    return;
  }
  size_t at = first / (size_t)colours * (size_t)c;
  int ch = (int)(first % (size_t)colours);
  float *f = (float *)(void *)row;
  for (size_t i = 0; i < n; i++) {
    if (type == IMAGE_U8)
      store_u8(row + at + (size_t)ch, v + i, 1);
    else
      f[at + (size_t)ch] = v[i];
    if (++ch == colours) ch = 0, at += (size_t)c;
  }
}
