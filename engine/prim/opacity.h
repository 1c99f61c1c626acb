/* Pictures with opacity, for resampling: colours are multiplied by it before and divided after, so that what cannot be
 * seen does not bleed (Porter & Duff 1984). SPDX-License-Identifier: MIT */
#ifndef BRINK_OPACITY_H
#define BRINK_OPACITY_H

#include "image/image.h"

/* Is every pixel fully opaque? The last channel is the opacity. */
bool opacity_full(const Image *im);
/* Colours times opacity, as f32. */
Image *opacity_multiply(const Image *in, Err *err);
/* The way back, as type: what cannot be seen becomes black. */
Image *opacity_divide(const Image *in, ImageType type, Err *err);

#endif
