/* Ids of a label file: integers, or texts (each text known by a number), and sets of them.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_LABELS_IDS_H
#define BRINK_LABELS_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Id {
  int64_t v; /* the integer, or the number of the text */
  bool text;
} Id;

typedef struct IdMap { /* int64 -> uint32, open addressing */
  int64_t *key;
  uint32_t *value; /* + 1; 0: free */
  size_t cap, n;
} IdMap;

typedef struct IdSet { /* all zero: empty */
  IdMap numbers, texts;
} IdSet;

/* The value of the id; *found false when there is none and it was added with this value. False: out of memory. */
bool ids_add(IdSet *s, Id id, uint32_t value, bool *found);
bool ids_find(const IdSet *s, Id id, uint32_t *value);
void ids_clear(IdSet *s);

typedef struct Texts { /* all zero: empty */
  char *bytes;      /* each text and a NUL, one after another */
  size_t n, cap;
  size_t *start;    /* where each begins; one more as end mark */
  size_t count, cap_start;
  uint32_t *slot;   /* number + 1 by hash; 0: free */
  size_t slots;
} Texts;

/* The number of a text, from 0; equal texts have the same. False: out of memory. */
bool texts_number(Texts *t, const char *s, size_t n, int64_t *out);
const char *texts_get(const Texts *t, int64_t number);
void texts_clear(Texts *t);

#endif
