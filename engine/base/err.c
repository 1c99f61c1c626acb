/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(Err *err, ErrCode code, const char *fmt, ...) {
  if (err) {
    va_list ap;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
  }
  return false;
}

bool err_memory(Err *err) { return err_set(err, ERR_MEMORY, "out of memory"); }

bool err_errno(Err *err, const char *path, const char *what) {
  int e = errno;
  if (e == ENOMEM) return err_memory(err);
  char why[128];
  /* GNU strerror_r may return a string of its own */
  const char *text = strerror_r(e, why, sizeof why);
  return err_set(err, ERR_IO, "%s: cannot %s: %s", path, what, text);
}

const char *err_word(ErrCode code) {
  static const char *const words[] = {
      [ERR_NONE] = "none",           [ERR_USAGE] = "usage",       [ERR_IO] = "io",
      [ERR_DAMAGED] = "damaged",     [ERR_REFUSED] = "refused",   [ERR_LIMIT] = "limit",
      [ERR_UNSUPPORTED] = "unsupported", [ERR_MEMORY] = "memory", [ERR_MODEL] = "model",
      [ERR_LOCKED] = "locked",       [ERR_MISMATCH] = "mismatch", [ERR_CANCELLED] = "cancelled",
      [ERR_INTERNAL] = "internal",
  };
  return (size_t)code < sizeof words / sizeof *words ? words[code] : "internal";
}
