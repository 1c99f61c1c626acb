/* A plan: primitives with concrete numbers, in order. Pure data; runs on any
 * thread, any number of times, to the same bytes.
 *
 * Running fuses: neighbouring point primitives go through cache-sized bands
 * together (tables folded), neighbouring warps become one resampling.
 * fuse = false runs step by step, for tests. SPDX-License-Identifier: MIT */
#ifndef BRINK_PLAN_H
#define BRINK_PLAN_H

#include "prim/prim.h"

typedef struct Plan {
  Step *step; /* n of them, owned with their lists */
  int n, cap;
} Plan;

void plan_init(Plan *p);
void plan_clear(Plan *p);

/* Append a step of `prim` with all parameters at their defaults; returned for filling in. NULL: ERR_MEMORY, ERR_LIMIT. */
Step *plan_add(Plan *p, const Prim *prim, Err *err);
/* Room for the n numbers of the step's list (what was there is released); the caller fills it. */
float *step_list(Step *s, size_t n, Err *err);
/* Check ranges, required values and cross-parameter rules of a filled step: "gaussian.sigma: 12 is outside 0..10 px". */
bool step_check(const Step *s, Err *err);

/* New image (or one more reference to `in` when nothing changes). */
Image *plan_run(const Plan *p, const Image *in, bool fuse, Err *err);

/* The geometry of the whole plan for a w x h input; the caller clears out. */
bool plan_warp(const Plan *p, int w, int h, Warp *out, Err *err);

/* Bumped whenever a primitive's output changes: part of every result's identity. */
enum { PLAN_RESULT_VERSION = 2 };

#endif
