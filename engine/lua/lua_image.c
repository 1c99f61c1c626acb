/* core.image and the type brink.Image. Whatever takes longer than a table
 * look-up is a job: its struct holds references to the images it reads and the
 * one it makes, and lives in a userdata. SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "codec/codec.h"
#include "lua/bind.h"

#define IMAGE "brink.Image"

typedef struct Box { Image *im; } Box; /* NULL once closed */

/* One piece of work on images. Which fields matter is the kind's business. */
typedef struct Work {
  Job job;
  const Image *a, *b, *mask; /* references */
  Image *out;
  char *path;                /* to load or save; also the name in error texts */
  Buf bytes;
  DecodeOptions decode;
  CodecLimits limits;
  DecodeInfo info;
  EncodeOptions encode;
  char format[8];
  uint8_t palette[768];
  ImageType type;
  int c;
  bool alpha;
  ImageOp op;
  double num[2];
  int at[4];
  ImageStats stats;
} Work;

static int f_push(lua_State *L) {
  Box *box = lua_newuserdatauv(L, sizeof *box, 0);
  box->im = NULL;
  luaL_setmetatable(L, IMAGE);
  return 1;
}

void image_push(lua_State *L, Image *im) {
  luaL_checkstack(L, 4, NULL);
  lua_pushcfunction(L, f_push);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
    image_unref(im);
    lua_error(L);
  }
  ((Box *)lua_touserdata(L, -1))->im = im;
  bind_account(L, image_bytes(im));
}

Image *image_check(lua_State *L, int arg) {
  Box *box = luaL_checkudata(L, arg, IMAGE);
  luaL_argcheck(L, box->im, arg, "image is closed");
  return box->im;
}

static void clear_work(Job *job) {
  Work *w = (Work *)job;
  image_unref(w->a);
  image_unref(w->b);
  image_unref(w->mask);
  image_unref(w->out);
  mem_free(w->path);
  buf_clear(&w->bytes);
  w->a = w->b = w->mask = w->out = NULL;
  w->path = NULL;
}

static Work *new_work(lua_State *L, void (*work)(Job *)) { return bind_job(L, sizeof(Work), work, clear_work); }

/* A usage error is the script's own: raised. Everything else is an answer. */
static int failed(lua_State *L, const Err *err) {
  if (err->code == ERR_USAGE || err->code == ERR_INTERNAL) return luaL_error(L, "%s", err->text);
  return bind_fail(L, err);
}

/* The work at stack top is over. Its references go now, not when the collector finds the userdata: pixels are big. */
static Work *finished(lua_State *L) {
  Work *w = lua_touserdata(L, -1);
  image_unref(w->a);
  image_unref(w->b);
  image_unref(w->mask);
  w->a = w->b = w->mask = NULL;
  return w;
}

static int finish_image(lua_State *L) {
  Work *w = finished(L);
  buf_clear(&w->bytes);
  if (w->job.failed) return failed(L, &w->job.err);
  Image *im = w->out;
  w->out = NULL;
  image_push(L, im);
  return 1;
}

static int finish_true(lua_State *L) {
  const Work *w = finished(L);
  if (w->job.failed) return failed(L, &w->job.err);
  lua_pushboolean(L, 1);
  return 1;
}

static int finish_number(lua_State *L) {
  const Work *w = finished(L);
  if (w->job.failed) return failed(L, &w->job.err);
  lua_pushnumber(L, w->num[0]);
  return 1;
}

/* Options */

/* Every key of the table at arg (or none there) is one of names. */
static void check_options(lua_State *L, int arg, const char *const *names) {
  if (lua_isnoneornil(L, arg)) return;
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    int i = 0;
    while (key && names[i] && strcmp(names[i], key)) i++;
    if (!key || !names[i]) luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'", luaL_tolstring(L, -2, NULL)));
  }
}

/* Pushes the field of the option table; false (and nothing pushed) when absent. */
static bool option(lua_State *L, int arg, const char *name) {
  if (lua_isnoneornil(L, arg)) return false;
  if (lua_getfield(L, arg, name) != LUA_TNIL) return true;
  lua_pop(L, 1);
  return false;
}

