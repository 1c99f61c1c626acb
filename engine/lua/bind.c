/* SPDX-License-Identifier: MIT */
#include "lua/bind.h"

#include <stdatomic.h>
#include <string.h>

int bind_fail(lua_State *L, const Err *err) {
  lua_pushnil(L);
  lua_pushstring(L, err->text);
  lua_pushstring(L, err_word(err->code));
  return 3;
}

void bind_type(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *metamethods) {
  luaL_newmetatable(L, name);
  if (metamethods) luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  if (methods) luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static int push_box(lua_State *L) {
  void **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, lua_touserdata(L, 1));
  return 1;
}

void bind_push(lua_State *L, const RefType *type, void *thing, size_t bytes) {
  bool room = lua_checkstack(L, 4);
  if (room) {
    lua_pushcfunction(L, push_box);
    lua_pushlightuserdata(L, (void *)type->name);
  }
  if (!room || lua_pcall(L, 1, 1, 0) != LUA_OK) {
    type->unref(thing);
    if (room) lua_error(L);
    luaL_error(L, "stack overflow");
  }
  *(void **)lua_touserdata(L, -1) = thing;
  bind_account(L, bytes);
}

void *bind_check(lua_State *L, int arg, const RefType *type) {
  void **box = luaL_checkudata(L, arg, type->name);
  luaL_argcheck(L, *box, arg, type->gone);
  return *box;
}

void *bind_test(lua_State *L, int arg, const RefType *type) {
  void **box = luaL_testudata(L, arg, type->name);
  return box ? *box : NULL;
}

int bind_drop(lua_State *L, const RefType *type) {
  void **box = luaL_checkudata(L, 1, type->name), *thing = *box;
  *box = NULL;
  if (thing) type->unref(thing);
  return 0;
}

const char *bind_path(lua_State *L, int arg) {
  size_t n;
  const char *path = luaL_checklstring(L, arg, &n);
  luaL_argcheck(L, n > 0, arg, "a path expected, got an empty text");
  luaL_argcheck(L, strlen(path) == n, arg, "a path without zero bytes expected");
  return path;
}

/* The collector sees a userdata as a few bytes: run it on by as much as was really allocated, in portions, since each
 * call goes through a small heap whole. What is released early (close, <close>) never counts.
 * Lua 5.4 counts the step in KiB. */
enum { PORTION = 16 << 20 };
static atomic_llong owed; /* bytes allocated and not yet released or told; all states of the process */

void bind_account(lua_State *L, size_t bytes) {
  if (atomic_fetch_add_explicit(&owed, (long long)bytes, memory_order_relaxed) + (long long)bytes < PORTION) return;
  long long kib = atomic_exchange_explicit(&owed, 0, memory_order_relaxed) >> 10;
  if (kib > 0) lua_gc(L, LUA_GCSTEP, kib > 1 << 20 ? 1 << 20 : (int)kib);
}

void bind_released(size_t bytes) {
  long long had = atomic_load_explicit(&owed, memory_order_relaxed);
  while (!atomic_compare_exchange_weak_explicit(&owed, &had, had > (long long)bytes ? had - (long long)bytes : 0,
                                                memory_order_relaxed, memory_order_relaxed)) {}
}
