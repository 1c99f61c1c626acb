/* Requests over HTTP, many at a time on the loop (libcurl's multi interface),
 * connections kept for the next request. No redirects, no compression, no
 * "Expect: 100-continue", no proxy to this machine; one deadline for the whole
 * exchange; the reply has a limit. What is worth another try is the caller's
 * business. SPDX-License-Identifier: MIT */
#ifndef BRINK_SERVER_H
#define BRINK_SERVER_H

#include "async/job.h"
#include "base/buf.h"

typedef struct Http Http;

typedef enum HttpEnd {
  HTTP_ANSWERED,
  HTTP_NOT_CONNECTED, /* no such host, refused, no route: the request was not sent */
  HTTP_LOST,          /* cut off before the reply was whole */
  HTTP_LATE,          /* the deadline */
  HTTP_OTHER          /* too large, not HTTP, ... */
} HttpEnd;

/* One exchange. Zeroed, filled in by the caller; job.start = http_start, .cancel = http_cancel, .clear = http_clear. */
typedef struct HttpRequest {
  Job job;
  Http *http;
  char *url;       /* owned (mem) */
  char *headers;   /* owned (mem): lines "Name: value", each ending with \n */
  Buf body;        /* sent by POST; empty: GET */
  bool post;       /* POST also when empty */
  double timeout;  /* seconds */
  size_t limit;    /* bytes of the reply's body at most */
  HttpEnd end;
  long status;
  Buf reply, reply_headers; /* headers as they came, of the last response */
  void *easy, *lines;       /* private from here */
  char why[256];
  bool too_large;
  struct HttpRequest *next;
} HttpRequest;

/* parallel: exchanges at a time; the others wait. ca: file of certificates (PEM) to trust instead of the system's, or NULL. ERR_UNSUPPORTED where libcurl is not built in. */
Http *http_new(Loop *loop, int parallel, const char *ca, Err *err);
void http_close(Http *http); /* what is under way fails */
bool http_start(Job *job);
void http_cancel(Job *job);
void http_clear(Job *job);

#endif
