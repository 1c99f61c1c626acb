/* What the filter files share. Every filter mirrors at the border without
 * repeating the edge pixel (reflect-101: c b a b c d ... y z y x), works on all
 * channels of an interleaved row alike, and puts the alpha channel back last.
 * Lengths are in pixels. SPDX-License-Identifier: MIT */
#ifndef BRINK_FILTER_H
#define BRINK_FILTER_H

#include "prim/prim.h"

/* The pixel that stands at place i, any int, of an axis of n pixels. */
static inline int reflect(int i, int n) {
  if (i >= 0 && i < n) return i;
  if (n == 1) return 0;
  int period = 2 * (n - 1);
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - i;
}

/* Copy the alpha channel, if there is one, from in to out. */
void keep_alpha(Image *out, const Image *in);

/* Fill pixels -left..-1 and w..w+right-1 of a row of w pixels of px bytes by reflection; row points at pixel 0. */
void pad_row(uint8_t *row, int w, size_t px, int left, int right);

/* A copy of the image with every row padded by left and right pixels; *stride in bytes, the result points at
 * pixel (0,0) of row 0 and its allocation, to be freed, is *own. At least 64 readable bytes follow. NULL: no memory. */
uint8_t *pad_image(const Image *in, int left, int right, size_t *stride, uint8_t **own, Err *err);

/* Gaussian blur handing out rows: u8 images give uint16_t in 1/128 level (within 1/8 level of the sum), f32 floats. */
typedef void (*BlurSink)(void *data, int y, const void *row);
bool gaussian_rows(const Image *in, double sigma, BlurSink sink, void *data, Err *err);

Image *gaussian_apply(const Step *s, const Image *in, Err *err);
Image *unsharp_apply(const Step *s, const Image *in, Err *err);
Image *box_apply(const Step *s, const Image *in, Err *err);
Image *motion_apply(const Step *s, const Image *in, Err *err);
Image *defocus_apply(const Step *s, const Image *in, Err *err);
Image *median_apply(const Step *s, const Image *in, Err *err);
bool convolve_check(const Step *s, Err *err);
Image *convolve_apply(const Step *s, const Image *in, Err *err);
Image *sharpen_apply(const Step *s, const Image *in, Err *err);
Image *emboss_apply(const Step *s, const Image *in, Err *err);
Image *zoom_blur_apply(const Step *s, const Image *in, Err *err);
Image *glass_apply(const Step *s, const Image *in, Err *err);

#endif
