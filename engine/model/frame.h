/* Frames of the worker protocol (PROTOCOL.md): taken apart as their bytes come
 * in, and put together. SPDX-License-Identifier: MIT */
#ifndef BRINK_FRAME_H
#define BRINK_FRAME_H

#include "base/buf.h"
#include "base/err.h"

enum { FRAME_HEADER_MAX = 16 << 20, FRAME_BODY_MAX = 256 << 20, FRAME_MAX = 1 << 30 };

/* What a header says at its top level. */
typedef struct FrameHead { int64_t id, bytes, protocol, shared; bool has_id, shares; } FrameHead;

typedef struct Frame {
  uint8_t size[4]; /* the length of the header, as far as it is there */
  size_t size_n;
  Buf header, body;
  size_t header_want, body_want;
  FrameHead head;  /* once the header is complete */
  bool parsed;
} Frame;

void frame_clear(Frame *f); /* ready for the next one */
/* Take in the next bytes: how many were used, 1..n; SIZE_MAX when this is no frame (err says why). Call until frame_whole. */
size_t frame_feed(Frame *f, const uint8_t *data, size_t n, Err *err);
bool frame_whole(const Frame *f);
/* The fields of a header's text. */
bool frame_head(const Buf *text, int64_t most, FrameHead *h, Err *err);

/* A frame in out: room for the length, to be closed when the header (which follows) is complete. */
void frame_open(Buf *out);
bool frame_close(Buf *out);

#endif
