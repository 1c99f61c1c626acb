/* The methods of brink.Warp for shapes: where polygons, lines, boxes and points of a label go. SPDX-License-Identifier: MIT */
#include <math.h>

#include "labels/carry.h"
#include "lua/bind_plan.h"
#include "lua/bind_shapes.h"

/* warp:polygon(polygon[, covers]) -> polygon | nil (nothing left), share still seen, cut | nil, message, code */
static int f_polygon(lua_State *L) {
  Err err;
  bool cut;
  double seen;
  const Warp *w = bind_warp_check(L, 1);
  const Poly *covers = lua_isnoneornil(L, 3) ? NULL : shapes_read(L, 3);
  Poly *p = shapes_clean(L, 2, &err);
  if (!p || !carry_poly(w, p, covers, &seen, &cut, &err)) return bind_fail(L, &err);
  shapes_push(L, p);
  lua_pushnumber(L, seen);
  lua_pushboolean(L, cut);
  return 3;
}

/* warp:back(polygon of the output) -> polygon of the input */
static int f_back(lua_State *L) {
  Err err;
  const Warp *w = bind_warp_check(L, 1);
  Poly *p = shapes_read(L, 2);
  if (!carry_back(w, p, &err)) return bind_fail(L, &err);
  return shapes_push(L, p);
}

/* warp:outline(points) -> points, moved as a closed outline, not cut */
static int f_outline(lua_State *L) {
  Err err;
  const Warp *w = bind_warp_check(L, 1);
  Poly *p = shapes_poly(L);
  lua_pushvalue(L, 2);
  shapes_ring(L, p, false, "outline");
  if (!carry_outline(w, p, &err)) return bind_fail(L, &err);
  shapes_push_flat(L, p->xy, p->points);
  return 1;
}

/* warp:lines({ {x, y, ...}, ... }) -> list of lines (what is left, maybe in pieces), share still seen, cut */
static int f_lines(lua_State *L) {
  Err err;
  bool cut;
  double seen;
  const Warp *w = bind_warp_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  Poly *p = shapes_poly(L);
  for (lua_Integer k = 1, n = (lua_Integer)lua_rawlen(L, 2); k <= n; k++) {
    lua_rawgeti(L, 2, k);
    shapes_ring(L, p, false, "polyline");
  }
  for (int i = 0; i < 2 * p->points; i++)
    if (!isfinite(p->xy[i])) return luaL_error(L, "polyline: number %d is not finite", i + 1);
  if (!carry_lines(w, p, &seen, &cut, &err)) return bind_fail(L, &err);
  shapes_push_rings(L, p, false);
  lua_pushnumber(L, seen);
  lua_pushboolean(L, cut);
  return 3;
}

/* warp:place(x, y) -> x, y, inside: where a point lands and whether every frame on the way holds it */
static int f_place(lua_State *L) {
  double out[2];
  bool in = carry_point(bind_warp_check(L, 1), luaL_checknumber(L, 2), luaL_checknumber(L, 3), out);
  lua_pushnumber(L, out[0]);
  lua_pushnumber(L, out[1]);
  lua_pushboolean(L, in);
  return 3;
}

/* warp:box(x, y, w, h) -> x, y, w, h | nil: around what is left of the box's outline, and the share still seen */
static int f_box(lua_State *L) {
  Err err;
  bool cut;
  double seen, b[4];
  const Warp *w = bind_warp_check(L, 1);
  double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3), bw = luaL_checknumber(L, 4), bh = luaL_checknumber(L, 5);
  const double xy[8] = {x, y, x + bw, y, x + bw, y + bh, x, y + bh};
  Poly *p = shapes_poly(L);
  bool ok = poly_ring(p, false, &err);
  for (int i = 0; ok && i < 4; i++) ok = poly_point(p, xy[2 * i], xy[2 * i + 1], &err);
  if (!ok || !poly_clean(p, &cut, &err) || !carry_poly(w, p, NULL, &seen, &cut, &err)) return bind_fail(L, &err);
  if (!poly_bounds(p, b)) return lua_pushnil(L), 1;
  shapes_push_box(L, b);
  lua_pushnumber(L, seen);
  return 5;
}

/* warp:mirrors() -> whether left and right change places */
static int f_mirrors(lua_State *L) {
  lua_pushboolean(L, warp_mirrors(bind_warp_check(L, 1)));
  return 1;
}

/* warp:still() -> whether nothing moves at all */
static int f_still(lua_State *L) {
  lua_pushboolean(L, warp_is_identity(bind_warp_check(L, 1)));
  return 1;
}

/* warp:stages() -> list of { a, b, c, d, e, f } (affine), "perspective" or "field", in order */
static int f_stages(lua_State *L) {
  const Warp *w = bind_warp_check(L, 1);
  lua_createtable(L, w->n, 0);
  for (int i = 0; i < w->n; i++) {
    const double *m = w->stage[i].fore;
    if (w->stage[i].field) lua_pushliteral(L, "field");
    else if (m[6] != 0.0 || m[7] != 0.0 || m[8] != 1.0) lua_pushliteral(L, "perspective");
    else shapes_push_flat(L, m, 3);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static const luaL_Reg warp_methods[] = {{"back", f_back},   {"box", f_box},         {"lines", f_lines},   {"mirrors", f_mirrors}, {"outline", f_outline},
                                        {"place", f_place}, {"polygon", f_polygon}, {"stages", f_stages}, {"still", f_still},     {NULL, NULL}};

void open_shapes_warp(lua_State *L) {
  luaL_getmetatable(L, "brink.Warp"); /* its __index carries the methods as upvalue 1 */
  lua_getfield(L, -1, "__index");
  lua_getupvalue(L, -1, 1);
  luaL_setfuncs(L, warp_methods, 0);
  lua_pop(L, 3);
}
