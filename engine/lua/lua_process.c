/* core.process: worker processes (engine/model/process.h), single runs of
 * programs, pictures as files in memory.
 *
 *   open{argv=, env=, cwd=, name=, workers=, timeout=, start_timeout=, restarts=} -> Workers | nil, message, code
 *   workers:hello() -> JSON text | nil, message, code, down
 *   workers:ask(images[, again]) -> JSON text, bytes | nil, message, code, down
 *   workers:call(fields, tensors[, again])   another request: fields of its header as JSON text without braces
 *   workers:stats() -> {alive=, busy=, started=, failed=}; workers:close([grace seconds])
 *   run{argv=, env=, cwd=, timeout=, limit=} -> standard output | nil, message, code
 *   file(bytes[, suffix]) -> MemoryFile: path(), close()
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "lua/bind.h"
#include "lua/bind_tensor.h"
#include "model/command.h"
#include "model/process.h"

#define WORKERS "brink.Workers"
#define MEMORY_FILE "brink.MemoryFile"

extern char **environ;

/* ... -> ..., userdata: a NULL-terminated array of the strings of the list at `list`, after those of `before` whose
 * name is not given anew. */
static char **push_strings(lua_State *L, int list, char **before) {
  lua_Integer n = luaL_len(L, list), count = n;
  for (char **e = before; e && *e; e++) count++;
  size_t bytes = 0;
  for (lua_Integer k = 1; k <= n; k++) {
    lua_geti(L, list, k);
    size_t len = 0;
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
    if (!s || strlen(s) != len) luaL_error(L, "argv, env: a list of texts without zero bytes expected");
    bytes += len + 1;
    lua_pop(L, 1);
  }
  char **out = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *out + bytes, 0), *text = (char *)(out + count + 1);
  lua_Integer at = 0;
  for (lua_Integer k = 1; k <= n; k++) {
    lua_geti(L, list, k);
    size_t len;
    const char *s = lua_tolstring(L, -1, &len);
    out[at++] = memcpy(text, s, len + 1);
    text += len + 1;
    lua_pop(L, 1);
  }
  for (char **e = before; e && *e; e++) {
    size_t name = strcspn(*e, "=") + 1;
    bool anew = false;
    for (lua_Integer k = 0; k < n && !anew; k++) anew = !strncmp(out[k], *e, name);
    if (!anew) out[at++] = *e;
  }
  out[at] = NULL;
  return out;
}

static double seconds(lua_State *L, int opts, const char *name, double otherwise) {
  double v = otherwise;
  if (lua_getfield(L, opts, name) != LUA_TNIL) {
    if (!lua_isnumber(L, -1)) luaL_error(L, "%s: seconds expected, got %s", name, luaL_typename(L, -1));
    v = lua_tonumber(L, -1);
    if (!(v > 0 && v <= 1e6)) luaL_error(L, "%s: outside 0..1e6 s", name);
  }
  lua_pop(L, 1);
  return v;
}

static lua_Integer whole(lua_State *L, int opts, const char *name, lua_Integer otherwise, lua_Integer hi) {
  lua_Integer v = otherwise;
  if (lua_getfield(L, opts, name) != LUA_TNIL) {
    int is = 0;
    v = lua_tointegerx(L, -1, &is);
    if (!is || v < 1 || v > hi) luaL_error(L, "%s: an integer in 1..%I expected", name, hi);
  }
  lua_pop(L, 1);
  return v;
}

/* A text of the options, kept in the table at `keep`; NULL when it is not there. */
static const char *text(lua_State *L, int opts, const char *name, int keep, int at) {
  if (lua_getfield(L, opts, name) != LUA_TSTRING) return lua_pop(L, 1), NULL;
  const char *s = lua_tostring(L, -1);
  lua_rawseti(L, keep, at);
  return s;
}

