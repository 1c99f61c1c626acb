/* core.http: requests to model servers (engine/model/server.h).
 *
 *   open([parallel]) -> Http | nil, message, code
 *   http:ask{url=, body=, headers={"Name: value", ...}, timeout=, limit=} -> status, body, {name in lower case = value}
 *     | nil, message, code, how ("connect": not sent, "lost": cut off, "late", "other")
 *   http:close()
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "model/server.h"

#define HTTP "brink.Http"

typedef struct Box { Http *http; } Box; /* NULL once closed */

static int f_open(lua_State *L) {
  lua_Integer parallel = luaL_optinteger(L, 1, 4);
  const char *ca = luaL_optstring(L, 2, NULL);
  luaL_argcheck(L, parallel >= 1 && parallel <= 1024, 1, "1..1024 expected");
  Loop *loop = bind_loop(L); /* first, so that it is collected after the client */
  Box *box = lua_newuserdatauv(L, sizeof *box, 0);
  box->http = NULL;
  luaL_setmetatable(L, HTTP);
  Err err = {0};
  box->http = http_new(loop, (int)parallel, ca, &err);
  return box->http ? 1 : bind_fail(L, &err);
}

static int f_close(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, HTTP);
  Http *http = box->http;
  box->http = NULL;
  if (http) http_close(http);
  return 0;
}

/* The reply's headers as a table. A line that is none is passed over. */
static void push_headers(lua_State *L, const Buf *text) {
  lua_newtable(L);
  const char *at = text->n ? (const char *)text->data : "";
  while (*at) {
    size_t n = strcspn(at, "\r\n");
    const char *colon = memchr(at, ':', n);
    if (colon) {
      char name[128];
      size_t k = 0;
      for (const char *p = at; p < colon && k < sizeof name - 1; p++) name[k++] = (char)tolower((unsigned char)*p);
      name[k] = 0;
      const char *v = colon + 1;
      while (v < at + n && (*v == ' ' || *v == '\t')) v++;
      lua_pushlstring(L, v, (size_t)(at + n - v));
      lua_setfield(L, -2, name);
    }
    at += n;
    at += strspn(at, "\r\n");
  }
}

static int ask_finish(lua_State *L) {
  static const char *const how[] = {"answered", "connect", "lost", "late", "other"};
  HttpRequest *r = lua_touserdata(L, -1);
  if (r->job.failed) {
    bind_fail(L, &r->job.err);
    lua_pushstring(L, how[r->end]);
    return 4;
  }
  lua_pushinteger(L, r->status);
  lua_pushlstring(L, r->reply.n ? (const char *)r->reply.data : "", r->reply.n);
  push_headers(L, &r->reply_headers);
  http_clear(&r->job);
  return 3;
}

static char *header_lines(lua_State *L, int list) {
  Buf b = {0};
  lua_Integer n = luaL_len(L, list);
  for (lua_Integer k = 1; k <= n; k++) { /* raw access only: nothing here raises while b is held */
    lua_rawgeti(L, list, k);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    for (; *s; s++) buf_putc(&b, *s == '\n' || *s == '\r' ? ' ' : *s);
    buf_putc(&b, '\n');
    lua_pop(L, 1);
  }
  char *out = b.failed ? NULL : mem_strdup(b.data ? (const char *)b.data : "");
  buf_clear(&b);
  return out;
}

static int f_ask(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, HTTP);
  luaL_argcheck(L, box->http, 1, "the model is closed");
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_getfield(L, 2, "url");
  const char *url = luaL_checkstring(L, 3);
  lua_getfield(L, 2, "body");
  size_t n = 0;
  const char *body = luaL_optlstring(L, 4, NULL, &n);
  lua_getfield(L, 2, "timeout");
  double timeout = luaL_optnumber(L, 5, 30);
  luaL_argcheck(L, timeout > 0 && timeout <= 1e6, 2, "timeout: outside 0..1e6 s");
  lua_getfield(L, 2, "limit");
  lua_Integer limit = luaL_optinteger(L, 6, 64 << 20);
  lua_getfield(L, 2, "headers");
  HttpRequest *r = bind_job(L, sizeof *r, NULL, http_clear);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  r->job.start = http_start;
  r->job.cancel = http_cancel;
  r->http = box->http;
  r->timeout = timeout;
  r->limit = limit < 1 ? 1 : (size_t)limit;
  r->post = body != NULL;
  r->url = mem_strdup(url);
  r->headers = lua_istable(L, 7) ? header_lines(L, 7) : mem_strdup("");
  if (!r->url || !r->headers || (n && !buf_append(&r->body, body, n))) return luaL_error(L, "out of memory");
  return bind_run(L, ask_finish);
}

int open_http(lua_State *L) {
  static const luaL_Reg methods[] = {{"ask", f_ask}, {"close", f_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", f_close}, {"__close", f_close}, {NULL, NULL}};
  static const luaL_Reg funcs[] = {{"open", f_open}, {NULL, NULL}};
  bind_type(L, HTTP, methods, metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
