/* Option tables of Lua callers. An absent table has no options. SPDX-License-Identifier: MIT */
#ifndef BRINK_BIND_OPTIONS_H
#define BRINK_BIND_OPTIONS_H

#include <stdbool.h>

#include <lauxlib.h>
#include <lua.h>

/* Every key of the table at arg is one of names (NULL ends them), else an argument error. */
void bind_check_options(lua_State *L, int arg, const char *const *names);
/* Pushes the field of the table; false (and nothing pushed) when absent. */
bool bind_option(lua_State *L, int arg, const char *name);
bool bind_option_bool(lua_State *L, int arg, const char *name, bool def);
lua_Integer bind_option_int(lua_State *L, int arg, const char *name, lua_Integer lo, lua_Integer hi, lua_Integer def);

#endif
