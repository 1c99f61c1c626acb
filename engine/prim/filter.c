/* The filters' rows and what they share. The work is in gaussian.c, box.c and
 * their neighbours. SPDX-License-Identifier: MIT */
#include "prim/filter.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

void keep_alpha(Image *out, const Image *in) {
  if (!in->alpha) return;
  size_t size = image_sample_size(in), px = size * (size_t)in->c, last = px - size;
  for (int y = 0; y < in->h; y++) {
    const uint8_t *src = image_row(in, y) + last;
    uint8_t *dst = image_row(out, y) + last;
    for (int x = 0; x < in->w; x++) memcpy(dst + (size_t)x * px, src + (size_t)x * px, size);
  }
}

void pad_row(uint8_t *row, int w, size_t px, int left, int right) {
  for (int x = 1; x <= left; x++) memcpy(row - (size_t)x * px, row + (size_t)reflect(-x, w) * px, px);
  for (int x = w; x < w + right; x++) memcpy(row + (size_t)x * px, row + (size_t)reflect(x, w) * px, px);
}

uint8_t *pad_image(const Image *in, int left, int right, size_t *stride, uint8_t **own, Err *err) {
  size_t px = image_sample_size(in) * (size_t)in->c;
  size_t head = ((size_t)left * px + 63) & ~(size_t)63;
  *stride = (head + ((size_t)in->w + (size_t)right) * px + 63) & ~(size_t)63;
  *own = *stride > (SIZE_MAX - 64) / (size_t)in->h ? NULL : mem_aligned(*stride * (size_t)in->h + 64);
  if (!*own) return err_memory(err), NULL;
  memset(*own + *stride * (size_t)in->h, 0, 64);
  for (int y = 0; y < in->h; y++) {
    uint8_t *row = *own + (size_t)y * *stride + head;
    memcpy(row, image_row(in, y), image_row_bytes(in));
    pad_row(row, in->w, px, left, right);
  }
  return *own + head;
}

#define NUM(name, lo, hi, def, unit, doc) {name, PARAM_NUM, lo, hi, def, unit, doc, NULL, false}
#define INT(name, lo, hi, def, unit, doc) {name, PARAM_INT, lo, hi, def, unit, doc, NULL, false}

const Prim PRIM_FILTER[] = {
    {.name = "gaussian",
     .doc = "Gaussian blur; the border mirrors",
     .kind = PRIM_AREA,
     .params = {NUM("sigma", 0, 1000, NAN, "px", "standard deviation; 0 changes nothing")},
     .apply = gaussian_apply},
    {.name = "box",
     .doc = "mean over a square; the border mirrors",
     .kind = PRIM_AREA,
     .params = {NUM("radius", 0, 1000, NAN, "px", "the square is 2 radius + 1 wide; the outermost ring counts by its covered fraction")},
     .apply = box_apply},
    {.name = "unsharp",
     .doc = "unsharp mask: add what a Gaussian blur takes away",
     .kind = PRIM_AREA,
     .params = {NUM("amount", 0, 100, NAN, "times", "how much of the difference is added; 0 changes nothing"),
                NUM("sigma", 0, 1000, 1.5, "px", "standard deviation of the blur"),
                NUM("threshold", 0, 1, 0, "of full scale", "differences count by what exceeds this")},
     .apply = unsharp_apply},
    {.name = "motion",
     .doc = "mean along a straight line centred on the pixel; the border mirrors",
     .source = "Hendrycks & Dietterich 2019",
     .kind = PRIM_AREA,
     .params = {NUM("length", 0, 4096, NAN, "px", "of the line; up to 1 changes nothing"),
                NUM("angle", -360, 360, 0, "degrees", "0 along x, 90 along y (down)")},
     .apply = motion_apply},
    {.name = "defocus",
     .doc = "mean over a disc; the border mirrors",
     .source = "Hendrycks & Dietterich 2019",
     .kind = PRIM_AREA,
     .params = {NUM("radius", 0, 1024, NAN, "px", "of the disc, beyond the pixel itself; 0 changes nothing")},
     .apply = defocus_apply},
    {.name = "zoom_blur",
     .doc = "mean over copies enlarged about the centre",
     .source = "Hendrycks & Dietterich 2019",
     .kind = PRIM_AREA,
     .params = {NUM("amount", 0, 4, NAN, "of the zoom", "the largest copy is enlarged by 1 + amount; 0 changes nothing")},
     .apply = zoom_blur_apply},
    {.name = "glass",
     .doc = "each pixel shows one near it, as through frosted glass",
     .source = "Hendrycks & Dietterich 2019, without the sequential swaps",
     .kind = PRIM_AREA,
     .params = {NUM("reach", 0, 1000, NAN, "px", "at most this far along each axis, rounded; below 0.5 changes nothing"),
                {.name = "key", .type = PARAM_KEY, .unit = "", .doc = "which one"}},
     .apply = glass_apply},
    {.name = "median",
     .doc = "median over a square; the border mirrors",
     .kind = PRIM_AREA,
     .params = {INT("radius", 0, 7, NAN, "px", "the square is 2 radius + 1 wide; 0 changes nothing")},
     .apply = median_apply},
    {.name = "sharpen",
     .doc = "mix with a 3 x 3 sharpening kernel",
     .kind = PRIM_AREA,
     .params = {NUM("alpha", 0, 16, NAN, "of the kernel", "0 changes nothing; beyond 1 exaggerates"),
                NUM("lightness", 0, 4, 1, "times", "brightness of the sharpened part")},
     .apply = sharpen_apply},
    {.name = "emboss",
     .doc = "mix with a 3 x 3 relief kernel lit from the upper left",
     .kind = PRIM_AREA,
     .params = {NUM("alpha", 0, 1, NAN, "of the kernel", "0 changes nothing"),
                NUM("strength", 0, 16, 0.5, "times", "of the relief")},
     .apply = emboss_apply},
    {.name = "convolve",
     .doc = "weighted sum of neighbours; the kernel is not turned round, the border mirrors",
     .kind = PRIM_AREA,
     .params = {{.name = "kernel", .type = PARAM_LIST, .lo = -1e6, .hi = 1e6, .unit = "", .doc = "weights, row by row"},
                INT("width", 1, 255, NAN, "px", "of the kernel; its centre is at width / 2, rounded down"),
                INT("height", 1, 255, NAN, "px", "of the kernel"),
                NUM("scale", -1e6, 1e6, 1, "times", "of every weight"),
                NUM("offset", -16, 16, 0, "of full scale", "added to the sum")},
     .check = convolve_check,
     .apply = convolve_apply},
    {0}};
