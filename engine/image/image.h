/* An image: h x w x c samples, interleaved, rows 64-byte aligned.
 *
 * Reference counted because the pool and Lua both hold images. Immutable once
 * shared: whoever made it may write until it is handed on, nobody after.
 * u8 means 0..255, f32 nominally 0..1 (values outside are kept, never NaN in pictures).
 * c is 1..4 for u8; any number for f32. SPDX-License-Identifier: MIT */
#ifndef BRINK_IMAGE_H
#define BRINK_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

typedef enum ImageType { IMAGE_U8, IMAGE_F32 } ImageType;

typedef struct Image {
  int w, h, c;      /* each >= 1 */
  ImageType type;
  bool alpha;       /* the last channel is opacity: pixel effects leave it alone */
  size_t stride;    /* bytes from row to row */
  uint8_t *data;    /* owned */
  atomic_int refs;
} Image;

/* Pixels uninitialised. ERR_LIMIT beyond IMAGE_SIDE_MAX or IMAGE_BYTES_MAX, ERR_MEMORY. */
Image *image_new(int w, int h, int c, ImageType type, bool alpha, Err *err);
Image *image_like(const Image *im, Err *err);                 /* same shape and type */
Image *image_copy(const Image *im, Err *err);
Image *image_ref(const Image *im);                            /* one more reference; NULL-safe */
void image_unref(const Image *im);                            /* NULL-safe */

enum { IMAGE_SIDE_MAX = 1 << 20 };
#define IMAGE_BYTES_MAX ((size_t)1 << 34)

static inline int image_colours(const Image *im) { return im->c - (im->alpha ? 1 : 0); }
static inline uint8_t *image_row(const Image *im, int y) { return im->data + (size_t)y * im->stride; }
static inline float *image_row_f(const Image *im, int y) { return (float *)(void *)image_row(im, y); }
static inline size_t image_sample_size(const Image *im) { return im->type == IMAGE_U8 ? 1 : sizeof(float); }
static inline size_t image_row_bytes(const Image *im) { return (size_t)im->w * (size_t)im->c * image_sample_size(im); }
static inline size_t image_bytes(const Image *im) { return im->stride * (size_t)im->h; }

/* A sample of 0..1 as 0..255, rounded to nearest and clamped; NaN gives 0. */
static inline uint8_t image_u8_of(float v) {
  float s = v * 255.0f;
  return !(s > 0.0f) ? 0 : s >= 255.0f ? 255 : (uint8_t)(s + 0.5f);
}

/* Other type or channel count. Grey from colour is Rec. 601 luma (299 587 114) / 1000, rounded;
 * colour from grey repeats it; a missing alpha is opaque, a dropped one is dropped (not blended). */
Image *image_convert(const Image *im, ImageType type, int c, bool alpha, Err *err);

/* Rec. 601 luma of each pixel of row y in 0..255 (colour channels only; other counts than 1 and 3: their mean).
 * out has room for w. f32 is not clamped. */
void image_luma_u8(const Image *im, int y, uint8_t *out);  /* f32 rounded and clamped */
void image_luma_f32(const Image *im, int y, float *out);   /* u8 gives whole numbers */

/* Identity of the pixels: shape, type and samples, padding not. */
Hash image_hash(const Image *im);

/* Equal shape, type and samples. */
bool image_equal(const Image *a, const Image *b);

/* Statistics over colour channels, exact for u8 (integer sums), fixed order for f32.
 * mean, deviation (population), min, max per channel in sample units; luma_* over Rec. 601 luma in 0..255. */
typedef struct ImageStats {
  double mean[4], dev[4], min[4], max[4]; /* first four channels */
  double luma_mean, luma_dev, entropy;    /* entropy of the 256-bin luma histogram, bits */
  uint64_t luma_hist[256];
} ImageStats;
void image_stats(const Image *im, ImageStats *out);

/* Mean |a-b| over colour samples in 0..255 units (f32 x 255). Shapes must agree (ERR_USAGE). */
bool image_distance(const Image *a, const Image *b, double *out, Err *err);

/* Structural similarity on luma, 8x8 windows at stride 4, Wang et al. 2004 constants; 1 for equal. */
bool image_ssim(const Image *a, const Image *b, double *out, Err *err);

/* Arithmetic on samples; colour channels only, alpha is a's. u8 saturates, with 255 as full scale in products.
 * Shapes and types must agree (ERR_USAGE); b of one channel goes with every colour of a. */
typedef enum ImageOp { IMAGE_ADD, IMAGE_SUB, IMAGE_MUL } ImageOp;
Image *image_combine(const Image *a, const Image *b, ImageOp op, Err *err);
/* v * mul + add in sample units (u8 rounded and clamped), colour channels only. */
Image *image_scale(const Image *a, double mul, double add, Err *err);
/* a + (b - a) * weight, weight 0..1; with a mask (1 channel, same w and h) weighted by it as well. All channels. */
Image *image_blend(const Image *a, const Image *b, double weight, const Image *mask, Err *err);
/* Copy of a with b drawn at (x, y), clipped; b's alpha, if it has one and a has none, covers. */
Image *image_paste(const Image *a, const Image *b, int x, int y, Err *err);
/* The part [x, x+w) x [y, y+h), which must lie inside (ERR_USAGE). */
Image *image_crop(const Image *im, int x, int y, int w, int h, Err *err);
/* Fill every sample of channels 0..c-1 with v[k] (sample units; u8 rounded and clamped). Only before the image is shared. */
void image_fill(Image *im, const double *v);

#endif
