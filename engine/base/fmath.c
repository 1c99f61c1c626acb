/* Range reduction plus Taylor or continued series, summed in a fixed order on
 * IEEE doubles. Speed matters little here: kernels use tables made from these.
 * Cody & Waite, "Software Manual for the Elementary Functions" (1980), for the
 * reductions. Measured against glibc in tests/c/fmath_test.c: within 2 ulp.
 * SPDX-License-Identifier: MIT */
#include "base/fmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LN2_HI 6.93147180369123816490e-01 /* 32 bits of ln 2: k * LN2_HI is exact */
#define LN2_LO 1.90821492927058770002e-10
#define LN2_INV 1.44269504088896338700

/* x * 2^k without libm; k may leave the normal range. */
static double scale2(double x, int k) {
  while (k > 1023) x *= 0x1p1023, k -= 1023;
  while (k < -1022) x *= 0x1p-969, k += 969; /* keep one rounding at the subnormal end */
  uint64_t bits = (uint64_t)(k + 1023) << 52;
  double s;
  memcpy(&s, &bits, sizeof s);
  return x * s;
}

/* exp(hi + lo) - 1 for |hi| <= 0.35, Taylor to 1e-18; the caller adds the 1. */
static double exp_tail(double hi, double lo) {
  double r = hi + lo, sum = 0;
  for (int n = 16; n >= 2; n--) sum = (sum + 1) * r / n;
  /* r * (1 + sum) = r + r*sum; hi is exact, so add the small parts first */
  return hi + (lo + r * sum);
}

static double exp_split(double hi, double lo) {
  if (isnan(hi)) return hi;
  if (hi > 709.79) return INFINITY;
  if (hi < -745.2) return 0;
  double k = floor(hi * LN2_INV + 0.5);
  double a = hi - k * LN2_HI, b = lo - k * LN2_LO, r = a + b;
  return scale2(1 + exp_tail(r, b - (r - a)), (int)k);
}

double fm_exp(double x) { return exp_split(x, 0); }

/* ln x = hi + lo to about 100 bits of mantissa in the sum: atanh series on m in [sqrt(.5), sqrt(2)). */
static void log_split(double x, double *hi, double *lo) {
  uint64_t bits;
  int e = 0;
  if (x < 0x1p-1022) x *= 0x1p54, e = -54;
  memcpy(&bits, &x, sizeof bits);
  e += (int)(bits >> 52) - 1023;
  bits = (bits & 0xFFFFFFFFFFFFFu) | 0x3FF0000000000000u;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.41421356237309504880) m *= 0.5, e++;
  /* s = (m-1)/(m+1) as s + c, both exact enough; m - 1 is exact (Sterbenz) */
  double num = m - 1, den = m + 1, den_lo = m - (den - 1), s = num / den;
  /* residue num - s*(den+den_lo), by Dekker's exact product */
  double t = 134217729.0 * s, sh = t - (t - s), sl = s - sh;
  t = 134217729.0 * den;
  double dh = t - (t - den), dl = den - dh, p = s * den;
  double perr = ((sh * dh - p) + sh * dl + sl * dh) + sl * dl;
  double c = ((num - p) - perr - s * den_lo) / den;
  double z = s * s, sum = 0;
  for (int n = 25; n >= 3; n -= 2) sum = sum * z + 1.0 / n;
  double tail = 2 * (c + s * z * sum), main_hi = 2 * s, big = e * LN2_HI;
  double total = big + main_hi;
  double rest = (fabs(big) > fabs(main_hi) ? main_hi - (total - big) : big - (total - main_hi)) + (tail + e * LN2_LO);
  *hi = total + rest;
  *lo = rest - (*hi - total);
}

double fm_log(double x) {
  if (isnan(x) || x < 0) return NAN;
  if (x == 0) return -INFINITY;
  if (isinf(x)) return x;
  double hi, lo;
  log_split(x, &hi, &lo);
  return hi + lo;
}

static double power_int(double x, double y) { /* integral |y| <= 64 */
  int n = (int)fabs(y);
  double r = 1;
  for (; n; n >>= 1, x *= x)
    if (n & 1) r *= x;
  return y < 0 ? 1 / r : r;
}

