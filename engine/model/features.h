/* Local features: oriented corners with binary descriptors, and how many of
 * them two pictures agree on. The built-in recogniser stands on this.
 *
 * Corners: Harris in Noble's form (1988) on four scales of the luma, brought to
 * a long side of 320 px whatever the picture's size; the strongest of each
 * scale, 192 in all. Orientation by intensity centroid and 256 comparisons
 * rotated with it as in ORB (Rublee et al. 2011), with a pattern of our own from
 * the keyed generator. SPDX-License-Identifier: MIT */
#ifndef BRINK_FEATURES_H
#define BRINK_FEATURES_H

#include "image/image.h"

enum { FEATURES_MAX = 192, FEATURES_SIDE = 320 };

typedef struct Feature {
  uint64_t bits[4];
  float x, y;     /* in the picture brought to FEATURES_SIDE */
  uint8_t angle;  /* of the intensity centroid, 256 to the turn */
  uint8_t level;  /* scale: 1.5^level */
} Feature;

/* Immutable once made; reference counted because cache and jobs hold it. */
typedef struct Features {
  atomic_int refs;
  int n;           /* 0 for a flat picture */
  Feature *at;     /* n of them, in order of level, then strength; owned */
} Features;

Features *features_new(const Image *im, Err *err);
Features *features_ref(const Features *f);
void features_unref(const Features *f); /* NULL-safe */

/* Features of a that agree with b: mutual nearest descriptors that follow one common similarity. 0 when either has
 * fewer than two. Unrelated pictures agree on 2 or 3 by chance. */
int features_agree(const Features *a, const Features *b);

#endif
