/* SPDX-License-Identifier: MIT */
#include "labels/index.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "labels/entry.h"

/* An annotation before its image is known. */
typedef struct Note {
  uint64_t at;
  Id image, id;
  int64_t category;
  uint32_t n, number;
  uint32_t line; /* of the file, cut to 32 bits: for error texts */
  bool has_id, has_category;
} Note;

typedef struct Build {
  Coco *out;
  Stream in;
  Note *notes;
  size_t n_notes, cap_notes, cap_images, cap_rest, cap_faults;
  int64_t *categories;
  size_t n_categories, cap_categories;
  bool any_images, any_notes, any_categories;
  IdSet image_ids, note_ids;
  Texts texts; /* ids that are no numbers */
  Err *err;
} Build;

static void *grow(void *old, size_t n, size_t *cap, size_t size) {
  if (n < *cap) return old;
  size_t want = *cap ? *cap * 2 : 64;
  void *p = mem_realloc(old, want, size);
  if (p) *cap = want;
  return p;
}

/* Note a fault; false only when out of memory. */
static bool fault(Build *b, const char *text) {
  Coco *c = b->out;
  c->total_faults++;
  if (c->n_faults == COCO_FAULTS) return true;
  char **more = grow(c->faults, c->n_faults, &b->cap_faults, sizeof *more);
  if (more) c->faults = more;
  char *copy = more ? mem_strdup(text) : NULL;
  if (!copy) return err_memory(b->err);
  c->faults[c->n_faults++] = copy;
  return true;
}

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static bool fault_at(Build *b, uint64_t line, const char *fmt, ...) {
  char what[400], text[900];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(what, sizeof what, fmt, ap);
  va_end(ap);
  snprintf(text, sizeof text, "%s:%llu: %s", b->out->path, (unsigned long long)line, what);
  return fault(b, text);
}

static const char *show_id(const Build *b, Id id, char out[64]) {
  if (id.text) snprintf(out, 64, "\"%.60s\"", texts_get(&b->texts, id.v));
  else snprintf(out, 64, "%lld", (long long)id.v);
  return out;
}

/* An entry that is no JSON is named and left out; only lack of memory ends it all. */
static bool entry_fault(Build *b, const Entry *e, const char *list, uint32_t number) {
  char text[700];
  if (e->err.code == ERR_MEMORY) return err_memory(b->err);
  snprintf(text, sizeof text, "%s (%s[%u])", e->err.text, list, number);
  return fault(b, text);
}

typedef struct ImageFields {
  Texts *texts;
  Id id;
  int64_t w, h;
  bool has_id, has_name;
} ImageFields;

static bool image_field(Entry *e, const char *key, JsonToken t, void *data) {
  ImageFields *f = data;
  if (!strcmp(key, "id")) return f->has_id = true, entry_id(e, t, key, f->texts, &f->id);
  if (!strcmp(key, "width") && t != JSON_NULL) return entry_integer(e, t, key, &f->w);
  if (!strcmp(key, "height") && t != JSON_NULL) return entry_integer(e, t, key, &f->h);
  if (!strcmp(key, "file_name")) return f->has_name = true, entry_path(e, t, key);
  return entry_skip(e, t);
}

static bool add_image(Build *b, const Span *span, uint32_t number) {
  Coco *c = b->out;
  Entry e;
  ImageFields f = {.texts = &b->texts};
  char shown[64];
  if (!entry_read(&e, span, c->path, image_field, &f)) return entry_fault(b, &e, "images", number);
  if (!f.has_id) entry_complain(&e, "id", "missing, an integer or a text expected");
  if (!f.has_name) entry_complain(&e, "file_name", "missing, a file name expected");
  if (f.w < 0 || f.h < 0 || f.w > 1 << 24 || f.h > 1 << 24) entry_complain(&e, "width and height", "sizes in 0..16777216 expected");
  bool found = false;
  if (f.has_id && !ids_add(&b->image_ids, f.id, (uint32_t)c->n_images, &found)) return err_memory(b->err);
  if (found) entry_complain(&e, "id", "a second image with this id");
  if (*e.why && !fault_at(b, span->line, "images[%u] (id %s): %s", number, show_id(b, f.id, shown), e.why)) return false;
  if (found || !f.has_id) return true;
  CocoImage *more = grow(c->images, c->n_images + 1, &b->cap_images, sizeof *more);
  if (!more) return err_memory(b->err);
  c->images = more;
  more[c->n_images++] = (CocoImage){.at = span->at, .n = (uint32_t)span->n, .number = number, .refused = *e.why != 0};
  return true;
}

