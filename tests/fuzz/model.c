/* Any bytes as a model file, inspected and rewritten for any batch. SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "model/onnxpb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  Err err = { 0 };
  OnnxInfo info = { 0 };
  if (onnx_inspect(data, n, &info, &err)) onnx_info_clear(&info);
  Buf out;
  buf_init(&out);
  (void)onnx_free_batch(data, n, &out, &err);
  buf_clear(&out);
  return 0;
}
