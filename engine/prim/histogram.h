/* Point maps taken from the image's own statistics. SPDX-License-Identifier: MIT */
#ifndef BRINK_HISTOGRAM_H
#define BRINK_HISTOGRAM_H

#include "prim/prim.h"

/* Means of the first four colour channels in sample units; exact sums for u8, a fixed order for f32. */
void histogram_means(const Image *im, double mean[4]);

/* Tables of 256 values in 0..255 by channel: u8 rounds them, f32 interpolates. ERR_MEMORY. */
bool histogram_table(Point *p, const float table[3][256], Err *err);

/* Stretch so that `cutoff` of the samples (0..0.49) saturate at each end. */
bool histogram_stretch(Point *p, const Image *in, double cutoff, bool together, Err *err);

/* Flat histogram: the table PIL's ImageOps.equalize uses. */
bool histogram_equalize(Point *p, const Image *in, bool together, Err *err);

#endif