static bool option_bool(lua_State *L, int arg, const char *name, bool def) {
  if (!option(L, arg, name)) return def;
  if (!lua_isboolean(L, -1)) luaL_argerror(L, arg, lua_pushfstring(L, "%s: boolean expected, got %s", name, luaL_typename(L, -1)));
  def = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return def;
}

static lua_Integer option_int(lua_State *L, int arg, const char *name, lua_Integer lo, lua_Integer hi, lua_Integer def) {
  int whole;
  if (!option(L, arg, name)) return def;
  lua_Integer v = lua_tointegerx(L, -1, &whole);
  if (!whole || v < lo || v > hi)
    luaL_argerror(L, arg, lua_pushfstring(L, "%s: %s is outside %I..%I", name, luaL_tolstring(L, -1, NULL), lo, hi));
  lua_pop(L, 1);
  return v;
}

static ImageType check_type(lua_State *L, int arg, const char *word) {
  if (!strcmp(word, "u8")) return IMAGE_U8;
  if (strcmp(word, "f32")) luaL_argerror(L, arg, lua_pushfstring(L, "type: '%s' is unknown, expected u8 or f32", word));
  return IMAGE_F32;
}

static ImageType option_type(lua_State *L, int arg, ImageType def) {
  if (!option(L, arg, "type")) return def;
  if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "type: u8 or f32 expected");
  def = check_type(L, arg, lua_tostring(L, -1));
  lua_pop(L, 1);
  return def;
}

static void decode_options(lua_State *L, int arg, Work *w) {
  static const char *const names[] = {"keep_damaged", "raw_orientation", "type", "keep_palette", "scale", "limits", "name", NULL};
  static const char *const limits[] = {"pixels", "side", "scans", "scan_pixels", "bytes", NULL};
  check_options(L, arg, names);
  w->decode.keep_damaged = option_bool(L, arg, "keep_damaged", false);
  w->decode.raw_orientation = option_bool(L, arg, "raw_orientation", false);
  w->decode.keep_palette = option_bool(L, arg, "keep_palette", false);
  w->decode.type = option_type(L, arg, IMAGE_U8);
  w->decode.scale_hint = (int)option_int(L, arg, "scale", 1, 8, 1);
  w->limits = CODEC_LIMITS;
  w->decode.limits = &w->limits;
  if (!option(L, arg, "limits")) return;
  int t = lua_gettop(L);
  check_options(L, t, limits);
  w->limits.pixels = (uint64_t)option_int(L, t, "pixels", 1, LLONG_MAX, (lua_Integer)w->limits.pixels);
  w->limits.side = (int)option_int(L, t, "side", 1, IMAGE_SIDE_MAX, w->limits.side);
  w->limits.scans = (int)option_int(L, t, "scans", 1, INT_MAX, w->limits.scans);
  w->limits.scan_pixels = (uint64_t)option_int(L, t, "scan_pixels", 1, LLONG_MAX, (lua_Integer)w->limits.scan_pixels);
  w->limits.bytes = (uint64_t)option_int(L, t, "bytes", 1, LLONG_MAX, (lua_Integer)w->limits.bytes);
  lua_pop(L, 1);
}

static void encode_options(lua_State *L, int arg, Work *w) {
  static const char *const names[] = {"format", "quality", "level", "chroma_420", "palette", NULL};
  check_options(L, arg, names);
  w->encode.quality = (int)option_int(L, arg, "quality", 1, 100, 95);
  w->encode.level = (int)option_int(L, arg, "level", 0, 9, -1);
  w->encode.chroma_420 = option_bool(L, arg, "chroma_420", false);
  if (option(L, arg, "format")) {
    if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "format: string expected");
    snprintf(w->format, sizeof w->format, "%s", lua_tostring(L, -1));
    w->encode.format = w->format;
    lua_pop(L, 1);
  }
  if (option(L, arg, "palette")) {
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    if (!s || n != sizeof w->palette) luaL_argerror(L, arg, "palette: string of 768 bytes expected");
    memcpy(w->palette, s, n);
    w->encode.palette = w->palette;
    lua_pop(L, 1);
  }
}

