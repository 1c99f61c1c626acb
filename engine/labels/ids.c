/* SPDX-License-Identifier: MIT */
#include "labels/ids.h"

#include <string.h>

#include "base/mem.h"

static size_t slot_of(const IdMap *s, int64_t key) {
  uint64_t h = (uint64_t)key * 0x9E3779B97F4A7C15u;
  size_t i = (size_t)(h ^ h >> 32) & (s->cap - 1);
  while (s->value[i] && s->key[i] != key) i = (i + 1) & (s->cap - 1);
  return i;
}

static void map_clear(IdMap *s) {
  mem_free(s->key);
  mem_free(s->value);
  *s = (IdMap){0};
}

static bool map_grow(IdMap *s) {
  IdMap t = {.cap = s->cap ? s->cap * 2 : 256};
  t.key = mem_alloc(t.cap, sizeof *t.key);
  t.value = mem_calloc(t.cap, sizeof *t.value);
  if (!t.key || !t.value) return map_clear(&t), false;
  for (size_t i = 0; i < s->cap; i++) {
    if (!s->value[i]) continue;
    size_t k = slot_of(&t, s->key[i]);
    t.key[k] = s->key[i], t.value[k] = s->value[i];
  }
  t.n = s->n;
  map_clear(s);
  *s = t;
  return true;
}

static bool map_add(IdMap *s, int64_t key, uint32_t value, bool *found) {
  if (s->n * 2 >= s->cap && !map_grow(s)) return false;
  size_t i = slot_of(s, key);
  *found = s->value[i] != 0;
  if (!*found) s->key[i] = key, s->value[i] = value + 1, s->n++;
  return true;
}

static bool map_find(const IdMap *s, int64_t key, uint32_t *value) {
  if (!s->cap) return false;
  size_t i = slot_of(s, key);
  if (!s->value[i]) return false;
  *value = s->value[i] - 1;
  return true;
}


bool ids_add(IdSet *s, Id id, uint32_t value, bool *found) { return map_add(id.text ? &s->texts : &s->numbers, id.v, value, found); }

bool ids_find(const IdSet *s, Id id, uint32_t *value) { return map_find(id.text ? &s->texts : &s->numbers, id.v, value); }

void ids_clear(IdSet *s) {
  map_clear(&s->numbers);
  map_clear(&s->texts);
}

/* --- texts --- */

const char *texts_get(const Texts *t, int64_t number) { return t->bytes + t->start[number]; }

static bool same(const Texts *t, uint32_t k, const char *s, size_t n) {
  return t->start[k + 1] - t->start[k] == n + 1 && !memcmp(t->bytes + t->start[k], s, n);
}

static size_t text_slot(const Texts *t, const char *s, size_t n) {
  uint64_t h = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)s[i]) * 1099511628211u;
  size_t i = (size_t)(h ^ h >> 32) & (t->slots - 1);
  while (t->slot[i] && !same(t, t->slot[i] - 1, s, n)) i = (i + 1) & (t->slots - 1);
  return i;
}

static bool more_slots(Texts *t) {
  Texts old = *t;
  uint32_t *slot = mem_calloc(old.slots ? old.slots * 2 : 256, sizeof *slot);
  if (!slot) return false;
  t->slot = slot, t->slots = old.slots ? old.slots * 2 : 256;
  for (size_t k = 0; k < t->count; k++) t->slot[text_slot(t, texts_get(t, (int64_t)k), t->start[k + 1] - t->start[k] - 1)] = (uint32_t)k + 1;
  mem_free(old.slot);
  return true;
}

/* Room for one more text of n bytes. */
static bool more_room(Texts *t, size_t n) {
  if (t->count + 2 > t->cap_start) {
    size_t cap = t->cap_start ? t->cap_start * 2 : 64;
    size_t *start = mem_realloc(t->start, cap, sizeof *start);
    if (!start) return false;
    t->start = start, t->cap_start = cap;
    t->start[t->count] = t->n;
  }
  if (t->n + n + 1 > t->cap) {
    size_t cap = (t->n + n + 1) * 2;
    char *bytes = mem_realloc(t->bytes, cap, 1);
    if (!bytes) return false;
    t->bytes = bytes, t->cap = cap;
  }
  return true;
}

bool texts_number(Texts *t, const char *s, size_t n, int64_t *out) {
  if (t->count * 2 >= t->slots && !more_slots(t)) return false;
  if (t->count >= UINT32_MAX - 1 || !more_room(t, n)) return false;
  size_t i = text_slot(t, s, n);
  if (!t->slot[i]) {
    memcpy(t->bytes + t->n, s, n);
    t->bytes[t->n + n] = 0;
    t->n += n + 1;
    t->slot[i] = (uint32_t)++t->count;
    t->start[t->count] = t->n;
  }
  *out = t->slot[i] - 1;
  return true;
}

void texts_clear(Texts *t) {
  mem_free(t->bytes);
  mem_free(t->start);
  mem_free(t->slot);
  *t = (Texts){0};
}
