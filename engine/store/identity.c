/* SPDX-License-Identifier: MIT */
#include "store/identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void say(Identity *d, const char *fmt, ...) {
  size_t n = strlen(d->text);
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(d->text + n, sizeof d->text - n, fmt, ap);
  va_end(ap);
}

/* The phrase for a name: "other data", "another model". Names we do not know are quoted as they are. */
static const char *phrase(const char *name) {
  static const char *const known[][2] = {
      {"data", "other data"},        {"labels", "other labels"},     {"model", "another model"},
      {"rows", "other augmentations"}, {"seed", "another seed"},     {"options", "other options"},
      {"version", "another result version"}, {"features", "other features"}, {"diff", "another error function"},
  };
  for (size_t k = 0; k < sizeof known / sizeof *known; k++)
    if (!strcmp(name, known[k][0])) return known[k][1];
  return NULL;
}

/* The part of a value that tells: long ones are cut to where they first differ from the other. */
static void part(const char *value, const char *other, char out[64]) {
  size_t same = 0, n = strlen(value);
  while (value[same] && value[same] == other[same]) same++;
  size_t from = n <= 48 || same <= 12 ? 0 : same - 12;
  if (from > n) from = n;
  while (from < n && ((unsigned char)value[from] & 0xc0) == 0x80) from++; /* whole characters */
  size_t len = n - from > 48 ? 44 : n - from;
  while (len && from + len < n && ((unsigned char)value[from + len] & 0xc0) == 0x80) len--;
  snprintf(out, 64, "%s%.*s%s", from ? "..." : "", (int)len, value + from, from + len < n ? "..." : "");
}

static void differs(Identity *d, const char *name, const char *stored, const char *given) {
  char a[64] = "nothing", b[64] = "nothing";
  if (stored) part(stored, given ? given : "", a);
  if (given) part(given, stored ? stored : "", b);
  const char *what = phrase(name);
  say(d, "%s%s%.40s: stored %s, given %s", d->differ++ ? ", and to " : " belongs to ", what ? "" : "another ", what ? what : name, a, b);
}

void identity_begin(Identity *d, const char *path, const StudyPair *given, size_t n) {
  *d = (Identity){.given = given, .n = n};
  say(d, "%.200s", path);
}

void identity_stored(Identity *d, const char *name, const char *value) {
  for (size_t k = 0; k < d->n; k++) {
    if (strcmp(d->given[k].name, name)) continue;
    d->seen |= (uint64_t)1 << k;
    if (strcmp(d->given[k].value, value)) differs(d, name, value, d->given[k].value);
    return;
  }
  differs(d, name, value, NULL);
}

bool identity_end(Identity *d, Err *err) {
  for (size_t k = 0; k < d->n; k++)
    if (!(d->seen >> k & 1)) differs(d, d->given[k].name, NULL, d->given[k].value);
  return !d->differ || err_set(err, ERR_MISMATCH, "%s", d->text);
}