/* What argv, env and cwd of the options mean; the memory is in a table left on the stack. */
static void program(lua_State *L, int opts, char ***argv, char ***env, const char **cwd) {
  lua_createtable(L, 3, 0);
  int keep = lua_gettop(L);
  if (lua_getfield(L, opts, "argv") != LUA_TTABLE || luaL_len(L, -1) < 1) luaL_error(L, "argv: a list with the program's name expected");
  *argv = push_strings(L, lua_gettop(L), NULL);
  lua_rawseti(L, keep, 1);
  *env = NULL;
  if (lua_getfield(L, opts, "env") == LUA_TTABLE) {
    *env = push_strings(L, lua_gettop(L), environ);
    lua_rawseti(L, keep, 2);
  }
  *cwd = text(L, opts, "cwd", keep, 3);
  lua_settop(L, keep);
}

typedef struct Box { Workers *w; } Box; /* NULL once closed */

static Workers *check(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, WORKERS);
  luaL_argcheck(L, box->w, 1, "the workers are closed");
  return box->w;
}

static int f_open(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  Loop *loop = bind_loop(L); /* first, so that it is collected after the workers */
  Box *box = lua_newuserdatauv(L, sizeof *box, 1);
  box->w = NULL;
  luaL_setmetatable(L, WORKERS);
  WorkersSpec spec = {0};
  program(L, 1, &spec.argv, &spec.env, &spec.cwd);
  spec.name = text(L, 1, "name", lua_gettop(L), 4);
  lua_setiuservalue(L, 2, 1);
  spec.count = (int)whole(L, 1, "workers", 1, 1024);
  spec.restarts = (int)whole(L, 1, "restarts", 5, 1000);
  spec.timeout = seconds(L, 1, "timeout", 30);
  spec.start_timeout = seconds(L, 1, "start_timeout", 60);
  Err err = {0};
  box->w = workers_new(loop, &spec, &err);
  if (!box->w) return bind_fail(L, &err);
  lua_settop(L, 2);
  return 1;
}

/* close([grace seconds]): workers that are idle leave by themselves at the end of their input */
static int f_close(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, WORKERS);
  double grace = luaL_optnumber(L, 2, 0.5);
  Workers *w = box->w;
  box->w = NULL;
  if (w) workers_close(w, grace >= 0 && grace <= 60 ? (int)(grace * 1e3) : 500);
  return 0;
}

static int f_gc(lua_State *L) {
  lua_settop(L, 1);
  return f_close(L);
}

static int f_stats(lua_State *L) {
  WorkersStats s;
  workers_stats(check(L), &s);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, s.alive);
  lua_setfield(L, -2, "alive");
  lua_pushinteger(L, s.busy);
  lua_setfield(L, -2, "busy");
  lua_pushinteger(L, s.started);
  lua_setfield(L, -2, "started");
  lua_pushinteger(L, s.failed);
  lua_setfield(L, -2, "failed");
  return 1;
}

static int push_failure(lua_State *L, const Err *err, const Buf *reason, bool down) {
  lua_pushnil(L);
  if (reason->n) lua_pushlstring(L, (const char *)reason->data, reason->n);
  else lua_pushstring(L, err->text);
  lua_pushstring(L, err_word(err->code));
  lua_pushboolean(L, down);
  return 4;
}

static int ask_finish(lua_State *L) {
  Ask *a = lua_touserdata(L, -1);
  if (a->job.failed) {
    int n = push_failure(L, &a->job.err, &a->reason, a->down);
    ask_clear(&a->job);
    return n;
  }
  lua_pushlstring(L, (const char *)a->header.data, a->header.n);
  lua_pushlstring(L, a->body.n ? (const char *)a->body.data : "", a->body.n);
  ask_clear(&a->job);
  return 2;
}

static Ask *new_ask(lua_State *L, Workers *w) {
  Ask *a = bind_job(L, sizeof *a, NULL, ask_clear);
  a->job.start = ask_start;
  a->job.cancel = ask_cancel;
  a->pool = w;
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  return a;
}

static int f_hello(lua_State *L) {
  new_ask(L, check(L));
  return bind_run(L, ask_finish);
}

static bool same_shape(const Image *a, const Image *b) { return a->w == b->w && a->h == b->h && a->c == b->c && a->type == b->type; }

