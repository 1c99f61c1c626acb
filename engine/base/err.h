/* Errors: one value carried up, never a global.
 *
 * A fallible function returns false (or NULL) and has filled *err. Whoever
 * detects writes the text (thing, fact, expectation); whoever propagates adds
 * nothing. The text is for the person at the terminal, lower case, no full stop.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_ERR_H
#define BRINK_ERR_H

#include <stdbool.h>

typedef enum ErrCode {
  ERR_NONE,
  ERR_USAGE,       /* a value the caller chose is wrong */
  ERR_IO,          /* the system refused: missing, permission, disk full */
  ERR_DAMAGED,     /* right format, content truncated or corrupt */
  ERR_REFUSED,     /* not a format we read, or not what its name says */
  ERR_LIMIT,       /* a resource limit: pixels, scans, memory */
  ERR_UNSUPPORTED, /* valid, but this build does not do it */
  ERR_MEMORY,      /* an allocation failed */
  ERR_MODEL,       /* a model answered wrongly or not at all */
  ERR_LOCKED,      /* another process holds it */
  ERR_MISMATCH,    /* belongs to something else: study of other data, version */
  ERR_CANCELLED,   /* the user interrupted */
  ERR_INTERNAL     /* our own mistake */
} ErrCode;

typedef struct Err {
  ErrCode code;
  char text[512]; /* NUL-terminated; cut, never overflown */
} Err;

/* Fill *err (which may be NULL) and return false, so that `return err_set(...)` reads well. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool err_set(Err *err, ErrCode code, const char *fmt, ...);

/* ERR_MEMORY with the usual text. */
bool err_memory(Err *err);

/* ERR_IO from errno: "PATH: cannot WHAT: strerror". */
bool err_errno(Err *err, const char *path, const char *what);

/* The stable word for a code as Lua sees it: "io", "damaged", "limit", ... */
const char *err_word(ErrCode code);

#endif
