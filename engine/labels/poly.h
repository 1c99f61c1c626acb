/* Polygons: rings of points, several parts and holes.
 *
 * A clean polygon's rings cross neither themselves nor each other, parts do not
 * overlap and each hole lies in a part: then what is inside is decided by
 * counting rings (even-odd), and areas add up. poly_clean makes one out of what
 * people draw; everything else here expects and keeps cleanness.
 * Coordinates are continuous: pixel (x,y) covers [x,x+1) x [y,y+1).
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_POLY_H
#define BRINK_POLY_H

#include "image/image.h"

typedef struct Ring {
  int at, n; /* first point, points; the last joins the first */
  bool hole;
} Ring;

typedef struct Poly {
  double *xy; /* owned: x, y of every point, ring after ring */
  Ring *ring; /* owned */
  int rings, points, ring_cap, point_cap;
} Poly;

void poly_init(Poly *p);
void poly_clear(Poly *p);
void poly_reset(Poly *p); /* no rings, memory kept */
void poly_swap(Poly *a, Poly *b);
/* A new ring without points; points go to the last ring. ERR_MEMORY, ERR_LIMIT. */
bool poly_ring(Poly *p, bool hole, Err *err);
bool poly_point(Poly *p, double x, double y, Err *err);
bool poly_copy(Poly *to, const Poly *from, Err *err);
/* Drop the last ring if it has fewer than n points or, for n >= 3, no area. */
void poly_drop_small(Poly *p, int n);
static inline const double *poly_xy(const Poly *p, int ring) { return p->xy + 2 * (size_t)p->ring[ring].at; }

/* Shoelace; positive when clockwise on the screen (y down). */
double ring_area(const double *xy, int n);
bool ring_contains(const double *xy, int n, double x, double y);
/* Parts minus holes. */
double poly_area(const Poly *p);
/* x0, y0, x1, y1; false without points. */
bool poly_bounds(const Poly *p, double box[4]);
/* Which rings are holes, by how many larger rings they lie in. */
bool poly_nest(Poly *p, Err *err);

/* The part with a x + b y + c >= 0, exactly; out is fresh. cut: whether anything was taken off (only ever set to true). */
bool poly_cut(const Poly *in, double a, double b, double c, Poly *out, bool *cut, Err *err);
/* In place: the part inside [x0,x1] x [y0,y1]. */
bool poly_clip(Poly *p, double x0, double y0, double x1, double y1, bool *cut, Err *err);
/* The same for rings that are open lines: each may come apart into several. */
bool line_cut(const Poly *in, double a, double b, double c, Poly *out, bool *cut, Err *err);
bool line_clip(Poly *p, double x0, double y0, double x1, double y1, bool *cut, Err *err);
double line_length(const Poly *p);

/* In place. Each ring filled even-odd; in is what more parts than holes hold. changed: whether it was not clean.
 * ERR_USAGE for points that are no numbers, too far, or too many to sort out (POLY_REPAIR_MAX). */
enum { POLY_REPAIR_MAX = 16384 };
bool poly_clean(Poly *p, bool *changed, Err *err);

/* Points no side strays from by more than tolerance are left out (Douglas & Peucker 1973). In place. */
bool poly_simplify(Poly *p, double tolerance, bool closed, Err *err);

/* u8 mask of w x h: value where a pixel's centre is inside. */
Image *poly_mask(const Poly *p, int w, int h, uint8_t value, Err *err);
/* The outline of the pixels that are not 0 (first channel), along their edges: exact area. out is fresh. */
bool mask_poly(const Image *mask, Poly *out, Err *err);
/* Pixels that are not 0 (first channel): how many, and x0, y0, x1, y1 around them (unset for none). */
uint64_t mask_bounds(const Image *mask, int box[4]);

/* Convex hull of n points, clockwise on the screen, into out (room for n + 1); returns how many. Andrew 1979. */
int hull_points(double *xy, int n, double *out);
/* Smallest rectangle around n points: centre, w, h, angle of its w side in degrees, clockwise on the screen, in (-90, 90].
 * Scratch in xy. Toussaint 1983 says a side of it lies on the hull. */
bool hull_rect(double *xy, int n, double rect[5], Err *err);
/* The rectangle around n points with a side in direction `degrees`. */
void hull_rect_at(const double *xy, int n, double degrees, double rect[5]);

#endif
