/* What the files of the resampler share: warp.c (stages and points), field.c
 * (displacements), resample.c (which way to go), general.c (any mapping),
 * sample.c (pixels around a coordinate), straight.c (affine runs), resize.c
 * (axis-aligned scaling), opacity.c (before and after).
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_RESAMPLE_H
#define BRINK_RESAMPLE_H

#include "prim/warp.h"

/* Row-major 3 x 3. */
void mat_mul(double out[9], const double a[9], const double b[9]);
/* False where w <= 0 (beyond the horizon); out is then far away but finite. */
bool mat_point(const double m[9], double x, double y, double out[2]);
bool mat_is_affine(const double m[9]);

/* Output pixels per input pixel at the middle of the frame, one axis of the geometric mean. */
double stage_scale(const Stage *s);
/* Whole-pixel moves, flips and quarter turns: nothing is interpolated. */
bool stage_is_copy(const Stage *s);
/* One step back, border not applied. */
bool stage_source(const Stage *s, double x, double y, double out[2]);

/* Displacement at (x,y); with jac, also d(dx)/dx d(dx)/dy d(dy)/dx d(dy)/dy. */
void field_at(const Field *f, double x, double y, double d[2], double jac[4]);
/* The output point whose source is (x,y). False when it did not converge; out is the best found. */
bool field_invert(const Field *f, double x, double y, double out[2]);
/* Node values become spline coefficients, so that the field passes through the values. */
bool field_interpolate(Field *f, Err *err);

/* What one row of output centres needs to evaluate a field quickly: see field.c. */
typedef struct FieldRow FieldRow;
FieldRow *field_row_new(const Field *f, int w, Err *err);
void field_row_free(FieldRow *r);
void field_row_set(FieldRow *r, int y);                                   /* row of centres y + .5 */
void field_row_read(const FieldRow *r, int x0, int n, double *x, double *y); /* sources of centres x0 + .5 ... */

/* Fill of channel k in the image's own units. */
float stage_fill(const Stage *s, const Image *im, int k);
/* Index of sample i on an axis of n with this border; -1: constant. */
int border_index(int64_t i, int n, Border border);
/* Coordinate folded into [0,n] by REFLECT or WRAP. */
double border_fold(double x, double n, Border border);

/* One group of stages into a new image; the image's samples are taken as they are (alpha already multiplied). */
Image *resample_copy(const Stage *s, const Image *in, Err *err);                /* stage_is_copy, or nearest and axis-aligned */
Image *resample_general(const Stage *s, int n, const Image *in, Err *err);
Image *resample_axes(const Stage *s, const Image *in, Err *err);                /* axis-aligned scaling */
/* in scaled to w x h with box filter and no border: for pre-filtering */
Image *resample_shrink(const Image *in, int w, int h, Err *err);

enum { RUN = 128 }; /* pixels of a row handled together */

/* Pixels at n coordinates of the frame (0..w, 0..h) into dst, packed. */
typedef struct Sampler {
  const Image *im;
  Interp interp;
  bool wrap; /* neighbours beyond an edge come from the other side */
} Sampler;
void sample_run(const Sampler *s, const double *x, const double *y, int n, uint8_t *dst);

/* Vertical to 15 bits, then horizontal: a b above c d. The vector forms give the same numbers. */
static inline uint8_t lerp_u8(int a, int b, int c, int d, int fx, int fy) {
  int left = (a * (256 - fy) + c * fy) >> 1, right = (b * (256 - fy) + d * fy) >> 1;
  return (uint8_t)((left * (256 - fx) + right * fx + (1 << 14)) >> 15);
}

/* Affine runs (straight.c). Pixels a <= i < b of n. */
typedef struct Span { int a, b; } Span;
/* Which of n pixels from column x on have their source inside box (left, top, right, bottom) for sure; y is the height of
 * the points looked at, which may lie up to half a pixel beside the centres. */
Span straight_span(const double *m, int x, double y, int n, const double box[4]);
/* Can it do this, and where in the input must the sources lie? */
bool straight_can(const Sampler *s);
void straight_box(const Sampler *s, double box[4]);
/* n <= RUN pixels at x + .5 + dx and on, y, all inside that box. */
void straight_run(const Sampler *s, const double *m, int x, double dx, double y, int n, uint8_t *dst);

#endif
