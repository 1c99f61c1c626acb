/* SPDX-License-Identifier: MIT */
#include "model/frame.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

void frame_clear(Frame *f) {
  buf_clear(&f->header);
  buf_clear(&f->body);
  *f = (Frame){0};
}

static bool read_field(Json *j, const char *key, FrameHead *h, Err *err) {
  JsonToken t = json_next(j, err);
  if (t == JSON_ERROR) return false;
  if (t == JSON_INT && !strcmp(key, "id")) h->id = j->i, h->has_id = true;
  else if (t == JSON_INT && !strcmp(key, "bytes")) h->bytes = j->i;
  else if (t == JSON_INT && !strcmp(key, "brink")) h->protocol = j->i;
  else if (t == JSON_INT && !strcmp(key, "shared")) h->shared = j->i;
  else if (t == JSON_TRUE && !strcmp(key, "shared")) h->shares = true;
  return json_skip(j, t, err);
}

static bool read_fields(Json *j, FrameHead *h, Err *err) {
  JsonToken t = json_next(j, err);
  if (t == JSON_ERROR) return false;
  if (t != JSON_OBJECT) return err_set(err, ERR_MODEL, "an object expected");
  while ((t = json_next(j, err)) == JSON_KEY) {
    char key[16];
    snprintf(key, sizeof key, "%s", j->text.n < sizeof key ? (const char *)j->text.data : "");
    if (!read_field(j, key, h, err)) return false;
  }
  return t == JSON_OBJECT_END && json_next(j, err) == JSON_END;
}

bool frame_head(const Buf *text, int64_t most, FrameHead *h, Err *err) {
  Json j;
  *h = (FrameHead){0};
  json_init(&j, (const char *)text->data, text->n, "header");
  bool ok = read_fields(&j, h, err);
  json_clear(&j);
  if (!ok) return false;
  if (h->bytes < 0 || h->bytes > most) return err_set(err, ERR_MODEL, "bytes: %lld is outside 0..%lld", (long long)h->bytes, (long long)most);
  if (h->shared < 0 || h->shared > most) return err_set(err, ERR_MODEL, "shared: %lld is outside 0..%lld", (long long)h->shared, (long long)most);
  return true;
}

/* The first bytes of a thing that is no frame, to be recognised by whoever printed it. */
static size_t no_frame(const Frame *f, uint32_t n, const uint8_t *data, size_t have, Err *err) {
  char begins[48];
  int at = 0;
  for (size_t i = 0; i < 4 + have && i < 40; i++) {
    uint8_t c = i < 4 ? f->size[i] : data[i - 4];
    begins[at++] = c >= 32 && c < 127 ? (char)c : '.';
  }
  begins[at] = 0;
  err_set(err, ERR_MODEL, "no frame on standard output (a header of %lu bytes, at most %d expected), it begins: %s", (unsigned long)n, (int)FRAME_HEADER_MAX, begins);
  return SIZE_MAX;
}

/* Take what is missing of a part of `want` bytes; how much was used. */
static size_t fill(Buf *b, size_t want, const uint8_t *data, size_t n, Err *err) {
  size_t need = want - b->n;
  if (need > n) need = n;
  if (buf_append(b, data, need)) return need;
  err_set(err, ERR_MEMORY, "out of memory for its answer");
  return SIZE_MAX;
}

static size_t feed_size(Frame *f, const uint8_t *data, size_t n, Err *err) {
  size_t used = 0;
  while (f->size_n < 4 && used < n) f->size[f->size_n++] = data[used++];
  if (f->size_n < 4) return used;
  uint32_t size = f->size[0] | (uint32_t)f->size[1] << 8 | (uint32_t)f->size[2] << 16 | (uint32_t)f->size[3] << 24;
  if (size < 2 || size > FRAME_HEADER_MAX) return no_frame(f, size, data + used, n - used, err);
  f->header_want = size;
  return used;
}

size_t frame_feed(Frame *f, const uint8_t *data, size_t n, Err *err) {
  if (f->size_n < 4) return feed_size(f, data, n, err);
  if (f->parsed) return fill(&f->body, f->body_want, data, n, err);
  size_t used = fill(&f->header, f->header_want, data, n, err);
  if (used == SIZE_MAX || f->header.n < f->header_want) return used;
  Err why = {0};
  if (!frame_head(&f->header, FRAME_BODY_MAX, &f->head, &why)) {
    err_set(err, ERR_MODEL, "frame header: %.360s", why.text);
    return SIZE_MAX;
  }
  f->parsed = true;
  f->body_want = (size_t)f->head.bytes;
  return used;
}

bool frame_whole(const Frame *f) { return f->parsed && f->body.n == f->body_want; }

void frame_open(Buf *out) {
  out->n = 0;
  buf_append(out, "    ", 4);
}

bool frame_close(Buf *out) {
  if (out->failed || out->n < 4) return false;
  size_t n = out->n - 4;
  for (int k = 0; k < 4; k++) out->data[k] = (uint8_t)(n >> (8 * k));
  return true;
}
