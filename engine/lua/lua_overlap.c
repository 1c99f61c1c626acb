/* core.overlap: masks as runs, what two of them share, confusion of semantic masks (labels/overlap.h).
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "labels/overlap.h"
#include "lua/bind.h"

#define RUNS "brink.Runs"
#define CONFUSION "brink.Confusion"

static Runs *check(lua_State *L, int arg) { return luaL_checkudata(L, arg, RUNS); }

static Runs *push_runs(lua_State *L, int w, int h) {
  Runs *r = lua_newuserdatauv(L, sizeof *r, 0);
  runs_init(r, w, h);
  luaL_setmetatable(L, RUNS);
  return r;
}

static int side_arg(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= 1 && v <= IMAGE_SIDE_MAX, arg, "1..1048576 expected");
  return (int)v;
}

/* runs(w, h, counts): counts as COCO's text, or a list of integers -> Runs | nil, message, code */
static int f_runs(lua_State *L) {
  int w = side_arg(L, 1), h = side_arg(L, 2);
  Runs *r = push_runs(L, w, h);
  Err err = {0};
  size_t n;
  if (lua_type(L, 3) == LUA_TSTRING) {
    const char *s = lua_tolstring(L, 3, &n);
    return runs_from_text(r, s, n, &err) ? 1 : bind_fail(L, &err);
  }
  luaL_checktype(L, 3, LUA_TTABLE);
  n = lua_rawlen(L, 3);
  uint64_t *count = lua_newuserdatauv(L, (n ? n : 1) * sizeof *count, 0);
  for (size_t k = 0; k < n; k++) {
    int ok;
    lua_rawgeti(L, 3, (lua_Integer)k + 1);
    lua_Integer v = lua_tointegerx(L, -1, &ok);
    if (!ok || v < 0) {
      err_set(&err, ERR_DAMAGED, "count %zu is no whole number from 0", k + 1);
      return bind_fail(L, &err);
    }
    count[k] = (uint64_t)v;
    lua_pop(L, 1);
  }
  if (!runs_from_counts(r, count, n, &err)) return bind_fail(L, &err);
  lua_pop(L, 1);
  return 1;
}

/* from_image(image): pixels whose first channel is not 0 -> Runs | nil, message, code */
static int f_from_image(lua_State *L) {
  const Image *im = image_anchor(L, 1);
  Runs *r = push_runs(L, im->w, im->h);
  Err err = {0};
  return runs_from_image(r, im, &err) ? 1 : bind_fail(L, &err);
}

/* The list at stack top {x, y, x, y, ...} as a ring in a userdata that stays on the stack below. */
static RingView ring_at(lua_State *L, bool hole) {
  luaL_checktype(L, -1, LUA_TTABLE);
  size_t n = lua_rawlen(L, -1) / 2;
  double *xy = lua_newuserdatauv(L, (n ? n : 1) * 2 * sizeof *xy, 0);
  for (size_t k = 0; k < 2 * n; k++) {
    lua_rawgeti(L, -2, (lua_Integer)k + 1);
    xy[k] = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || !isfinite(xy[k])) luaL_error(L, "a polygon's coordinate %d: a finite number expected", (int)k + 1);
    lua_pop(L, 1);
  }
  lua_remove(L, -2);
  return (RingView){xy, n, hole};
}

/* from_rings(w, h, parts[, holes]): lists of rings { x, y, ... } -> Runs | nil, message, code */
static int f_from_rings(lua_State *L) {
  int w = side_arg(L, 1), h = side_arg(L, 2);
  luaL_checktype(L, 3, LUA_TTABLE);
  if (!lua_isnoneornil(L, 4)) luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4);
  size_t n[2] = {lua_rawlen(L, 3), lua_isnil(L, 4) ? 0 : lua_rawlen(L, 4)};
  luaL_argcheck(L, n[0] + n[1] <= 100000, 3, "more than 100000 rings");
  RingView *ring = lua_newuserdatauv(L, (n[0] + n[1] + 1) * sizeof *ring, 0);
  luaL_checkstack(L, (int)(n[0] + n[1]) + 8, "too many rings");
  size_t all = 0;
  for (int which = 0; which < 2; which++)
    for (size_t k = 0; k < n[which]; k++) {
      lua_rawgeti(L, 3 + which, (lua_Integer)k + 1);
      ring[all++] = ring_at(L, which == 1);
    }
  Runs *r = push_runs(L, w, h);
  Err err = {0};
  return runs_from_rings(r, ring, all, &err) ? 1 : bind_fail(L, &err);
}

