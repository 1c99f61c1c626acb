/* core.index: COCO files of any size, and masks as runs. SPDX-License-Identifier: MIT */
#include <string.h>

#include "labels/index.h"
#include "lua/bind.h"

#define BUF "brink.index.buf"

static int f_buf_gc(lua_State *L) { return buf_clear(lua_touserdata(L, 1)), 0; }

static void close_coco(void *c) { coco_close(c); }
static const RefType INDEX = {"brink.CocoIndex", "index is closed", close_coco};

static Coco *check(lua_State *L) { return bind_check(L, 1, &INDEX); }

/* coco(path) -> index | nil, message, code */
static int f_coco(lua_State *L) {
  Err err = {0};
  Coco *c = coco_open(bind_path(L, 1), &err);
  if (!c) return bind_fail(L, &err);
  bind_push(L, &INDEX, c, coco_bytes(c));
  return 1;
}

static int f_close(lua_State *L) { return bind_drop(L, &INDEX); }

static int f_len(lua_State *L) { return lua_pushinteger(L, (lua_Integer)check(L)->n_images), 1; }

static size_t image_at(lua_State *L, const Coco *c) {
  lua_Integer k = luaL_checkinteger(L, 2);
  luaL_argcheck(L, k >= 1 && (lua_Unsigned)k <= c->n_images, 2, "no image of this number");
  return (size_t)k - 1;
}

/* index:image(k) -> the image's object as text, its number in the file's list from 0 */
static int f_image(lua_State *L) {
  Coco *c = check(L);
  const CocoImage *im = &c->images[image_at(L, c)];
  Err err = {0};
  Buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b);
  luaL_setmetatable(L, BUF);
  if (!coco_read(c, im->at, im->n, b, &err)) return bind_fail(L, &err);
  lua_pushlstring(L, (char *)b->data, b->n);
  buf_clear(b);
  lua_pushinteger(L, im->number);
  return 2;
}

/* index:annotations(k) -> list of texts, list of their numbers in the file's list, from 0 */
static int f_annotations(lua_State *L) {
  Coco *c = check(L);
  size_t k = image_at(L, c);
  uint32_t first = c->images[k].first, last = c->images[k + 1].first;
  Err err = {0};
  Buf *b = lua_newuserdatauv(L, sizeof *b, 0);
  buf_init(b);
  luaL_setmetatable(L, BUF);
  lua_createtable(L, (int)(last - first), 0);
  lua_createtable(L, (int)(last - first), 0);
  for (uint32_t i = first; i < last; i++) {
    b->n = 0;
    if (!coco_read(c, c->notes[i].at, c->notes[i].n, b, &err)) return bind_fail(L, &err);
    lua_pushlstring(L, (char *)b->data, b->n);
    lua_rawseti(L, -3, (lua_Integer)(i - first) + 1);
    lua_pushinteger(L, c->notes[i].number);
    lua_rawseti(L, -2, (lua_Integer)(i - first) + 1);
  }
  buf_clear(b);
  return 2;
}

