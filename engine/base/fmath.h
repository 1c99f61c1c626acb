/* Elementary functions whose results do not depend on the C library, the CPU
 * or FMA: only + - * / sqrt and integer work on IEEE doubles. Within 1 ulp or so
 * of the true value over the documented range; see the .c for the sources.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_FMATH_H
#define BRINK_FMATH_H

double fm_exp(double x);
double fm_exp2(double x);
double fm_log(double x);
double fm_pow(double x, double y); /* x >= 0, or integral y */
double fm_sin(double x);           /* |x| <= 1e6 */
double fm_cos(double x);
double fm_tan(double x);
double fm_atan(double x);
double fm_atan2(double y, double x);
double fm_asin(double x);
double fm_acos(double x);
double fm_tanh(double x);
double fm_erf(double x);
double fm_hypot(double x, double y); /* sqrt(x*x + y*y) */

#define FM_PI 3.14159265358979323846

#endif
