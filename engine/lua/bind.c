/* SPDX-License-Identifier: MIT */
#include "lua/bind.h"

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

/* The collector sees a userdata as a few bytes: run it on by as much as was really allocated.
 * Lua 5.4 counts the step in KiB; small amounts are not worth a call. */
void bind_account(lua_State *L, size_t bytes) {
  size_t kib = bytes >> 10;
  if (kib) lua_gc(L, LUA_GCSTEP, kib > 1 << 20 ? 1 << 20 : (int)kib);
}
