/* One object of a label file: its fields, one by one, each checked; what is wrong with one is kept as text.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_LABELS_ENTRY_H
#define BRINK_LABELS_ENTRY_H

#include "labels/ids.h"
#include "labels/stream.h"

typedef struct Entry {
  Json json;
  Err err;
  char why[300]; /* "" while all is well */
  bool broken;   /* no JSON: err says why */
} Entry;

/* Takes the value whose first token is t; false when the text is no JSON. */
typedef bool (*Field)(Entry *e, const char *key, JsonToken t, void *out);

/* Go through the fields of the object in the span. False when it is no JSON object (entry->broken, err). */
bool entry_read(Entry *e, const Span *span, const char *name, Field field, void *out);

/* The first complaint about an entry stays. Returns false. */
bool entry_complain(Entry *e, const char *field, const char *what);
bool entry_skip(Entry *e, JsonToken t);
bool entry_integer(Entry *e, JsonToken t, const char *field, int64_t *out);
/* An integer or a text. */
bool entry_id(Entry *e, JsonToken t, const char *field, Texts *texts, Id *out);
/* A list of numbers: every one finite. *n of them, the first `keep` in out. */
bool entry_numbers(Entry *e, JsonToken t, const char *field, double *out, size_t keep, size_t *n);
/* A file name that stays inside the folder. */
bool entry_path(Entry *e, JsonToken t, const char *field);

#endif
