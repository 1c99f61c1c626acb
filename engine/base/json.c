/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { WANT_VALUE, WANT_VALUE_OR_CLOSE, WANT_KEY, WANT_KEY_OR_CLOSE, WANT_COMMA, WANT_END };

void json_init(Json *j, const char *s, size_t n, const char *name) {
  memset(j, 0, sizeof *j);
  j->s = s;
  j->n = n;
  j->name = name;
  buf_init(&j->text);
}

void json_clear(Json *j) { buf_clear(&j->text); }

void json_place(const Json *j, size_t at, int *line, int *column) {
  *line = *column = 1;
  for (size_t i = 0; i < at && i < j->n; i++)
    if (j->s[i] == '\n') (*line)++, *column = 1;
    else (*column)++;
}

static JsonToken fail(Json *j, Err *err, const char *what) {
  int line, column;
  json_place(j, j->at, &line, &column);
  err_set(err, ERR_REFUSED, "%s:%d:%d: %s", j->name, line, column, what);
  return JSON_ERROR;
}

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static void blank(Json *j) {
  while (j->at < j->n && is_blank(j->s[j->at])) j->at++;
}

static int hex4(const Json *j, size_t at) {
  int v = 0;
  for (size_t i = at; i < at + 4; i++) {
    if (i >= j->n) return -1;
    char c = j->s[i];
    int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

static bool put_utf8(Buf *b, uint32_t c) {
  char u[4];
  if (c < 0x80) return buf_putc(b, (char)c);
  int n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (int i = n - 1; i > 0; i--, c >>= 6) u[i] = (char)(0x80 | (c & 0x3F));
  u[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
  return buf_append(b, u, (size_t)n);
}

/* \uXXXX at j->at (after the u), pairs joined. A lone surrogate is U+FFFD. */
static bool unicode_escape(Json *j) {
  int c = hex4(j, j->at), d;
  if (c < 0) return false;
  j->at += 4;
  if (c >= 0xD800 && c < 0xDC00 && j->at + 6 <= j->n && j->s[j->at] == '\\' && j->s[j->at + 1] == 'u' &&
      (d = hex4(j, j->at + 2)) >= 0xDC00 && d < 0xE000) {
    j->at += 6;
    return put_utf8(&j->text, 0x10000 + (((uint32_t)c - 0xD800) << 10) + ((uint32_t)d - 0xDC00));
  }
  return put_utf8(&j->text, c >= 0xD800 && c < 0xE000 ? 0xFFFD : (uint32_t)c);
}

/* Length of the valid UTF-8 sequence at s (n bytes there), 0 when it is none. Unicode 15, table 3-7. */
static size_t utf8_length(const unsigned char *s, size_t n) {
  if (s[0] < 0x80) return 1;
  size_t k = s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : s[0] >= 0xE0 && s[0] < 0xF0 ? 3 : s[0] >= 0xF0 && s[0] < 0xF5 ? 4 : 0;
  if (!k || k > n) return 0;
  for (size_t i = 1; i < k; i++)
    if ((s[i] & 0xC0) != 0x80) return 0;
  if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
  return k;
}

static JsonToken string(Json *j, JsonToken kind, Err *err) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  j->text.n = 0;
  for (j->at++; j->at < j->n;) {
    size_t run = j->at; /* plain stretch in one go */
    while (run < j->n && j->s[run] != '"' && j->s[run] != '\\' && (unsigned char)j->s[run] >= 0x20 && (unsigned char)j->s[run] < 0x80) run++;
    if (!buf_append(&j->text, j->s + j->at, run - j->at)) return err_memory(err), JSON_ERROR;
    j->at = run;
    if (run == j->n) break;
    unsigned char c = (unsigned char)j->s[run];
    if (c == '"') return j->at++, kind;
    if (c < 0x20) return fail(j, err, "control character in a string, write it as an escape");
    if (c >= 0x80) {
      size_t k = utf8_length((const unsigned char *)j->s + run, j->n - run);
      if (!k) return fail(j, err, "bytes that are not UTF-8");
      if (!buf_append(&j->text, j->s + run, k)) return err_memory(err), JSON_ERROR;
      j->at += k;
      continue;
    }
    if (++j->at == j->n) break;
    char e = j->s[j->at++];
    const char *p = e ? strchr(from, e) : NULL;
    if (!(p ? buf_putc(&j->text, to[p - from]) : e == 'u' && unicode_escape(j)))
      return j->text.failed ? (err_memory(err), JSON_ERROR) : fail(j, err, "unknown escape in a string");
  }
  return fail(j, err, "string without its closing quote");
}

static size_t digits(const Json *j, size_t at) {
  while (at < j->n && j->s[at] >= '0' && j->s[at] <= '9') at++;
  return at;
}

/* strtod of n bytes with the point of the locale. The text is copied: it need not end with a NUL. */
static bool to_double(const char *s, size_t n, double *out) {
  Buf copy;
  buf_init(&copy);
  if (!buf_append(&copy, s, n)) return false;
  char *point = strchr((char *)copy.data, '.');
  if (point) *point = *localeconv()->decimal_point;
  *out = strtod((char *)copy.data, NULL);
  buf_clear(&copy);
  return true;
}

static JsonToken number(Json *j, Err *err) {
  size_t a = j->at, p = a;
  bool integral = true;
  if (j->s[p] == '-') p++;
  size_t first = p;
  p = digits(j, p);
  if (p == first || (j->s[first] == '0' && p > first + 1)) return fail(j, err, "malformed number");
  if (p < j->n && j->s[p] == '.') {
    size_t f = digits(j, p + 1);
    if (f == p + 1) return fail(j, err, "malformed number: digits expected after the point");
    p = f, integral = false;
  }
  if (p < j->n && (j->s[p] == 'e' || j->s[p] == 'E')) {
    size_t e = p + 1;
    if (e < j->n && (j->s[e] == '+' || j->s[e] == '-')) e++;
    size_t f = digits(j, e);
    if (f == e) return fail(j, err, "malformed number: digits expected in the exponent");
    p = f, integral = false;
  }
  j->at = p;
  if (integral && p - first <= 19) {
    char copy[24];
    memcpy(copy, j->s + a, p - a);
    copy[p - a] = 0;
    errno = 0;
    j->i = strtoll(copy, NULL, 10);
    if (!errno) return j->d = (double)j->i, JSON_INT;
  }
  return to_double(j->s + a, p - a, &j->d) ? JSON_FLOAT : (err_memory(err), JSON_ERROR);
}

static JsonToken word(Json *j, Err *err, const char *text, JsonToken t) {
  size_t n = strlen(text);
  if (j->n - j->at < n || memcmp(j->s + j->at, text, n)) return fail(j, err, "a value is expected");
  j->at += n;
  return t;
}

static void after_value(Json *j) { j->expect = j->depth ? WANT_COMMA : WANT_END; }

static JsonToken open_level(Json *j, Err *err, bool object) {
  if (j->depth == JSON_DEPTH_MAX) return fail(j, err, "nested deeper than 512 levels");
  j->object[j->depth++] = object;
  j->at++;
  j->expect = object ? WANT_KEY_OR_CLOSE : WANT_VALUE_OR_CLOSE;
  return object ? JSON_OBJECT : JSON_ARRAY;
}

static JsonToken close_level(Json *j) {
  bool object = j->object[--j->depth];
  j->at++;
  after_value(j);
  return object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static JsonToken value(Json *j, Err *err) {
  JsonToken t;
  switch (j->s[j->at]) {
    case '{': return open_level(j, err, true);
    case '[': return open_level(j, err, false);
    case '"': t = string(j, JSON_STRING, err); break;
    case 't': t = word(j, err, "true", JSON_TRUE); break;
    case 'f': t = word(j, err, "false", JSON_FALSE); break;
    case 'n': t = word(j, err, "null", JSON_NULL); break;
    default:
      if (j->s[j->at] != '-' && digits(j, j->at) == j->at) return fail(j, err, "a value is expected");
      t = number(j, err);
  }
  if (t != JSON_ERROR) after_value(j);
  return t;
}

static JsonToken key(Json *j, Err *err) {
  if (j->s[j->at] != '"') return fail(j, err, "a key in quotes is expected");
  JsonToken t = string(j, JSON_KEY, err);
  if (t == JSON_ERROR) return t;
  blank(j);
  if (j->at == j->n || j->s[j->at] != ':') return fail(j, err, "a colon is expected after the key");
  j->at++;
  j->expect = WANT_VALUE;
  return t;
}

JsonToken json_next(Json *j, Err *err) {
  blank(j);
  if (j->expect == WANT_COMMA && j->at < j->n) {
    char c = j->s[j->at], close = j->object[j->depth - 1] ? '}' : ']';
    j->start = j->at;
    if (c == close) return close_level(j);
    if (c != ',') return fail(j, err, "a comma or the closing bracket is expected");
    j->at++;
    blank(j);
    j->expect = j->object[j->depth - 1] ? WANT_KEY : WANT_VALUE;
  }
  j->start = j->at;
  if (j->expect == WANT_END) return j->at == j->n ? JSON_END : fail(j, err, "text after the end of the value");
  if (j->at == j->n) return fail(j, err, "the text ends early");
  char c = j->s[j->at];
  if ((j->expect == WANT_KEY_OR_CLOSE && c == '}') || (j->expect == WANT_VALUE_OR_CLOSE && c == ']')) return close_level(j);
  return j->expect == WANT_KEY || j->expect == WANT_KEY_OR_CLOSE ? key(j, err) : value(j, err);
}

bool json_skip(Json *j, JsonToken begin, Err *err) {
  if (begin != JSON_OBJECT && begin != JSON_ARRAY) return true;
  for (int level = j->depth; j->depth >= level;)
    if (json_next(j, err) == JSON_ERROR) return false;
  return true;
}

bool json_quote(Buf *out, const char *s, size_t n) {
  bool ok = buf_putc(out, '"');
  for (size_t i = 0; i < n;) {
    unsigned char c = (unsigned char)s[i];
    size_t k = utf8_length((const unsigned char *)s + i, n - i);
    if (!k) ok &= buf_puts(out, "\xEF\xBF\xBD"), k = 1;
    else if (c == '"' || c == '\\') ok &= buf_printf(out, "\\%c", c);
    else if (c == '\n') ok &= buf_puts(out, "\\n");
    else if (c == '\t') ok &= buf_puts(out, "\\t");
    else if (c == '\r') ok &= buf_puts(out, "\\r");
    else if (c < 0x20 || c == 0x7F) ok &= buf_printf(out, "\\u%04x", c);
    else ok &= buf_append(out, s + i, k);
    i += k;
  }
  return buf_putc(out, '"') && ok;
}