/* index:rest() -> the file's other values: { { key, text }, ... } in the order of the file */
static int f_rest(lua_State *L) {
  Coco *c = check(L);
  lua_createtable(L, (int)c->n_rest, 0);
  for (size_t i = 0; i < c->n_rest; i++) {
    lua_createtable(L, 2, 0);
    lua_pushstring(L, c->rest[i].key), lua_rawseti(L, -2, 1);
    lua_pushlstring(L, c->rest[i].text, c->rest[i].n), lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* index:failures() -> list of texts (the first 10,000), their true number */
static int f_failures(lua_State *L) {
  Coco *c = check(L);
  lua_createtable(L, (int)c->n_faults, 0);
  for (size_t i = 0; i < c->n_faults; i++) lua_pushstring(L, c->faults[i]), lua_rawseti(L, -2, (lua_Integer)i + 1);
  lua_pushinteger(L, (lua_Integer)c->total_faults);
  return 2;
}

/* index:count() -> annotations, bytes of memory */
static int f_count(lua_State *L) {
  Coco *c = check(L);
  lua_pushinteger(L, (lua_Integer)c->n_notes);
  lua_pushinteger(L, (lua_Integer)coco_bytes(c));
  return 2;
}

/* The image at arg as u8 with one channel, or three that are one number: r + 256 g + 65536 b. Anchored: pushes an object. */
static const Image *mask_check(lua_State *L, int arg) {
  const Image *im = image_anchor(L, arg);
  luaL_argcheck(L, im->type == IMAGE_U8 && (im->c == 1 || im->c == 3), arg, "a mask of one or three 8-bit channels expected");
  return im;
}

static int value_at(const Image *im, int x, int y) {
  const uint8_t *p = (const uint8_t *)image_row(im, y) + (size_t)x * (size_t)im->c;
  return im->c == 1 ? p[0] : p[0] | p[1] << 8 | p[2] << 16;
}

static void set_value(Image *im, size_t x, size_t y, int value) {
  uint8_t *p = (uint8_t *)image_row(im, (int)y) + x * (size_t)im->c;
  for (int k = 0; k < im->c; k++) p[k] = (uint8_t)(value >> 8 * k);
}

/* runs(mask[, value]) -> { n, ... }: column by column, lengths of stretches without and with the value (without one: of not 0),
 * the first without; and x, y, w, h of what has it, nil when nothing does */
static int f_runs(lua_State *L) {
  lua_settop(L, 2);
  const Image *im = mask_check(L, 1);
  lua_Integer value = luaL_optinteger(L, 2, -1);
  luaL_argcheck(L, value >= -1 && value < 1 << 24, 2, "-1..16777215 expected");
  int x0 = im->w, x1 = -1, y0 = im->h, y1 = -1;
  lua_Integer run = 0, k = 0;
  bool on = false;
  lua_newtable(L);
  for (int x = 0; x < im->w; x++)
    for (int y = 0; y < im->h; y++) {
      int v = value_at(im, x, y);
      bool hit = value < 0 ? v != 0 : v == value;
      if (hit) {
        if (x < x0) x0 = x;
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        if (y > y1) y1 = y;
      }
      if (hit != on) lua_pushinteger(L, run), lua_rawseti(L, -2, ++k), run = 0, on = hit;
      run++;
    }
  lua_pushinteger(L, run), lua_rawseti(L, -2, ++k);
  if (x1 < 0) return 1;
  lua_pushinteger(L, x0), lua_pushinteger(L, y0), lua_pushinteger(L, x1 - x0 + 1), lua_pushinteger(L, y1 - y0 + 1);
  return 5;
}

/* paint(mask, runs, value) -> new mask with the value where the runs say; runs as above, for an image of this size */
static int f_paint(lua_State *L) {
  lua_settop(L, 3);
  const Image *im = mask_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer value = luaL_checkinteger(L, 3);
  luaL_argcheck(L, value >= 0 && value <= (im->c == 1 ? 255 : 0xFFFFFF), 3, im->c == 1 ? "0..255 expected" : "0..16777215 expected");
  Err err = {0};
  Image *out = image_copy(im, &err);
  if (!out) return bind_fail(L, &err);
  size_t at = 0, end = (size_t)im->w * (size_t)im->h, h = (size_t)im->h;
  for (lua_Integer k = 1; at < end && lua_rawgeti(L, 2, k) == LUA_TNUMBER; k++) {
    lua_Integer n = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (n < 0 || (size_t)n > end - at) n = (lua_Integer)(end - at);
    if (k % 2 == 0)
      for (size_t i = at; i < at + (size_t)n; i++) set_value(out, i / h, i % h, value);
    at += (size_t)n;
  }
  lua_settop(L, 3);
  image_push(L, out);
  return 1;
}

int open_index(lua_State *L) {
  static const luaL_Reg methods[] = {{"image", f_image}, {"annotations", f_annotations}, {"rest", f_rest}, {"failures", f_failures},
                                     {"count", f_count}, {"close", f_close}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__len", f_len}, {"__gc", f_close}, {"__close", f_close}, {NULL, NULL}};
  static const luaL_Reg buf_meta[] = {{"__gc", f_buf_gc}, {NULL, NULL}};
  static const luaL_Reg funcs[] = {{"coco", f_coco}, {"runs", f_runs}, {"paint", f_paint}, {NULL, NULL}};
  bind_type(L, INDEX.name, methods, meta);
  bind_type(L, BUF, NULL, buf_meta);
  luaL_newlib(L, funcs);
  return 1;
}
