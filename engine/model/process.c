/* SPDX-License-Identifier: MIT */
#include "model/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/child.h"

enum { LATER_MS = 50, LATEST_MS = 2000, LAST_WORDS_MS = 300, FRAME_MAX = 1 << 30 };

typedef enum State {
  EMPTY,    /* no process; may be started */
  LATER,    /* no process; started when the timer says so */
  STARTING, /* its hello is awaited */
  READY,
  BUSY,     /* with ask */
  ENDING    /* its output ended: the timer gives it a moment to exit, for its exit code */
} State;

/* What a header says at its top level. */
typedef struct Header { int64_t id, bytes, protocol; bool has_id, shares; } Header;

typedef struct Slot {
  Workers *pool;
  State state;
  uv_timer_t timer;
  Child *child;
  Ask *ask;
  int64_t id;       /* of its request */
  int bad;          /* times it went wrong since its last answer */
  int answered;     /* requests by this process */
  int memory;       /* shared with the process, -1: none */
  bool shares;      /* its hello said so */
  Buf out;          /* the frame being written */
  uint8_t size[4];  /* the frame being read: length of its header, ... */
  size_t size_n;
  Buf header, body; /* ... its header, and the bytes that follow */
  size_t header_want, body_want;
  Header head;      /* the header read, once it is complete */
  bool parsed;
} Slot;

struct Workers {
  Loop *loop;
  WorkersSpec spec;
  ChildSet children;
  Slot *slots;
  Ask *first, **last; /* the queue */
  int64_t id;         /* of the last request */
  int bad_starts;     /* in a row */
  bool closed;
  int handles;        /* timers not yet closed */
  Buf down;           /* why the pool is down; empty: it is not */
  Buf hello;
  WorkersStats stats;
};

static void pump(Workers *w);
static void on_timer(uv_timer_t *timer);

static void timer_closed(uv_handle_t *handle) {
  Workers *w = ((Slot *)handle->data)->pool;
  if (--w->handles > 0) return;
  buf_clear(&w->down);
  buf_clear(&w->hello);
  mem_free(w->slots);
  mem_free(w);
}

Workers *workers_new(Loop *loop, const WorkersSpec *spec, Err *err) {
  Workers *w = mem_calloc(1, sizeof *w);
  Slot *slots = mem_calloc((size_t)spec->count, sizeof *slots);
  if (!w || !slots) return mem_free(w), mem_free(slots), err_memory(err), NULL;
  w->loop = loop;
  w->spec = *spec;
  w->last = &w->first;
  w->slots = slots;
  w->handles = spec->count;
  for (int k = 0; k < spec->count; k++) {
    slots[k].pool = w;
    slots[k].memory = -1;
    uv_timer_init(loop_uv(loop), &slots[k].timer);
    slots[k].timer.data = &slots[k];
  }
  return w;
}

void workers_stats(const Workers *w, WorkersStats *out) {
  *out = w->stats;
  out->alive = 0;
  for (int k = 0; k < w->spec.count; k++) out->alive += w->slots[k].child != NULL;
}

static void set_timer(Slot *s, double ms) {
  uv_update_time(loop_uv(s->pool->loop));
  uv_timer_start(&s->timer, on_timer, (uint64_t)ms, 0);
}

static void ask_failed(Ask *a, ErrCode code, const char *reason, size_t n) {
  a->slot = NULL;
  a->reason.n = 0;
  buf_append(&a->reason, reason, n);
  a->job.failed = !err_set(&a->job.err, code, "%.*s", n > 400 ? 400 : (int)n, reason);
  job_finish(a->job.loop, &a->job);
}

static void put(Workers *w, Ask *a) {
  if (a->fresh) { /* it has waited before */
    a->next = w->first;
    if (!w->first) w->last = &a->next;
    w->first = a;
    return;
  }
  a->next = NULL;
  *w->last = a;
  w->last = &a->next;
}

