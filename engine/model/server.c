/* SPDX-License-Identifier: MIT */
#include "model/server.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

void http_clear(Job *job) {
  HttpRequest *r = (HttpRequest *)job;
  mem_free(r->url);
  mem_free(r->headers);
  r->url = r->headers = NULL;
  buf_clear(&r->body);
  buf_clear(&r->reply);
  buf_clear(&r->reply_headers);
}

#ifndef HAVE_LIBCURL

Http *http_new(Loop *loop, int parallel, const char *ca, Err *err) {
  (void)loop, (void)parallel, (void)ca;
  err_set(err, ERR_UNSUPPORTED, "models behind a server: this build has no libcurl; install its development package and build again");
  return NULL;
}
void http_close(Http *http) { (void)http; }
bool http_start(Job *job) { return err_set(&job->err, ERR_UNSUPPORTED, "no libcurl"); }
void http_cancel(Job *job) { (void)job; }

#else

#include <curl/curl.h>

struct Http {
  Loop *loop;
  CURLM *multi;
  uv_timer_t timer;
  int parallel, active;
  HttpRequest *first, **last; /* waiting */
  HttpRequest *running;       /* list, for closing */
  CURL *spare;                /* a handle that was used, with its settings gone */
  bool unwatched;             /* memory for a watch was missing: what runs could wait for ever */
  bool closed;
  char *ca;                   /* owned; NULL: the system's */
};

/* libuv's side of one socket of libcurl. */
typedef struct Watch {
  uv_poll_t poll;
  Http *http;
  curl_socket_t socket;
} Watch;

static void collect(Http *h);

static void watch_closed(uv_handle_t *handle) { mem_free(handle->data); }

static void on_socket(uv_poll_t *poll, int status, int events) {
  Watch *w = poll->data;
  Http *h = w->http;
  int running, flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0; /* a dead connection: libcurl sees it by itself, and may take another */
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(h->multi, w->socket, flags, &running);
  collect(h);
}

static Watch *watch_new(Http *h, curl_socket_t socket) {
  Watch *w = mem_calloc(1, sizeof *w);
  if (!w) return NULL;
  w->http = h;
  w->socket = socket;
  if (uv_poll_init_socket(loop_uv(h->loop), &w->poll, socket) != 0) return mem_free(w), NULL;
  w->poll.data = w;
  curl_multi_assign(h->multi, socket, w);
  return w;
}

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *http, void *known) {
  Watch *w = known;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (!w) return 0;
    curl_multi_assign(((Http *)http)->multi, socket, NULL);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, watch_closed);
    return 0;
  }
  if (!w) w = watch_new(http, socket);
  int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  if (!w || uv_poll_start(&w->poll, events, on_socket) != 0) ((Http *)http)->unwatched = true; /* an error returned would end the multi handle for good */
  return 0;
}

static void on_timer(uv_timer_t *timer) {
  Http *h = timer->data;
  int running;
  curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  collect(h);
}

static int timer_wanted(CURLM *multi, long ms, void *http) {
  Http *h = http;
  (void)multi;
  if (ms < 0) return uv_timer_stop(&h->timer), 0;
  uv_update_time(loop_uv(h->loop));
  uv_timer_start(&h->timer, on_timer, (uint64_t)ms, 0);
  return 0;
}

static size_t got_body(char *data, size_t size, size_t n, void *request) {
  HttpRequest *r = request;
  if (r->reply.n + size * n > r->limit) {
    r->too_large = true;
    return 0;
  }
  return buf_append(&r->reply, data, size * n) ? size * n : 0;
}

static size_t got_header(char *data, size_t size, size_t n, void *request) {
  HttpRequest *r = request;
  n *= size;
  if (n > 5 && !memcmp(data, "HTTP/", 5)) r->reply_headers.n = 0; /* a 100 before the real one */
  if (r->reply_headers.n + n > 1 << 16) return 0;
  return buf_append(&r->reply_headers, data, n) ? n : 0;
}

static bool is_loopback(const char *url) {
  CURLU *u = curl_url();
  char *host = NULL;
  bool is = u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
            (!strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]"));
  curl_free(host);
  curl_url_cleanup(u);
  return is;
}

static struct curl_slist *lines_of(const char *headers) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  while (list && headers && *headers) {
    size_t n = strcspn(headers, "\n");
    char *line = mem_alloc(n + 1, 1); /* a token may be long */
    if (line) memcpy(line, headers, n), line[n] = 0;
    struct curl_slist *longer = line ? curl_slist_append(list, line) : NULL;
    mem_free(line);
    if (!longer) return curl_slist_free_all(list), NULL;
    list = longer;
    headers += n + (headers[n] == '\n');
  }
  return list;
}

static void set_up(HttpRequest *r, CURL *e) {
  curl_easy_setopt(e, CURLOPT_URL, r->url);
  curl_easy_setopt(e, CURLOPT_PRIVATE, r);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(r->timeout * 1e3) + 1);
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->timeout * 1e3) + 1);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, r->lines);
  curl_easy_setopt(e, CURLOPT_USERAGENT, "brink");
  curl_easy_setopt(e, CURLOPT_ERRORBUFFER, r->why);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, got_body);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, got_header);
  curl_easy_setopt(e, CURLOPT_HEADERDATA, r);
  if (r->http->ca) curl_easy_setopt(e, CURLOPT_CAINFO, r->http->ca);
  if (is_loopback(r->url)) curl_easy_setopt(e, CURLOPT_PROXY, "");
  if (!r->post) return;
  curl_easy_setopt(e, CURLOPT_POST, 1L);
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.n ? (const char *)r->body.data : "");
}

