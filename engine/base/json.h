/* Reading JSON as a stream of tokens over text in memory: strict RFC 8259,
 * integers stay integers, errors carry line and column. Used by the Lua reader
 * and by indexes of files too large for a tree. SPDX-License-Identifier: MIT */
#ifndef BRINK_JSON_H
#define BRINK_JSON_H

#include "base/buf.h"
#include "base/err.h"

typedef enum JsonToken {
  JSON_ERROR, /* *err of json_next says why */
  JSON_END,   /* after the one value */
  JSON_OBJECT, JSON_OBJECT_END, JSON_ARRAY, JSON_ARRAY_END,
  JSON_KEY, JSON_STRING, /* text, UTF-8; may hold NUL */
  JSON_INT,   /* fits int64 */
  JSON_FLOAT, /* the rest; also integers beyond int64 */
  JSON_TRUE, JSON_FALSE, JSON_NULL
} JsonToken;

enum { JSON_DEPTH_MAX = 512 };

typedef struct Json {
  const char *s;   /* the text, borrowed */
  size_t n, at;    /* at: next byte to read */
  size_t start;    /* where the last token began */
  const char *name; /* for error texts: file name */
  Buf text;        /* of the last KEY or STRING */
  int64_t i;       /* of the last INT */
  double d;        /* of the last INT or FLOAT */
  int depth;
  bool object[JSON_DEPTH_MAX]; /* per level: in an object, else an array */
  int expect;      /* private */
} Json;

void json_init(Json *j, const char *s, size_t n, const char *name);
void json_clear(Json *j);
JsonToken json_next(Json *j, Err *err);
/* Pass over the value that begins with the token just read (nothing to do for scalars). */
bool json_skip(Json *j, JsonToken begin, Err *err);
/* 1-based line and column (bytes) of a position. */
void json_place(const Json *j, size_t at, int *line, int *column);

/* Append s as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
bool json_quote(Buf *out, const char *s, size_t n);

#endif