static void keep_path(lua_State *L, Work *w, const char *path) {
  w->path = mem_strdup(path);
  if (!w->path) luaL_error(L, "out of memory");
}

static const char *check_path(lua_State *L, int arg) {
  size_t n;
  const char *path = luaL_checklstring(L, arg, &n);
  luaL_argcheck(L, strlen(path) == n, arg, "path contains a zero byte");
  return path;
}

/* Reading and writing */

static void push_info(lua_State *L, const DecodeInfo *info) {
  lua_createtable(L, 0, 7);
  lua_pushstring(L, info->format), lua_setfield(L, -2, "format");
  lua_pushinteger(L, info->w), lua_setfield(L, -2, "width");
  lua_pushinteger(L, info->h), lua_setfield(L, -2, "height");
  lua_pushinteger(L, info->channels), lua_setfield(L, -2, "channels");
  lua_pushinteger(L, info->depth), lua_setfield(L, -2, "depth");
  lua_pushinteger(L, info->orientation), lua_setfield(L, -2, "orientation");
  if (*info->note) lua_pushstring(L, info->note), lua_setfield(L, -2, "note");
}

static int finish_load(lua_State *L) {
  Work *w = finished(L); /* stays on the stack below the image */
  int n = finish_image(L);
  if (n == 1) push_info(L, &w->info), n = 2;
  return n;
}

static void work_load(Job *job) {
  Work *w = (Work *)job;
  w->out = codec_load(w->path, &w->decode, &w->info, &job->err);
  job->failed = !w->out;
}

/* load(path[, options]) -> image, info */
static int f_load(lua_State *L) {
  const char *path = check_path(L, 1);
  lua_settop(L, 2);
  Work *w = new_work(L, work_load);
  decode_options(L, 2, w);
  keep_path(L, w, path);
  return bind_run(L, finish_load);
}

static void work_decode(Job *job) {
  Work *w = (Work *)job;
  w->out = codec_decode(w->bytes.data, w->bytes.n, w->path, &w->decode, &w->info, &job->err);
  job->failed = !w->out;
}

/* decode(bytes[, options]) -> image, info; options.name is for error texts */
static int f_decode(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n), *name = "image";
  lua_settop(L, 2);
  Work *w = new_work(L, work_decode);
  decode_options(L, 2, w);
  if (option(L, 2, "name")) name = luaL_checkstring(L, -1);
  keep_path(L, w, name);
  if (!buf_append(&w->bytes, bytes, n)) return luaL_error(L, "out of memory");
  lua_settop(L, 3);
  return bind_run(L, finish_load);
}

static void work_probe(Job *job) {
  Work *w = (Work *)job;
  job->failed = !(file_read(w->path, CODEC_LIMITS.bytes, &w->bytes, &job->err) &&
                  codec_probe(w->bytes.data, w->bytes.n, w->path, &w->info, &job->err));
}

static int finish_probe(lua_State *L) {
  Work *w = finished(L);
  buf_clear(&w->bytes);
  if (w->job.failed) return failed(L, &w->job.err);
  push_info(L, &w->info);
  return 1;
}

/* probe(path) -> info, from the header alone */
static int f_probe(lua_State *L) {
  const char *path = check_path(L, 1);
  keep_path(L, new_work(L, work_probe), path);
  return bind_run(L, finish_probe);
}

static void work_save(Job *job) {
  Work *w = (Work *)job;
  job->failed = !codec_save(w->a, w->path, &w->encode, &job->err);
}

/* image:save(path[, options]) -> true */
static int f_save(lua_State *L) {
  Image *im = image_check(L, 1);
  const char *path = check_path(L, 2);
  lua_settop(L, 3);
  Work *w = new_work(L, work_save);
  encode_options(L, 3, w);
  keep_path(L, w, path);
  w->a = image_ref(im);
  return bind_run(L, finish_true);
}

static void work_encode(Job *job) {
  Work *w = (Work *)job;
  job->failed = !codec_encode(w->a, &w->encode, &w->bytes, &job->err);
}