/* Out of the queue; false when it is not in it. */
static bool unqueue(Workers *w, const Ask *a) {
  Ask **at = &w->first;
  while (*at && *at != a) at = &(*at)->next;
  if (!*at) return false;
  *at = a->next;
  if (w->last == &a->next) w->last = at;
  return true;
}

static Ask *take(Workers *w) {
  Ask *a = w->first;
  unqueue(w, a);
  return a;
}

static void forget_frame(Slot *s) {
  s->size_n = s->header_want = s->body_want = 0;
  s->parsed = false;
  buf_clear(&s->header);
  buf_clear(&s->body);
}

/* The process of this slot goes; the slot is free for another, sooner or later. */
static void drop_child(Slot *s, bool bad) {
  if (s->child) child_bury(s->child);
  s->child = NULL;
  if (s->memory >= 0) close(s->memory);
  s->memory = -1;
  s->shares = false;
  s->answered = 0;
  forget_frame(s);
  buf_clear(&s->out);
  uv_timer_stop(&s->timer);
  s->state = EMPTY;
  s->bad = bad ? s->bad + 1 : 0;
  if (s->bad < 2) return; /* once is no pattern: the next one starts at once */
  int wait = s->bad > 7 ? LATEST_MS : LATER_MS << (s->bad - 2);
  s->state = LATER;
  set_timer(s, wait > LATEST_MS ? LATEST_MS : wait);
}

/* Printable text of what a process wrote; escapes and controls go, line ends stay. */
static void append_words(Buf *out, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    buf_putc(out, c == '\n' || c == '\t' || (c >= 32 && c != 127) ? (char)c : ' ');
  }
}

static void add_tail(Buf *out, Child *c) {
  child_drain(c);
  const char *tail = c->tail;
  size_t n = c->tail_n;
  while (n && (tail[n - 1] == '\n' || tail[n - 1] == ' ')) n--;
  if (!n) return;
  buf_puts(out, "; standard error ends:\n");
  append_words(out, tail, n);
}

static void go_down(Workers *w, const Buf *why) {
  w->down.n = 0;
  buf_append(&w->down, why->data, why->n);
  if (!w->down.n) buf_puts(&w->down, "worker does not start");
}

/* The worker did something it must not, or is gone. Its request, if it has one, fails with this reason. */
static void went_wrong(Slot *s, const char *what) {
  Workers *w = s->pool;
  Ask *a = s->ask;
  Buf why = {0};
  bool starting = s->state == STARTING || (s->state == ENDING && !a);
  s->ask = NULL;
  buf_printf(&why, "%s: %s", w->spec.argv[0], what);
  if (s->child) {
    Child *c = s->child;
    c->on_read = NULL;
    c->on_end = c->on_exit = NULL;
    add_tail(&why, c);
  }
  w->stats.failed++;
  drop_child(s, true);
  if (starting && ++w->bad_starts >= w->spec.restarts) {
    Buf down = {0};
    buf_printf(&down, "no worker after %d starts; the last: %s", w->bad_starts, why.data ? (const char *)why.data : "out of memory");
    go_down(w, &down);
    buf_clear(&down);
  }
  if (a) ask_failed(a, ERR_MODEL, why.data ? (const char *)why.data : "worker failed", why.data ? why.n : 13);
  buf_clear(&why);
}

static void went_wrong_as(Slot *s, const char *what) {
  char text[256], fate[96];
  child_fate(s->child, fate, sizeof fate);
  snprintf(text, sizeof text, "worker ended %s: %s", what, fate);
  went_wrong(s, text);
}

static const char *phase(const Slot *s) { return s->ask ? "while it worked on a request" : "before it was ready"; }

