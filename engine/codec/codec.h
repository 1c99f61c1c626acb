/* Files to images and back. Format by content, never by name; limits are
 * checked from the header before memory is asked for; damaged files are
 * refused whole unless keep_damaged. EXIF orientation is applied once.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_CODEC_H
#define BRINK_CODEC_H

#include "base/buf.h"
#include "image/image.h"

typedef struct CodecLimits {
  uint64_t pixels;      /* w * h; default 100e6 */
  int side;             /* default 65535 */
  uint64_t scan_pixels; /* JPEG scans * pixels; default 2e9 */
  int scans;            /* JPEG scans; default 500 */
  uint64_t bytes;       /* size of the file; default 1 GiB */
} CodecLimits;
extern const CodecLimits CODEC_LIMITS;

typedef struct DecodeOptions {
  const CodecLimits *limits; /* NULL: CODEC_LIMITS */
  bool keep_damaged;         /* take what the decoder could save */
  bool raw_orientation;      /* leave EXIF orientation unapplied */
  ImageType type;            /* IMAGE_U8 (16-bit files rounded to 8) or IMAGE_F32 (v / max) */
  bool keep_palette;         /* palette PNG: 1-channel image of indices (masks) */
  int scale_hint;            /* JPEG: 1, 2, 4, 8: decode at 1/n size when the caller will shrink at least that much; 0 = 1 */
} DecodeOptions;

typedef struct DecodeInfo {
  const char *format;  /* "png", "jpeg" */
  int w, h;            /* in the file, before orientation */
  int channels, depth; /* in the file (palette: as expanded) */
  int orientation;     /* 1..8, as read */
  char note[128];      /* a warning that did not cost the image, or "" */
} DecodeInfo;

/* name is only for error texts. info may be NULL; opts may be NULL. NULL and *err on failure. */
Image *codec_decode(const void *bytes, size_t n, const char *name, const DecodeOptions *opts,
                    DecodeInfo *info, Err *err);
Image *codec_load(const char *path, const DecodeOptions *opts, DecodeInfo *info, Err *err);

/* Only the header: fills info without decoding pixels. */
bool codec_probe(const void *bytes, size_t n, const char *name, DecodeInfo *info, Err *err);

typedef struct EncodeOptions {
  const char *format;  /* "png" or "jpeg" */
  int quality;         /* JPEG 1..100, default 95 when 0 */
  bool chroma_420;     /* JPEG; default 4:4:4 */
  int level;           /* PNG zlib 0..9; -1 default (fast) */
  const uint8_t *palette; /* PNG, 1-channel u8: 256 RGB triples, or NULL */
} EncodeOptions;

/* Deterministic bytes: no time stamps. PNG of f32 is written with 16 bits. JPEG drops alpha. Appends to *out. */
bool codec_encode(const Image *im, const EncodeOptions *opts, Buf *out, Err *err);

/* Format from the extension of path unless opts->format is set; atomic write. */
bool codec_save(const Image *im, const char *path, const EncodeOptions *opts, Err *err);

#endif
