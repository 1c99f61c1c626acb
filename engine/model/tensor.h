/* A tensor: what goes into a network and comes out. Row-major, owned, reference
 * counted because jobs and Lua both hold it; written only by whoever made it,
 * before it is shared. Type numbers are those of ONNX's TensorProto.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_TENSOR_H
#define BRINK_TENSOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef enum TensorType {
  TENSOR_NONE = 0,
  TENSOR_F32 = 1,
  TENSOR_U8 = 2,
  TENSOR_I8 = 3,
  TENSOR_U16 = 4,
  TENSOR_I16 = 5,
  TENSOR_I32 = 6,
  TENSOR_I64 = 7,
  TENSOR_BOOL = 9,
  TENSOR_F16 = 10,
  TENSOR_F64 = 11,
  TENSOR_U32 = 12,
  TENSOR_U64 = 13
} TensorType;

enum { TENSOR_RANK_MAX = 8 };
#define TENSOR_BYTES_MAX ((size_t)1 << 33)

typedef struct Tensor {
  TensorType type;
  int rank; /* 0..TENSOR_RANK_MAX; 0: one value */
  int64_t dim[TENSOR_RANK_MAX];
  size_t n; /* values: product of dim */
  void *data; /* owned, 64-byte aligned */
  atomic_int refs;
} Tensor;

/* Zeroed. ERR_USAGE for a type or rank that cannot be, ERR_LIMIT beyond TENSOR_BYTES_MAX, ERR_MEMORY. */
Tensor *tensor_new(TensorType type, int rank, const int64_t *dim, Err *err);
Tensor *tensor_ref(const Tensor *t); /* one more reference; NULL-safe */
void tensor_unref(const Tensor *t);  /* NULL-safe */

size_t tensor_type_size(TensorType type);       /* bytes; 0: no type of ours */
const char *tensor_type_name(TensorType type);  /* "f32", "u8", ...; "?" */
TensorType tensor_type_of(const char *name);    /* TENSOR_NONE: unknown */
static inline size_t tensor_bytes(const Tensor *t) { return t->n * tensor_type_size(t->type); }
static inline float *tensor_f32(const Tensor *t) { return (float *)t->data; }

/* One value, 0 <= i < n. Integers beyond 2^53 lose their last bits; set rounds to nearest and clamps to the type. */
double tensor_get(const Tensor *t, size_t i);
void tensor_set(Tensor *t, size_t i, double v);

Tensor *tensor_convert(const Tensor *t, TensorType type, Err *err); /* the same reference counted up when it is that type */
/* Part [first, first + count) of the first dimension, copied. */
Tensor *tensor_rows(const Tensor *t, int64_t first, int64_t count, Err *err);
/* How many values are NaN or infinite; *first is the index of the first. */
size_t tensor_not_finite(const Tensor *t, size_t *first);

float half_to_float(uint16_t h);
uint16_t float_to_half(float f); /* to nearest, ties to even; too large: infinity */

/* The values as a JSON list, f32 and f16 with the digits that tell one float from the next. False: no memory, or a value that is
 * not finite. */
bool tensor_json(const Tensor *t, Buf *out);

/* "1x3x224x224"; negative dimensions as "?". Cut at n. */
void tensor_shape_text(int rank, const int64_t *dim, char *out, size_t n);

#endif
