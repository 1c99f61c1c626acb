/* SPDX-License-Identifier: MIT */
#include "labels/entry.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool entry_complain(Entry *e, const char *field, const char *what) {
  if (!*e->why) snprintf(e->why, sizeof e->why, "%s: %s", field, what);
  return false;
}

static const char *describe(const Entry *e, JsonToken t, char out[64]) {
  switch (t) {
    case JSON_STRING: snprintf(out, 64, "\"%.40s\"", e->json.text.data ? (char *)e->json.text.data : ""); break;
    case JSON_INT: snprintf(out, 64, "%lld", (long long)e->json.i); break;
    case JSON_FLOAT: snprintf(out, 64, "%g", e->json.d); break;
    case JSON_NULL: return "null";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    case JSON_ARRAY: return "a list";
    default: return "an object";
  }
  return out;
}

bool entry_skip(Entry *e, JsonToken t) {
  if (t == JSON_ERROR || !json_skip(&e->json, t, &e->err)) return e->broken = true, false;
  return true;
}

bool entry_integer(Entry *e, JsonToken t, const char *field, int64_t *out) {
  char text[64], what[160];
  if (t == JSON_INT) return *out = e->json.i, true;
  if (t == JSON_FLOAT && e->json.d == floor(e->json.d) && fabs(e->json.d) < 9007199254740992.0) return *out = (int64_t)e->json.d, true;
  if (t == JSON_FLOAT && fabs(e->json.d) >= 9007199254740992.0)
    snprintf(what, sizeof what, "%g does not fit in 64 bits, an integer in -2^63..2^63-1 expected", e->json.d);
  else
    snprintf(what, sizeof what, "an integer expected, got %s", describe(e, t, text));
  entry_complain(e, field, what);
  return entry_skip(e, t);
}

bool entry_id(Entry *e, JsonToken t, const char *field, Texts *texts, Id *out) {
  *out = (Id){0};
  if (t != JSON_STRING) return entry_integer(e, t, field, &out->v);
  const char *s = e->json.text.data ? (char *)e->json.text.data : "";
  if (strlen(s) != e->json.text.n) return entry_complain(e, field, "a NUL in the text"), true;
  out->text = true;
  return texts_number(texts, s, e->json.text.n, &out->v) || err_memory(&e->err);
}

bool entry_numbers(Entry *e, JsonToken t, const char *field, double *out, size_t keep, size_t *n) {
  char text[64], what[160];
  *n = 0;
  if (t != JSON_ARRAY) {
    snprintf(what, sizeof what, "a list of numbers expected, got %s", describe(e, t, text));
    entry_complain(e, field, what);
    return entry_skip(e, t);
  }
  while ((t = json_next(&e->json, &e->err)) != JSON_ARRAY_END) {
    if (t == JSON_ERROR) return e->broken = true, false;
    if ((t != JSON_INT && t != JSON_FLOAT) || !isfinite(e->json.d)) {
      snprintf(what, sizeof what, "a finite number expected at [%zu], got %s", *n, describe(e, t, text));
      entry_complain(e, field, what);
      if (!entry_skip(e, t)) return false;
    } else if (*n < keep) {
      out[*n] = e->json.d;
    }
    ++*n;
  }
  return true;
}

/* A name that stays inside the folder: no absolute path, no "..", no NUL. */
static const char *path_refusal(const char *s, size_t n) {
  if (!n) return "a file name expected, got \"\"";
  if (memchr(s, 0, n)) return "a NUL in the name";
  if (*s == '/') return "an absolute path is refused, one inside the data set expected";
  for (const char *p = s; p;) {
    const char *next = strchr(p, '/');
    size_t part = next ? (size_t)(next - p) : strlen(p);
    if (part == 2 && p[0] == '.' && p[1] == '.') return "a path with \"..\" is refused, one inside the data set expected";
    p = next ? next + 1 : NULL;
  }
  return NULL;
}

bool entry_path(Entry *e, JsonToken t, const char *field) {
  char what[260];
  if (t != JSON_STRING) return entry_complain(e, field, "a text expected"), entry_skip(e, t);
  const char *s = e->json.text.data ? (char *)e->json.text.data : "";
  const char *why = path_refusal(s, e->json.text.n);
  if (!why) return true;
  snprintf(what, sizeof what, "\"%.120s\": %s", s, why);
  return entry_complain(e, field, what), true;
}

bool entry_read(Entry *e, const Span *span, const char *name, Field field, void *out) {
  char key[32];
  memset(e, 0, sizeof *e);
  json_init(&e->json, span->s, span->n, "");
  JsonToken t = json_next(&e->json, &e->err);
  if (t != JSON_OBJECT && t != JSON_ERROR) {
    char text[64];
    err_set(&e->err, ERR_REFUSED, ":1:1: an object expected, got %s", describe(e, t, text));
    t = JSON_ERROR;
  }
  e->broken = t == JSON_ERROR;
  while (!e->broken && (t = json_next(&e->json, &e->err)) == JSON_KEY) {
    snprintf(key, sizeof key, "%s", e->json.text.data ? (char *)e->json.text.data : "");
    t = json_next(&e->json, &e->err);
    if (t == JSON_ERROR) e->broken = true;
    else if (!field(e, key, t, out)) e->broken = e->broken || e->err.code != ERR_NONE;
  }
  if (!e->broken && t == JSON_ERROR) e->broken = true;
  if (!e->broken && json_next(&e->json, &e->err) != JSON_END) e->broken = true;
  json_clear(&e->json);
  if (e->broken) span_error(span, name, &e->err);
  return !e->broken;
}
