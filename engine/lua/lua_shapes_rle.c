/* brink.core.shapes: run lengths of masks. SPDX-License-Identifier: MIT */
#include "labels/rle.h"

#include "lua/bind_shapes.h"

static const char RLE[] = "brink.shapes.rle";

static int f_rle_gc(lua_State *L) {
  rle_clear(lua_touserdata(L, 1));
  return 0;
}

static Rle *new_rle(lua_State *L) {
  Rle *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = (Rle){0};
  luaL_setmetatable(L, RLE);
  return r;
}

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
  uint8_t value = shapes_value(L, 2);
  Rle *r = new_rle(L);
  return shapes_push_image(L, read_rle(L, 1, r, &w, &h, &err) ? rle_decode(r, w, h, value, &err) : NULL, &err);
}

/* mask_rle(image[, "list"]) -> { size = { h, w }, counts = text or list } */
static int f_mask_rle(lua_State *L) {
  static const char *const kinds[] = {"text", "list", NULL};
  Err err;
  int list = luaL_checkoption(L, 2, "text", kinds);
  const Image *m = image_anchor(L, 1);
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

void open_shapes_rle(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", f_rle_gc}, {NULL, NULL}};
  static const luaL_Reg funcs[] = {{"mask_rle", f_mask_rle}, {"rle_area", f_rle_area}, {"rle_decode", f_rle_decode}, {"rle_encode", f_rle_encode}, {"rle_mask", f_rle_mask}, {NULL, NULL}};
  bind_type(L, RLE, NULL, meta);
  luaL_setfuncs(L, funcs, 0);
}
