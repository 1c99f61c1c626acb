/* A Warp says where each output pixel comes from. It is a short list of stages,
 * applied from the output back to the input; a stage is a homography or a
 * displacement field, each with its own frame and border, so that rotate-then-
 * crop and crop-then-rotate both mean what they say although the pixels are
 * resampled only once. The same Warp carries labels forward.
 *
 * Continuous coordinates: pixel (x,y) covers [x,x+1) x [y,y+1), centres at .5.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_WARP_H
#define BRINK_WARP_H

#include <stdbool.h>

#include "image/image.h"

typedef enum Border { BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT, BORDER_WRAP } Border;
typedef enum Interp { INTERP_NEAREST, INTERP_LINEAR, INTERP_CUBIC, INTERP_AREA } Interp;

/* Displacements on a grid over the output frame, bilinear (cell = 1 pixel) or cubic B-spline between nodes. */
typedef struct Field {
  int cols, rows;     /* nodes; node (i,j) sits at (i*cell_w, j*cell_h) */
  double cell_w, cell_h;
  float *dx, *dy;     /* cols*rows each, pixels; source = output + displacement. owned */
  atomic_int refs;
} Field;

Field *field_new(int cols, int rows, double cell_w, double cell_h, Err *err); /* zeroed */
Field *field_ref(Field *f);
void field_unref(Field *f);

typedef struct Stage {
  int in_w, in_h, out_w, out_h;
  double back[9];     /* output -> input, row-major homography; used when field is NULL */
  double fore[9];     /* its inverse */
  Field *field;       /* owned reference or NULL */
  Border border;
  float fill[4];      /* CONSTANT: per channel, 0..255 scale (f32 images: /255) */
  Interp interp;
} Stage;

enum { WARP_STAGES_MAX = 16 };

typedef struct Warp {
  int in_w, in_h, out_w, out_h;
  int n;              /* stages in the order they were applied; 0: identity */
  Stage stage[WARP_STAGES_MAX];
} Warp;

void warp_init(Warp *w, int in_w, int in_h); /* identity */
void warp_clear(Warp *w);                    /* releases fields */
bool warp_copy(Warp *to, const Warp *from, Err *err);

/* Append. ERR_USAGE for a singular matrix, ERR_LIMIT for too many stages.
 * Neighbouring stages are merged where that changes nothing but rounding. */
bool warp_homography(Warp *w, const double fore[9], int out_w, int out_h, Interp interp, Border border, const float fill[4], Err *err);
bool warp_field(Warp *w, Field *f /* ref taken */, Interp interp, Border border, const float fill[4], Err *err);
bool warp_append(Warp *w, const Warp *next, Err *err);

bool warp_is_identity(const Warp *w);

/* Forward: where an input point lands, in output coordinates, not clipped. Fields are inverted by
 * iteration (to 1e-3 px); false when that fails to converge (folded) and then out is the best found. */
bool warp_point(const Warp *w, double x, double y, double out[2]);
/* Backward: where an output point comes from. */
void warp_source(const Warp *w, double x, double y, double out[2]);

/* Resample. Shrinking stages are pre-filtered (no aliasing). NULL and *err on failure. */
Image *warp_image(const Warp *w, const Image *in, Err *err);
/* Labels: nearest, `outside` where nothing maps. */
Image *warp_mask(const Warp *w, const Image *mask, float outside, Err *err);

#endif