typedef struct NoteFields {
  Texts *texts;
  Note note;
  double box[4];
  size_t n_box;
  bool has_image, has_box, has_shape, panoptic;
} NoteFields;

static bool note_field(Entry *e, const char *key, JsonToken t, void *data) {
  NoteFields *f = data;
  if (!strcmp(key, "id")) return f->note.has_id = true, entry_id(e, t, key, f->texts, &f->note.id);
  if (!strcmp(key, "image_id")) return f->has_image = true, entry_id(e, t, key, f->texts, &f->note.image);
  if (!strcmp(key, "category_id")) return f->note.has_category = true, entry_integer(e, t, key, &f->note.category);
  if (!strcmp(key, "bbox") && t != JSON_NULL) return f->has_box = true, entry_numbers(e, t, key, f->box, 4, &f->n_box);
  if (!strcmp(key, "area") && t != JSON_NULL) {
    if ((t != JSON_INT && t != JSON_FLOAT) || !isfinite(e->json.d)) entry_complain(e, key, "a finite number expected");
    return entry_skip(e, t);
  }
  if (!strcmp(key, "keypoints") && t != JSON_NULL) {
    size_t n;
    double none;
    f->has_shape = true;
    if (!entry_numbers(e, t, key, &none, 0, &n)) return false;
    return n % 3 ? entry_complain(e, key, "triples x, y, v expected"), true : true;
  }
  if (!strcmp(key, "segmentation") && t != JSON_NULL) {
    if (t != JSON_ARRAY && t != JSON_OBJECT) entry_complain(e, key, "a list of polygons or an RLE object expected");
    f->has_shape = true;
    return entry_skip(e, t);
  }
  if (!strcmp(key, "segments_info")) {
    f->panoptic = true;
    if (t != JSON_ARRAY) entry_complain(e, key, "a list of segments expected");
  }
  return entry_skip(e, t);
}

static void check_note(Entry *e, NoteFields *f) {
  char what[100];
  if (!f->has_image) entry_complain(e, "image_id", "missing, the id of an image expected");
  if (!f->note.has_category && !f->panoptic) entry_complain(e, "category_id", "missing, the id of a category expected");
  if (f->has_box && f->n_box != 4 && !(f->n_box == 0 && f->has_shape)) {
    snprintf(what, sizeof what, "4 numbers x, y, w, h expected, got %zu", f->n_box);
    entry_complain(e, "bbox", what);
  }
  if (f->n_box == 4 && !(f->box[2] >= 0 && f->box[3] >= 0)) {
    snprintf(what, sizeof what, "%g x %g, width and height from 0 expected", f->box[2], f->box[3]);
    entry_complain(e, "bbox", what);
  }
}

static bool add_note(Build *b, const Span *span, uint32_t number) {
  Entry e;
  NoteFields f = {.texts = &b->texts, .note = {.at = span->at, .n = (uint32_t)span->n, .number = number, .line = (uint32_t)span->line}};
  if (!entry_read(&e, span, b->out->path, note_field, &f)) return entry_fault(b, &e, "annotations", number);
  char shown[64];
  check_note(&e, &f);
  bool found = false;
  if (f.note.has_id && !*e.why && !ids_add(&b->note_ids, f.note.id, 0, &found)) return err_memory(b->err);
  if (found) entry_complain(&e, "id", "a second annotation with this id");
  if (*e.why && f.note.has_id && strncmp(e.why, "id:", 3)) 
    return fault_at(b, span->line, "annotations[%u] (id %s): %s", number, show_id(b, f.note.id, shown), e.why);
  if (*e.why) return fault_at(b, span->line, "annotations[%u]: %s", number, e.why);
  Note *more = grow(b->notes, b->n_notes, &b->cap_notes, sizeof *more);
  if (!more) return err_memory(b->err);
  b->notes = more;
  more[b->n_notes++] = f.note;
  return true;
}