static int finish_bytes(lua_State *L) {
  Work *w = finished(L);
  if (w->job.failed) return failed(L, &w->job.err);
  lua_pushlstring(L, (const char *)w->bytes.data, w->bytes.n);
  buf_clear(&w->bytes);
  return 1;
}

/* image:encode(format[, options]) -> bytes */
static int f_encode(lua_State *L) {
  Image *im = image_check(L, 1);
  const char *format = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  Work *w = new_work(L, work_encode);
  encode_options(L, 3, w);
  snprintf(w->format, sizeof w->format, "%s", format);
  w->encode.format = w->format;
  w->a = image_ref(im);
  return bind_run(L, finish_bytes);
}

/* Making */

static int check_side(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= 1 && v <= IMAGE_SIDE_MAX, arg, "size outside 1..1048576");
  return (int)v;
}

static bool opt_alpha(lua_State *L, int arg, int c) {
  if (lua_isnoneornil(L, arg)) return c == 2 || c == 4;
  luaL_checktype(L, arg, LUA_TBOOLEAN);
  return lua_toboolean(L, arg);
}

/* new(w, h, channels[, type = "u8"[, fill = 0[, alpha]]]) -> image; fill is a number or a list with one per channel;
 * alpha: the last channel is opacity, by default with 2 and 4 channels */
