/* SPDX-License-Identifier: MIT */
#include "lua/bind_shapes.h"

static const char POLY[] = "brink.shapes.poly";

static int raise_err(lua_State *L, const Err *err) { return luaL_error(L, "%s", err->text); }

static int f_poly_gc(lua_State *L) {
  poly_clear(lua_touserdata(L, 1));
  return 0;
}

void shapes_type(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", f_poly_gc}, {NULL, NULL}};
  bind_type(L, POLY, NULL, meta);
}

Poly *shapes_poly(lua_State *L) {
  Poly *p = lua_newuserdatauv(L, sizeof *p, 0);
  poly_init(p);
  luaL_setmetatable(L, POLY);
  return p;
}

void shapes_ring(lua_State *L, Poly *p, bool hole, const char *what) {
  Err err;
  if (!lua_istable(L, -1)) luaL_error(L, "%s: a list x, y, x, y ... expected, got a %s", what, luaL_typename(L, -1));
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  if (n % 2) luaL_error(L, "%s: %d numbers, pairs x, y expected", what, (int)n);
  if (!poly_ring(p, hole, &err)) raise_err(L, &err);
  for (lua_Integer i = 1; i < n; i += 2) {
    if (lua_rawgeti(L, -1, i) != LUA_TNUMBER || lua_rawgeti(L, -2, i + 1) != LUA_TNUMBER)
      luaL_error(L, "%s: number %d is a %s", what, (int)i + (lua_isnumber(L, -1) ? 0 : 1), luaL_typename(L, -1));
    if (!poly_point(p, lua_tonumber(L, -2), lua_tonumber(L, -1), &err)) raise_err(L, &err);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

static void read_rings(lua_State *L, int arg, const char *field, Poly *p, bool hole) {
  int type = lua_getfield(L, arg, field);
  if (type == LUA_TTABLE)
    for (lua_Integer k = 1, n = (lua_Integer)lua_rawlen(L, -1); k <= n; k++) {
      lua_rawgeti(L, -1, k);
      shapes_ring(L, p, hole, "polygon");
    }
  else if (type != LUA_TNIL)
    luaL_error(L, "polygon.%s: a list of rings expected, got a %s", field, lua_typename(L, type));
  lua_pop(L, 1);
}

Poly *shapes_read(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  luaL_checkstack(L, 12, "polygon");
  Poly *p = shapes_poly(L);
  if (lua_rawgeti(L, arg, 1) == LUA_TNUMBER) {
    lua_pushvalue(L, arg);
    shapes_ring(L, p, false, "polygon");
    lua_pop(L, 1);
    return p;
  }
  lua_pop(L, 1);
  read_rings(L, arg, "parts", p, false);
  read_rings(L, arg, "holes", p, true);
  return p;
}

Poly *shapes_clean(lua_State *L, int arg, Err *err) {
  bool changed;
  Poly *p = shapes_read(L, arg);
  return poly_clean(p, &changed, err) ? p : NULL;
}

void shapes_push_flat(lua_State *L, const double *xy, int n) {
  lua_createtable(L, 2 * n, 0);
  for (int i = 0; i < 2 * n; i++) {
    lua_pushnumber(L, xy[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

void shapes_push_rings(lua_State *L, const Poly *p, bool hole) {
  int n = 0;
  lua_newtable(L);
  for (int k = 0; k < p->rings; k++) {
    if (p->ring[k].hole != hole) continue;
    shapes_push_flat(L, poly_xy(p, k), p->ring[k].n);
    lua_rawseti(L, -2, ++n);
  }
}

int shapes_push(lua_State *L, const Poly *p) {
  if (!p->rings) return lua_pushnil(L), 1;
  lua_createtable(L, 0, 2);
  shapes_push_rings(L, p, false);
  lua_setfield(L, -2, "parts");
  shapes_push_rings(L, p, true);
  lua_setfield(L, -2, "holes");
  return 1;
}

int shapes_push_box(lua_State *L, const double b[4]) {
  lua_pushnumber(L, b[0]);
  lua_pushnumber(L, b[1]);
  lua_pushnumber(L, b[2] - b[0]);
  lua_pushnumber(L, b[3] - b[1]);
  return 4;
}

uint8_t shapes_value(lua_State *L, int arg) {
  lua_Integer v = luaL_optinteger(L, arg, 1);
  luaL_argcheck(L, v >= 1 && v <= 255, arg, "outside 1..255");
  return (uint8_t)v;
}

int shapes_push_image(lua_State *L, Image *im, const Err *err) {
  if (!im) return bind_fail(L, err);
  image_push(L, im);
  return 1;
}
