/* image:draw(list): a new image with shapes drawn on it, in order.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "image/draw.h"
#include "lua/bind.h"

#define CANVAS "brink.draw.canvas" /* the image being drawn, until it is handed out */

static int f_canvas_gc(lua_State *L) {
  Image **im = lua_touserdata(L, 1);
  image_unref(*im);
  *im = NULL;
  return 0;
}

static double field(lua_State *L, int at, const char *name, double otherwise) {
  int type = lua_getfield(L, at, name);
  if (type != LUA_TNUMBER && (type != LUA_TNIL || otherwise != otherwise)) luaL_error(L, "draw: %s is a %s, expected a number", name, lua_typename(L, type));
  double v = type == LUA_TNIL ? otherwise : lua_tonumber(L, -1);
  lua_pop(L, 1);
  return v;
}

#define REQUIRED (0.0 / 0.0)
enum { RINGS_MAX = 100000 };

static Colour colour(lua_State *L, int at) {
  Colour c = {{255, 255, 255, 255}, 1};
  if (lua_getfield(L, at, "colour") == LUA_TTABLE)
    for (int k = 0; k < 4; k++) {
      if (lua_rawgeti(L, -1, k + 1) == LUA_TNUMBER) c.v[k] = (float)lua_tonumber(L, -1);
      else if (k) c.v[k] = c.v[k - 1];
      lua_pop(L, 1);
    }
  lua_pop(L, 1);
  c.opacity = (float)field(L, at, "opacity", 1);
  return c;
}

