/* The table of primitives as data, for help, checks and constructors in Lua. SPDX-License-Identifier: MIT */
#include <math.h>

#include "lua/bind_plan.h"

void param_push(lua_State *L, const Param *a, double v) {
  switch (a->type) {
  case PARAM_BOOL: lua_pushboolean(L, v != 0); break;
  case PARAM_ENUM: lua_pushstring(L, a->choices[(int)v]); break;
  case PARAM_INT: lua_pushinteger(L, (lua_Integer)v); break;
  default: lua_pushnumber(L, v);
  }
}

static void push_limits(lua_State *L, const Param *a) {
  if (a->type == PARAM_NUM || a->type == PARAM_INT || a->type == PARAM_LIST) {
    param_push(L, a, a->lo);
    lua_setfield(L, -2, "lo");
    param_push(L, a, a->hi);
    lua_setfield(L, -2, "hi");
  }
  if (a->type == PARAM_KEY || a->type == PARAM_LIST) {
    lua_pushboolean(L, !a->optional);
    lua_setfield(L, -2, "required");
  } else if (isnan(a->def)) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "required");
  } else {
    param_push(L, a, a->def);
    lua_setfield(L, -2, "default");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "required");
  }
}

static void push_param(lua_State *L, const Param *a) {
  static const char *const types[] = {[PARAM_NUM] = "number", [PARAM_INT] = "integer", [PARAM_BOOL] = "boolean",
                                      [PARAM_ENUM] = "enum",  [PARAM_KEY] = "key",     [PARAM_LIST] = "list"};
  lua_newtable(L);
  lua_pushstring(L, a->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, types[a->type]);
  lua_setfield(L, -2, "type");
  lua_pushstring(L, a->unit);
  lua_setfield(L, -2, "unit");
  lua_pushstring(L, a->doc);
  lua_setfield(L, -2, "doc");
  push_limits(L, a);
  if (a->type != PARAM_ENUM) return;
  lua_newtable(L);
  for (int i = 0; a->choices[i]; i++) {
    lua_pushstring(L, a->choices[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "choices");
}

static void push_prim(lua_State *L, const Prim *p) {
  static const char *const kinds[] = {[PRIM_POINT] = "point", [PRIM_AREA] = "area", [PRIM_WARP] = "warp"};
  lua_newtable(L);
  lua_pushstring(L, p->name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, p->doc);
  lua_setfield(L, -2, "doc");
  lua_pushstring(L, p->source ? p->source : "");
  lua_setfield(L, -2, "source");
  lua_pushstring(L, kinds[p->kind]);
  lua_setfield(L, -2, "kind");
  lua_newtable(L);
  for (int i = 0; p->params[i].name; i++) {
    push_param(L, &p->params[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "params");
}

int plan_prims(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; prim_at(i); i++) {
    push_prim(L, prim_at(i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}
