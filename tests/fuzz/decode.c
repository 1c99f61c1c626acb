/* Any bytes through the decoders and back. SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "codec/codec.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static const CodecLimits limits = { .pixels = 1 << 20, .side = 4096, .scan_pixels = 1 << 24, .scans = 50, .bytes = 1 << 24 };
  if (n < 1) return 0;
  DecodeOptions opts = { .limits = &limits, .keep_damaged = data[0] & 1, .raw_orientation = data[0] & 2, .keep_palette = data[0] & 4,
                         .type = data[0] & 8 ? IMAGE_F32 : IMAGE_U8, .scale_hint = data[0] & 16 ? 2 : 0 };
  DecodeInfo info = { 0 }, probed = { 0 };
  Err err = { 0 };
  bool known = codec_probe(data + 1, n - 1, "fuzz", &probed, &err);
  Image *im = codec_decode(data + 1, n - 1, "fuzz", &opts, &info, &err);
  if (im) {
    if (!known || probed.w != info.w || probed.h != info.h) abort(); /* the header says what is decoded */
    Image *again = codec_decode(data + 1, n - 1, "fuzz", &opts, &info, &err);
    if (!again || again->w != im->w || again->h != im->h) abort();
    image_unref(again);
    Buf out;
    buf_init(&out);
    EncodeOptions png = { .format = "png", .level = 1 };
    if (im->w * im->h < 1 << 14) (void)codec_encode(im, &png, &out, &err);
    buf_clear(&out);
  }
  image_unref(im);
  return 0;
}
