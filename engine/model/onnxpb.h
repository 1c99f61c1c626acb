/* ONNX files as protobuf: just enough to look into a model and to free its
 * batch dimension. The wire format is read in place and written to a Buf;
 * nothing here trusts a length. Field numbers: onnx.proto3.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_ONNXPB_H
#define BRINK_ONNXPB_H

#include "base/buf.h"
#include "base/err.h"
#include "model/tensor.h"

/* Wire reading. A Pb is a stretch of bytes in the caller's memory. */
typedef struct Pb {
  const uint8_t *p, *end;
} Pb;

typedef struct PbField {
  int number;           /* 1.. */
  int wire;             /* 0 varint, 1 eight bytes, 2 bytes, 5 four bytes */
  uint64_t value;       /* of varint and fixed fields */
  Pb bytes;             /* of wire 2 */
  const uint8_t *start; /* where the field with its tag begins; it ends at the reader's p */
} PbField;

/* The next field: 1, 0 at the end, -1 where the bytes are no protobuf. */
int pb_next(Pb *pb, PbField *f);

/* Wire writing; check b->failed once at the end. */
void pb_put_varint(Buf *b, uint64_t v);
void pb_put_bytes(Buf *b, int field, const void *data, size_t n);

typedef struct OnnxValue {
  char *name;     /* owned */
  char *producer; /* outputs: operator whose result it is, looked at through Reshape, Cast and the like; owned, "" unknown */
  int type;       /* TensorType number, 0 unknown */
  int rank;       /* -1: unknown */
  int64_t dim[TENSOR_RANK_MAX]; /* -1: symbolic or unknown */
} OnnxValue;

typedef struct OnnxPair {
  char *key, *value; /* owned */
} OnnxPair;

typedef struct OnnxInfo {
  int64_t ir, opset;          /* opset of the standard domain; 0: not said */
  int n_in, n_out, n_meta, n_external;
  OnnxValue *in, *out;        /* inputs without initializers */
  OnnxPair *meta;             /* metadata_props */
  char **external;            /* files of external tensors, as written, each once */
  int nodes;
} OnnxInfo;

/* What a model file says about itself. ERR_DAMAGED or ERR_REFUSED when it is no ONNX model. */
bool onnx_inspect(const void *data, size_t n, OnnxInfo *out, Err *err);
void onnx_info_clear(OnnxInfo *info);

/* The model with dimension 0 of every input and output a symbol, so that it takes any number of images at once, if its
 * insides allow that (a Reshape to a fixed size does not: try). Shapes noted for inner tensors are dropped. */
bool onnx_free_batch(const void *data, size_t n, Buf *out, Err *err);

#endif