typedef struct CategoryFields {
  int64_t id;
  bool has_id, has_name;
} CategoryFields;

static bool category_field(Entry *e, const char *key, JsonToken t, void *data) {
  CategoryFields *f = data;
  if (!strcmp(key, "id")) return f->has_id = true, entry_integer(e, t, key, &f->id);
  if (!strcmp(key, "name")) {
    f->has_name = true;
    if (t != JSON_STRING) entry_complain(e, key, "a text expected");
  }
  return entry_skip(e, t);
}

static bool add_category(Build *b, const Span *span, uint32_t number) {
  Entry e;
  CategoryFields f = {0};
  if (!entry_read(&e, span, b->out->path, category_field, &f)) return entry_fault(b, &e, "categories", number);
  if (!f.has_id) entry_complain(&e, "id", "missing, an integer expected");
  if (!f.has_name) entry_complain(&e, "name", "missing, a text expected");
  for (size_t i = 0; i < b->n_categories; i++)
    if (b->categories[i] == f.id) entry_complain(&e, "id", "a second category with this id");
  if (*e.why) return fault_at(b, span->line, "categories[%u] (id %lld): %s", number, (long long)f.id, e.why);
  int64_t *more = grow(b->categories, b->n_categories, &b->cap_categories, sizeof *more);
  if (!more) return err_memory(b->err);
  b->categories = more;
  more[b->n_categories++] = f.id;
  return true;
}

typedef bool (*Add)(Build *b, const Span *span, uint32_t number);

static bool read_list(Build *b, const char *key, Add add) {
  Span span;
  if (!stream_take(&b->in, '[', "a list is expected here", b->err)) return false;
  for (uint32_t number = 0;; number++) {
    int c = stream_peek(&b->in, b->err);
    if (c == -2) return false;
    if (c == ']') return b->in.at++, true;
    if (number && !stream_take(&b->in, ',', "a comma or the closing bracket is expected", b->err)) return false;
    if (number == UINT32_MAX) return err_set(b->err, ERR_LIMIT, "%s: %s: more than 2^32 entries", b->in.name, key);
    if (!stream_value(&b->in, &span, b->err) || !add(b, &span, number)) return false;
  }
}

/* Keep a value as text, checked. Categories are kept as well as gone through. */
static bool keep_rest(Build *b, const char *key, size_t key_n, const Span *span) {
  Coco *c = b->out;
  Json j;
  Err err = {0};
  json_init(&j, span->s, span->n, "");
  JsonToken t = json_next(&j, &err);
  bool ok = t != JSON_ERROR && json_skip(&j, t, &err) && json_next(&j, &err) == JSON_END;
  json_clear(&j);
  if (!ok) {
    span_error(span, c->path, &err);
    *b->err = err;
    return false;
  }
  CocoRest *more = grow(c->rest, c->n_rest, &b->cap_rest, sizeof *more);
  if (!more) return err_memory(b->err);
  c->rest = more;
  CocoRest r = {mem_alloc(key_n + 1, 1), mem_alloc(span->n + 1, 1), span->n};
  if (!r.key || !r.text) return mem_free(r.key), mem_free(r.text), err_memory(b->err);
  memcpy(r.key, key, key_n + 1), memcpy(r.text, span->s, span->n), r.text[span->n] = 0;
  c->rest[c->n_rest++] = r;
  return true;
}

