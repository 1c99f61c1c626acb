/* brink.core.shapes: geometry of labels. A polygon is { parts = { {x, y, ...}, ... }, holes = { ... } }; pixels
 * are continuous coordinates. lua_shapes_rle.c and lua_shapes_warp.c have the rest.
 * SPDX-License-Identifier: MIT */
#include "labels/carry.h"
#include "lua/bind_shapes.h"

/* --- polygons --- */

/* clean(polygon) -> polygon | nil, changed; parts united, self-crossings resolved. */
static int f_clean(lua_State *L) {
  Err err;
  bool changed;
  Poly *p = shapes_read(L, 1);
  if (!poly_clean(p, &changed, &err)) return bind_fail(L, &err);
  shapes_push(L, p);
  lua_pushboolean(L, changed);
  return 2;
}

/* area(polygon) -> square pixels */
static int f_area(lua_State *L) {
  Err err;
  const Poly *p = shapes_clean(L, 1, &err);
  if (!p) return bind_fail(L, &err);
  lua_pushnumber(L, poly_area(p));
  return 1;
}

/* bounds(polygon) -> x, y, w, h | nil */
static int f_bounds(lua_State *L) {
  double box[4];
  if (!poly_bounds(shapes_read(L, 1), box)) return lua_pushnil(L), 1;
  return shapes_push_box(L, box);
}

/* clip(polygon, x, y, w, h) -> polygon | nil (nothing left), cut | nil, message, code */
static int f_clip(lua_State *L) {
  Err err;
  bool cut = false;
  double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3), w = luaL_checknumber(L, 4), h = luaL_checknumber(L, 5);
  Poly *p = shapes_clean(L, 1, &err);
  if (!p || !poly_clip(p, x, y, x + w, y + h, &cut, &err)) return bind_fail(L, &err);
  shapes_push(L, p);
  lua_pushboolean(L, cut);
  return 2;
}

/* contains(polygon, x, y) -> boolean; of a clean polygon */
static int f_contains(lua_State *L) {
  const Poly *p = shapes_read(L, 1);
  double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
  bool in = false;
  for (int k = 0; k < p->rings; k++) in ^= ring_contains(poly_xy(p, k), p->ring[k].n, x, y);
  lua_pushboolean(L, in);
  return 1;
}

/* simplify(polygon, tolerance) -> polygon | nil */
static int f_simplify(lua_State *L) {
  Err err;
  double tolerance = luaL_checknumber(L, 2);
  Poly *p = shapes_read(L, 1);
  if (!poly_simplify(p, tolerance, true, &err)) return bind_fail(L, &err);
  return shapes_push(L, p);
}

/* hull(points) -> points, clockwise on the screen */
static int f_hull(lua_State *L) {
  Poly *p = shapes_poly(L);
  lua_pushvalue(L, 1);
  shapes_ring(L, p, false, "hull");
  double *out = lua_newuserdatauv(L, ((size_t)p->points + 1) * 2 * sizeof *out, 0);
  shapes_push_flat(L, out, hull_points(p->xy, p->points, out));
  return 1;
}

/* rectangle(points[, degrees]) -> cx, cy, w, h, angle: the smallest around them, or the one with that angle. */
static int f_rectangle(lua_State *L) {
  Err err;
  double r[5];
  lua_settop(L, 2);
  Poly *p = shapes_poly(L);
  lua_pushvalue(L, 1);
  shapes_ring(L, p, false, "rectangle");
  if (!p->points) return luaL_argerror(L, 1, "no points");
  if (lua_isnoneornil(L, 2)) {
    if (!hull_rect(p->xy, p->points, r, &err)) return bind_fail(L, &err);
  } else {
    hull_rect_at(p->xy, p->points, luaL_checknumber(L, 2), r);
  }
  for (int i = 0; i < 5; i++) lua_pushnumber(L, r[i]);
  return 5;
}

/* --- masks --- */

static int check_side(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= 1 && v <= IMAGE_SIDE_MAX, arg, "outside 1..1048576 pixels");
  return (int)v;
}

/* polygon_mask(polygon, w, h[, value = 1]) -> u8 image */
static int f_polygon_mask(lua_State *L) {
  Err err;
  int w = check_side(L, 2), h = check_side(L, 3);
  uint8_t value = shapes_value(L, 4);
  const Poly *p = shapes_clean(L, 1, &err);
  return shapes_push_image(L, p ? poly_mask(p, w, h, value, &err) : NULL, &err);
}

/* mask_polygon(image) -> polygon | nil, along the pixels' edges */
static int f_mask_polygon(lua_State *L) {
  Err err;
  const Image *m = image_anchor(L, 1);
  Poly *p = shapes_poly(L);
  if (!mask_poly(m, p, &err)) return bind_fail(L, &err);
  return shapes_push(L, p);
}

/* mask_area(image) -> pixels that are not 0 */
static int f_mask_area(lua_State *L) {
  int box[4];
  lua_pushinteger(L, (lua_Integer)mask_bounds(image_check(L, 1), box));
  return 1;
}

/* mask_box(image) -> x, y, w, h | nil */
static int f_mask_box(lua_State *L) {
  int b[4];
  if (!mask_bounds(image_check(L, 1), b)) return lua_pushnil(L), 1;
  const double d[4] = {b[0], b[1], b[2], b[3]};
  return shapes_push_box(L, d);
}

static const luaL_Reg funcs[] = {{"area", f_area},
                                 {"bounds", f_bounds},
                                 {"clean", f_clean},
                                 {"clip", f_clip},
                                 {"contains", f_contains},
                                 {"hull", f_hull},
                                 {"mask_area", f_mask_area},
                                 {"mask_box", f_mask_box},
                                 {"mask_polygon", f_mask_polygon},
                                 {"polygon_mask", f_polygon_mask},
                                 {"rectangle", f_rectangle},
                                 {"simplify", f_simplify},
                                 {NULL, NULL}};
int open_shapes(lua_State *L) {
  shapes_type(L);
  luaL_newlib(L, funcs);
  open_shapes_rle(L);
  open_shapes_warp(L);
  return 1;
}
