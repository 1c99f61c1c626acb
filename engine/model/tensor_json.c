/* Tensors as JSON text: large ones go to servers that know no other form, so
 * this is quick. SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/tensor.h"

enum { DIGITS = 9 }; /* of a float that reads back as itself */

static const double TEN[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13};

/* v >= 1 as decimal text that ends before `end`. */
static char *digits(uint64_t v, char *end) {
  do *--end = (char)('0' + v % 10);
  while (v /= 10);
  return end;
}

/* 1e-5 <= a < 1e8: nine significant digits, zeros at the end left out but one. The double product is off by less than a
 * millionth of the last digit, a float's neighbours are at least five of them away. */
static int plain(double a, char out[32]) {
  int places = DIGITS - 1;
  while (places > 0 && places <= 8 && a >= TEN[DIGITS - places]) places--;
  while (places < 13 && a * TEN[places] < TEN[DIGITS - 1]) places++;
  uint64_t scaled = (uint64_t)(a * TEN[places] + 0.5), unit = (uint64_t)TEN[places];
  char text[24], *end = text + sizeof text, *from = digits(scaled / unit, end);
  int n = (int)(end - from);
  memcpy(out, from, (size_t)n);
  out[n++] = '.';
  uint64_t rest = scaled % unit;
  for (int k = 0; k < places && (k == 0 || rest); k++) {
    unit /= 10;
    out[n++] = (char)('0' + rest / unit);
    rest %= unit;
  }
  if (out[n - 1] == '.') out[n++] = '0';
  return n;
}

static int float_text(double v, char out[32]) {
  double a = fabs(v);
  if (!(a == 0 || (a >= 1e-5 && a < 1e8))) return num_text(v, out);
  if (signbit(v)) *out = '-';
  int sign = signbit(v) ? 1 : 0;
  if (a != 0) return sign + plain(a, out + sign);
  memcpy(out + sign, "0.0", 3);
  return sign + 3;
}

static int value_text(const Tensor *t, size_t i, char out[32]) {
  switch (t->type) {
    case TENSOR_F32: return float_text((double)tensor_f32(t)[i], out);
    case TENSOR_F16: return float_text(tensor_get(t, i), out);
    case TENSOR_F64: return num_text(tensor_get(t, i), out);
    case TENSOR_BOOL: return snprintf(out, 32, "%s", tensor_get(t, i) != 0 ? "true" : "false");
    case TENSOR_I64: return snprintf(out, 32, "%" PRId64, ((const int64_t *)t->data)[i]);
    case TENSOR_U64: return snprintf(out, 32, "%" PRIu64, ((const uint64_t *)t->data)[i]);
    default: return snprintf(out, 32, "%lld", (long long)tensor_get(t, i));
  }
}

bool tensor_json(const Tensor *t, Buf *out) {
  size_t first;
  if (tensor_not_finite(t, &first)) return false;
  buf_putc(out, '[');
  for (size_t i = 0; i < t->n; i++) {
    char text[32];
    int n = value_text(t, i, text);
    if (i) buf_putc(out, ',');
    buf_append(out, text, (size_t)n);
  }
  return buf_putc(out, ']') && !out->failed;
}
