/* SPDX-License-Identifier: MIT */
#include "lua/bind_options.h"

#include <string.h>

void bind_check_options(lua_State *L, int arg, const char *const *names) {
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    int i = 0;
    while (key && names[i] && strcmp(names[i], key)) i++;
    if (!key || !names[i]) luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", luaL_tolstring(L, -2, NULL)));
  }
}

bool bind_option(lua_State *L, int arg, const char *name) {
  if (lua_isnoneornil(L, arg)) return false;
  if (lua_getfield(L, arg, name) != LUA_TNIL) return true;
  lua_pop(L, 1);
  return false;
}

bool bind_option_bool(lua_State *L, int arg, const char *name, bool def) {
  if (!bind_option(L, arg, name)) return def;
  if (!lua_isboolean(L, -1)) luaL_argerror(L, arg, lua_pushfstring(L, "%s: boolean expected, got %s", name, luaL_typename(L, -1)));
  def = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return def;
}

lua_Integer bind_option_int(lua_State *L, int arg, const char *name, lua_Integer lo, lua_Integer hi, lua_Integer def) {
  int whole;
  if (!bind_option(L, arg, name)) return def;
  lua_Integer v = lua_tointegerx(L, -1, &whole);
  if (!whole || v < lo || v > hi)
    luaL_argerror(L, arg, lua_pushfstring(L, "%s: %s is outside %I..%I", name, luaL_tolstring(L, -1, NULL), lo, hi));
  lua_pop(L, 1);
  return v;
}
