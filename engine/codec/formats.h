/* What the format files offer codec.c. Both readers work on bytes in memory,
 * check limits from the header and leave orientation to codec.c.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_FORMATS_H
#define BRINK_FORMATS_H

#include "codec/codec.h"

/* One decode under way: what came in and what is said about it. */
typedef struct Source {
  const uint8_t *bytes;
  size_t n;
  const char *name;           /* for error texts */
  const DecodeOptions *opts;  /* never NULL */
  const CodecLimits *limits;  /* never NULL */
  bool header_only;           /* stop after info; no image */
} Source;

typedef enum Format { FORMAT_NONE, FORMAT_PNG, FORMAT_JPEG } Format;
Format format_sniff(const uint8_t *bytes, size_t n);

/* ERR_LIMIT when w x h is beyond the limits. */
bool limits_check(const Source *s, uint64_t w, uint64_t h, Err *err);

/* Around the part of a decode that holds this much memory: waits while others hold too much. Never nested. */
void gate_enter(uint64_t bytes);
void gate_leave(uint64_t bytes);

/* Fill *info; *image gets the pixels unless header_only. false and *err on failure. */
bool read_png(const Source *s, DecodeInfo *info, Image **image, Err *err);
bool read_jpeg(const Source *s, DecodeInfo *info, Image **image, Err *err);

bool write_png(const Image *im, const EncodeOptions *opts, Buf *out, Err *err);
bool write_jpeg(const Image *im, const EncodeOptions *opts, Buf *out, Err *err);

/* Orientation 1..8 in a TIFF-structured EXIF block; 1 when there is none or it makes no sense. */
int exif_orientation(const uint8_t *tiff, size_t n);
/* The image as EXIF orientation o means it to be seen; takes over `im`, NULL when out of memory. */
Image *exif_apply(Image *im, int o, Err *err);

#endif