static int f_new(lua_State *L) {
  int w = check_side(L, 1), h = check_side(L, 2), c = check_side(L, 3);
  ImageType type = check_type(L, 4, luaL_optstring(L, 4, "u8"));
  bool list = lua_type(L, 5) == LUA_TTABLE, alpha = opt_alpha(L, 6, c);
  double one = list ? 0 : luaL_optnumber(L, 5, 0);
  double *v = lua_newuserdatauv(L, (size_t)c * sizeof *v, 0);
  if (list) luaL_argcheck(L, lua_rawlen(L, 5) == (size_t)c, 5, "one number per channel expected");
  for (int k = 0; k < c; k++) {
    v[k] = one;
    if (!list) continue;
    luaL_argcheck(L, lua_rawgeti(L, 5, k + 1) == LUA_TNUMBER, 5, "list of numbers expected");
    v[k] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  Err err = {0};
  Image *im = image_new(w, h, c, type, alpha, &err);
  if (!im) return failed(L, &err);
  image_fill(im, v);
  image_push(L, im);
  return 1;
}

/* from_bytes(w, h, channels, type, bytes[, alpha]) -> image; rows without padding, f32 in the machine's order */
static int f_from_bytes(lua_State *L) {
  int w = check_side(L, 1), h = check_side(L, 2), c = check_side(L, 3);
  ImageType type = check_type(L, 4, luaL_checkstring(L, 4));
  bool alpha = opt_alpha(L, 6, c);
  size_t n;
  const char *s = luaL_checklstring(L, 5, &n);
  size_t row = (size_t)w * (size_t)c * (type == IMAGE_U8 ? 1 : sizeof(float));
  if (n / row != (size_t)h || n % row) luaL_argerror(L, 5, lua_pushfstring(L, "%I bytes, expected %I", (lua_Integer)n, (lua_Integer)(row * (size_t)h)));
  Err err = {0};
  Image *im = image_new(w, h, c, type, alpha, &err);
  if (!im) return failed(L, &err);
  for (int y = 0; y < h; y++) memcpy(image_row(im, y), s + (size_t)y * row, row);
  image_push(L, im);
  return 1;
}

static int push_result(lua_State *L, Image *im, const Err *err) {
  if (!im) return failed(L, err);
  image_push(L, im);
  return 1;
}

/* image:copy() -> image with pixels of its own */
static int f_copy(lua_State *L) {
  Err err = {0};
  return push_result(L, image_copy(image_check(L, 1), &err), &err);
}

static int check_int(lua_State *L, int arg) {
  lua_Integer v = luaL_checkinteger(L, arg);
  luaL_argcheck(L, v >= -(1 << 30) && v <= 1 << 30, arg, "outside -2^30..2^30");
  return (int)v;
}

/* image:crop(x, y, w, h) -> image */
static int f_crop(lua_State *L) {
  Image *im = image_check(L, 1);
  Err err = {0};
  return push_result(L, image_crop(im, check_int(L, 2), check_int(L, 3), check_int(L, 4), check_int(L, 5), &err), &err);
}

static void work_convert(Job *job) {
  Work *w = (Work *)job;
  w->out = image_convert(w->a, w->type, w->c, w->alpha, &job->err);
  job->failed = !w->out;
}

/* image:convert({ type =, channels =, alpha = }) -> image. Only alpha given: channels follow it. */
static int f_convert(lua_State *L) {
  static const char *const names[] = {"type", "channels", "alpha", NULL};
  Image *im = image_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  check_options(L, 2, names);
  Work *w = new_work(L, work_convert);
  lua_Integer c = option_int(L, 2, "channels", 1, IMAGE_SIDE_MAX, 0);
  w->type = option_type(L, 2, im->type);
  w->alpha = option_bool(L, 2, "alpha", c ? c == 2 || c == 4 : im->alpha);
  w->c = c ? (int)c : image_colours(im) + w->alpha;
  w->a = image_ref(im);
  return bind_run(L, finish_image);
}

static void work_combine(Job *job) {
  Work *w = (Work *)job;
  w->out = w->b ? image_combine(w->a, w->b, w->op, &job->err) : image_scale(w->a, w->num[0], w->num[1], &job->err);
  job->failed = !w->out;
}

/* image op image, image op number, number op image: numbers in sample units, factors as they are. */
static int arithmetic(lua_State *L, ImageOp op) {
  bool left = luaL_testudata(L, 1, IMAGE) != NULL, right = luaL_testudata(L, 2, IMAGE) != NULL;
  Image *a = image_check(L, left ? 1 : 2), *b = left && right ? image_check(L, 2) : NULL;
  double v = b ? 0 : luaL_checknumber(L, left ? 2 : 1);
  Work *w = new_work(L, work_combine);
  w->op = op;
  w->a = image_ref(a);
  w->b = image_ref(b);
  w->num[0] = op == IMAGE_MUL ? v : op == IMAGE_SUB && !left ? -1 : 1;
  w->num[1] = op == IMAGE_MUL ? 0 : op == IMAGE_SUB && left ? -v : v;
  return bind_run(L, finish_image);
}

static int f_add(lua_State *L) { return arithmetic(L, IMAGE_ADD); }
static int f_sub(lua_State *L) { return arithmetic(L, IMAGE_SUB); }
static int f_mul(lua_State *L) { return arithmetic(L, IMAGE_MUL); }

static void work_blend(Job *job) {
  Work *w = (Work *)job;
  w->out = image_blend(w->a, w->b, w->num[0], w->mask, &job->err);
  job->failed = !w->out;
}

/* image:blend(other, weight | mask) -> image */
static int f_blend(lua_State *L) {
  Image *a = image_check(L, 1), *b = image_check(L, 2);
  Image *mask = lua_type(L, 3) == LUA_TNUMBER ? NULL : image_check(L, 3);
  Work *w = new_work(L, work_blend);
  w->num[0] = mask ? 1 : lua_tonumber(L, 3);
  w->a = image_ref(a);
  w->b = image_ref(b);
  w->mask = image_ref(mask);
  return bind_run(L, finish_image);
}

static void work_paste(Job *job) {
  Work *w = (Work *)job;
  w->out = image_paste(w->a, w->b, w->at[0], w->at[1], &job->err);
  job->failed = !w->out;
}

/* image:paste(other, x, y) -> image */
static int f_paste(lua_State *L) {
  Image *a = image_check(L, 1), *b = image_check(L, 2);
  int x = check_int(L, 3), y = check_int(L, 4);
  Work *w = new_work(L, work_paste);
  w->a = image_ref(a);
  w->b = image_ref(b);
  w->at[0] = x;
  w->at[1] = y;
  return bind_run(L, finish_image);
}

/* Looking */

/* image:hash() -> 32 hex digits of size, type and pixels */
static int f_hash(lua_State *L) {
  char text[33];
  hash_text(image_hash(image_check(L, 1)), text);
  lua_pushstring(L, text);
  return 1;
}

/* image:pixel(x, y) -> one number per channel; the top left pixel is 0, 0 */
static int f_pixel(lua_State *L) {
  Image *im = image_check(L, 1);
  lua_Integer x = luaL_checkinteger(L, 2), y = luaL_checkinteger(L, 3);
  luaL_argcheck(L, x >= 0 && x < im->w, 2, "outside the image");
  luaL_argcheck(L, y >= 0 && y < im->h, 3, "outside the image");
  luaL_checkstack(L, im->c, "too many channels");
  for (int k = 0; k < im->c; k++) {
    size_t i = (size_t)x * (size_t)im->c + (size_t)k;
    if (im->type == IMAGE_U8) lua_pushinteger(L, image_row(im, (int)y)[i]);
    else lua_pushnumber(L, (double)image_row_f(im, (int)y)[i]);
  }
  return im->c;
}

/* image:bytes() -> rows without padding */
static int f_bytes(lua_State *L) {
  Image *im = image_check(L, 1);
  size_t row = image_row_bytes(im);
  luaL_Buffer b;
  char *p = luaL_buffinitsize(L, &b, row * (size_t)im->h);
  for (int y = 0; y < im->h; y++) memcpy(p + (size_t)y * row, image_row(im, y), row);
  luaL_pushresultsize(&b, row * (size_t)im->h);
  return 1;
}

static void push_list(lua_State *L, const double *v, int n, const char *name) {
  lua_createtable(L, n, 0);
  for (int k = 0; k < n; k++) {
    lua_pushnumber(L, v[k]);
    lua_rawseti(L, -2, k + 1);
  }
  lua_setfield(L, -2, name);
}

static void work_stats(Job *job) {
  Work *w = (Work *)job;
  image_stats(w->a, &w->stats);
}

static int finish_stats(lua_State *L) {
  const Work *w = finished(L);
  const ImageStats *s = &w->stats;
  int n = w->c;
  lua_createtable(L, 0, 7);
  push_list(L, s->mean, n, "mean");
  push_list(L, s->dev, n, "dev");
  push_list(L, s->min, n, "min");
  push_list(L, s->max, n, "max");
  lua_pushnumber(L, s->luma_mean), lua_setfield(L, -2, "luma_mean");
  lua_pushnumber(L, s->luma_dev), lua_setfield(L, -2, "luma_dev");
  lua_pushnumber(L, s->entropy), lua_setfield(L, -2, "entropy");
  return 1;
}

/* image:stats() -> { mean, dev, min, max: lists by colour channel in sample units; luma_mean, luma_dev in 0..255;
 * entropy in bits } */
static int f_stats(lua_State *L) {
  Image *im = image_check(L, 1);
  Work *w = new_work(L, work_stats);
  w->c = image_colours(im) < 4 ? image_colours(im) : 4;
  w->a = image_ref(im);
  return bind_run(L, finish_stats);
}

static void work_distance(Job *job) {
  Work *w = (Work *)job;
  job->failed = !image_distance(w->a, w->b, &w->num[0], &job->err);
}

static void work_ssim(Job *job) {
  Work *w = (Work *)job;
  job->failed = !image_ssim(w->a, w->b, &w->num[0], &job->err);
}

static int compare(lua_State *L, void (*work)(Job *)) {
  Image *a = image_check(L, 1), *b = image_check(L, 2);
  Work *w = new_work(L, work);
  w->a = image_ref(a);
  w->b = image_ref(b);
  return bind_run(L, finish_number);
}

/* image:distance(other) -> mean difference of colour samples, 0..255 */
static int f_distance(lua_State *L) { return compare(L, work_distance); }
/* image:ssim(other) -> structural similarity, 1 for equal */
static int f_ssim(lua_State *L) { return compare(L, work_ssim); }

/* image:equal(other) -> whether size, type and pixels are the same */
static int f_equal(lua_State *L) {
  const Image *a = image_check(L, 1), *b = image_check(L, 2);
  lua_pushboolean(L, image_equal(a, b));
  return 1;
}

/* Plans */

static int after_run(lua_State *L, int status, lua_KContext base) {
  (void)status;
  return lua_gettop(L) - (int)base;
}

/* The method `run` of the plan at index 2, with the image and the options at 3. */
static int run_plan(lua_State *L) {
  lua_settop(L, 3);
  lua_getfield(L, 2, "run");
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 3);
  lua_callk(L, 3, LUA_MULTRET, 3, after_run);
  return after_run(L, LUA_OK, 3);
}

