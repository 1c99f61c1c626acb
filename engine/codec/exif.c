/* EXIF, orientation only: a bounded walk through the first directory of the
 * TIFF structure. Whatever is broken there means "upright": metadata never
 * costs an image. SPDX-License-Identifier: MIT */
#include <string.h>

#include "codec/formats.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t get16(const uint8_t *p, bool big) {
  return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t get32(const uint8_t *p, bool big) {
  return big ? get16(p, true) << 16 | get16(p + 2, true) : get16(p + 2, false) << 16 | get16(p, false);
}

int exif_orientation(const uint8_t *tiff, size_t n) {
  if (n < 14) return 1;
  bool big = tiff[0] == 'M' && tiff[1] == 'M';
  if (!big && (tiff[0] != 'I' || tiff[1] != 'I')) return 1;
  if (get16(tiff + 2, big) != 42) return 1;
  size_t at = get32(tiff + 4, big);
  if (at < 8 || at > n - 2) return 1;
  uint32_t entries = get16(tiff + at, big);
  at += 2;
  for (uint32_t i = 0; i < entries && n - at >= 12; i++, at += 12) {
    const uint8_t *e = tiff + at;
    if (get16(e, big) != TAG_ORIENTATION) continue;
    uint32_t type = get16(e + 2, big);
    uint32_t v = type == TYPE_SHORT ? get16(e + 8, big) : type == TYPE_LONG ? get32(e + 8, big) : 0;
    return get32(e + 4, big) == 1 && v >= 1 && v <= 8 ? (int)v : 1;
  }
  return 1;
}

/* dst pixel (x, y) comes from src at start + x * step_x + y * step_y (bytes). */
static void copy_pixels(Image *dst, const uint8_t *start, ptrdiff_t step_x, ptrdiff_t step_y, size_t px) {
  enum { TILE = 32 }; /* keeps a transposing copy inside the cache */
  for (int y0 = 0; y0 < dst->h; y0 += TILE)
    for (int x0 = 0; x0 < dst->w; x0 += TILE) {
      int y1 = y0 + TILE < dst->h ? y0 + TILE : dst->h, x1 = x0 + TILE < dst->w ? x0 + TILE : dst->w;
      for (int y = y0; y < y1; y++) {
        const uint8_t *s = start + y * step_y + x0 * step_x;
        uint8_t *d = image_row(dst, y) + (size_t)x0 * px;
        for (int x = x0; x < x1; x++, s += step_x, d += px)
          for (size_t k = 0; k < px; k++) d[k] = s[k];
      }
    }
}

Image *exif_apply(Image *im, int o, Err *err) {
  if (o <= 1 || o > 8) return im;
  bool swap = o >= 5; /* 5..8 exchange the axes */
  Image *out = image_new(swap ? im->h : im->w, swap ? im->w : im->h, im->c, im->type, im->alpha, err);
  if (out) {
    size_t px = (size_t)im->c * image_sample_size(im);
    ptrdiff_t col = (ptrdiff_t)px, row = (ptrdiff_t)im->stride;
    bool from_right = o == 2 || o == 3 || o == 7 || o == 8, from_bottom = o == 3 || o == 4 || o == 6 || o == 7;
    const uint8_t *start = im->data + (from_right ? (size_t)(im->w - 1) * px : 0) +
                           (from_bottom ? (size_t)(im->h - 1) * im->stride : 0);
    if (from_right) col = -col;
    if (from_bottom) row = -row;
    copy_pixels(out, start, swap ? row : col, swap ? col : row, px);
  }
  image_unref(im);
  return out;
}
