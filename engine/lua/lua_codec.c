/* core.image.load, decode, probe; image:save, image:encode. SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "lua/bind_image.h"

static void decode_options(lua_State *L, int arg, ImageWork *w) {
  static const char *const names[] = {"keep_damaged", "raw_orientation", "type", "keep_palette", "scale", "limits", "name", NULL};
  static const char *const limits[] = {"pixels", "side", "scans", "scan_pixels", "bytes", NULL};
  bind_check_options(L, arg, names);
  w->decode.keep_damaged = bind_option_bool(L, arg, "keep_damaged", false);
  w->decode.raw_orientation = bind_option_bool(L, arg, "raw_orientation", false);
  w->decode.keep_palette = bind_option_bool(L, arg, "keep_palette", false);
  w->decode.type = image_option_type(L, arg, IMAGE_U8);
  w->decode.scale_hint = (int)bind_option_int(L, arg, "scale", 1, 8, 1);
  w->limits = CODEC_LIMITS;
  w->decode.limits = &w->limits;
  if (!bind_option(L, arg, "limits")) return;
  int t = lua_gettop(L);
  bind_check_options(L, t, limits);
  w->limits.pixels = (uint64_t)bind_option_int(L, t, "pixels", 1, LLONG_MAX, (lua_Integer)w->limits.pixels);
  w->limits.side = (int)bind_option_int(L, t, "side", 1, IMAGE_SIDE_MAX, w->limits.side);
  w->limits.scans = (int)bind_option_int(L, t, "scans", 1, INT_MAX, w->limits.scans);
  w->limits.scan_pixels = (uint64_t)bind_option_int(L, t, "scan_pixels", 1, LLONG_MAX, (lua_Integer)w->limits.scan_pixels);
  w->limits.bytes = (uint64_t)bind_option_int(L, t, "bytes", 1, LLONG_MAX, (lua_Integer)w->limits.bytes);
  lua_pop(L, 1);
}

static void encode_options(lua_State *L, int arg, ImageWork *w) {
  static const char *const names[] = {"format", "quality", "level", "chroma_420", "palette", NULL};
  bind_check_options(L, arg, names);
  w->encode.quality = (int)bind_option_int(L, arg, "quality", 1, 100, 95);
  w->encode.level = (int)bind_option_int(L, arg, "level", 0, 9, -1);
  w->encode.chroma_420 = bind_option_bool(L, arg, "chroma_420", false);
  if (bind_option(L, arg, "format")) {
    if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "format: string expected");
    snprintf(w->format, sizeof w->format, "%s", lua_tostring(L, -1));
    w->encode.format = w->format;
    lua_pop(L, 1);
  }
  if (bind_option(L, arg, "palette")) {
    size_t n;
    const char *s = lua_tolstring(L, -1, &n);
    if (!s || n != sizeof w->palette) luaL_argerror(L, arg, "palette: string of 768 bytes expected");
    memcpy(w->palette, s, n);
    w->encode.palette = w->palette;
    lua_pop(L, 1);
  }
}

static void keep_path(lua_State *L, ImageWork *w, const char *path) {
  w->path = mem_strdup(path);
  if (!w->path) luaL_error(L, "out of memory");
}

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
  ImageWork *w = image_work_done(L); /* stays on the stack below the image */
  int n = image_work_image(L);
  if (n == 1) push_info(L, &w->info), n = 2;
  return n;
}

static void work_load(Job *job) {
  ImageWork *w = (ImageWork *)job;
  w->out = codec_load(w->path, &w->decode, &w->info, &job->err);
  job->failed = !w->out;
}

/* load(path[, options]) -> image, info */
static int f_load(lua_State *L) {
  const char *path = bind_path(L, 1);
  lua_settop(L, 2);
  ImageWork *w = image_work_new(L, work_load);
  decode_options(L, 2, w);
  keep_path(L, w, path);
  return bind_run(L, finish_load);
}

static void work_decode(Job *job) {
  ImageWork *w = (ImageWork *)job;
  w->out = codec_decode(w->bytes.data, w->bytes.n, w->path, &w->decode, &w->info, &job->err);
  job->failed = !w->out;
}

/* decode(bytes[, options]) -> image, info; options.name is for error texts */
static int f_decode(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n), *name = "image";
  lua_settop(L, 2);
  ImageWork *w = image_work_new(L, work_decode);
  decode_options(L, 2, w);
  if (bind_option(L, 2, "name") && !(name = lua_tostring(L, -1))) return luaL_argerror(L, 2, "name: string expected");
  keep_path(L, w, name);
  if (!buf_append(&w->bytes, bytes, n)) return luaL_error(L, "out of memory");
  lua_settop(L, 3);
  return bind_run(L, finish_load);
}

static void work_probe(Job *job) {
  ImageWork *w = (ImageWork *)job;
  job->failed = !(file_read(w->path, CODEC_LIMITS.bytes, &w->bytes, &job->err) &&
                  codec_probe(w->bytes.data, w->bytes.n, w->path, &w->info, &job->err));
}

static int finish_probe(lua_State *L) {
  ImageWork *w = image_work_done(L);
  buf_clear(&w->bytes);
  if (w->job.failed) return image_fail(L, &w->job.err);
  push_info(L, &w->info);
  return 1;
}

/* probe(path) -> info, from the header alone */
static int f_probe(lua_State *L) {
  const char *path = bind_path(L, 1);
  keep_path(L, image_work_new(L, work_probe), path);
  return bind_run(L, finish_probe);
}

static void work_save(Job *job) {
  ImageWork *w = (ImageWork *)job;
  job->failed = !codec_save(w->a, w->path, &w->encode, &job->err);
}

/* image:save(path[, options]) -> true */
static int f_save(lua_State *L) {
  image_check(L, 1);
  const char *path = bind_path(L, 2);
  lua_settop(L, 3);
  ImageWork *w = image_work_new(L, work_save);
  encode_options(L, 3, w);
  keep_path(L, w, path);
  w->a = image_hold(L, 1);
  return bind_run(L, image_work_true);
}

static void work_encode(Job *job) {
  ImageWork *w = (ImageWork *)job;
  job->failed = !codec_encode(w->a, &w->encode, &w->bytes, &job->err);
}

static int finish_bytes(lua_State *L) {
  ImageWork *w = image_work_done(L);
  if (w->job.failed) return image_fail(L, &w->job.err);
  lua_pushlstring(L, (const char *)w->bytes.data, w->bytes.n);
  buf_clear(&w->bytes);
  return 1;
}

/* image:encode(format[, options]) -> bytes */
static int f_encode(lua_State *L) {
  image_check(L, 1);
  const char *format = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  ImageWork *w = image_work_new(L, work_encode);
  encode_options(L, 3, w);
  snprintf(w->format, sizeof w->format, "%s", format);
  w->encode.format = w->format;
  w->a = image_hold(L, 1);
  return bind_run(L, finish_bytes);
}

static const luaL_Reg funcs[] = {{"load", f_load}, {"decode", f_decode}, {"probe", f_probe}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"save", f_save}, {"encode", f_encode}, {NULL, NULL}};

void image_files(lua_State *L, int functions_at, int methods_at) {
  lua_pushvalue(L, functions_at);
  luaL_setfuncs(L, funcs, 0);
  lua_pushvalue(L, methods_at);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 2);
}
