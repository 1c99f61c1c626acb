/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_init(Buf *b) { *b = (Buf){0}; }

void buf_clear(Buf *b) {
  mem_free(b->data);
  buf_init(b);
}

bool buf_reserve(Buf *b, size_t more) {
  if (more < b->cap && b->n < b->cap - more) return true; /* room for `more` and a NUL */
  if (more > SIZE_MAX / 4 - b->n) return b->failed = true, false;
  size_t cap = b->cap ? b->cap : 64;
  while (cap <= b->n + more) cap *= 2;
  uint8_t *data = mem_realloc(b->data, cap, 1);
  if (!data) return b->failed = true, false;
  b->data = data;
  b->cap = cap;
  data[b->n] = 0;
  return true;
}

bool buf_append(Buf *b, const void *data, size_t n) {
  if (!buf_reserve(b, n)) return false;
  if (n) memcpy(b->data + b->n, data, n);
  b->n += n;
  b->data[b->n] = 0;
  return true;
}

bool buf_puts(Buf *b, const char *s) { return buf_append(b, s, strlen(s)); }
bool buf_putc(Buf *b, char c) { return buf_append(b, &c, 1); }

bool buf_printf(Buf *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0 || !buf_reserve(b, (size_t)n)) return b->failed = true, false;
  va_start(ap, fmt);
  vsnprintf((char *)b->data + b->n, (size_t)n + 1, fmt, ap);
  va_end(ap);
  b->n += (size_t)n;
  return true;
}

/* The decimal point of the locale, whatever it is, becomes '.'. */
static void plain_point(char *s) {
  for (; *s; s++)
    if (!strchr("0123456789+-eE", *s)) *s = '.';
}

int num_text(double v, char out[32]) {
  if (isnan(v)) return snprintf(out, 32, "nan");
  if (isinf(v)) return snprintf(out, 32, v < 0 ? "-inf" : "inf");
  int n = 0;
  for (int digits = 15; digits <= 17; digits++) {
    n = snprintf(out, 32, "%.*g", digits, v);
    if (strtod(out, NULL) == v) break;
  }
  plain_point(out);
  if (!strpbrk(out, ".e")) n += snprintf(out + n, 32 - (size_t)n, ".0");
  return n;
}
