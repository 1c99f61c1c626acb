/* Values of a JSON file too large for memory, one after another: a window slides over the file, and a value is
 * handed out as the stretch of bytes it takes up, with its place. What is inside it is the token reader's business
 * (base/json.h). SPDX-License-Identifier: MIT */
#ifndef BRINK_LABELS_STREAM_H
#define BRINK_LABELS_STREAM_H

#include "base/err.h"
#include "base/json.h"

typedef struct Stream {
  int fd;               /* owned */
  const char *name;     /* borrowed: for error texts */
  char *window;
  size_t cap, n, at;    /* bytes in the window; next to read */
  size_t mark;          /* bytes from here on stay in the window */
  uint64_t base;        /* position of window[0] in the file */
  uint64_t line;        /* 1-based, of `at` */
  uint64_t line_start;  /* position of that line's first byte */
  bool ended;
} Stream;

typedef struct Span {
  const char *s;        /* in the window: until the next call */
  size_t n;
  uint64_t at;          /* in the file */
  uint64_t line, column;
} Span;

bool stream_open(Stream *s, const char *path, Err *err);
void stream_close(Stream *s);

/* The next byte that is not blank, without taking it; -1 at the end; -2 and *err on failure. */
int stream_peek(Stream *s, Err *err);
/* Take the next byte that is not blank, which must be c. */
bool stream_take(Stream *s, char c, const char *expected, Err *err);
/* Take one value whole. Brackets are matched, nothing more. */
bool stream_value(Stream *s, Span *out, Err *err);
/* ERR_REFUSED: "NAME:LINE:COLUMN: what", at the next byte. */
bool stream_fail(const Stream *s, Err *err, const char *what);

/* The error a token reader over the span gave (its name was ""), with the place in the file. */
void span_error(const Span *span, const char *name, Err *err);

#endif
