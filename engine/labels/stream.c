/* SPDX-License-Identifier: MIT */
#include "labels/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHUNK = 1 << 20, VALUE_MAX = 1 << 30 };

/* At least one byte more behind the window's end, unless the file has ended. */
static bool refill(Stream *s, Err *err) {
  if (s->ended) return true;
  if (s->mark) { /* drop what was used */
    memmove(s->window, s->window + s->mark, s->n - s->mark);
    s->base += s->mark, s->n -= s->mark, s->at -= s->mark, s->mark = 0;
  }
  if (s->cap - s->n < CHUNK) {
    if (s->n > VALUE_MAX) return err_set(err, ERR_LIMIT, "%s: a value of more than %d MiB at byte %llu", s->name, VALUE_MAX >> 20, (unsigned long long)s->base);
    size_t cap = s->cap + s->cap / 2 + CHUNK;
    char *grown = mem_realloc(s->window, cap, 1);
    if (!grown) return err_memory(err);
    s->window = grown, s->cap = cap;
  }
  ssize_t got;
  do got = read(s->fd, s->window + s->n, CHUNK);
  while (got < 0 && errno == EINTR);
  if (got < 0) return err_errno(err, s->name, "read it");
  s->n += (size_t)got;
  s->ended = !got;
  return true;
}

bool stream_open(Stream *s, const char *path, Err *err) {
  struct stat st;
  memset(s, 0, sizeof *s);
  s->name = path;
  s->line = 1;
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (s->fd < 0) return err_errno(err, path, "open it");
  if (fstat(s->fd, &st) || !S_ISREG(st.st_mode)) {
    stream_close(s);
    return err_set(err, ERR_IO, "%s: not a regular file", path);
  }
  if (!refill(s, err)) return stream_close(s), false;
  if (s->n >= 3 && !memcmp(s->window, "\xEF\xBB\xBF", 3)) s->at = s->mark = 3;
  return true;
}

void stream_close(Stream *s) {
  if (s->fd >= 0) close(s->fd);
  mem_free(s->window);
  s->fd = -1, s->window = NULL;
}

bool stream_fail(const Stream *s, Err *err, const char *what) {
  return err_set(err, ERR_REFUSED, "%s:%llu:%llu: %s", s->name, (unsigned long long)s->line,
                 (unsigned long long)(s->base + s->at - s->line_start + 1), what);
}

static void newline(Stream *s) { s->line++, s->line_start = s->base + s->at; }

int stream_peek(Stream *s, Err *err) {
  for (;;) {
    for (; s->at < s->n; s->at++) {
      char c = s->window[s->at];
      if (c == '\n') {
        s->at++;
        newline(s);
        s->at--;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        s->mark = s->at;
        return (unsigned char)c;
      }
    }
    if (s->ended) return -1;
    s->mark = s->at;
    if (!refill(s, err)) return -2;
  }
}

bool stream_take(Stream *s, char c, const char *expected, Err *err) {
  int got = stream_peek(s, err);
  if (got == -2) return false;
  if (got != (unsigned char)c) return stream_fail(s, err, got < 0 ? "the text ends early" : expected);
  s->at++;
  return true;
}

/* Past the closing quote; at is behind the opening one. */
static bool pass_string(Stream *s, Err *err) {
  for (;;) {
    while (s->at < s->n) {
      char c = s->window[s->at++];
      if (c == '"') return true;
      if (c == '\n') newline(s);
      if (c == '\\') {
        if (s->at == s->n && !refill(s, err)) return false;
        if (s->at < s->n) s->at++;
      }
    }
    if (s->ended) return stream_fail(s, err, "the text ends early, inside a string");
    if (!refill(s, err)) return false;
  }
}

/* Past the bracket that closes the one just taken. */
static bool pass_brackets(Stream *s, Err *err) {
  for (int depth = 1; depth;) {
    if (s->at == s->n) {
      if (s->ended) return stream_fail(s, err, "the text ends early");
      if (!refill(s, err)) return false;
      continue;
    }
    char c = s->window[s->at++];
    switch (c) {
      case '{': case '[':
        if (++depth > JSON_DEPTH_MAX) return stream_fail(s, err, "nested deeper than 512 levels");
        break;
      case '}': case ']': depth--; break;
      case '\n': newline(s); break;
      case '"':
        if (!pass_string(s, err)) return false;
        break;
      default: break;
    }
  }
  return true;
}

/* Past a number or word: up to a separator. */
static bool pass_word(Stream *s, Err *err) {
  for (;;) {
    for (; s->at < s->n; s->at++)
      if (strchr(",]} \t\r\n:[{\"", s->window[s->at]) && s->window[s->at]) return true;
    if (s->ended) return true;
    if (!refill(s, err)) return false;
  }
}

bool stream_value(Stream *s, Span *out, Err *err) {
  int c = stream_peek(s, err);
  if (c == -2) return false;
  if (c < 0) return stream_fail(s, err, "the text ends early");
  uint64_t line = s->line, column = s->base + s->at - s->line_start + 1, at = s->base + s->at;
  bool ok;
  if (c == '"' || c == '{' || c == '[') {
    s->at++;
    ok = c == '"' ? pass_string(s, err) : pass_brackets(s, err);
  } else {
    ok = pass_word(s, err);
  }
  if (!ok) return false;
  if (s->base + s->at == at) return stream_fail(s, err, "a value is expected");
  *out = (Span){s->window + s->mark, s->at - s->mark, at, line, column};
  return true;
}

void span_error(const Span *span, const char *name, Err *err) {
  int line, column, used = 0;
  char text[sizeof err->text];
  if (sscanf(err->text, ":%d:%d: %n", &line, &column, &used) != 2 || !used) return;
  snprintf(text, sizeof text, "%s", err->text + used);
  err_set(err, err->code, "%s:%llu:%llu: %s", name, (unsigned long long)span->line + (unsigned long long)line - 1,
          (unsigned long long)(line == 1 ? span->column + (unsigned long long)column - 1 : (unsigned long long)column), text);
}
