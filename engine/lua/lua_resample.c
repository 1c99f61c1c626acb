/* core.resample: means over samples drawn again (base/resample.h).
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/resample.h"
#include "lua/bind.h"

/* Column c (from 0) of the list of lists at 1; false is NaN. */
static void read_column(lua_State *L, size_t c, double *out, size_t n) {
  if (lua_rawgeti(L, 1, (lua_Integer)c + 1) != LUA_TTABLE || lua_rawlen(L, -1) != n) luaL_error(L, "column %d: a list of %d expected", (int)c + 1, (int)n);
  for (size_t k = 0; k < n; k++) {
    int type = lua_rawgeti(L, -1, (lua_Integer)k + 1);
    if (type != LUA_TNUMBER && type != LUA_TBOOLEAN) luaL_error(L, "column %d: value %d: a number or false expected", (int)c + 1, (int)k + 1);
    out[k] = type == LUA_TNUMBER ? lua_tonumber(L, -1) : NAN;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* resample(columns, n, replicates, key): columns is a list of lists of n numbers (false: not measured) -> a list of lists,
 * the mean of every column for each replicate (false when no sample drawn has a value). */
static int f_resample(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer n = luaL_checkinteger(L, 2), replicates = luaL_checkinteger(L, 3);
  uint64_t key = (uint64_t)luaL_checkinteger(L, 4);
  luaL_argcheck(L, n >= 1 && n <= 100000000, 2, "1..100000000 expected");
  luaL_argcheck(L, replicates >= 1 && replicates <= 1000000, 3, "1..1000000 expected");
  size_t columns = lua_rawlen(L, 1), size = (size_t)n;
  luaL_argcheck(L, columns >= 1 && columns <= 100000, 1, "1..100000 columns expected");
  double *value = lua_newuserdatauv(L, (columns * size + columns) * sizeof *value, 0), *mean = value + columns * size;
  uint32_t *weight = lua_newuserdatauv(L, size * sizeof *weight, 0);
  for (size_t c = 0; c < columns; c++) read_column(L, c, value + c * size, size);
  lua_createtable(L, (int)replicates, 0);
  for (lua_Integer r = 1; r <= replicates; r++) {
    resample_means(value, columns, size, key, (uint64_t)r, weight, mean);
    lua_createtable(L, (int)columns, 0);
    for (size_t c = 0; c < columns; c++) {
      if (isnan(mean[c])) lua_pushboolean(L, 0);
      else lua_pushnumber(L, mean[c]);
      lua_rawseti(L, -2, (lua_Integer)c + 1);
    }
    lua_rawseti(L, -2, r);
  }
  return 1;
}

int open_resample(lua_State *L) {
  lua_pushcfunction(L, f_resample);
  return 1;
}
