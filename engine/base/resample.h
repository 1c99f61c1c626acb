/* The bootstrap: means of columns over samples drawn again with replacement
 * (Efron 1979). All columns of a replicate share one draw, so that what was
 * measured on the same samples stays paired. Keyed: replicate r depends on (key, r) only.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_RESAMPLE_H
#define BRINK_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

/* value: columns x n, NaN where not measured. weight: scratch of n. mean: one per column, NaN when no sample drawn has a value. */
void resample_means(const double *value, size_t columns, size_t n, uint64_t key, uint64_t replicate, uint32_t *weight, double *mean);

#endif
