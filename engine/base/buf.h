/* A growing byte buffer; also the text builder. A failed append leaves the
 * buffer as it was and sets `failed`, so a caller may append many times and
 * check once. SPDX-License-Identifier: MIT */
#ifndef BRINK_BUF_H
#define BRINK_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buf {
  uint8_t *data; /* NUL follows the last byte whenever data is not NULL */
  size_t n;      /* bytes used, without that NUL */
  size_t cap;
  bool failed;   /* an append ran out of memory */
} Buf;

void buf_init(Buf *b);
void buf_clear(Buf *b); /* releases; b is as after buf_init */
bool buf_reserve(Buf *b, size_t more);
bool buf_append(Buf *b, const void *data, size_t n);
bool buf_puts(Buf *b, const char *s);
bool buf_putc(Buf *b, char c);
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool buf_printf(Buf *b, const char *fmt, ...);

/* Shortest text that reads back as exactly v, with '.' whatever the locale; integral values
 * keep ".0" so that they read back as floats. NaN and infinities are the caller's business
 * ("nan", "inf", "-inf"). Returns the length; out has room for 32 bytes. */
int num_text(double v, char out[32]);

#endif