static bool unlist(HttpRequest **at, const HttpRequest *r) {
  while (*at && *at != r) at = &(*at)->next;
  if (!*at) return false;
  *at = r->next;
  return true;
}

static void drop_easy(Http *h, HttpRequest *r, bool reuse) {
  curl_multi_remove_handle(h->multi, r->easy);
  curl_slist_free_all(r->lines);
  if (reuse && !h->spare) {
    curl_easy_reset(r->easy);
    h->spare = r->easy;
  } else {
    curl_easy_cleanup(r->easy);
  }
  r->easy = r->lines = NULL;
  unlist(&h->running, r);
  h->active--;
}

static void launch(Http *h, HttpRequest *r) {
  r->lines = lines_of(r->headers);
  r->easy = h->spare ? h->spare : curl_easy_init();
  h->spare = NULL;
  h->active++;
  r->next = h->running;
  h->running = r;
  if (r->easy && r->lines) {
    set_up(r, r->easy);
    if (curl_multi_add_handle(h->multi, r->easy) == CURLM_OK) return;
  }
  if (r->easy) curl_easy_cleanup(r->easy);
  curl_slist_free_all(r->lines);
  r->easy = r->lines = NULL;
  unlist(&h->running, r);
  h->active--;
  r->job.failed = !err_memory(&r->job.err);
  job_finish(h->loop, &r->job);
}

static void pump(Http *h) {
  while (!h->closed && h->first && h->active < h->parallel) {
    HttpRequest *r = h->first;
    h->first = r->next;
    if (!h->first) h->last = &h->first;
    launch(h, r);
  }
}

static HttpEnd end_of(CURLcode code) {
  switch (code) {
  case CURLE_OK: return HTTP_ANSWERED;
  case CURLE_COULDNT_CONNECT:
  case CURLE_COULDNT_RESOLVE_HOST: return HTTP_NOT_CONNECTED;
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_PARTIAL_FILE: return HTTP_LOST;
  case CURLE_OPERATION_TIMEDOUT: return HTTP_LATE;
  default: return HTTP_OTHER;
  }
}

static void ended(Http *h, HttpRequest *r, CURLcode code) {
  curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &r->status);
  drop_easy(h, r, true);
  r->end = end_of(code);
  if (r->end == HTTP_LATE) {
    r->job.failed = !err_set(&r->job.err, ERR_MODEL, "no whole reply within %.6g s", r->timeout);
  } else if (r->too_large) {
    r->job.failed = !err_set(&r->job.err, ERR_MODEL, "a reply of more than %zu bytes", r->limit);
  } else if (r->end != HTTP_ANSWERED) {
    r->job.failed = !err_set(&r->job.err, ERR_MODEL, "%.200s", r->why[0] ? r->why : curl_easy_strerror(code));
  }
  job_finish(h->loop, &r->job);
}

static void stop(HttpRequest *r, ErrCode code, const char *why) {
  r->end = HTTP_OTHER;
  r->job.failed = !err_set(&r->job.err, code, "%s", why);
  job_finish(r->job.loop, &r->job);
}

static void collect(Http *h) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(h->multi, &left))) {
    if (m->msg != CURLMSG_DONE) continue;
    CURLcode code = m->data.result;
    HttpRequest *r = NULL;
    curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&r);
    ended(h, r, code);
  }
  while (h->unwatched && h->running) {
    HttpRequest *r = h->running;
    drop_easy(h, r, false);
    stop(r, ERR_MEMORY, "out of memory");
  }
  h->unwatched = false;
  pump(h);
}

static void http_free(Http *h) {
  mem_free(h->ca);
  mem_free(h);
}

Http *http_new(Loop *loop, int parallel, const char *ca, Err *err) {
  Http *h = mem_calloc(1, sizeof *h);
  if (!h) return err_memory(err), NULL;
  if (ca && !(h->ca = mem_strdup(ca))) return mem_free(h), err_memory(err), NULL;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  h->loop = loop;
  h->parallel = parallel;
  h->last = &h->first;
  h->multi = curl_multi_init();
  if (!h->multi) return http_free(h), err_memory(err), NULL;
  uv_timer_init(loop_uv(loop), &h->timer);
  h->timer.data = h;
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
  curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
  curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
  curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)parallel);
  return h;
}

static void timer_closed(uv_handle_t *timer) { http_free(timer->data); }

void http_close(Http *h) {
  h->closed = true;
  while (h->first) {
    HttpRequest *r = h->first;
    h->first = r->next;
    stop(r, ERR_MODEL, "the model was closed");
  }
  while (h->running) {
    HttpRequest *r = h->running;
    drop_easy(h, r, false);
    stop(r, ERR_MODEL, "the model was closed");
  }
  if (h->spare) curl_easy_cleanup(h->spare);
  curl_multi_cleanup(h->multi); /* closes the connections, and through socket_wanted their watches */
  uv_timer_stop(&h->timer);
  uv_close((uv_handle_t *)&h->timer, timer_closed);
}

bool http_start(Job *job) {
  HttpRequest *r = (HttpRequest *)job;
  Http *h = r->http;
  if (h->closed) return err_set(&job->err, ERR_MODEL, "the model is closed");
  r->next = NULL;
  *h->last = r;
  h->last = &r->next;
  pump(h);
  return true;
}

void http_cancel(Job *job) {
  HttpRequest *r = (HttpRequest *)job;
  Http *h = r->http;
  if (r->easy) {
    drop_easy(h, r, false);
  } else {
    if (!unlist(&h->first, r)) return; /* over already */
    h->last = &h->first;
    while (*h->last) h->last = &(*h->last)->next;
  }
  stop(r, ERR_CANCELLED, "interrupted");
  pump(h);
}

#endif
