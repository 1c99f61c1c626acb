/* brink.core.shapes: geometry of labels. A polygon is { parts = { {x, y, ...}, ... }, holes = { ... } }; pixels
 * are continuous coordinates. Also gives brink.Warp its methods for shapes.
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/mem.h"
#include "labels/carry.h"
#include "labels/rle.h"
#include "lua/bind_plan.h"

static const char POLY[] = "brink.shapes.poly", RLE[] = "brink.shapes.rle", WARP[] = "brink.Warp";

static int raise_err(lua_State *L, const Err *err) { return luaL_error(L, "%s", err->text); }

/* --- C values that the collector releases --- */

static int f_poly_gc(lua_State *L) {
  poly_clear(lua_touserdata(L, 1));
  return 0;
}

static int f_rle_gc(lua_State *L) {
  rle_clear(lua_touserdata(L, 1));
  return 0;
}

static Poly *new_poly(lua_State *L) {
  Poly *p = lua_newuserdatauv(L, sizeof *p, 0);
  poly_init(p);
  luaL_setmetatable(L, POLY);
  return p;
}

static Rle *new_rle(lua_State *L) {
  Rle *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = (Rle){0};
  luaL_setmetatable(L, RLE);
  return r;
}

/* --- points and polygons in and out --- */

/* The flat list at the top becomes one more ring; popped. */
static void read_ring(lua_State *L, Poly *p, bool hole, const char *what) {
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
      read_ring(L, p, hole, "polygon");
    }
  else if (type != LUA_TNIL)
    luaL_error(L, "polygon.%s: a list of rings expected, got a %s", field, lua_typename(L, type));
  lua_pop(L, 1);
}

/* { parts =, holes = } or one flat ring at arg, as a userdata at the top. */
static Poly *read_poly(lua_State *L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  luaL_checkstack(L, 12, "polygon");
  Poly *p = new_poly(L);
  if (lua_rawgeti(L, arg, 1) == LUA_TNUMBER) {
    lua_pushvalue(L, arg);
    read_ring(L, p, false, "polygon");
    lua_pop(L, 1);
    return p;
  }
  lua_pop(L, 1);
  read_rings(L, arg, "parts", p, false);
  read_rings(L, arg, "holes", p, true);
  return p;
}

/* The same, made clean; false with *err. */
static Poly *read_clean(lua_State *L, int arg, Err *err) {
  bool changed;
  Poly *p = read_poly(L, arg);
  return poly_clean(p, &changed, err) ? p : NULL;
}