/* runs:area() -> pixels */
static int f_area(lua_State *L) { return lua_pushinteger(L, (lua_Integer)runs_area(check(L, 1))), 1; }

/* runs:shared(other) -> pixels in both */
static int f_shared(lua_State *L) {
  Runs *a = check(L, 1), *b = check(L, 2);
  if (a->w != b->w || a->h != b->h) return luaL_error(L, "masks of %d x %d and %d x %d cannot be compared", a->w, a->h, b->w, b->h);
  return lua_pushinteger(L, (lua_Integer)runs_shared(a, b)), 1;
}

/* runs:box() -> x, y, w, h; nothing for an empty mask */
static int f_box(lua_State *L) {
  int box[4];
  if (!runs_bounds(check(L, 1), box)) return 0;
  lua_pushinteger(L, box[0]);
  lua_pushinteger(L, box[1]);
  lua_pushinteger(L, box[2] - box[0]);
  lua_pushinteger(L, box[3] - box[1]);
  return 4;
}

/* runs:size() -> w, h */
static int f_size(lua_State *L) {
  Runs *r = check(L, 1);
  lua_pushinteger(L, r->w);
  lua_pushinteger(L, r->h);
  return 2;
}

static int f_gc(lua_State *L) {
  runs_clear(check(L, 1));
  return 0;
}

static int f_confusion_gc(lua_State *L) {
  confusion_clear(luaL_checkudata(L, 1, CONFUSION));
  return 0;
}

/* confusion(truth, predicted[, void]) -> list of { class, both, truth, predicted } by class | nil, message, code */
static int f_confusion(lua_State *L) {
  lua_settop(L, 3);
  const Image *truth = image_anchor(L, 1), *predicted = image_anchor(L, 2);
  lua_Integer blank = luaL_optinteger(L, 3, -1);
  luaL_argcheck(L, blank >= -1 && blank <= 65535, 3, "-1..65535 expected");
  Confusion *c = lua_newuserdatauv(L, sizeof *c, 0);
  memset(c, 0, sizeof *c);
  luaL_setmetatable(L, CONFUSION);
  Err err = {0};
  if (!confusion_count(c, truth, predicted, (int)blank, &err)) return bind_fail(L, &err);
  lua_newtable(L);
  lua_Integer n = 0;
  for (int k = 0; k < c->classes; k++) {
    if (!c->truth[k] && !c->predicted[k]) continue;
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, k);
    lua_setfield(L, -2, "class");
    lua_pushinteger(L, (lua_Integer)c->both[k]);
    lua_setfield(L, -2, "both");
    lua_pushinteger(L, (lua_Integer)c->truth[k]);
    lua_setfield(L, -2, "truth");
    lua_pushinteger(L, (lua_Integer)c->predicted[k]);
    lua_setfield(L, -2, "predicted");
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static const luaL_Reg funcs[] = {{"runs", f_runs}, {"from_image", f_from_image}, {"from_rings", f_from_rings}, {"confusion", f_confusion}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"area", f_area}, {"shared", f_shared}, {"box", f_box}, {"size", f_size}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__gc", f_gc}, {NULL, NULL}};
static const luaL_Reg confusion_metamethods[] = {{"__gc", f_confusion_gc}, {NULL, NULL}};

int open_overlap(lua_State *L) {
  bind_type(L, RUNS, methods, metamethods);
  bind_type(L, CONFUSION, NULL, confusion_metamethods);
  luaL_newlib(L, funcs);
  return 1;
}
