/* SPDX-License-Identifier: MIT */
#include "model/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/child.h"
#include "model/frame.h"
#include "model/request.h"

enum { LATER_MS = 50, LATEST_MS = 2000, LAST_WORDS_MS = 300 };

typedef enum State {
  EMPTY,    /* no process; may be started */
  LATER,    /* no process; started when the timer says so */
  STARTING, /* its hello is awaited */
  READY,
  BUSY,     /* with ask */
  ENDING    /* its output ended: the timer gives it a moment to exit, for its exit code */
} State;

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
  Frame in;         /* the frame being read */
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
  out->alive = out->busy = 0;
  for (int k = 0; k < w->spec.count; k++) {
    out->alive += w->slots[k].child != NULL;
    out->busy += w->slots[k].state == BUSY;
  }
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

/* The process of this slot goes; the slot is free for another, sooner or later. */
static void drop_child(Slot *s, bool bad) {
  if (s->child) child_bury(s->child);
  s->child = NULL;
  if (s->memory >= 0) close(s->memory);
  s->memory = -1;
  s->shares = false;
  s->answered = 0;
  frame_clear(&s->in);
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
  buf_printf(&why, "%s: %s", w->spec.name ? w->spec.name : w->spec.argv[0], what);
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

static void got_hello(Slot *s, const FrameHead *h) {
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
  if (!w->hello.n) buf_append(&w->hello, s->in.header.data, s->in.header.n);
  uv_timer_stop(&s->timer);
  s->state = READY;
}

static void got_answer(Slot *s) {
  Ask *a = s->ask;
  s->ask = NULL;
  a->slot = NULL;
  a->header = s->in.header;
  a->body = s->in.body;
  buf_init(&s->in.header);
  buf_init(&s->in.body);
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

static void got_frame(Slot *s, const FrameHead *h) {
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

/* One step of the reader: bytes used, SIZE_MAX when the child is dropped. */
static size_t step(Slot *s, const uint8_t *data, size_t n) {
  Child *c = s->child;
  Err err = {0};
  size_t used = frame_feed(&s->in, data, n, &err);
  if (used == SIZE_MAX) return went_wrong(s, err.text), SIZE_MAX;
  if (!frame_whole(&s->in)) return used;
  got_frame(s, &s->in.head);
  if (s->child != c) return SIZE_MAX;
  frame_clear(&s->in);
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

static void launch(Slot *s) {
  Workers *w = s->pool;
  Err err = {0};
  s->memory = request_memory();
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

static void give(Slot *s, Ask *a) {
  Workers *w = s->pool;
  Err err = {0};
  s->ask = a;
  a->slot = s;
  s->id = ++w->id;
  s->state = BUSY;
  if (!request_write(a, s->id, s->shares ? s->memory : -1, &s->out, &err)) {
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

static bool asks_hello(const Ask *a) { return a->count == 0 && !a->fields; }

/* The first request in the queue that can go, and where to. */
static bool hand_out(Workers *w) {
  for (Ask *a = w->first; a; a = a->next) {
    Slot *s = NULL;
    if (asks_hello(a) ? !w->hello.n : !(s = ready_for(w, a))) continue;
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
  for (int k = 0; k < a->n_tensors; k++) tensor_unref(a->tensors[k]);
  mem_free(a->images);
  mem_free(a->tensors);
  a->images = NULL;
  a->tensors = NULL;
  a->count = a->n_tensors = 0;
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
