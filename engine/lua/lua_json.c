/* core.json: JSON both ways. Writing is deterministic: keys in byte order,
 * integers as integers, the shortest text that reads back for floats.
 * Reading keeps integers and marks arrays, so that [] stays [].
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "lua/bind.h"
#include <lualib.h>

#define ARRAY "brink.json.array" /* metatable of marked arrays */
#define BUF "brink.json.buf"     /* a Buf in a userdata: survives Lua errors */
#define READER "brink.json.reader"

static const char null_key = 0; /* its address is json.null */

static int f_buf_gc(lua_State *L) { return buf_clear(lua_touserdata(L, 1)), 0; }
static int f_reader_gc(lua_State *L) { return json_clear(lua_touserdata(L, 1)), 0; }

typedef struct Writer {
  lua_State *L;
  Buf *out;
  int indent, depth;
} Writer;

static void put(Writer *w, const char *s) {
  if (!buf_puts(w->out, s)) luaL_error(w->L, "out of memory");
}

static void newline(Writer *w) {
  if (!w->indent) return;
  put(w, "\n");
  for (int i = 0; i < w->indent * w->depth; i++) put(w, " ");
}

static void write_value(Writer *w, int at);

static void write_array(Writer *w, int at, lua_Integer n) {
  lua_State *L = w->L;
  put(w, "[");
  w->depth++;
  for (lua_Integer i = 1; i <= n; i++) {
    if (i > 1) put(w, ",");
    newline(w);
    lua_geti(L, at, i);
    write_value(w, lua_gettop(L));
    lua_pop(L, 1);
  }
  w->depth--;
  if (n) newline(w);
  put(w, "]");
}

/* Push a sorted list of the keys of the table at `at`; all must be strings. */
static lua_Integer push_keys(lua_State *L, int at) {
  lua_Integer n = 0;
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, at)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "json: a table mixes list and named entries, or has a %s as key", luaL_typename(L, -1));
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, ++n);
  }
  lua_getfield(L, lua_upvalueindex(1), "sort");
  lua_pushvalue(L, -2);
  lua_call(L, 1, 0);
  return n;
}

static void write_object(Writer *w, int at) {
  lua_State *L = w->L;
  lua_Integer n = push_keys(L, at);
  int keys = lua_gettop(L);
  put(w, "{");
  w->depth++;
  for (lua_Integer i = 1; i <= n; i++) {
    size_t len;
    if (i > 1) put(w, ",");
    newline(w);
    lua_rawgeti(L, keys, i);
    const char *k = lua_tolstring(L, -1, &len);
    if (!json_quote(w->out, k, len)) luaL_error(L, "out of memory");
    put(w, w->indent ? ": " : ":");
    lua_pushvalue(L, -1);
    lua_rawget(L, at);
    write_value(w, lua_gettop(L));
    lua_pop(L, 2);
  }
  w->depth--;
  if (n) newline(w);
  put(w, "}");
  lua_pop(L, 1);
}

static void write_table(Writer *w, int at) {
  lua_State *L = w->L;
  if (w->depth >= JSON_DEPTH_MAX) luaL_error(L, "json: nested deeper than %d levels", JSON_DEPTH_MAX);
  luaL_checkstack(L, 8, "json");
  bool marked = false;
  if (lua_getmetatable(L, at)) {
    luaL_getmetatable(L, ARRAY);
    marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
  }
  lua_Integer n = luaL_len(L, at);
  if (!n && !marked) {
    write_object(w, at);
    return;
  }
  lua_Integer count = 0;
  for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) count++;
  if (count != n) luaL_error(L, "json: a list of %d has holes or named entries", (int)n);
  write_array(w, at, n);
}

static void write_number(Writer *w, int at) {
  char text[32];
  if (lua_isinteger(w->L, at)) {
    if (!buf_printf(w->out, "%lld", (long long)lua_tointeger(w->L, at))) luaL_error(w->L, "out of memory");
    return;
  }
  double v = lua_tonumber(w->L, at);
  if (!isfinite(v)) luaL_error(w->L, "json: %s cannot be written", isnan(v) ? "NaN" : "infinity");
  num_text(v, text);
  put(w, text);
}

static void write_value(Writer *w, int at) {
  lua_State *L = w->L;
  size_t n;
  const char *s;
  switch (lua_type(L, at)) {
    case LUA_TNIL: put(w, "null"); return;
    case LUA_TBOOLEAN: put(w, lua_toboolean(L, at) ? "true" : "false"); return;
    case LUA_TNUMBER: write_number(w, at); return;
    case LUA_TSTRING:
      s = lua_tolstring(L, at, &n);
      if (!json_quote(w->out, s, n)) luaL_error(L, "out of memory");
      return;
    case LUA_TTABLE: write_table(w, at); return;
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, at) == &null_key) {
        put(w, "null");
        return;
      } /* fall through */
    default: luaL_error(L, "json: a %s cannot be written", luaL_typename(L, at));
  }
}

