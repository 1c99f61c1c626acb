/* SPDX-License-Identifier: MIT */
#include "base/resample.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

void resample_means(const double *value, size_t columns, size_t n, uint64_t key, uint64_t replicate, uint32_t *weight, double *mean) {
  Rng rng;
  rng_init(&rng, rng_key(key, replicate, 0, 0));
  memset(weight, 0, n * sizeof *weight);
  for (size_t k = 0; k < n; k++) weight[rng_below(&rng, n)]++;
  for (size_t c = 0; c < columns; c++) {
    const double *v = value + c * n;
    double sum = 0;
    uint64_t count = 0;
    for (size_t k = 0; k < n; k++)
      if (weight[k] && !isnan(v[k])) sum += weight[k] * v[k], count += weight[k];
    mean[c] = count ? sum / (double)count : NAN;
  }
}