static int f_ask(lua_State *L) {
  Workers *w = check(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  bool again = lua_toboolean(L, 3);
  lua_Integer n = luaL_len(L, 2);
  luaL_argcheck(L, n >= 1 && n <= 65536, 2, "1..65536 images expected");
  lua_settop(L, 2);
  Ask *a = new_ask(L, w);
  a->fresh = again;
  a->images = mem_calloc((size_t)n, sizeof *a->images);
  if (!a->images) return luaL_error(L, "out of memory");
  for (lua_Integer k = 1; k <= n; k++) {
    lua_geti(L, 2, k);
    Image *im = image_check(L, lua_gettop(L));
    if (k > 1 && !same_shape(im, a->images[0])) return luaL_argerror(L, 2, "images of one shape and type expected");
    a->images[a->count++] = image_ref(im);
    lua_pop(L, 1);
  }
  return bind_run(L, ask_finish);
}

static int f_call(lua_State *L) {
  Workers *w = check(L);
  const char *fields = luaL_checkstring(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  bool again = lua_toboolean(L, 4);
  lua_Integer n = luaL_len(L, 3);
  luaL_argcheck(L, n >= 0 && n <= 65536, 3, "0..65536 tensors expected");
  lua_settop(L, 3);
  Ask *a = new_ask(L, w);
  a->fresh = again;
  a->fields = fields; /* in the caller's arguments */
  a->tensors = mem_calloc((size_t)n + 1, sizeof *a->tensors);
  if (!a->tensors) return luaL_error(L, "out of memory");
  for (lua_Integer k = 1; k <= n; k++) {
    lua_geti(L, 3, k);
    a->tensors[a->n_tensors++] = tensor_ref(tensor_check(L, lua_gettop(L)));
    lua_pop(L, 1);
  }
  return bind_run(L, ask_finish);
}

static int run_finish(lua_State *L) {
  Command *c = lua_touserdata(L, -1);
  if (c->job.failed) return push_failure(L, &c->job.err, &c->reason, false);
  lua_pushlstring(L, c->out.n ? (const char *)c->out.data : "", c->out.n);
  buf_clear(&c->out);
  return 1;
}

static int f_run(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  Command *c = bind_job(L, sizeof *c, NULL, command_clear);
  program(L, 1, &c->argv, &c->env, &c->cwd);
  lua_setiuservalue(L, 2, 1);
  c->timeout = seconds(L, 1, "timeout", 30);
  c->limit = (size_t)whole(L, 1, "limit", 16 << 20, 1 << 30);
  c->job.start = command_start;
  c->job.cancel = command_cancel;
  return bind_run(L, run_finish);
}

static int f_file(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  const char *suffix = luaL_optstring(L, 2, NULL);
  luaL_argcheck(L, !suffix || (strlen(suffix) < 32 && strspn(suffix, ".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(suffix)),
                2, "a suffix like .png expected");
  MemoryFile *f = lua_newuserdatauv(L, sizeof *f, 0);
  *f = (MemoryFile){.fd = -1};
  luaL_setmetatable(L, MEMORY_FILE);
  Err err = {0};
  if (!memory_file_open(f, bytes, n, suffix, &err)) return bind_fail(L, &err);
  return 1;
}

static int f_file_path(lua_State *L) {
  MemoryFile *f = luaL_checkudata(L, 1, MEMORY_FILE);
  luaL_argcheck(L, f->fd >= 0 || f->on_disk, 1, "the file is closed");
  lua_pushstring(L, f->path);
  return 1;
}

static int f_file_close(lua_State *L) {
  memory_file_close(luaL_checkudata(L, 1, MEMORY_FILE));
  return 0;
}

static const luaL_Reg methods[] = {{"hello", f_hello}, {"ask", f_ask}, {"call", f_call}, {"stats", f_stats}, {"close", f_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {"__close", f_gc}, {NULL, NULL}};
static const luaL_Reg file_methods[] = {{"path", f_file_path}, {"close", f_file_close}, {NULL, NULL}};
static const luaL_Reg file_metamethods[] = {{"__gc", f_file_close}, {"__close", f_file_close}, {NULL, NULL}};
static const luaL_Reg funcs[] = {{"open", f_open}, {"run", f_run}, {"file", f_file}, {NULL, NULL}};

int open_process(lua_State *L) {
  bind_type(L, WORKERS, methods, metamethods);
  bind_type(L, MEMORY_FILE, file_methods, file_metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
