/* core.rng: keyed randomness for Lua. `core.rng(seed, sample, step, draw)` makes
 * a reader of one stream; the same four always give the same numbers.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "lua/bind.h"

#define RNG "brink.Rng"

static Rng *check(lua_State *L) { return luaL_checkudata(L, 1, RNG); }

/* An integer as it is, a string by its hash; absent: 0. */
static uint64_t part(lua_State *L, int arg) {
  size_t n;
  if (lua_isnoneornil(L, arg)) return 0;
  if (lua_type(L, arg) == LUA_TSTRING) {
    const char *s = lua_tolstring(L, arg, &n);
    return hash_bytes(s, n).lo;
  }
  return (uint64_t)luaL_checkinteger(L, arg);
}

static int push(lua_State *L, uint64_t key) {
  Rng *r = lua_newuserdatauv(L, sizeof *r, 0);
  rng_init(r, key);
  luaL_setmetatable(L, RNG);
  return 1;
}

/* rng(seed, sample, step, draw) */
static int f_call(lua_State *L) { return push(L, rng_key(part(L, 2), part(L, 3), part(L, 4), part(L, 5))); }

/* uniform([a, b]) -> a number from a on, below b; from 0 with b alone, 0 to 1 without either */
static int f_uniform(lua_State *L) {
  Rng *r = check(L);
  double a = luaL_optnumber(L, 2, 0), b = luaL_optnumber(L, 3, 1);
  if (lua_gettop(L) == 2) a = 0, b = luaL_checknumber(L, 2);
  lua_pushnumber(L, a + (b - a) * rng_unit(r));
  return 1;
}

/* normal([mean = 0, deviation = 1]) -> a number */
static int f_normal(lua_State *L) {
  Rng *r = check(L);
  double mean = luaL_optnumber(L, 2, 0), dev = luaL_optnumber(L, 3, 1);
  lua_pushnumber(L, mean + dev * rng_normal(r));
  return 1;
}

/* integer(a, b) -> an integer from a to b, both possible */
static int f_integer(lua_State *L) {
  Rng *r = check(L);
  lua_Integer a = luaL_checkinteger(L, 2), b = luaL_checkinteger(L, 3);
  luaL_argcheck(L, a <= b, 3, "interval is empty");
  uint64_t span = (uint64_t)b - (uint64_t)a + 1;
  lua_pushinteger(L, (lua_Integer)((uint64_t)a + (span ? rng_below(r, span) : rng_below(r, UINT64_MAX))));
  return 1;
}

/* Sum of weights 1..n of the table at arg; raises for a negative or not finite one. */
static double weight_sum(lua_State *L, int arg, lua_Integer n) {
  double sum = 0;
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_geti(L, arg, i) != LUA_TNUMBER) luaL_error(L, "weight %d is a %s, expected a number", (int)i, luaL_typename(L, -1));
    double w = lua_tonumber(L, -1);
    if (!(w >= 0 && w < 1e300)) luaL_error(L, "weight %d is %f, expected a finite number >= 0", (int)i, w);
    sum += w;
    lua_pop(L, 1);
  }
  return sum;
}

/* choice(list[, weights]) -> value, index */
static int f_choice(lua_State *L) {
  Rng *r = check(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 2), at = 1;
  luaL_argcheck(L, n > 0, 2, "list is empty");
  if (lua_isnoneornil(L, 3)) {
    at = 1 + (lua_Integer)rng_below(r, (uint64_t)n);
  } else {
    double sum = weight_sum(L, 3, n), left;
    luaL_argcheck(L, sum > 0, 3, "all weights are 0");
    left = rng_unit(r) * sum;
    for (lua_Integer i = 1; i <= n; i++) { /* the last one with weight takes what rounding leaves */
      lua_geti(L, 3, i);
      double w = lua_tonumber(L, -1);
      lua_pop(L, 1);
      if (w > 0) at = i;
      if ((left -= w) < 0) break;
    }
  }
  lua_geti(L, 2, at);
  lua_pushinteger(L, at);
  return 2;
}

/* shuffle(list) -> a new list, Fisher-Yates */
static int f_shuffle(lua_State *L) {
  Rng *r = check(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 2);
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 2, i);
    lua_rawseti(L, -2, i);
  }
  for (lua_Integer i = n; i > 1; i--) {
    lua_Integer j = 1 + (lua_Integer)rng_below(r, (uint64_t)i);
    lua_rawgeti(L, -1, i);
    lua_rawgeti(L, -2, j);
    lua_rawseti(L, -3, i);
    lua_rawseti(L, -2, j);
  }
  return 1;
}

/* key() -> 16 hex digits: a fresh stream for a noise primitive */
static int f_key(lua_State *L) {
  Rng *r = check(L);
  char text[17];
  unsigned hi = rng_u32(r), lo = rng_u32(r); /* in this order */
  snprintf(text, sizeof text, "%08x%08x", hi, lo);
  lua_pushstring(L, text);
  return 1;
}

/* fork(tag) -> Rng that depends on this one's key and the tag, not on what was drawn */
static int f_fork(lua_State *L) {
  Rng *r = check(L);
  return push(L, rng_key(r->key, part(L, 2), 0, 0));
}

static const luaL_Reg methods[] = {{"uniform", f_uniform}, {"normal", f_normal},   {"integer", f_integer}, {"choice", f_choice},
                                   {"shuffle", f_shuffle}, {"key", f_key},         {"fork", f_fork},       {NULL, NULL}};

int open_rng(lua_State *L) {
  bind_type(L, RNG, methods, NULL);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, f_call);
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
  return 1;
}
