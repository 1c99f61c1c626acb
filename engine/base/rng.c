/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include <math.h>

#include "base/cpu.h"
#include "base/fmath.h"

/* SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection of 64 bits that spreads every bit. */
static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

uint64_t rng_key(uint64_t seed, uint64_t sample, uint64_t step, uint64_t draw) {
  uint64_t k = mix(seed + 0x9E3779B97F4A7C15u);
  k = mix(k ^ (sample + 0x9E3779B97F4A7C15u));
  k = mix(k ^ (step + 0x3C6EF372FE94F82Au));
  return mix(k ^ (draw + 0xDAA66D2C7DDF743Fu));
}

/* Round and key constants of Philox 4x32 (the paper's table 2). */
static inline void philox(uint64_t key, uint64_t lo, uint64_t hi, uint32_t out[4]) {
  uint32_t c0 = (uint32_t)lo, c1 = (uint32_t)(lo >> 32), c2 = (uint32_t)hi, c3 = (uint32_t)(hi >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void rng_block(uint64_t key, uint64_t lo, uint64_t hi, uint32_t out[4]) { philox(key, lo, hi, out); }

void rng_init(Rng *r, uint64_t key) { *r = (Rng){.key = key}; }

uint32_t rng_u32(Rng *r) {
  if (!r->left) {
    philox(r->key, r->at++, 0, r->word);
    r->left = 4;
  }
  return r->word[4 - r->left--];
}

static uint64_t rng_u64(Rng *r) {
  uint64_t hi = rng_u32(r);
  return hi << 32 | rng_u32(r);
}

double rng_unit(Rng *r) { return (double)(rng_u64(r) >> 11) * 0x1p-53; }

uint64_t rng_below(Rng *r, uint64_t n) {
  uint64_t skip = -n % n, v; /* 2^64 mod n values at the bottom would favour some results */
  do v = rng_u64(r);
  while (v < skip);
  return v % n;
}

/* Inverse of the normal distribution function: Wichura, algorithm AS 241 (PPND16), relative error 1e-16. */
static double normal_quantile(double p) {
  static const double a[] = {3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4,
                             4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static const double b[] = {1.0,                      4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
                             2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3};
  static const double c[] = {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
                             1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static const double d[] = {1.0,                       2.05319162663775882187e0,  1.67638483018380384940e0,  6.89767334985100004550e-1,
                             1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9};
  static const double e[] = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,  2.96560571828504891230e-1,
                             2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[] = {1.0,                       5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
                             7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15};
  double q = p - 0.5, r, top = 0, bottom = 0;
  const double *n, *m;
  if (q > -0.425 && q < 0.425) {
    r = 0.180625 - q * q, n = a, m = b;
  } else {
    r = sqrt(-fm_log(q < 0 ? p : 1 - p));
    if (r <= 5) r -= 1.6, n = c, m = d;
    else r -= 5, n = e, m = f;
  }
  for (int i = 7; i >= 0; i--) top = top * r + n[i], bottom = bottom * r + m[i];
  double z = top / bottom;
  return n == a ? q * z : q < 0 ? -z : z;
}

double rng_normal(Rng *r) {
  double u = ((double)(rng_u64(r) >> 11) + 0.5) * 0x1p-53; /* inside (0,1) */
  return normal_quantile(u);
}

enum { STRIP = 64 }; /* blocks generated together so that the rounds vectorise */

/* Words for blocks first..first+STRIP-1, word w of block b at out[4*b+w]. */
KERNEL static void strip(uint64_t key, uint64_t first, uint32_t *out) {
  for (int b = 0; b < STRIP; b++) {
    uint32_t word[4];
    philox(key, first + (uint64_t)b, 0, word);
    for (int w = 0; w < 4; w++) out[4 * b + w] = word[w];
  }
}

/* Visit element k of first..first+n-1 as the word k%4 of block k/4. */
static void fill(uint64_t key, uint64_t first, float *out, size_t n, float (*make)(uint32_t)) {
  uint32_t word[4 * STRIP];
  uint64_t at = first, end = first + n;
  while (at < end) {
    uint64_t base = at / (4 * STRIP) * STRIP, stop = (base + STRIP) * 4;
    strip(key, base, word);
    if (stop > end) stop = end;
    for (; at < stop; at++) *out++ = make(word[at - base * 4]);
  }
}

static float unit(uint32_t w) { return (float)(w >> 8) * 0x1p-24f; }
static float normal(uint32_t w) { return (float)normal_quantile(((double)w + 0.5) * 0x1p-32); }

void rng_fill_uniform(uint64_t key, uint64_t first, float *out, size_t n) { fill(key, first, out, n, unit); }
void rng_fill_normal(uint64_t key, uint64_t first, float *out, size_t n) { fill(key, first, out, n, normal); }
