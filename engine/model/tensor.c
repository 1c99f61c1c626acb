/* Tensors: life, single values, halves. SPDX-License-Identifier: MIT */
#include "model/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

static const struct {
  TensorType type;
  const char *name;
  size_t size;
  double lo, hi; /* of integers */
} TYPES[] = {
    {TENSOR_F32, "f32", 4, 0, 0},         {TENSOR_U8, "u8", 1, 0, 255},           {TENSOR_I8, "i8", 1, -128, 127},
    {TENSOR_U16, "u16", 2, 0, 65535},     {TENSOR_I16, "i16", 2, -32768, 32767},  {TENSOR_I32, "i32", 4, -2147483648.0, 2147483647.0},
    {TENSOR_I64, "i64", 8, -0x1p63, 0x1.fffffffffffffp62}, {TENSOR_BOOL, "bool", 1, 0, 1}, {TENSOR_F16, "f16", 2, 0, 0},
    {TENSOR_F64, "f64", 8, 0, 0},         {TENSOR_U32, "u32", 4, 0, 4294967295.0}, {TENSOR_U64, "u64", 8, 0, 0x1.fffffffffffffp63},
};
enum { N_TYPES = sizeof TYPES / sizeof *TYPES };

static int row_of(TensorType type) {
  for (int i = 0; i < N_TYPES; i++)
    if (TYPES[i].type == type) return i;
  return -1;
}

size_t tensor_type_size(TensorType type) {
  int i = row_of(type);
  return i < 0 ? 0 : TYPES[i].size;
}

const char *tensor_type_name(TensorType type) {
  int i = row_of(type);
  return i < 0 ? "?" : TYPES[i].name;
}

TensorType tensor_type_of(const char *name) {
  for (int i = 0; i < N_TYPES; i++)
    if (!strcmp(TYPES[i].name, name)) return TYPES[i].type;
  return TENSOR_NONE;
}

void tensor_shape_text(int rank, const int64_t *dim, char *out, size_t n) {
  size_t at = 0;
  if (n) out[0] = 0;
  if (rank == 0) snprintf(out, n, "a single value");
  for (int i = 0; i < rank && at < n; i++) {
    int k = dim[i] < 0 ? snprintf(out + at, n - at, "%s?", i ? "x" : "") : snprintf(out + at, n - at, "%s%lld", i ? "x" : "", (long long)dim[i]);
    at += k > 0 ? (size_t)k : 0;
  }
}

Tensor *tensor_new(TensorType type, int rank, const int64_t *dim, Err *err) {
  size_t size = tensor_type_size(type), n = 1;
  if (!size) return err_set(err, ERR_USAGE, "tensor: type number %d is none of ours", (int)type), NULL;
  if (rank < 0 || rank > TENSOR_RANK_MAX) return err_set(err, ERR_USAGE, "tensor: %d dimensions, at most %d expected", rank, TENSOR_RANK_MAX), NULL;
  for (int i = 0; i < rank; i++) {
    if (dim[i] < 0) return err_set(err, ERR_USAGE, "tensor: dimension %d is %lld, from 0 expected", i + 1, (long long)dim[i]), NULL;
    if (dim[i] > 0 && n > TENSOR_BYTES_MAX / size / (size_t)dim[i]) {
      char shape[128];
      tensor_shape_text(rank, dim, shape, sizeof shape);
      return err_set(err, ERR_LIMIT, "tensor: %s is more than 8 GiB", shape), NULL;
    }
    n *= (size_t)dim[i];
  }
  Tensor *t = mem_calloc(1, sizeof *t);
  void *data = mem_aligned(n > 0 ? n * size : 1);
  if (!t || !data) {
    mem_free(t);
    mem_free(data);
    return err_memory(err), NULL;
  }
  memset(data, 0, n * size);
  t->type = type;
  t->rank = rank;
  for (int i = 0; i < rank; i++) t->dim[i] = dim[i];
  t->n = n;
  t->data = data;
  atomic_init(&t->refs, 1);
  return t;
}

Tensor *tensor_ref(const Tensor *t) {
  Tensor *w = (Tensor *)(uintptr_t)t;
  if (w) atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
  return w;
}

void tensor_unref(const Tensor *t) {
  Tensor *w = (Tensor *)(uintptr_t)t;
  if (!w || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1) return;
  mem_free(w->data);
  mem_free(w);
}

float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = (h >> 10) & 31, m = h & 1023, bits;
  float f;
  if (e == 0) { /* zero, or m units of 2^-24 */
    f = (float)m * 0x1p-24f;
    return sign ? -f : f;
  }
  bits = e == 31 ? sign | 0x7f800000u | m << 13 : sign | (e + 112) << 23 | m << 13;
  memcpy(&f, &bits, sizeof f);
  return f;
}

uint16_t float_to_half(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  uint32_t a = bits & 0x7fffffffu;
  if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00);
  if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* from 65520 on */
  if (a < 0x38800000u) { /* below 2^-14: units of 2^-24 */
    float v;
    memcpy(&v, &a, sizeof v);
    return (uint16_t)(sign | (uint16_t)lrintf(v * 0x1p24f));
  }
  uint32_t m = a - 0x38000000u, low = m & 0x1fff, h = m >> 13;
  if (low > 0x1000 || (low == 0x1000 && (h & 1))) h++;
  return (uint16_t)(sign | h);
}