/* encode(value[, {indent = spaces}]) -> text */
static int f_encode(lua_State *L) {
  Writer w = {.L = L};
  luaL_checkany(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "indent");
    lua_Integer indent = luaL_optinteger(L, -1, 0);
    luaL_argcheck(L, indent >= 0 && indent <= 16, 2, "indent is outside 0..16");
    w.indent = (int)indent;
  }
  lua_settop(L, 1);
  w.out = lua_newuserdatauv(L, sizeof(Buf), 0);
  buf_init(w.out);
  luaL_setmetatable(L, BUF);
  write_value(&w, 1);
  lua_pushlstring(L, w.out->data ? (char *)w.out->data : "", w.out->n);
  buf_clear(w.out);
  return 1;
}

typedef struct Reader {
  Json json; /* first: __gc clears it */
  Err err;
} Reader;

/* Push the value that begins with token t; false after an error (r->err) with the stack as it is. */
static bool push_value(lua_State *L, Reader *r, JsonToken t) {
  Json *j = &r->json;
  luaL_checkstack(L, 6, "json");
  switch (t) {
    case JSON_STRING: lua_pushlstring(L, j->text.data ? (char *)j->text.data : "", j->text.n); return true;
    case JSON_INT: lua_pushinteger(L, j->i); return true;
    case JSON_FLOAT: lua_pushnumber(L, j->d); return true;
    case JSON_TRUE: case JSON_FALSE: lua_pushboolean(L, t == JSON_TRUE); return true;
    case JSON_NULL: lua_pushlightuserdata(L, (void *)&null_key); return true;
    case JSON_ARRAY:
      lua_newtable(L);
      luaL_setmetatable(L, ARRAY);
      for (lua_Integer i = 1; (t = json_next(j, &r->err)) != JSON_ARRAY_END; i++) {
        if (t == JSON_ERROR || !push_value(L, r, t)) return false;
        lua_rawseti(L, -2, i);
      }
      return true;
    case JSON_OBJECT:
      lua_newtable(L);
      while ((t = json_next(j, &r->err)) == JSON_KEY) {
        lua_pushlstring(L, j->text.data ? (char *)j->text.data : "", j->text.n);
        if ((t = json_next(j, &r->err)) == JSON_ERROR || !push_value(L, r, t)) return false;
        lua_rawset(L, -3);
      }
      return t == JSON_OBJECT_END;
    default: return false;
  }
}

/* decode(text[, name = "json"]) -> value | nil, message, code. null is json.null; of equal keys the last counts. */
static int f_decode(lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n), *name = luaL_optstring(L, 2, "json");
  lua_settop(L, 2);
  Reader *r = lua_newuserdatauv(L, sizeof *r, 0);
  json_init(&r->json, s, n, name);
  r->err = (Err){0};
  luaL_setmetatable(L, READER);
  JsonToken t = json_next(&r->json, &r->err);
  bool ok = t != JSON_ERROR && push_value(L, r, t) && json_next(&r->json, &r->err) == JSON_END;
  if (ok) {
    lua_pushvalue(L, 4);
  } else {
    lua_settop(L, 3);
    bind_fail(L, &r->err);
  }
  json_clear(&r->json);
  return ok ? 1 : 3;
}

/* array(table) -> the same table, written as [...] also when empty */
static int f_array(lua_State *L) {
  if (lua_isnoneornil(L, 1)) lua_settop(L, 0), lua_newtable(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setmetatable(L, ARRAY);
  return 1;
}

/* is_array(value) -> whether it carries the mark or is a non-empty list */
static int f_is_array(lua_State *L) {
  bool marked = false;
  if (lua_istable(L, 1)) {
    if (lua_getmetatable(L, 1)) {
      luaL_getmetatable(L, ARRAY);
      marked = lua_rawequal(L, -1, -2);
      lua_pop(L, 2);
    }
    marked = marked || luaL_len(L, 1) > 0;
  }
  lua_pushboolean(L, marked);
  return 1;
}

static const luaL_Reg buf_meta[] = {{"__gc", f_buf_gc}, {NULL, NULL}};
static const luaL_Reg reader_meta[] = {{"__gc", f_reader_gc}, {NULL, NULL}};

int open_json(lua_State *L) {
  static const luaL_Reg funcs[] = {{"decode", f_decode}, {"array", f_array}, {"is_array", f_is_array}, {NULL, NULL}};
  bind_type(L, ARRAY, NULL, NULL);
  bind_type(L, BUF, NULL, buf_meta);
  bind_type(L, READER, NULL, reader_meta);
  luaL_newlib(L, funcs);
  luaL_requiref(L, "table", luaopen_table, 0); /* upvalue: table.sort */
  lua_pushcclosure(L, f_encode, 1);
  lua_setfield(L, -2, "encode");
  lua_pushlightuserdata(L, (void *)&null_key);
  lua_setfield(L, -2, "null");
  lua_pushlightuserdata(L, (void *)&null_key);
  lua_setfield(L, LUA_REGISTRYINDEX, "brink.json.null"); /* for other readers */
  return 1;
}