/* image:run(plan[, options]) -> image; plan is a Plan or a list of steps */
static int f_run(lua_State *L) {
  image_check(L, 1);
  lua_settop(L, 3);
  plan_check(L, 2);
  return run_plan(L);
}

/* image:resize(w, h[, { interp = }]) -> image */
static int f_resize(lua_State *L) {
  static const char *const names[] = {"interp", NULL};
  image_check(L, 1);
  int w = check_side(L, 2), h = check_side(L, 3);
  lua_settop(L, 4);
  check_options(L, 4, names);
  lua_createtable(L, 1, 0);
  lua_createtable(L, 0, 4);
  lua_pushliteral(L, "resize"), lua_setfield(L, -2, "op");
  lua_pushinteger(L, w), lua_setfield(L, -2, "w");
  lua_pushinteger(L, h), lua_setfield(L, -2, "h");
  if (option(L, 4, "interp")) lua_setfield(L, -2, "interp");
  lua_rawseti(L, -2, 1);
  lua_replace(L, 2);
  lua_settop(L, 2);
  plan_check(L, 2);
  return run_plan(L);
}

/* Life */

/* image:close(): the pixels are given back at once; using the image afterwards is an error */
static int f_close(lua_State *L) {
  Box *box = luaL_checkudata(L, 1, IMAGE);
  if (box->im) bind_released(image_bytes(box->im));
  image_unref(box->im);
  box->im = NULL;
  return 0;
}

