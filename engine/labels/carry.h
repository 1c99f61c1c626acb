/* Labels through a Warp: every stage moves them and cuts them at its frame, as
 * it does with the pixels. Straight sides stay straight through a homography;
 * through a displacement field they are densified first, thinned out after.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_CARRY_H
#define BRINK_CARRY_H

#include "labels/poly.h"
#include "prim/warp.h"

/* p (clean, in input coordinates) becomes what is left of it in the output. seen: the share of its area in the input
 * frame that is still there, measured in the input, covers (NULL: none; polygons in input coordinates, any) taken off;
 * 0 when nothing is left. cut: whether a frame took something away. */
bool carry_poly(const Warp *w, Poly *p, const Poly *covers, double *seen, bool *cut, Err *err);
/* Open lines; seen is the share of their length. */
bool carry_lines(const Warp *w, Poly *p, double *seen, bool *cut, Err *err);
/* Moved without being cut (densified where that is needed). */
bool carry_outline(const Warp *w, Poly *p, Err *err);
/* Where the point lands, and whether it is inside every frame on the way. */
bool carry_point(const Warp *w, double x, double y, double out[2]);
/* Backwards: where a polygon of the output comes from. In place. */
bool carry_back(const Warp *w, Poly *p, Err *err);
/* Do left and right change places (at the middle of the picture)? */
bool warp_mirrors(const Warp *w);

#endif