/* A flat list of numbers at the top of the stack into a userdata (left in its place). */
static double *points(lua_State *L, int *n) {
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  if (count % 2 || count > 1 << 20) luaL_error(L, "draw: %d numbers, expected pairs x, y", (int)count);
  double *xy = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *xy, 0);
  for (lua_Integer i = 0; i < count; i++) {
    if (lua_rawgeti(L, -2, i + 1) != LUA_TNUMBER) luaL_error(L, "draw: point coordinate %d is a %s, expected a number", (int)i + 1, luaL_typename(L, -1));
    xy[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  *n = (int)(count / 2);
  return xy;
}

/* rings = { {x, y, ...}, ... }: what an odd number of them encloses */
static bool draw_rings(lua_State *L, Image *im, int at, Err *err) {
  size_t count = lua_rawlen(L, -1), total = 0;
  if (count > RINGS_MAX) luaL_error(L, "draw: %d rings, expected up to %d", (int)count, RINGS_MAX);
  int n = (int)count, rings = lua_gettop(L), *part = lua_newuserdatauv(L, (count + 1) * sizeof *part, 0);
  for (int k = 0; k < n; k++) {
    if (lua_rawgeti(L, rings, k + 1) != LUA_TTABLE) luaL_error(L, "draw: ring %d is a %s, expected a list of points", k + 1, luaL_typename(L, -1));
    total += lua_rawlen(L, -1);
    lua_pop(L, 1);
  }
  double *all = lua_newuserdatauv(L, (total + 1) * sizeof *all, 0), *to = all, *end = all + total;
  for (int k = 0; k < n; k++) {
    lua_rawgeti(L, rings, k + 1);
    const double *xy = points(L, &part[k]);
    if (end - to < 2 * part[k]) luaL_error(L, "draw: ring %d grew while it was read", k + 1); /* by a finalizer */
    memcpy(to, xy, 2 * (size_t)part[k] * sizeof *xy);
    to += 2 * part[k];
    lua_pop(L, 2);
  }
  return draw_fill(im, all, part, n, FILL_EVENODD, colour(L, at), err);
}

static bool draw_polygon(lua_State *L, Image *im, int at, Err *err) {
  int n;
  if (lua_getfield(L, at, "rings") == LUA_TTABLE) return draw_rings(L, im, at, err);
  lua_getfield(L, at, "points");
  double *xy = points(L, &n);
  return draw_fill(im, xy, &n, 1, FILL_NONZERO, colour(L, at), err);
}

static bool draw_polyline(lua_State *L, Image *im, int at, Err *err) {
  int n;
  lua_getfield(L, at, "points");
  double *xy = points(L, &n);
  bool closed = (lua_getfield(L, at, "closed"), lua_toboolean(L, -1));
  return draw_line(im, xy, n, closed, field(L, at, "width", 1), colour(L, at), err);
}

static bool draw_box(lua_State *L, Image *im, int at, Err *err) {
  double x = field(L, at, "x", REQUIRED), y = field(L, at, "y", REQUIRED), w = field(L, at, "w", REQUIRED), h = field(L, at, "h", REQUIRED);
  double xy[] = {x, y, x + w, y, x + w, y + h, x, y + h}, width = field(L, at, "width", 0);
  int n = 4;
  return width > 0 ? draw_line(im, xy, n, true, width, colour(L, at), err) : draw_fill(im, xy, &n, 1, FILL_NONZERO, colour(L, at), err);
}

static bool draw_circle(lua_State *L, Image *im, int at, Err *err) {
  return draw_disc(im, field(L, at, "x", REQUIRED), field(L, at, "y", REQUIRED), field(L, at, "radius", REQUIRED), colour(L, at), err);
}

static bool draw_string(lua_State *L, Image *im, int at, Err *err) {
  lua_getfield(L, at, "text");
  const char *text = luaL_checkstring(L, -1);
  return draw_text(im, field(L, at, "x", REQUIRED), field(L, at, "y", REQUIRED), field(L, at, "size", 10), text, colour(L, at), err);
}

static const struct { const char *name; bool (*draw)(lua_State *, Image *, int, Err *); } kinds[] = {
    {"polygon", draw_polygon}, {"line", draw_polyline}, {"box", draw_box}, {"disc", draw_circle}, {"text", draw_string}};

static bool draw_shape(lua_State *L, Image *im, int at, Err *err) {
  luaL_checktype(L, at, LUA_TTABLE);
  lua_rawgeti(L, at, 1);
  const char *kind = luaL_checkstring(L, -1);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    if (!strcmp(kind, kinds[k].name)) return kinds[k].draw(L, im, at, err);
  return luaL_error(L, "draw: unknown shape '%s', expected polygon, line, box, disc or text", kind);
}

/* image:draw{ {"polygon", points = {x,y,...}} or {"polygon", rings = { {x,y,...}, ... }}, {"line", points=, width=, closed=}, {"box", x=, y=, w=, h=[, width=]},
 * {"disc", x=, y=, radius=}, {"text", text=, x=, y=, size=} } -> new image. Each takes colour = {r,g,b} 0..255 and opacity 0..1. */
static int f_draw(lua_State *L) {
  Err err = {0};
  image_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  Image **canvas = lua_newuserdatauv(L, sizeof *canvas, 0);
  *canvas = NULL;
  luaL_setmetatable(L, CANVAS);
  *canvas = image_copy(image_check(L, 1), &err);
  bool ok = *canvas != NULL;
  lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
  for (lua_Integer i = 1; ok && i <= n; i++) {
    lua_rawgeti(L, 2, i);
    ok = draw_shape(L, *canvas, lua_gettop(L), &err);
    lua_settop(L, 3);
  }
  if (!ok) return bind_fail(L, &err);
  Image *out = *canvas;
  *canvas = NULL;
  image_push(L, out);
  return 1;
}

/* text_width(text, size) -> pixels */
static int f_text_width(lua_State *L) {
  lua_pushnumber(L, draw_text_width(luaL_checkstring(L, 1), luaL_checknumber(L, 2)));
  return 1;
}

int open_draw(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", f_canvas_gc}, {NULL, NULL}};
  static const luaL_Reg funcs[] = {{"draw", f_draw}, {"text_width", f_text_width}, {NULL, NULL}};
  bind_type(L, CANVAS, NULL, meta);
  luaL_getmetatable(L, "brink.Image"); /* its __index carries the methods as upvalue 1 */
  lua_getfield(L, -1, "__index");
  lua_getupvalue(L, -1, 1);
  lua_pushcfunction(L, f_draw);
  lua_setfield(L, -2, "draw");
  lua_pop(L, 3);
  luaL_newlib(L, funcs);
  return 1;
}
