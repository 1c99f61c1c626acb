/* Drawing on an image that is not shared yet: anti-aliased fills, lines, text.
 * For label overlays, contact sheets and the example data; coverage is exact
 * across and 8-fold down each pixel. Coordinates are continuous, as everywhere.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_DRAW_H
#define BRINK_DRAW_H

#include "image/image.h"

typedef struct Colour {
  float v[4];    /* 0..255 per channel; grey images take v[0] */
  float opacity; /* 0..1 */
} Colour;

typedef enum FillRule { FILL_NONZERO, FILL_EVENODD } FillRule;

/* Closed polygons: n_parts rings, ring k has part[k] points of xy (x0 y0 x1 y1 ...). Holes by rule. */
bool draw_fill(Image *im, const double *xy, const int *part, int n_parts, FillRule rule, Colour colour, Err *err);

/* A polyline of n points, `width` pixels wide, round at joints and ends; closed joins the last to the first. */
bool draw_line(Image *im, const double *xy, int n, bool closed, double width, Colour colour, Err *err);

/* A disc. */
bool draw_disc(Image *im, double x, double y, double radius, Colour colour, Err *err);

/* One line of ASCII text in a stroke font; (x, y) is the top left, height the size of a capital in pixels.
 * Other characters are drawn as a box. */
bool draw_text(Image *im, double x, double y, double height, const char *text, Colour colour, Err *err);
double draw_text_width(const char *text, double height);

#endif