/* The categories: their text is kept, and each is looked at. */
static bool read_categories(Build *b) {
  Span span, part;
  if (!stream_value(&b->in, &span, b->err)) return false;
  b->any_categories = true;
  if (!keep_rest(b, "categories", 10, &span)) return false;
  Json j;
  Err err = {0};
  json_init(&j, span.s, span.n, "");
  bool ok = true;
  JsonToken t = json_next(&j, &err);
  if (t != JSON_ARRAY) ok = err_set(b->err, ERR_REFUSED, "%s:%llu: categories: a list expected", b->out->path, (unsigned long long)span.line);
  for (uint32_t k = 0; ok && (t = json_next(&j, &err)) != JSON_ARRAY_END && t != JSON_ERROR; k++) {
    size_t start = j.start;
    if (!json_skip(&j, t, &err)) break;
    int line, column;
    json_place(&j, start, &line, &column);
    part = (Span){span.s + start, j.at - start, span.at + start, span.line + (uint64_t)line - 1, (uint64_t)column};
    ok = add_category(b, &part, k);
  }
  json_clear(&j);
  return ok;
}

static bool read_member(Build *b, const char *key, size_t key_n) {
  Span span;
  if (!strcmp(key, "images") && !b->any_images) return b->any_images = true, read_list(b, key, add_image);
  if (!strcmp(key, "annotations") && !b->any_notes) return b->any_notes = true, read_list(b, key, add_note);
  if (!strcmp(key, "categories") && !b->any_categories) return read_categories(b);
  if (!strcmp(key, "images") || !strcmp(key, "annotations") || !strcmp(key, "categories"))
    return stream_fail(&b->in, b->err, "a second list of this name");
  return stream_value(&b->in, &span, b->err) && keep_rest(b, key, key_n, &span);
}

/* The key in the span, unquoted, into out. */
static bool read_key(Build *b, Buf *out) {
  Span span;
  if (stream_peek(&b->in, b->err) != '"') return b->err->code != ERR_NONE ? false : stream_fail(&b->in, b->err, "a key in quotes is expected");
  if (!stream_value(&b->in, &span, b->err)) return false;
  Json j;
  Err err = {0};
  json_init(&j, span.s, span.n, "");
  bool ok = json_next(&j, &err) == JSON_STRING;
  out->n = 0;
  if (!ok) span_error(&span, b->out->path, &err), *b->err = err;
  else if (!buf_append(out, j.text.data ? (char *)j.text.data : "", j.text.n)) ok = err_memory(b->err);
  json_clear(&j);
  return ok;
}

static bool read_file(Build *b) {
  Buf key;
  bool ok = false;
  buf_init(&key);
  if (!stream_take(&b->in, '{', "an object with images, annotations and categories is expected", b->err)) return false;
  for (bool first = true;; first = false) {
    int c = stream_peek(&b->in, b->err);
    if (c == -2) goto end;
    if (c == '}') break;
    if (!first && !stream_take(&b->in, ',', "a comma or the closing bracket is expected", b->err)) goto end;
    if (!read_key(b, &key) || !stream_take(&b->in, ':', "a colon is expected after the key", b->err)) goto end;
    if (!read_member(b, key.data ? (char *)key.data : "", key.n)) goto end;
  }
  b->in.at++;
  int c = stream_peek(&b->in, b->err);
  ok = c == -1 || (c != -2 && stream_fail(&b->in, b->err, "text after the end of the value"));
  if (ok && !b->any_images) ok = err_set(b->err, ERR_REFUSED, "%s: no list \"images\", a COCO file has one", b->out->path);
end:
  buf_clear(&key);
  return ok;
}

static bool known_category(const Build *b, int64_t id) {
  for (size_t i = 0; i < b->n_categories; i++)
    if (b->categories[i] == id) return true;
  return false;
}

/* Which image each annotation belongs to, in notes[i].image; those without one are dropped, and named. */
static bool resolve(Build *b) {
  Coco *c = b->out;
  size_t kept = 0;
  for (size_t i = 0; i < b->n_notes; i++) {
    Note n = b->notes[i];
    uint32_t image = 0;
    char id[64], other[64];
    if (!ids_find(&b->image_ids, n.image, &image)) {
      if (!fault_at(b, n.line, "annotations[%u] (id %s): image_id: no image %s", n.number, show_id(b, n.id, id), show_id(b, n.image, other))) return false;
      continue;
    }
    if (n.has_category && !known_category(b, n.category)) {
      if (!fault_at(b, n.line, "annotations[%u] (id %s): category_id: no category %lld", n.number, show_id(b, n.id, id), (long long)n.category)) return false;
      continue;
    }
    if (c->images[image].refused) continue; /* it has been named */
    n.image = (Id){.v = image};
    b->notes[kept++] = n;
  }
  b->n_notes = kept;
  return true;
}