double tensor_get(const Tensor *t, size_t i) {
  switch (t->type) {
    case TENSOR_F32: return ((const float *)t->data)[i];
    case TENSOR_F64: return ((const double *)t->data)[i];
    case TENSOR_F16: return half_to_float(((const uint16_t *)t->data)[i]);
    case TENSOR_U8: return ((const uint8_t *)t->data)[i];
    case TENSOR_BOOL: return ((const uint8_t *)t->data)[i] != 0;
    case TENSOR_I8: return ((const int8_t *)t->data)[i];
    case TENSOR_U16: return ((const uint16_t *)t->data)[i];
    case TENSOR_I16: return ((const int16_t *)t->data)[i];
    case TENSOR_I32: return ((const int32_t *)t->data)[i];
    case TENSOR_U32: return ((const uint32_t *)t->data)[i];
    case TENSOR_I64: return (double)((const int64_t *)t->data)[i];
    case TENSOR_U64: return (double)((const uint64_t *)t->data)[i];
    default: return 0;
  }
}

static double whole(TensorType type, double v) {
  int i = row_of(type);
  if (!(v == v)) return 0;
  v = v < TYPES[i].lo ? TYPES[i].lo : v > TYPES[i].hi ? TYPES[i].hi : v;
  return fabs(v) < 0x1p52 ? rint(v) : v;
}

void tensor_set(Tensor *t, size_t i, double v) {
  switch (t->type) {
    case TENSOR_F32: ((float *)t->data)[i] = (float)v; return;
    case TENSOR_F64: ((double *)t->data)[i] = v; return;
    case TENSOR_F16: ((uint16_t *)t->data)[i] = float_to_half((float)v); return;
    default: v = whole(t->type, v);
  }
  switch (t->type) {
    case TENSOR_U8: ((uint8_t *)t->data)[i] = (uint8_t)v; return;
    case TENSOR_BOOL: ((uint8_t *)t->data)[i] = v != 0; return;
    case TENSOR_I8: ((int8_t *)t->data)[i] = (int8_t)v; return;
    case TENSOR_U16: ((uint16_t *)t->data)[i] = (uint16_t)v; return;
    case TENSOR_I16: ((int16_t *)t->data)[i] = (int16_t)v; return;
    case TENSOR_I32: ((int32_t *)t->data)[i] = (int32_t)v; return;
    case TENSOR_U32: ((uint32_t *)t->data)[i] = (uint32_t)v; return;
    case TENSOR_I64: ((int64_t *)t->data)[i] = (int64_t)v; return;
    case TENSOR_U64: ((uint64_t *)t->data)[i] = (uint64_t)v; return;
    default: return;
  }
}

Tensor *tensor_convert(const Tensor *t, TensorType type, Err *err) {
  if (t->type == type) return tensor_ref(t);
  Tensor *out = tensor_new(type, t->rank, t->dim, err);
  for (size_t i = 0; out && i < t->n; i++) tensor_set(out, i, tensor_get(t, i));
  return out;
}

Tensor *tensor_rows(const Tensor *t, int64_t first, int64_t count, Err *err) {
  if (t->rank < 1 || first < 0 || count < 0 || count > t->dim[0] || first > t->dim[0] - count) {
    char shape[128];
    tensor_shape_text(t->rank, t->dim, shape, sizeof shape);
    return err_set(err, ERR_USAGE, "tensor: %lld rows from %lld of %s", (long long)count, (long long)first + 1, shape), NULL;
  }
  int64_t dim[TENSOR_RANK_MAX];
  memcpy(dim, t->dim, sizeof dim);
  dim[0] = count;
  Tensor *out = tensor_new(t->type, t->rank, dim, err);
  if (!out) return NULL;
  size_t row = t->dim[0] ? tensor_bytes(t) / (size_t)t->dim[0] : 0;
  memcpy(out->data, (const uint8_t *)t->data + row * (size_t)first, row * (size_t)count);
  return out;
}

/* A float is not finite when its exponent is all ones; counting vectorises. */
KERNEL static size_t count_f32(const uint32_t *p, size_t n) {
  size_t bad = 0;
  for (size_t i = 0; i < n; i++) bad += (p[i] & 0x7f800000u) == 0x7f800000u;
  return bad;
}

size_t tensor_not_finite(const Tensor *t, size_t *first) {
  size_t bad = 0;
  if (t->type == TENSOR_F32) bad = count_f32(t->data, t->n);
  if (t->type == TENSOR_F16) /* halves: five exponent bits */
    for (size_t i = 0; i < t->n; i++) bad += (((const uint16_t *)t->data)[i] & 0x7c00) == 0x7c00;
  if (t->type == TENSOR_F64)
    for (size_t i = 0; i < t->n; i++) bad += !isfinite(((const double *)t->data)[i]);
  *first = 0;
  if (bad)
    while (isfinite(tensor_get(t, *first))) ++*first;
  return bad;
}