double fm_pow(double x, double y) {
  bool integral = y == floor(y);
  if (y == 0 || x == 1) return 1;
  if (isnan(x) || isnan(y)) return NAN;
  if (integral && fabs(y) <= 64) return power_int(x, y);
  if (x == 0) return y > 0 ? 0 : INFINITY;
  if (x < 0) return integral ? (fmod(y, 2) != 0 ? -fm_pow(-x, y) : fm_pow(-x, y)) : NAN;
  if (isinf(x)) return y > 0 ? INFINITY : 0;
  double hi, lo;
  log_split(x, &hi, &lo);
  /* y * hi exactly as p + q */
  double p = y * hi, t = 134217729.0 * y, yh = t - (t - y), yl = y - yh;
  t = 134217729.0 * hi;
  double hh = t - (t - hi), hl = hi - hh, q = ((yh * hh - p) + yh * hl + yl * hh) + yl * hl;
  return exp_split(p, isfinite(q) ? q + y * lo : 0);
}

double fm_exp2(double x) { return x == floor(x) && fabs(x) < 1000 ? scale2(1, (int)x) : fm_pow(2, x); }

/* x = k * pi/2 + r, |r| <= pi/4, pi/2 in three parts of 33 bits; good for |x| <= 1e6. */
static int quarter(double x, double *r) {
  double k = floor(x * 6.36619772367581382433e-01 + 0.5);
  double a = x - k * 1.57079632673412561417e+00;
  double b = k * 6.07710050630396597660e-11, c = k * 2.02226624879595063154e-21;
  *r = (a - b) - c;
  return (int)fmod(k, 4) & 3;
}

static double sin_core(double r) {
  double z = r * r, sum = 0;
  for (int n = 21; n >= 3; n -= 2) sum = (sum + 1) * -z / (n * (n - 1));
  return r + r * sum;
}

static double cos_core(double r) {
  double z = r * r, sum = 0;
  for (int n = 22; n >= 4; n -= 2) sum = (sum + 1) * -z / (n * (n - 1));
  return 1 - 0.5 * z * (1 + sum);
}

double fm_sin(double x) {
  double r;
  int q = quarter(x, &r);
  double v = q & 1 ? cos_core(r) : sin_core(r);
  return q & 2 ? -v : v;
}

double fm_cos(double x) {
  double r;
  int q = quarter(x, &r);
  double v = q & 1 ? sin_core(r) : cos_core(r);
  return q == 1 || q == 2 ? -v : v;
}

double fm_tan(double x) { return fm_sin(x) / fm_cos(x); }

/* Halve the angle twice (atan x = 2 atan(x / (1 + sqrt(1 + x^2)))), then the series. */
double fm_atan(double x) {
  if (isnan(x)) return x;
  double a = fabs(x), turn = 0;
  if (a > 1) a = 1 / a, turn = 1;
  a = a / (1 + sqrt(1 + a * a));
  a = a / (1 + sqrt(1 + a * a));
  double z = a * a, sum = 0;
  for (int n = 27; n >= 1; n -= 2) sum = 1.0 / n - z * sum;
  double v = 4 * a * sum;
  if (turn != 0) v = FM_PI / 2 - v;
  return x < 0 ? -v : v;
}

double fm_atan2(double y, double x) {
  if (isnan(x) || isnan(y)) return NAN;
  if (x == 0 && y == 0) return signbit(x) ? copysign(FM_PI, y) : y;
  if (fabs(x) >= fabs(y)) {
    double v = fm_atan(y / x);
    return x > 0 ? v : (signbit(y) ? v - FM_PI : v + FM_PI);
  }
  double v = fm_atan(x / y);
  return y > 0 ? FM_PI / 2 - v : -FM_PI / 2 - v;
}

double fm_asin(double x) { return fm_atan2(x, sqrt((1 - x) * (1 + x))); }
double fm_acos(double x) { return fm_atan2(sqrt((1 - x) * (1 + x)), x); }

double fm_tanh(double x) {
  if (fabs(x) < 0.1) { /* series keeps the relative accuracy near 0 */
    double e = exp_tail(2 * x, 0);
    return e / (e + 2);
  }
  if (fabs(x) > 20) return x < 0 ? -1 : 1;
  double e = fm_exp(2 * x);
  return (e - 1) / (e + 1);
}

/* Abramowitz & Stegun 7.1.6 (series) below 3, 7.1.14 (continued fraction) above. */
double fm_erf(double x) {
  double a = fabs(x), v;
  if (isnan(x)) return x;
  if (a > 6) return x < 0 ? -1 : 1;
  if (a < 3) {
    double term = a, sum = a;
    for (int n = 1; n < 80; n++) term *= 2 * a * a / (2 * n + 1), sum += term;
    v = 1.12837916709551257390 * fm_exp(-a * a) * sum;
  } else {
    double f = a;
    for (int n = 60; n >= 1; n--) f = a + n / 2.0 / f;
    v = 1 - fm_exp(-a * a) / (f * 1.77245385090551602730);
  }
  return x < 0 ? -v : v;
}

double fm_hypot(double x, double y) { return sqrt(x * x + y * y); }