/* Annotations by image (counting sort, stable), refused images left out. */
static bool arrange(Build *b) {
  Coco *c = b->out;
  size_t total = 0, kept = 0;
  CocoImage *more = grow(c->images, c->n_images, &b->cap_images, sizeof *more);
  if (!more) return err_memory(b->err);
  c->images = more;
  c->notes = mem_alloc(b->n_notes + 1, sizeof *c->notes);
  if (!c->notes) return err_memory(b->err);
  c->n_notes = b->n_notes;
  for (size_t i = 0; i < c->n_images; i++) more[i].first = 0;
  for (size_t i = 0; i < b->n_notes; i++) more[b->notes[i].image.v].first++;
  for (size_t i = 0; i < c->n_images; i++) {
    uint32_t count = more[i].first;
    more[i].first = (uint32_t)total;
    total += count;
  }
  for (size_t i = 0; i < b->n_notes; i++) {
    const Note *n = &b->notes[i];
    c->notes[more[n->image.v].first++] = (CocoNote){n->at, n->n, n->number};
  }
  /* each first is now its image's end: shift */
  for (size_t i = c->n_images; i-- > 0;) more[i].first = i ? more[i - 1].first : 0;
  for (size_t i = 0; i < c->n_images; i++)
    if (!more[i].refused) more[kept++] = more[i]; /* a refused image has no annotations */
  c->n_images = kept;
  more[kept] = (CocoImage){.first = (uint32_t)total};
  return true;
}

Coco *coco_open(const char *path, Err *err) {
  Err own = {0};
  Build b = {.err = &own};
  bool ok = false;
  b.out = mem_calloc(1, sizeof *b.out);
  if (!b.out) return err_memory(err), NULL;
  b.out->fd = -1;
  b.out->path = mem_strdup(path);
  if (!b.out->path) err_memory(&own);
  else if (stream_open(&b.in, b.out->path, &own)) {
    ok = read_file(&b) && resolve(&b) && arrange(&b);
    if (ok) b.out->fd = b.in.fd, b.in.fd = -1;
    stream_close(&b.in);
  }
  mem_free(b.notes);
  mem_free(b.categories);
  ids_clear(&b.image_ids);
  ids_clear(&b.note_ids);
  texts_clear(&b.texts);
  if (ok) return b.out;
  coco_close(b.out);
  if (err) *err = own;
  return NULL;
}

void coco_close(Coco *c) {
  if (!c) return;
  if (c->fd >= 0) close(c->fd);
  for (size_t i = 0; i < c->n_rest; i++) mem_free(c->rest[i].key), mem_free(c->rest[i].text);
  for (size_t i = 0; i < c->n_faults; i++) mem_free(c->faults[i]);
  mem_free(c->rest);
  mem_free(c->faults);
  mem_free(c->images);
  mem_free(c->notes);
  mem_free(c->path);
  mem_free(c);
}

bool coco_read(const Coco *c, uint64_t at, uint32_t n, Buf *out, Err *err) {
  if (!buf_reserve(out, n)) return err_memory(err);
  for (uint32_t done = 0; done < n;) {
    ssize_t got = pread(c->fd, out->data + out->n, n - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return err_errno(err, c->path, "read it");
    if (!got) return err_set(err, ERR_DAMAGED, "%s: shorter than when it was indexed", c->path);
    out->n += (size_t)got, done += (uint32_t)got;
  }
  return true;
}

size_t coco_bytes(const Coco *c) {
  return (c->n_images + 1) * sizeof *c->images + c->n_notes * sizeof *c->notes;
}
