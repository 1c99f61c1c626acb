/* SPDX-License-Identifier: MIT */
#include "lua/bind.h"

#include <stdatomic.h>

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