static int f_tostring(lua_State *L) {
  const Image *im = ((Box *)luaL_checkudata(L, 1, IMAGE))->im;
  if (!im) lua_pushliteral(L, "image (closed)");
  else lua_pushfstring(L, "image %d x %d x %d %s", im->w, im->h, im->c, im->type == IMAGE_U8 ? "u8" : "f32");
  return 1;
}

/* Fields first; methods are in the upvalue. */
static int f_index(lua_State *L) {
  const Image *im = ((Box *)luaL_checkudata(L, 1, IMAGE))->im;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  static const char *const names[] = {"width", "height", "channels", "type", "alpha", NULL};
  int i = 0;
  while (names[i] && strcmp(names[i], key)) i++;
  if (!names[i]) return lua_pushnil(L), 1;
  luaL_argcheck(L, im, 1, "image is closed");
  if (i == 3) lua_pushstring(L, im->type == IMAGE_U8 ? "u8" : "f32");
  else if (i == 4) lua_pushboolean(L, im->alpha);
  else lua_pushinteger(L, i == 0 ? im->w : i == 1 ? im->h : im->c);
  return 1;
}

static const luaL_Reg methods[] = {
    {"blend", f_blend},   {"bytes", f_bytes},   {"close", f_close},       {"convert", f_convert}, {"copy", f_copy},   {"crop", f_crop},
    {"encode", f_encode}, {"equal", f_equal},   {"distance", f_distance}, {"hash", f_hash},       {"paste", f_paste}, {"pixel", f_pixel},
    {"resize", f_resize}, {"run", f_run},
    {"save", f_save},     {"ssim", f_ssim},     {"stats", f_stats},       {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__add", f_add},     {"__sub", f_sub},     {"__mul", f_mul},          {"__gc", f_close},
                                       {"__close", f_close}, {"__tostring", f_tostring}, {NULL, NULL}};

static const luaL_Reg funcs[] = {{"load", f_load}, {"decode", f_decode}, {"probe", f_probe}, {"new", f_new}, {"from_bytes", f_from_bytes}, {NULL, NULL}};

/* core.image; its field `methods` is where the Lua side adds conveniences. */
int open_image(lua_State *L) {
  bind_type(L, IMAGE, methods, metamethods);
  luaL_newlib(L, funcs);
  luaL_getmetatable(L, IMAGE);
  lua_getfield(L, -1, "__index");
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "methods");
  lua_pushcclosure(L, f_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  return 1;
}
