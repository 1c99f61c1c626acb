/* core.math: functions whose last bit is the same everywhere (base/fmath.h).
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/fmath.h"
#include "lua/bind.h"

#define ONE(name, fn) \
  static int f_##name(lua_State *L) { return lua_pushnumber(L, fn(luaL_checknumber(L, 1))), 1; }
#define TWO(name, fn) \
  static int f_##name(lua_State *L) { return lua_pushnumber(L, fn(luaL_checknumber(L, 1), luaL_checknumber(L, 2))), 1; }

ONE(exp, fm_exp)
ONE(exp2, fm_exp2)
ONE(sin, fm_sin)
ONE(cos, fm_cos)
ONE(tan, fm_tan)
ONE(asin, fm_asin)
ONE(acos, fm_acos)
ONE(tanh, fm_tanh)
ONE(erf, fm_erf)
ONE(sqrt, sqrt)
TWO(pow, fm_pow)
TWO(hypot, fm_hypot)

/* log(x[, base]) */
static int f_log(lua_State *L) {
  double v = fm_log(luaL_checknumber(L, 1));
  if (!lua_isnoneornil(L, 2)) v /= fm_log(luaL_checknumber(L, 2));
  return lua_pushnumber(L, v), 1;
}

/* atan(y[, x = 1]) */
static int f_atan(lua_State *L) { return lua_pushnumber(L, fm_atan2(luaL_checknumber(L, 1), luaL_optnumber(L, 2, 1))), 1; }

static const luaL_Reg funcs[] = {
    {"exp", f_exp},   {"exp2", f_exp2}, {"log", f_log},   {"pow", f_pow},     {"sin", f_sin},   {"cos", f_cos},   {"tan", f_tan},
    {"asin", f_asin}, {"acos", f_acos}, {"atan", f_atan}, {"atan2", f_atan},  {"tanh", f_tanh}, {"erf", f_erf},   {"sqrt", f_sqrt},
    {"hypot", f_hypot}, {NULL, NULL}};

int open_math(lua_State *L) {
  luaL_newlib(L, funcs);
  lua_pushnumber(L, FM_PI);
  lua_setfield(L, -2, "pi");
  return 1;
}
