/* How much two masks share.
 *
 * An instance mask is a list of runs over the pixels column by column, as COCO's
 * RLE counts them: small, and two of them are compared by one walk. A semantic
 * mask is an image of class numbers.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_OVERLAP_H
#define BRINK_OVERLAP_H

#include "image/image.h"

typedef struct Runs {
  int w, h;      /* of the picture, >= 1 */
  size_t n, cap; /* runs, room */
  uint64_t *at;  /* owned: start and end (exclusive) of each run, rising, never touching */
} Runs;

void runs_init(Runs *r, int w, int h);
void runs_clear(Runs *r);
/* From lengths of alternating stretches, the first one outside. They must cover the picture exactly (ERR_DAMAGED). */
bool runs_from_counts(Runs *r, const uint64_t *count, size_t n, Err *err);
/* From COCO's compressed text (rle.h). */
bool runs_from_text(Runs *r, const char *s, size_t n, Err *err);
/* Pixels whose first channel is not 0. w and h become the image's. */
bool runs_from_image(Runs *r, const Image *im, Err *err);

typedef struct RingView {
  const double *xy; /* n points x, y; the last joins the first */
  size_t n;
  bool hole;
} RingView;
/* Pixels whose centre lies in a part (even-odd) and in no hole. */
bool runs_from_rings(Runs *r, const RingView *ring, size_t n, Err *err);

uint64_t runs_area(const Runs *r);
uint64_t runs_shared(const Runs *a, const Runs *b); /* pixels in both; equal w and h */
/* x0, y0, x1, y1 around the pixels; false for none. */
bool runs_bounds(const Runs *r, int box[4]);

typedef struct Confusion {
  int classes;                          /* 256 or 65536 */
  uint64_t *both, *truth, *predicted;   /* owned (both): pixels per class */
} Confusion;
/* Count class numbers of the first channels; pixels where truth is `blank` (-1: none) do not count. ERR_USAGE for other
 * sizes than each other's, and for f32 samples that are no whole number in 0..65535. */
bool confusion_count(Confusion *c, const Image *truth, const Image *predicted, int blank, Err *err);
void confusion_clear(Confusion *c);

#endif