static bool read_field(Json *j, const char *key, Header *h, Err *err) {
  JsonToken t = json_next(j, err);
  if (t == JSON_ERROR) return false;
  if (t == JSON_INT && !strcmp(key, "id")) h->id = j->i, h->has_id = true;
  else if (t == JSON_INT && !strcmp(key, "bytes")) h->bytes = j->i;
  else if (t == JSON_INT && !strcmp(key, "brink")) h->protocol = j->i;
  else if (t == JSON_TRUE && !strcmp(key, "shared")) h->shares = true;
  return json_skip(j, t, err);
}

static bool read_fields(Json *j, Header *h, Err *err) {
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

static bool read_header(const Buf *text, Header *h, Err *err) {
  Json j;
  *h = (Header){0};
  json_init(&j, (const char *)text->data, text->n, "header");
  bool ok = read_fields(&j, h, err);
  json_clear(&j);
  if (ok && (h->bytes < 0 || h->bytes > WORKER_BODY_MAX))
    return err_set(err, ERR_MODEL, "bytes: %lld is outside 0..%d", (long long)h->bytes, WORKER_BODY_MAX);
  return ok;
}

static void got_hello(Slot *s, const Header *h) {
  Workers *w = s->pool;
  if (h->protocol != WORKER_PROTOCOL) {
    char text[160];
    if (h->protocol) snprintf(text, sizeof text, "worker speaks protocol %lld, version %d is expected", (long long)h->protocol, WORKER_PROTOCOL);
    else snprintf(text, sizeof text, "the first frame is no hello with \"brink\": %d", WORKER_PROTOCOL);
    w->bad_starts = w->spec.restarts - 1; /* another try would say the same */
    went_wrong(s, text);
    return;
  }
  s->shares = h->shares;
  if (!w->hello.n) buf_append(&w->hello, s->header.data, s->header.n);
  uv_timer_stop(&s->timer);
  s->state = READY;
}

static void got_answer(Slot *s) {
  Ask *a = s->ask;
  s->ask = NULL;
  a->slot = NULL;
  a->header = s->header;
  a->body = s->body;
  buf_init(&s->header);
  buf_init(&s->body);
  s->bad = s->pool->bad_starts = 0;
  s->answered++;
  s->state = READY;
  uv_timer_stop(&s->timer);
  job_finish(a->job.loop, &a->job);
}

/* Whatever comes next could be taken for an answer, so this process is given up. */
static void spoke_unasked(Slot *s) {
  if (s->answered) {
    drop_child(s, false);
  } else {
    s->state = STARTING;
    went_wrong(s, "worker says more than its hello before it is asked");
  }
}

static void got_frame(Slot *s, const Header *h) {
  char text[128];
  if (s->state == STARTING) {
    got_hello(s, h);
  } else if (s->state == READY) {
    spoke_unasked(s);
  } else if (!child_unsent(s->child) && h->has_id && h->id == s->id && s->ask) {
    got_answer(s);
  } else {
    if (child_unsent(s->child)) snprintf(text, sizeof text, "answer before the request was read");
    else if (h->has_id) snprintf(text, sizeof text, "answer to request %lld, which is not the one asked", (long long)h->id);
    else snprintf(text, sizeof text, "answer without id");
    went_wrong(s, text);
  }
}

/* The first bytes of a thing that is no frame, to be recognised by whoever printed it. */
static void no_frame(Slot *s, uint32_t n, const uint8_t *data, size_t have) {
  char text[256];
  int at = snprintf(text, sizeof text, "no frame on standard output (a header of %lu bytes, at most %d expected), it begins: ", (unsigned long)n, WORKER_HEADER_MAX);
  for (size_t i = 0; i < 4 + have && i < 40; i++) {
    uint8_t c = i < 4 ? s->size[i] : data[i - 4];
    text[at++] = c >= 32 && c < 127 ? (char)c : '.';
  }
  text[at] = 0;
  went_wrong(s, text);
}

/* Take what is missing of a part of `want` bytes; how much was used. */
static size_t fill(Buf *b, size_t want, const uint8_t *data, size_t n) {
  size_t need = want - b->n;
  if (need > n) need = n;
  return buf_append(b, data, need) ? need : SIZE_MAX;
}

/* One step of the reader: bytes used, SIZE_MAX when the child is dropped. */
static size_t step(Slot *s, const uint8_t *data, size_t n) {
  Child *c = s->child;
  Err err = {0};
  size_t used = 0;
  if (s->size_n < 4) {
    s->size[s->size_n++] = data[used++];
    if (s->size_n < 4) return used;
    uint32_t size = s->size[0] | (uint32_t)s->size[1] << 8 | (uint32_t)s->size[2] << 16 | (uint32_t)s->size[3] << 24;
    if (size < 2 || size > WORKER_HEADER_MAX) return no_frame(s, size, data + used, n - used), SIZE_MAX;
    s->header_want = size;
    return used;
  }
  bool in_body = s->header.n == s->header_want;
  used = in_body ? fill(&s->body, s->body_want, data, n) : fill(&s->header, s->header_want, data, n);
  if (used == SIZE_MAX) return went_wrong(s, "out of memory for its answer"), SIZE_MAX;
  if (s->header.n < s->header_want) return used;
  if (!s->parsed && !read_header(&s->header, &s->head, &err)) {
    char text[400];
    snprintf(text, sizeof text, "frame header: %.360s", err.text);
    return went_wrong(s, text), SIZE_MAX;
  }
  s->parsed = true;
  s->body_want = (size_t)s->head.bytes;
  if (s->body.n < s->body_want) return used;
  got_frame(s, &s->head);
  if (s->child != c) return SIZE_MAX;
  forget_frame(s);
  return used;
}

static void on_read(Child *c, const uint8_t *data, size_t n) {
  Slot *s = c->owner;
  while (n > 0) {
    size_t used = step(s, data, n);
    if (used == SIZE_MAX) break;
    data += used;
    n -= used;
    if (n > 0 && s->state == READY) {
      spoke_unasked(s);
      break;
    }
  }
  pump(s->pool);
}

static void on_exit(Child *c) {
  Slot *s = c->owner;
  if (s->state == READY) drop_child(s, false);
  else went_wrong_as(s, phase(s));
  pump(s->pool);
}

static void on_end(Child *c) {
  Slot *s = c->owner;
  if (s->state == READY) {
    drop_child(s, false);
    return;
  }
  s->state = ENDING;
  set_timer(s, LAST_WORDS_MS);
}

static void on_timer(uv_timer_t *timer) {
  Slot *s = timer->data;
  Workers *w = s->pool;
  char text[128];
  if (s->state == LATER) {
    s->state = EMPTY;
  } else if (s->state == ENDING) {
    went_wrong(s, s->ask ? "worker closed its standard output instead of answering" : "worker closed its standard output before it was ready");
  } else {
    Child *c = s->child;
    State was = s->state;
    Ask *a = s->ask;
    child_drain(c); /* we may have been busy while the answer was already there */
    if (s->child == c && s->state == was && s->ask == a && (was == STARTING || was == BUSY)) {
      if (was == BUSY) snprintf(text, sizeof text, "no answer within %.6g s", w->spec.timeout);
      else snprintf(text, sizeof text, "worker not ready within %.6g s", w->spec.start_timeout);
      went_wrong(s, text);
    }
  }
  pump(w);
}

static int shared_memory(void) {
  int fd = memfd_create("brink frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd >= 0) fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK); /* a worker cannot take away what we write to */
  return fd;
}

static void launch(Slot *s) {
  Workers *w = s->pool;
  Err err = {0};
  s->memory = shared_memory();
  ChildSpec spec = {w->spec.argv, w->spec.env, w->spec.cwd, s->memory, true};
  s->child = child_spawn(loop_uv(w->loop), &w->children, &spec, &err);
  w->stats.started++;
  s->state = STARTING;
  if (!s->child) {
    w->bad_starts = w->spec.restarts;
    w->stats.failed++;
    drop_child(s, true);
    Buf why = {0};
    buf_puts(&why, err.text);
    go_down(w, &why);
    buf_clear(&why);
    return;
  }
  s->child->owner = s;
  s->child->on_read = on_read;
  s->child->on_end = on_end;
  s->child->on_exit = on_exit;
  set_timer(s, w->spec.start_timeout * 1e3);
}

/* The pixels, rows without padding. */
static bool pack(const Ask *a, Buf *out) {
  for (int k = 0; k < a->count; k++)
    for (int y = 0; y < a->images[k]->h; y++)
      if (!buf_append(out, image_row(a->images[k], y), image_row_bytes(a->images[k]))) return false;
  return true;
}

static bool write_all(int fd, const void *data, size_t n, size_t at) {
  while (n > 0) {
    ssize_t put = pwrite(fd, data, n, (off_t)at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    data = (const char *)data + put;
    at += (size_t)put;
    n -= (size_t)put;
  }
  return true;
}

static bool share(const Ask *a, int fd) {
  size_t at = 0;
  for (int k = 0; k < a->count; k++) {
    const Image *im = a->images[k];
    size_t row = image_row_bytes(im);
    bool dense = row == im->stride;
    for (int y = 0; y < (dense ? 1 : im->h); y++) {
      size_t n = dense ? row * (size_t)im->h : row;
      if (!write_all(fd, image_row(im, y), n, at)) return false;
      at += n;
    }
  }
  return true;
}

/* Length, header, pixels in one buffer. */
static bool make_frame(Slot *s, const Ask *a, Err *err) {
  const Image *im = a->images[0];
  size_t bytes = image_row_bytes(im) * (size_t)im->h * (size_t)a->count;
  if (bytes > FRAME_MAX) return err_set(err, ERR_LIMIT, "%zu bytes of pixels in one request, at most %d expected: a smaller batch", bytes, FRAME_MAX);
  bool shared = s->shares && s->memory >= 0 && bytes >= WORKER_SHARED_FROM && share(a, s->memory);
  s->out.n = 0;
  buf_append(&s->out, "    ", 4);
  buf_printf(&s->out, "{\"id\":%lld,\"op\":\"predict\",\"shape\":[%d,%d,%d,%d],\"dtype\":\"%s\",\"bytes\":%zu", (long long)s->id, a->count, im->h,
             im->w, im->c, im->type == IMAGE_U8 ? "u8" : "f32", shared ? 0 : bytes);
  if (shared) buf_printf(&s->out, ",\"shared\":%zu", bytes);
  buf_putc(&s->out, '}');
  size_t n = s->out.n - 4;
  bool ok = !s->out.failed && (shared || pack(a, &s->out));
  if (!ok) return err_memory(err);
  for (int k = 0; k < 4; k++) s->out.data[k] = (uint8_t)(n >> (8 * k));
  return true;
}

static void give(Slot *s, Ask *a) {
  Workers *w = s->pool;
  Err err = {0};
  s->ask = a;
  a->slot = s;
  s->id = ++w->id;
  s->state = BUSY;
  if (!make_frame(s, a, &err)) {
    s->ask = NULL;
    s->state = READY;
    buf_clear(&s->out);
    ask_failed(a, err.code, err.text, strlen(err.text));
    return;
  }
  uv_buf_t buf = uv_buf_init((char *)s->out.data, (unsigned)s->out.n);
  if (!child_write(s->child, &buf, 1, &err)) {
    went_wrong(s, err.text);
    return;
  }
  set_timer(s, w->spec.timeout * 1e3);
}

static Slot *find(Workers *w, State state) {
  for (int k = 0; k < w->spec.count; k++)
    if (w->slots[k].state == state) return &w->slots[k];
  return NULL;
}

static int coming(const Workers *w) {
  int n = 0;
  for (int k = 0; k < w->spec.count; k++) n += w->slots[k].state == STARTING || w->slots[k].state == LATER || (w->slots[k].state == ENDING && !w->slots[k].ask);
  return n;
}

static int waiting(const Workers *w) {
  int n = 0;
  for (const Ask *a = w->first; a; a = a->next) n++;
  return n;
}

static void fail_all(Workers *w) {
  while (w->first) {
    Ask *a = take(w);
    a->down = true;
    ask_failed(a, ERR_MODEL, (const char *)w->down.data, w->down.n);
  }
}

/* A worker that may answer: for a second try one that has answered nothing yet. */
static Slot *ready_for(Workers *w, const Ask *a) {
  for (int k = 0; k < w->spec.count; k++)
    if (w->slots[k].state == READY && (!a->fresh || !w->slots[k].answered)) return &w->slots[k];
  return NULL;
}

/* The first request in the queue that can go, and where to; a.count 0 waits for a hello only. */
static bool hand_out(Workers *w) {
  for (Ask *a = w->first; a; a = a->next) {
    Slot *s = NULL;
    if (a->count == 0 ? !w->hello.n : !(s = ready_for(w, a))) continue;
    unqueue(w, a);
    if (s) give(s, a);
    else if (!buf_append(&a->header, w->hello.data, w->hello.n)) ask_failed(a, ERR_MEMORY, "out of memory", 13);
    else job_finish(w->loop, &a->job);
    return true;
  }
  return false;
}

/* One more process for those who wait. */
static bool bring_up(Workers *w) {
  if (!w->first || coming(w) >= waiting(w)) return false;
  Slot *s = find(w, EMPTY);
  if (!s && !coming(w) && w->first->fresh && (s = find(w, READY))) drop_child(s, false);
  if (s) launch(s);
  return s != NULL;
}

/* Give work to whoever is free, start whom it takes. */
static void pump(Workers *w) {
  if (w->closed) return;
  while (!w->down.n && (hand_out(w) || bring_up(w))) {}
  if (w->down.n) fail_all(w);
}

bool ask_start(Job *job) {
  Ask *a = (Ask *)job;
  if (a->pool->closed) return err_set(&job->err, ERR_MODEL, "the model is closed");
  put(a->pool, a);
  pump(a->pool);
  return true;
}

void ask_cancel(Job *job) {
  Ask *a = (Ask *)job;
  Workers *w = a->pool;
  static const char why[] = "interrupted";
  if (a->slot) {
    Slot *s = a->slot;
    s->ask = NULL;
    drop_child(s, false);
  } else if (!unqueue(w, a)) {
    return; /* finished already */
  }
  ask_failed(a, ERR_CANCELLED, why, sizeof why - 1);
}

void ask_clear(Job *job) {
  Ask *a = (Ask *)job;
  for (int k = 0; k < a->count; k++) image_unref(a->images[k]);
  mem_free(a->images);
  a->images = NULL;
  a->count = 0;
  buf_clear(&a->header);
  buf_clear(&a->body);
  buf_clear(&a->reason);
}

void workers_close(Workers *w, int grace_ms) {
  static const char why[] = "the model was closed";
  if (w->closed) return;
  w->closed = true;
  while (w->first) ask_failed(take(w), ERR_MODEL, why, sizeof why - 1);
  for (int k = 0; k < w->spec.count; k++) {
    Slot *s = &w->slots[k];
    Ask *a = s->ask;
    s->ask = NULL;
    if (a) ask_failed(a, ERR_MODEL, why, sizeof why - 1);
    s->child = NULL; /* the set has it */
  }
  children_end(&w->children, grace_ms);
  for (int k = 0; k < w->spec.count; k++) {
    drop_child(&w->slots[k], false);
    uv_close((uv_handle_t *)&w->slots[k].timer, timer_closed);
  }
}