static void push_flat(lua_State *L, const double *xy, int n) {
  lua_createtable(L, 2 * n, 0);
  for (int i = 0; i < 2 * n; i++) {
    lua_pushnumber(L, xy[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

static void push_rings(lua_State *L, const Poly *p, bool hole) {
  int n = 0;
  lua_newtable(L);
  for (int k = 0; k < p->rings; k++) {
    if (p->ring[k].hole != hole) continue;
    push_flat(L, poly_xy(p, k), p->ring[k].n);
    lua_rawseti(L, -2, ++n);
  }
}

/* nil for nothing. */
static int push_poly(lua_State *L, const Poly *p) {
  if (!p->rings) return lua_pushnil(L), 1;
  lua_createtable(L, 0, 2);
  push_rings(L, p, false);
  lua_setfield(L, -2, "parts");
  push_rings(L, p, true);
  lua_setfield(L, -2, "holes");
  return 1;
}

/* --- polygons --- */

/* clean(polygon) -> polygon | nil, changed; parts united, self-crossings resolved. */
static int f_clean(lua_State *L) {
  Err err;
  bool changed;
  Poly *p = read_poly(L, 1);
  if (!poly_clean(p, &changed, &err)) return bind_fail(L, &err);
  push_poly(L, p);
  lua_pushboolean(L, changed);
  return 2;
}

/* area(polygon) -> square pixels */
static int f_area(lua_State *L) {
  Err err;
  const Poly *p = read_clean(L, 1, &err);
  if (!p) return bind_fail(L, &err);
  lua_pushnumber(L, poly_area(p));
  return 1;
}

static int push_box(lua_State *L, const double b[4]) {
  lua_pushnumber(L, b[0]);
  lua_pushnumber(L, b[1]);
  lua_pushnumber(L, b[2] - b[0]);
  lua_pushnumber(L, b[3] - b[1]);
  return 4;
}

/* bounds(polygon) -> x, y, w, h | nil */
static int f_bounds(lua_State *L) {
  double box[4];
  if (!poly_bounds(read_poly(L, 1), box)) return lua_pushnil(L), 1;
  return push_box(L, box);
}

/* clip(polygon, x, y, w, h) -> polygon | nil (nothing left), cut | nil, message, code */
static int f_clip(lua_State *L) {
  Err err;
  bool cut = false;
  double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3), w = luaL_checknumber(L, 4), h = luaL_checknumber(L, 5);
  Poly *p = read_clean(L, 1, &err);
  if (!p || !poly_clip(p, x, y, x + w, y + h, &cut, &err)) return bind_fail(L, &err);
  push_poly(L, p);
  lua_pushboolean(L, cut);
  return 2;
}

/* contains(polygon, x, y) -> boolean; of a clean polygon */
static int f_contains(lua_State *L) {
  const Poly *p = read_poly(L, 1);
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
  Poly *p = read_poly(L, 1);
  if (!poly_simplify(p, tolerance, true, &err)) return bind_fail(L, &err);
  return push_poly(L, p);
}

/* hull(points) -> points, clockwise on the screen */
static int f_hull(lua_State *L) {
  Poly *p = new_poly(L);
  lua_pushvalue(L, 1);
  read_ring(L, p, false, "hull");
  double *out = lua_newuserdatauv(L, ((size_t)p->points + 1) * 2 * sizeof *out, 0);
  push_flat(L, out, hull_points(p->xy, p->points, out));
  return 1;
}

/* rectangle(points[, degrees]) -> cx, cy, w, h, angle: the smallest around them, or the one with that angle. */
static int f_rectangle(lua_State *L) {
  Err err;
  double r[5];
  lua_settop(L, 2);
  Poly *p = new_poly(L);
  lua_pushvalue(L, 1);
  read_ring(L, p, false, "rectangle");
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

static uint8_t check_value(lua_State *L, int arg) {
  lua_Integer v = luaL_optinteger(L, arg, 1);
  luaL_argcheck(L, v >= 1 && v <= 255, arg, "outside 1..255");
  return (uint8_t)v;
}

static int push_image(lua_State *L, Image *im, const Err *err) {
  if (!im) return bind_fail(L, err);
  image_push(L, im);
  return 1;
}

/* polygon_mask(polygon, w, h[, value = 1]) -> u8 image */
static int f_polygon_mask(lua_State *L) {
  Err err;
  int w = check_side(L, 2), h = check_side(L, 3);
  uint8_t value = check_value(L, 4);
  const Poly *p = read_clean(L, 1, &err);
  return push_image(L, p ? poly_mask(p, w, h, value, &err) : NULL, &err);
}

/* mask_polygon(image) -> polygon | nil, along the pixels' edges */
static int f_mask_polygon(lua_State *L) {
  Err err;
  const Image *m = image_check(L, 1);
  Poly *p = new_poly(L);
  if (!mask_poly(m, p, &err)) return bind_fail(L, &err);
  return push_poly(L, p);
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
  return push_box(L, d);
}

/* --- run lengths --- */

/* Counts as a list or as compressed text at `at`; false with *err. */
static bool read_counts(lua_State *L, int at, Rle *r, Err *err) {
  size_t n;
  if (lua_type(L, at) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, at, &n);
    return rle_read(r, text, n, err);
  }
  if (!lua_istable(L, at)) return err_set(err, ERR_USAGE, "rle.counts: a list or text expected, got a %s", luaL_typename(L, at));
  r->n = 0;
  n = lua_rawlen(L, at);
  for (size_t i = 1; i <= n; i++) {
    lua_rawgeti(L, at, (lua_Integer)i);
    int whole;
    lua_Integer v = lua_tointegerx(L, -1, &whole);
    lua_pop(L, 1);
    if (!whole || v < 0 || v > UINT32_MAX) return err_set(err, ERR_USAGE, "rle.counts: count %zu is no whole number of pixels", i);
    if (!rle_add(r, (uint32_t)v, err)) return false;
  }
  return true;
}

/* { size = { h, w }, counts = } at arg; false with *err. */
static bool read_rle(lua_State *L, int arg, Rle *r, int *w, int *h, Err *err) {
  int side[2] = {0, 0};
  luaL_checktype(L, arg, LUA_TTABLE);
  if (lua_getfield(L, arg, "size") != LUA_TTABLE) return err_set(err, ERR_USAGE, "rle.size: a list of height and width expected");
  for (int i = 0; i < 2; i++) {
    lua_rawgeti(L, -1, i + 1);
    lua_Integer v = lua_tointeger(L, -1);
    if (v < 1 || v > IMAGE_SIDE_MAX) return err_set(err, ERR_USAGE, "rle.size: %s is no whole number in 1..%d", i ? "width" : "height", IMAGE_SIDE_MAX);
    side[i] = (int)v;
    lua_pop(L, 1);
  }
  *h = side[0], *w = side[1];
  lua_getfield(L, arg, "counts");
  return read_counts(L, lua_gettop(L), r, err);
}

/* rle_decode(text) -> counts | nil, message, code */
static int f_rle_decode(lua_State *L) {
  Err err;
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  Rle *r = new_rle(L);
  if (!rle_read(r, text, n, &err)) return bind_fail(L, &err);
  lua_createtable(L, r->n, 0);
  for (int i = 0; i < r->n; i++) {
    lua_pushinteger(L, r->count[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int push_text(lua_State *L, const Rle *r) {
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, 7 * (size_t)r->n + 1);
  luaL_pushresultsize(&b, rle_write(r, out));
  return 1;
}

/* rle_encode(counts) -> text | nil, message, code */
static int f_rle_encode(lua_State *L) {
  Err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  Rle *r = new_rle(L);
  if (!read_counts(L, 1, r, &err)) return bind_fail(L, &err);
  return push_text(L, r);
}

/* rle_mask({ size =, counts = }[, value = 1]) -> u8 image | nil, message, code */
static int f_rle_mask(lua_State *L) {
  Err err;
  int w, h;
  uint8_t value = check_value(L, 2);
  Rle *r = new_rle(L);
  return push_image(L, read_rle(L, 1, r, &w, &h, &err) ? rle_decode(r, w, h, value, &err) : NULL, &err);
}

/* mask_rle(image[, "list"]) -> { size = { h, w }, counts = text or list } */
static int f_mask_rle(lua_State *L) {
  static const char *const kinds[] = {"text", "list", NULL};
  Err err;
  const Image *m = image_check(L, 1);
  int list = luaL_checkoption(L, 2, "text", kinds);
  Rle *r = new_rle(L);
  if (!rle_encode(r, m, &err)) return bind_fail(L, &err);
  lua_createtable(L, 0, 2);
  lua_createtable(L, 2, 0);
  lua_pushinteger(L, m->h);
  lua_rawseti(L, -2, 1);
  lua_pushinteger(L, m->w);
  lua_rawseti(L, -2, 2);
  lua_setfield(L, -2, "size");
  if (list) {
    lua_createtable(L, r->n, 0);
    for (int i = 0; i < r->n; i++) {
      lua_pushinteger(L, r->count[i]);
      lua_rawseti(L, -2, i + 1);
    }
  } else {
    push_text(L, r);
  }
  lua_setfield(L, -2, "counts");
  return 1;
}

/* rle_area({ size =, counts = }) -> pixels | nil, message, code; checks that the counts fill the size. */
static int f_rle_area(lua_State *L) {
  Err err;
  int w, h;
  uint64_t sum = 0;
  Rle *r = new_rle(L);
  if (!read_rle(L, 1, r, &w, &h, &err) || !rle_check(r, w, h, &err)) return bind_fail(L, &err);
  for (int i = 1; i < r->n; i += 2) sum += r->count[i];
  lua_pushinteger(L, (lua_Integer)sum);
  return 1;
}

/* --- through a warp --- */

/* warp:polygon(polygon[, covers]) -> polygon | nil (nothing left), share still seen, cut | nil, message, code */
static int f_polygon(lua_State *L) {
  Err err;
  bool cut;
  double seen;
  const Warp *w = bind_warp_check(L, 1);
  const Poly *covers = lua_isnoneornil(L, 3) ? NULL : read_poly(L, 3);
  Poly *p = read_clean(L, 2, &err);
  if (!p || !carry_poly(w, p, covers, &seen, &cut, &err)) return bind_fail(L, &err);
  push_poly(L, p);
  lua_pushnumber(L, seen);
  lua_pushboolean(L, cut);
  return 3;
}

/* warp:back(polygon of the output) -> polygon of the input */
static int f_back(lua_State *L) {
  Err err;
  const Warp *w = bind_warp_check(L, 1);
  Poly *p = read_poly(L, 2);
  if (!carry_back(w, p, &err)) return bind_fail(L, &err);
  return push_poly(L, p);
}

/* warp:outline(points) -> points, moved as a closed outline, not cut */
static int f_outline(lua_State *L) {
  Err err;
  const Warp *w = bind_warp_check(L, 1);
  Poly *p = new_poly(L);
  lua_pushvalue(L, 2);
  read_ring(L, p, false, "outline");
  if (!carry_outline(w, p, &err)) return bind_fail(L, &err);
  push_flat(L, p->xy, p->points);
  return 1;
}

/* warp:lines({ {x, y, ...}, ... }) -> list of lines (what is left, maybe in pieces), share still seen, cut */
static int f_lines(lua_State *L) {
  Err err;
  bool cut;
  double seen;
  const Warp *w = bind_warp_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  Poly *p = new_poly(L);
  for (lua_Integer k = 1, n = (lua_Integer)lua_rawlen(L, 2); k <= n; k++) {
    lua_rawgeti(L, 2, k);
    read_ring(L, p, false, "polyline");
  }
  for (int i = 0; i < 2 * p->points; i++)
    if (!isfinite(p->xy[i])) return luaL_error(L, "polyline: number %d is not finite", i + 1);
  if (!carry_lines(w, p, &seen, &cut, &err)) return bind_fail(L, &err);
  push_rings(L, p, false);
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
  Poly *p = new_poly(L);
  bool ok = poly_ring(p, false, &err);
  for (int i = 0; ok && i < 4; i++) ok = poly_point(p, xy[2 * i], xy[2 * i + 1], &err);
  if (!ok || !poly_clean(p, &cut, &err) || !carry_poly(w, p, NULL, &seen, &cut, &err)) return bind_fail(L, &err);
  if (!poly_bounds(p, b)) return lua_pushnil(L), 1;
  push_box(L, b);
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
    else push_flat(L, m, 3);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
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
                                 {"mask_rle", f_mask_rle},
                                 {"polygon_mask", f_polygon_mask},
                                 {"rectangle", f_rectangle},
                                 {"rle_area", f_rle_area},
                                 {"rle_decode", f_rle_decode},
                                 {"rle_encode", f_rle_encode},
                                 {"rle_mask", f_rle_mask},
                                 {"simplify", f_simplify},
                                 {NULL, NULL}};
static const luaL_Reg warp_methods[] = {{"back", f_back},   {"box", f_box},         {"lines", f_lines},   {"mirrors", f_mirrors}, {"outline", f_outline},
                                        {"place", f_place}, {"polygon", f_polygon}, {"stages", f_stages}, {"still", f_still},     {NULL, NULL}};

int open_shapes(lua_State *L) {
  static const luaL_Reg poly_meta[] = {{"__gc", f_poly_gc}, {NULL, NULL}}, rle_meta[] = {{"__gc", f_rle_gc}, {NULL, NULL}};
  bind_type(L, POLY, NULL, poly_meta);
  bind_type(L, RLE, NULL, rle_meta);
  luaL_getmetatable(L, WARP); /* its __index carries the methods as upvalue 1 */
  lua_getfield(L, -1, "__index");
  lua_getupvalue(L, -1, 1);
  luaL_setfuncs(L, warp_methods, 0);
  lua_pop(L, 3);
  luaL_newlib(L, funcs);
  return 1;
}
