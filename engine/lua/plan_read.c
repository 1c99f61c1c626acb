/* Plans from Lua: a list of tables { op = name, parameter = value ... }, every
 * name and value checked, misspelt ones answered with the nearest.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "lua/bind_plan.h"

/* Levenshtein distance; names longer than the row are never near. */
static int distance(const char *a, const char *b) {
  int row[64];
  int n = (int)strlen(b);
  if (n >= 64) return 64;
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; a[i - 1]; i++) {
    int corner = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int swap = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
      row[j] = swap < best ? swap : best;
    }
  }
  return row[n];
}

typedef struct Nearest {
  const char *word, *name;
  int far;
} Nearest;

static void nearer(Nearest *n, const char *name) {
  int d = distance(n->word, name);
  if (d < n->far) n->far = d, n->name = name;
}

/* Raise: text, and the nearest name when one is near. Never returns. */
static int unknown(lua_State *L, const char *text, const Nearest *n) {
  int most = 1 + (int)strlen(n->word) / 3;
  if (n->name && n->far <= most) return luaL_error(L, "%s (nearest: \"%s\")", text, n->name);
  return luaL_error(L, "%s", text);
}

static const Prim *read_op(lua_State *L, int step) {
  if (lua_getfield(L, step, "op") != LUA_TSTRING)
    luaL_error(L, "plan: a step's op is its primitive's name, got %s", luaL_typename(L, -1));
  const char *op = lua_tostring(L, -1);
  const Prim *prim = prim_find(op);
  if (!prim) {
    Nearest near = {op, NULL, 64};
    for (int i = 0; prim_at(i); i++) nearer(&near, prim_at(i)->name);
    unknown(L, lua_pushfstring(L, "plan: no primitive \"%s\"", op), &near);
  }
  lua_pop(L, 1);
  return prim;
}

/* The bytewise first field that is no parameter is named, so that the message does not depend on table order. */
static void refuse_unknown_fields(lua_State *L, int step, const Prim *prim) {
  const char *bad = NULL;
  lua_pushnil(L);
  while (lua_next(L, step)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      lua_pushvalue(L, -1);
      luaL_error(L, "%s: parameters are given by name, got a field [%s]", prim->name, luaL_tolstring(L, -1, NULL));
    }
    const char *key = lua_tostring(L, -1);
    if (strcmp(key, "op") && prim_param(prim, key) < 0 && (!bad || strcmp(key, bad) < 0)) bad = key;
  }
  if (!bad) return;
  Nearest near = {bad, NULL, 64};
  for (int i = 0; prim->params[i].name; i++) nearer(&near, prim->params[i].name);
  unknown(L, lua_pushfstring(L, "%s: no parameter \"%s\"", prim->name, bad), &near);
}

static void want(lua_State *L, const Prim *prim, const Param *a, int type) {
  if (lua_type(L, -1) != type)
    luaL_error(L, "%s.%s: %s expected, got %s", prim->name, a->name, lua_typename(L, type), luaL_typename(L, -1));
}

static double read_choice(lua_State *L, const Prim *prim, const Param *a) {
  want(L, prim, a, LUA_TSTRING);
  const char *word = lua_tostring(L, -1);
  Nearest near = {word, NULL, 64};
  luaL_Buffer b;
  for (int i = 0; a->choices[i]; i++) {
    if (!strcmp(a->choices[i], word)) return i;
    nearer(&near, a->choices[i]);
  }
  luaL_buffinit(L, &b);
  for (int i = 0; a->choices[i]; i++) {
    if (i) luaL_addstring(&b, ", ");
    luaL_addstring(&b, a->choices[i]);
  }
  luaL_pushresult(&b);
  return unknown(L, lua_pushfstring(L, "%s.%s: \"%s\" is none of %s", prim->name, a->name, word, lua_tostring(L, -1)), &near);
}

static uint64_t read_key(lua_State *L, const Prim *prim, const Param *a) {
  if (lua_isinteger(L, -1)) return (uint64_t)lua_tointeger(L, -1);
  want(L, prim, a, LUA_TSTRING);
  size_t n;
  const char *s = lua_tolstring(L, -1, &n);
  uint64_t key = 0;
  if (n != 16 || strspn(s, "0123456789abcdefABCDEF") != 16)
    luaL_error(L, "%s.%s: \"%s\" is not a key of 16 hex digits", prim->name, a->name, s);
  for (size_t i = 0; i < n; i++) key = key << 4 | (uint64_t)(s[i] <= '9' ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
  return key;
}

static void read_list(lua_State *L, Step *s, const Param *a) {
  Err err;
  want(L, s->prim, a, LUA_TTABLE);
  size_t n = lua_rawlen(L, -1);
  float *list = step_list(s, n, &err);
  if (!list) luaL_error(L, "%s", err.text);
  for (size_t i = 0; i < n; i++) list[i] = 0;
  for (size_t i = 0; i < n; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TNUMBER)
      luaL_error(L, "%s.%s[%d]: number expected, got %s", s->prim->name, a->name, (int)i + 1, luaL_typename(L, -1));
    list[i] = (float)lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
}

/* The value at the top goes into parameter i. */
static void read_value(lua_State *L, Step *s, int i) {
  const Param *a = &s->prim->params[i];
  switch (a->type) {
  case PARAM_NUM:
  case PARAM_INT:
    want(L, s->prim, a, LUA_TNUMBER);
    s->num[i] = lua_tonumber(L, -1);
    if (isnan(s->num[i])) luaL_error(L, "%s.%s: not a number (nan)", s->prim->name, a->name);
    break;
  case PARAM_BOOL:
    want(L, s->prim, a, LUA_TBOOLEAN);
    s->num[i] = lua_toboolean(L, -1);
    break;
  case PARAM_ENUM: s->num[i] = read_choice(L, s->prim, a); break;
  case PARAM_KEY: s->key = read_key(L, s->prim, a); break;
  case PARAM_LIST: read_list(L, s, a); break;
  }
}

/* The step table at the top becomes one more step of the plan. */
static void read_step(lua_State *L, Plan *plan) {
  Err err;
  int at = lua_gettop(L);
  const Prim *prim = read_op(L, at);
  refuse_unknown_fields(L, at, prim);
  Step *s = plan_add(plan, prim, &err);
  if (!s) luaL_error(L, "%s", err.text);
  for (int i = 0; prim->params[i].name; i++) {
    if (lua_getfield(L, at, prim->params[i].name) != LUA_TNIL) read_value(L, s, i);
    lua_pop(L, 1);
  }
  if (!step_check(s, &err)) luaL_error(L, "%s", err.text);
}

/* A list has fields 1..n and no others. */
static void refuse_fields(lua_State *L, int arg) {
  lua_pushnil(L);
  while (lua_next(L, arg)) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1)) {
      lua_pushvalue(L, -1);
      luaL_error(L, "plan: a list of steps expected, got a field '%s'", luaL_tolstring(L, -1, NULL));
    }
  }
}

void plan_read(lua_State *L, int arg, Plan *plan) {
  refuse_fields(L, arg);
  lua_Integer n = (lua_Integer)lua_rawlen(L, arg);
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_geti(L, arg, i) != LUA_TTABLE)
      luaL_error(L, "plan: step %d: table expected, got %s", (int)i, luaL_typename(L, -1));
    luaL_checkstack(L, 8, "plan");
    read_step(L, plan);
    lua_pop(L, 1);
  }
}
